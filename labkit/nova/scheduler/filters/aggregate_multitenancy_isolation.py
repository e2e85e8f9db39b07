"""Keep projects in their own aggregates (filters/aggregate_multitenancy_isolation.py)."""

from labkit.nova.scheduler import filters
from labkit.nova.scheduler.filters import utils


class AggregateMultiTenancyIsolation(filters.BaseHostFilter):
    """A host whose aggregates carry ``filter_tenant_id...`` takes those projects only."""

    run_filter_once_per_request = True

    def host_passes(self, host_state, spec_obj):
        """Return whether the project may use the host."""
        tenant_ids = configured_tenant_ids(host_state)
        return not tenant_ids or spec_obj.project_id in tenant_ids


def configured_tenant_ids(host_state) -> set[str]:
    """Return the projects that the host's aggregates are kept for."""
    metadata = utils.aggregate_metadata_get_by_host(host_state)
    names = [name for name in metadata if name.startswith("filter_tenant_id")]
    return set().union(*(metadata[name] for name in names))
