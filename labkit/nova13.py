"""The scheduler of the Nova of the notes (13.0.0, Mitaka, 2016), where it differs from today's.

No placement: filters of its own compare RAM and disk. Six weighers. And a scheduler process
remembers: the ends between which weights are scaled only ever move apart, until a restart.
"""

import random

import numpy as np

from labkit import tables
from labkit.decision import Decision, own_copy, server_names
from labkit.nova import conf, weights
from labkit.nova.exception import NoValidHost
from labkit.nova.scheduler import filters
from labkit.nova.scheduler.host_manager import HostManager
from labkit.nova.scheduler.manager import Selection

#: The six weighers of 13.0.0, in the order of its sorted module names.
WEIGHERS = (
    "ServerGroupSoftAffinityWeigher",
    "ServerGroupSoftAntiAffinityWeigher",
    "DiskWeigher",
    "IoOpsWeigher",
    "MetricsWeigher",
    "RAMWeigher",
)


class RetryFilter(filters.BaseHostFilter):
    """Leave out the hosts on which the build was already tried.

    Source: nova/scheduler/filters/retry_filter.py, Nova 13.0.0 (gone in 22.0.0).
    """

    def asks(self, spec_obj):
        """Return whether this is a second try."""
        return bool(spec_obj.retry)

    def host_passes(self, host_state, spec_obj):
        """Return whether the host was not tried yet."""
        return host_state.host not in (spec_obj.retry or [])

    def reason(self, host_state, spec_obj):
        """Say that it was."""
        return f"the build was already tried on this host ({', '.join(spec_obj.retry)})"


class AvailabilityZoneFilter(filters.BaseHostFilter):
    """Keep the hosts of the zone; a host in no zone belongs to the zone ``nova``.

    Source: nova/scheduler/filters/availability_zone_filter.py, Nova 13.0.0 (gone in 28.0.0).
    """

    run_filter_once_per_request = True

    def asks(self, spec_obj):
        """Return whether a zone was named."""
        return bool(spec_obj.availability_zone)

    def host_passes(self, host_state, spec_obj):
        """Return whether the host is in the zone."""
        return not self.asks(spec_obj) or spec_obj.availability_zone in self._zones(host_state)

    def reason(self, host_state, spec_obj):
        """Return the zones the host is in."""
        here = ", ".join(sorted(self._zones(host_state)))
        return f"the host is in {here}, not in {spec_obj.availability_zone}"

    def _zones(self, host_state):
        metadata = filters.aggregate_metadata_get_by_host(host_state)
        return metadata.get("availability_zone", {"nova"})


class _AmountFilter(filters.BaseHostFilter):
    """Total times ratio, minus what is used, must hold the request; and so must the bare total."""

    what = None

    def passed(self, hosts, spec_obj):
        """Return a mask of the hosts with room."""
        wanted = self._wanted(spec_obj)
        total, free, ratio = self._amounts(hosts)
        usable = total * ratio - (total - free)
        return (total >= wanted) & (usable >= wanted)

    def reason(self, host_state, spec_obj):
        """Return the numbers."""
        total, free, ratio = (float(value[0]) for value in self._amounts(host_state._view))
        wanted = self._wanted(spec_obj)
        if total < wanted:
            return f"{self.what}: {wanted} asked for > {total:g} in total"
        usable = total * ratio - (total - free)
        return f"{self.what}: {wanted} asked for > {usable:g} = {total:g} * {ratio:g} - used"


class RamFilter(_AmountFilter):
    """Room for the flavor's RAM, with ram_allocation_ratio.

    Source: nova/scheduler/filters/ram_filter.py, Nova 13.0.0 (gone in 20.0.0).
    """

    what = "RAM in MiB"

    def _wanted(self, spec_obj):
        return spec_obj.memory_mb

    def _amounts(self, hosts):
        return hosts["total_usable_ram_mb"], hosts["free_ram_mb"], hosts["ram_allocation_ratio"]


class DiskFilter(_AmountFilter):
    """Room for root, ephemeral and swap disk, with disk_allocation_ratio.

    Source: nova/scheduler/filters/disk_filter.py, Nova 13.0.0 (gone in 20.0.0).
    """

    what = "disk in MiB"

    def _wanted(self, spec_obj):
        return 1024 * (spec_obj.root_gb + spec_obj.ephemeral_gb) + spec_obj.swap

    def _amounts(self, hosts):
        total = hosts["total_usable_disk_gb"] * 1024
        return total, hosts["free_disk_mb"], hosts["disk_allocation_ratio"]


