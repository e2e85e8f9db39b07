"""Weigh hosts by the metrics that their monitors report (weights/metrics.py).

``[metrics] weight_setting = name1=1.0, name2=-1.0`` weighs name1 * 1.0 + name2 * -1.0.
"""

import numpy as np

from labkit.nova import exception
from labkit.nova.conf import parse_options
from labkit.nova.scheduler import weights


class MetricsWeigher(weights.BaseHostWeigher):
    """Add up metric values times their ratios.

    A missing metric refuses the request (``required``), or makes the whole weight
    ``weight_of_unavailable``, unless ratio times multiplier is 0.
    Raises ComputeHostMetricNotFound.

    Source: nova/scheduler/weights/metrics.py, Nova 34.0.0.
    """

    multiplier_option = "weight_multiplier"
    aggregate_key = "metrics_weight_multiplier"

    def weigh_objects(self, weighed_obj_list, weight_properties):
        """Higher weights win."""
        conf = self.CONF.metrics
        setting = parse_options(conf.weight_setting)
        if not setting:
            return self.clamp(weights.nothing(len(weighed_obj_list)))
        hosts = weighed_obj_list
        value, gone = np.zeros(len(hosts)), np.zeros(len(hosts), dtype=bool)
        multipliers = self.weight_multipliers(hosts)
        lacking = []
        for name, ratio in setting:
            column = hosts.fleet.metrics.get(name)
            found = np.full(len(hosts), np.nan) if column is None else hosts.take(column)
            missing = np.isnan(found)
            lacking += [(row, name) for row in np.flatnonzero(missing)]
            value += np.where(missing | gone, 0.0, found * ratio)
            gone |= missing & (ratio * multipliers != 0)
        if lacking and conf.required:
            row, name = min(lacking, key=lambda pair: pair[0])
            host_state = list(hosts)[row].obj
            raise exception.ComputeHostMetricNotFound(
                host=host_state.host, node=host_state.nodename, name=name
            )
        return self.clamp(np.where(gone, conf.weight_of_unavailable, value))
