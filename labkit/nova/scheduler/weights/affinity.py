"""Weigh hosts by the number of servers of the request's own group (weights/affinity.py).

Soft affinity prefers the hosts with more of them, soft anti-affinity those with fewer.
"""

import numpy as np

from labkit.nova.scheduler import weights


class _SoftAffinityWeigherBase(weights.BaseHostWeigher):
    policy_name = None

    def weigh_objects(self, weighed_obj_list, request_spec):
        """Higher weights win."""
        group = request_spec.instance_group
        if not group or group.policy != self.policy_name:
            return 0.0
        members = set(group.members)
        instances = weighed_obj_list.fleet.instances
        rows = weighed_obj_list.rows.tolist()
        return np.array([float(len(members & instances[row].keys())) for row in rows])


class ServerGroupSoftAffinityWeigher(_SoftAffinityWeigherBase):
    """Count the group's servers on the host.

    Source: nova/scheduler/weights/affinity.py, Nova 34.0.0.
    """

    policy_name = "soft-affinity"
    multiplier_option = "soft_affinity_weight_multiplier"


class ServerGroupSoftAntiAffinityWeigher(_SoftAffinityWeigherBase):
    """Count the group's servers on the host, negated.

    Source: nova/scheduler/weights/affinity.py, Nova 34.0.0.
    """

    policy_name = "soft-anti-affinity"
    multiplier_option = "soft_anti_affinity_weight_multiplier"

    def weigh_objects(self, weighed_obj_list, request_spec):
        """Higher weights win: fewer servers of the group are better."""
        return 0.0 - super().weigh_objects(weighed_obj_list, request_spec)  # never -0.0
