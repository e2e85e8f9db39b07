"""HostState and HostManager: what the scheduler believes, and who passes (host_manager.py)."""

import copy
import functools
from collections import UserDict
from types import SimpleNamespace

from labkit.nova import conf, exception
from labkit.nova.exception import OrphanedObjectError
from labkit.nova.filters import BaseFilter
from labkit.nova.objects.base import NovaObject
from labkit.nova.objects.image_meta import ImageMeta
from labkit.nova.pci.stats import PciDeviceStats
from labkit.nova.scheduler import filters, weights
from labkit.nova.weights import BaseWeigher

#: HostState's numbers, and what they are before a host has reported; RAM in MiB, ``_gb`` in GiB,
#: the rest counts.
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
#: Metrics that a row of compute_nodes has as a share of 1, and a scheduler in percent.
_SHARES = tuple(f"cpu.{name}percent" for name in ("", "user.", "kernel.", "idle.", "iowait."))
#: The numbers that a placed server changes.
CONSUMED = ("free_ram_mb", "free_disk_mb", "vcpus_used", "num_instances", "num_io_ops")


class ReadOnlyDict(UserDict):
    """A dict that cannot be changed."""

    def _refuse(self, *args):
        raise TypeError

    __setitem__ = __delitem__ = clear = pop = popitem = update = _refuse

    def __init__(self, source=None):
        self.data = dict(source or {})


class Instance(NovaObject):
    """A server on a host, as far as the scheduler knows it.

    What is not known of it is read when it is asked for, by *load* (a function of the uuid that
    returns a dict); without one it cannot be read, as with Nova's objects that have no context.

    Source: ``Instance`` in nova/objects/instance.py, Nova 34.0.0.
    """

    def __init__(self, uuid, load=None, **known):
        self.uuid = uuid
        self._load = load
        self.__dict__.update(known)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        self._obj_load()
        return getattr(self, name)

    def _obj_load(self):
        load, self._load = self._load, None
        if load is None:
            raise OrphanedObjectError(method="obj_load_attr", objtype="Instance")
        self.__dict__ = load(self.uuid) | self.__dict__

    def __contains__(self, name):
        return name in self.__dict__

    @functools.cached_property
    def image_meta(self):
        """The image that the server was created from."""
        if self._load is not None:
            self._obj_load()
            return self.__dict__["image_meta"]
        metadata = self.system_metadata.items()
        found = {key.removeprefix("image_"): v for key, v in metadata if key.startswith("image_")}
        return ImageMeta(properties=found)

    def __repr__(self):
        return f"Instance({self.uuid})"


