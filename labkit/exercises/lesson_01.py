"""The road of a request: its order, who is left, and what becomes of servers that ask together."""

from labkit.decision import select_destinations
from labkit.exercises import read
from labkit.exercises.checks import Question, Wrong
from labkit.fleet import Fleet
from labkit.nova.exception import NoValidHost
from labkit.nova.objects import Flavor, InstanceGroup, RequestSpec

ROAD = ["request filters", "placement", "filters", "weighers", "claim"]
_NUMBERS = (
    "host total_usable_ram_mb free_ram_mb total_usable_disk_gb free_disk_mb "
    "vcpus_total vcpus_used num_io_ops disabled"
).split()
#: data/four_hosts, as far as these questions need it.
FOUR_HOSTS = (
    ("cn-1", 32768, 3072, 500, 204800, 16, 12, 0, False),
    ("cn-2", 32768, 24576, 500, 409600, 16, 4, 0, False),
    ("cn-3", 32768, 16384, 500, 307200, 16, 8, 2, False),
    ("cn-4", 65536, 57344, 1000, 921600, 32, 4, 0, True),
)
_NAMES = [row[0] for row in FOUR_HOSTS]
LARGE = RequestSpec(Flavor(vcpus=2, memory_mb=16384, root_gb=20))
SMALL = RequestSpec(Flavor(vcpus=2, memory_mb=4096, root_gb=20))


def fleet():
    """The four hosts as a Fleet."""
    return Fleet([dict(zip(_NUMBERS, row, strict=True)) for row in FOUR_HOSTS])


def left():
    """Names of the hosts that are weighed for the large server."""
    return sorted(select_destinations(fleet(), LARGE).placements.host)


def built(policy="anti-affinity"):
    """How many of three servers find a host when they ask together."""
    group = InstanceGroup(policy) if policy else None
    spec_obj = SMALL.replace(num_instances=3, instance_group=group)
    try:
        return len(select_destinations(fleet(), spec_obj).hosts)
    except NoValidHost:
        return 0


def _judge_road(answer):
    given = read.names(answer, ROAD, f"the {len(ROAD)} stages in a list, the first one first")
    missing = [stage for stage in ROAD if stage not in given]
    if missing:
        raise Wrong(f"You gave {len(set(given))} of {len(ROAD)} stages; one is missing.")
    if len(given) != len(ROAD):
        raise Wrong(f"You gave {len(given)} stages. Asked: each of the {len(ROAD)} once.")
    for place, (one, stage) in enumerate(zip(given, ROAD, strict=True), 1):
        if one != stage:
            raise Wrong(f"At place {place} you gave {one!r}. {_TOO_EARLY[one]}")


#: Why a stage cannot stand before those it needs.
_TOO_EARLY = {
    "placement": "It answers one question; which stage writes that question?",
    "filters": "They look at a list of hosts; which stage makes that list?",
    "weighers": "They compare hosts that may take the server; who says which may?",
    "claim": "Resources are booked on one host; is it known yet which one?",
}


def _judge_left(answer):
    given = sorted(set(read.names(answer, _NAMES, "names of hosts in a list")))
    if given == left():
        return
    slips = {
        "cn-2": "One more host has exactly enough. Does exactly enough fit?",
        "cn-2, cn-3, cn-4": "The numbers fit. What does its service say of one of them?",
        "cn-2, cn-4": "Look at two things: a disabled service, and a host that is just full.",
    }
    otherwise = "Asked: the hosts that are left when the filters have run."
    raise Wrong(f"You gave {_listed(given)}. {slips.get(_listed(given), otherwise)}")


def _judge_built(answer):
    asked = "how many of the three servers find a host, one number"
    given = read.number(answer, asked)
    if given == built():
        return
    slips = {
        2: "Two hosts have room, and two servers are claimed at first. Then the third asks.",
        built(None): "So it is without a group. How many hosts are there for three servers apart?",
    }
    raise Wrong(f"You gave {given:g}. {slips.get(given, f'Asked: {asked}.')}")


def _listed(names):
    return ", ".join(names)


def _said(compute, because):
    """A solution that the model computes when it is asked for."""

    def words():
        value = compute()
        return f"{value if isinstance(value, int) else _listed(value)}. {because}"

    return words


QUESTIONS = (
    Question(
        "road",
        "Put the stages in the order in which a request meets them: claim, filters, placement, "
        "request filters, weighers. Give a list of text.",
        _judge_road,
        (
            "Ask of each stage what it needs before it can start.",
            "The request is first turned into conditions; a host is booked last.",
        ),
        _said(
            lambda: ROAD,
            "Conditions, then hosts with room, then yes or no, then points, then the booking.",
        ),
    ),
    Question(
        "who-is-left",
        "Of the four hosts of this lesson, which ones reach the weighers when a server asks for "
        "2 vCPUs, 16384 MiB of RAM and 20 GiB of disk? Give a list of host names.",
        _judge_left,
        (
            "Go down the road: first the service, then what is used and what is there.",
            "A host fits while used + asked <= capacity.",
        ),
        _said(
            left,
            "cn-3 has exactly 16384 MiB free, and exactly enough fits. cn-1 has too little, and "
            "the service of cn-4 is disabled.",
        ),
    ),
    Question(
        "three-apart",
        "Three servers ask in one request, in a group with the policy anti-affinity, on the "
        "four hosts of this lesson (2 vCPUs, 4096 MiB, 20 GiB each). How many of them find a "
        "host? Give a number.",
        _judge_built,
        (
            "Two hosts may take such a server. What does the third server get?",
            "A request is answered as a whole: with a host for each server, or with NoValidHost.",
        ),
        _said(
            built,
            "The third server finds no host, so the whole request fails, and the two claims "
            "made before are given back.",
        ),
    ),
)
