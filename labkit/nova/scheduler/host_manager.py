"""HostState and HostManager: what the scheduler believes, and who passes (host_manager.py)."""

from collections import UserDict
from types import SimpleNamespace

import numpy as np

from labkit.nova.scheduler import filters, weights

#: HostState's numbers, one float64 column each; RAM in MiB, ``_gb`` in GiB, the rest counts.
NUMBERS = {
    "total_usable_ram_mb": 0,
    "free_ram_mb": 0,
    "total_usable_disk_gb": 0,
    "disk_mb_used": 0,
    "free_disk_mb": 0,
    "vcpus_total": 0,
    "vcpus_used": 0,
    "cpu_allocation_ratio": 4.0,
    "ram_allocation_ratio": 1.0,
    "disk_allocation_ratio": 1.0,
    "num_instances": 0,
    "num_io_ops": 0,
    "failed_builds": 0,
    "hypervisor_version": None,
}
#: The numbers that a placed server changes.
CONSUMED = ("free_ram_mb", "free_disk_mb", "vcpus_used", "num_instances", "num_io_ops")
#: Texts of a fleet that Nova keeps elsewhere: in the service, in placement.
_ELSEWHERE = ("disabled", "disabled_reason", "forced_down", "heartbeat_age_s", "traits")
_RATIOS = ("cpu_allocation_ratio", "ram_allocation_ratio", "disk_allocation_ratio")


class HostState:
    """What the scheduler believes about one compute node: one row of a fleet.

    Reads as Nova's HostState (``free_ram_mb``, ``instances``, ``service["disabled"]``, ...).

    Source: ``HostState`` in nova/scheduler/host_manager.py, Nova 34.0.0.
    """

    __slots__ = ("_fleet", "_row")
    numa_topology = updated = None

    def __init__(self, fleet, row):
        self._fleet = fleet
        self._row = row

    def __getattr__(self, name):
        fleet, row = self._fleet, self._row
        column = fleet.columns.get(name)
        if column is not None:
            return _number(name, float(column[row]))
        if name in fleet.texts and name not in _ELSEWHERE:
            return fleet.texts[name][row]
        raise AttributeError(f"HostState of Nova has no attribute {name!r}")

    @property
    def _view(self):
        return Hosts(self._fleet, np.array([self._row]))

    @property
    def aggregates(self) -> list:
        """The aggregates that the host belongs to, in the fleet's order."""
        return self._fleet.aggregates_of(self._row)

    @property
    def instances(self) -> dict:
        """Servers on the host: name to image properties."""
        return self._fleet.instances[self._row]

    @property
    def service(self) -> UserDict:
        """The nova-compute service: disabled, disabled_reason, forced_down, heartbeat_age_s."""
        texts, row = self._fleet.texts, self._row
        return UserDict({key: texts[key][row] for key in _ELSEWHERE[:4]})

    @property
    def metrics(self) -> list:
        """What monitors reported: objects with ``name`` and ``value``."""
        found = self._fleet.metrics.items()
        return [
            SimpleNamespace(name=name, value=_number(name, float(values[self._row])))
            for name, values in found
            if not np.isnan(values[self._row])
        ]

    @property
    def pci_stats(self):
        """Free PCI devices: an object with ``pools``, each with a ``count``."""
        return SimpleNamespace(pools=[dict(pool) for pool in self._fleet.pci_pools[self._row]])

    @property
    def limits(self) -> dict:
        """Always empty: only NUMA puts limits here."""
        return {}

    def consume_from_request(self, spec_obj):
        """Book one server on this host, in the scheduler's memory only."""
        self._fleet.consume_from_request(self._row, spec_obj)

    def __eq__(self, other):
        if not isinstance(other, HostState):
            return NotImplemented
        return self._row == other._row and self._fleet is other._fleet

    def __hash__(self):
        return hash((id(self._fleet), self._row))

    def __repr__(self):
        return (
            f"({self.host}, {self.nodename}) ram: {self.free_ram_mb}MB "
            f"disk: {self.free_disk_mb}MB io_ops: {self.num_io_ops} "
            f"instances: {self.num_instances}"
        )


def _number(name, value):
    """Give whole numbers back as int, as Nova's objects hold them; a missing one as None."""
    if name == "hypervisor_version" and np.isnan(value):
        return None
    return int(value) if name not in _RATIOS and value.is_integer() else value


class Hosts:
    """Some hosts of a fleet, in an order: a list of HostState that also answers in columns.

    ``hosts["free_ram_mb"]`` is a float64 array, iterating yields HostState objects.
    """

    __slots__ = ("fleet", "rows")

    def __init__(self, fleet, rows=None):
        self.fleet = fleet
        self.rows = np.arange(len(fleet)) if rows is None else rows

    def __len__(self):
        return len(self.rows)

    def __iter__(self):
        return (HostState(self.fleet, row) for row in self.rows.tolist())

    def __getitem__(self, column):
        return self.take(self.fleet.columns[column])

    def take(self, values):
        """Return the part of a whole-fleet array that belongs to these hosts."""
        return values if len(self.rows) == len(values) and self._in_order else values[self.rows]

    @property
    def _in_order(self):
        return self.rows is self.fleet.every_row

    @property
    def names(self) -> list[str]:
        """The hosts' names."""
        return [self.fleet.texts["host"][row] for row in self.rows.tolist()]

    def keep(self, passed) -> "Hosts":
        """Return the hosts that passed: *passed* is a mask, True for all, or HostStates."""
        if passed is True:
            return self
        if isinstance(passed, np.ndarray):
            return self if passed.all() else Hosts(self.fleet, self.rows[passed])
        rows = [host_state._row for host_state in passed]
        return Hosts(self.fleet, np.array(rows, dtype=np.intp))


