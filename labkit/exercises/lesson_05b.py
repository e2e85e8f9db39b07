"""Lesson 05b: who has a server while it moves, and what is held for nobody."""

import functools
import reprlib

import numpy as np

from labkit.cloud.faults import Fault
from labkit.exercises.answers import each, function, result, text
from labkit.exercises.judging import Question, Uncheckable, Wrong
from labkit.nova.objects import Flavor, RequestSpec
from labkit.studies.one_server import one_server

SMALL, BIG = Flavor(vcpus=1, memory_mb=512, root_gb=1), Flavor(vcpus=2, memory_mb=1024, root_gb=1)
#: When is asked for the host that the row names: the action, the task_state, the vm_state.
MOMENTS = (
    ("resize", "resize_migrating", "active"),
    ("resize", "resize_finish", "active"),
    ("migrateLive", "migrating", "active"),
    ("evacuate", "rebuild_spawning", "active"),
    ("shelve", None, "shelved_offloaded"),
)
_PLACES = ("source", "destination", "none")
_NAMED = 'one of "source", "destination" and "none" for each of the five moments, in a list'


def begun(action, faults=()):
    """A cloud of two hosts whose server was just asked to move, and the host where it was."""
    cloud = one_server(hosts=("cn-1", "cn-2"), spec=RequestSpec(SMALL), faults=faults)
    source = cloud.show("web-1")["host"]
    if action == "evacuate":
        cloud.host_down(source, forced=True)
    cloud.act("web-1", action, **({"flavor": BIG} if action == "resize" else {}))
    return cloud, source


def moved(action, *then, faults=()):
    """A cloud whose server has moved; *then* what else is done: an action, or "return" of the source."""
    cloud, source = begun(action, faults)
    cloud.settle()
    for what in then:
        if what == "return":
            cloud.host_up(source)
        else:
            cloud.act("web-1", what)
        cloud.settle()
    return cloud


@functools.cache
def held():
    """The VCPU that placement holds in VERIFY_RESIZE: on the source, on the destination."""
    cloud, source = begun("resize")
    cloud.settle()
    vcpus = {source: 0, cloud.show("web-1")["host"]: 0}
    for host, resources in _held(cloud).items():
        vcpus[host] += sum(int(one.split(", ")[0].removeprefix("VCPU ")) for one in resources)
    return list(vcpus.values())


def _held(cloud):
    # What placement holds: a list of resources for each host.
    rows = cloud.holdings.query("what == 'allocation'")
    last = rows.drop_duplicates(["host", "consumer"], keep="last").dropna(subset="value")
    return {host: list(own.value) for host, own in last.groupby("host")}


@functools.cache
def named():
    """Where the row says that the server is, at each of MOMENTS."""
    found = []
    for action, task_state, vm_state in MOMENTS:
        cloud, source = begun(action)
        now = cloud.show("web-1")
        while (now["task_state"], now["vm_state"]) != (task_state, vm_state):
            cloud.run(cloud.now + 0.01)
            now = cloud.show("web-1")
        found.append({source: "source", None: "none"}.get(now["host"], "destination"))
    return found


@functools.cache
def servers():
    """Servers as the exercise gets them, each with the hosts that hold something for nobody."""
    dead = [Fault("host_down", at="resize_migrating")]
    late = [Fault("host_down", at="memory_copy")]
    middle, _ = begun("resize")
    middle.run(middle.now + 3)
    clouds = (
        moved("resize", "confirmResize"),
        moved("resize"),
        middle,
        moved("resize", "return", faults=dead),
        moved("migrateLive", "return", faults=late),
        moved("evacuate"),
        moved("evacuate", "return"),
        moved("shelve"),
    )
    found = []
    for cloud in clouds:
        shown = cloud.show("web-1")
        server = {key: shown[key] for key in ("vm_state", "task_state", "host")}
        server["held"] = sorted(_held(cloud))
        found.append((server, _for_nobody(server)))
    return found


def _for_nobody(server):
    if server["task_state"] is not None or server["vm_state"] == "resized":
        return []
    return [host for host in server["held"] if host != server["host"]]


