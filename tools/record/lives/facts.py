"""Names and numbers that Nova's code holds: states, and what the API calls each pair of them."""

from tools.record.lives import backend  # noqa: F401

# isort: split
from nova import version
from nova.api.openstack import common
from nova.compute import power_state

from tools.record.lives.guards import TASK_STATES, VM_STATES


def read():
    """The states with Nova's values, and the status of each pair (None: any other task)."""
    return {
        "nova": version.version_string(),
        "vm_states": VM_STATES,
        "task_states": TASK_STATES,
        "power_states": {str(value): name for value, name in sorted(power_state.STATE_MAP.items())},
        "status": {
            vm_state: {str(task): common.status_from_state(vm_state, task) for task in TASK_STATES}
            for vm_state in VM_STATES
        },
    }
