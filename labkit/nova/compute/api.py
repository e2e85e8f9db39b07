"""What the API does with an action that is accepted (nova/compute/api.py).

The guards are in guards.py, creating is in create.py, deleting in delete.py.
"""

from dataclasses import dataclass

from labkit.nova.compute import api_moves, create, delete
from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.compute.guards import GUARDS, check
from labkit.nova.exception import (
    InstanceInvalidState,
    InstanceNotFound,
    UnexpectedDeletingTaskStateError,
)
from labkit.nova.notifications import instance as notify
from labkit.nova.objects import instance_action
from labkit.nova.scheduler.client.report import SchedulerReportClient

_HERE = "compute/api.py:"


@dataclass(frozen=True)
class Ask:
    """An action that sets a task and asks the server's host for the rest.

    *action* goes into the action log, *message* to the host; *expected* guards the save.
    """

    task_state: str
    action: str
    message: str
    expected: tuple = (None,)


#: By the function of nova/compute/api.py, Nova 34.0.0.
ASKS = {
    "force_stop": Ask(task.POWERING_OFF, "stop", "stop_instance"),
    "start": Ask(task.POWERING_ON, "start", "start_instance"),
    "pause": Ask(task.PAUSING, "pause", "pause_instance"),
    "unpause": Ask(task.UNPAUSING, "unpause", "unpause_instance"),
    "suspend": Ask(task.SUSPENDING, "suspend", "suspend_instance"),
    "resume": Ask(task.RESUMING, "resume", "resume_instance"),
    "rescue": Ask(task.RESCUING, "rescue", "rescue_instance"),
    "unrescue": Ask(task.UNRESCUING, "unrescue", "unrescue_instance"),
    "_soft_reboot": Ask(task.REBOOTING, "reboot", "reboot_instance"),
    "_hard_reboot": Ask(task.REBOOTING_HARD, "reboot", "reboot_instance", task.ALLOW_REBOOT),
    "set_admin_password": Ask(task.UPDATING_PASSWORD, "changePassword", "set_admin_password"),
}


class API(create.Create, delete.Delete, api_moves.Moves):
    """The compute API, as the service that uses it does it: nova-api, or a nova-compute.

    Every action is a generator; what it refuses it raises before the first save.

    Source: ``API`` in nova/compute/api.py, Nova 34.0.0.
    """

    def __init__(self, service):
        self.service = service
        self.site = service.site
        self.placementclient = SchedulerReportClient(service)

    def do(self, method, instance, **arguments):
        """Begin an action that was accepted, by the name of its function."""
        if method in ASKS:
            return self.ask(method, instance, **arguments)
        return getattr(self, method)(instance, **arguments)

    def stop(self, instance):
        """Switch off, if the guard allows it."""
        check(GUARDS["stop"], instance, "stop")
        return self.ask("force_stop", instance)

    def _record_action_start(self, instance, action):
        instance_action.action_start(instance, action, _HERE + "_record_action_start")

    def ask(self, method, instance, **arguments):
        """Do one of ASKS: save the task, log the action, send the message."""
        wanted, bus = ASKS[method], self.site.bus
        if method == "force_stop":
            instance.progress = 0
        instance.task_state = wanted.task_state
        instance.save(_HERE + method, expected_task_state=wanted.expected)
        self._record_action_start(instance, wanted.action)
        send = bus.call if method == "set_admin_password" else bus.cast
        waiting = send(
            self.service,
            wanted.message,
            instance,
            server=instance.host,
            caller=_HERE + method,
            **arguments,
        )
        if waiting is not None:
            yield from waiting

    def force_stop(self, instance):
        """Switch off whatever the vm_state."""
        return self.ask("force_stop", instance)

    def trigger_crash_dump(self, instance):
        """Let the guest dump its memory; no state changes."""
        self._record_action_start(instance, "trigger_crash_dump")
        self.site.bus.cast(
            self.service,
            "trigger_crash_dump",
            instance,
            server=instance.host,
            caller=_HERE + "trigger_crash_dump",
        )
        return
        yield

    def snapshot(self, instance, **properties):
        """Make an image of the server."""
        by = _HERE + "snapshot"
        glance, name = self.site.glance, instance.name
        image_id = glance.create(self.service, name, "compute/utils.py:create_image", **properties)
        instance.task_state = task.IMAGE_SNAPSHOT_PENDING
        try:
            instance.save(by, expected_task_state=[None])
        except (InstanceNotFound, UnexpectedDeletingTaskStateError) as error:
            glance.delete(self.service, name, by, image_id)
            gone = isinstance(error, InstanceNotFound)
            attr, state = ("vm_state", vm.DELETED) if gone else ("task_state", task.DELETING)
            raise InstanceInvalidState("createImage", instance.uuid, attr, state) from None
        self._record_action_start(instance, "createImage")
        self.site.bus.cast(
            self.service,
            "snapshot_instance",
            instance,
            server=instance.host,
            caller=by,
            image_id=image_id,
        )
        return
        yield

    def backup(self, instance, backup_type="daily", rotation=1):
        """Make an image of the server, and keep *rotation* of its kind."""
        image_id = self.site.glance.create(
            self.service,
            instance.name,
            "compute/utils.py:create_image",
            backup_type=backup_type,
        )
        instance.task_state = task.IMAGE_BACKUP
        instance.save(_HERE + "backup", expected_task_state=[None])
        self._record_action_start(instance, "createBackup")
        self.site.bus.cast(
            self.service,
            "backup_instance",
            instance,
            server=instance.host,
            caller=_HERE + "backup",
            image_id=image_id,
            backup_type=backup_type,
            rotation=rotation,
        )
        return
        yield

    def lock(self, instance):
        """Lock the server: only an administrator may act on it."""
        if not instance.locked:
            self._set_lock(instance, "lock", True, "owner")
        return
        yield

    def unlock(self, instance):
        """Take the lock off."""
        self._set_lock(instance, "unlock", False, None)
        return
        yield

    def _set_lock(self, instance, name, locked, locked_by):
        by, service = _HERE + name, self.service
        self._record_action_start(instance, name)
        event, event_by = f"api_{name}", f"{_HERE}{name}"
        instance_action.event_start(instance, event, event_by)
        instance.locked = locked
        instance.locked_by = locked_by
        instance.save(by)
        instance_action.event_finish(instance, event, "Success", event_by)
        notify.about_action(service, instance, name, source="api")

    def reset_state(self, instance, state="error"):
        """Put a server in error, or back to active, and forget its task; only the row changes.

        Source: ``_reset_state`` in nova/api/openstack/compute/admin_actions.py, Nova 34.0.0.
        """
        by = "api/openstack/compute/admin_actions.py:_reset_state"
        if state not in ("error", "active"):
            raise ValueError(f"reset to {state!r}: only error or active")
        instance_action.action_start(instance, "resetState", by)
        instance.vm_state = vm.ERROR if state == "error" else vm.ACTIVE
        instance.task_state = None
        instance.save(by)
        instance_action.action_finish(instance, by)
        return
        yield

    def update_instance(self, instance, name):
        """Give the server another display name."""
        if self.site.db.instances.get(instance.uuid) is None:
            self.site.db.build_requests[instance.uuid].values["display_name"] = name
        else:
            instance.display_name = name
            instance.save(_HERE + "update_instance")
        return
        yield
