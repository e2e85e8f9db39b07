"""Match extra specs against aggregate metadata (filters/aggregate_instance_extra_specs.py)."""

from labkit.nova.scheduler import filters
from labkit.nova.scheduler.filters import extra_specs_ops

_SCOPE = "aggregate_instance_extra_specs"


class AggregateInstanceExtraSpecsFilter(filters.BaseHostFilter):
    """Each extra spec without a scope, or with this filter's own, must match an aggregate.

    Source: nova/scheduler/filters/aggregate_instance_extra_specs.py, Nova 34.0.0.
    """

    run_filter_once_per_request = True

    def asks(self, spec_obj):
        """Return whether the flavor has extra specs."""
        return bool(spec_obj.flavor.extra_specs)

    def host_passes(self, host_state, spec_obj):
        """Return whether all extra specs match."""
        return self._failing(host_state, spec_obj) is None

    def reason(self, host_state, spec_obj):
        """Return the first extra spec that does not match."""
        return self._failing(host_state, spec_obj)

    def _failing(self, host_state, spec_obj):
        metadata = filters.aggregate_metadata_get_by_host(host_state)
        for key, req in spec_obj.flavor.extra_specs.items():
            scope, colon, rest = key.partition(":")
            if colon and scope != _SCOPE:
                continue
            values = metadata.get(rest if colon else key)
            if not values:
                return f"extra spec {key} is not in any aggregate of the host"
            if not any(extra_specs_ops.match(value, req) for value in sorted(values)):
                return f"extra spec {key}: '{', '.join(sorted(values))}' does not match '{req}'"
        return None
