"""Weigh hosts by free vCPUs (weights/cpu.py).

The default spreads servers; a negative ``cpu_weight_multiplier`` packs them.
"""

from labkit.nova import conf
from labkit.nova.scheduler import utils, weights

CONF = conf.CONF


class CPUWeigher(weights.BaseHostWeigher):
    """Weigh by vCPUs that are still free, overcommit included."""

    minval = 0

    def weight_multiplier(self, host_state):
        """Return the option, or what an aggregate of the host says instead."""
        return utils.get_weight_multiplier(
            host_state,
            "cpu_weight_multiplier",
            CONF.filter_scheduler.cpu_weight_multiplier,
        )

    def _weigh_object(self, host_state, weight_properties):
        """Higher weights win: spreading is the default."""
        return host_state.vcpus_total * host_state.cpu_allocation_ratio - host_state.vcpus_used
