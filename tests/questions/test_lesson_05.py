"""The questions of lesson 05: untouched, right, wrong, and not checkable."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest

from labkit import checks
from labkit.nova.compute import vm_states
from labkit.questions import QUESTIONS, lesson_05


def vm_state_alone(old, new):
    return old is None or old["vm_state"] != new["vm_state"]


# Written by hand, so that the questions and the model are not each other's only witness.
RIGHT = {
    "status-of-pairs": [
        ["ACTIVE", "HARD_REBOOT", "ACTIVE", "SHUTOFF", "ERROR"],
        ("active", " hard_reboot ", "active", "shutoff", "error"),
        pd.Series(["ACTIVE", "HARD_REBOOT", "ACTIVE", "SHUTOFF", "ERROR"]),
    ],
    "messages-of-a-boot": [
        [0, 7, 7],
        (0, 7.0, np.int64(7)),
        np.array([0, 7, 7]),
        {None: 0, "vm_state": 7, "vm_and_task_state": 7},
    ],
    "vm-state-filter": [
        vm_state_alone,
        lambda old, new: (old or {}).get("vm_state") != new["vm_state"],
        lambda old, new: np.bool_(vm_state_alone(old, new)),
    ],
    "left-out": [
        "SHELVED_OFFLOADED",
        "shelved_offloaded",
        " vm_states.SHELVED_OFFLOADED ",
        ["SHELVED_OFFLOADED"],
    ],
}
WRONG = {
    "status-of-pairs": [
        (["ACTIVE", "REBOOT", "ACTIVE", "SHUTOFF", "ERROR"], "Asked"),
        (["ACTIVE", "ACTIVE", "ACTIVE", "SHUTOFF", "ERROR"], "vm_state; the API has a word"),
        (["ACTIVE", "HARD_REBOOT", "POWERING-OFF", "SHUTOFF", "ERROR"], "change the status at"),
        (["ACTIVE", "HARD_REBOOT", "ACTIVE", "STOPPED", "ERROR"], "a word of its own"),
        (["SNAPSHOT", "HARD_REBOOT", "ACTIVE", "SHUTOFF", "ERROR"], "change the status at"),
        (["ACTIVE"], "1 of 5"),
    ],
    "messages-of-a-boot": [
        ([0, 2, 7], "what the name promises"),
        ([0, 1, 7], "what the name promises"),
        ([0, 6, 6], "Who else does"),
        ([0, 7, 5], "Asked"),
        ([7, 7, 7], "switched them on"),
        ([0, 7], "2 of 3"),
        ([0, float("nan"), 7], "Asked"),
    ],
    "vm-state-filter": [
        (lambda old, new: True, "what Nova does"),
        (lambda old, new: False, "Nothing at all"),
        (lambda old, new: old is not None and vm_state_alone(old, new), "Is a new row"),
        (lambda old, new: old is None or old != new, "nothing else"),
        (lambda old, new: old["vm_state"] != new["vm_state"], "raises TypeError"),
        (lambda old, new: None, "Asked: True or False"),
        (lambda old: True, "raises TypeError"),
    ],
    "left-out": [
        ("SHELVED", "The notes have it"),
        ("soft-delete", "spelt in two ways"),
        ("shelving_offloading", "a task_state"),
        ("OFFLOADED", "no such vm_state"),
        ("SUSPEND", "SUSPENDED"),
    ],
}


def test_every_question_of_the_lesson_is_tried_here():
    names = [question.name for question in lesson_05.QUESTIONS]
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
        ("status-of-pairs", "ACTIVE", "one str"),
        ("status-of-pairs", [1, 2, 3, 4, 5], "(int)"),
        ("messages-of-a-boot", 7, "one int"),
        ("messages-of-a-boot", [0, True, 7], "(bool)"),
        ("messages-of-a-boot", [0, "7", 7], "'7' (str)"),
        ("vm-state-filter", True, "without calling it"),
        ("left-out", 12, "(int)"),
        ("left-out", ["SHELVED", "ERROR"], "(list)"),
    ],
)
def test_what_cannot_be_judged_is_said(name, answer, says):
    feedback = checks.check(name, answer)
    assert feedback.outcome == "not checkable"
    assert says in feedback.text


@pytest.mark.parametrize("name", RIGHT)
def test_hints_are_there_and_do_not_repeat(name):
    hints = [checks.hint(name, number).text for number in range(1, 3)]
    assert len(set(hints)) == len(QUESTIONS[name].hints) == 2


def test_solutions_begin_with_the_answer():
    assert checks.solution("status-of-pairs").text.startswith(
        "ACTIVE, HARD_REBOOT, ACTIVE, SHUTOFF"
    )
    assert checks.solution("messages-of-a-boot").text.startswith("0, 7, 7. ")
    assert checks.solution("left-out").text.startswith("SHELVED_OFFLOADED. ")
    rule = checks.solution("vm-state-filter").text.partition(". ")[0]
    function = eval(f"lambda old, new: {rule}")  # noqa: S307 - the lab's own words
    assert checks.check("vm-state-filter", function).outcome == "right"


def test_a_filter_may_change_the_dicts_it_gets():
    def greedy(old, new):
        return vm_state_alone(old and {"vm_state": old.pop("vm_state")}, new)

    assert checks.check("vm-state-filter", greedy).outcome == "right"


def test_the_notes_lack_what_nova_has():
    assert {getattr(vm_states, name) for name in lesson_05.NOTES} == set(vm_states.OF_THE_NOTES)


@pytest.mark.nova
def test_a_boot_of_the_real_nova_sends_as_many_messages(root):
    with gzip.open(root / "data/nova-34/lifecycle.json.gz") as file:
        sent = json.load(file)["scenarios"]["create"]["notifications"]
    counts = [
        sum(row[1] == "compute.instance.update" for row in sent[mode][0]["notifications"])
        for mode in ("unset", "vm_state", "vm_and_task_state")
    ]
    assert counts == lesson_05.messages()
