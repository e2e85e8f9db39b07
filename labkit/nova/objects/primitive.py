"""What of an object travels in a message (oslo_versionedobjects/base.py)."""

from datetime import timedelta

from labkit.nova.context import EPOCH
from labkit.nova.objects.compute_node import ComputeNode
from labkit.nova.objects.flavor import Flavor
from labkit.nova.objects.image_meta import ImageMeta
from labkit.nova.objects.instance import Instance
from labkit.nova.objects.instance_group import InstanceGroup
from labkit.nova.objects.migration import Migration, MigrationContext
from labkit.nova.objects.request_spec import Destination, RequestSpec

#: By class of the lab: the version of Nova's, and the fields that travel, in Nova's order.
VERSIONS = {
    Instance: (
        "2.8",
        """project_id image_ref kernel_id ramdisk_id key_data power_state vm_state task_state
        memory_mb vcpus root_gb ephemeral_gb host node compute_id launched_at terminated_at
        availability_zone display_name launched_on locked locked_by os_type architecture vm_mode
        uuid root_device_name auto_disk_config progress system_metadata flavor old_flavor
        new_flavor migration_context created_at deleted_at""",
    ),
    Flavor: ("1.2", "name memory_mb vcpus root_gb ephemeral_gb swap extra_specs"),
    ImageMeta: ("1.8", "id status size disk_format min_ram min_disk properties"),
    RequestSpec: (
        "1.15",
        """image project_id availability_zone flavor num_instances ignore_hosts force_hosts
        force_nodes requested_destination instance_group scheduler_hints instance_uuid is_bfv
        requested_resources""",
    ),
    Destination: ("1.4", "host node cell allow_cross_cell_move"),
    InstanceGroup: ("1.11", "members hosts policy rules"),
    Migration: (
        "1.8",
        """id uuid source_compute dest_compute source_node dest_node instance_uuid status
        migration_type created_at updated_at""",
    ),
    MigrationContext: ("1.2", "migration_id"),
    ComputeNode: (
        "1.19",
        """id uuid service_id host vcpus memory_mb local_gb vcpus_used memory_mb_used local_gb_used
        hypervisor_type hypervisor_version hypervisor_hostname free_ram_mb free_disk_gb
        current_workload running_vms cpu_info disk_available_least stats host_ip
        cpu_allocation_ratio ram_allocation_ratio disk_allocation_ratio""",
    ),
}
#: Fields that are seconds in the lab and a time in Nova.
_TIMES = ("created_at", "updated_at", "deleted_at", "launched_at", "terminated_at")

#: Fields that are there only once Nova has read or set them: None is left out.
_OPTIONAL = {
    Instance: ("old_flavor", "new_flavor", "migration_context", "deleted_at"),
    RequestSpec: ("requested_destination",),
    Destination: ("host", "node", "cell"),
}


def primitive(name, version, data, changes=()) -> dict:
    """Return an object as JSON knows it: its class, its version, its fields, and which changed.

    >>> primitive("Selection", "1.1", {"service_host": "cn-1"})["nova_object.data"]
    {'service_host': 'cn-1'}

    Source: ``obj_to_primitive`` in oslo_versionedobjects/base.py, 3.12.0.
    """
    told = {
        "nova_object.name": name,
        "nova_object.namespace": "nova",
        "nova_object.version": version,
        "nova_object.data": data,
    }
    return told | {"nova_object.changes": sorted(changes)} if changes else told


def to_primitive(entity):
    """Return what travels of an argument: of objects their primitives, in lists and dicts as well.

    Unlike Nova, of an object travel the fields that the lab models alone, whether Nova has read
    them by then or not (flavor, migration_context); which of them changed is told of an Instance
    only.
    """
    if isinstance(entity, list | tuple):
        return [to_primitive(each) for each in entity]
    if isinstance(entity, dict):
        return {key: to_primitive(value) for key, value in entity.items()}
    if hasattr(entity, "get_new_instance"):
        instance = to_primitive(entity.get_new_instance(None))
        return primitive("BuildRequest", "1.3", {"instance": instance})
    if type(entity) not in VERSIONS:
        return entity
    version, fields = VERSIONS[type(entity)]
    data = {field: _field(field, getattr(entity, field)) for field in fields.split()}
    for field in _OPTIONAL.get(type(entity), ()):
        if data[field] is None:
            del data[field]
    changes = ()
    if isinstance(entity, Instance):
        changes = entity.obj_what_changed() & data.keys()
    return primitive(type(entity).__name__, version, data, changes)


def selection(host) -> dict:
    """Return the primitive of a host that was selected.

    Source: ``Selection`` in nova/objects/selection.py, Nova 34.0.0.
    """
    return primitive("Selection", "1.1", {"service_host": host})


def _field(name, value):
    if name in _TIMES and value is not None:
        return (EPOCH + timedelta(seconds=value)).strftime("%Y-%m-%dT%H:%M:%SZ")
    if name == "properties":
        return primitive("ImageMetaProps", "1.44", value.to_dict())
    return to_primitive(value)
