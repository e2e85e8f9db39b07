"""Lesson 00: a wish and a lack of room, and how far a request without a host comes."""

from labkit.cloud.cloud import Cloud
from labkit.decision import select_destinations
from labkit.exercises import DATA
from labkit.exercises.answers import one_of
from labkit.exercises.judging import Question
from labkit.fleet import Fleet
from labkit.nova.conf import Options
from labkit.nova.objects import Flavor, RequestSpec

FREE_RAM_MB = {"cn-1": 3072, "cn-2": 4096}
PACK = Options(ram_weight_multiplier=-1.0)
SERVICES = ["api", "conductor", "scheduler", "compute"]


def _spec(memory_mb):
    return RequestSpec(Flavor(vcpus=1, memory_mb=memory_mb, root_gb=10))


def packed(memory_mb):
    """The host that a server of *memory_mb* gets when the fuller host is preferred."""
    return select_destinations(Fleet.read(DATA / "two_hosts"), _spec(memory_mb), PACK).host


def unheard():
    """The services that no message of a request without a host reaches."""
    cloud = Cloud(Fleet.read(DATA / "two_hosts"), seed=17)
    cloud.create("web-1", _spec(8192))
    cloud.settle()
    heard = {*cloud.messages.sender, *cloud.messages.topic.dropna()}
    return [name for name in SERVICES if name not in heard]


QUESTIONS = (
    Question(
        "no-room",
        "ram_weight_multiplier is -1.0, and the server asks for 3584 MiB. Which of the two hosts "
        "gets it? Give its name.",
        one_of(
            list(FREE_RAM_MB),
            lambda: packed(3584),
            "one name, as text",
            {"cn-1": f"It has {FREE_RAM_MB['cn-1']} MiB free.", "cn-2": "Which host is fuller?"},
        ),
        (
            'In the dial of part 2, set ram_weight_multiplier and "RAM asked, MiB", and read its answer.',
            "Compare 3584 with what is free on each host.",
        ),
        lambda: (
            f"{packed(3584)}. The multiplier is a wish, and room is a rule: the fuller host has "
            f"only {FREE_RAM_MB['cn-1']} MiB free, so it is out before anybody compares."
        ),
    ),
    Question(
        "never-heard",
        "A server asks for more RAM than any host has. Which of Nova's services never hears of it: "
        f"{', '.join(SERVICES[:-1])} or {SERVICES[-1]}? Give its name.",
        one_of(
            SERVICES,
            lambda: unheard()[0],
            "one name, as text",
            {
                "api": "It took the request and answered 202.",
                "conductor": "It casts and calls for the request; look at the picture again.",
                "scheduler": "Somebody must find out that no host has room.",
                "compute": "Who is told to build?",
            },
        ),
        (
            "Read the picture from the top, message by message. Which one asks for a host?",
            "Who finds out that there is no host? The messages after that one are not sent.",
        ),
        lambda: (
            f"{', '.join(unheard())}. The conductor asks the scheduler, hears that there is no "
            "host, and has nobody to send the build to."
        ),
    ),
)
