"""Keep flavors to some aggregates (filters/type_filter.py)."""

from labkit.nova.scheduler import filters


class AggregateTypeAffinityFilter(filters.BaseHostFilter):
    """A host whose aggregates carry ``instance_type`` takes the flavors named there only.

    Source: nova/scheduler/filters/type_filter.py, Nova 34.0.0.
    """

    run_filter_once_per_request = True

    def host_passes(self, host_state, spec_obj):
        """Return whether the flavor is allowed here."""
        values = filters.aggregate_values_from_key(host_state, "instance_type")
        names = {name.strip() for value in values for name in value.split(",")}
        return not values or spec_obj.flavor.name in names

    def reason(self, host_state, spec_obj):
        """Return the flavors that are allowed."""
        values = sorted(filters.aggregate_values_from_key(host_state, "instance_type"))
        return f"flavor {spec_obj.flavor.name!r} is not in instance_type {', '.join(values)}"
