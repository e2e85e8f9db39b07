"""Lesson 04: who is asked again, which message was lost, and what a delete leaves behind."""

import functools

from labkit.cloud.cloud import Cloud
from labkit.cloud.faults import Fault
from labkit.exercises.answers import each, number_is, one_of
from labkit.exercises.judging import Question
from labkit.fleet import Fleet
from labkit.nova.conf import Options
from labkit.nova.objects import Flavor, RequestSpec

HOSTS = 8
MAX_ATTEMPTS = 5
ALWAYS = 99
SPEC = RequestSpec(Flavor(vcpus=2, memory_mb=4096, root_gb=20))
#: The messages of a build whose first host fails, in the order of their sending.
MESSAGES = [
    "schedule_and_build_instances",
    "select_destinations",
    "build_and_run_instance",
    "build_instances",
    "update_instance_info",
]


def cloud(faults=(), **options):
    """A cloud of hosts that are all alike and idle."""
    alike = {"vcpus_total": 16, "vcpus_used": 0, "total_usable_ram_mb": 32768}
    alike |= {"free_ram_mb": 32768, "total_usable_disk_gb": 500, "free_disk_mb": 512000}
    fleet = Fleet([{"host": f"cn-{number}", **alike} for number in range(1, HOSTS + 1)])
    return Cloud(fleet, Options(**options), seed=17, faults=faults)


def tried(max_attempts=MAX_ATTEMPTS):
    """How many hosts are asked to build, and how often the scheduler for hosts, if all fail."""
    one = cloud([Fault("spawn", times=ALWAYS)], max_attempts=max_attempts)
    one.create("web-1", SPEC)
    one.settle()
    sent = one.messages.query("kind in ['call', 'cast']").method
    return [int((sent == name).sum()) for name in MESSAGES[2:0:-1]]


def left_in_build(message):
    """Whether a loss of *message*, after a spawn that failed, leaves a row and no allocation."""
    one = cloud([Fault("spawn"), Fault("message", at=message)])
    one.create("web-1", SPEC)
    one.run(until_s=3600)
    books = one.books("web-1")
    building = books["row"] is not None and books["row"]["vm_state"] == "building"
    return building and books["row"]["host"] is None and not books["allocations"]


@functools.cache
def lost():
    """The message whose loss leaves a server in BUILD, with a row and no allocation."""
    return next(name for name in MESSAGES if left_in_build(name))


def rows(wait_s=0.0):
    """How many rows of instances are written when a delete comes right after the 202."""
    one = cloud()
    one.create("web-1", SPEC)
    one.run(until_s=one.now + wait_s)
    one.act("web-1", "delete")
    one.settle()
    return int((one.saves.op == "create").sum())


def _tried_slip(counted, one, exact):
    if counted == "calls":
        return "Look at round 4: which service picks the next host?"
    slips = {
        exact - 1: "The alternates are as many. Who was tried before them?",
        exact + 1: "Attempts are counted, not repetitions; the first is one of them.",
        tried(Options().max_attempts)[0]: "So it is with the default of max_attempts.",
        HOSTS: "So many have room. How many does the scheduler name in its one answer?",
    }
    return slips.get(one, "Asked first: how many hosts are tried.")


#: What the loss of each message leaves, as far as it does not fit.
_WITHOUT = {
    "schedule_and_build_instances": "Then nobody asks for a host, and there is no row.",
    "select_destinations": "That is a call: somebody waits for it, and notices.",
    "build_and_run_instance": "The allocation on its host was made before it was sent.",
    "build_instances": "Who deletes the allocation, and when?",
    "update_instance_info": "Then the server is up, and the scheduler learns of it later.",
}


def _slip(given, exact):
    if given == rows(1.0):
        return "So it is a second later. What is there of the server right after the 202?"
    return "Asked: how many rows of the server are written into a cell."


QUESTIONS = (
    Question(
        "five-attempts",
        f"max_attempts = {MAX_ATTEMPTS}, {HOSTS} hosts have room, and spawn fails on each. How "
        "many hosts are tried, and how often does the conductor call the scheduler? Give two "
        "numbers in a list.",
        each(
            {"the hosts": "hosts", "the calls to the scheduler": "calls"},
            tried,
            "two numbers in a list: hosts that are tried, and calls to the scheduler",
            _tried_slip,
        ),
        (
            "The first host is an attempt too.",
            "All the names come in one answer: a host and its alternates.",
        ),
        lambda: (
            "{}, {}. The first host and its alternates are as many as max_attempts, and all of "
            "them come in one answer.".format(*tried())
        ),
    ),
    Question(
        "which-message",
        "web-1 has been in BUILD for an hour. It has a row with no host, and placement holds "
        "nothing for it. Its spawn failed once. One message was lost: which? Give the name of "
        "its method.",
        one_of(MESSAGES, lost, "the name of one method, as text", _WITHOUT),
        (
            "There is a row, so the conductor has finished its first part. Nothing in placement: who deletes that?",
            "Put the deletes and the casts of round 4 in order of time.",
        ),
        lambda: (
            f"{lost()}. The compute has deleted the allocation and taken its host off the row; then "
            "it cast, and nobody got it."
        ),
    ),
    Question(
        "early-delete",
        "The user deletes web-1 right after the 202, while the scheduler is at work. How many "
        "rows of this server are ever written into a cell? Give a number.",
        number_is(rows, "one number", _slip),
        (
            "What does the API delete, when there is no row yet?",
            "Before it writes the row, the conductor looks whether the BuildRequest is still there.",
        ),
        lambda: (
            f"{rows()}. The API deletes the BuildRequest. The conductor gets its host, finds no "
            "BuildRequest, gives the allocation back and stops."
        ),
    ),
)
