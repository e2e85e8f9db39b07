"""What a learner gave, read; what cannot be read is said, with what was asked."""

import difflib
import math
import reprlib

import numpy as np

from labkit.exercises.by_host import REAL
from labkit.exercises.checks import Uncheckable, Wrong


def shown(one):
    """Say what was given, and of which type it is."""
    return f"{reprlib.repr(one)} ({type(one).__name__})"


def number(one, asked):
    """Return one number as a float; what is beyond all floats is infinite."""
    if isinstance(one, (bool, np.bool_)) or not isinstance(one, REAL):
        raise Uncheckable(f"You gave {shown(one)}. Asked: {asked}.")
    return math.inf if abs(one) > 1e300 else float(one)


def text(one, asked):
    """Return one text without the blanks around it."""
    if not isinstance(one, str):
        raise Uncheckable(f"You gave {shown(one)}. Asked: {asked}.")
    return one.strip()


def in_order(answer, count, asked):
    """Return the *count* parts of a list, a tuple, an array, a Series, or a dict."""
    if isinstance(answer, (str, bytes, set, frozenset)) or not np.iterable(answer):
        raise Uncheckable(f"This is one {type(answer).__name__}. Asked: {asked}.")
    given = list(answer.values()) if isinstance(answer, dict) else list(answer)
    if len(given) != count:
        raise Wrong(f"You gave {len(given)} of {count}. Asked: {asked}.")
    return given


def names(answer, known, asked):
    """Return the names in a list, or in one text with commas, as they are *known*, in order."""
    if isinstance(answer, str):
        answer = answer.split(",")
    if not np.iterable(answer) or isinstance(answer, (bytes, dict)):
        raise Uncheckable(f"You gave {shown(answer)}. Asked: {asked}.")
    spelt, found = {name.lower(): name for name in known}, []
    for one in answer:
        if not isinstance(one, str):
            raise Uncheckable(f"You gave {shown(one)} in the list. Asked: {asked}.")
        name = " ".join(one.lower().split())
        if name not in spelt:
            near = spelt[difflib.get_close_matches(name, spelt, 1, 0)[0]]
            raise Uncheckable(f"You gave {one!r}, which is none of them; the nearest is {near!r}.")
        found.append(spelt[name])
    return found


def function(answer, asked):
    """Return a function that was given as it is, and not called."""
    if not callable(answer) or isinstance(answer, type):
        raise Uncheckable(f"You gave {shown(answer)}. Asked: {asked}, without calling it.")
    return answer


def result(called, *args, of):
    """Return what a learner's function makes of *args*; *of* says which case that is."""
    try:
        return called(*args)
    except Exception as error:  # whatever a learner's function raises
        raised = f"{type(error).__name__}: {error}"
        raise Wrong(f"For {of} the function that you gave raises {raised}.") from None
