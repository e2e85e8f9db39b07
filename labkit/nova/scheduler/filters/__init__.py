"""Filters of hosts (nova/scheduler/filters)."""

import importlib

import numpy as np

from labkit.nova import exception, filters
from labkit.nova.conf import Options

#: Which module of this folder holds which filter, as in Nova; in alphabetical order.
MODULES = {
    "AggregateImagePropertiesIsolation": "aggregate_image_properties_isolation",
    "AggregateInstanceExtraSpecsFilter": "aggregate_instance_extra_specs",
    "AggregateIoOpsFilter": "io_ops_filter",
    "AggregateMultiTenancyIsolation": "aggregate_multitenancy_isolation",
    "AggregateNumInstancesFilter": "num_instances_filter",
    "AggregateTypeAffinityFilter": "type_filter",
    "AllHostsFilter": "all_hosts_filter",
    "ComputeCapabilitiesFilter": "compute_capabilities_filter",
    "ComputeFilter": "compute_filter",
    "DifferentHostFilter": "affinity_filter",
    "ImagePropertiesFilter": "image_props_filter",
    "IoOpsFilter": "io_ops_filter",
    "IsolatedHostsFilter": "isolated_hosts_filter",
    "JsonFilter": "json_filter",
    "MetricsFilter": "metrics_filter",
    "NUMATopologyFilter": "numa_topology_filter",
    "NumInstancesFilter": "num_instances_filter",
    "PciPassthroughFilter": "pci_passthrough_filter",
    "SameHostFilter": "affinity_filter",
    "ServerGroupAffinityFilter": "affinity_filter",
    "ServerGroupAntiAffinityFilter": "affinity_filter",
    "SimpleCIDRAffinityFilter": "affinity_filter",
}


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

    #: The options in force; Nova has one global CONF instead.
    CONF = Options()
    #: True when the filter also judges a rebuild, where all others let the host pass.
    RUN_ON_REBUILD = False

    def host_passes(self, host_state, filter_properties):
        """Return True if the host passes."""
        if type(self).passed is BaseHostFilter.passed:
            raise NotImplementedError(
                f"{type(self).__name__} needs a method host_passes(self, host_state, spec_obj)"
            )
        return bool(type(self).passed(self, host_state._view, filter_properties)[0])

    def reason(self, host_state, spec_obj) -> str:
        """Return why the host was rejected, in words."""
        return f"{type(self).__name__}.host_passes returned False"

    def asks(self, spec_obj) -> bool:
        """Return False when the request gives this filter nothing to judge."""
        return True

    def passed(self, hosts, spec_obj):
        """Return a mask of the hosts that pass; here, host by host."""
        return np.array([bool(self.host_passes(one, spec_obj)) for one in hosts], dtype=bool)

    def _filter_one(self, obj, spec_obj):
        rebuild = request_is_rebuild(spec_obj) and not self.RUN_ON_REBUILD
        return rebuild or self.host_passes(obj, spec_obj)

    def filter_all(self, filter_obj_list, spec_obj):
        """Return the hosts that pass."""
        if not hasattr(filter_obj_list, "keep"):  # a plain list, from a subclass
            return super().filter_all(filter_obj_list, spec_obj)
        rebuild = request_is_rebuild(spec_obj) and not self.RUN_ON_REBUILD
        if rebuild or not self.asks(spec_obj):
            return filter_obj_list
        return filter_obj_list.keep(self.passed(filter_obj_list, spec_obj))


class HostFilterHandler(filters.BaseFilterHandler):
    """Runs host filters.

    Source: ``HostFilterHandler`` in nova/scheduler/filters/__init__.py, Nova 34.0.0.
    """


def request_is_rebuild(spec_obj) -> bool:
    """Return whether the scheduler is only asked if a host may keep a rebuilt server.

    Source: ``request_is_rebuild`` in nova/scheduler/utils.py, Nova 34.0.0.
    """
    return spec_obj.scheduler_hints.get("_nova_check_type") == ["rebuild"]


def aggregate_values_from_key(host_state, key_name) -> set[str]:
    """Return the values of one metadata key over the host's aggregates.

    Source: ``aggregate_values_from_key`` in nova/scheduler/filters/utils.py, Nova 34.0.0.
    """
    return {a.metadata[key_name] for a in host_state.aggregates if key_name in a.metadata}


def aggregate_metadata_get_by_host(host_state) -> dict[str, set[str]]:
    """Return all metadata of the host's aggregates; values are split at commas.

    Source: ``aggregate_metadata_get_by_host`` in nova/scheduler/filters/utils.py, 34.0.0.
    """
    metadata = {}
    for aggregate in host_state.aggregates:
        for key, value in aggregate.metadata.items():
            metadata.setdefault(key, set()).update(part.strip() for part in value.split(","))
    return metadata


def load(options):
    """Make the filters that ``[filter_scheduler] enabled_filters`` names, in its order."""
    bad = [e for e in options.enabled_filters if isinstance(e, str) and e not in MODULES]
    if bad:
        raise exception.SchedulerHostFilterNotFound(filter_name=", ".join(bad))
    return [_make(entry, options) for entry in options.enabled_filters]


def _make(entry, options):
    cls = entry
    if isinstance(entry, str):
        cls = getattr(importlib.import_module(f"{__name__}.{MODULES[entry]}"), entry)
    if not (isinstance(cls, type) and issubclass(cls, filters.BaseFilter)):
        raise ValueError(
            f"[filter_scheduler] enabled_filters: {entry!r} is neither a name nor a class"
            " derived from BaseHostFilter"
        )
    made = cls()
    made.CONF = options
    written = [_written(cls, name) for name in ("_filter_one", "host_passes", "passed")]
    last = min(written)  # the hook that was written last decides
    if written[1] == last < written[2]:
        made.passed = BaseHostFilter.passed.__get__(made)
    if not cls.__mro__[last].__module__.startswith("labkit."):  # a learner's own
        made.asks = BaseHostFilter.asks.__get__(made)
        if written[0] == last < written[1]:
            made.filter_all = filters.BaseFilter.filter_all.__get__(made)
    return made


def _written(cls, name):
    """Return how many classes up *name* was written last."""
    return next(k for k, base in enumerate(cls.__mro__) if name in vars(base))
