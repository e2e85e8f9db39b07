"""Limit what a host builds, resizes and snapshots at a time (filters/io_ops_filter.py)."""

from labkit.nova.scheduler import filters


class IoOpsFilter(filters.BaseHostFilter):
    """Pass hosts with fewer than max_io_ops_per_host (8) operations under way.

    Source: nova/scheduler/filters/io_ops_filter.py, Nova 34.0.0.
    """

    def passed(self, hosts, spec_obj):
        """Return a mask: num_io_ops below the limit."""
        return hosts["num_io_ops"] < self._limits(hosts)

    def reason(self, host_state, spec_obj):
        """Return the number and the limit."""
        limit = self._limits(host_state._view)
        limit = limit if isinstance(limit, int) else int(limit[0])
        return f"num_io_ops {host_state.num_io_ops} >= max_io_ops_per_host {limit}"

    def _limits(self, hosts):
        return self.CONF.filter_scheduler.max_io_ops_per_host


class AggregateIoOpsFilter(IoOpsFilter):
    """The same, but the smallest ``max_io_ops_per_host`` of the host's aggregates decides.

    Source: nova/scheduler/filters/io_ops_filter.py, Nova 34.0.0.
    """

    def _limits(self, hosts):
        return hosts.take(hosts.fleet.integer_limits("max_io_ops_per_host", super()._limits(hosts)))
