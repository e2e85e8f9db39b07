"""The questions of lesson 00: wrong answers get a sentence that helps, right ones are right."""

import pytest

from labkit import checks
from labkit.questions import lesson_00

# Written by hand, so that the questions and the model are not each other's only witness.
RIGHT = {"no-room": "cn-2", "never-heard": "compute"}
WRONG = {
    "no-room": [("cn-1", "3072 MiB")],
    "never-heard": [("api", "202"), ("conductor", "picture"), ("scheduler", "no host has room")],
}


def test_every_question_is_tried_here():
    names = [question.name for question in lesson_00.QUESTIONS]
    assert sorted(names) == sorted(RIGHT) == sorted(WRONG)


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_answer_is_right_and_the_solution_says_it(name):
    feedback = checks.check(name, f" {RIGHT[name].upper()} ")
    assert feedback.outcome == "right"
    assert feedback.text.startswith(f"{RIGHT[name]}. ")
    assert checks.solution(name).text == feedback.text
    assert checks.hint(name, 2) != checks.hint(name, 1)


@pytest.mark.parametrize(
    ("name", "answer", "says"), [(name, *one) for name, those in WRONG.items() for one in those]
)
def test_a_wrong_answer_gets_a_sentence_that_helps(name, answer, says):
    feedback = checks.check(name, answer)
    assert feedback.outcome == "wrong"
    assert says in feedback.text


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("blank", [None, ..., "", " ", [], [...]])
def test_an_untouched_answer_repeats_the_question(name, blank):
    feedback = checks.check(name, blank)
    assert feedback.outcome == "not tried yet"
    assert feedback.text == next(q.asks for q in lesson_00.QUESTIONS if q.name == name)


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("no-room", "cn-3", "the nearest is 'cn-"),
        ("no-room", 2, "2 (int)"),
        ("never-heard", "nova-compute", "the nearest is 'compute'"),
        ("never-heard", ["compute"], "(list)"),
    ],
)
def test_what_cannot_be_judged_is_said(name, answer, says):
    feedback = checks.check(name, answer)
    assert feedback.outcome == "not checkable"
    assert says in feedback.text


def test_the_two_hosts_are_those_of_the_lesson(root):
    from labkit import Fleet

    ours, read = lesson_00.fleet().hosts, Fleet.read(root / "data" / "two_hosts").hosts
    columns = ["host", "free_ram_mb", *lesson_00._ALIKE]
    assert ours[columns].equals(read[columns])
