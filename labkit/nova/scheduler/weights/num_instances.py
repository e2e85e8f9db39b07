"""Weigh hosts by their number of servers (weights/num_instances.py).

Off by default (multiplier 0.0); a negative multiplier prefers hosts with fewer servers.
"""

from labkit.nova.scheduler import weights


class NumInstancesWeigher(weights.BaseHostWeigher):
    """Weigh by num_instances.

    Source: nova/scheduler/weights/num_instances.py, Nova 34.0.0.
    """

    multiplier_option = "num_instances_weight_multiplier"

    def weigh_objects(self, weighed_obj_list, weight_properties):
        """Higher weights win."""
        return self.clamp(weighed_obj_list["num_instances"])
