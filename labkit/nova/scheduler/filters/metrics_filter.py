"""Keep hosts that report every metric the weigher needs (filters/metrics_filter.py)."""

from labkit.nova import conf
from labkit.nova.scheduler import filters, utils

CONF = conf.CONF


class MetricsFilter(filters.BaseHostFilter):
    """Pass hosts that have all metrics named in ``[metrics] weight_setting``."""

    def __init__(self):
        opts = utils.parse_options(
            CONF.metrics.weight_setting, sep="=", converter=float, name="metrics.weight_setting"
        )
        self.keys = {name for name, _ in opts}

    def host_passes(self, host_state, spec_obj):
        """Return whether no metric is missing."""
        return self.keys <= {metric.name for metric in host_state.metrics}
