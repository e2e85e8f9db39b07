"""What check, hint and solution say: untouched, wrong, right, and not checkable."""

import re

import numpy as np
import pandas as pd
import pytest

from labkit.exercises import QUESTIONS, checks, weighing
from labkit.nova.weights import normalize

# Written by hand, so that the questions and the model are not each other's only witness.
RIGHT = {
    "two-hosts": [0, 1],
    "two-hosts-minval": [0.75, 1],
    "identical-hosts": [0, 0],
    "identical-hosts-minval": [1, 1],
    "third-host": [0, 0.008, 1],
    "multiplier-minus-1": [-0.75, -1],
    "negative-free-ram": [0, 0.333, 1],
}
WRONG = {
    "two-hosts": [[0.75, 1], [1, 0], [3072, 4096], [0.5, 0.5], [float("nan"), 1], [10**400, 1]],
    "two-hosts-minval": [[0, 1], [0.7, 1], [0.75], [0.75, 1, 1]],
    "identical-hosts": [[1, 1], [0.5, 0.5], [0, 1]],
    "identical-hosts-minval": [[0, 0], [0.5, 0.5]],
    "third-host": [[0, 1, 1], [0.023, 0.031, 1], [0, 0.01, 1]],
    "multiplier-minus-1": [[0.75, 1], [0, -1], [0.25, 0], [-1, -0.75]],
    "negative-free-ram": [[-0.042, 0.333, 1], [0, 0.36, 1], [0, 0.33, 1]],
}
each_question = pytest.mark.parametrize("name", RIGHT)


def test_every_question_on_weighing_is_tried_here():
    names = [question.name for question in weighing.QUESTIONS]
    assert sorted(names) == sorted(RIGHT) == sorted(WRONG)


@each_question
@pytest.mark.parametrize("blank", [None, ..., "", "  ", [], [None, None], (...,), {"cn-1": None}])
def test_an_untouched_answer_is_not_tried_yet_and_repeats_the_question(name, blank):
    feedback = checks.check(name, blank)
    assert feedback.outcome == "not tried yet"
    assert feedback.text == QUESTIONS[name].asks


@each_question
def test_the_right_answer_is_right_in_every_form(name):
    numbers = RIGHT[name]
    hosts = [f"cn-{i}" for i, _ in enumerate(numbers, 1)]
    forms = [
        numbers,
        tuple(numbers),
        np.array(numbers),
        pd.Series(numbers),
        pd.Series(numbers, index=hosts)[::-1],
        dict(zip(hosts, numbers, strict=True)),
    ]
    assert [checks.check(name, form).outcome for form in forms] == ["right"] * len(forms)


@pytest.mark.parametrize(
    ("name", "answer"), [(n, a) for n, answers in WRONG.items() for a in answers]
)
def test_a_wrong_answer_is_wrong_and_the_sentence_does_not_tell(name, answer):
    feedback = checks.check(name, answer)
    assert feedback.outcome == "wrong"
    assert "ou gave" in feedback.text
    told = [float(number) for number in re.findall(r"(?<![\w-])-?\d+(?:\.\d+)?", feedback.text)]
    assert set(told).isdisjoint({*RIGHT[name]} - {0, 1} - {*answer})


def test_the_first_wrong_step_is_named():
    assert checks.check("two-hosts", [0.5, 7]).text.startswith("For cn-1 you gave 0.5. Asked: ")
    assert "close" in checks.check("negative-free-ram", [0, 0.33, 1]).text
    assert "still to come" in checks.check("multiplier-minus-1", [0.75, 1]).text


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (0.5, "one float"),
        (np.array(0.5), "one ndarray"),
        (np.eye(2), "ndarray"),
        ("0, 1", "one str"),
        ({0, 1}, "one set"),
        (["0", "1"], "'0' (str)"),
        ([0, None], "None (NoneType)"),
        ([False, True], "False (bool)"),
        ([0, 1j], "1j (complex)"),
        ({"cn1": 0, "cn-2": 1}, "the nearest is 'cn-1'"),
        (object(), "one object"),
    ],
)
def test_what_cannot_be_judged_is_said_and_not_called_wrong(answer, says):
    feedback = checks.check("two-hosts", answer)
    assert feedback.outcome == "not checkable"
    assert says in feedback.text


@pytest.mark.parametrize("ask", [lambda name: checks.check(name, 1), checks.hint, checks.solution])
@pytest.mark.parametrize("name", ["two-host", "Two hosts", "", None, 3, []])
def test_an_unknown_question_names_the_nearest(ask, name):
    feedback = ask(name)
    assert feedback.outcome == "not checkable"
    assert any(f'"{known}"' in feedback.text for known in QUESTIONS)


def test_two_decimals_are_too_few_and_three_are_enough():
    assert checks.check("negative-free-ram", [0, 0.33, 1]).outcome == "wrong"
    assert checks.check("negative-free-ram", [0.0, 8192 / 24576, 1.0]).outcome == "right"


@each_question
def test_hints_and_solution_are_there_and_the_solution_is_the_models(name):
    question = QUESTIONS[name]
    hints = [checks.hint(name, number) for number in range(1, len(question.hints) + 1)]
    assert {hint.outcome for hint in hints} == {"hint"}
    assert checks.hint(name) == hints[0]
    assert checks.hint(name, 99) == hints[-1]
    for host, number in enumerate(RIGHT[name], 1):
        shown = checks.solution(name).text.partition(f"cn-{host} ")[2].split()[0].strip(",.")
        assert float(shown) == pytest.approx(number, abs=0.001)


def test_answers_follow_the_model(monkeypatch):
    monkeypatch.setattr(weighing, "normalize", lambda weights, minval=None: [0.25, 0.5])
    assert checks.check("two-hosts", [0.25, 0.5]).outcome == "right"
    assert normalize([3072, 4096]) == [0.0, 1.0]


def test_feedback_shows_itself_with_what_was_given_escaped():
    feedback = checks.check("two-hosts", ["<b>", 1])
    shown = feedback._repr_mimebundle_()
    assert shown["text/plain"] == repr(feedback)
    assert "&lt;b&gt;" in shown["text/html"]
    assert "<b>'" not in shown["text/html"]


def test_a_lesson_can_add_a_question_of_its_own(monkeypatch):
    monkeypatch.setattr("labkit.exercises.QUESTIONS", dict(QUESTIONS))

    def judge(answer):
        if answer != "cn-2":
            raise checks.Wrong(f"You gave {answer}. Asked: the host with the most free RAM.")

    checks.register(checks.Question("who-wins", "Which host?", judge, ["Look."], lambda: "cn-2"))
    assert repr(checks.check("who-wins", "cn-2")) == "Right. cn-2"
    assert checks.check("who-wins", "cn-1").outcome == "wrong"
    assert checks.check("who-wins", " ").outcome == "not tried yet"


def test_two_questions_of_one_name_are_refused():
    with pytest.raises(ValueError, match="already a question 'two-hosts'"):
        checks.register(QUESTIONS["two-hosts"])
