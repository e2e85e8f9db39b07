"""NUMA: passed when nothing is asked, refused by name otherwise (numa_topology_filter.py)."""

from labkit.nova.exception import NotModelled
from labkit.nova.scheduler import filters


class NUMATopologyFilter(filters.BaseHostFilter):
    """Let every host pass a request without a NUMA topology.

    Source: nova/scheduler/filters/numa_topology_filter.py, Nova 34.0.0. Unlike Nova, a
    request with a topology is refused with NotModelled.
    """

    def asks(self, spec_obj):
        """Return whether the request has a topology."""
        return spec_obj.numa_topology is not None

    def host_passes(self, host_state, spec_obj):
        """Return True, or refuse."""
        if self.asks(spec_obj):
            raise NotModelled("Unlike Nova, the lab does not place NUMA topologies")
        return True
