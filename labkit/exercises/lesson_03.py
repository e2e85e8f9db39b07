"""Lesson 03: where a winner flips, and what spreading costs."""

import functools
from collections.abc import Mapping

from labkit.decision import place, select_destinations
from labkit.exercises import DATA
from labkit.exercises.answers import TOLERANCE, each, number_is, too_high_or_low
from labkit.exercises.judging import Question
from labkit.fleet import Fleet
from labkit.nova.conf import Options
from labkit.nova.objects import Flavor, RequestSpec

SPEC = RequestSpec(Flavor(vcpus=2, memory_mb=4096, root_gb=20))
SMALL = RequestSpec(Flavor(vcpus=1, memory_mb=2048, root_gb=10))
BIG_MB = 32768


def two():
    """The two hosts of data/four_hosts that the lesson weighs."""
    hosts = Fleet.read(DATA / "four_hosts").hosts
    return Fleet.from_frame(hosts[hosts.host.isin(["cn-2", "cn-3"])])


def _weights(fleet, **options):
    decision = select_destinations(fleet, SPEC, Options(**options))
    return decision.placements.set_index("host").weight


@functools.cache
def flip():
    """The ram_weight_multiplier below which cn-3 wins."""
    decision = select_destinations(two(), SPEC, Options())
    return decision.flip("cn-2", "ram_weight_multiplier").intervals[0][0]


@functools.cache
def _without_ram():
    # How far cn-3 lies behind cn-2 when RAM does not count, and what RAM adds to that gap.
    gaps = []
    for value in (0.0, 1.0):
        weight = _weights(two(), ram_weight_multiplier=value)
        gaps.append(weight["cn-2"] - weight["cn-3"])
    return gaps[0], gaps[1] - gaps[0]


def rack():
    """Twelve idle hosts of 64 GiB."""
    alike = {"vcpus_total": 32, "total_usable_ram_mb": 65536, "free_ram_mb": 65536}
    alike |= {"total_usable_disk_gb": 1000, "free_disk_mb": 1024000}
    return Fleet([{"host": f"cn-{number:02d}", **alike} for number in range(1, 13)])


@functools.cache
def room():
    """After how many small servers no host has room for a big one: spread, and pack."""
    found = []
    for value in (1.0, -1.0):
        free = dict.fromkeys(rack().hosts.host, 65536)
        _, placed = place(rack(), [SMALL] * 400, Options(ram_weight_multiplier=value))
        for count, host in enumerate(placed.host, 1):
            free[host] -= SMALL.memory_mb
            if max(free.values()) < BIG_MB:
                found.append(count)
                break
    return found


_FLIP = "the value of ram_weight_multiplier at which both weights are equal"


def _flip_slip(given, exact):
    gap, per_multiplier = _without_ram()
    slips = {
        -(gap + per_multiplier) / per_multiplier: "Your sums hold RAM's score already; add up the "
        "others alone.",
        -exact: "Which sign must it have, so that the fuller host gains?",
        -gap: "That is the gap without RAM; how much of it does a multiplier of 1 make up?",
    }
    for slip, sentence in slips.items():
        if abs(given - slip) <= TOLERANCE:
            return sentence
    if abs(given - exact) <= 20 * TOLERANCE:
        return "Asked: three decimals, and this is close."
    return f"{too_high_or_low(given, exact)} Asked: {_FLIP}."


def _judge_room(answer):
    if isinstance(answer, Mapping):
        answer = [answer.get("spread"), answer.get("pack")]
    asked = "two numbers in a list: under spread, and under pack"
    each({"spread": 0, "pack": 1}, room, asked, _slip)(answer)


def _slip(place, one, exact):
    if one == exact - 1:
        return "That is the last time that it fits; after how many does it fit no more?"
    if one == room()[1 - place]:
        return "That belongs to the other setting."
    if place == 0 and one in (192, 193):
        return "Then a host still has 32 GiB free. Does exactly enough fit?"
    if place == 1 and one in (352, 353):
        return "Then the last host has one server at most. How far must it fill?"
    side = too_high_or_low(one, exact)
    return f"{side} Asked: how many small servers until no host has 32 GiB free."


QUESTIONS = (
    Question(
        "flip-by-hand",
        "At which ram_weight_multiplier do cn-2 and cn-3 weigh the same, all else as in the table? "
        "Give a number.",
        number_is(flip, f"{_FLIP}, one number", _flip_slip),
        (
            "For each host: weight = (sum of the other scores) + multiplier * (normalized RAM).",
            "Set both weights equal: 2.000 + m * 1.000 = 0.683 + m * 0.667.",
        ),
        lambda: f"{flip():.6g}. Without RAM, cn-2 leads by 1.317, and each -1.0 takes off 0.333.",
    ),
    Question(
        "room-for-a-big-server",
        "Twelve idle hosts have 64 GiB of RAM each; servers of 2 GiB come, one after another. After "
        "how many of these small servers is there no host left with room for a 32 GiB server? Give "
        "a list: under spread, under pack.",
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
)
