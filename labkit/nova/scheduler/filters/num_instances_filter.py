"""Limit the number of servers on a host (filters/num_instances_filter.py)."""

from labkit.nova.scheduler import filters


class NumInstancesFilter(filters.BaseHostFilter):
    """Pass hosts with fewer than max_instances_per_host (50) servers.

    Source: nova/scheduler/filters/num_instances_filter.py, Nova 34.0.0.
    """

    def passed(self, hosts, spec_obj):
        """Return a mask: num_instances below the limit."""
        return hosts["num_instances"] < self._limits(hosts)

    def reason(self, host_state, spec_obj):
        """Return the number and the limit."""
        limit = self._limits(host_state._view)
        limit = limit if isinstance(limit, int) else int(limit[0])
        return f"num_instances {host_state.num_instances} >= max_instances_per_host {limit}"

    def _limits(self, hosts):
        return self.CONF.filter_scheduler.max_instances_per_host


class AggregateNumInstancesFilter(NumInstancesFilter):
    """The same, but the smallest ``max_instances_per_host`` of the host's aggregates decides.

    Source: nova/scheduler/filters/num_instances_filter.py, Nova 34.0.0.
    """

    def _limits(self, hosts):
        limit = super()._limits(hosts)
        return hosts.take(hosts.fleet.integer_limits("max_instances_per_host", limit))
