"""What scheduler and conductor share (nova/scheduler/utils.py)."""

from labkit.nova.compute import utils as compute_utils
from labkit.nova.exception import MaxRetriesExceeded, NoValidHost, UnsupportedPolicyException
from labkit.nova.notifications.base import emit
from labkit.nova.objects import instance_group
from labkit.nova.objects.instance import Instance
from labkit.nova.scheduler import request_filter
from labkit.nova.scheduler.filters import utils as filters_utils


def parse_options(opts, sep="=", converter=str, name="") -> list[tuple[str, object]]:
    """Split ``name=ratio`` items into pairs; an item that cannot be read is left out."""
    good = []
    for opt in opts:
        key, seen_sep, value = opt.partition(sep)
        try:
            value = converter(value)
        except ValueError:
            continue
        if key and seen_sep:
            good.append((key, value))
    return good


#: What enforces each policy of a server group: a filter, or a weigher.
_ENFORCED_BY = {
    "affinity": "ServerGroupAffinityFilter",
    "anti-affinity": "ServerGroupAntiAffinityFilter",
    "soft-affinity": "ServerGroupSoftAffinityWeigher",
    "soft-anti-affinity": "ServerGroupSoftAntiAffinityWeigher",
}


def setup_instance_group(service, spec, name, moves=False):
    """Return a request whose server group has the members and the hosts that it has now.

    In: the server's name, and whether it *moves*: then only hosts of its own cell count. Raises
    UnsupportedPolicyException where nothing enforces the policy.

    Source: ``setup_instance_group`` and ``_get_group_details`` in nova/scheduler/utils.py, 34.0.0.
    """
    if spec.instance_group is None:
        return spec
    group = instance_group.get_by_uuid(service, spec.instance_group.uuid)
    needed = _ENFORCED_BY[group.policy]
    if not (validate_filter(service, needed) or validate_weigher(service, needed)):
        raise UnsupportedPolicyException(reason=f"{needed} not configured")
    site = service.site
    cell = site.db.cells.get(site.uuid_of(name)) if moves else None
    group.hosts = instance_group.get_hosts(service, group, cell=cell)
    return spec.replace(instance_group=group)


def validate_filter(service, name) -> bool:
    """Return whether a filter is enabled."""
    return name in map(_class_name, service.options.enabled_filters)


def validate_weigher(service, name) -> bool:
    """Return whether a weigher of server groups is enabled."""
    classes = [_class_name(entry) for entry in service.options.weight_classes]
    return name.endswith("Weigher") and ("all_weighers" in classes or name in classes)


def _class_name(entry):
    return entry.rpartition(".")[2] if isinstance(entry, str) else entry.__name__


def request_is_rebuild(spec_obj) -> bool:
    """Return whether the scheduler is only asked if a host may keep a rebuilt server."""
    return bool(spec_obj) and spec_obj.scheduler_hints.get("_nova_check_type") == ["rebuild"]


def get_weight_multiplier(host_state, multiplier_name, multiplier_config):
    """Return the smallest value that the host's aggregates have, else that of the option.

    A value that is no number: the option counts.
    """
    aggregate_vals = filters_utils.aggregate_values_from_key(host_state, multiplier_name)
    try:
        return filters_utils.validate_num_values(aggregate_vals, multiplier_config, cast_to=float)
    except ValueError:
        return multiplier_config


def exhausted(instance):
    """Return the error of a server for which no host is left."""
    reason = (
        f"Exhausted all hosts available for retrying build failures for instance {instance.uuid}."
    )
    return MaxRetriesExceeded(reason=reason)


def populate_retry(filter_properties, instance_uuid, max_attempts, spec):
    """Count one more attempt, where there may be more than one.

    Raises MaxRetriesExceeded beyond ``[scheduler] max_attempts``. Without a ``retry`` in the
    properties a host that fails does not hand the build on.
    """
    if max_attempts == 1 or len(spec.force_hosts or ()) == 1 or len(spec.force_nodes or ()) == 1:
        return
    retry = filter_properties.setdefault("retry", {"num_attempts": 0})
    retry["num_attempts"] += 1
    exc_reason = retry.pop("exc_reason", None)
    if retry["num_attempts"] > max_attempts:
        reason = (
            f"Exceeded max scheduling attempts {max_attempts} for instance {instance_uuid}."
            f" Last exception: {exc_reason}"
        )
        raise MaxRetriesExceeded(reason=reason)


def claim_resources_on_destination(conductor, instance, host):
    """Claim on a host that was named what the server holds where it is. Raises NoValidHost."""
    site = conductor.site
    spec = site.spec_of(instance.name).replace(flavor=instance.flavor)
    row, resources = site.fleet.rows[host], request_filter.resources_from_flavor(spec)[0]
    claim = conductor.report_client.claim_resources
    if not claim(instance.name, instance.uuid, row, resources):
        raise NoValidHost(
            reason=f"Unable to move instance {instance.uuid} to host {host}. There is not enough"
            " capacity on the host for the instance."
        )


def set_vm_state_and_notify(service, instance, method, vm_state, error):
    """Give a server a vm_state and no task, by a copy of its own, and tell why."""
    copy = Instance.get_by_uuid(service, instance.uuid)
    copy.vm_state = vm_state
    copy.task_state = None
    copy.save()
    compute_utils.add_instance_fault_from_exc(copy, error)
    event_type, payload = f"compute_task.{method}", {"state": vm_state}
    emit(service, instance.name, "legacy", event_type, "compute_task", payload, priority="ERROR")
    compute_utils.notify_about_compute_task_error(service, instance, method, vm_state, error)
