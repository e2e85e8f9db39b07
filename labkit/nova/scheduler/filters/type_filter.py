"""Keep flavors to some aggregates (filters/type_filter.py)."""

from labkit.nova.scheduler import filters
from labkit.nova.scheduler.filters import utils


class AggregateTypeAffinityFilter(filters.BaseHostFilter):
    """A host whose aggregates carry ``instance_type`` takes the flavors named there only."""

    run_filter_once_per_request = True

    def host_passes(self, host_state, spec_obj):
        """Return whether the flavor is allowed here."""
        values = utils.aggregate_values_from_key(host_state, "instance_type")
        names = {name.strip() for value in values for name in value.split(",")}
        return not values or spec_obj.flavor.name in names
