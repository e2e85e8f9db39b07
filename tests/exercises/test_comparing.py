"""What compare says to a prediction: read as meant, never an error, a neutral first line."""

import numpy as np
import pandas as pd
import pytest

from labkit import compare
from labkit.exercises.comparing import HEAD
from tests.helpers.asked import ITSELF, Broken


class BrokenText(str):
    def strip(self, *args):
        raise RuntimeError


@pytest.mark.parametrize(
    ("prediction", "answer"),
    [
        ("cn-2", "cn-2"),
        (" 'CN-2' ", "cn-2"),
        ("compute@cn-2", "cn-2"),
        ("compute@cn-2", "compute"),
        ("Rebooting hard", "rebooting_hard"),
        (["cn-2"], "cn-2"),
        ("cn-2", ["cn-2"]),
        ("1,730", 1730),
        ("102.4 s", 102.4),
        ("\N{MINUS SIGN}3.95", -3.95),
        (0.333, 1 / 3),
        ("0.333", 1 / 3),
        (np.float32(0.1), 0.1),
        ("0, 1", [0, 1]),
        ("[0, 1]", [0, 1]),
        (np.array([0, 1]), [0, 1]),
        (pd.Series([0, 1]), np.array([0, 1])),
        (np.eye(2), [[1, 0], [0, 1]]),
        (["b", "A"], {"a", "b"}),
        ("b and a", {"a", "b"}),
        ({"CN-1": 0}, {"cn-1": 0}),
        ([0], {"cn-1": 0}),
        ("true", True),
        ("no", False),
        ([], []),
        ("none", None),
        (None, None),
        ([["cn-1"], "cn-2"], [["cn-1"], "cn-2"]),
    ],
)
def test_what_is_meant_is_right(prediction, answer):
    assert compare(prediction, answer).outcome == "right"


@pytest.mark.parametrize(
    ("prediction", "answer"),
    [
        ("cn-4", "cn-2"),
        (0.33, 1 / 3),
        ([1, 0], [0, 1]),
        (["a"], {"a", "b"}),
        (["a", "a"], {"a", "b"}),
        ([..., 1], [0, 1]),
        (1, True),
        (True, 1),
        (10**400, 5),
        (float("nan"), 1.0),
        (ITSELF, "cn-2"),
        (ITSELF, [1, 2]),
        (Broken(), "cn-2"),
        ([Broken()], ["cn-2"]),
        (pd.DataFrame({"a": [1]}), 1),
        (test_what_is_meant_is_right, "cn-2"),
        (range(10**9), [1]),
        ("1" * 50 + "x", 1),
        ("x" * 100_000, "cn-2"),
    ],
)
def test_anything_else_is_wrong_in_a_short_sentence(prediction, answer):
    feedback = compare(prediction, answer)
    assert feedback.outcome == "wrong"
    assert feedback.text.startswith("You said ")
    assert len(feedback.text) < 400
    assert " at 0x" not in feedback.text


@pytest.mark.parametrize("blank", [..., None, "", " ... ", [..., ...], {"cn-1": ...}])
def test_no_prediction_is_neither_right_nor_wrong(blank):
    feedback = compare(blank, "cn-2", "Most people say cn-4.")
    assert feedback.outcome == "not tried yet"
    assert feedback.text == "You made no prediction. It is cn-2. Most people say cn-4."


def test_a_number_may_be_off_by_as_much_as_the_lesson_says():
    assert compare(39, 39.2, within=0.5).outcome == "right"
    assert compare(39, 39.2).outcome == "wrong"


def test_an_answer_in_words_is_compared_by_the_learner():
    feedback = compare("it refuses", "EmptyCatalog: The service catalog is empty.")
    assert feedback.outcome == "not checkable"
    assert feedback.text.endswith("is empty. Compare them yourself.")


def test_what_raises_when_it_is_read_is_said():
    assert compare(BrokenText("x"), "cn-2").outcome == "not checkable"


def test_the_first_line_tells_nothing():
    for prediction in ("cn-2", "cn-4", ...):
        shown = compare(prediction, "cn-2")._repr_mimebundle_()["text/plain"]
        assert shown.splitlines()[0] == HEAD
    assert "<b>x" not in compare("<b>x", "y")._repr_mimebundle_()["text/html"]


def test_what_a_folded_answer_shows_is_a_line_that_tells_nothing():
    first = compare("cn-1", "cn-2")._repr_mimebundle_()["text/html"].splitlines()[0]
    assert first == "Your prediction, and what happened:"
