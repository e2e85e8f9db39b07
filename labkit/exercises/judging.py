"""Questions, and what to say to an answer: right, wrong and where, not tried yet, not checkable.

A question's check raises ``Wrong("sentence")`` or returns; the sentence says what was given and
what was asked, not the answer. Answers are computed by the model when they are needed.
"""

import difflib
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from labkit.exercises.feedback import Feedback
from labkit.exercises.meaning import is_blank
from labkit.neighbours.arguments import is_whole, shown

_FILES = {
    "lesson_00": "no-room never-heard",
    "lesson_01": "road who-is-left headroom",
    "lesson_02": (
        "two-hosts two-hosts-minval identical-hosts identical-hosts-minval third-host "
        "multiplier-minus-1 negative-free-ram only-0-and-1 sticky-ends"
    ),
    "lesson_03": "flip-by-hand room-for-a-big-server",
    "lesson_04": "five-attempts which-message early-delete",
    "lesson_05": "status-of-pairs messages-of-a-boot vm-state-filter",
    "lesson_05b": "held-in-verify-resize named-by-the-row leftovers",
    "lesson_06": "compressed-disks compression-pays-below how-long-did-it-compress",
    "lesson_07": "reach-of-a-table find-the-byte",
    "lesson_08": "isolate-repair isolate-places isolate-option",
    "lesson_09": "host-state-of-a-report how-many-fit waits-for-the-report who-refuses",
    "lesson_10": "after-the-restart enough-patience who-hears",
    "lesson_11": "context-for-all admin-context-may",
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


#: The number of the hint that was given last, by question, in this kernel.
_GIVEN: dict[str, int] = {}


def check(name, answer) -> Feedback:
    """Say whether *answer* is right for the question *name* or, if not, which step is wrong first.

    In: a question's name, and an answer as it asks for; None, ``...``, "" or a list of these is
    not tried yet. Out: a Feedback that repeats the question; no answer raises an error. Numbers may
    be rounded to three decimals, and may stand in quotes.

    >>> check("two-hosts", [0.5, 1.0]).text
    'For cn-1 you gave 0.5. Asked: where 3072 MiB lie between the low end and the high end.'
    >>> check("two-hosts", None).outcome
    'not tried yet'

    Source: the model, which computes each right answer.
    """
    try:
        question = find(name)
    except Uncheckable as reason:
        return Feedback("not checkable", str(reason))
    head, more = f"Question: {question.asks}", f'Stuck? Run hint("{name}").'
    if is_blank(answer):
        return Feedback("not tried yet", "", head, "Not tried yet.")
    try:
        question.check(answer)
    except Wrong as step:
        return Feedback("wrong", str(step), head, "Wrong.", more)
    except Uncheckable as reason:
        return Feedback("not checkable", str(reason), head)
    except Exception as error:  # whatever a learner's object raises when it is looked at
        words = f"{type(answer).__name__} cannot be read: it raises {type(error).__name__}."
        return Feedback("not checkable", f"Your {words}", head)
    return Feedback("right", question.solution(), head, "Right.")


def hint(name, number=None) -> Feedback:
    """Give the next hint to the question *name*, or hint *number*; 1 is the mildest.

    In: a question's name, and a number if it is not the next one; one that is too large is the last
    hint. Out: a Feedback.

    >>> hint("two-hosts", 2)
    Hint 2 of 2 to "two-hosts":
    → normalized = (weight - low end) / (high end - low end)
    The last one; after it there is solution("two-hosts").

    Source: the lesson's file in ``labkit.exercises``.
    """
    try:
        hints = find(name).hints
    except Uncheckable as reason:
        return Feedback("not checkable", str(reason))
    if number is None:
        number = _GIVEN.get(name, 0) + 1
    if not is_whole(number):
        asked = f"a whole number from 1 to {len(hints)}"
        return Feedback("not checkable", f"number = {shown(number)} is not {asked}.")
    _GIVEN[name] = number = min(max(number, 1), len(hints))
    more = "Run this cell again for the next one."
    if number == len(hints):
        more = f'The last one; after it there is solution("{name}").'
    head = f'Hint {number} of {len(hints)} to "{name}":'
    return Feedback("hint", hints[number - 1], head, after=more)


def solution(name, *more) -> Feedback:
    """Give the answer to the question *name*, as the model computes it, and why it is so.

    In: a question's name, or several. Out: a Feedback, with a line for each of several.

    >>> solution("identical-hosts").text[:16]
    'cn-1 0, cn-2 0. '

    Source: the model, which computes each right answer.
    """
    try:
        found = [(one, find(one).solution()) for one in (name, *more)]
    except Uncheckable as reason:
        return Feedback("not checkable", str(reason))
    if not more:
        return Feedback("solution", found[0][1], f'The solution of "{name}":')
    text = "\n".join(f"{one}: {told}" for one, told in found)
    return Feedback("solution", text, "The solutions:")


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
    return question.given() if question.given else check(name, ...)


def find(name) -> Question:
    """Return the question of a name. Raises Uncheckable with the nearest name."""
    if not isinstance(name, str) or name not in FILE_OF:
        near = difflib.get_close_matches(shown(name).strip("'"), FILE_OF, 1, 0)[0]
        raise Uncheckable(f'There is no question {shown(name)}; the nearest is "{near}".')
    module = importlib.import_module(f"labkit.exercises.{FILE_OF[name]}")
    return next(question for question in module.QUESTIONS if question.name == name)
