"""Questions, and what to say to an answer: right, wrong and where, not tried yet, not checkable.

A question's check raises ``Wrong("sentence")`` or returns; the sentence says what was given and
what was asked, not the answer. Answers are computed by the model when they are needed.
"""

import difflib
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from labkit.neighbours.arguments import is_whole, shown

_FILES = {
    "lesson_00": "no-room never-heard",
    "lesson_01": "road who-is-left three-apart",
    "lesson_02": (
        "two-hosts two-hosts-minval identical-hosts identical-hosts-minval third-host "
        "multiplier-minus-1 negative-free-ram only-0-and-1 sticky-ends"
    ),
    "lesson_03": "flip-by-hand failed-builds room-for-a-big-server how-many-votes",
    "lesson_04": "five-attempts which-message early-delete",
    "lesson_05": "status-of-pairs messages-of-a-boot vm-state-filter left-out",
    "lesson_05b": "held-in-verify-resize named-by-the-row leftovers",
    "lesson_06": (
        "guest-stands-still compressed-disks compression-pays-below how-long-did-it-compress"
    ),
    "lesson_07": "growth-of-a-write reach-of-a-table find-the-byte",
    "lesson_08": "isolate-repair isolate-places isolate-option",
    "lesson_09": "host-state-of-a-report how-many-fit waits-for-the-report who-refuses",
    "lesson_10": "after-the-restart enough-patience who-hears",
    "lesson_11": "context-for-all admin-context-may does-not-travel",
}
#: The file of each question. It is loaded when the question is asked.
FILE_OF = {name: file for file, names in _FILES.items() for name in names.split()}


class Wrong(Exception):
    """The answer is wrong; the message is its first wrong step."""


class Uncheckable(Exception):
    """The answer cannot be judged; the message says what would be understood."""


@dataclass(frozen=True)
class Question:
    """What is asked, a check, hints from mild to strong, the solution in words, computed.

    *given* makes what the question gives to work with, if it gives something.
    """

    name: str
    asks: str
    check: Callable[[object], None]
    hints: Sequence[str]
    solution: Callable[[], str]
    given: Callable[[], object] | None = None


@dataclass(frozen=True)
class Feedback:
    """One answer to the learner, which shows itself.

    *outcome*: "right", "wrong", "not tried yet", "not checkable", "hint" or "solution".
    """

    outcome: str
    text: str

    def __repr__(self):
        return f"{self.outcome.capitalize()}. {self.text}"

    def _repr_mimebundle_(self, include=None, exclude=None):
        html = f"<p><b>{self.outcome.capitalize()}.</b> {escape(self.text)}</p>"
        return {"text/plain": repr(self), "text/html": html}


def check(name, answer) -> Feedback:
    """Say whether *answer* is right for the question *name* or, if not, which step is wrong first.

    In: a question's name, and an answer as it asks for; None, ``...``, "" or a list of these is
    not tried yet. Out: a Feedback; no answer raises an error. Numbers may be rounded to three
    decimals.

    >>> check("two-hosts", [0.5, 1.0])
    Wrong. For cn-1 you gave 0.5. Asked: where 3072 MiB lie between the low end and the high end.
    >>> check("two-hosts", None).outcome
    'not tried yet'

    Source: the model, which computes each right answer.
    """
    try:
        question = find(name)
        if _blank(answer):
            return Feedback("not tried yet", question.asks)
        question.check(answer)
    except Wrong as step:
        return Feedback("wrong", str(step))
    except Uncheckable as reason:
        return Feedback("not checkable", str(reason))
    return Feedback("right", question.solution())


def hint(name, number=1) -> Feedback:
    """Give hint *number* of the question *name*; 1 is the mildest.

    In: a question's name and a number; one that is too large is the last hint. Out: a Feedback.

    >>> hint("two-hosts", 2)
    Hint. (2 of 2) normalized = (weight - low end) / (high end - low end)

    Source: the lesson's file in ``labkit.exercises``.
    """
    try:
        hints = find(name).hints
    except Uncheckable as reason:
        return Feedback("not checkable", str(reason))
    if not is_whole(number):
        asked = f"a whole number from 1 to {len(hints)}"
        return Feedback("not checkable", f"number = {shown(number)} is not {asked}.")
    number = min(max(number, 1), len(hints))
    return Feedback("hint", f"({number} of {len(hints)}) {hints[number - 1]}")


def solution(name) -> Feedback:
    """Give the answer to the question *name*, as the model computes it, and why it is so.

    >>> solution("identical-hosts").text[:16]
    'cn-1 0, cn-2 0. '

    Source: the model, which computes each right answer.
    """
    try:
        return Feedback("solution", find(name).solution())
    except Uncheckable as reason:
        return Feedback("not checkable", str(reason))


def problem(name):
    """Give what the question *name* works with: the lines of a log, a function.

    In: a question's name. Out: the thing, new each time; of a question that needs none, its words
    as a Feedback.

    >>> problem("how-long-did-it-compress")[0]
    '2026-01-15 10:00:30.267 Start executing commands'
    >>> problem("two-hosts").outcome
    'not tried yet'

    Source: the lesson's file in ``labkit.exercises``.
    """
    try:
        question = find(name)
    except Uncheckable as reason:
        return Feedback("not checkable", str(reason))
    return question.given() if question.given else Feedback("not tried yet", question.asks)


def find(name) -> Question:
    """Return the question of a name. Raises Uncheckable with the nearest name."""
    if not isinstance(name, str) or name not in FILE_OF:
        near = nearest(name, FILE_OF)
        raise Uncheckable(f'There is no question {shown(name)}; the nearest is "{near}".')
    module = importlib.import_module(f"labkit.exercises.{FILE_OF[name]}")
    return next(question for question in module.QUESTIONS if question.name == name)


def nearest(word, known):
    """Return the one of the *known* words that is nearest, however far it is."""
    return difflib.get_close_matches(shown(word).strip("'"), known, 1, 0)[0]


def _blank(answer):
    if isinstance(answer, Mapping):
        answer = list(answer.values())
    parts = answer if isinstance(answer, (list, tuple)) else [answer]
    return all(p is None or p is ... or (isinstance(p, str) and not p.strip()) for p in parts)
