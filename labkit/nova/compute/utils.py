"""What the API, the conductor and nova-compute have in common (nova/compute/utils.py)."""

from contextlib import contextmanager, suppress

from labkit.nova.clock import around, place
from labkit.nova.compute import vm_states
from labkit.nova.exception import ImageNotFound, NovaException
from labkit.nova.notifications.base import emit, versioned
from labkit.nova.objects import instance_action, instance_fault

#: The versioned payload of an action and the function here that sends it, if it has its own.
_PAYLOADS = {
    "create": ("InstanceCreatePayload/1.13", "notify_about_instance_create"),
    "exists": ("InstanceExistsPayload/2.1", "notify_usage_exists"),
    "rebuild": ("InstanceActionRebuildPayload/1.10", "notify_about_instance_rebuild"),
    "rebuild_scheduled": ("InstanceActionRebuildPayload/1.10", "notify_about_instance_rebuild"),
    "rescue": ("InstanceActionRescuePayload/1.4", "notify_about_instance_rescue_action"),
    "resize_prep": ("InstanceActionResizePrepPayload/1.4", "notify_about_resize_prep_instance"),
    "snapshot": ("InstanceActionSnapshotPayload/1.10", "notify_about_instance_snapshot"),
}
_USUAL = ("InstanceActionPayload/1.9", "notify_about_instance_action")
#: What the legacy notification calls an action, if it is another name.
_LEGACY = {
    "live_migration_abort": "live.migration.abort",
    "live_migration_force_complete": "live.migration.force.complete",
    "live_migration_post": "live_migration._post",
    "live_migration_post_dest": "live_migration.post.dest",
    "live_migration_pre": "live_migration.pre",
    "live_migration_rollback": "live_migration._rollback",
    "rebuild_scheduled": "rebuild.scheduled",
    "resize_confirm": "resize.confirm",
    "resize_finish": "finish_resize",
    "resize_prep": "resize.prep",
    "resize_revert": "resize.revert",
}
_SHELVED_KEYS = ("shelved_at", "shelved_image_id", "shelved_host")


# -- notifications ------------------------------------------------------------------------
def notify_about_instance_usage(service, instance, event_suffix, fault=None):
    """Send the legacy notification compute.instance.*event_suffix*."""
    payload = {"state": instance.vm_state, "state_description": instance.task_state or ""}
    if fault is not None:
        payload["exception"] = type(fault).__name__
    event_type = f"compute.instance.{event_suffix}"
    priority = "ERROR" if event_suffix.endswith("error") else "INFO"
    emit(service, instance.name, "legacy", event_type, "compute", payload, priority=priority)


def notify_about_instance_action(
    service, instance, action, phase=None, source="compute", fault=None
):
    """Send the versioned notification instance.*action*.*phase*."""
    payload_object, sender = _PAYLOADS.get(action, _USUAL)
    payload = versioned(instance, payload_object)
    if fault is not None:
        payload["fault"] = type(fault).__name__
    event_type = ".".join(filter(None, ("instance", action, phase)))
    priority = "ERROR" if fault is not None else "INFO"
    by = f"compute/utils.py:{sender}"
    publisher = f"nova-{source}"
    emit(service, instance.name, "versioned", event_type, publisher, payload, by, priority)


def notify_about_instance(service, instance, action, phase=None, source="compute", fault=None):
    """Send both notifications of an action, the legacy one first."""
    suffix = ".".join(filter(None, (_LEGACY.get(action, action), phase)))
    notify_about_instance_usage(service, instance, suffix, fault)
    notify_about_instance_action(service, instance, action, phase, source, fault)


def notify_usage_exists(service, instance):
    """Send that a server exists, before anything that changes what it is charged for."""
    notify_about_instance(service, instance, "exists")


@contextmanager
def notify_about_instance_delete(service, instance, delete_type="delete", source="api"):
    """Send the start of a delete and, even if it fails, its end."""

    def send(phase):
        notify_about_instance_usage(service, instance, f"{delete_type}.{phase}")
        if delete_type != "force_delete":
            notify_about_instance_action(service, instance, delete_type, phase, source)

    send("start")
    try:
        yield
    finally:
        if not service.stopped:
            send("end")


def notify_about_scheduler_action(service, phase, name):
    """Send that the scheduler begins or ends to choose; only the versioned one names a server."""
    event_type = f"scheduler.select_destinations.{phase}"
    by = "scheduler/manager.py:_select_destinations"
    emit(service, None, "legacy", event_type, "scheduler", {}, by)
    payload = {"object": "RequestSpecPayload/1.1"}
    by = "compute/utils.py:notify_about_scheduler_action"
    emit(service, name, "versioned", event_type, "nova-scheduler", payload, by)


def notify_about_compute_task_error(service, instance, action, state, error):
    """Send that a task of the conductor failed for good.

    It fails itself for an error that nobody raised: there is no traceback to send.
    """
    if error.__traceback__ is None and service.options.notification_format != "unversioned":
        raise NovaException("'NoneType' object has no attribute 'tb_frame'")
    payload = {"object": "ComputeTaskPayload/1.0", "state": state, "fault": type(error).__name__}
    event_type, publisher = f"compute_task.{action}.error", "nova-conductor"
    emit(service, instance.name, "versioned", event_type, publisher, payload, priority="ERROR")


# -- the action log -----------------------------------------------------------------------
class EventReporter:
    """Begin a part of the action that a server is in; end it with "Success" or "Error".

    A service that dies meanwhile leaves it without an end.
    """

    def __init__(self, instance, event_name, by=None):
        self.instance = instance
        self.event_name = event_name
        self.by = by

    def __enter__(self):
        instance_action.event_start(self.instance, self.event_name, self.by)

    def __exit__(self, exc_type, exc_val, exc_tb):
        if exc_type is None:
            instance_action.event_finish(self.instance, self.event_name, "Success", self.by)
        elif issubclass(exc_type, Exception):
            instance_action.event_finish(self.instance, self.event_name, "Error", self.by)


def wrap_instance_event(prefix):
    """Return a decorator of methods: each is a part of the action, "compute_stop_instance"."""

    @around
    def reporting(function, _self, instance, *_args, **_kwargs):
        by = place(function.__code__.co_filename, function.__name__)
        return EventReporter(instance, f"{prefix}_{function.__name__}", by)

    return reporting


def add_instance_fault_from_exc(instance, fault, fault_message=None):
    """Write an exception down as a server's fault; the API shows the newest.

    Of an exception that is not Nova's own only the class is shown.
    """
    code, text = 500, type(fault).__name__
    if isinstance(fault, NovaException):
        code, text = fault.code, str(fault)
    instance_fault.create(instance, code, (fault_message or text)[:255])


# -- images -------------------------------------------------------------------------------
def create_image(service, instance, /, **properties) -> str:
    """Register an image that a server is to become; return its id."""
    return service.image_api.create(instance.name, **properties)


def delete_image(service, instance, image_id):
    """Delete an image of a server; one that is gone already is no error."""
    with suppress(ImageNotFound):
        service.image_api.delete(instance.name, image_id)


# -- servers ------------------------------------------------------------------------------
def remove_shelved_keys_from_system_metadata(instance):
    """Forget that a server was shelved."""
    for key in _SHELVED_KEYS:
        instance.system_metadata.pop(key, None)


def may_have_ports_or_volumes(instance) -> bool:
    """Return whether a server without a host may still have ports or volumes."""
    return instance.vm_state in (vm_states.SHELVED_OFFLOADED, vm_states.ERROR)
