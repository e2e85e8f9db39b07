"""How many of its cases a long comparison takes: a part, always the same; with LENGTH=all in the environment all.

`make test` takes a part, `make record-check` all.
"""

import os

ALL = os.environ.get("LENGTH") == "all"


def some(cases, every):
    """Return every n-th of the cases, or all."""
    return list(cases) if ALL else list(cases)[::every]


def few(count, every):
    """Return that part of a count, at least 1, or all of it."""
    return count if ALL else max(1, count // every)
