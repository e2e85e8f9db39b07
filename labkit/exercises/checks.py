"""Questions, and what to say to an answer: right, wrong and where, not tried yet, not checkable.

A question is data. Its check raises ``Wrong("sentence")`` or returns; the sentence says what was
given and what was asked, not the answer. Answers are computed by the model when they are needed.
"""

import difflib
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape


class Wrong(Exception):
    """The answer is wrong; the message is its first wrong step."""


class Uncheckable(Exception):
    """The answer cannot be judged; the message says what would be understood."""


@dataclass(frozen=True)
class Question:
    """What is asked, a check, hints from mild to strong, and the solution in words, computed."""

    name: str
    asks: str
    check: Callable[[object], None]
    hints: Sequence[str]
    solution: Callable[[], str]


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


def register(*questions):
    """Add questions to those of labkit; two of one name are an error."""
    known = _questions()
    for question in questions:
        if question.name in known:
            raise ValueError(f"there is already a question {question.name!r}")
        known[question.name] = question


def check(name, answer) -> Feedback:
    """Say whether *answer* is right for the question *name* or, if not, which step is wrong first.

    In: a question's name, and an answer as it asks for; None, ``...``, "" or a list of these is
    not tried yet. Out: a Feedback; no answer raises an error. Numbers may be rounded to three
    decimals.

    >>> check("two-hosts", [0.5, 1.0])
    Wrong. For cn-1 you gave 0.5. Asked: where 3072 MiB lie between the low end and the high end.
    >>> check("two-hosts", None).outcome
    'not tried yet'

    Source: the numbers are those of ``labkit.nova.weights``.
    """
    try:
        question = _question(name)
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

    >>> hint("two-hosts", 2)
    Hint. (2 of 2) normalized = (weight - low end) / (high end - low end)

    Source: ``labkit.exercises``, and what a lesson registers.
    """
    try:
        hints = _question(name).hints
    except Uncheckable as reason:
        return Feedback("not checkable", str(reason))
    if not hints:
        return Feedback("hint", "There is none for this question.")
    number = min(max(number, 1), len(hints))
    return Feedback("hint", f"({number} of {len(hints)}) {hints[number - 1]}")


def solution(name) -> Feedback:
    """Give the answer to the question *name*, as the model computes it, and why it is so.

    >>> solution("identical-hosts").text[:16]
    'cn-1 0, cn-2 0. '

    Source: the numbers are those of ``labkit.nova.weights``.
    """
    try:
        return Feedback("solution", _question(name).solution())
    except Uncheckable as reason:
        return Feedback("not checkable", str(reason))


def _questions():
    from labkit.exercises import QUESTIONS  # they are made of the classes above

    return QUESTIONS


def _question(name):
    questions = _questions()
    if isinstance(name, str) and name in questions:
        return questions[name]
    near = difflib.get_close_matches(str(name), questions, 1, 0)
    raise Uncheckable(f'There is no question {reprlib.repr(name)}; the nearest is "{near[0]}".')


def _blank(answer):
    if isinstance(answer, Mapping):
        answer = list(answer.values())
    parts = answer if isinstance(answer, (list, tuple)) else [answer]
    return all(p is None or p is ... or (isinstance(p, str) and not p.strip()) for p in parts)
