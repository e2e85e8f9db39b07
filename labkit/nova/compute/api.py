"""Who may do what in which state, as one table, and what the API then does (nova/compute/api.py).

Creating is in create.py, deleting in delete.py.
"""

from dataclasses import dataclass

from labkit.nova.compute import create, delete
from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.exception import (
    InstanceInvalidState,
    InstanceIsLocked,
    InstanceNotFound,
    InstanceNotReady,
    UnexpectedDeletingTaskStateError,
)
from labkit.nova.notifications import instance as notify
from labkit.nova.objects import instance_action
from labkit.nova.scheduler.client.report import SchedulerReportClient

_HERE = "compute/api.py:"
ANY = None
_STOPPABLE = (vm.ACTIVE, vm.ERROR)
_SNAPSHOT = (vm.ACTIVE, vm.STOPPED, vm.PAUSED, vm.SUSPENDED)


@dataclass(frozen=True)
class Guard:
    """What one action of the API asks of a server before it begins.

    *action* is the name in the refusal, *method* the function of nova/compute/api.py.
    ``vm_state`` and ``task_state`` None mean any; ``task_state`` (None,) means no task.
    """

    action: str
    method: str
    vm_state: tuple | None
    task_state: tuple | None = (None,)
    must_have_launched: bool = True
    refused_when_locked: bool = True
    needs_host: bool = False


#: Every guarded action. Source: ``check_instance_state``, ``check_instance_lock`` and
#: ``check_instance_host`` around the functions of nova/compute/api.py, Nova 34.0.0.
GUARDS = {
    guard.action if guard.method != "_hard_reboot" else "reboot_hard": guard
    for guard in (
        Guard("delete", "delete", ANY, ANY, must_have_launched=False),
        Guard("forceDelete", "force_delete", ANY, ANY, must_have_launched=False),
        Guard("restore", "restore", (vm.SOFT_DELETED,)),
        Guard("stop", "stop", _STOPPABLE, needs_host=True),
        Guard("start", "start", (vm.STOPPED,), needs_host=True),
        Guard("reboot", "_soft_reboot", vm.ALLOW_SOFT_REBOOT, refused_when_locked=False),
        Guard(
            "reboot",
            "_hard_reboot",
            vm.ALLOW_HARD_REBOOT,
            task.ALLOW_REBOOT,
            refused_when_locked=False,
        ),
        Guard("pause", "pause", (vm.ACTIVE,)),
        Guard("unpause", "unpause", (vm.PAUSED,)),
        Guard("suspend", "suspend", (vm.ACTIVE,)),
        Guard("resume", "resume", (vm.SUSPENDED,)),
        Guard("rescue", "rescue", (vm.ACTIVE, vm.STOPPED, vm.ERROR)),
        Guard("unrescue", "unrescue", (vm.RESCUED,)),
        Guard("changePassword", "set_admin_password", (vm.ACTIVE,)),
        Guard("createImage", "snapshot", _SNAPSHOT, refused_when_locked=False),
        Guard("createBackup", "backup", _SNAPSHOT, refused_when_locked=False),
        Guard("rebuild", "rebuild", (vm.ACTIVE, vm.STOPPED, vm.ERROR)),
        Guard("resize", "resize", (vm.ACTIVE, vm.STOPPED)),
        Guard("confirmResize", "confirm_resize", (vm.RESIZED,)),
        Guard("revertResize", "revert_resize", (vm.RESIZED,)),
        Guard("shelve", "shelve", _SNAPSHOT),
        Guard("shelveOffload", "shelve_offload", (vm.SHELVED,)),
        Guard("unshelve", "unshelve", (vm.SHELVED, vm.SHELVED_OFFLOADED)),
        Guard("os-migrateLive", "live_migrate", (vm.ACTIVE, vm.PAUSED)),
        Guard(
            "evacuate",
            "evacuate",
            (vm.ACTIVE, vm.STOPPED, vm.ERROR),
            ANY,
            refused_when_locked=False,
        ),
        Guard(
            "trigger_crash_dump", "trigger_crash_dump", vm.ALLOW_TRIGGER_CRASH_DUMP, needs_host=True
        ),
    )
}
#: With ``reclaim_instance_interval`` the API's delete tries this first.
SOFT_DELETE = Guard("delete", "soft_delete", ANY, ANY)


def check(guard: Guard, instance, is_admin: bool = True):
    """Raise Nova's refusal when an action may not begin: lock first, then host, then states.

    Source: ``check_instance_lock``, ``check_instance_host`` and ``check_instance_state`` in
    nova/compute/api.py, Nova 34.0.0.
    """
    if guard.refused_when_locked and instance.locked and not is_admin:
        raise InstanceIsLocked(instance_uuid=instance.uuid)
    if guard.needs_host and not instance.host:
        raise InstanceNotReady(instance_id=instance.uuid)
    for attr, allowed in (("vm_state", guard.vm_state), ("task_state", guard.task_state)):
        state = getattr(instance, attr)
        if allowed is not ANY and state not in allowed:
            raise InstanceInvalidState(guard.action, instance.uuid, attr, state)
    if guard.must_have_launched and instance.launched_at is None:
        raise InstanceInvalidState(guard.action, instance.uuid, "launched_at", None)


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


class API(create.Create, delete.Delete):
    """The compute API, as the service that uses it does it: nova-api, or a nova-compute.

    Every action is a generator; what it refuses it raises before the first save.

    Source: ``API`` in nova/compute/api.py, Nova 34.0.0.
    """

    def __init__(self, service):
        self.service = service
        self.site = service.site
        self.placementclient = SchedulerReportClient(service)

    def act(self, action, instance, is_admin=True, **arguments):
        """Check an action's guard and begin it; *action* is a key of GUARDS."""
        guard = GUARDS[action]
        check(guard, instance, is_admin)
        method = "force_stop" if guard.method == "stop" else guard.method
        if method in ASKS:
            return self.ask(method, instance, **arguments)
        return getattr(self, method)(instance, **arguments)

    def check(self, action, instance, is_admin=True):
        """Raise what Nova refuses an action with, if it does."""
        check(GUARDS[action], instance, is_admin)

    def soft_delete_guarded(self, instance, is_admin=True):
        """Soft-delete, if the server was ever up."""
        check(SOFT_DELETE, instance, is_admin)
        return self.soft_delete(instance)

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
        event, event_by = f"api_{name}", f"compute/utils.py:{name}"
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
