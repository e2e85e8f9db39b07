"""How a build ended (nova/compute/build_results.py)."""

ACTIVE = "active"
FAILED = "failed"
RESCHEDULED = "rescheduled"
