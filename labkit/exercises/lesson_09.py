"""Lesson 09: what the scheduler sees of a host, how many servers fit, what waits, who refuses."""

import functools

from labkit import nova13
from labkit.decision import place
from labkit.exercises.answers import by_host, choose, each, known, number_is
from labkit.exercises.judging import Question
from labkit.neighbours import placement
from labkit.nova.compute.claims import claim_test
from labkit.nova.conf import Options
from labkit.nova.exception import ComputeResourcesUnavailable
from labkit.nova.objects import Flavor, RequestSpec
from labkit.nova.objects.migration import Migration
from labkit.nova.virt.libvirt.host import GI, Hypervisor
from labkit.studies.reports import fleet_of, tracker_of

SERVICES = ("nova-scheduler", "placement", "nova-conductor", "nova-compute")
#: Of the first question: its host, and the flavor of its two servers.
MEMORY_MB, DISK_GB, FREE_GB = 31900, 199.7, 120.9
FLAVOR = Flavor(vcpus=4, memory_mb=8192, root_gb=60, swap=1536)
#: Of the second: a host, its options, and the flavor that it is filled with.
HOST = {"vcpus": 16, "memory_mb": 65536, "disk_gb": 1000}
OPTIONS = {
    "cpu_allocation_ratio": 4.0,
    "ram_allocation_ratio": 1.5,
    "disk_allocation_ratio": 1.0,
    "reserved_host_memory_mb": 8192,
}
FILL = Flavor(vcpus=4, memory_mb=8192, root_gb=80)


def _tracker(vcpus, memory_mb, disk_gb, free_gb=None, **options):
    free_gb = disk_gb if free_gb is None else free_gb
    disk = {"total": int(disk_gb * GI), "free": int(free_gb * GI)}
    disk["used"] = disk["total"] - disk["free"]
    host = Hypervisor("cn-9", [1] * vcpus, memory_mb, memory_mb * 1024, disk)
    return tracker_of(host, Options(**options))


# -- what is asked, computed ------------------------------------------------------------------
@functools.cache
def seen():
    """Return free_ram_mb, free_disk_mb and vcpus_used of a HostState after a report."""
    tracker = _tracker(16, MEMORY_MB, DISK_GB, FREE_GB)
    for name in ("a", "b"):
        tracker.service.create(name, FLAVOR, "cn-9")
    tracker.update_available_resource("cn-9")
    state = fleet_of([tracker])["cn-9"]
    return [state.free_ram_mb, state.free_disk_mb, state.vcpus_used]


@functools.cache
def fit():
    """Return how many servers of a flavor fit on an empty host."""
    tracker = _tracker(**HOST, **OPTIONS)
    tracker.update_available_resource("cn-9")
    _, placed = place(fleet_of([tracker]), [RequestSpec(FILL)] * 64)
    return int(placed.host.notna().sum())


def _built(tracker):
    tracker.instance_claim(tracker.service.create("new", FLAVOR), "cn-9")


def _deleted(tracker):
    instance = tracker.service.get("old")
    instance.vm_state = "deleted"
    tracker.update_usage(instance, "cn-9")


def _arrives(tracker):
    service = tracker.service
    instance = service.create("big", FLAVOR, "cn-8", new_flavor=FILL)
    migration = Migration.new(service, instance, "resize", "accepted", FILL)
    migration.create()
    tracker.resize_claim(instance, FILL, "cn-9", migration)


#: What happens on a host, and how.
EVENTS = {
    "server arrives": _built,
    "server deleted": _deleted,
    "server comes by resize": _arrives,
    "memory added": lambda tracker: setattr(
        tracker.driver.host.hypervisor, "memory_mb", 2 * MEMORY_MB
    ),
    "disk fills up": lambda tracker: tracker.driver.host.hypervisor.disk.update(free=GI),
    "CPU goes offline": lambda tracker: setattr(
        tracker.driver.host.hypervisor, "cpus", [1] * 15 + [0]
    ),
}


@functools.cache
def waiting():
    """Return the events that the scheduler does not see before the next report."""
    found = []
    for name, happens in EVENTS.items():
        tracker = _tracker(16, MEMORY_MB, DISK_GB)
        tracker.service.create("old", FLAVOR, "cn-9")
        tracker.update_available_resource("cn-9")
        before = fleet_of([tracker]).hosts
        happens(tracker)
        if fleet_of([tracker]).hosts.equals(before):
            found.append(name)
    return found


@functools.cache
def refusing():
    """Return who refuses the second of two servers for the room of one: before 20.0.0, and now."""
    tracker = _tracker(16, 10240, 1000)
    tracker.update_available_resource("cn-9")
    fleet, resources = fleet_of([tracker]), {"VCPU": 4, "MEMORY_MB": 8192, "DISK_GB": 80}
    placement.claim(fleet.inventories, 0, resources)
    _built(tracker)
    node, found = tracker.compute_nodes["cn-9"], []
    try:
        nova13.claim_test(node, FILL, nova13.limits(fleet["cn-9"]))
    except ComputeResourcesUnavailable:
        found.append("nova-compute")
    claim_test(tracker.service.create("second", FILL))  # today's has nothing against it
    if not placement.claim(fleet.inventories, 0, resources):
        found.append("placement")
    return found


