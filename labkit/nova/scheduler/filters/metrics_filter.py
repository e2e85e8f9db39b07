"""Keep hosts that report every metric the weigher needs (filters/metrics_filter.py)."""

from labkit.nova.conf import parse_options
from labkit.nova.scheduler import filters


class MetricsFilter(filters.BaseHostFilter):
    """Pass hosts that have all metrics named in ``[metrics] weight_setting``.

    Source: nova/scheduler/filters/metrics_filter.py, Nova 34.0.0.
    """

    def host_passes(self, host_state, spec_obj):
        """Return whether no metric is missing."""
        return not self._missing(host_state)

    def reason(self, host_state, spec_obj):
        """Name the missing metrics."""
        return f"the host does not report {', '.join(self._missing(host_state))}"

    def _missing(self, host_state):
        wanted = {name for name, _ in parse_options(self.CONF.metrics.weight_setting)}
        return sorted(wanted - {metric.name for metric in host_state.metrics})
