"""Match image properties against aggregate metadata (aggregate_image_properties_isolation.py)."""

from labkit.nova import conf
from labkit.nova.scheduler import filters
from labkit.nova.scheduler.filters import utils

CONF = conf.CONF


class AggregateImagePropertiesIsolation(filters.BaseHostFilter):
    """A property that image and aggregate both name must have one of the aggregate's values."""

    run_filter_once_per_request = True
    RUN_ON_REBUILD = True

    def host_passes(self, host_state, spec_obj):
        """Return whether no property contradicts."""
        return next(contradictions(host_state, spec_obj), None) is None


def contradictions(host_state, spec_obj):
    """Yield (property, its value, the values that the host's aggregates allow)."""
    namespace = CONF.filter_scheduler.aggregate_image_properties_isolation_namespace
    separator = CONF.filter_scheduler.aggregate_image_properties_isolation_separator
    image_props = spec_obj.image.properties if spec_obj.image else {}
    for key, options in utils.aggregate_metadata_get_by_host(host_state).items():
        if namespace and not key.startswith(namespace + separator):
            continue
        try:
            prop = image_props.get(key)
        except AttributeError:  # no image property that Nova knows
            continue
        if prop and str(prop) not in options:
            yield key, prop, options
