"""The answers to the questions of lesson 04: right, wrong, and not checkable."""

import numpy as np

from labkit.exercises import judging, lesson_04
from tests.helpers.asked import Asked

RIGHT = {
    "five-attempts": [[5, 1], (5, 1), np.array([5, 1]), [5.0, np.int64(1)]],
    "which-message": ["build_instances", " build_instances "],
    "early-delete": [0, 0.0, np.int64(0)],
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
NOT_CHECKABLE = [
    ("five-attempts", 5, "one int"),
    ("five-attempts", [5, "one"], "'one' (str)"),
    ("which-message", "build_instance", "spelt 'build_instances'"),
    ("which-message", 3, "3 (int)"),
    ("which-message", ["build_instances", "build"], "(list)"),
    ("early-delete", "none", "'none' (str)"),
    ("early-delete", False, "False (bool)"),
]
SOLUTIONS = {
    "five-attempts": "5, 1. ",
    "which-message": "build_instances. ",
    "early-delete": "0. ",
}


class TestAnswers(Asked):
    lesson = lesson_04


def test_one_lost_message_alone_fits_what_is_left():
    fits = [name for name in lesson_04.MESSAGES if lesson_04.left_in_build(name)]
    assert fits == RIGHT["which-message"][:1]


def test_answers_follow_the_model(monkeypatch):
    monkeypatch.setattr(lesson_04, "MAX_ATTEMPTS", 2)
    monkeypatch.setattr(lesson_04, "HOSTS", 2)
    assert lesson_04.tried(2) == [2, 1]
    assert judging.check("early-delete", lesson_04.rows()).outcome == "right"
