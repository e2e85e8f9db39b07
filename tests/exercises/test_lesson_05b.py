"""The answers to the questions of lesson 05b: right, wrong, and not checkable."""

import gzip
import json

import numpy as np
import pytest

from labkit.exercises import judging, lesson_05b
from tests.helpers.asked import Asked


def leftovers(server):
    if server["task_state"] is not None or server["vm_state"] == "resized":
        return []
    return [host for host in server["held"] if host != server["host"]]


ROW = ["source", "destination", "source", "source", "none"]
RIGHT = {
    "held-in-verify-resize": [[1, 2], (1, 2.0), np.array([1, 2]), {"cn-2": 1, "cn-1": 2}],
    "named-by-the-row": [ROW, tuple(ROW), [name.upper() for name in ROW]],
    "leftovers": [leftovers, lambda server: tuple(leftovers(server))],
}
WRONG = {
    "held-in-verify-resize": [
        ([2, 1], "has the new flavor"),
        ([0, 2], "What if you revert"),
        ([1, 0], "runs on the destination already"),
        ([1, 1], "two flavors"),
        ([3, 2], "Asked"),
        ([3], "1 of 2"),
    ],
    "named-by-the-row": [
        (["destination", *ROW[1:]], "when the disk has been copied"),
        (["source", "source", *ROW[2:]], "when the disk has been copied"),
        ([*ROW[:2], "destination", *ROW[3:]], "when the guest has arrived"),
        ([*ROW[:3], "destination", "none"], "writes its name last"),
        ([*ROW[:4], "source"], "What is left of it"),
        (ROW[:2], "2 of 5"),
    ],
    "leftovers": [
        (lambda server: [], "the row names one host"),
        (lambda server: server["held"], "is needed"),
        (lambda server: [h for h in server["held"] if h != server["host"]], "still be reverted"),
        (
            lambda server: (
                []
                if server["vm_state"] == "resized"
                else sorted(set(server["held"]) - {server["host"]})
            ),
            "under way",
        ),
        (lambda server: server["nodes"], "raises KeyError"),
        (lambda server: "cn-1", "a list of hosts"),
        (lambda server: None, "a list of hosts"),
    ],
}
NOT_CHECKABLE = [
    ("held-in-verify-resize", 3, "one int"),
    ("held-in-verify-resize", [1, "two"], "'two' (str)"),
    ("held-in-verify-resize", [True, 2], "(bool)"),
    ("named-by-the-row", ["cn-1", *ROW[1:]], "'cn-1'"),
    ("named-by-the-row", [1, *ROW[1:]], "(int)"),
    ("leftovers", ["cn-1"], "without calling it"),
]
SOLUTIONS = {
    "held-in-verify-resize": "1 and 2. ",
    "named-by-the-row": "source, destination, source, source, none. ",
    "leftovers": "[] if server[",
}


class TestAnswers(Asked):
    lesson = lesson_05b


def test_the_solution_of_leftovers_is_right():
    rule = judging.solution("leftovers").text.partition(". ")[0]
    function = eval(f"lambda server: {rule}")  # noqa: S307 - the lab's own words
    assert judging.check("leftovers", function).outcome == "right"


def test_a_learners_function_may_change_what_it_gets():
    def greedy(server):
        server["held"].clear()
        return []

    assert judging.check("leftovers", greedy).outcome == "wrong"
    assert judging.check("leftovers", leftovers).outcome == "right"


# -- beside the recorded Nova -----------------------------------------------------------------
@pytest.fixture(scope="module")
def recorded(root):
    with gzip.open(root / "data/nova-34/moves.json.gz") as file:
        return json.load(file)["scenarios"]


@pytest.mark.nova
def test_a_crash_leaves_in_the_real_nova_what_the_lesson_says(recorded):
    books = recorded["restart_while_resizing"]["steps"][-1]["books"][0]
    row = books["row"]
    assert (row["vm_state"], row["task_state"], row["host"]) == ("active", None, "host1")
    assert books["guests"] == {"host1": "running"}
    assert {host: held["VCPU"] for host, held in books["allocations"].items()} == {"host2": 2}
    server = {key: row[key] for key in ("vm_state", "task_state", "host")}
    assert leftovers(server | {"held": list(books["allocations"])}) == ["host2"]


@pytest.mark.nova
def test_a_start_that_fails_leaves_the_guest_behind_in_the_real_nova(recorded):
    books = recorded["resize_fails_on_destination"]["steps"][-1]["books"][0]
    assert (books["row"]["vm_state"], books["row"]["host"]) == ("error", "host2")
    assert books["guests"] == {"host1": "shutdown"}
    assert list(books["allocations"]) == ["host2"]


@pytest.mark.nova
@pytest.mark.parametrize(
    ("scenario", "statuses"),
    [
        ("live_migrate", "completed"),
        ("live_migrate_abort", "cancelled"),
        ("live_migrate_force_complete", "completed"),
        ("live_migrate_fails", "failed"),
        ("evacuate_and_the_source_returns", "completed"),
    ],
)
def test_migrations_end_in_the_real_nova_as_in_the_lesson(recorded, scenario, statuses):
    steps = recorded[scenario]["steps"]
    ends = [event["status"] for s in steps for event in s["events"] if event["kind"] == "migration"]
    assert ends[-1] == statuses
    vm_state = "stopped" if scenario.startswith("evacuate") else "active"
    assert steps[-1]["final"]["vm_state"] == vm_state
