"""Keep hosts with enough free PCI devices (filters/pci_passthrough_filter.py)."""

from labkit.nova.scheduler import filters


class PciPassthroughFilter(filters.BaseHostFilter):
    """Pass hosts whose plain pools together hold as many free devices as are asked for.

    Source: nova/scheduler/filters/pci_passthrough_filter.py, Nova 34.0.0. Unlike Nova, a
    request is a number of devices of any kind, without an alias.
    """

    def asks(self, spec_obj):
        """Return whether devices are asked for."""
        return spec_obj.pci_requests > 0

    def passed(self, hosts, spec_obj):
        """Return a mask: enough free devices."""
        return hosts.take(hosts.fleet.free_pci_devices) >= spec_obj.pci_requests

    def reason(self, host_state, spec_obj):
        """Return how many there are and how many are asked for."""
        free = sum(pool["count"] for pool in host_state.pci_stats.pools)
        return f"{free} free PCI devices < {spec_obj.pci_requests} asked for"
