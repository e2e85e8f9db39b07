"""What check, hint, solution and problem say: untouched, wrong, right, and not checkable."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labkit.exercises import judging, lesson_02
from labkit.nova.weights import normalize
from tests.exercises.test_lesson_02 import NUMBERS, WRONG

each_question = pytest.mark.parametrize("name", NUMBERS)


def test_the_table_says_where_each_question_is():
    folder = Path(judging.__file__).parent
    lessons = [f"labkit.exercises.{path.stem}" for path in sorted(folder.glob("lesson_*.py"))]
    defined = [(q.name, name) for name in lessons for q in importlib.import_module(name).QUESTIONS]
    assert {name: f"labkit.exercises.{file}" for name, file in judging.FILE_OF.items()} == dict(
        defined
    )
    assert len(defined) == len(judging.FILE_OF)


def test_each_lesson_with_questions_has_its_tests():
    tested = {path.stem for path in Path(__file__).parent.glob("test_lesson_*.py")}
    assert tested == {f"test_{file}" for file in judging.FILE_OF.values()}


def test_a_question_loads_its_own_file_alone():
    program = """
import sys
from labkit import check
assert not any(name.startswith("labkit.exercises.lesson") for name in sys.modules)
print(check("two-hosts", [0, 1]).outcome, *sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    outcome, *loaded = done.stdout.split()
    assert outcome == "right"
    lessons = [name for name in loaded if name.startswith("labkit.exercises.lesson")]
    assert lessons == ["labkit.exercises.lesson_02"]
    assert {"labkit.cloud", "labkit.nova.compute", "pandas"}.isdisjoint(loaded)


@each_question
@pytest.mark.parametrize(
    "blank", [None, ..., "", "  ", "...", [None, None], (...,), {"cn-1": None}]
)
def test_an_untouched_answer_is_not_tried_yet_and_repeats_the_question(name, blank):
    feedback = judging.check(name, blank)
    assert feedback.outcome == "not tried yet"
    assert feedback.head == f"Question: {judging.find(name).asks}"


@each_question
def test_the_right_answer_is_right_in_every_form(name):
    numbers = NUMBERS[name]
    hosts = [f"cn-{i}" for i, _ in enumerate(numbers, 1)]
    forms = [
        numbers,
        tuple(numbers),
        np.array(numbers),
        pd.Series(numbers),
        pd.Series(numbers, index=hosts)[::-1],
        dict(zip(hosts, numbers, strict=True)),
    ]
    assert [judging.check(name, form).outcome for form in forms] == ["right"] * len(forms)


@pytest.mark.parametrize(("name", "answer"), [(n, a) for n in NUMBERS for a, _ in WRONG[n]])
def test_a_wrong_answer_is_wrong_and_the_sentence_does_not_tell(name, answer):
    feedback = judging.check(name, answer)
    assert feedback.outcome == "wrong"
    assert feedback.head == f"Question: {judging.find(name).asks}"
    assert feedback.after == f'Stuck? Run hint("{name}").'
    assert "ou gave" in feedback.text
    told = [float(number) for number in re.findall(r"(?<![\w-])-?\d+(?:\.\d+)?", feedback.text)]
    assert set(told).isdisjoint({*NUMBERS[name]} - {0, 1} - {*answer})


def test_the_first_wrong_step_is_named():
    assert judging.check("two-hosts", [0.5, 7]).text.startswith("For cn-1 you gave 0.5. ")
    assert "close" in judging.check("negative-free-ram", [0, 0.33, 1]).text
    assert "still to come" in judging.check("multiplier-minus-1", [0.75, 1]).text


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (0.5, "one float"),
        (np.array(0.5), "one ndarray"),
        (np.eye(2), "ndarray"),
        ({0, 1}, "one set"),
        (["zero", "1"], "'zero' (str)"),
        ([0, None], "None (NoneType)"),
        ([False, True], "False (bool)"),
        ([0, 1j], "1j (complex)"),
        ({"cn1": 0, "cn-2": 1}, "spelt 'cn-1'"),
        (object(), "one object"),
    ],
)
def test_what_cannot_be_judged_is_said_and_not_called_wrong(answer, says):
    feedback = judging.check("two-hosts", answer)
    assert feedback.outcome == "not checkable"
    assert says in feedback.text


