"""The scheduler on columns, for large fleets: no file of Nova's, and no rule of its own.

Each built-in weigher and each common filter as arithmetic on numpy columns, one value for each
host. The answers are those of the plain form, bit for bit; what is not among the rules here (a
learner's own class, a server group, a named host, ...) is left to it.
"""

import math
from typing import NamedTuple

import numpy as np

from labkit.nova import conf
from labkit.nova.scheduler.filters import utils as filters_utils
from labkit.nova.scheduler.host_manager import CONSUMED
from labkit.nova.scheduler.manager import SchedulerManager, Selection

#: From so many hosts on columns are faster than HostStates one by one.
LARGE = 40
#: The option of each weigher's multiplier.
MULTIPLIERS = {
    "ServerGroupSoftAffinityWeigher": "soft_affinity_weight_multiplier",
    "ServerGroupSoftAntiAffinityWeigher": "soft_anti_affinity_weight_multiplier",
    "BuildFailureWeigher": "build_failure_weight_multiplier",
    "CPUWeigher": "cpu_weight_multiplier",
    "CrossCellWeigher": "cross_cell_move_weight_multiplier",
    "DiskWeigher": "disk_weight_multiplier",
    "HypervisorVersionWeigher": "hypervisor_version_weight_multiplier",
    "ImagePropertiesWeigher": "image_props_weight_multiplier",
    "IoOpsWeigher": "io_ops_weight_multiplier",
    "MetricsWeigher": "weight_multiplier",
    "NumInstancesWeigher": "num_instances_weight_multiplier",
    "PCIWeigher": "pci_weight_multiplier",
    "RAMWeigher": "ram_weight_multiplier",
}
#: The raw weight of each weigher that has something to weigh in a request of the common kind.
RAW = {
    "BuildFailureWeigher": lambda columns: columns.failed_builds,
    "CPUWeigher": lambda columns: (
        columns.vcpus_total * columns.cpu_allocation_ratio - columns.vcpus_used
    ),
    "DiskWeigher": lambda columns: columns.free_disk_mb,
    "HypervisorVersionWeigher": lambda columns: columns.hypervisor_version,
    "IoOpsWeigher": lambda columns: columns.num_io_ops,
    "NumInstancesWeigher": lambda columns: columns.num_instances,
    "PCIWeigher": lambda columns: 100 - np.minimum(columns.free_pci_devices, 99),
    "RAMWeigher": lambda columns: columns.free_ram_mb,
}
#: What a filter reads of a request and of the options; the rest of its judgement is of the host
#: alone and does not change while services and aggregates stay as they are.
READS = {
    "AggregateImagePropertiesIsolation": lambda spec, fs: (
        _properties(spec),
        fs.aggregate_image_properties_isolation_namespace,
        fs.aggregate_image_properties_isolation_separator,
    ),
    "AggregateMultiTenancyIsolation": lambda spec, fs: spec.project_id,
    "AggregateTypeAffinityFilter": lambda spec, fs: spec.flavor.name,
    "ComputeFilter": lambda spec, fs: conf.CONF.service_down_time,
    "ImagePropertiesFilter": lambda spec, fs: (
        _properties(spec),
        fs.image_properties_default_architecture,
    ),
    "IsolatedHostsFilter": lambda spec, fs: (
        spec.image.id,
        fs.isolated_hosts,
        fs.isolated_images,
        fs.restrict_isolated_hosts_to_isolated_images,
    ),
}
#: What changes with each server that is placed: a comparison of columns.
COMPARES = {
    "AggregateIoOpsFilter": lambda columns, spec, fs: (
        columns.num_io_ops < columns.limits("max_io_ops_per_host", fs.max_io_ops_per_host)
    ),
    "AggregateNumInstancesFilter": lambda columns, spec, fs: (
        columns.num_instances < columns.limits("max_instances_per_host", fs.max_instances_per_host)
    ),
    "IoOpsFilter": lambda columns, spec, fs: columns.num_io_ops < fs.max_io_ops_per_host,
    "NumInstancesFilter": lambda columns, spec, fs: (
        columns.num_instances < fs.max_instances_per_host
    ),
    "PciPassthroughFilter": lambda columns, spec, fs: columns.free_pci_devices >= spec.pci_requests,
}
#: Filters that let every host pass where nothing is asked that ``able`` leaves to the plain form.
OPEN = {
    "AggregateInstanceExtraSpecsFilter",
    "AllHostsFilter",
    "ComputeCapabilitiesFilter",
    "DifferentHostFilter",
    "JsonFilter",
    "MetricsFilter",
    "NUMATopologyFilter",
    "SameHostFilter",
    "ServerGroupAffinityFilter",
    "ServerGroupAntiAffinityFilter",
    "SimpleCIDRAffinityFilter",
}
_PLAIN_HINTS = {"same_host", "different_host", "query", "build_near_host_ip", "_nova_check_type"}
_PLAIN_PROPERTIES = ("img_hv_requested_version", "hw_maxphysaddr_bits")
_COLUMNS = (
    "free_ram_mb free_disk_mb vcpus_used num_instances num_io_ops vcpus_total cpu_allocation_ratio"
    " failed_builds hypervisor_version"
).split()


