"""Match extra specs against aggregate metadata (filters/aggregate_instance_extra_specs.py)."""

from labkit.nova.scheduler import filters
from labkit.nova.scheduler.filters import extra_specs_ops, utils

_SCOPE = "aggregate_instance_extra_specs"


class AggregateInstanceExtraSpecsFilter(filters.BaseHostFilter):
    """Each extra spec without a scope, or with this filter's own, must match an aggregate."""

    run_filter_once_per_request = True

    def host_passes(self, host_state, spec_obj):
        """Return whether all extra specs match."""
        return next(mismatches(host_state, spec_obj), None) is None


def mismatches(host_state, spec_obj):
    """Yield (extra spec, what it asks for, the values that the host's aggregates have)."""
    if not spec_obj.flavor.extra_specs:
        return
    metadata = utils.aggregate_metadata_get_by_host(host_state)
    for key, req in spec_obj.flavor.extra_specs.items():
        scope, colon, rest = key.partition(":")
        if colon and scope != _SCOPE:
            continue
        values = metadata.get(rest if colon else key, ())
        if not any(extra_specs_ops.match(value, req) for value in sorted(values)):
            yield key, req, values
