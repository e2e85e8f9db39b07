"""The filters of 13.0.0 that today's scheduler has no more."""

from labkit.nova.scheduler import filters


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
