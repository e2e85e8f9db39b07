"""Keep hosts with enough free PCI devices (filters/pci_passthrough_filter.py)."""

from labkit.nova.scheduler import filters


class PciPassthroughFilter(filters.BaseHostFilter):
    """Pass hosts whose plain pools together hold as many free devices as are asked for.

    Source: nova/scheduler/filters/pci_passthrough_filter.py, Nova 34.0.0. Unlike Nova, a
    request is a number of devices of any kind, without an alias.
    """

    def host_passes(self, host_state, spec_obj):
        """Return whether enough devices are free."""
        pci_requests = spec_obj.pci_requests
        return not pci_requests or host_state.pci_stats.support_requests(pci_requests)
