"""The answers to the questions of lesson 02: right, wrong, and not checkable."""

from labkit.exercises import judging, lesson_02
from tests.helpers.asked import Asked

# Written by hand, so that the questions and the model are not each other's only witness.
NUMBERS = {
    "two-hosts": [0, 1],
    "two-hosts-minval": [0.75, 1],
    "identical-hosts": [0, 0],
    "identical-hosts-minval": [1, 1],
    "third-host": [0, 0.008, 1],
    "multiplier-minus-1": [-0.75, -1],
    "negative-free-ram": [0, 0.333, 1],
}
RIGHT = {name: [numbers] for name, numbers in NUMBERS.items()} | {
    "only-0-and-1": ["ACEF", "a, c, e, f", ["F", "E", "C", "A"], {"A", "C", "E", "F"}, "A;C;E;F"],
    "sticky-ends": [[0.25, 0.5], (0.25, 0.5), {"cn-1": 0.25, "cn-2": 0.5}],
}
WRONG = {
    "two-hosts": [
        ([0.75, 1], "share of the largest"),
        ([1, 0], "where 3072 MiB lie"),
        ([3072, 4096], "where 3072 MiB lie"),
        ([0.5, 0.5], "where 3072 MiB lie"),
        ([float("nan"), 1], "gave nan"),
        ([10**400, 1], "gave inf"),
    ],
    "two-hosts-minval": [
        ([0, 1], "what the list alone would give"),
        ([0.7, 1], "where 3072 MiB lie"),
        ([0.75], "1 of 2"),
        ([0.75, 1, 1], "3 of 2"),
    ],
    "identical-hosts": [
        ([1, 1], "a low end below the weights"),
        ([0.5, 0.5], "how much is that here"),
        ([0, 1], "For cn-2 you gave 1"),
    ],
    "identical-hosts-minval": [
        ([0, 0], "the rule for equal ends"),
        ([0.5, 0.5], "For cn-1 you gave 0.5"),
    ],
    "third-host": [
        ([0, 1, 1], "what is the high end now"),
        ([0.023, 0.031, 1], "share of the largest"),
        ([0, 0.01, 1], "this is close"),
    ],
    "multiplier-minus-1": [
        ([0.75, 1], "still to come"),
        ([0, -1], "the low end is that of the list"),
        ([0.25, 0], "does not turn round"),
        ([-1, -0.75], "the multiplier times"),
    ],
    "negative-free-ram": [
        ([-0.042, 0.333, 1], "below 0"),
        ([0, 0.36, 1], "the low end from the list"),
        ([0, 0.33, 1], "this is close"),
    ],
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
    ("only-0-and-1", "AX", "'X' is not one of these"),
    ("only-0-and-1", 1.0, "1.0 (float)"),
    ("only-0-and-1", [0, 1], "0 is not one of these"),
    ("only-0-and-1", object(), "(object)"),
]
SOLUTIONS = {
    "two-hosts": "cn-1 0, cn-2 1. ",
    "two-hosts-minval": "cn-1 0.75, cn-2 1. ",
    "identical-hosts": "cn-1 0, cn-2 0. ",
    "identical-hosts-minval": "cn-1 1, cn-2 1. ",
    "third-host": "cn-1 0, cn-2 0.008, cn-3 1. ",
    "multiplier-minus-1": "cn-1 -0.75, cn-2 -1. ",
    "negative-free-ram": "cn-1 0, cn-2 0.333333, cn-3 1. ",
    "only-0-and-1": "A, C, E, F. ",
    "sticky-ends": "cn-1 0.25, cn-2 0.5. ",
}


class TestAnswers(Asked):
    lesson = lesson_02


def test_a_missing_case_is_not_named():
    missing = judging.check("only-0-and-1", "ACE").text
    assert "not all" in missing
    assert "F" not in missing
