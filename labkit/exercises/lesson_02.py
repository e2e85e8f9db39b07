"""Lesson 02: which lists give only 0 and 1, and what a scheduler of the old days remembers."""

import numpy as np

from labkit import nova13
from labkit.exercises.by_host import by_host
from labkit.exercises.checks import Question, Uncheckable, Wrong
from labkit.nova.weights import BaseWeigher, normalize

# Letter: free RAM in MiB of each host, and the weigher's minval.
CASES = {
    "A": ([3072, 4096], None),
    "B": ([3072, 4096], 0),
    "C": ([3072, 3072, 4096], None),
    "D": ([3072, 3584, 4096], None),
    "E": ([4096, 4096, 4096], 0),
    "F": ([-1024, 4096], 0),
}
FIRST_MB, SECOND_MB = [1024, 5120], {"cn-1": 2048, "cn-2": 3072}


def _weighed(raw, minval):
    """Clamp, then normalize, as a weigher of this *minval* does."""
    weigher = BaseWeigher()
    weigher.minval = minval
    return normalize(weigher.clamp(np.array(raw, dtype=float)).tolist(), minval=minval)


def _only_0_and_1():
    return [letter for letter, case in CASES.items() if set(_weighed(*case)) <= {0.0, 1.0}]


def _said(letter):
    raw, minval = CASES[letter]
    listed = ", ".join(map(str, raw[:-1])) + f" and {raw[-1]}"
    return f"{letter}: {listed} MiB, {'no minval' if minval is None else f'minval = {minval}'}"


def _letters(answer):
    """Return the letters of an answer such as "ACF", "A, C, F" or ["A", "C", "F"]."""
    understood = 'letters, such as "AB" or ["A", "B"]'
    if not isinstance(answer, (str, list, tuple, set, frozenset)):
        raise Uncheckable(f"This is one {type(answer).__name__}. Asked: {understood}.")
    parts = [answer] if isinstance(answer, str) else list(answer)
    for part in parts:
        if not isinstance(part, str):
            raise Uncheckable(f"One of them is of type {type(part).__name__}. Asked: {understood}.")
    given = {one.upper() for one in "".join(parts) if not one.isspace() and one not in ",;"}
    unknown = sorted(given - set(CASES))
    if unknown:
        raise Uncheckable(f"There is no case {unknown[0]!r}; the cases are {', '.join(CASES)}.")
    return given


def _judge(answer):
    given, exact = _letters(answer), set(_only_0_and_1())
    shown = ", ".join(sorted(given))
    for letter in sorted(given - exact):
        raise Wrong(
            f"You gave {shown}. In {_said(letter)}, at least one host lies between the low end and "
            "the high end."
        )
    if given < exact:
        raise Wrong(
            f"You gave {shown}. These are right, but not all. Asked: every case in which each host "
            "is at the low end or at the high end."
        )


def _sticky():
    handler, weigher = nova13.StickyWeightHandler(), BaseWeigher()
    handler.ends(weigher, np.array(FIRST_MB, dtype=float))
    second = list(SECOND_MB.values())
    return normalize(second, *handler.ends(weigher, np.array(second, dtype=float)))


QUESTIONS = (
    Question(
        "only-0-and-1",
        "In which of these cases is every normalized weight 0 or 1? "
        + "; ".join(map(_said, CASES))
        + '. Give the letters, such as "AB".',
        _judge,
        (
            "For each case write down the low end and the high end, then look for a host between.",
            "minval replaces the low end of the list, and a weight below minval becomes minval.",
            "Equal hosts are at the high end too, if minval is below them.",
        ),
        lambda: (
            f"{', '.join(_only_0_and_1())}. In the others a host lies between the low end and the "
            "high end."
        ),
    ),
    by_host(
        "sticky-ends",
        "A scheduler of Nova 13.0.0 starts. Its first request weighs hosts with 1024 and 5120 MiB "
        "free, its second one hosts with 2048 and 3072, with a weigher that sets no minval. What "
        "are the normalized weights of the second request?",
        wanted={
            host: f"where {mb} MiB lie between the ends that the process remembers"
            for host, mb in SECOND_MB.items()
        },
        compute=_sticky,
        because="The process still scales between 1024 and 5120, the ends of its first request.",
        hints=(
            "Which is the lowest, and which the highest raw weight that the process has seen?",
            "normalized = (weight - low end) / (high end - low end)",
        ),
        slips=[
            (
                lambda: normalize(list(SECOND_MB.values())),
                "That is today's Nova, which looks at this request alone; 13.0.0 remembers.",
            ),
            (
                lambda: normalize(list(SECOND_MB.values()), maxval=max(FIRST_MB)),
                "The high end is remembered; so is the low end.",
            ),
            (
                lambda: normalize(list(SECOND_MB.values()), minval=min(FIRST_MB)),
                "The low end is remembered; so is the high end.",
            ),
            (
                lambda: normalize(list(SECOND_MB.values()), minval=0, maxval=max(FIRST_MB)),
                "That takes 0 as the low end; this weigher sets no minval.",
            ),
        ],
    ),
)
