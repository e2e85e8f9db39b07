"""Questions whose answer is one number per host."""

import difflib
import math
import reprlib
from collections.abc import Mapping

import numpy as np

from labkit.exercises.checks import Question, Uncheckable, Wrong

REAL = (int, float, np.integer, np.floating)
TOLERANCE = 0.001  # so that 0.333 and 0.666 do for a third and two thirds


def by_host(name, asks, *, wanted, compute, because, hints, slips=()):
    """Make a question whose answer is one number per host.

    *wanted* says for each host what its number is; *compute* returns the numbers; *slips* are
    pairs of what comes out of a common error (a function) and the sentence that points to it.
    """

    def judge(answer):
        given, exact = _numbers(answer, list(wanted)), compute()
        if _close(given, exact):
            return
        for slip, sentence in slips:
            if _close(given, slip()):
                raise Wrong(f"You gave {_show(wanted, given)}. {sentence}")
        for host, one, number in zip(wanted, given, exact, strict=True):
            if not _close([one], [number]):
                near = _close([one], [number], 10 * TOLERANCE)
                asked = "three decimals, and this is close" if near else wanted[host]
                raise Wrong(f"For {host} you gave {one:.6g}. Asked: {asked}.")

    asks = f"{asks} Give a list: {', '.join(wanted)}. Three decimals are enough."
    return Question(name, asks, judge, hints, lambda: f"{_show(wanted, compute())}. {because}")


def _numbers(answer, hosts):
    """Return one float per host, from a list, tuple, array, Series, or dict by host."""
    asked = f"one number for each of {', '.join(hosts)}"
    if hasattr(answer, "to_dict") and not set(hosts).isdisjoint(getattr(answer, "index", ())):
        answer = answer.to_dict()
    if isinstance(answer, Mapping):
        for unknown in (key for key in answer if key not in hosts):
            near = difflib.get_close_matches(str(unknown), hosts, 1, 0)[0]
            raise Uncheckable(f"{reprlib.repr(unknown)} is no host here; the nearest is {near!r}.")
        answer = [answer.get(host) for host in hosts]
    if isinstance(answer, (str, bytes, set, frozenset)) or not np.iterable(answer):
        raise Uncheckable(f"This is one {type(answer).__name__}. Asked: {asked}, in a list.")
    given = list(answer)
    if len(given) != len(hosts):
        raise Wrong(f"You gave {len(given)} numbers. Asked: {asked}.")
    for host, one in zip(hosts, given, strict=True):
        if isinstance(one, (bool, np.bool_)) or not isinstance(one, REAL):
            shown = f"{reprlib.repr(one)} ({type(one).__name__})"
            raise Uncheckable(f"For {host} you gave {shown}. Asked: {asked}.")
    return [math.inf if abs(one) > 1e300 else float(one) for one in given]


def _close(given, exact, within=TOLERANCE):
    return all(
        math.isclose(a, b, rel_tol=0, abs_tol=within) for a, b in zip(given, exact, strict=True)
    )


def _show(hosts, numbers):
    return ", ".join(f"{host} {number:.6g}" for host, number in zip(hosts, numbers, strict=True))
