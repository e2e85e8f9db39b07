"""The questions of lesson 02: untouched, right, wrong, and not checkable."""

import re

import pytest

from labkit import checks
from labkit.questions import QUESTIONS, lesson_02

RIGHT = {
    "only-0-and-1": ["ACEF", "a, c, e, f", ["F", "E", "C", "A"], {"A", "C", "E", "F"}, "A;C;E;F"],
    "sticky-ends": [[0.25, 0.5], (0.25, 0.5), {"cn-1": 0.25, "cn-2": 0.5}],
}
WRONG = {
    "only-0-and-1": ["A", "ACE", "ABCEF", "ABCDEF", ["D"], "B"],
    "sticky-ends": [[0, 1], [0, 0.333], [0.5, 1], [0.4, 0.6], [0.25], [0.25, 0.6]],
}


def pairs(table):
    return [(name, answer) for name, answers in table.items() for answer in answers]


def test_every_question_of_the_lesson_is_tried_here():
    names = [question.name for question in lesson_02.QUESTIONS]
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


def test_a_wrong_case_is_named_and_a_missing_one_is_not():
    assert "In B: 3072 and 4096 MiB, minval = 0," in checks.check("only-0-and-1", "AB").text
    missing = checks.check("only-0-and-1", "ACE").text
    assert "not all" in missing
    assert "F" not in missing


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("AX", "no case 'X'"),
        (1.0, "one float"),
        ([0, 1], "type int"),
        (object(), "one object"),
    ],
)
def test_what_cannot_be_judged_is_said(answer, says):
    feedback = checks.check("only-0-and-1", answer)
    assert feedback.outcome == "not checkable"
    assert says in feedback.text


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ([0, 1], "13.0.0 remembers"),
        ([0, 1 / 3], "so is the low end"),
        ([0.5, 1], "so is the high end"),
        ([0.4, 0.6], "sets no minval"),
    ],
)
def test_common_slips_are_recognised(answer, says):
    assert says in checks.check("sticky-ends", answer).text


@pytest.mark.parametrize("name", RIGHT)
def test_solutions_are_the_models_and_hints_do_not_tell(name):
    told = checks.solution(name).text
    letters = re.match(r"([A-F](?:, [A-F])*)\.", told)
    answer = letters[1] if letters else [float(n) for n in re.findall(r"cn-\d (\d\.?\d*)", told)]
    assert checks.check(name, answer).outcome == "right"
    for number in range(1, len(QUESTIONS[name].hints) + 1):
        assert checks.hint(name, number).outcome == "hint"
