"""The questions of lesson 03: untouched, right, wrong, and not checkable."""

import re

import numpy as np
import pytest

from labkit import checks
from labkit.fleet import Fleet
from labkit.questions import QUESTIONS, lesson_03

# Written by hand, so that the questions and the model are not each other's only witness.
RIGHT = {
    "flip-by-hand": [-3.95, np.float64(-3.95), [-3.95], -3.9504],
    "failed-builds": [[1, -249998, -999997], {"cn-1": 1, "cn-2": -249998.0, "cn-3": -999997}],
    "room-for-a-big-server": [[204, 369], (204.0, 369), {"spread": 204, "pack": 369}],
    "how-many-votes": [1.686, 1.6862, (1.686,)],
}
WRONG = {
    "flip-by-hand": [-4.95, 3.95, -1.317, -3.94, 0, float("nan"), 10**400],
    "failed-builds": [[-199999, -399998, -999997], [1, 250002, 1000003], [1, 2]],
    "room-for-a-big-server": [[369, 204], [203, 368], [192, 369], [204, 352], [204], [1, 2]],
    "how-many-votes": [2.158, 1.147, 1.7, 2],
}


def pairs(table):
    return [(name, answer) for name, answers in table.items() for answer in answers]


def test_every_question_of_the_lesson_is_tried_here():
    names = [question.name for question in lesson_03.QUESTIONS]
    assert sorted(names) == sorted(RIGHT) == sorted(WRONG)


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("blank", [None, ..., "", " ", [], [None]])
def test_untouched_repeats_the_question(name, blank):
    feedback = checks.check(name, blank)
    assert (feedback.outcome, feedback.text) == ("not tried yet", QUESTIONS[name].asks)


@pytest.mark.parametrize(("name", "answer"), pairs(RIGHT))
def test_right_in_every_form(name, answer):
    assert checks.check(name, answer).outcome == "right"


@pytest.mark.parametrize(("name", "answer"), pairs(WRONG))
def test_wrong_says_what_was_given(name, answer):
    feedback = checks.check(name, answer)
    assert feedback.outcome == "wrong"
    assert "ou gave" in feedback.text


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("flip-by-hand", -4.95, "RAM's score already"),
        ("flip-by-hand", 3.95, "Which sign"),
        ("flip-by-hand", -1.3167, "gap without RAM"),
        ("flip-by-hand", -3.94, "close"),
        ("failed-builds", [1 - 2e5, 2 - 4e5, 3 - 1e6], "sets no minval"),
        ("failed-builds", [1, 250002, 1000003], "turns the sign"),
        ("failed-builds", [1 - 1e6, 2 - 2e6, 3 - 5e6], "raw weights"),
        ("failed-builds", [0, -250000, -1000000], "of one weigher"),
        ("room-for-a-big-server", [369, 204], "the other setting"),
        ("room-for-a-big-server", [203, 369], "the last time"),
        ("room-for-a-big-server", [193, 369], "exactly enough"),
        ("room-for-a-big-server", [204, 353], "one server at most"),
        ("how-many-votes", 2.1583, "normalized weights count"),
        ("how-many-votes", 1.1466, "That is the gap"),
    ],
)
def test_common_slips_are_recognised(name, answer, says):
    assert says in checks.check(name, answer).text


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("flip-by-hand", "-3.95", "(str)"),
        ("flip-by-hand", True, "(bool)"),
        ("flip-by-hand", [1, 2], "one number"),
        ("room-for-a-big-server", 204, "one int"),
        ("room-for-a-big-server", ["204", 369], "'204' (str)"),
        ("how-many-votes", object(), "(object)"),
    ],
)
def test_what_cannot_be_judged_is_said(name, answer, says):
    feedback = checks.check(name, answer)
    assert feedback.outcome == "not checkable"
    assert says in feedback.text


@pytest.mark.parametrize("name", RIGHT)
def test_solutions_are_the_models_and_hints_are_there(name):
    told = checks.solution(name).text.partition(". ")[0]
    answer = [float(n) for n in re.findall(r"(?<![\w-])-?\d+(?:\.\d+)?(?= |$|,|\.$)", told)]
    assert checks.check(name, answer).outcome == "right"
    for number in range(1, len(QUESTIONS[name].hints) + 1):
        assert checks.hint(name, number).outcome == "hint"


@pytest.mark.parametrize("name", ["four_hosts", "small_and_large"])
def test_the_questions_weigh_the_hosts_of_the_lesson(root, name):
    rows = lesson_03.TWO if name == "four_hosts" else lesson_03.UNEQUAL
    fleet = Fleet.read(root / "data" / name)
    for row in rows:
        values = dict(zip(lesson_03._NUMBERS, row, strict=True))
        assert {key: getattr(fleet[row[0]], key) for key in values} == values
