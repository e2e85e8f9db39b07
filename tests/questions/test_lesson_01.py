"""The questions of lesson 01: wrong answers get a sentence that helps, right ones are right."""

from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest

from labkit import Fleet, checks
from labkit.questions import lesson_01

# Written by hand, so that the questions and the model are not each other's only witness.
RIGHT = {
    "road": ["request filters", "placement", "filters", "weighers", "claim"],
    "who-is-left": ["cn-2", "cn-3"],
    "three-apart": 0,
}
WRONG = {
    "road": [
        (["filters", "placement", "request filters", "weighers", "claim"], "makes that list"),
        (["placement", "request filters", "filters", "weighers", "claim"], "writes that question"),
        (["request filters", "placement", "weighers", "filters", "claim"], "who says which may"),
        (["request filters", "placement", "filters", "claim", "weighers"], "known yet"),
        (["filters", "weighers"], "missing"),
        ([*RIGHT["road"], "claim"], "each of the 5 once"),
    ],
    "who-is-left": [
        (["cn-2"], "exactly enough fit"),
        (["cn-4"], "the hosts that are left"),
        (["cn-2", "cn-3", "cn-4"], "service"),
        (["cn-4", "cn-2"], "disabled"),
        (["cn-1", "cn-2", "cn-3", "cn-4"], "Asked"),
    ],
    "three-apart": [(1, "Asked"), (2, "the third"), (3, "without a group"), (-1, "Asked")],
}


def test_every_question_is_tried_here():
    names = [question.name for question in lesson_01.QUESTIONS]
    assert sorted(names) == sorted(RIGHT) == sorted(WRONG)


def test_the_four_hosts_are_those_of_the_lesson(root):
    theirs = Fleet.read(root / "data" / "four_hosts").hosts
    ours = lesson_01.fleet().hosts[lesson_01._NUMBERS]
    pd.testing.assert_frame_equal(ours, theirs[lesson_01._NUMBERS])


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_answer_is_right_and_the_solution_says_it(name):
    feedback = checks.check(name, RIGHT[name])
    said = ", ".join(RIGHT[name]) if isinstance(RIGHT[name], list) else str(RIGHT[name])
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
    assert feedback.text == next(q.asks for q in lesson_01.QUESTIONS if q.name == name)


@pytest.mark.parametrize(
    "form", [{"cn-3", "cn-2"}, ("cn-2", "cn-3"), "cn-2, cn-3", pd.Series(["cn-2", "cn-3"])]
)
def test_hosts_may_come_in_any_form_and_order(form):
    assert checks.check("who-is-left", form).outcome == "right"


@pytest.mark.parametrize("form", [0, 0.0, np.int64(0)])
def test_numbers_may_come_in_any_form(form):
    assert checks.check("three-apart", form).outcome == "right"


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("who-is-left", ["cn2"], "the nearest is 'cn-2'"),
        ("who-is-left", 2, "one int"),
        ("who-is-left", [2], "2 (int)"),
        ("road", {"claim": 5}, "one dict"),
        ("road", ["weigher"], "the nearest is 'weighers'"),
        ("three-apart", "none", "'none' (str)"),
        ("three-apart", True, "True (bool)"),
        ("three-apart", [0, 1], "(list)"),
    ],
)
def test_what_cannot_be_judged_is_said(name, answer, says):
    feedback = checks.check(name, answer)
    assert feedback.outcome == "not checkable"
    assert says in feedback.text


def test_answers_follow_the_model(monkeypatch):
    monkeypatch.setattr(lesson_01, "FOUR_HOSTS", lesson_01.FOUR_HOSTS[:2])
    assert checks.check("who-is-left", ["cn-2"]).outcome == "right"


@pytest.mark.nova
def test_the_lessons_own_filter_runs_in_nova_as_the_lesson_says(root):
    from tools import oracle_nova  # imports Nova, without eventlet

    notebook = root / "notebooks" / "01_how_does_nova_choose_a_host.ipynb"
    cells = [cell.source for cell in nbformat.read(notebook, as_version=4).cells]
    lines = "\n".join(cells).splitlines()
    imports = next(line for line in lines if line.endswith("import filters"))
    written = next(cell for cell in cells if cell.startswith("class RamHeadroomFilter"))
    there = {}
    exec(imports.replace("labkit.nova", "nova"), there)  # noqa: S102
    exec(written.partition("\n\n\n")[0], there)  # noqa: S102
    assert there["filters"].__name__ == "nova.scheduler.filters"

    states = [
        SimpleNamespace(host=one.host, free_ram_mb=free, total_usable_ram_mb=32768)
        for one, free in zip(lesson_01.fleet(), (-1024, 8192, 8191), strict=False)
    ]
    spec_obj = oracle_nova.objects.RequestSpec(scheduler_hints={})
    handler = there["filters"].HostFilterHandler()
    passed = handler.get_filtered_objects([there["RamHeadroomFilter"]()], states, spec_obj)
    assert [state.host for state in passed] == ["cn-2"]
