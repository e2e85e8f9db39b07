"""What a compute host reports about itself (nova/objects/compute_node.py)."""

import uuid as uuids
from dataclasses import dataclass, field

from labkit.nova import exception
from labkit.nova.db.main import api as db

_UNSAID = object()


@dataclass
class ComputeNode:
    """One row of Nova's table compute_nodes, as the scheduler reads it.

    RAM in MiB, disk in GiB, CPUs as a count. ``free_disk_gb`` None means that the host has
    not reported its usage yet; the scheduler then ignores the row.

    >>> ComputeNode("cn-1", memory_mb=8192, memory_mb_used=512).free_ram_mb
    7680
    """

    host: str
    memory_mb: int = 0
    memory_mb_used: int = 0
    local_gb: int = 0
    local_gb_used: int = 0
    vcpus: int = 0
    vcpus_used: int = 0
    free_ram_mb: int | None = None
    free_disk_gb: int | None = _UNSAID
    disk_available_least: int | None = None
    cpu_allocation_ratio: float = 4.0
    ram_allocation_ratio: float = 1.0
    disk_allocation_ratio: float = 1.0
    hypervisor_type: str = "QEMU"
    hypervisor_version: int | None = None
    hypervisor_hostname: str = ""
    host_ip: str | None = None
    cpu_info: str = ""
    supported_hv_specs: list = field(default_factory=list)
    stats: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    uuid: str = ""
    current_workload: int | None = None
    running_vms: int | None = None
    service_id: int | None = None
    id: int | None = None
    updated_at: float | None = field(default=None, compare=False)
    deleted: bool = False

    def __post_init__(self):
        self.hypervisor_hostname = self.hypervisor_hostname or self.host
        self.uuid = self.uuid or str(uuids.uuid5(uuids.NAMESPACE_DNS, self.host))
        if self.free_ram_mb is None:
            self.free_ram_mb = self.memory_mb - self.memory_mb_used
        if self.free_disk_gb is _UNSAID:
            self.free_disk_gb = self.local_gb - self.local_gb_used

    def obj_clone(self) -> "ComputeNode":
        """Return a copy; lists and dicts are never changed, only replaced."""
        other = object.__new__(ComputeNode)
        other.__dict__.update(self.__dict__)
        return other


#: The three ratios, in the order of their columns.
RATIOS = ("cpu_allocation_ratio", "ram_allocation_ratio", "disk_allocation_ratio")


def from_db(row, options) -> ComputeNode:
    """Return a row as a service reads it: a ratio that is not set, or 0.0, is the option's.

    In: a ComputeNode, the Options of the service that reads.

    Source: ``_from_db_object`` in nova/objects/compute_node.py, Nova 34.0.0.
    """
    node = row.obj_clone()
    for name in RATIOS:
        if not getattr(row, name):
            value = getattr(options, name) or getattr(options, f"initial_{name}")
            setattr(node, name, value)
    return node


def get_by_uuid(service, uuid) -> ComputeNode | None:
    """Return a service's copy of a node, of a deleted one too; None when there is none.

    A ratio that is not set is written at once.
    """
    row = db.compute_node_get_all(service.db_context).get(uuid)
    return row and _read(service, row)


def create(service, node):
    """Write a new row, and read it. Raises InvalidConfiguration when the node's name is taken.

    Source: ``create`` in nova/objects/compute_node.py and ``_create`` in
    nova/compute/resource_tracker.py, Nova 34.0.0.
    """
    names = [
        (row.host, row.hypervisor_hostname)
        for row in db.compute_node_get_all(service.db_context).values()
        if not row.deleted
    ]
    if (node.host, node.hypervisor_hostname) in names:
        raise exception.InvalidConfiguration(
            f"Duplicate compute node record found for host {node.host} node "
            f"{node.hypervisor_hostname}"
        )
    row = node.obj_clone()
    db.compute_node_create(service.db_context, row)
    service.site.compute_node_saved(service, row, None)
    vars(node).update(vars(_read(service, row)))


def save(service, node):
    """Write a node's row, and read it; from now on schedulers see it."""
    row = node.obj_clone()
    _update(service, row)
    vars(node).update(vars(_read(service, row)))


def _update(service, row):
    row.updated_at = float(service.site.clock.env.now)
    old = db.compute_node_update(service.db_context, row)
    service.site.compute_node_saved(service, row, old)


def _read(service, row):
    node = from_db(row, service.options)
    if not all(getattr(row, name) for name in RATIOS):
        vars(row).update({name: getattr(node, name) for name in RATIOS})
        _update(service, row)
    return node
