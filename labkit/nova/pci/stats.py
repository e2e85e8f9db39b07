"""The free PCI devices of a host (nova/pci/stats.py)."""


class PciDeviceStats:
    """Pools of alike PCI devices, each a dict with a ``count``.

    Source: ``PciDeviceStats`` in nova/pci/stats.py, Nova 34.0.0. Unlike Nova, a request is a
    number of devices of any kind.
    """

    def __init__(self, pools=()):
        self.pools = [dict(pool) for pool in pools]

    def support_requests(self, requests) -> bool:
        """Return whether as many devices are free."""
        return sum(pool["count"] for pool in self.pools) >= requests

    def apply_requests(self, requests):
        """Take as many devices from the pools."""
        for pool in self.pools:
            taken = min(requests, pool["count"])
            pool["count"] -= taken
            requests -= taken
