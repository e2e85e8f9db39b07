"""The answers to the questions of lesson 10: right, wrong, and not checkable."""

import numpy as np
import pandas as pd
import pytest

from labkit.exercises import judging, lesson_10
from tests.helpers.asked import Asked

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
NOT_CHECKABLE = [
    ("after-the-restart", 1, "You gave 1"),
    ("after-the-restart", ["cast web-3"], "one of these: cast web-1"),
    ("enough-patience", "long", "'long' (str)"),
    ("enough-patience", True, "(bool)"),
    ("who-hears", [None, 1], "not one of these"),
    ("who-hears", ["fanout"], "not one of these"),
]
SOLUTIONS = {
    "after-the-restart": "cast web-1, cast web-2. ",
    "enough-patience": "11: ",
    "who-hears": "call to a dead host, call of an unknown method, cast above the cap. ",
}


class TestAnswers(Asked):
    lesson = lesson_10

    def test_the_sentence_begins_with_what_was_given(self, name, wrong, says):
        assert judging.check(name, wrong).text.startswith("You gave")


@pytest.mark.parametrize("name", RIGHT)
def test_hints_do_not_give_the_answer_away(name):
    first = judging.hint(name).text
    assert "11" not in first
    assert not any(case in first for case in HEARD)