class Columns:
    """Some numbers of HostStates, an array of n float64 for each name.

    ``states`` are the HostStates that the columns were read from.
    """

    def __init__(self, states):
        self.states = list(states)
        self.every_row = np.arange(len(self.states))
        for name in _COLUMNS:
            values = [getattr(state, name) for state in self.states]
            if name == "hypervisor_version":
                values = [value or 0 for value in values]
            setattr(self, name, np.array(values, dtype=float))
        self.free_pci_devices = np.array([_free_pci(state) for state in self.states], dtype=float)
        self._found = {}

    def own(self, states=None) -> "Columns":
        """Return a copy whose numbers can change on their own; *states* as they are there."""
        other = object.__new__(Columns)
        other.__dict__.update(self.__dict__)
        other.states = list(states or self.states)
        for name in (*_COLUMNS, "free_pci_devices"):
            setattr(other, name, getattr(self, name).copy())
        return other

    def read(self, row, state, numbers_only=True):
        """Take over one HostState as it is now; with its service or aggregates, if those changed."""
        self.states[row] = state
        for name in _COLUMNS:
            getattr(self, name)[row] = getattr(state, name) or 0
        self.free_pci_devices[row] = _free_pci(state)
        if not numbers_only:
            self._found = {}  # a copy of these columns keeps what it has found

    def consume_from_request(self, row, spec_obj):
        """Count one more server on a host, as HostState.consume_from_request does."""
        self.free_ram_mb[row] -= spec_obj.memory_mb
        self.free_disk_mb[row] -= (spec_obj.root_gb + spec_obj.ephemeral_gb) * 1024
        self.vcpus_used[row] += spec_obj.vcpus
        self.num_instances[row] += 1
        if spec_obj.pci_requests:
            if spec_obj.pci_requests > self.free_pci_devices[row]:
                return
            self.free_pci_devices[row] -= spec_obj.pci_requests
        self.num_io_ops[row] += 1

    def host_state(self, row):
        """Return a host's HostState with the numbers of the columns."""
        state = self.states[row].own()
        for name in CONSUMED:
            value = float(getattr(self, name)[row])
            setattr(state, name, int(value) if value.is_integer() else value)
        return state

    def passed(self, filter_, spec_obj, options) -> np.ndarray | bool:
        """Return a mask of the hosts that pass a filter, or True for all."""
        name = type(filter_).__name__
        if name in OPEN:
            return True
        if name in COMPARES:
            return COMPARES[name](self, spec_obj, options)
        return self._once(
            (name, READS[name](spec_obj, options)),
            lambda: self._judged(filter_, spec_obj),
        )

    def _judged(self, filter_, spec_obj):
        passes = [bool(filter_.host_passes(state, spec_obj)) for state in self.states]
        return True if all(passes) else np.array(passes, dtype=bool)

    def multipliers(self, options) -> dict:
        """Return each weigher's multiplier: one number for all hosts, or an array."""
        found = {name: getattr(options, option) for name, option in MULTIPLIERS.items()}
        for name, (unsaid, own) in self._once("multipliers", self._own_multipliers).items():
            found[name] = np.where(unsaid, found[name], own)
        found["BuildFailureWeigher"] = -1 * found["BuildFailureWeigher"]
        return found

    def _own_multipliers(self):
        """Return, by weigher, what aggregates say in place of its option."""
        keys = MULTIPLIERS | {"MetricsWeigher": "metrics_weight_multiplier"}
        said = {name: self._aggregate_minimum(key, float) for name, key in keys.items()}
        return {name: found for name, found in said.items() if found is not None}

    def limits(self, key, default) -> np.ndarray | float:
        """Return each host's limit: the smallest of its aggregates, else *default*."""
        found = self._aggregate_minimum(key, int)
        return default if found is None else np.where(found[0], default, found[1])

    def _aggregate_minimum(self, key, cast_to):
        """Return (where no aggregate says anything, values); None if none says anything."""

        def build():
            unsaid, values = np.ones(len(self.states), bool), np.zeros(len(self.states))
            for row in self._once("in aggregates", self._in_aggregates):
                texts = filters_utils.aggregate_values_from_key(self.states[row], key)
                try:
                    if texts:
                        values[row] = filters_utils.validate_num_values(texts, cast_to=cast_to)
                        unsaid[row] = False
                except ValueError:
                    pass  # Nova warns and takes the option
            return None if unsaid.all() else (unsaid, values)

        return self._once((key, cast_to), build)

    def _in_aggregates(self):
        return [row for row, state in enumerate(self.states) if state.aggregates]

    def _once(self, key, build):
        if key not in self._found:
            self._found[key] = build()
        return self._found[key]


