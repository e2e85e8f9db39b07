"""Why a filter rejected a host, in words: for the column ``reason`` of the table ``filters``."""

from labkit.nova import conf
from labkit.nova.scheduler.filters import (
    affinity_filter,
    aggregate_image_properties_isolation,
    aggregate_instance_extra_specs,
    aggregate_multitenancy_isolation,
    compute_capabilities_filter,
    image_props_filter,
    utils,
)

CONF = conf.CONF
#: What a rule says that the host does not break: a class derived from the filter rejected it.
NOTHING = (None, None, None)


def reason_of(filter_, host_state, spec_obj) -> str:
    """Return why *filter_* rejected a host.

    A class may have a method ``reason(self, host_state, spec_obj)`` of its own.
    """
    usual = f"{type(filter_).__name__}.host_passes returned False"
    for cls in type(filter_).__mro__:
        if "reason" in vars(cls):
            return filter_.reason(host_state, spec_obj)
        if cls.__name__ in REASONS and cls.__module__.startswith("labkit.nova.scheduler."):
            return REASONS[cls.__name__](filter_, host_state, spec_obj) or usual
    return usual


def _names(names):
    return ", ".join(sorted(names))


def _compute(filter_, host, spec):
    service = host.service
    if service["disabled"]:
        return f"the service is disabled, reason: {service['disabled_reason']}"
    if service["forced_down"]:
        return "the service is forced down"
    return (
        f"the host has not been heard from for {service['heartbeat_age_s']:g} s"
        f" > service_down_time {CONF.service_down_time} s"
    )


def _capabilities(filter_, host, spec):
    key, req, cap = next(compute_capabilities_filter.mismatches(host, spec), NOTHING)
    if cap is None:
        return key and f"extra spec {key}: the host has no such capability"
    return f"extra spec {key}: '{req}' does not match '{cap}'"


def _aggregate_extra_specs(filter_, host, spec):
    key, req, values = next(aggregate_instance_extra_specs.mismatches(host, spec), NOTHING)
    if not values:
        return key and f"extra spec {key} is not in any aggregate of the host"
    return f"extra spec {key}: '{_names(values)}' does not match '{req}'"


def _aggregate_image_properties(filter_, host, spec):
    found = aggregate_image_properties_isolation.contradictions(host, spec)
    key, prop, options = next(found, NOTHING)
    return key and f"image property {key} = {prop} is not in {_names(options)}"


def _image_properties(filter_, host, spec):
    properties = spec.image.properties if spec.image else {}
    wanted = " ".join(image_props_filter.wanted_props(properties))
    version = properties.get("img_hv_requested_version")
    wanted += f" version {version}" if version else ""
    has = ", ".join(" ".join(one) for one in host.supported_instances or [])
    return (
        f"the image needs {wanted}; the host supports {has or 'nothing that it tells'}"
        f" (hypervisor_version {host.hypervisor_version})"
    )


def _limit(number, option):
    def reason(filter_, host, spec):
        limit = getattr(filter_, f"_get_{option}")(host, spec)
        return f"{number} {getattr(host, number)} >= {option} {limit}"

    return reason


def _multitenancy(filter_, host, spec):
    owners = _names(aggregate_multitenancy_isolation.configured_tenant_ids(host))
    return f"the host is kept for {owners}; the request is of {spec.project_id}"


def _type(filter_, host, spec):
    allowed = _names(utils.aggregate_values_from_key(host, "instance_type"))
    return f"flavor {spec.flavor.name!r} is not in instance_type {allowed}"


def _different_host(filter_, host, spec):
    uuids = spec.get_scheduler_hint("different_host")
    here = host.instances.keys() & ([uuids] if isinstance(uuids, str) else uuids)
    return f"the hint different_host names {_names(here)}, which is on this host"


def _anti_affinity(filter_, host, spec):
    group = spec.instance_group
    here = _names(host.instances.keys() & set(group.members))
    most = group.rules.get("max_server_per_host", 1)
    return f"{here} of the anti-affinity group here, max_server_per_host {most}"


def _isolated(filter_, host, spec):
    if host.host in CONF.filter_scheduler.isolated_hosts:
        return "the host is kept for isolated images"
    return "the image is isolated and the host is not"


def _metrics(filter_, host, spec):
    missing = filter_.keys - {metric.name for metric in host.metrics}
    return f"the host does not report {_names(missing)}"


def _pci(filter_, host, spec):
    free = sum(pool["count"] for pool in host.pci_stats.pools)
    return f"{free} free PCI devices < {spec.pci_requests} asked for"


#: By the filter's class: a function of the filter, the HostState and the RequestSpec.
REASONS = {
    "AggregateImagePropertiesIsolation": _aggregate_image_properties,
    "AggregateInstanceExtraSpecsFilter": _aggregate_extra_specs,
    "AggregateMultiTenancyIsolation": _multitenancy,
    "AggregateTypeAffinityFilter": _type,
    "ComputeCapabilitiesFilter": _capabilities,
    "ComputeFilter": _compute,
    "DifferentHostFilter": _different_host,
    "ImagePropertiesFilter": _image_properties,
    "IoOpsFilter": _limit("num_io_ops", "max_io_ops_per_host"),
    "IsolatedHostsFilter": _isolated,
    "JsonFilter": lambda filter_, host, spec: (
        f"the query {spec.get_scheduler_hint('query')} is not true here"
    ),
    "MetricsFilter": _metrics,
    "NumInstancesFilter": _limit("num_instances", "max_instances_per_host"),
    "PciPassthroughFilter": _pci,
    "SameHostFilter": lambda filter_, host, spec: "the hint same_host names no server of this host",
    "ServerGroupAffinityFilter": lambda filter_, host, spec: (
        f"the affinity group is on {_names(set(spec.instance_group.hosts))}"
    ),
    "ServerGroupAntiAffinityFilter": _anti_affinity,
    "SimpleCIDRAffinityFilter": lambda filter_, host, spec: (
        f"host_ip {host.host_ip} is not in {affinity_filter.wanted_network(spec)}"
    ),
}
