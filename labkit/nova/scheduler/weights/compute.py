"""Weigh hosts by their recent failed builds (weights/compute.py)."""

from labkit.nova import conf
from labkit.nova.scheduler import utils, weights

CONF = conf.CONF


class BuildFailureWeigher(weights.BaseHostWeigher):
    """Weigh by failed builds; the option's sign is turned, so failures push a host down.

    The sign is turned after an aggregate's override, as in Nova.
    """

    def weight_multiplier(self, host_state):
        """Return the option, or what an aggregate of the host says instead."""
        return -1 * utils.get_weight_multiplier(
            host_state,
            "build_failure_weight_multiplier",
            CONF.filter_scheduler.build_failure_weight_multiplier,
        )

    def _weigh_object(self, host_state, weight_properties):
        """Higher weights win; the multiplier is negative."""
        return host_state.failed_builds
