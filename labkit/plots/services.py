"""The order in which services stand in a figure."""

from collections.abc import Iterable

CONTROLLER = ("api", "conductor", "scheduler")
NEIGHBOURS = ("placement", "glance", "neutron", "virt")


def services_of(names: Iterable[str]) -> list[str]:
    """Return names in the order of a request: controller, computes as they come, neighbours.

    >>> services_of(["virt", "compute@cn-2", "scheduler", "api", "compute@cn-1", "api"])
    ['api', 'scheduler', 'compute@cn-2', 'compute@cn-1', 'virt']
    """
    there = dict.fromkeys(names)
    first = [name for name in CONTROLLER if name in there]
    last = [name for name in NEIGHBOURS if name in there]
    return [*first, *(name for name in there if name not in (*first, *last)), *last]
