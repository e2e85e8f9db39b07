"""What an administrator does to a row, past all hosts (nova/api/openstack/compute/admin_actions.py)."""

from labkit.nova.compute import vm_states as vm
from labkit.nova.objects import instance_action


def _reset_state(instance, state="error"):
    """Put a server in error, or back to active, and forget its task; only the row changes."""
    if state not in ("error", "active"):
        raise ValueError(f"reset to {state!r}: only error or active")
    instance_action.action_start(instance, "resetState")
    instance.vm_state = vm.ERROR if state == "error" else vm.ACTIVE
    instance.task_state = None
    instance.save()
    instance_action.action_finish(instance)
