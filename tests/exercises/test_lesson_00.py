"""The answers to the questions of lesson 00: right, wrong, and not checkable."""

from labkit import Fleet
from labkit.exercises import lesson_00
from tests.helpers.asked import Asked

RIGHT = {"no-room": ["cn-2", " CN-2 "], "never-heard": ["compute", " COMPUTE "]}
WRONG = {
    "no-room": [("cn-1", "3072 MiB")],
    "never-heard": [("api", "202"), ("conductor", "picture"), ("scheduler", "no host has room")],
}
NOT_CHECKABLE = [
    ("no-room", "cn-3", "one of these: cn-1, cn-2"),
    ("no-room", 2, "2 (int)"),
    ("never-heard", "placement", "one of these: api, conductor, scheduler, compute"),
    ("never-heard", "conducter", "Is it spelt 'conductor'?"),
    ("never-heard", ["compute", "api"], "(list)"),
]
SOLUTIONS = {
    "no-room": "cn-2. ",
    "never-heard": "compute. ",
}


class TestAnswers(Asked):
    lesson = lesson_00


def test_the_two_hosts_are_those_of_the_lesson(root):
    hosts = Fleet.read(root / "data" / "two_hosts").hosts
    assert dict(zip(hosts.host, hosts.free_ram_mb, strict=True)) == lesson_00.FREE_RAM_MB
