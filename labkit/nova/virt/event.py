"""What a hypervisor tells of its guests (nova/virt/event.py)."""

from dataclasses import dataclass

EVENT_LIFECYCLE_STARTED = 0
EVENT_LIFECYCLE_STOPPED = 1
EVENT_LIFECYCLE_PAUSED = 2
EVENT_LIFECYCLE_RESUMED = 3
EVENT_LIFECYCLE_SUSPENDED = 4
EVENT_LIFECYCLE_POSTCOPY_STARTED = 5
EVENT_LIFECYCLE_MIGRATION_COMPLETED = 6

NAMES = {
    EVENT_LIFECYCLE_STARTED: "Started",
    EVENT_LIFECYCLE_STOPPED: "Stopped",
    EVENT_LIFECYCLE_PAUSED: "Paused",
    EVENT_LIFECYCLE_RESUMED: "Resumed",
    EVENT_LIFECYCLE_SUSPENDED: "Suspended",
    EVENT_LIFECYCLE_POSTCOPY_STARTED: "Postcopy started",
    EVENT_LIFECYCLE_MIGRATION_COMPLETED: "Migration completed",
}


@dataclass(frozen=True, eq=False)
class LifecycleEvent:
    """What has become of a guest; two of them are never the same, whatever they say."""

    uuid: str
    transition: int

    def get_name(self) -> str:
        """Return what Nova's log calls it."""
        return NAMES.get(self.transition, "Unknown")
