"""Weigh hosts by free disk (weights/disk.py).

The default spreads servers; a negative ``disk_weight_multiplier`` packs them.
"""

from labkit.nova import conf
from labkit.nova.scheduler import utils, weights

CONF = conf.CONF


class DiskWeigher(weights.BaseHostWeigher):
    """Weigh by free disk in MiB."""

    minval = 0

    def weight_multiplier(self, host_state):
        """Return the option, or what an aggregate of the host says instead."""
        return utils.get_weight_multiplier(
            host_state,
            "disk_weight_multiplier",
            CONF.filter_scheduler.disk_weight_multiplier,
        )

    def _weigh_object(self, host_state, weight_properties):
        """Higher weights win: spreading is the default."""
        return host_state.free_disk_mb
