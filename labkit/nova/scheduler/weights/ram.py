"""Weigh hosts by free RAM (weights/ram.py).

The default spreads servers; a negative ``ram_weight_multiplier`` packs them.
"""

from labkit.nova import conf
from labkit.nova.scheduler import utils, weights

CONF = conf.CONF


class RAMWeigher(weights.BaseHostWeigher):
    """Weigh by free RAM in MiB."""

    minval = 0

    def weight_multiplier(self, host_state):
        """Return the option, or what an aggregate of the host says instead."""
        return utils.get_weight_multiplier(
            host_state,
            "ram_weight_multiplier",
            CONF.filter_scheduler.ram_weight_multiplier,
        )

    def _weigh_object(self, host_state, weight_properties):
        """Higher weights win: spreading is the default."""
        return host_state.free_ram_mb
