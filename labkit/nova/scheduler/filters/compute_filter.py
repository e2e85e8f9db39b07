"""Keep hosts whose nova-compute is enabled and heard from (filters/compute_filter.py)."""

from labkit.nova import servicegroup
from labkit.nova.scheduler import filters


class ComputeFilter(filters.BaseHostFilter):
    """Pass a host whose service is enabled, not forced down and seen within service_down_time."""

    run_filter_once_per_request = True

    def __init__(self):
        self.servicegroup_api = servicegroup.API()

    def host_passes(self, host_state, spec_obj):
        """Return whether the service is enabled and up."""
        service = host_state.service
        return not service["disabled"] and self.servicegroup_api.service_is_up(service)
