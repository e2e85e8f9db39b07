"""The filters of 13.0.0 that today's scheduler has no more."""

from labkit.nova.scheduler import filters
from labkit.nova.scheduler.filters import utils


class RetryFilter(filters.BaseHostFilter):
    """Leave out the hosts on which the build was already tried.

    Source: nova/scheduler/filters/retry_filter.py, Nova 13.0.0 (gone in 22.0.0).
    """

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

    def host_passes(self, host_state, spec_obj):
        """Return whether the host is in the zone."""
        zone = spec_obj.availability_zone
        return not zone or zone in self._zones(host_state)

    def reason(self, host_state, spec_obj):
        """Return the zones the host is in."""
        here = ", ".join(sorted(self._zones(host_state)))
        return f"the host is in {here}, not in {spec_obj.availability_zone}"

    def _zones(self, host_state):
        metadata = utils.aggregate_metadata_get_by_host(host_state)
        return metadata.get("availability_zone", {"nova"})


class _AmountFilter(filters.BaseHostFilter):
    # Total times ratio, minus what is used, must hold the request; and so must the bare total.
    what = None

    def host_passes(self, host_state, spec_obj):
        """Return whether the host has room."""
        wanted = self._wanted(spec_obj)
        total, free, ratio = self._amounts(host_state)
        return total >= wanted and total * ratio - (total - free) >= wanted

    def reason(self, host_state, spec_obj):
        """Return the numbers."""
        total, free, ratio = self._amounts(host_state)
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

    def _amounts(self, host):
        return host.total_usable_ram_mb, host.free_ram_mb, host.ram_allocation_ratio


class DiskFilter(_AmountFilter):
    """Room for root, ephemeral and swap disk, with disk_allocation_ratio.

    Source: nova/scheduler/filters/disk_filter.py, Nova 13.0.0 (gone in 20.0.0).
    """

    what = "disk in MiB"

    def _wanted(self, spec_obj):
        return 1024 * (spec_obj.root_gb + spec_obj.ephemeral_gb) + spec_obj.swap

    def _amounts(self, host):
        return host.total_usable_disk_gb * 1024, host.free_disk_mb, host.disk_allocation_ratio


class CoreFilter(_AmountFilter):
    """Room for the flavor's vCPUs, with cpu_allocation_ratio; a host without a count passes.

    Never among the default filters.

    Source: nova/scheduler/filters/core_filter.py, Nova 13.0.0 (gone in 20.0.0).
    """

    what = "vCPUs"

    def host_passes(self, host_state, spec_obj):
        """Return whether the host has room."""
        return not host_state.vcpus_total or super().host_passes(host_state, spec_obj)

    def _wanted(self, spec_obj):
        return spec_obj.vcpus

    def _amounts(self, host):
        total = host.vcpus_total
        return total, total - host.vcpus_used, host.cpu_allocation_ratio


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
