"""Filters of hosts (nova/scheduler/filters)."""

from labkit.nova import filters
from labkit.nova.scheduler import utils as scheduler_utils  # not this package's own utils


class BaseHostFilter(filters.BaseFilter):
    """Base class for host filters; write a subclass as you would for Nova.

    In: ``host_passes(self, host_state, filter_properties)`` returns True or False for one
    HostState and the RequestSpec. Optional: ``reason(self, host_state, spec_obj)``, the
    sentence a person reads when the host is rejected (the lab's own addition).
    The class runs unchanged in Nova when ``labkit.nova`` becomes ``nova`` in its imports.

    >>> class OnlyEven(BaseHostFilter):
    ...     def host_passes(self, host_state, filter_properties):
    ...         return host_state.num_instances % 2 == 0

    Source: ``BaseHostFilter`` in nova/scheduler/filters/__init__.py, Nova 34.0.0.
    """

    #: True when the filter also judges a rebuild, where all others let the host pass.
    RUN_ON_REBUILD = False

    def _filter_one(self, obj, spec):
        if not self.RUN_ON_REBUILD and scheduler_utils.request_is_rebuild(spec):
            return True
        return self.host_passes(obj, spec)

    def host_passes(self, host_state, filter_properties):
        """Return True if the host passes."""
        raise NotImplementedError


class HostFilterHandler(filters.BaseFilterHandler):
    """Runs host filters."""

    def __init__(self):
        super().__init__(BaseHostFilter)


def all_filters() -> list[type]:
    """Return the filters of this package."""
    return HostFilterHandler().get_all_classes()