class HostState:
    """What the scheduler believes about one compute node.

    ``node_name`` tells it from all others: the host, or the node where a host has several.
    """

    is_one_of_several_nodes = False

    def __init__(self, host, node, cell_uuid):
        self.host = host
        self.nodename = node
        self.uuid = None
        self.__dict__.update(NUMBERS)
        self.numa_topology = None
        self.pci_stats = None
        self.host_ip = None
        self.hypervisor_type = None
        self.hypervisor_hostname = None
        self.cpu_info = None
        self.supported_instances = None
        self.stats = {}
        self.limits = {}
        self.metrics = None
        self.aggregates = []
        self.instances = {}
        self.cell_uuid = cell_uuid
        self.updated = None
        self.allocation_candidates = []

    def update(self, compute=None, service=None, aggregates=None, inst_dict=None):
        """Take over what is known of the host: its row, its service, its aggregates, its servers."""
        if compute is not None:
            self._update_from_compute_node(compute)
        if aggregates is not None:
            self.aggregates = aggregates
        if service is not None:
            self.service = ReadOnlyDict(service)
        if inst_dict is not None:
            self.instances = inst_dict

    def _update_from_compute_node(self, compute):
        if compute.free_disk_gb is None:
            return  # the row is there, but its usage was not reported yet
        if self.updated and compute.updated_at and self.updated > compute.updated_at:
            return
        free_gb = compute.free_disk_gb
        if compute.disk_available_least is not None:
            free_gb = min(compute.disk_available_least, free_gb)
        self.uuid = compute.uuid
        self.disk_mb_used = compute.local_gb_used * 1024
        self.free_ram_mb = compute.free_ram_mb
        self.total_usable_ram_mb = compute.memory_mb
        self.total_usable_disk_gb = compute.local_gb
        self.free_disk_mb = free_gb * 1024
        self.vcpus_total = compute.vcpus
        self.vcpus_used = compute.vcpus_used
        self.updated = compute.updated_at
        self.pci_stats = PciDeviceStats()
        self.host_ip = compute.host_ip
        self.hypervisor_type = compute.hypervisor_type
        self.hypervisor_version = compute.hypervisor_version
        self.hypervisor_hostname = compute.hypervisor_hostname
        self.cpu_info = compute.cpu_info
        self.supported_instances = [list(spec) for spec in compute.supported_hv_specs]
        self.stats = dict(compute.stats or {})
        self.num_instances = int(self.stats.get("num_instances", 0))
        self.num_io_ops = int(self.stats.get("io_workload", 0))
        self.failed_builds = int(self.stats.get("failed_builds", 0))
        self.metrics = metrics_from(_from_row(compute.metrics))
        self.cpu_allocation_ratio = compute.cpu_allocation_ratio
        self.ram_allocation_ratio = compute.ram_allocation_ratio
        self.disk_allocation_ratio = compute.disk_allocation_ratio

    def consume_from_request(self, spec_obj):
        """Count one more server on this host, in the scheduler's memory only; swap is not counted.

        With too few PCI devices it stops before PCI and I/O are counted, as in Nova.
        """
        self.free_ram_mb -= spec_obj.memory_mb
        self.free_disk_mb -= (spec_obj.root_gb + spec_obj.ephemeral_gb) * 1024
        self.vcpus_used += spec_obj.vcpus
        self.num_instances += 1
        if spec_obj.pci_requests:
            if not self.pci_stats.support_requests(spec_obj.pci_requests):
                return
            self.pci_stats.apply_requests(spec_obj.pci_requests)
        self.num_io_ops += 1

    @property
    def node_name(self) -> str:
        """The name of its row in a fleet and in tables."""
        return self.nodename if self.is_one_of_several_nodes else self.host

    def own(self) -> "HostState":
        """Return a copy for one request: what a request changes is the copy's own."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.limits = {}
        other.instances = dict(self.instances)
        other.allocation_candidates = []
        if self.pci_stats is not None and self.pci_stats.pools:
            other.pci_stats = PciDeviceStats(self.pci_stats.pools)
        return other

    def __repr__(self):
        return (
            f"({self.host}, {self.nodename}) ram: {self.free_ram_mb}MB "
            f"disk: {self.free_disk_mb}MB io_ops: {self.num_io_ops} "
            f"instances: {self.num_instances}, "
            f"allocation_candidates: {len(self.allocation_candidates)}"
        )


def _from_row(metrics) -> dict[str, int]:
    """Return metrics as a row of compute_nodes has them as a scheduler reads them: whole numbers.

    Source: ``MonitorMetricList.from_json`` in nova/objects/monitor_metric.py, Nova 34.0.0.
    """
    return {name: int(value * 100 if name in _SHARES else value) for name, value in metrics.items()}


def metrics_from(values) -> list[SimpleNamespace]:
    """Return what monitors reported as objects with ``name`` and ``value``."""
    return [SimpleNamespace(name=name, value=value) for name, value in values.items()]


class HostManager:
    """Holds the enabled filters and weighers and applies them to the hosts of a fleet.

    In: Options. ``reading(fleet)`` returns one that knows the hosts of a fleet. In a cloud it also
    keeps in mind which servers are on them: what nova-computes have told, where they tell it.
    Raises SchedulerHostFilterNotFound for an unknown filter name, ValueError for an unknown
    weigher.
    """

    def __init__(self, options):
        self.options = options
        self.fleet = None
        self._get_instances_by_host = None
        self._instance_info = {}
        self.filter_handler = filters.HostFilterHandler()
        self.weight_handler = weights.HostWeightHandler()
        with conf.using(options):
            self.enabled_filters = self._choose_host_filters(options.enabled_filters)
            self.weighers = [cls() for cls in _weigher_classes(options.weight_classes)]

    def reading(self, fleet, servers=None) -> "HostManager":
        """Return a host manager with the same filters and weighers for the hosts of a fleet.

        *servers*, in a cloud, is where to read which servers a host has: a function of its name.
        """
        other = copy.copy(self)
        other.fleet = fleet
        other._get_instances_by_host = servers
        other._instance_info = {}
        if servers is not None and self.options.track_instance_changes:
            other._init_instance_info()
        return other

    def _choose_host_filters(self, filter_cls_names):
        known = {cls.__name__: cls for cls in self.filter_handler.get_all_classes()}
        bad = [name for name in filter_cls_names if isinstance(name, str) and name not in known]
        if bad:
            raise exception.SchedulerHostFilterNotFound(filter_name=", ".join(bad))
        classes = [known[name] if isinstance(name, str) else name for name in filter_cls_names]
        for cls in classes:
            _check("enabled_filters", cls, BaseFilter, "BaseHostFilter")
        return [cls() for cls in classes]

    def get_host_states(self, rows=None) -> list[HostState]:
        """Return fresh HostStates: of some rows of the fleet, or of all.

        Source: ``get_host_states_by_uuids`` in nova/scheduler/host_manager.py, Nova 34.0.0.
        """
        hosts = self.fleet.host_states(rows)
        if self._get_instances_by_host is not None:
            for state in hosts:
                state.instances = self._get_instance_info(state.host)
        return hosts

    def only_in_cell(self, hosts, cell) -> list[HostState]:
        """Return the hosts of one cell."""
        return [host for host in hosts if host.cell_uuid == cell]

    def get_filtered_hosts(self, hosts, spec_obj, index=0) -> list[HostState]:
        """Return the hosts that may take the request.

        Forced hosts skip all filters, unless the hint ``_nova_check_type`` is set.
        """
        destination = spec_obj.requested_destination
        if destination is not None and destination.host:
            hosts = self._get_hosts_matching_request(hosts, destination)
        if spec_obj.ignore_hosts:
            hosts = self._strip_ignore_hosts(hosts, spec_obj.ignore_hosts)
            if not hosts:
                return []
        if spec_obj.force_hosts:
            hosts = self._match_forced_hosts(hosts, spec_obj.force_hosts)
        if spec_obj.force_nodes:
            hosts = self._match_forced_nodes(hosts, spec_obj.force_nodes)
        forced = spec_obj.force_hosts or spec_obj.force_nodes
        if forced and not spec_obj.scheduler_hints.get("_nova_check_type"):
            return hosts
        return self.filter_handler.get_filtered_objects(
            self.enabled_filters, hosts, spec_obj, index
        )

    def _get_hosts_matching_request(self, hosts, destination):
        host, node = destination.host, destination.node
        return [x for x in hosts if x.host == host and (not node or x.nodename == node)]

    def _strip_ignore_hosts(self, hosts, hosts_to_ignore):
        ignored = {name.lower() for name in hosts_to_ignore}
        return [x for x in hosts if x.host.lower() not in ignored]

    def _match_forced_hosts(self, hosts, hosts_to_force):
        forced = {name.lower() for name in hosts_to_force}
        return [x for x in hosts if x.host.lower() in forced]

    def _match_forced_nodes(self, hosts, nodes_to_force):
        return [x for x in hosts if x.nodename in nodes_to_force]

    # -- which servers are where ----------------------------------------------------------
    def _init_instance_info(self):
        for host in self.fleet.rows:
            if self._get_instances_by_host(host):
                self._recreate_instance_info(host)

    def _get_instance_info(self, host_name):
        host_info = self._instance_info.get(host_name)
        if host_info and host_info["updated"]:
            return host_info["instances"]
        return self._get_instances_by_host(host_name)

    def _recreate_instance_info(self, host_name):
        instances = self._get_instances_by_host(host_name)
        self._instance_info[host_name] = {"instances": instances, "updated": False}

    def update_instance_info(self, host_name, instance_info):
        """Take over what a nova-compute tells of new or changed servers, a list of Instances."""
        host_info = self._instance_info.get(host_name)
        told = {instance.uuid: instance for instance in instance_info}
        if host_info:
            host_info["instances"].update(told)
            host_info["updated"] = True
        elif len(told) > 1:  # all that it has
            self._instance_info[host_name] = {"instances": told, "updated": True}
        else:
            self._recreate_instance_info(host_name)

    def delete_instance_info(self, host_name, instance_uuid):
        """Forget a server of a host."""
        host_info = self._instance_info.get(host_name)
        if host_info:
            host_info["instances"].pop(instance_uuid, None)
            host_info["updated"] = True
        else:
            self._recreate_instance_info(host_name)

    def sync_instance_info(self, host_name, instance_uuids):
        """Compare what is remembered with all that a host has; read it anew if that differs."""
        host_info = self._instance_info.get(host_name)
        if host_info and host_info["instances"].keys() == set(instance_uuids):
            host_info["updated"] = True
        else:
            self._recreate_instance_info(host_name)

    def get_weighed_hosts(self, hosts, spec_obj) -> list[weights.WeighedHost]:
        """Weigh the hosts; the highest weight comes first."""
        return self.weight_handler.get_weighed_objects(self.weighers, hosts, spec_obj)


def _weigher_classes(entries):
    known, found = weights.all_weighers(), []
    names = {name: cls for cls in known for name in (cls.__name__, _name_in_nova(cls))}
    for entry in entries:
        if entry == "nova.scheduler.weights.all_weighers":
            found += known
        elif not isinstance(entry, str):
            _check("weight_classes", entry, BaseWeigher, "BaseHostWeigher")
            found.append(entry)
        elif entry in names:
            found.append(names[entry])
        else:
            raise ValueError(
                f"[filter_scheduler] weight_classes: no weigher {entry!r}; the lab has "
                + ", ".join(cls.__name__ for cls in known)
            )
    return found


def _name_in_nova(cls):
    return f"{cls.__module__.removeprefix('labkit.')}.{cls.__name__}"


def _check(option, entry, base, name):
    if not (isinstance(entry, type) and issubclass(entry, base)):
        raise ValueError(
            f"[filter_scheduler] {option}: {entry!r} is neither a name nor a class"
            f" derived from {name}"
        )
