"""Weigh hosts by their recent failed builds (weights/compute.py)."""

from labkit.nova.scheduler import weights


class BuildFailureWeigher(weights.BaseHostWeigher):
    """Weigh by failed builds; the option's sign is turned, so failures push a host down.

    The sign is turned after an aggregate's override, as in Nova.

    Source: nova/scheduler/weights/compute.py, Nova 34.0.0.
    """

    multiplier_option = "build_failure_weight_multiplier"

    def _column_multipliers(self, hosts):
        return -1 * super()._column_multipliers(hosts)

    def weigh_objects(self, weighed_obj_list, weight_properties):
        """Higher weights win; the multiplier is negative."""
        return self.clamp(weighed_obj_list["failed_builds"])