class Round(NamedTuple):
    """How one server was placed: (filter, rows before, rows after), what was weighed, the choice.

    ``weighed`` are (weigher, raw, normalized, multiplier, score): n numbers each, or one for all
    hosts. ``order`` are the positions of ``rows`` by weight, as far as they were needed.
    """

    filtered: list
    rows: np.ndarray
    weighed: list
    total: np.ndarray
    order: np.ndarray
    position: int | None


class Rows:
    """Columns and the rows of the hosts that may be chosen."""

    def __init__(self, columns, rows):
        self.columns = columns
        whole = len(rows) == len(columns.every_row)
        self.rows = columns.every_row if whole else rows

    def take(self, values, rows):
        """Return the part of a column, or of one number for all, that belongs to *rows*."""
        if rows is self.columns.every_row or not isinstance(values, np.ndarray):
            return values
        return values[rows]


def able(options, spec_obj) -> bool:
    """Return whether the rules here give the plain form's answer to a request."""
    properties = spec_obj.image.properties if spec_obj.image else ()
    return (
        spec_obj.instance_group is None
        and spec_obj.requested_destination is None
        and not (spec_obj.ignore_hosts or spec_obj.force_hosts or spec_obj.force_nodes)
        and not _PLAIN_HINTS & spec_obj.scheduler_hints.keys()
        and all(key.startswith(("resources:", "trait:")) for key in spec_obj.flavor.extra_specs)
        and not any(name in properties for name in _PLAIN_PROPERTIES)
        and options.host_subset_size == 1
        and not options.shuffle_best_same_weighed_hosts
        and options.image_props_weight_multiplier == 0.0
        and not options.weight_setting
    )


def built_in(host_manager) -> bool:
    """Return whether all filters and weighers are Nova's own, and have their rules here."""
    known = MULTIPLIERS.keys() | READS.keys() | COMPARES.keys() | OPEN
    return all(
        type(each).__module__.startswith("labkit.nova.scheduler.") and type(each).__name__ in known
        for each in host_manager.enabled_filters + host_manager.weighers
    )


def rounds(host_manager, hosts, spec_obj, instance_uuids, claim, whole_order):
    """Place one server after the other; yield a Round for each before it is counted.

    Without *whole_order* and for a single server only the best host is looked for.
    """
    columns, rows, many = hosts.columns, hosts.rows, len(instance_uuids) > 1
    for index, instance in enumerate(instance_uuids):
        filtered, rows = _filtered(host_manager, hosts, rows, spec_obj, index)
        weighed, total = _weighed(host_manager, hosts, rows)
        order, position = _chosen(rows, total, instance, claim, whole_order or many)
        yield Round(filtered, rows, weighed, total, order, position)
        if position is None:
            return
        if many:
            columns.consume_from_request(rows[order[position]], spec_obj)
            rows = rows[order]


def _free_pci(state):
    return sum(pool["count"] for pool in state.pci_stats.pools)


def _properties(spec_obj):
    """Return the image's properties as something that a dict can have as its key."""
    image = spec_obj.image
    return tuple((key, str(value)) for key, value in image.properties.to_dict().items())


def _filtered(host_manager, hosts, rows, spec_obj, index):
    steps, options = [], host_manager.options.filter_scheduler
    for filter_ in host_manager.enabled_filters:
        if not filter_.run_filter_for_index(index):
            continue
        mask = hosts.columns.passed(filter_, spec_obj, options)
        before = rows
        if mask is not True and len(rows):
            mask = hosts.take(mask, rows)
            rows = rows if mask.all() else rows[mask]
        steps.append((filter_, before, rows))
        if not len(rows):
            break
    return steps, rows


