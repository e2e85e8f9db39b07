"""The answers to the questions of lesson 00: right, wrong, and not checkable."""

from labkit import Fleet
from labkit.exercises import lesson_00
from tests.questions.asked import Asked

RIGHT = {"no-room": ["cn-2", " CN-2 "], "never-heard": ["compute", " COMPUTE "]}
WRONG = {
    "no-room": [("cn-1", "3072 MiB")],
    "never-heard": [("api", "202"), ("conductor", "picture"), ("scheduler", "no host has room")],
}
NOT_CHECKABLE = [
    ("no-room", "cn-3", "the nearest is 'cn-"),
    ("no-room", 2, "2 (int)"),
    ("never-heard", "nova-compute", "the nearest is 'compute'"),
    ("never-heard", ["compute"], "(list)"),
]
SOLUTIONS = {
    "no-room": "cn-2. ",
    "never-heard": "compute. ",
}


class TestAnswers(Asked):
    lesson = lesson_00


def test_the_two_hosts_are_those_of_the_lesson(root):
    ours, read = lesson_00.fleet().hosts, Fleet.read(root / "data" / "two_hosts").hosts
    columns = ["host", "free_ram_mb", *lesson_00._ALIKE]
    assert ours[columns].equals(read[columns])