#: By place and number of VCPU.
_HELD_SLIPS = {
    ("source", 2): "Which host has the new flavor?",
    ("source", 0): "What if you revert, and somebody else has taken the room meanwhile?",
    ("destination", 0): "The guest runs on the destination already. With whose resources?",
    ("destination", 1): "There are two flavors, and one of them is on each host.",
}
_HELD = "two numbers in a list: VCPU on the source, VCPU on the destination"


def _named_slip(action, one, exact):
    if one not in _PLACES:
        raise Uncheckable(f"You gave {one!r}. Asked: {_NAMED}.")
    return {
        "resize": "The row changes when the disk has been copied.",
        "migrateLive": "The destination writes the row when the guest has arrived.",
        "evacuate": "The destination writes its name last, when the guest runs.",
        "shelve": "What is left of it on a host when it is offloaded?",
    }[action]


def _judge_leftovers(answer):
    asked = "a function of one server that returns a list of hosts"
    judged = function(answer, asked)
    for server, exact in servers():
        one = result(judged, server | {"held": list(server["held"])}, of=server)
        if isinstance(one, str) or not np.iterable(one):
            raise Wrong(f"For {server} you gave {reprlib.repr(one)}. Asked: {asked}.")
        if sorted(map(str, one)) != exact:
            raise Wrong(f"For {server} you gave {sorted(map(str, one))}. {_slip(server, exact)}")


def _slip(server, exact):
    if server["vm_state"] == "resized":
        return "It may still be reverted: the source is needed."
    if server["task_state"] is not None:
        return "Something is under way: the other host is needed."
    if exact:
        return "Nothing is under way, and the row names one host."
    return "What the host that the row names holds is needed."


QUESTIONS = (
    Question(
        "held-in-verify-resize",
        "A server is resized from 1 VCPU to 2, to another host, and waits in VERIFY_RESIZE. How many "
        "VCPU does placement hold for it and its migration? Give two numbers: on the source, on the "
        "destination.",
        each(
            {"the source": "source", "the destination": "destination"},
            held,
            _HELD,
            lambda place, one, exact: _HELD_SLIPS.get((place, one), f"Asked: {_HELD}."),
        ),
        (
            "Nobody knows yet whether it will be confirmed or reverted.",
            "The migration keeps the old flavor on the source, the server has the new one.",
        ),
        lambda: (
            f"{held()[0]} and {held()[1]}. Both hosts are paid for until somebody confirms or reverts: "
            "the migration holds the old flavor, the server the new one."
        ),
    ),
    Question(
        "named-by-the-row",
        "Which host does the row name in these moments: "
        + ", ".join(f"{action} in {vm_state}/{task}" for action, task, vm_state in MOMENTS)
        + '? Give a list of five of "source", "destination" and "none".',
        each(
            {f"{action} in {vm_state}/{task}": action for action, task, vm_state in MOMENTS},
            named,
            _NAMED,
            _named_slip,
            read=lambda one, asked: text(one, asked).lower(),
        ),
        (
            "Look at the lanes called row, in the figures of rounds 1, 4 and 5.",
            "Only a resize hands the row over before the guest runs on the destination.",
        ),
        lambda: (
            ", ".join(named())
            + ". A resize changes the row in the middle, a live migration and an "
            "evacuation at the end, and a shelved_offloaded server is nobody's."
        ),
    ),
    Question(
        "leftovers",
        "Which hosts hold something in placement that nobody will use? Give a function of one server, a "
        "dict with vm_state, task_state, host (that the row names) and held (the hosts that hold "
        "something for it or its migration), that returns a list of hosts.",
        _judge_leftovers,
        (
            "As long as a task is under way, or the vm_state is resized, both hosts are needed.",
            "Otherwise only server['host'] is needed; which of server['held'] are not?",
        ),
        lambda: (
            "[] if server['task_state'] or server['vm_state'] == 'resized' else "
            "[host for host in server['held'] if host != server['host']]. Of the "
            f"{len(servers())} servers that the check looks at "
            f"{sum(bool(hosts) for _, hosts in servers())} have such a host."
        ),
    ),
)
