"""What Nova tells others of a move: the legacy notification has another name than the versioned one."""

from labkit.nova.notifications.base import emit, versioned
from labkit.nova.notifications.instance import ACTION_PAYLOAD, about_action, about_usage

#: Payload and sender of the versioned one, where they are not those of every action.
SPECIAL = {
    "rebuild": ("InstanceActionRebuildPayload/1.10", "notify_about_instance_rebuild"),
    "rebuild_scheduled": ("InstanceActionRebuildPayload/1.10", "notify_about_instance_rebuild"),
    "resize_prep": ("InstanceActionResizePrepPayload/1.4", "notify_about_resize_prep_instance"),
}


def about(service, instance, legacy, action, phase=None, fault=None, source="compute"):
    """Send compute.instance.*legacy*.*phase* and instance.*action*.*phase*.

    Source: ``notify_about_instance_usage``, ``notify_about_instance_action`` and the like in
    nova/compute/utils.py, Nova 34.0.0.
    """
    about_usage(service, instance, ".".join(filter(None, (legacy, phase))), fault)
    payload_object, sender = SPECIAL.get(action, (ACTION_PAYLOAD, "notify_about_instance_action"))
    payload = versioned(instance, payload_object)
    if fault is not None:
        payload["fault"] = type(fault).__name__
    event_type = ".".join(filter(None, ("instance", action, phase)))
    priority = "ERROR" if fault is not None else "INFO"
    by, publisher = f"compute/utils.py:{sender}", f"nova-{source}"
    emit(service, instance.name, "versioned", event_type, publisher, payload, by, priority)


def about_exists(service, instance):
    """Send that the server exists, as before anything that changes what it is charged for.

    Source: ``notify_usage_exists`` in nova/compute/utils.py, Nova 34.0.0.
    """
    about_usage(service, instance, "exists")
    about_action(service, instance, "exists")
