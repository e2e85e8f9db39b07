"""Clouds in which servers were created, each on another road."""

from functools import cache

from labkit import Cloud, Fault, Flavor, Fleet, RequestSpec

SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=4096, root_gb=1))
LONG = "compute-rack07-node{:02d}.example.org"


def fleet_of(count, names="cn-{}"):
    """Hosts that are alike but for their RAM."""
    return Fleet(
        {
            "host": names.format(i + 1),
            "total_usable_ram_mb": 65536,
            "free_ram_mb": 65536 - 64 * i,
            "vcpus_total": 32,
            "vcpus_used": 0,
            "total_usable_disk_gb": 100,
            "free_disk_mb": 102400,
        }
        for i in range(count)
    )


def created(fleet, servers=1, every_s=0.0, spec=SPEC, **arguments):
    """A cloud in which so many servers were created, one after the other."""
    cloud = Cloud(fleet, **arguments)
    for i in range(servers):
        cloud.at(i * every_s, f"web-{i + 1}", "create", spec=spec)
    cloud.settle()
    return cloud


ROADS = {
    "plain": lambda: created(fleet_of(4)),
    "reschedule": lambda: created(fleet_of(4), faults=[Fault("spawn")]),
    "exhausted": lambda: created(fleet_of(4), faults=[Fault("spawn", times=99)]),
    "abort": lambda: created(fleet_of(4), faults=[Fault("image")]),
    "NoValidHost": lambda: created(
        fleet_of(4), spec=SPEC.replace(flavor=Flavor(memory_mb=10**7, vcpus=1))
    ),
    "lost call": lambda: created(fleet_of(2), faults=[Fault("message", at="select_destinations")]),
    "lost cast": lambda: created(
        fleet_of(2), faults=[Fault("message", at="build_and_run_instance")]
    ),
    "delete": lambda: created(fleet_of(4), faults=[Fault("delete", at="spawning")]),
    "host down": lambda: created(fleet_of(4), faults=[Fault("host_down", at="spawning")]),
    "long names": lambda: created(fleet_of(6, LONG), faults=[Fault("spawn", times=2)]),
    "three servers": lambda: created(fleet_of(2), servers=3, every_s=2.0),
    "30 on 4": lambda: created(fleet_of(4, LONG), servers=30, every_s=0.5),
    "30 on 30": lambda: created(fleet_of(30), servers=30),
    "30 on 45": lambda: created(
        fleet_of(45), servers=45, every_s=0.5
    ),  # each sees the claims before
}


@cache
def road(name):
    """One of the ROADS, made once for all tests; nobody changes it."""
    return ROADS[name]()
