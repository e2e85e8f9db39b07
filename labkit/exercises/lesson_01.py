"""The road of a request: its order, who is left, and what becomes of servers that ask together."""

from labkit.decision import select_destinations
from labkit.exercises import DATA
from labkit.exercises.answers import choose, listed, names, number_is, too_high_or_low
from labkit.exercises.judging import Question, Wrong
from labkit.fleet import Fleet
from labkit.nova.exception import NoValidHost
from labkit.nova.objects import Flavor, InstanceGroup, RequestSpec

_ASKED = "how many of the three servers find a host, one number"
ROAD = ["request filters", "placement", "filters", "weighers", "claim"]
HOSTS = ["cn-1", "cn-2", "cn-3", "cn-4"]
LARGE = RequestSpec(Flavor(vcpus=2, memory_mb=16384, root_gb=20))
SMALL = RequestSpec(Flavor(vcpus=2, memory_mb=4096, root_gb=20))


def fleet():
    """The four hosts of the lesson."""
    return Fleet.read(DATA / "four_hosts")


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
    given = names(answer, ROAD, f"the {len(ROAD)} stages in a list, the first one first")
    missing = [stage for stage in ROAD if stage not in given]
    if missing:
        missing = f"{len(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        raise Wrong(f"You gave {len(set(given))} of {len(ROAD)} stages; {missing}.")
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


#: Why a host is not left, or is.
_OUT = {
    "cn-1": "How much RAM is free on it?",
    "cn-4": "Its numbers fit. What does its service say?",
}
_IN = {
    "cn-2": "One host with room and a service that is up is missing.",
    "cn-3": "One more host has exactly enough. Does exactly enough fit?",
}


def _slip(given, exact):
    slips = {
        2: "Two hosts have room, and two servers are claimed at first. Then the third asks.",
        built(None): "So it is without a group. How many hosts are there for three servers apart?",
    }
    return slips.get(given, f"{too_high_or_low(given, exact)} Asked: {_ASKED}.")


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
        lambda: (
            f"{', '.join(ROAD)}. Conditions, then hosts with room, then yes or no, then points, "
            "then the booking."
        ),
    ),
    Question(
        "who-is-left",
        "Of the four hosts of this lesson, which ones reach the weighers when a server asks for "
        "2 vCPUs, 16384 MiB of RAM and 20 GiB of disk? Give a list of host names.",
        choose(
            HOSTS,
            left,
            "names of hosts in a list",
            lambda name, given: f"You gave {listed(given)}. Look at {name}: {_OUT[name]}",
            lambda name, given: f"You gave {listed(given)}. {_IN[name]}",
        ),
        (
            "Go down the road: first the service, then what is used and what is there.",
            "A host fits while used + asked <= capacity.",
        ),
        lambda: (
            f"{', '.join(left())}. cn-3 has exactly 16384 MiB free, and exactly enough fits. cn-1 "
            "has too little, and the service of cn-4 is disabled."
        ),
    ),
    Question(
        "three-apart",
        "Three servers ask in one request, in a group with the policy anti-affinity, on the "
        "four hosts of this lesson (2 vCPUs, 4096 MiB, 20 GiB each). How many of them find a "
        "host? Give a number.",
        number_is(built, _ASKED, _slip),
        (
            "Two hosts may take such a server. What does the third server get?",
            "A request is answered as a whole: with a host for each server, or with NoValidHost.",
        ),
        lambda: (
            f"{built()}. The third server finds no host, so the whole request fails, and the two "
            "claims made before are given back."
        ),
    ),
)
