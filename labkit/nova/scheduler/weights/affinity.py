"""Weigh hosts by the number of servers of the request's own group (weights/affinity.py).

Soft affinity prefers the hosts with more of them, soft anti-affinity those with fewer.
"""

from labkit.nova import conf
from labkit.nova.scheduler import utils, weights

CONF = conf.CONF


class _SoftAffinityWeigherBase(weights.BaseHostWeigher):
    policy_name = None

    def _weigh_object(self, host_state, request_spec):
        group = request_spec.instance_group
        if not group or group.policy != self.policy_name:
            return 0
        return len(set(host_state.instances) & set(group.members))


class ServerGroupSoftAffinityWeigher(_SoftAffinityWeigherBase):
    """Count the group's servers on the host."""

    policy_name = "soft-affinity"

    def weight_multiplier(self, host_state):
        """Return the option, or what an aggregate of the host says instead."""
        return utils.get_weight_multiplier(
            host_state,
            "soft_affinity_weight_multiplier",
            CONF.filter_scheduler.soft_affinity_weight_multiplier,
        )


class ServerGroupSoftAntiAffinityWeigher(_SoftAffinityWeigherBase):
    """Count the group's servers on the host, negated: fewer are better."""

    policy_name = "soft-anti-affinity"

    def weight_multiplier(self, host_state):
        """Return the option, or what an aggregate of the host says instead."""
        return utils.get_weight_multiplier(
            host_state,
            "soft_anti_affinity_weight_multiplier",
            CONF.filter_scheduler.soft_anti_affinity_weight_multiplier,
        )

    def _weigh_object(self, host_state, request_spec):
        return -1 * super()._weigh_object(host_state, request_spec)
