"""The notifications about servers, legacy and versioned (nova/compute/utils.py).

Nova keeps them in nova/compute/utils.py; their payloads in nova/notifications/objects.
"""

from contextlib import contextmanager

from labkit.nova.exception import NovaException
from labkit.nova.notifications.base import emit, versioned

#: The versioned payload of an action; all others have ACTION_PAYLOAD.
PAYLOADS = {
    "create": "InstanceCreatePayload/1.13",
    "rescue": "InstanceActionRescuePayload/1.4",
    "snapshot": "InstanceActionSnapshotPayload/1.10",
    "exists": "InstanceExistsPayload/2.1",
}
ACTION_PAYLOAD = "InstanceActionPayload/1.9"
#: The function of nova/compute/utils.py that sends the versioned one.
SENDERS = {
    "create": "notify_about_instance_create",
    "rescue": "notify_about_instance_rescue_action",
    "snapshot": "notify_about_instance_snapshot",
    "exists": "notify_usage_exists",
}


def about_usage(service, instance, suffix, fault=None):
    """Send the legacy notification compute.instance.*suffix*.

    Source: ``notify_about_instance_usage`` in nova/compute/utils.py, Nova 34.0.0.
    """
    payload = {"state": instance.vm_state, "state_description": instance.task_state or ""}
    priority = "ERROR" if suffix.endswith("error") else "INFO"
    if fault is not None:
        payload["exception"] = type(fault).__name__
    by = "compute/utils.py:notify_about_instance_usage"
    event_type = f"compute.instance.{suffix}"
    emit(service, instance.name, "legacy", event_type, "compute", payload, by, priority)


def about_action(service, instance, action, phase=None, source="compute", fault=None):
    """Send the versioned notification instance.*action*.*phase*.

    Source: ``notify_about_instance_action`` and its like in nova/compute/utils.py, 34.0.0.
    """
    payload = versioned(instance, PAYLOADS.get(action, ACTION_PAYLOAD))
    if fault is not None:
        payload["fault"] = type(fault).__name__
    sender = SENDERS.get(action, "notify_about_instance_action")
    event_type = ".".join(filter(None, ("instance", action, phase)))
    priority = "ERROR" if fault is not None else "INFO"
    by = f"compute/utils.py:{sender}"
    publisher = f"nova-{source}"
    emit(service, instance.name, "versioned", event_type, publisher, payload, by, priority)


def about(service, instance, action, phase, fault=None):
    """Send both, as the compute manager does at the start and the end of most things."""
    about_usage(service, instance, f"{action}.{phase}", fault)
    about_action(service, instance, action, phase, fault=fault)


@contextmanager
def about_delete(service, instance, delete_type="delete", source="api"):
    """Send the start, and at the end, whatever happened, the end of a delete.

    Source: ``notify_about_instance_delete`` in nova/compute/utils.py, Nova 34.0.0.
    """
    versioned_too = delete_type in ("delete", "soft_delete")

    def send(phase):
        about_usage(service, instance, f"{delete_type}.{phase}")
        if versioned_too:
            about_action(service, instance, delete_type, phase, source)

    send("start")
    try:
        yield
    finally:
        if not service.stopped:
            send("end")


def about_scheduling(service, phase, name):
    """Send what the scheduler tells when it begins and ends to choose.

    The versioned one names the server that it is at: the first, then the last.

    Source: ``_select_destinations`` in nova/scheduler/manager.py, Nova 34.0.0.
    """
    event_type = f"scheduler.select_destinations.{phase}"
    by = "scheduler/manager.py:_select_destinations"
    emit(service, None, "legacy", event_type, "scheduler", {}, by)
    payload = {"object": "RequestSpecPayload/1.1"}
    by = "compute/utils.py:notify_about_scheduler_action"
    emit(service, name, "versioned", event_type, "nova-scheduler", payload, by)


def about_compute_task_error(service, instance, method, state, error):
    """Send what the conductor tells when a task failed for good.

    The versioned one fails, and with it the clean-up after it, for an error that nobody raised:
    it has no traceback to be told.

    Source: ``set_vm_state_and_notify`` in nova/scheduler/utils.py and
    ``notify_about_compute_task_error`` in nova/compute/utils.py, Nova 34.0.0.
    """
    by = "scheduler/utils.py:set_vm_state_and_notify"
    name = f"compute_task.{method}"
    emit(service, instance.name, "legacy", name, "compute_task", {"state": state}, by, "ERROR")
    if error.__traceback__ is None and service.options.notification_format != "unversioned":
        raise NovaException("'NoneType' object has no attribute 'tb_frame'")
    payload = {"object": "ComputeTaskPayload/1.0", "state": state, "fault": type(error).__name__}
    by = "compute/utils.py:notify_about_compute_task_error"
    publisher = "nova-conductor"
    emit(service, instance.name, "versioned", f"{name}.error", publisher, payload, by, "ERROR")


def about_exception(service, function, error, by):
    """Send what each decorated method of the compute manager tells of an exception.

    Source: ``wrap_exception`` in nova/exception_wrapper.py, Nova 34.0.0.
    """
    payload = {"exception": type(error).__name__}
    emit(service, None, "legacy", function, "compute", payload, by, "ERROR")
    payload = {"object": "ExceptionPayload/1.1"}
    emit(service, None, "versioned", "compute.exception", "nova-compute", payload, by, "ERROR")
