"""The answers to the questions of lesson 05: right, wrong, and not checkable."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest

from labkit.exercises import judging, lesson_05
from tests.helpers.asked import Asked


def vm_state_alone(old, new):
    return old is None or old["vm_state"] != new["vm_state"]


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
}
NOT_CHECKABLE = [
    ("status-of-pairs", [1, 2, 3, 4, 5], "(int)"),
    ("messages-of-a-boot", 7, "one int"),
    ("messages-of-a-boot", [0, True, 7], "(bool)"),
    ("messages-of-a-boot", [0, "seven", 7], "'seven' (str)"),
    ("vm-state-filter", True, "without calling it"),
]
SOLUTIONS = {
    "status-of-pairs": "ACTIVE, HARD_REBOOT, ACTIVE, SHUTOFF, ERROR. ",
    "messages-of-a-boot": "0, 7, 7. ",
    "vm-state-filter": "old is None or ",
}


class TestAnswers(Asked):
    lesson = lesson_05


def test_the_solution_of_the_filter_is_right():
    rule = judging.solution("vm-state-filter").text.partition(". ")[0]
    function = eval(f"lambda old, new: {rule}")  # noqa: S307 - the lab's own words
    assert judging.check("vm-state-filter", function).outcome == "right"


def test_a_filter_may_change_the_dicts_it_gets():
    def greedy(old, new):
        return vm_state_alone(old and {"vm_state": old.pop("vm_state")}, new)

    assert judging.check("vm-state-filter", greedy).outcome == "right"


@pytest.mark.nova
def test_a_boot_of_the_real_nova_sends_as_many_messages(root):
    with gzip.open(root / "data/nova-34/lifecycle.json.gz") as file:
        sent = json.load(file)["scenarios"]["create"]["notifications"]
    counts = [
        sum(row[1] == "compute.instance.update" for row in sent[mode][0]["notifications"])
        for mode in ("unset", "vm_state", "vm_and_task_state")
    ]
    assert counts == lesson_05.messages()
