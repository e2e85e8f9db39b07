"""The lessons' questions: ``check``, ``hint``, ``solution``, ``problem``, ``compare``, a file per lesson.

``judging`` has the first four and says which file has which question; a file is loaded when one of
its questions is asked. ``comparing`` has the last. ``meaning`` reads what a learner gave, ``answers``
judges it, ``feedback`` shows what is said of it.

Uses: cloud, decision, dials, fleet, neighbours, nova, nova13, plots, qcow2, studies, tables.
"""

from pathlib import Path

#: The folder with the fleets that the lessons read.
DATA = Path(__file__).parents[2] / "data"
