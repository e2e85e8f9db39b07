"""Keep hosts with PCI devices free for those who ask for them (weights/pci.py)."""

from labkit.nova import conf
from labkit.nova.scheduler import utils, weights

CONF = conf.CONF
#: So many devices are no longer scarce.
MAX_DEVS = 100


class PCIWeigher(weights.BaseHostWeigher):
    """Weigh by 100 minus free PCI devices, never less than 1, whatever the request asks."""

    def weight_multiplier(self, host_state):
        """Return the option, or what an aggregate of the host says instead."""
        return utils.get_weight_multiplier(
            host_state,
            "pci_weight_multiplier",
            CONF.filter_scheduler.pci_weight_multiplier,
        )

    def _weigh_object(self, host_state, request_spec):
        """Higher weights win: the fewest free devices are best."""
        pools = host_state.pci_stats.pools if host_state.pci_stats else []
        free = sum(pool["count"] for pool in pools)
        return MAX_DEVS - min(free, MAX_DEVS - 1)
