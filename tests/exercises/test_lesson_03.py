"""The answers to the questions of lesson 03: right, wrong, and not checkable."""

import numpy as np

from labkit.exercises import lesson_03
from tests.helpers.asked import Asked

RIGHT = {
    "flip-by-hand": [-3.95, np.float64(-3.95), [-3.95], -3.9504],
    "room-for-a-big-server": [[204, 369], (204.0, 369), {"spread": 204, "pack": 369}],
}
WRONG = {
    "flip-by-hand": [
        (-4.95, "RAM's score already"),
        (3.95, "Which sign"),
        (-1.317, "gap without RAM"),
        (-1.3167, "gap without RAM"),
        (-3.94, "close"),
        (0, "Asked"),
        (float("nan"), "Asked"),
        (10**400, "Asked"),
    ],
    "room-for-a-big-server": [
        ([369, 204], "the other setting"),
        ([203, 369], "the last time"),
        ([203, 368], "the last time"),
        ([193, 369], "exactly enough"),
        ([192, 369], "exactly enough"),
        ([204, 353], "one server at most"),
        ([204, 352], "one server at most"),
        ([204], "Asked"),
        ([1, 2], "Asked"),
    ],
}
NOT_CHECKABLE = [
    ("flip-by-hand", "minus four", "(str)"),
    ("flip-by-hand", True, "(bool)"),
    ("flip-by-hand", [1, 2], "one number"),
    ("room-for-a-big-server", 204, "one int"),
    ("room-for-a-big-server", ["many", 369], "'many' (str)"),
]
SOLUTIONS = {
    "flip-by-hand": "-3.95. ",
    "room-for-a-big-server": "204 under spread, 369 under pack. ",
}


class TestAnswers(Asked):
    lesson = lesson_03


def test_the_questions_weigh_the_hosts_of_the_lesson():
    assert [host_state.host for host_state in lesson_03.two()] == ["cn-2", "cn-3"]
