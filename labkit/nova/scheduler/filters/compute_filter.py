"""Keep hosts whose nova-compute is enabled and heard from (filters/compute_filter.py)."""

from labkit.nova.scheduler import filters


class ComputeFilter(filters.BaseHostFilter):
    """Pass a host whose service is enabled, not forced down and seen within service_down_time.

    Source: nova/scheduler/filters/compute_filter.py and nova/servicegroup/drivers/db.py,
    Nova 34.0.0.
    """

    run_filter_once_per_request = True

    def passed(self, hosts, spec_obj):
        """Return a mask of the hosts that are up."""
        return hosts.take(hosts.fleet.service_is_up(self.CONF.service_down_time))

    def reason(self, host_state, spec_obj):
        """Return what is wrong with the service."""
        service = host_state.service
        if service["disabled"]:
            return f"the service is disabled, reason: {service['disabled_reason']}"
        if service["forced_down"]:
            return "the service is forced down"
        return (
            f"the host has not been heard from for {service['heartbeat_age_s']:g} s"
            f" > service_down_time {self.CONF.service_down_time} s"
        )