@pytest.mark.parametrize(
    "ask", [lambda name: judging.check(name, 1), judging.hint, judging.solution, judging.problem]
)
@pytest.mark.parametrize("name", ["two-host", "Two hosts", "", None, 3, []])
def test_an_unknown_question_names_the_nearest(ask, name):
    feedback = ask(name)
    assert feedback.outcome == "not checkable"
    assert any(f'"{known}"' in feedback.text for known in judging.FILE_OF)


def test_two_decimals_are_too_few_and_three_are_enough():
    assert judging.check("negative-free-ram", [0, 0.33, 1]).outcome == "wrong"
    assert judging.check("negative-free-ram", [0.0, 8192 / 24576, 1.0]).outcome == "right"


@each_question
def test_hints_and_solution_are_there_and_the_solution_is_the_models(name):
    question = judging.find(name)
    hints = [judging.hint(name, number) for number in range(1, len(question.hints) + 1)]
    assert {hint.outcome for hint in hints} == {"hint"}
    assert judging.hint(name, 99) == judging.hint(name) == hints[-1]
    assert "solution" in hints[-1].after
    for host, number in enumerate(NUMBERS[name], 1):
        shown = judging.solution(name).text.partition(f"cn-{host} ")[2].split()[0].strip(",.")
        assert float(shown) == pytest.approx(number, abs=0.001)


def test_hints_go_on_by_themselves_in_a_fresh_kernel_from_the_first(monkeypatch):
    monkeypatch.setattr(judging, "_GIVEN", {})
    assert [judging.hint("two-hosts").head[:11] for _ in range(3)] == [
        "Hint 1 of 2",
        "Hint 2 of 2",
        "Hint 2 of 2",
    ]
    assert judging.hint("two-hosts", 1).head.startswith("Hint 1 of 2")
    assert judging.hint("third-host").head.startswith("Hint 1 of 2")


def test_answers_follow_the_model(monkeypatch):
    monkeypatch.setattr(lesson_02, "normalize", lambda weights, minval=None: [0.25, 0.5])
    assert judging.check("two-hosts", [0.25, 0.5]).outcome == "right"
    assert normalize([3072, 4096]) == [0.0, 1.0]


def test_feedback_shows_itself_with_what_was_given_escaped():
    feedback = judging.check("two-hosts", ["<b>", 1])
    shown = feedback._repr_mimebundle_()
    assert shown["text/plain"] == repr(feedback)
    assert "&lt;b&gt;" in shown["text/html"]
    assert "<b>'" not in shown["text/html"]


def test_right_wrong_and_not_tried_differ_in_sign_and_colour_and_the_first_line_tells_nothing():
    answers = ([0, 1], [0.5, 1], ..., ["zero", 1])
    given = [judging.check("two-hosts", answer) for answer in answers]
    assert [repr(one).splitlines()[1][0] for one in given] == ["✓", "✗", "–", "?"]
    assert len({repr(one).splitlines()[0] for one in given}) == 1
    colours = [re.search(r"--jp-[a-z]+", one._repr_mimebundle_()["text/html"])[0] for one in given]
    assert len({*colours}) == 4


def test_a_problem_is_what_the_question_works_with_or_its_words():
    assert judging.problem("two-hosts") == judging.check("two-hosts", None)
    assert [line[:4] for line in judging.problem("how-long-did-it-compress")] == ["2026"] * 8
    assert callable(judging.problem("isolate-places"))


def test_several_solutions_have_a_line_each():
    told = judging.solution("two-hosts", "third-host")
    assert told.outcome == "solution"
    assert [line.partition(":")[0] for line in told.text.splitlines()] == [
        "two-hosts",
        "third-host",
    ]
    assert judging.solution("two-hosts", "third").outcome == "not checkable"
