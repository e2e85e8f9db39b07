"""Which update a save sends, and what it says (nova/notifications/base.py)."""

from labkit.nova.clock import Notification
from labkit.nova.compute import power_state
from labkit.nova.db.main import api as db
from labkit.nova.exception import InstanceNotFound

#: The values of ``[notifications] notify_on_state_change``.
MODES = (None, "vm_state", "vm_and_task_state")


def send_update(old, new, notify_on_state_change=None):
    """Return the payload of the one compute.instance.update that a save sends, or None.

    In: the states before and after, as dicts with ``vm_state`` and ``task_state``, and the
    option. Out: ``old_state, state, old_task_state, new_task_state``; None only when the
    option is unset: with ``vm_state`` a save that moves the task alone is still sent, its task
    states blanked to the present one.

    >>> old = {"vm_state": "building", "task_state": "networking"}
    >>> new = {"vm_state": "building", "task_state": "block_device_mapping"}
    >>> send_update(old, new, "vm_state")["old_task_state"]
    'block_device_mapping'

    Source: ``send_update`` in nova/notifications/base.py, Nova 34.0.0 (the same in 13.0.0).
    """
    _check(notify_on_state_change)
    if not notify_on_state_change:
        return None
    changed = old["vm_state"] != new["vm_state"] or (
        notify_on_state_change == "vm_and_task_state" and old["task_state"] != new["task_state"]
    )
    if not changed:
        return _compute_states_payload(new)
    return _compute_states_payload(
        new, old["vm_state"], old["task_state"], new["vm_state"], new["task_state"]
    )


def send_update_with_states(
    instance,
    old_vm_state,
    new_vm_state,
    old_task_state,
    new_task_state,
    notify_on_state_change=None,
):
    """Return the payload of an update that names its states, or None when the option is unset."""
    _check(notify_on_state_change)
    if not notify_on_state_change:
        return None
    return _compute_states_payload(
        instance, old_vm_state, old_task_state, new_vm_state, new_task_state
    )


def _compute_states_payload(
    instance, old_vm_state=None, old_task_state=None, new_vm_state=None, new_task_state=None
):
    """Fill the four states; a None is replaced by the instance's present value."""

    def present(value, name):
        return instance[name] if value is None else value

    return {
        "old_state": present(old_vm_state, "vm_state"),
        "state": present(new_vm_state, "vm_state"),
        "old_task_state": present(old_task_state, "task_state"),
        "new_task_state": present(new_task_state, "task_state"),
    }


def send_save(service, instance, old):
    """Send the update that follows a save: one legacy, one versioned, as configured."""
    mode = service.options.notify_on_state_change
    if mode:
        new = {"vm_state": instance.vm_state, "task_state": instance.task_state}
        send(service, instance, send_update(old, new, mode), old["display_name"])


def send(service, instance, update, old_display_name=None, source="compute"):
    """Send compute.instance.update and instance.update with the four states of *update*.

    Source: ``_send_instance_update_notification`` and
    ``_send_versioned_instance_update`` in nova/notifications/base.py, Nova 34.0.0.
    """
    if update is None:
        return
    name, description = instance.name, {"state_description": instance.task_state or ""}
    emit(service, name, "legacy", "compute.instance.update", source, update | description)
    try:  # the versioned one needs more of the row than this copy has
        db.instance_get_by_uuid(service.db_context, instance.uuid)
    except InstanceNotFound:
        return
    payload = versioned(instance, "InstanceUpdatePayload/2.1") | {"state_update": update}
    if old_display_name not in (None, instance.display_name):
        payload["old_display_name"] = old_display_name
    emit(service, name, "versioned", "instance.update", f"nova-{source}", payload)


def versioned(instance, payload_object) -> dict:
    """Return the fields about states of a versioned notification of a server."""
    payload = {
        "object": payload_object,
        "state": instance.vm_state,
        "task_state": instance.task_state,
        "power_state": power_state.STATE_MAP[instance.power_state],
    }
    if instance.host is not None:
        payload["host"] = instance.host
    return payload


def emit(service, name, form, event_type, publisher, payload, by=None, priority="INFO"):
    """Send a notification about a server, unless ``notification_format`` leaves it out."""
    wanted = service.options.notification_format
    if wanted != "both" and (wanted == "versioned") != (form == "versioned"):
        return
    service.note(Notification, name, form, event_type, publisher, priority, payload, by=by)


def _check(mode):
    if mode not in MODES:
        raise ValueError(f"[notifications] notify_on_state_change = {mode!r}: none of {MODES}")
