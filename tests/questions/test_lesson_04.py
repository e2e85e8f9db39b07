"""The questions of lesson 04: wrong answers get a sentence that helps, right ones are right."""

import numpy as np
import pytest

from labkit import checks
from labkit.questions import lesson_04

# Written by hand, so that the questions and the model are not each other's only witness.
RIGHT = {
    "five-attempts": [5, 1],
    "which-message": "build_instances",
    "early-delete": 0,
}
WRONG = {
    "five-attempts": [
        ([4, 1], "before them"),
        ([6, 1], "not repetitions"),
        ([3, 1], "the default of max_attempts"),
        ([8, 1], "in its one answer"),
        ([2, 1], "Asked first"),
        ([5, 5], "which service picks the next host"),
        ([5, 0], "which service picks the next host"),
        ([5], "two numbers in a list"),
    ],
    "which-message": [
        ("schedule_and_build_instances", "there is no row"),
        ("select_destinations", "somebody waits"),
        ("build_and_run_instance", "before it was sent"),
        ("update_instance_info", "the server is up"),
    ],
    "early-delete": [(1, "a second later"), (2, "Asked"), (-1, "Asked")],
}


def test_every_question_is_tried_here():
    names = [question.name for question in lesson_04.QUESTIONS]
    assert sorted(names) == sorted(RIGHT) == sorted(WRONG)


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_answer_is_right_and_the_solution_says_it(name):
    feedback = checks.check(name, RIGHT[name])
    said = ", ".join(map(str, RIGHT[name])) if name == "five-attempts" else str(RIGHT[name])
    assert feedback.outcome == "right"
    assert feedback.text.startswith(f"{said}. ")
    assert checks.solution(name).text == feedback.text
    assert checks.hint(name, 2) != checks.hint(name, 1)


@pytest.mark.parametrize(
    ("name", "answer", "says"), [(name, *one) for name, those in WRONG.items() for one in those]
)
def test_a_wrong_answer_gets_a_sentence_that_helps(name, answer, says):
    feedback = checks.check(name, answer)
    assert feedback.outcome == "wrong"
    assert "ou gave" in feedback.text
    assert says in feedback.text


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("blank", [None, ..., "", " ", [], [...]])
def test_an_untouched_answer_repeats_the_question(name, blank):
    feedback = checks.check(name, blank)
    assert feedback.outcome == "not tried yet"
    assert feedback.text == next(q.asks for q in lesson_04.QUESTIONS if q.name == name)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("five-attempts", (5, 1)),
        ("five-attempts", np.array([5, 1])),
        ("five-attempts", [5.0, np.int64(1)]),
        ("which-message", " build_instances "),
        ("early-delete", 0.0),
        ("early-delete", np.int64(0)),
    ],
)
def test_answers_may_come_in_any_form(name, form):
    assert checks.check(name, form).outcome == "right"


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("five-attempts", 5, "one int"),
        ("five-attempts", "5, 1", "one str"),
        ("five-attempts", [5, "one"], "'one' (str)"),
        ("which-message", "build_instance", "the nearest is 'build_instances'"),
        ("which-message", 3, "3 (int)"),
        ("which-message", ["build_instances"], "(list)"),
        ("early-delete", "none", "'none' (str)"),
        ("early-delete", False, "False (bool)"),
    ],
)
def test_what_cannot_be_judged_is_said(name, answer, says):
    feedback = checks.check(name, answer)
    assert feedback.outcome == "not checkable"
    assert says in feedback.text


def test_one_lost_message_alone_fits_what_is_left():
    fits = [name for name in lesson_04.MESSAGES if lesson_04.left_in_build(name)]
    assert fits == [RIGHT["which-message"]]


def test_answers_follow_the_model(monkeypatch):
    monkeypatch.setattr(lesson_04, "MAX_ATTEMPTS", 2)
    monkeypatch.setattr(lesson_04, "HOSTS", 2)
    assert lesson_04.tried(2) == [2, 1]
    assert checks.check("early-delete", lesson_04.rows()).outcome == "right"
