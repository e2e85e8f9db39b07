"""The questions of lesson 10: untouched, right, wrong, and not checkable."""

import numpy as np
import pandas as pd
import pytest

from labkit import checks
from labkit.questions import QUESTIONS, lesson_10

# Written by hand, so that the questions and the model are not each other's only witness.
HEARD = ["call to a dead host", "call of an unknown method", "cast above the cap"]
RIGHT = {
    "after-the-restart": [
        ["cast web-1", "cast web-2"],
        {"cast web-2", "cast web-1"},
        "cast web-1, CAST web-2",
    ],
    "enough-patience": [11, 11.0, np.int64(11)],  # 0.6 + 8.9 + 0.6 = 10.1
    "who-hears": [HEARD, set(HEARD), ", ".join(HEARD), pd.Series(HEARD)],
}
WRONG = {
    "after-the-restart": [
        (["cast web-1", "call", "cast web-2"], "nobody wants any more"),
        ("call", "nobody wants any more"),
        (["cast web-1"], "out of its queue"),
    ],
    "enough-patience": [
        (9, "the work alone"),
        (10, "The reply has a way too"),
        (10.1, "a whole number"),
        (60, "a smaller number"),
        (3, "its way, the work"),
        (float("nan"), "a whole number"),
        (float("inf"), "a whole number"),
    ],
    "who-hears": [
        ([*HEARD, "cast of an unknown method"], "names no queue for a reply"),
        ([*HEARD, "cast to a dead host"], "and where to"),
        ([*HEARD, "fanout to nobody"], "and where to"),
        (HEARD[1:], "silence is an answer"),
        ([HEARD[0], HEARD[2]], "a refusal is an answer"),
        (HEARD[:2], "compares a version"),
    ],
}


def test_every_question_of_the_lesson_is_tried_here():
    names = [question.name for question in lesson_10.QUESTIONS]
    assert sorted(names) == sorted(RIGHT) == sorted(WRONG)


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("blank", [None, ..., "", " ", [], [...]])
def test_an_untouched_answer_repeats_the_question(name, blank):
    feedback = checks.check(name, blank)
    assert (feedback.outcome, feedback.text) == ("not tried yet", QUESTIONS[name].asks)


@pytest.mark.parametrize(("name", "answer"), [(n, a) for n, those in RIGHT.items() for a in those])
def test_right_in_every_form(name, answer):
    assert checks.check(name, answer).outcome == "right"


@pytest.mark.parametrize(
    ("name", "answer", "says"), [(name, *one) for name, those in WRONG.items() for one in those]
)
def test_a_wrong_answer_gets_a_sentence_that_helps(name, answer, says):
    feedback = checks.check(name, answer)
    assert feedback.outcome == "wrong"
    assert feedback.text.startswith("You gave")
    assert says in feedback.text


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("after-the-restart", 1, "You gave 1"),
        ("after-the-restart", ["cast web-3"], "the nearest is 'cast web-"),
        ("enough-patience", "11", "'11' (str)"),
        ("enough-patience", True, "(bool)"),
        ("who-hears", [None, 1], "in the list"),
        ("who-hears", ["fanout"], "the nearest is"),
    ],
)
def test_what_cannot_be_checked_says_what_would_be(name, answer, says):
    feedback = checks.check(name, answer)
    assert feedback.outcome == "not checkable"
    assert says in feedback.text


@pytest.mark.parametrize("name", RIGHT)
def test_hints_do_not_give_the_answer_away(name):
    first = checks.hint(name).text
    assert first != checks.solution(name).text
    assert "11" not in first
    assert not any(case in first for case in HEARD)