class WeighedHosts(Hosts):
    """The list that weighers see: columns as Hosts has them, but WeighedHost objects inside."""

    __slots__ = ()

    def __iter__(self):
        return (weights.WeighedHost(state, 0.0) for state in super().__iter__())


class HostManager:
    """Holds the enabled filters and weighers and applies them to hosts.

    Raises SchedulerHostFilterNotFound for an unknown filter name, ValueError for an unknown
    weigher.

    Source: ``HostManager`` in nova/scheduler/host_manager.py, Nova 34.0.0.
    """

    def __init__(self, options):
        self.filter_handler = filters.HostFilterHandler()
        self.weight_handler = weights.HostWeightHandler()
        self.enabled_filters = filters.load(options)
        self.weighers = weights.load(options)

    def get_filtered_hosts(self, hosts, spec_obj, index=0, trace=None):
        """Return the hosts that may take the request.

        Forced hosts skip all filters, unless the hint ``_nova_check_type`` is set.
        """
        destination = spec_obj.requested_destination
        if destination is not None and destination.host:
            wanted = [
                state.host == destination.host and destination.node in (None, "", state.nodename)
                for state in hosts
            ]
            hosts = _step(hosts, wanted, "requested_destination", f"{destination.host}", trace)
        ignore = {name.lower() for name in spec_obj.ignore_hosts or []}
        force = {name.lower() for name in spec_obj.force_hosts or []}
        nodes = set(spec_obj.force_nodes or [])
        if ignore:
            wanted = [name.lower() not in ignore for name in hosts.names]
            hosts = _step(hosts, wanted, "ignore_hosts", "the host is to be ignored", trace)
            if not len(hosts):
                return hosts
        if force:
            wanted = [name.lower() in force for name in hosts.names]
            hosts = _step(hosts, wanted, "force_hosts", "another host is forced", trace)
        if nodes:
            wanted = [state.nodename in nodes for state in hosts]
            hosts = _step(hosts, wanted, "force_nodes", "another node is forced", trace)
        if (force or nodes) and not spec_obj.scheduler_hints.get("_nova_check_type"):
            return hosts
        return self.filter_handler.get_filtered_objects(
            self.enabled_filters, hosts, spec_obj, index, trace
        )

    def get_weighed_hosts(self, hosts, spec_obj, trace=None, only_best=False):
        """Return the order of the hosts (positions, best first) and their weights."""
        return self.weight_handler.get_weighed_objects(
            self.weighers, WeighedHosts(hosts.fleet, hosts.rows), spec_obj, trace, only_best
        )


def _step(hosts, wanted, name, reason, trace):
    left = hosts.keep(np.array(wanted, dtype=bool))
    if trace is not None:
        if name == "requested_destination":
            reason = f"the request names the host {reason}"
        trace.stage(name, hosts, left, lambda host_state: reason)
    return left


def update_from_compute_node(compute) -> dict | None:
    """Turn a ComputeNode into HostState's values; None for a row without usage yet.

    Source: ``HostState._update_from_compute_node`` in nova/scheduler/host_manager.py, 34.0.0.
    """
    if compute.free_disk_gb is None:
        return None
    free_gb = compute.free_disk_gb
    if compute.disk_available_least is not None:
        free_gb = min(compute.disk_available_least, free_gb)
    stats = compute.stats or {}
    return {
        "host": compute.host,
        "nodename": compute.hypervisor_hostname,
        "uuid": compute.uuid,
        "total_usable_ram_mb": compute.memory_mb,
        "free_ram_mb": compute.free_ram_mb,
        "total_usable_disk_gb": compute.local_gb,
        "disk_mb_used": compute.local_gb_used * 1024,
        "free_disk_mb": free_gb * 1024,
        "vcpus_total": compute.vcpus,
        "vcpus_used": compute.vcpus_used,
        "cpu_allocation_ratio": compute.cpu_allocation_ratio,
        "ram_allocation_ratio": compute.ram_allocation_ratio,
        "disk_allocation_ratio": compute.disk_allocation_ratio,
        "num_instances": int(stats.get("num_instances", 0)),
        "num_io_ops": int(stats.get("io_workload", 0)),
        "failed_builds": int(stats.get("failed_builds", 0)),
        "hypervisor_type": compute.hypervisor_type,
        "hypervisor_version": compute.hypervisor_version,
        "host_ip": compute.host_ip,
        "cpu_info": compute.cpu_info,
        "supported_instances": [list(spec) for spec in compute.supported_hv_specs],
        "stats": dict(stats),
        "metrics": dict(compute.metrics),
    }
