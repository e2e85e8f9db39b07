"""How the other services ask the scheduler and placement (nova/scheduler/client)."""
