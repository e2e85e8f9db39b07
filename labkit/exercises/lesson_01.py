"""Lesson 01: the road of a request, who is left at its end, and a filter of the learner's own."""

from labkit.decision import select_destinations
from labkit.exercises import DATA
from labkit.exercises.answers import choose, listed, names, result, shown
from labkit.exercises.judging import Question, Uncheckable, Wrong
from labkit.fleet import Fleet
from labkit.nova.objects import Flavor, RequestSpec

ROAD = ["request filters", "placement", "filters", "weighers", "claim"]
HOSTS = ["cn-1", "cn-2", "cn-3", "cn-4"]
LARGE = RequestSpec(Flavor(vcpus=2, memory_mb=16384, root_gb=20))


def fleet():
    """The four hosts of the lesson."""
    return Fleet.read(DATA / "four_hosts")


def left():
    """Names of the hosts that are weighed for the large server."""
    return sorted(select_destinations(fleet(), LARGE).placements.host)


def _judge_headroom(answer):
    asked = "a class with a method host_passes(self, host_state, spec_obj)"
    if not isinstance(answer, type) or not hasattr(answer, "host_passes"):
        raise Uncheckable(f"You gave {shown(answer)}. Asked: {asked}.")
    for host_state in fleet():
        for memory_mb in (512, 4096, 8192, 12288, 16384, 40960):
            spec_obj = RequestSpec(Flavor(vcpus=2, memory_mb=memory_mb, root_gb=20))
            words = f"a server of {memory_mb} MiB on {host_state.host}"
            given = result(lambda: answer().host_passes(host_state, spec_obj), of=words)  # noqa: B023
            if given is None or given is ...:
                raise Uncheckable("host_passes returns nothing so far: write what it returns.")
            exact = headroom(host_state, memory_mb)
            if bool(given) != exact:
                raise Wrong(
                    f"For {words} you gave {bool(given)}. {host_state.free_ram_mb} of "
                    f"{host_state.total_usable_ram_mb} MiB are free before the server comes."
                )


def headroom(host_state, memory_mb):
    """Whether a quarter of the RAM is free when a server of *memory_mb* has come."""
    return host_state.free_ram_mb - memory_mb >= host_state.total_usable_ram_mb / 4


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


QUESTIONS = (
    Question(
        "road",
        "Put the stages in the order in which a request meets them: claim, filters, placement, "
        "request filters, weighers. Give a list of strings.",
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
        "headroom",
        "Write the class so that a quarter of a host's RAM is still free when the server has come. "
        "What the server takes is spec_obj.memory_mb. Give the class.",
        _judge_headroom,
        (
            "How much is free when the server has come: free_ram_mb less what it takes.",
            "Compare that with total_usable_ram_mb / 4. Exactly a quarter is enough.",
        ),
        lambda: (
            "return host_state.free_ram_mb - spec_obj.memory_mb >= host_state.total_usable_ram_mb "
            "/ 4. Tried with six sizes of servers on each of the four hosts."
        ),
    ),
)
