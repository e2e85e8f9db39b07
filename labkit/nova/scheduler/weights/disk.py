"""Weigh hosts by free disk (weights/disk.py).

The default spreads servers; a negative ``disk_weight_multiplier`` packs them.
"""

from labkit.nova.scheduler import weights


class DiskWeigher(weights.BaseHostWeigher):
    """Weigh by free disk in MiB.

    Source: nova/scheduler/weights/disk.py, Nova 34.0.0.
    """

    minval = 0
    multiplier_option = "disk_weight_multiplier"

    def weigh_objects(self, weighed_obj_list, weight_properties):
        """Higher weights win: spreading is the default."""
        return self.clamp(weighed_obj_list["free_disk_mb"])
