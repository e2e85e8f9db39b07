"""Read what a learner gave, and judge it.

A reader raises Uncheckable for what it cannot read, with what was asked. A judge is the check of a
Question, made from what is right and from the sentence for each mistake.
"""

import math
from collections.abc import Mapping

import numpy as np

from labkit.exercises.judging import Question, Uncheckable, Wrong, nearest
from labkit.neighbours import arguments

REAL = (int, float, np.integer, np.floating)
TOLERANCE = 0.001  # so that 0.333 and 0.666 do for a third and two thirds


def shown(one):
    """Say what was given, and of which type it is."""
    return f"{arguments.shown(one)} ({type(one).__name__})"


def listed(names):
    """Return names in their order, in one text."""
    return ", ".join(sorted(names)) or "none"


# -- readers ----------------------------------------------------------------------------------
def number(one, asked, where="You gave"):
    """Return one number as a float; what is beyond all floats is infinite."""
    if isinstance(one, (bool, np.bool_)) or not isinstance(one, REAL):
        raise Uncheckable(f"{where} {shown(one)}. Asked: {asked}.")
    return math.inf if abs(one) > 1e300 else float(one)


def text(one, asked):
    """Return one text without the blanks around it."""
    if not isinstance(one, str):
        raise Uncheckable(f"You gave {shown(one)}. Asked: {asked}.")
    return one.strip()


def in_order(answer, count, asked):
    """Return the *count* parts of a list, a tuple, an array, a Series, or a dict."""
    given = list(answer.values()) if isinstance(answer, dict) else _parts(answer, asked)
    if len(given) != count:
        raise Wrong(f"You gave {len(given)} of {count}. Asked: {asked}.")
    return given


def by_name(answer, keys):
    """Return one float for each of *keys*, from a list, tuple, array, Series, or dict by key."""
    asked = f"one number for each of {', '.join(keys)}"
    if hasattr(answer, "to_dict") and not set(keys).isdisjoint(getattr(answer, "index", ())):
        answer = answer.to_dict()
    if isinstance(answer, Mapping):
        for unknown in (key for key in answer if key not in keys):
            near = nearest(unknown, keys)
            raise Uncheckable(
                f"{arguments.shown(unknown)} is no host here; the nearest is {near!r}."
            )
        answer = [answer.get(key) for key in keys]
    given = _parts(answer, f"{asked}, in a list")
    if len(given) != len(keys):
        raise Wrong(f"You gave {len(given)} numbers. Asked: {asked}.")
    return [number(one, asked, f"For {key} you gave") for key, one in zip(keys, given, strict=True)]


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
            near = spelt[nearest(name, spelt)]
            raise Uncheckable(
                f"You gave {arguments.shown(one)}, which is none of them; the nearest is {near!r}."
            )
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
        raise Wrong(f"For {of} the function that you gave raises {raised(error)}.") from None


def raised(error):
    """Say which error it is."""
    return f"{type(error).__name__}: {error}"


def _parts(answer, asked):
    if isinstance(answer, (str, bytes, set, frozenset)) or not np.iterable(answer):
        raise Uncheckable(f"This is one {type(answer).__name__}. Asked: {asked}.")
    return list(answer)


# -- judges -----------------------------------------------------------------------------------
# *right* computes what is right; the other functions make the sentence for a mistake.
def number_is(right, asked, slip, close=0.0):
    """Judge one number; *slip(given, exact)* is for a wrong one."""

    def judge(answer):
        given, exact = number(answer, asked), right()
        if not math.isclose(given, exact, rel_tol=close):
            raise Wrong(f"You gave {given:g}. {slip(given, exact)}")

    return judge


def each(cases, right, asked, slip, read=number, within=0.0):
    """Judge a list with one part for each of *cases*, a dict of things by their words.

    *slip(thing, given, exact)* is for the first part that is wrong.
    """

    def same(one, exact):
        return one == exact or (
            read is number and math.isclose(one, exact, rel_tol=0, abs_tol=within)
        )

    def judge(answer):
        given = [read(one, asked) for one in in_order(answer, len(cases), asked)]
        for (words, thing), one, exact in zip(cases.items(), given, right(), strict=True):
            if not same(one, exact):
                told = one if isinstance(one, str) else f"{one:g}"
                raise Wrong(f"For {words} you gave {told}. {slip(thing, one, exact)}")

    return judge


def one_of(known, right, asked, why, unknown="is none of them"):
    """Judge one name of *known*; *why* has the sentence for each wrong one."""

    def judge(answer):
        given = text(answer, asked).lower()
        if given not in known:
            near = nearest(given, known)
            raise Uncheckable(f"{arguments.shown(answer)} {unknown}; the nearest is {near!r}.")
        if given != right():
            raise Wrong(f"You gave {given!r}. {why[given]}")

    return judge


def choose(known, right, asked, too_many, too_few):
    """Judge a list of some of *known*; *too_many* and *too_few* are of (name, given)."""

    def judge(answer):
        given, exact = names(answer, known, asked), right()
        for name in known:
            if name in given and name not in exact:
                raise Wrong(too_many(name, given))
            if name in exact and name not in given:
                raise Wrong(too_few(name, given))

    return judge


def by_host(name, asks, *, wanted, compute, because, hints, slips=list):
    """Make a question whose answer is one number per host.

    *wanted* says for each host what its number is; *compute* returns the numbers; *slips* returns
    pairs of what comes out of a common mistake and the sentence that points to it.
    """

    def judge(answer):
        given, exact = by_name(answer, list(wanted)), compute()
        if _close(given, exact):
            return
        for slip, sentence in slips():
            if _close(given, slip):
                raise Wrong(f"You gave {_show(wanted, given)}. {sentence}")
        for host, one, number in zip(wanted, given, exact, strict=True):
            if not _close([one], [number]):
                near = _close([one], [number], 10 * TOLERANCE)
                asked = "three decimals, and this is close" if near else wanted[host]
                raise Wrong(f"For {host} you gave {one:.6g}. Asked: {asked}.")

    asks = f"{asks} Give a list: {', '.join(wanted)}. Three decimals are enough."
    return Question(name, asks, judge, hints, lambda: f"{_show(wanted, compute())}. {because}")


def _close(given, exact, within=TOLERANCE):
    return all(
        math.isclose(a, b, rel_tol=0, abs_tol=within) for a, b in zip(given, exact, strict=True)
    )


def _show(hosts, numbers):
    return ", ".join(f"{host} {number:.6g}" for host, number in zip(hosts, numbers, strict=True))