class CoreFilter(_AmountFilter):
    """Room for the flavor's vCPUs, with cpu_allocation_ratio; a host without a count passes.

    Never among the default filters.

    Source: nova/scheduler/filters/core_filter.py, Nova 13.0.0 (gone in 20.0.0).
    """

    what = "vCPUs"

    def passed(self, hosts, spec_obj):
        """Return a mask of the hosts with room."""
        return super().passed(hosts, spec_obj) | (hosts["vcpus_total"] == 0)

    def _wanted(self, spec_obj):
        return spec_obj.vcpus

    def _amounts(self, hosts):
        total = hosts["vcpus_total"]
        return total, total - hosts["vcpus_used"], hosts["cpu_allocation_ratio"]


FILTERS = (
    RetryFilter,
    AvailabilityZoneFilter,
    RamFilter,
    DiskFilter,
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "ServerGroupAntiAffinityFilter",
    "ServerGroupAffinityFilter",
)


def options(**values) -> conf.Options:
    """Return Options with the filters and weighers of 13.0.0 as defaults.

    >>> len(options().weight_classes)
    6

    Source: nova/conf/scheduler.py, Nova 13.0.0.
    """
    return conf.Options(**({"enabled_filters": FILTERS, "weight_classes": WEIGHERS} | values))


class StickyWeightHandler(weights.BaseWeightHandler):
    """Scales between the lowest and the highest raw weight that the process has ever seen.

    A fixed minval moves too when a raw weight lies below it: nothing is clamped.

    Source: ``BaseWeigher.weigh_objects`` in nova/weights.py, Nova 13.0.0 to 21.0.0; mended in
    22.0.0.
    """

    def __init__(self):
        self.seen = {}

    def ends(self, weigher, raw):
        """Return the widest ends so far, this list included."""
        values = np.atleast_1d(raw).tolist()
        low, high = self.seen.get(weigher, (weigher.minval, weigher.maxval))
        low = min(values if low is None else [low, *values])
        high = max(values if high is None else [high, *values])
        self.seen[weigher] = low, high
        return low, high


class FilterScheduler:
    """One nova-scheduler process of 13.0.0; it remembers from request to request.

    In: Options, by default those of ``nova13.options()``. ``select_destinations`` takes what
    today's takes and returns the same Decision, so that both can be laid side by side.

    >>> from labkit import Fleet, Flavor, RequestSpec
    >>> scheduler = FilterScheduler()
    >>> scheduler.select_destinations(
    ...     Fleet.read("data/two_hosts"), RequestSpec(Flavor(vcpus=1, memory_mb=512))).host
    'cn-2'

    Source: nova/scheduler/filter_scheduler.py, Nova 13.0.0. Unlike 13.0.0, HostStates are not
    kept between requests.
    """

    def __init__(self, old_options=None):
        self.options = old_options or options()
        self.restart()

    def restart(self):
        """Start the process anew: what it remembered is gone."""
        self.host_manager = HostManager(self.options)
        self.host_manager.weight_handler = StickyWeightHandler()
        for weigher in self.host_manager.weighers:
            weigher.clamp = lambda raw: raw  # 13.0.0 did not clamp

    def select_destinations(self, fleet, spec_obj, seed=0, instance_uuids=None) -> Decision:
        """Choose a host for each server of a request; the fleet is unchanged.

        Raises NoValidHost, whose ``decision`` carries the tables up to the end.
        """
        names = server_names(spec_obj, instance_uuids)
        trace = tables.Trace(fleet, names)
        decision = Decision(fleet, spec_obj, self.options, seed, trace, [])
        rng, fleet = random.Random(seed), fleet.copy()
        spec_obj, hosts, selections = own_copy(spec_obj, names), fleet.all_hosts, []
        for index, instance in enumerate(names):
            spec_obj.instance_uuid = instance
            trace.begin(fleet, spec_obj, index)
            hosts = self.host_manager.get_filtered_hosts(hosts, spec_obj, index, trace)
            if not len(hosts):
                error = NoValidHost(reason="There are not enough hosts available.")
                error.decision = decision
                raise error
            trace.weighing(hosts)
            order, total = self.host_manager.get_weighed_hosts(hosts, spec_obj, trace)
            position = rng.choice(range(min(self.options.host_subset_size, len(order))))
            row = hosts.rows[order[position]]
            ranked = type(hosts)(fleet, hosts.rows[order])
            trace.chosen(ranked, total[order], position)
            host = fleet.texts["host"][row]
            selections.append(Selection(instance, host, float(total[order[position]])))
            fleet.consume_from_request(row, spec_obj)
            if spec_obj.instance_group is not None:
                spec_obj.instance_group.hosts.append(host)
                fleet.add_instance(row, instance)
        decision.selections = selections
        return decision