def _weighed(host_manager, hosts, rows):
    total, steps = np.zeros(len(rows)), []
    if len(rows) <= 1:
        return steps, total
    multipliers = hosts.columns.multipliers(host_manager.options)
    with np.errstate(all="ignore"):
        for weigher in host_manager.weighers:
            name, minval = type(weigher).__name__, weigher.minval
            multiplier, raw, normalized = hosts.take(multipliers[name], rows), 0.0, 0.0
            if name in RAW:
                raw = hosts.take(RAW[name](hosts.columns), rows)
                if minval is not None and not raw[raw.argmin()] >= minval:
                    raw = np.where(raw < minval, float(minval), raw)
                normalized = normalize(raw, minval)
            score = multiplier * normalized
            if not isinstance(score, float) or score != 0.0:
                total += score
            steps.append((weigher, raw, normalized, multiplier, score))
    return steps, total


def normalize(weights, minval):
    """Scale an array as ``normalize`` in labkit/nova/weights.py scales a list."""
    high = weights.item(weights.argmax())
    low = weights.item(weights.argmin()) if minval is None else float(minval)
    if math.isnan(high):  # for Python a NaN is the end only where it comes first
        high = max(weights.tolist())
        low = min(weights.tolist()) if minval is None else low
    return 0.0 if low == high else (weights - low) / (high - low)


def _chosen(rows, total, instance, claim, whole_order):
    if not whole_order and len(total):
        best = int(total.argmax())  # the first maximum, or the first NaN
        if total[best] == total[best] and claim(instance, rows[best]):
            return np.array([best]), 0
    order = descending(total)
    for position, place in enumerate(order.tolist()):
        if claim(instance, rows[place]):
            return order, position
    return order, None


def descending(weights) -> np.ndarray:
    """Return positions sorted by weight, highest first and stable, as Python's sorted would.

    With a NaN among the weights the order is whatever Python's sort makes of it, as in Nova.

    >>> descending(np.array([1.0, 2.0, 1.0])).tolist()
    [1, 0, 2]
    """
    if np.isnan(weights).any():
        values = weights.tolist()
        return np.array(sorted(range(len(values)), key=values.__getitem__, reverse=True))
    return np.argsort(-weights, kind="stable")


class FastSchedulerManager(SchedulerManager):
    """A SchedulerManager that takes the columns of its fleet where they give the same answer.

    *least* is the number of hosts from which on it does.
    """

    least = LARGE

    def __init__(self, host_manager, *args, **kwargs):
        super().__init__(host_manager, *args, **kwargs)
        self._built_in = built_in(host_manager)

    def _get_all_host_states(self, candidates, spec_obj):
        fleet = self.host_manager.fleet
        large = self._built_in and candidates is not None and len(fleet) >= self.least
        if not large or not able(self.options, spec_obj):
            return super()._get_all_host_states(candidates, spec_obj)
        own = self.site is not None or spec_obj.num_instances > 1
        return Rows(fleet.columns.own() if own else fleet.columns, candidates.rows)

    def _schedule(self, spec_obj, instance_uuids, candidates, hosts, return_alternates):
        if not isinstance(hosts, Rows):
            return super()._schedule(spec_obj, instance_uuids, candidates, hosts, return_alternates)
        states, claimed, selections = hosts.columns.states, [], []
        alternates = return_alternates and self.options.max_attempts > 1

        def claim(instance, row):
            return self._claim(instance, states[row], spec_obj, candidates, claimed)

        with conf.using(self.options):
            for one in self._rounds(hosts, spec_obj, instance_uuids, claim, alternates):
                if one.position is not None:
                    place = one.order[one.position]
                    name, host = instance_uuids[len(selections)], states[one.rows[place]]
                    selections.append(Selection(name, host.node_name, float(one.total[place])))
            self._ensure_sufficient_hosts(selections, instance_uuids, claimed)
            if alternates:
                rows = one.rows[one.order]
                if len(instance_uuids) > 1:
                    index = len(instance_uuids) - 1
                    _, rows = _filtered(self.host_manager, hosts, rows, spec_obj, index)
                    rows = rows[descending(_weighed(self.host_manager, hosts, rows)[1])]
                selected = [states[self.host_manager.fleet.rows[each.host]] for each in selections]
                hosts = (states[row] for row in rows)  # of thousands only the first are looked at
                if len(selections) > 1:
                    hosts = list(hosts)
                self._get_alternate_hosts(selections, selected, hosts)
        return selections

    def _rounds(self, hosts, spec_obj, instance_uuids, claim, whole_order):
        return rounds(self.host_manager, hosts, spec_obj, instance_uuids, claim, whole_order)
