"""Together or apart: hints, server groups, networks (filters/affinity_filter.py)."""

import ipaddress

from labkit.nova.scheduler import filters


class _HintFilter(filters.BaseHostFilter):
    run_filter_once_per_request = True
    hint = None

    def asks(self, spec_obj):
        """Return whether the hint was given."""
        return bool(spec_obj.get_scheduler_hint(self.hint))

    def _overlap(self, host_state, spec_obj):
        uuids = spec_obj.get_scheduler_hint(self.hint)
        return host_state.instances.keys() & ([uuids] if isinstance(uuids, str) else uuids)


class DifferentHostFilter(_HintFilter):
    """Pass hosts that hold none of the servers in the hint ``different_host``.

    Source: nova/scheduler/filters/affinity_filter.py, Nova 34.0.0.
    """

    hint = "different_host"

    def host_passes(self, host_state, spec_obj):
        """Return whether no such server is here."""
        return not self.asks(spec_obj) or not self._overlap(host_state, spec_obj)

    def reason(self, host_state, spec_obj):
        """Name the servers in the way."""
        here = ", ".join(sorted(self._overlap(host_state, spec_obj)))
        return f"the hint different_host names {here}, which is on this host"


class SameHostFilter(_HintFilter):
    """Pass hosts that hold one of the servers in the hint ``same_host``.

    Source: nova/scheduler/filters/affinity_filter.py, Nova 34.0.0.
    """

    hint = "same_host"

    def host_passes(self, host_state, spec_obj):
        """Return whether such a server is here."""
        return not self.asks(spec_obj) or bool(self._overlap(host_state, spec_obj))

    def reason(self, host_state, spec_obj):
        """Say that none is here."""
        return "the hint same_host names no server of this host"


class SimpleCIDRAffinityFilter(filters.BaseHostFilter):
    """Pass hosts whose address lies in ``build_near_host_ip`` plus ``cidr`` (default /24).

    Source: nova/scheduler/filters/affinity_filter.py, Nova 34.0.0.
    """

    run_filter_once_per_request = True

    def asks(self, spec_obj):
        """Return whether an address was given."""
        return bool(spec_obj.get_scheduler_hint("build_near_host_ip"))

    def host_passes(self, host_state, spec_obj):
        """Return whether the host's address is in the network."""
        if not self.asks(spec_obj):
            return True
        if host_state.host_ip is None:
            raise ValueError(f"host {host_state.host!r} has no host_ip; SimpleCIDRAffinityFilter")
        return ipaddress.ip_address(host_state.host_ip) in self._network(spec_obj)

    def reason(self, host_state, spec_obj):
        """Return the address and the network."""
        return f"host_ip {host_state.host_ip} is not in {self._network(spec_obj)}"

    def _network(self, spec_obj):
        near = spec_obj.get_scheduler_hint("build_near_host_ip")
        cidr = spec_obj.get_scheduler_hint("cidr", "/24")
        try:
            return ipaddress.ip_network(near + cidr, strict=False)
        except ValueError:
            raise ValueError(f"hints build_near_host_ip and cidr: {near + cidr!r}") from None


class ServerGroupAntiAffinityFilter(filters.BaseHostFilter):
    """Pass hosts with fewer than max_server_per_host (1) servers of an anti-affinity group.

    Source: ``_GroupAntiAffinityFilter`` in nova/scheduler/filters/affinity_filter.py, 34.0.0.
    """

    policy_name = "anti-affinity"

    def asks(self, spec_obj):
        """Return whether the request has such a group."""
        group = spec_obj.instance_group
        return bool(group) and group.policy == self.policy_name

    def host_passes(self, host_state, spec_obj):
        """Return whether there is room for one more of the group."""
        if not self.asks(spec_obj) or spec_obj.instance_uuid in host_state.instances:
            return True
        return len(self._on_host(host_state, spec_obj)) < self._most(spec_obj)

    def reason(self, host_state, spec_obj):
        """Name the group's servers on the host."""
        names = ", ".join(sorted(self._on_host(host_state, spec_obj)))
        return (
            f"{names} of the anti-affinity group here, max_server_per_host {self._most(spec_obj)}"
        )

    def _on_host(self, host_state, spec_obj):
        return host_state.instances.keys() & set(spec_obj.instance_group.members)

    def _most(self, spec_obj):
        return spec_obj.instance_group.rules.get("max_server_per_host", 1)


class ServerGroupAffinityFilter(filters.BaseHostFilter):
    """Pass the hosts of an affinity group; all hosts as long as the group has none.

    Source: ``_GroupAffinityFilter`` in nova/scheduler/filters/affinity_filter.py, 34.0.0.
    """

    policy_name = "affinity"

    def asks(self, spec_obj):
        """Return whether the request has such a group, already on some host."""
        group = spec_obj.instance_group
        return bool(group) and self.policy_name in group.policies and bool(group.hosts)

    def host_passes(self, host_state, spec_obj):
        """Return whether the host is one of the group's."""
        return not self.asks(spec_obj) or host_state.host in spec_obj.instance_group.hosts

    def reason(self, host_state, spec_obj):
        """Name the group's hosts."""
        return f"the affinity group is on {', '.join(sorted(set(spec_obj.instance_group.hosts)))}"
