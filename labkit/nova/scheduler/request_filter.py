"""What the scheduler asks placement for: request filters and resources (request_filter.py)."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlencode

from labkit.nova import exception

TENANT_METADATA_KEY = "filter_tenant_id"
#: Request filters of Nova that are not modelled; they do nothing unless the request needs them.
NOT_MODELLED = (
    "transform_image_metadata",
    "accelerators_filter",
    "packed_virtqueue_filter",
    "routed_networks_filter",
    "remote_managed_ports_filter",
    "ephemeral_encryption_filter",
    "virtio_sound_filter",
    "tpm_secret_security_filter",
    "owner_nova_filter",
)
_EXTRA_SPEC = re.compile(r"^(resources|trait)([a-zA-Z0-9_-]{1,64})?:(.*)$")
REFUSED_SPECS = """hw:numa_ hw:cpu_policy hw:cpu_thread_policy hw:emulator_threads_policy hw:mem_
hw:locked_memory hw:pmem hw:tpm_ hw:virtio_packed_ring hw:ephemeral_encryption hw:sound_model
hw:maxphysaddr_mode hw:pci_numa_affinity_policy hw:viommu_model hw:cpu_realtime os:secure_boot
accel: pci_passthrough:""".split()
REFUSED_PROPERTIES = """hw_cpu_policy hw_cpu_thread_policy hw_mem_ hw_numa_ hw_tpm_
hw_virtio_packed_ring hw_ephemeral_encryption hw_sound_model hw_maxphysaddr_mode os_secure_boot
hw_firmware_stateless hw_pci_numa_affinity_policy hw_locked_memory""".split()
#: The resource classes of os-resource-classes; others must start with CUSTOM_.
RESOURCE_CLASSES = """DISK_GB FPGA IPV4_ADDRESS MEMORY_MB MEM_ENCRYPTION_CONTEXT
NET_BW_EGR_KILOBIT_PER_SEC NET_BW_IGR_KILOBIT_PER_SEC NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC
NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC NET_PACKET_RATE_KILOPACKET_PER_SEC NUMA_CORE NUMA_MEMORY_MB
NUMA_SOCKET NUMA_THREAD PCI_DEVICE PCPU PGPU SRIOV_NET_VF VCPU VGPU VGPU_DISPLAY_HEAD""".split()
#: Disk formats with a trait in os_traits; others are let through unasked.
_IMAGE_TYPES = {"AKI", "AMI", "ARI", "ISO", "PLOOP", "QCOW2", "RAW", "VDI", "VHD", "VHDX", "VMDK"}


@dataclass
class ResourceRequest:
    """What goes to placement: amounts, traits, aggregates and a limit.

    Source: ``ResourceRequest`` in nova/scheduler/utils.py, Nova 34.0.0.
    """

    resources: dict[str, int]
    required: list[tuple[str, str]] = field(default_factory=list)  # (who asked, trait)
    forbidden: list[tuple[str, str]] = field(default_factory=list)
    member_of: list[tuple[str, frozenset, str]] = field(default_factory=list)
    not_member_of: list[tuple[str, frozenset, str]] = field(default_factory=list)
    in_tree: str | None = None
    limit: int | None = None

    def to_querystring(self) -> str:
        """Return what is sent to placement as the query of allocation_candidates.

        Source: ``to_querystring`` in nova/scheduler/utils.py, Nova 34.0.0.
        """
        traits = ["OWNER_NOVA", *sorted(trait for _, trait in self.required)]
        traits += [f"!{trait}" for trait in sorted(trait for _, trait in self.forbidden)]
        amounts = ",".join(f"{name}:{self.resources[name]}" for name in sorted(self.resources))
        fields = [("resources", amounts), ("root_required", ",".join(traits))]
        if self.limit is not None:
            fields.append(("limit", self.limit))
        if self.in_tree is not None:
            fields.append(("in_tree", "{uuid}"))
        for _, names, _ in self.member_of:
            fields.append(("member_of", f"in:{_uuids(names)}"))
        if forbidden := frozenset().union(*(names for _, names, _ in self.not_member_of)):
            fields.append(("member_of", f"!in:{_uuids(forbidden)}"))
        return _encoded(tuple(sorted(fields)))


@lru_cache(maxsize=256)  # one request after the other asks for the same
def _encoded(fields):
    return urlencode(fields).replace("%7Buuid%7D", "{uuid}")


def _uuids(names) -> str:
    return ",".join("{uuid}" for _ in names)


def process_reqspec(fleet, spec_obj, options) -> ResourceRequest:
    """Turn a request into what placement is asked for; the request itself is not changed.

    Raises RequestFilterFailed for a project without an aggregate of its own where one is
    required, NoValidHost for a named host that is not there, NotModelled for an extra spec
    that would need one of NOT_MODELLED and for a request without an image, where Nova 34.0.0
    itself fails (packed_virtqueue_filter reads the properties of None). *fleet* are the hosts,
    as labkit.Fleet has them: ``find`` and ``aggregates`` are asked for.

    Source: ``process_reqspec`` in nova/scheduler/request_filter.py and
    ``resources_from_request_spec`` in nova/scheduler/utils.py, Nova 34.0.0. Unlike Nova, which
    puts all conditions into one query, each remembers who asked for it.
    """
    resources, required, forbidden = resources_from_flavor(spec_obj)
    request = ResourceRequest(resources)
    if options.limit_tenants_to_placement_aggregate:
        require_tenant_aggregate(fleet, spec_obj, options, request)
    if spec_obj.availability_zone:
        map_az_to_placement_aggregate(fleet, spec_obj, request)
    if spec_obj.image is None:
        raise exception.NotModelled("Nova 34.0.0 itself fails for a request with image = None")
    if options.query_placement_for_image_type_support and not spec_obj.is_bfv:
        disk_format = spec_obj.image.disk_format.upper()
        if disk_format in _IMAGE_TYPES:
            trait = f"COMPUTE_IMAGE_TYPE_{disk_format}"
            request.required.append(("require_image_type_support", trait))
    request.forbidden.append(("compute_status_filter", "COMPUTE_STATUS_DISABLED"))
    if options.enable_isolated_aggregate_filtering:
        isolate_aggregates(fleet, required, request)
    request.required += [("allocation_candidates", trait) for trait in required]
    request.forbidden += [("allocation_candidates", trait) for trait in forbidden]
    request.limit = options.max_placement_results
    if spec_obj.scheduler_hints.keys() & {"group", "same_host", "different_host"}:
        request.limit = None
    destination = spec_obj.requested_destination
    host, node = (destination.host, destination.node) if destination else (None, None)
    host = host or (spec_obj.force_hosts or [None])[0]
    node = node or (spec_obj.force_nodes or [None])[0]
    if host or node:
        found = fleet.find(host, node, destination.cell if destination else None)
        if len(found) == 1:
            request.in_tree = found[0]
        else:  # placement cannot be asked for several: all are, and the others fall later
            request.limit = None
        if not found:
            reason = f"No such host - host: {host} node: {node} "
            raise exception.NoValidHost(reason=reason)
    return request


def resources_from_flavor(spec_obj) -> tuple[dict[str, int], list[str], list[str]]:
    """Return amounts by resource class, required traits and forbidden traits.

    VCPU, MEMORY_MB, and DISK_GB = ephemeral + swap rounded up to GiB + root (unless the
    server boots from a volume); extra specs ``resources:X`` replace them, ``trait:X`` add traits.

    Source: ``ResourceRequest.from_request_spec`` in nova/scheduler/utils.py, Nova 34.0.0.
    """
    resources, required, forbidden = {}, [], []
    for key, value in spec_obj.flavor.extra_specs.items():
        _refuse(key, REFUSED_SPECS, "extra spec", value)
        match = _EXTRA_SPEC.match(key)
        if match is None:
            continue
        kind, suffix, name = match.groups()
        if suffix:
            raise exception.NotModelled(
                f"Unlike Nova, the lab has no numbered request groups (extra spec {key!r}); ask for"
                f" all in one, as {kind}:{name}"
            )
        if kind == "resources":
            known = name.startswith("CUSTOM_") or name in RESOURCE_CLASSES
            if known and (amount := _amount(value)) is not None:
                resources[name] = amount
        elif kind == "trait" and value in ("required", "forbidden"):
            (required if value == "required" else forbidden).append(name)
    properties = spec_obj.image.properties.to_dict() if spec_obj.image else {}
    for key, value in properties.items():
        _refuse(key, REFUSED_PROPERTIES, "image property", value)
    required += properties.get("traits_required", [])
    if "PCPU" not in resources:
        resources.setdefault("VCPU", spec_obj.vcpus)
    resources.setdefault("MEMORY_MB", spec_obj.memory_mb)
    if "DISK_GB" not in resources:
        disk = spec_obj.ephemeral_gb + -(-spec_obj.swap // 1024)
        resources["DISK_GB"] = disk + (0 if spec_obj.is_bfv else spec_obj.root_gb)
    return {name: amount for name, amount in resources.items() if amount}, required, forbidden


def _amount(value):
    """Return a whole number of 0 or more, or None for what Nova warns about and leaves out."""
    try:
        return int(value) if int(value) >= 0 else None
    except ValueError:
        return None


def require_tenant_aggregate(fleet, spec_obj, options, request):
    """Ask for the aggregates that are kept for the project, if there are any."""
    names = frozenset(
        aggregate.name
        for aggregate in fleet.aggregates
        if any(
            key.startswith(TENANT_METADATA_KEY) and value == spec_obj.project_id
            for key, value in aggregate.metadata.items()
        )
    )
    if names:
        reason = f"the host is in no aggregate of project {spec_obj.project_id}"
        request.member_of.append(("require_tenant_aggregate", names, reason))
    elif options.placement_aggregate_required_for_tenants:
        raise exception.RequestFilterFailed(reason="No hosts available for tenant")


def map_az_to_placement_aggregate(fleet, spec_obj, request):
    """Ask for the aggregates of the availability zone; a zone that no aggregate has asks nothing."""
    zone = spec_obj.availability_zone
    names = frozenset(
        a.name for a in fleet.aggregates if a.metadata.get("availability_zone") == zone
    )
    if names:
        reason = f"the host is not in availability zone {zone}"
        request.member_of.append(("map_az_to_placement_aggregate", names, reason))


def isolate_aggregates(fleet, required, request):
    """Stay away from aggregates that require a trait which the request does not."""
    asked = {f"trait:{trait}" for trait in required}
    names = frozenset(
        aggregate.name
        for aggregate in fleet.aggregates
        if any(
            key.startswith("trait:") and value == "required" and key not in asked
            for key, value in aggregate.metadata.items()
        )
    )
    if names:
        reason = "the host's aggregate requires a trait that the request does not"
        request.not_member_of.append(("isolate_aggregates", names, reason))


def _refuse(key, prefixes, what, value):
    if key in ("hw:cpu_policy", "hw_cpu_policy"):
        if value != "shared":
            raise exception.NotModelled(
                f"Unlike Nova, the lab does not pin CPUs ({what} {key!r}); leave it out, or say"
                " 'shared'"
            )
    elif key.startswith(tuple(prefixes)):
        raise exception.NotModelled(
            f"Unlike Nova, the lab does not model {what} {key!r}; leave it out"
        )
