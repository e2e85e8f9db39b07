"""Together or apart: hints, server groups, networks (filters/affinity_filter.py)."""

import ipaddress

from labkit.nova.scheduler import filters
from labkit.nova.scheduler.filters import utils


class DifferentHostFilter(filters.BaseHostFilter):
    """Pass hosts that hold none of the servers in the hint ``different_host``."""

    run_filter_once_per_request = True

    def host_passes(self, host_state, spec_obj):
        """Return whether no such server is here."""
        affinity_uuids = spec_obj.get_scheduler_hint("different_host")
        if affinity_uuids:
            return not utils.instance_uuids_overlap(host_state, affinity_uuids)
        return True


class SameHostFilter(filters.BaseHostFilter):
    """Pass hosts that hold one of the servers in the hint ``same_host``."""

    run_filter_once_per_request = True

    def host_passes(self, host_state, spec_obj):
        """Return whether such a server is here."""
        affinity_uuids = spec_obj.get_scheduler_hint("same_host")
        if affinity_uuids:
            return utils.instance_uuids_overlap(host_state, affinity_uuids)
        return True


class AddrFormatError(ValueError):
    """A text that is no address or network; netaddr, which Nova asks, calls it so."""


class SimpleCIDRAffinityFilter(filters.BaseHostFilter):
    """Pass hosts whose address lies in ``build_near_host_ip`` plus ``cidr`` (default /24)."""

    run_filter_once_per_request = True

    def host_passes(self, host_state, spec_obj):
        """Return whether the host's address is in the network."""
        if not spec_obj.get_scheduler_hint("build_near_host_ip"):
            return True
        if host_state.host_ip is None:
            raise ValueError(f"host {host_state.host!r} has no host_ip; SimpleCIDRAffinityFilter")
        return ipaddress.ip_address(host_state.host_ip) in wanted_network(spec_obj)


def wanted_network(spec_obj) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Return the network that the hints ask for. Raises AddrFormatError for hints that are none."""
    near = spec_obj.get_scheduler_hint("build_near_host_ip")
    cidr = spec_obj.get_scheduler_hint("cidr", "/24")
    try:
        return ipaddress.ip_network(near + cidr, strict=False)
    except ValueError:
        raise AddrFormatError(f"hints build_near_host_ip and cidr: {near + cidr!r}") from None


class ServerGroupAntiAffinityFilter(filters.BaseHostFilter):
    """Pass hosts with fewer than max_server_per_host (1) servers of an anti-affinity group.

    Source: ``_GroupAntiAffinityFilter`` in nova/scheduler/filters/affinity_filter.py, 34.0.0.
    """

    policy_name = "anti-affinity"

    def host_passes(self, host_state, spec_obj):
        """Return whether there is room for one more of the group."""
        group = spec_obj.instance_group
        if not group or group.policy != self.policy_name:
            return True
        if spec_obj.instance_uuid in host_state.instances:
            return True  # a move may come back to its own host
        servers_on_host = set(host_state.instances) & set(group.members)
        return len(servers_on_host) < group.rules.get("max_server_per_host", 1)


class ServerGroupAffinityFilter(filters.BaseHostFilter):
    """Pass the hosts of an affinity group; all hosts as long as the group has none.

    Source: ``_GroupAffinityFilter`` in nova/scheduler/filters/affinity_filter.py, 34.0.0.
    """

    policy_name = "affinity"

    def host_passes(self, host_state, spec_obj):
        """Return whether the host is one of the group's."""
        group = spec_obj.instance_group
        if not group or self.policy_name not in group.policies:
            return True
        if group.hosts:
            return host_state.host in group.hosts
        return True
