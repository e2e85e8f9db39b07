"""A cloud with one server on small hosts, where a table or a question needs no more."""

from labkit.cloud.cloud import Cloud
from labkit.fleet import Fleet
from labkit.nova.conf import Options
from labkit.nova.objects import Flavor, RequestSpec

SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))
HOST = {
    "host": "cn-1",
    "total_usable_ram_mb": 4096,
    "free_ram_mb": 4096,
    "total_usable_disk_gb": 40,
    "free_disk_mb": 40960,
    "vcpus_total": 4,
    "vcpus_used": 0,
}
#: What brings a new server into each power state.
ACTIONS = {"running": (), "paused": ("pause",), "shutdown": ("stop",)}


def one_server(*actions, hosts=("cn-1",), spec=SPEC, options=None, **arguments):
    """Return a Cloud with the server web-1 on one of *hosts*, after these actions.

    *arguments* are those of ``Cloud``; each action settles before the next one is asked for.
    """
    fleet = Fleet(HOST | {"host": host} for host in hosts)
    cloud = Cloud(fleet, options or Options(), **arguments)
    cloud.create("web-1", spec)
    cloud.settle()
    return act(cloud, *actions)


def act(cloud, *actions):
    """Ask for one action of web-1 after the other, each when the last one is through."""
    for action in actions:
        cloud.act("web-1", action)
        cloud.settle()
    return cloud
