"""Weigh hosts by the number of servers of the request's own group (weights/affinity.py).

Soft affinity prefers the hosts with more of them, soft anti-affinity those with fewer.
"""

import numpy as np

from labkit.nova.scheduler import weights


class _SoftAffinityWeigherBase(weights.BaseHostWeigher):
    policy_name = None
    sign = 1.0

    def weigh_objects(self, weighed_obj_list, request_spec):
        """Higher weights win."""
        group = request_spec.instance_group
        if not group or group.policy != self.policy_name:
            return self.clamp(weights.nothing(len(weighed_obj_list)))
        members = set(group.members)
        instances = weighed_obj_list.fleet.instances
        rows = weighed_obj_list.rows.tolist()
        found = np.array([float(len(members & instances[row].keys())) for row in rows])
        return self.clamp(self.sign * found + 0.0)  # never -0.0


class ServerGroupSoftAffinityWeigher(_SoftAffinityWeigherBase):
    """Count the group's servers on the host.

    Source: nova/scheduler/weights/affinity.py, Nova 34.0.0.
    """

    policy_name = "soft-affinity"
    multiplier_option = "soft_affinity_weight_multiplier"


class ServerGroupSoftAntiAffinityWeigher(_SoftAffinityWeigherBase):
    """Count the group's servers on the host, negated: fewer are better.

    Source: nova/scheduler/weights/affinity.py, Nova 34.0.0.
    """

    policy_name = "soft-anti-affinity"
    sign = -1.0
    multiplier_option = "soft_anti_affinity_weight_multiplier"
