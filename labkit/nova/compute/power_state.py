"""What the hypervisor says of a guest, as Nova's numbers (nova/compute/power_state.py)."""

NOSTATE = 0
RUNNING = 1
PAUSED = 3
SHUTDOWN = 4
CRASHED = 6
SUSPENDED = 7

#: With these a stop finds nothing left to do.
OFF = (NOSTATE, SHUTDOWN, CRASHED)

#: Number to text; 2 and 5 are not used any more. NOSTATE reads "pending".
STATE_MAP = {
    NOSTATE: "pending",
    RUNNING: "running",
    PAUSED: "paused",
    SHUTDOWN: "shutdown",
    CRASHED: "crashed",
    SUSPENDED: "suspended",
}