# -- judging ----------------------------------------------------------------------------------
def _fit_slip(given, exact):
    total, reserved, ratio = HOST["memory_mb"], OPTIONS["reserved_host_memory_mb"], 1.5
    slips = {
        int((total * ratio - reserved) // FILL.memory_mb): "What is reserved comes off first; the "
        "ratio is of the rest.",
        int(total * ratio // FILL.memory_mb): "Of the memory, something is reserved.",
        (total - reserved) // FILL.memory_mb: "The memory has a ratio, too.",
        16: "That is for the CPUs. Which resource is the first that is full?",
    }
    return slips.get(given, "For each resource: (total - reserved) * ratio, by what one needs.")


#: Why a service did not refuse it: placement then, nova-compute today, the others never.
_PASSES = {
    "nova-scheduler": "It believes rows that another scheduler has read as well.",
    "nova-conductor": "It passes on what others have chosen.",
    "placement": "In the notes' Nova it is not asked when a host is chosen.",
    "nova-compute": "Since 20.0.0 its claim tests NUMA and PCI alone.",
}


def _slip(free_gb, reserved=512):
    state = seen()
    return [MEMORY_MB - reserved - 2 * FLAVOR.memory_mb, free_gb * 1024, state[2]]


QUESTIONS = (
    by_host(
        "host-state-of-a-report",
        f"cn-9 reports memory_mb {MEMORY_MB}, local_gb {DISK_GB}, disk_available_least {FREE_GB}. "
        f"It holds two servers of {FLAVOR.vcpus} vCPUs, {FLAVOR.memory_mb} MiB, a root disk of "
        f"{FLAVOR.root_gb} GiB and {FLAVOR.swap} MiB of swap; what is reserved is Nova's default. "
        "What are free_ram_mb, free_disk_mb and vcpus_used of its HostState?",
        wanted={
            "free_ram_mb": "memory_mb, less what is reserved, less the memory of both servers",
            "free_disk_mb": "1024 times the smaller of two whole numbers of GiB",
            "vcpus_used": "the vCPUs of both servers",
        },
        compute=seen,
        in_short="All three are whole numbers.",
        because=(
            "Of the disk: int(60 + 1.5) = 61, then int(61 + 60 + 1.5) = 122 of 199 GiB are used, "
            "77 are free, which is less than int(120.9)."
        ),
        hints=(
            "The hypervisor's own used figures count for nothing; 512 MiB are reserved.",
            "All GiB lose what is behind the point; local_gb_used does so after each server.",
        ),
        slips=lambda: [
            (_slip(77, 0), "Nova reserves 512 MiB for the host itself."),
            (_slip(76), "local_gb_used is made a whole number after each server."),
            (_slip(DISK_GB - 123), "The columns hold whole numbers of GiB."),
            (_slip(79), "The swap counts, too."),
            (
                _slip(120),
                "disk_available_least is only one of two; the smaller one counts.",
            ),
        ],
    ),
    Question(
        "how-many-fit",
        "An empty host of {vcpus} CPUs, {memory_mb} MiB and {disk_gb} GiB reports with ".format(
            **HOST
        )
        + ", ".join(f"{name} = {value:g}" for name, value in OPTIONS.items())
        + f". How many servers of {FILL.vcpus} vCPUs, {FILL.memory_mb} MiB and {FILL.root_gb} GiB "
        "fit? Give a number.",
        number_is(fit, "a number of servers", _fit_slip),
        (
            "Three resources: the one that holds the fewest servers decides.",
            "capacity = (total - reserved) * allocation_ratio",
        ),
        lambda: f"{fit()}. The memory decides: (65536 - 8192) * 1.5 = 86016 MiB, by 8192 each.",
    ),
    Question(
        "waits-for-the-report",
        "Which of these does the scheduler see only after the next periodic report of the host, if "
        f"nothing else happens there: {', '.join(EVENTS)}? Give a list of names.",
        choose(
            EVENTS,
            waiting,
            "names of events in a list",
            lambda name, given: (
                f"You gave {name!r}. The host's claim writes the row at once; so does its end."
            ),
            lambda name, given: (
                f"You gave {', '.join(given)}. One is missing: who tells nova-compute?"
            ),
        ),
        (
            "What nova-compute does itself, it writes itself.",
            "Who tells nova-compute of what happens to the machine? It asks, once a minute.",
        ),
        lambda: (
            ", ".join(waiting())
            + ": nova-compute is not told of these, it asks. The rest is a claim "
            "or its end, and each of them writes the row."
        ),
    ),
    Question(
        "who-refuses",
        "Two schedulers have chosen one host, for a server each, and it has room for one. Who "
        "refuses the second, in the notes' Nova and in 34.0.0: "
        f"{', '.join(SERVICES)}? Give a list of two names: then, today.",
        each(
            {"then": "then", "today": "today"},
            refusing,
            "two names in a list: the one of then, the one of today",
            lambda when, one, exact: _PASSES[one],
            read=lambda one, asked: known(one, SERVICES),
        ),
        (
            "Who of them sees both servers?",
            "Then, the claim on the host compared RAM; today it does not. What is booked, and where?",
        ),
        lambda: (
            "{}, then {}. Before 20.0.0 the claim on the host compared RAM, disk and vCPUs; "
            "today the resources are booked in placement before a host is told.".format(*refusing())
        ),
    ),
)
