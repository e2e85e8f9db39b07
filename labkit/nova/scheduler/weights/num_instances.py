"""Weigh hosts by their number of servers (weights/num_instances.py).

Off by default (multiplier 0.0); a negative multiplier prefers hosts with fewer servers.
"""

from labkit.nova import conf
from labkit.nova.scheduler import utils, weights

CONF = conf.CONF


class NumInstancesWeigher(weights.BaseHostWeigher):
    """Weigh by num_instances."""

    def weight_multiplier(self, host_state):
        """Return the option, or what an aggregate of the host says instead."""
        return utils.get_weight_multiplier(
            host_state,
            "num_instances_weight_multiplier",
            CONF.filter_scheduler.num_instances_weight_multiplier,
        )

    def _weigh_object(self, host_state, weight_properties):
        return host_state.num_instances
