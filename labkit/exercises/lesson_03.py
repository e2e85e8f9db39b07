"""Lesson 03: where a winner flips, what one failed build weighs, and what spreading costs."""

from collections.abc import Mapping

import numpy as np

from labkit.decision import place, select_destinations
from labkit.exercises import read
from labkit.exercises.by_host import TOLERANCE, by_host
from labkit.exercises.checks import Question, Wrong
from labkit.fleet import Fleet
from labkit.nova.conf import Options
from labkit.nova.objects import Flavor, RequestSpec
from labkit.nova.weights import normalize

_NUMBERS = (
    "host total_usable_ram_mb free_ram_mb total_usable_disk_gb free_disk_mb "
    "vcpus_total vcpus_used num_io_ops"
).split()
#: The two hosts of data/four_hosts that the lesson weighs, and data/small_and_large.
TWO = (
    ("cn-2", 32768, 24576, 500, 409600, 16, 4, 0),
    ("cn-3", 32768, 16384, 500, 307200, 16, 8, 2),
)
UNEQUAL = (
    ("small", 524288, 409600, 2000, 1638400, 64, 14, 0),
    ("large", 2097152, 524288, 8000, 2097152, 256, 192, 0),
)
SPEC = RequestSpec(Flavor(vcpus=2, memory_mb=4096, root_gb=20))
SMALL = RequestSpec(Flavor(vcpus=1, memory_mb=2048, root_gb=10))
BIG_MB = 32768
BUILDS = {"cn-1": 1, "cn-2": 2, "cn-3": 5}
OTHERS = {"cn-1": 1.0, "cn-2": 2.0, "cn-3": 3.0}


def _decide(rows, **values):
    fleet = Fleet([dict(zip(_NUMBERS, row, strict=True)) for row in rows])
    return select_destinations(fleet, SPEC, Options(**values))


def flip():
    """The ram_weight_multiplier below which cn-3 wins."""
    return _decide(TWO).flip("cn-2", "ram_weight_multiplier").intervals[0][0]


def _without_ram():
    """How far cn-3 lies behind cn-2 when RAM does not count, and what RAM adds to that gap."""
    gaps = []
    for value in (0.0, 1.0):
        weight = _decide(TWO, ram_weight_multiplier=value).placements.set_index("host").weight
        gaps.append(weight["cn-2"] - weight["cn-3"])
    return gaps[0], gaps[1] - gaps[0]


def votes(normalized=True):
    """The multiplier of the free share of RAM from which on ``small`` wins."""
    weight = _decide(UNEQUAL).placements.set_index("host").weight
    total, free = (np.array([row[k] for row in UNEQUAL], dtype=float) for k in (1, 2))
    share = free / total
    if normalized:
        share = share / share.max()
    return float((weight["large"] - weight["small"]) / (share[0] - share[1]))


def failures(minval=None, sign=-1):
    """Weights of the three hosts: what the others give, and the score of BuildFailureWeigher."""
    multiplier = sign * Options().build_failure_weight_multiplier
    normalized = normalize(list(BUILDS.values()), minval=minval)
    return [
        others + multiplier * one for others, one in zip(OTHERS.values(), normalized, strict=True)
    ]


def rack():
    """Twelve idle hosts of 64 GiB."""
    alike = {"vcpus_total": 32, "total_usable_ram_mb": 65536, "free_ram_mb": 65536}
    alike |= {"total_usable_disk_gb": 1000, "free_disk_mb": 1024000}
    return Fleet([{"host": f"cn-{number:02d}", **alike} for number in range(1, 13)])


def room():
    """After how many small servers no host has room for a big one: spread, and pack."""
    found = []
    for value in (1.0, -1.0):
        free = dict.fromkeys(rack().rows, 65536)
        _, placed = place(rack(), [SMALL] * 400, Options(ram_weight_multiplier=value))
        for count, host in enumerate(placed.host, 1):
            free[host] -= SMALL.memory_mb
            if max(free.values()) < BIG_MB:
                found.append(count)
                break
    return found


def _number(one, asked):
    if isinstance(one, (list, tuple, np.ndarray)) and np.size(one) == 1:
        one = np.ravel(np.asarray(one, dtype=object))[0]
    return read.number(one, f"{asked}, one number")


def _judge_number(compute, asked, slips):
    """Make a check of one number, three decimals of which are enough."""

    def judge(answer):
        given, exact = _number(answer, asked), compute()
        if abs(given - exact) <= TOLERANCE:
            return
        for slip, sentence in slips:
            if abs(given - slip()) <= TOLERANCE:
                raise Wrong(f"You gave {given:.6g}. {sentence}")
        if abs(given - exact) <= 20 * TOLERANCE:
            raise Wrong(f"You gave {given:.6g}. Asked: three decimals, and this is close.")
        raise Wrong(f"You gave {given:.6g}. Asked: {asked}.")

    return judge


