"""Weigh hosts by hypervisor version (weights/hypervisor_version.py).

The default prefers newer hosts.
"""

import numpy as np

from labkit.nova.scheduler import weights


class HypervisorVersionWeigher(weights.BaseHostWeigher):
    """Weigh by the version as a whole number (8.2.0 is 8002000); a missing one is 0.

    Source: nova/scheduler/weights/hypervisor_version.py, Nova 34.0.0.
    """

    multiplier_option = "hypervisor_version_weight_multiplier"

    def weigh_objects(self, weighed_obj_list, weight_properties):
        """Higher weights win: newer hosts by default."""
        versions = weighed_obj_list["hypervisor_version"]
        missing = np.isnan(versions)
        return self.clamp(np.where(missing, 0.0, versions) if missing.any() else versions)
