"""The questions of lesson 09: untouched, right, wrong, and not checkable."""

import numpy as np
import pandas as pd
import pytest

from labkit import checks
from labkit.questions import QUESTIONS, lesson_09

# Written by hand, so that the questions and the model are not each other's only witness.
SEEN = [31900 - 512 - 2 * 8192, (199 - 122) * 1024, 8]
WAITING = ["memory added", "disk fills up", "CPU goes offline"]
RIGHT = {
    "host-state-of-a-report": [
        SEEN,
        np.array(SEEN),
        dict(zip(("free_ram_mb", "free_disk_mb", "vcpus_used"), SEEN, strict=True)),
    ],
    "how-many-fit": [10, 10.0, np.int64(10)],
    "waits-for-the-report": [WAITING, set(WAITING), ", ".join(WAITING), pd.Series(WAITING)],
    "who-refuses": [["nova-compute", "placement"], "nova-compute, placement"],
}
WRONG = {
    "host-state-of-a-report": [
        ([15516, 78848, 8], "512 MiB"),
        ([15004, 76 * 1024, 8], "after each server"),
        ([15004, 78540.8, 8], "whole numbers"),
        ([15004, 79 * 1024, 8], "swap"),
        ([15004, 120 * 1024, 8], "the smaller one"),
        ([15004, 78848, 2], "For vcpus_used you gave 2"),
    ],
    "how-many-fit": [
        (11, "comes off first"),
        (12, "reserved"),
        (7, "a ratio, too"),
        (16, "for the CPUs"),
        (1, "For each resource"),
        (float("nan"), "For each resource"),
    ],
    "waits-for-the-report": [
        ([*WAITING, "server built"], "writes the row at once"),
        (WAITING[:2], "who tells nova-compute"),
    ],
    "who-refuses": [
        (["placement", "nova-compute"], "wrong way round"),
        (["nova-scheduler", "placement"], "another scheduler has read"),
        (["nova-conductor", "placement"], "passes on"),
        (["placement", "placement"], "not asked"),
        (["nova-compute", "nova-compute"], "NUMA and PCI"),
        (["placement"], "1 of 2"),
    ],
}


def test_every_question_of_the_lesson_is_tried_here():
    names = [question.name for question in lesson_09.QUESTIONS]
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
    assert "ou gave" in feedback.text
    assert says in feedback.text


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("host-state-of-a-report", 1, "one int"),
        ("how-many-fit", "10", "'10' (str)"),
        ("how-many-fit", True, "(bool)"),
        ("waits-for-the-report", ["memory"], "the nearest is 'memory added'"),
        ("waits-for-the-report", 3, "You gave 3"),
        ("waits-for-the-report", [3], "3 in the list"),
        ("who-refuses", ["nova-compute", "keystone"], "none of them"),
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
    assert not any(word in first for word in ("15004", "78848", "10.", "offline", "placement"))
