"""Weigh hosts by how many servers they build, resize or snapshot now (weights/io_ops.py).

The default multiplier is negative: a host with little such work is better.
"""

from labkit.nova.scheduler import weights


class IoOpsWeigher(weights.BaseHostWeigher):
    """Weigh by num_io_ops.

    Source: nova/scheduler/weights/io_ops.py, Nova 34.0.0.
    """

    minval = 0
    multiplier_option = "io_ops_weight_multiplier"

    def weigh_objects(self, weighed_obj_list, weight_properties):
        """Higher weights win; the multiplier is negative by default."""
        return self.clamp(weighed_obj_list["num_io_ops"])
