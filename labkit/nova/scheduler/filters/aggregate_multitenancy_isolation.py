"""Keep projects in their own aggregates (filters/aggregate_multitenancy_isolation.py)."""

from labkit.nova.scheduler import filters


class AggregateMultiTenancyIsolation(filters.BaseHostFilter):
    """A host whose aggregates carry ``filter_tenant_id...`` takes those projects only.

    Source: nova/scheduler/filters/aggregate_multitenancy_isolation.py, Nova 34.0.0.
    """

    run_filter_once_per_request = True

    def host_passes(self, host_state, spec_obj):
        """Return whether the project may use the host."""
        tenants = self._tenants(host_state)
        return not tenants or spec_obj.project_id in tenants

    def reason(self, host_state, spec_obj):
        """Return whom the host belongs to."""
        owners = ", ".join(sorted(self._tenants(host_state)))
        return f"the host is kept for {owners}; the request is of {spec_obj.project_id}"

    def _tenants(self, host_state):
        metadata = filters.aggregate_metadata_get_by_host(host_state)
        names = [name for name in metadata if name.startswith("filter_tenant_id")]
        return set().union(*(metadata[name] for name in names))
