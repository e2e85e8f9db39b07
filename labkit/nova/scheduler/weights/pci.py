"""Keep hosts with PCI devices free for those who ask for them (weights/pci.py)."""

import numpy as np

from labkit.nova.scheduler import weights

MAX_DEVS = 100


class PCIWeigher(weights.BaseHostWeigher):
    """Weigh by 100 minus free PCI devices, never less than 1, whatever the request asks.

    Source: nova/scheduler/weights/pci.py, Nova 34.0.0.
    """

    multiplier_option = "pci_weight_multiplier"

    def weigh_objects(self, weighed_obj_list, request_spec):
        """Higher weights win: the fewest free devices are best."""
        free = weighed_obj_list.take(weighed_obj_list.fleet.free_pci_devices)
        return self.clamp(MAX_DEVS - np.minimum(free, MAX_DEVS - 1))
