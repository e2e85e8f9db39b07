"""Which services are alive (nova/servicegroup)."""

from labkit.nova.servicegroup.api import API

__all__ = ["API"]
