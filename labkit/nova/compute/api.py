"""Who may do what in which state, as one table (nova/compute/api.py)."""

from dataclasses import dataclass

from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.exception import InstanceInvalidState, InstanceIsLocked, InstanceNotReady

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


_REBOOTS = dict.fromkeys(task.soft_reboot_states, "REBOOT")
_REBOOTS |= dict.fromkeys(task.hard_reboot_states, "HARD_REBOOT")
_REBUILDS = dict.fromkeys(
    (task.REBUILDING, task.REBUILD_BLOCK_DEVICE_MAPPING, task.REBUILD_SPAWNING), "REBUILD"
)
_RESIZES = dict.fromkeys(
    (task.RESIZE_PREP, task.RESIZE_MIGRATING, task.RESIZE_MIGRATED, task.RESIZE_FINISH), "RESIZE"
)
_STATUS = {
    vm.ACTIVE: (
        "ACTIVE",
        _REBOOTS
        | _REBUILDS
        | _RESIZES
        | {task.UPDATING_PASSWORD: "PASSWORD", task.MIGRATING: "MIGRATING"},
    ),
    vm.BUILDING: ("BUILD", {}),
    vm.STOPPED: ("SHUTOFF", _RESIZES | _REBUILDS),
    vm.RESIZED: ("VERIFY_RESIZE", {task.RESIZE_REVERTING: "REVERT_RESIZE"}),
    vm.PAUSED: ("PAUSED", {task.MIGRATING: "MIGRATING"}),
    vm.SUSPENDED: ("SUSPENDED", {}),
    vm.RESCUED: ("RESCUE", {}),
    vm.ERROR: ("ERROR", _REBUILDS),
    vm.DELETED: ("DELETED", {}),
    vm.SOFT_DELETED: ("SOFT_DELETED", {}),
    vm.SHELVED: ("SHELVED", {}),
    vm.SHELVED_OFFLOADED: ("SHELVED_OFFLOADED", {}),
}


def status_from_state(vm_state: str, task_state: str | None = None) -> str:
    """Return what the API shows for a pair of states.

    >>> status_from_state("active", "rebooting"), status_from_state("active", "image_snapshot")
    ('REBOOT', 'ACTIVE')

    Source: ``status_from_state`` in nova/api/openstack/common.py, Nova 34.0.0.
    """
    default, by_task = _STATUS[vm_state]
    return by_task.get(task_state, default)
