"""The stable states of a server, with the texts Nova stores (nova/compute/vm_states.py)."""

ACTIVE = "active"
BUILDING = "building"
PAUSED = "paused"
SUSPENDED = "suspended"
STOPPED = "stopped"
RESCUED = "rescued"
RESIZED = "resized"
SOFT_DELETED = "soft-delete"
DELETED = "deleted"
ERROR = "error"
SHELVED = "shelved"
SHELVED_OFFLOADED = "shelved_offloaded"

#: All of them, in Nova's order. Source: ``InstanceState`` in nova/objects/fields.py, 34.0.0.
ALL = (
    ACTIVE,
    BUILDING,
    PAUSED,
    SUSPENDED,
    STOPPED,
    RESCUED,
    RESIZED,
    SOFT_DELETED,
    DELETED,
    ERROR,
    SHELVED,
    SHELVED_OFFLOADED,
)

ALLOW_SOFT_REBOOT = (ACTIVE,)
ALLOW_HARD_REBOOT = (*ALLOW_SOFT_REBOOT, STOPPED, PAUSED, SUSPENDED, ERROR)
ALLOW_TRIGGER_CRASH_DUMP = (ACTIVE, PAUSED, RESCUED, RESIZED, ERROR)


def allow_resource_removal(vm_state, task_state=None) -> bool:
    """Return whether a server in this state holds nothing on its host any more."""
    return vm_state == DELETED or (vm_state == SHELVED_OFFLOADED and task_state != "spawning")
