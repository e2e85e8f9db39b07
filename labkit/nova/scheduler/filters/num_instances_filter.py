"""Limit the number of servers on a host (filters/num_instances_filter.py)."""

from labkit.nova import conf
from labkit.nova.scheduler import filters
from labkit.nova.scheduler.filters import utils

CONF = conf.CONF


class NumInstancesFilter(filters.BaseHostFilter):
    """Pass hosts with fewer than max_instances_per_host (50) servers."""

    def _get_max_instances_per_host(self, host_state, spec_obj):
        return CONF.filter_scheduler.max_instances_per_host

    def host_passes(self, host_state, spec_obj):
        """Return whether num_instances is below the limit."""
        return host_state.num_instances < self._get_max_instances_per_host(host_state, spec_obj)


class AggregateNumInstancesFilter(NumInstancesFilter):
    """The same, but the smallest ``max_instances_per_host`` of the host's aggregates decides."""

    def _get_max_instances_per_host(self, host_state, spec_obj):
        default = CONF.filter_scheduler.max_instances_per_host
        aggregate_vals = utils.aggregate_values_from_key(host_state, "max_instances_per_host")
        try:
            return utils.validate_num_values(aggregate_vals, default, cast_to=int)
        except ValueError:
            return default
