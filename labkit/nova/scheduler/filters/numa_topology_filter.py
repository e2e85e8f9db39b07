"""NUMA: passed when nothing is asked, refused by name otherwise (numa_topology_filter.py)."""

from labkit.nova.exception import NotModelled
from labkit.nova.scheduler import filters


class NUMATopologyFilter(filters.BaseHostFilter):
    """Let every host pass a request without a NUMA topology.

    Source: nova/scheduler/filters/numa_topology_filter.py, Nova 34.0.0. Unlike Nova, a
    request with a topology is refused with NotModelled.
    """

    def host_passes(self, host_state, spec_obj):
        """Return True, or refuse."""
        if spec_obj.numa_topology is not None:
            raise NotModelled("Unlike Nova, the lab does not place NUMA topologies")
        return True
