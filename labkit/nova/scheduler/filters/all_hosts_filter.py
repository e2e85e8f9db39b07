"""Let every host pass (filters/all_hosts_filter.py)."""

from labkit.nova.scheduler import filters


class AllHostsFilter(filters.BaseHostFilter):
    """Let every host pass."""

    run_filter_once_per_request = True

    def host_passes(self, host_state, spec_obj):
        """Return True."""
        return True
