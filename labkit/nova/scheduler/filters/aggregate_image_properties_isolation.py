"""Match image properties against aggregate metadata (aggregate_image_properties_isolation.py)."""

from labkit.nova.objects.image_meta import KNOWN_PROPERTIES
from labkit.nova.scheduler import filters


class AggregateImagePropertiesIsolation(filters.BaseHostFilter):
    """A property that image and aggregate both name must have one of the aggregate's values.

    Source: nova/scheduler/filters/aggregate_image_properties_isolation.py, Nova 34.0.0.
    """

    RUN_ON_REBUILD = True
    run_filter_once_per_request = True

    def asks(self, spec_obj):
        """Return whether the image has properties."""
        return bool(spec_obj.image and spec_obj.image.properties)

    def host_passes(self, host_state, spec_obj):
        """Return whether no property contradicts."""
        return self._failing(host_state, spec_obj) is None

    def reason(self, host_state, spec_obj):
        """Return the property that contradicts."""
        return self._failing(host_state, spec_obj)

    def _failing(self, host_state, spec_obj):
        conf = self.CONF.filter_scheduler
        namespace = conf.aggregate_image_properties_isolation_namespace
        prefix = f"{namespace}{conf.aggregate_image_properties_isolation_separator}"
        props = spec_obj.image.properties if spec_obj.image else {}
        for key, options in filters.aggregate_metadata_get_by_host(host_state).items():
            if (namespace and not key.startswith(prefix)) or key not in KNOWN_PROPERTIES:
                continue
            prop = props.get(key)
            if prop and str(prop) not in options:
                return f"image property {key} = {prop} is not in {', '.join(sorted(options))}"
        return None
