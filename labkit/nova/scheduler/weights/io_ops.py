"""Weigh hosts by how many servers they build, resize or snapshot now (weights/io_ops.py).

The default multiplier is negative: a host with little such work is better.
"""

from labkit.nova import conf
from labkit.nova.scheduler import utils, weights

CONF = conf.CONF


class IoOpsWeigher(weights.BaseHostWeigher):
    """Weigh by num_io_ops."""

    minval = 0

    def weight_multiplier(self, host_state):
        """Return the option, or what an aggregate of the host says instead."""
        return utils.get_weight_multiplier(
            host_state,
            "io_ops_weight_multiplier",
            CONF.filter_scheduler.io_ops_weight_multiplier,
        )

    def _weigh_object(self, host_state, weight_properties):
        """Higher weights win; the multiplier is negative by default."""
        return host_state.num_io_ops
