"""Weigh hosts by the metrics that their monitors report (weights/metrics.py).

``[metrics] weight_setting = name1=1.0, name2=-1.0`` weighs name1 * 1.0 + name2 * -1.0.
"""

from labkit.nova import conf, exception
from labkit.nova.scheduler import utils, weights

CONF = conf.CONF


class MetricsWeigher(weights.BaseHostWeigher):
    """Add up metric values times their ratios.

    A missing metric refuses the request (``required``), or makes the whole weight
    ``weight_of_unavailable``, unless ratio times multiplier is 0.
    Raises ComputeHostMetricNotFound.
    """

    def __init__(self):
        self.setting = utils.parse_options(
            CONF.metrics.weight_setting, sep="=", converter=float, name="metrics.weight_setting"
        )

    def weight_multiplier(self, host_state):
        """Return the option, or what an aggregate of the host says instead."""
        return utils.get_weight_multiplier(
            host_state, "metrics_weight_multiplier", CONF.metrics.weight_multiplier
        )

    def _weigh_object(self, host_state, weight_properties):
        value = 0.0
        metrics = {metric.name: metric for metric in host_state.metrics or []}
        for name, ratio in self.setting:
            if name in metrics:
                value += metrics[name].value * ratio
            elif CONF.metrics.required:
                raise exception.ComputeHostMetricNotFound(
                    host=host_state.host, node=host_state.nodename, name=name
                )
            elif ratio * self.weight_multiplier(host_state) != 0:
                return CONF.metrics.weight_of_unavailable
        return value
