"""Who may do what in which state, as one table: the decorators of nova/compute/api.py."""

from dataclasses import dataclass

from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.exception import (
    InstanceInvalidState,
    InstanceIsLocked,
    InstanceNotReady,
    ServiceUnavailable,
)

ANY = None
NO_TASK = (None,)
_STATES = (vm.ACTIVE, vm.STOPPED, vm.PAUSED, vm.SUSPENDED)
_DISKS = (vm.ACTIVE, vm.PAUSED, vm.STOPPED, vm.RESIZED, vm.SOFT_DELETED)
_VOLUMES = (*_DISKS, vm.SHELVED, vm.SHELVED_OFFLOADED)
_PORTS = (vm.ACTIVE, vm.PAUSED, vm.STOPPED)
_ON_OR_ERROR = (vm.ACTIVE, vm.STOPPED, vm.ERROR)


@dataclass(frozen=True)
class Guard:
    """What a function of the compute API asks of a server before it begins.

    ``vm_state`` and ``task_state`` None mean any; ``task_state`` (None,) means no task;
    ``rejected_task_state`` are those of which none may be.
    """

    vm_state: tuple | None = ANY
    task_state: tuple | None = NO_TASK
    must_have_launched: bool = True
    refused_when_locked: bool = True
    needs_host: bool = False
    needs_host_up: bool = False
    rejected_task_state: tuple = ()


def _only(**checks):
    """A guard that looks at no state."""
    nothing = {"must_have_launched": False, "refused_when_locked": False}
    return Guard(ANY, ANY, **(nothing | checks))


_LOCK = _only(refused_when_locked=True)
_HOST = _only(needs_host=True)
_CONSOLE = _only(needs_host=True, rejected_task_state=(task.DELETING, task.MIGRATING))

#: By the function of nova/compute/api.py. Source: ``check_instance_lock``,
#: ``check_instance_host`` and ``check_instance_state`` around each, Nova 34.0.0.
GUARDS = {
    "delete": Guard(ANY, ANY, must_have_launched=False),
    "soft_delete": Guard(ANY, ANY),
    "force_delete": Guard(ANY, ANY, must_have_launched=False),
    "restore": Guard((vm.SOFT_DELETED,)),
    "stop": Guard((vm.ACTIVE, vm.ERROR), needs_host=True),
    "start": Guard((vm.STOPPED,), needs_host=True),
    "reboot": _LOCK,  # before it asks one of the two below
    "_soft_reboot": Guard(vm.ALLOW_SOFT_REBOOT, refused_when_locked=False),
    "_hard_reboot": Guard(vm.ALLOW_HARD_REBOOT, task.ALLOW_REBOOT, refused_when_locked=False),
    "pause": Guard((vm.ACTIVE,)),
    "unpause": Guard((vm.PAUSED,)),
    "suspend": Guard((vm.ACTIVE,)),
    "resume": Guard((vm.SUSPENDED,)),
    "rescue": Guard(_ON_OR_ERROR),
    "unrescue": Guard((vm.RESCUED,)),
    "set_admin_password": Guard((vm.ACTIVE,)),
    "snapshot": Guard(_STATES, refused_when_locked=False),
    "snapshot_volume_backed": Guard(_STATES, refused_when_locked=False),
    "backup": Guard(_STATES, refused_when_locked=False),
    "rebuild": Guard(_ON_OR_ERROR),
    "resize": Guard((vm.ACTIVE, vm.STOPPED), needs_host_up=True),
    "confirm_resize": Guard((vm.RESIZED,)),
    "revert_resize": Guard((vm.RESIZED,)),
    "shelve": Guard(_STATES),
    "shelve_offload": Guard((vm.SHELVED,)),
    "unshelve": Guard((vm.SHELVED, vm.SHELVED_OFFLOADED)),
    "live_migrate": Guard((vm.ACTIVE, vm.PAUSED)),
    "live_migrate_force_complete": Guard((vm.ACTIVE,), (task.MIGRATING,)),
    "live_migrate_abort": Guard(ANY, (task.MIGRATING,)),
    "evacuate": Guard(_ON_OR_ERROR, ANY, refused_when_locked=False),
    "trigger_crash_dump": Guard(vm.ALLOW_TRIGGER_CRASH_DUMP, needs_host=True),
    "update_instance_metadata": Guard(_STATES, ANY),
    "delete_instance_metadata": Guard(_STATES, ANY),
    "attach_volume": Guard(_VOLUMES),
    "detach_volume": Guard(_VOLUMES),
    "swap_volume": Guard((vm.ACTIVE, vm.PAUSED, vm.RESIZED)),
    "attach_interface": Guard(_PORTS),
    "detach_interface": Guard(_PORTS),
    "_detach_volume": _only(needs_host_up=True),
    "add_fixed_ip": _LOCK,
    "remove_fixed_ip": _LOCK,
    "inject_network_info": _LOCK,
    "get_console_output": _HOST,
    "get_diagnostics": _HOST,
    "get_instance_diagnostics": _HOST,
    "get_vnc_console": _CONSOLE,
    "get_spice_console": _CONSOLE,
    "get_serial_console": _CONSOLE,
    "get_mks_console": _CONSOLE,
}


def check(guard: Guard, instance, action, is_admin=True, host_is_up=True):
    """Raise Nova's refusal when an action may not begin: lock, host, states, in this order.

    *action* is what the refusal calls it.

    Source: ``check_instance_lock``, ``check_instance_host``, ``check_instance_state`` and
    ``reject_instance_state`` in nova/compute/api.py, Nova 34.0.0.
    """
    if guard.refused_when_locked and instance.locked and not is_admin:
        raise InstanceIsLocked(instance_uuid=instance.uuid)
    if guard.needs_host and not instance.host:
        raise InstanceNotReady(instance_id=instance.uuid)
    for attr, allowed in (("vm_state", guard.vm_state), ("task_state", guard.task_state)):
        state = getattr(instance, attr)
        if allowed is not ANY and state not in allowed:
            raise InstanceInvalidState(action, instance.uuid, attr, state)
    if instance.task_state in guard.rejected_task_state:
        raise InstanceInvalidState(action, instance.uuid, "task_state", instance.task_state)
    if guard.must_have_launched and instance.launched_at is None:
        raise InstanceInvalidState(action, instance.uuid, "launched_at", None)
    if guard.needs_host_up and not host_is_up:
        raise ServiceUnavailable
