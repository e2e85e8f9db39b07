"""Weigh hosts by free RAM (weights/ram.py).

The default spreads servers; a negative ``ram_weight_multiplier`` packs them.
"""

from labkit.nova.scheduler import weights


class RAMWeigher(weights.BaseHostWeigher):
    """Weigh by free RAM in MiB.

    Source: nova/scheduler/weights/ram.py, Nova 34.0.0.
    """

    minval = 0
    multiplier_option = "ram_weight_multiplier"

    def weigh_objects(self, weighed_obj_list, weight_properties):
        """Higher weights win: spreading is the default."""
        return self.clamp(weighed_obj_list["free_ram_mb"])
