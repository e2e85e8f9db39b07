"""What the API shows for a pair of states (nova/api/openstack/common.py)."""

from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm

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
    """
    default, by_task = _STATUS[vm_state]
    return by_task.get(task_state, default)
