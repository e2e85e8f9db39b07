"""The lessons' questions: ``check``, ``hint``, ``solution`` and ``problem``, and a file per lesson.

``judging`` has the four and says which file has which question; a file is loaded when one of its
questions is asked. ``answers`` reads and judges what a learner gave.

Uses: cloud, decision, dials, fleet, neighbours, nova, nova13, plots, qcow2, studies, tables.
"""

from pathlib import Path

#: The folder with the fleets that the lessons read.
DATA = Path(__file__).parents[2] / "data"
