"""The answers to the questions of lesson 02: right, wrong, and not checkable."""

from labkit.exercises import checks, lesson_02
from tests.questions.asked import Asked

RIGHT = {
    "only-0-and-1": ["ACEF", "a, c, e, f", ["F", "E", "C", "A"], {"A", "C", "E", "F"}, "A;C;E;F"],
    "sticky-ends": [[0.25, 0.5], (0.25, 0.5), {"cn-1": 0.25, "cn-2": 0.5}],
}
WRONG = {
    "only-0-and-1": [
        ("A", "not all"),
        ("ACE", "not all"),
        ("AB", "In B: 3072 and 4096 MiB, minval = 0,"),
        ("ABCEF", "In B: "),
        ("ABCDEF", "In B: "),
        (["D"], "In D: "),
        ("B", "In B: "),
    ],
    "sticky-ends": [
        ([0, 1], "13.0.0 remembers"),
        ([0, 1 / 3], "so is the low end"),
        ([0, 0.333], "so is the low end"),
        ([0.5, 1], "so is the high end"),
        ([0.4, 0.6], "sets no minval"),
        ([0.25], "Asked"),
        ([0.25, 0.6], "Asked"),
    ],
}
NOT_CHECKABLE = [
    ("only-0-and-1", "AX", "no case 'X'"),
    ("only-0-and-1", 1.0, "one float"),
    ("only-0-and-1", [0, 1], "type int"),
    ("only-0-and-1", object(), "one object"),
]
SOLUTIONS = {
    "only-0-and-1": "A, C, E, F. ",
    "sticky-ends": "cn-1 0.25, cn-2 0.5. ",
}


class TestAnswers(Asked):
    lesson = lesson_02


def test_a_missing_case_is_not_named():
    missing = checks.check("only-0-and-1", "ACE").text
    assert "not all" in missing
    assert "F" not in missing
