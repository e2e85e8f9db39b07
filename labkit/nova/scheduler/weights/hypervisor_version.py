"""Weigh hosts by hypervisor version (weights/hypervisor_version.py).

The default prefers newer hosts.
"""

from labkit.nova import conf
from labkit.nova.scheduler import utils, weights

CONF = conf.CONF


class HypervisorVersionWeigher(weights.BaseHostWeigher):
    """Weigh by the version as a whole number (8.2.0 is 8002000); a missing one is 0."""

    def weight_multiplier(self, host_state):
        """Return the option, or what an aggregate of the host says instead."""
        return utils.get_weight_multiplier(
            host_state,
            "hypervisor_version_weight_multiplier",
            CONF.filter_scheduler.hypervisor_version_weight_multiplier,
        )

    def _weigh_object(self, host_state, weight_properties):
        """Higher weights win: newer hosts by default."""
        return host_state.hypervisor_version or 0