def _judge_room(answer):
    asked = "two numbers in a list: under spread, and under pack"
    if isinstance(answer, Mapping):
        answer = [answer.get("spread"), answer.get("pack")]
    given, exact = [_number(one, asked) for one in read.in_order(answer, 2, asked)], room()
    for name, one, number in zip(("spread", "pack"), given, exact, strict=True):
        if one == number:
            continue
        if one == number - 1:
            words = "That is the last time that it fits; after how many does it fit no more?"
        elif one == exact[not exact.index(number)]:
            words = "That belongs to the other setting."
        elif name == "spread" and one in (192, 193):
            words = "Then a host still has 32 GiB free. Does exactly enough fit?"
        elif name == "pack" and one in (352, 353):
            words = "Then the last host has one server at most. How far must it fill?"
        else:
            words = "Asked: how many small servers until no host has 32 GiB free."
        raise Wrong(f"For {name} you gave {one:.6g}. {words}")


QUESTIONS = (
    Question(
        "flip-by-hand",
        "At which ram_weight_multiplier do cn-2 and cn-3 weigh the same, all else as in the table? "
        "Give a number.",
        _judge_number(
            flip,
            "the value of ram_weight_multiplier at which both weights are equal",
            [
                (
                    lambda: -sum(_without_ram()) / _without_ram()[1],
                    "The weights in the figure hold RAM's score already; add up the others alone.",
                ),
                (lambda: -flip(), "Which sign must it have, so that the fuller host gains?"),
                (
                    lambda: -_without_ram()[0],
                    "That is the gap without RAM; how much of it does a multiplier of 1 make up?",
                ),
            ],
        ),
        (
            "For each host: weight = (sum of the other scores) + multiplier * (normalized RAM).",
            "Set both weights equal: 2.000 + m * 1.000 = 0.683 + m * 0.667.",
        ),
        lambda: f"{flip():.6g}. Without RAM, cn-2 leads by 1.317, and each -1.0 takes off 0.333.",
    ),
    by_host(
        "failed-builds",
        "Three hosts have had 1, 2 and 5 failed builds. All other weighers together give them 1.0, "
        "2.0 and 3.0. What are their weights, with build_failure_weight_multiplier = 1000000.0?",
        wanted={
            host: f"what the others give, and a score for {builds} failed "
            f"{'build' if builds == 1 else 'builds'} on the scale from low end to high end"
            for host, builds in BUILDS.items()
        },
        compute=failures,
        because="Without minval the low end is 1 failed build, and it costs nothing when every "
        "host has one; the high end costs a million, whatever it is.",
        hints=(
            "BuildFailureWeigher sets no minval. Which of the three is the low end?",
            "weight = others - 1000000 * (failed_builds - low end) / (high end - low end)",
        ),
        slips=[
            (
                lambda: failures(minval=0),
                "That takes 0 as the low end; this weigher sets no minval.",
            ),
            (
                lambda: failures(sign=1),
                "BuildFailureWeigher turns the sign of its option; failures push a host down.",
            ),
            (
                lambda: [OTHERS[host] - 1_000_000 * builds for host, builds in BUILDS.items()],
                "That multiplies the raw weights; the normalized ones count.",
            ),
            (
                lambda: [
                    score - OTHERS[host] for host, score in zip(BUILDS, failures(), strict=True)
                ],
                "Those are the scores of one weigher; what do the others give?",
            ),
        ],
    ),
    Question(
        "room-for-a-big-server",
        "Twelve idle hosts have 64 GiB of RAM each; servers of 2 GiB come, one after another. After "
        "how many of them has no host room for a 32 GiB server any more? Give a list: under spread, "
        "under pack.",
        _judge_room,
        (
            "Spread fills all hosts in turn, pack one host after the other.",
            "A host has room while 32 GiB or more are free: up to 16 small servers.",
        ),
        lambda: (
            f"{room()[0]} under spread, {room()[1]} under pack. Spread: 17 on each of twelve hosts. "
            "Pack: 32 on each of eleven, and 17 on the last."
        ),
    ),
    Question(
        "how-many-votes",
        "small and large have 409600 of 524288 and 524288 of 2097152 MiB free; Nova's own weighers "
        "give them 1.853 and 3. From which multiplier of FreeRAMShareWeigher (minval = 0) on does "
        "small win? Give a number.",
        _judge_number(
            votes,
            "the multiplier with which the normalized shares make up the gap between the weights",
            [
                (
                    lambda: votes(normalized=False),
                    "That takes the shares as they are; the weigher's normalized weights count.",
                ),
                (
                    lambda: votes() * 0.68,
                    "That is the gap; how much of it does a multiplier of 1 make up?",
                ),
            ],
        ),
        (
            "Normalize the two shares first: minval = 0, and the larger share becomes 1.",
            "Set both weights equal: 1.853 + m * 1 = 3 + m * 0.25 / 0.78125.",
        ),
        lambda: f"{votes():.6g}. The gap is 1.147, and a multiplier of 1 makes up 0.68 of it.",
    ),
)
