"""Weigh hosts by free vCPUs (weights/cpu.py).

The default spreads servers; a negative ``cpu_weight_multiplier`` packs them.
"""

from labkit.nova.scheduler import weights


class CPUWeigher(weights.BaseHostWeigher):
    """Weigh by vCPUs that are still free, overcommit included.

    Source: nova/scheduler/weights/cpu.py, Nova 34.0.0.
    """

    minval = 0
    multiplier_option = "cpu_weight_multiplier"

    def weigh_objects(self, weighed_obj_list, weight_properties):
        """Higher weights win: spreading is the default."""
        hosts = weighed_obj_list
        vcpus_free = hosts["vcpus_total"] * hosts["cpu_allocation_ratio"] - hosts["vcpus_used"]
        return self.clamp(vcpus_free)
