"""What must be recorded for each file, as PART/NAME: the longest first."""

from tools.record.lives import cloud_cases, contexts, deployed, rest, scenarios

FILES = ("lifecycle", "moves", "api_states", "contexts", "deployed", "snapshots", "clouds")
#: Of the snapshots: the disks, and the power states of their guests.
DISKS = "flat qcow2 lvm rbd isolate".split()
STATES = "running paused shutdown".split()


def of(file):
    """The units of a file."""
    if file == "api_states":
        return [*(f"rest/{name}" for name in rest.ACTIONS), "facts/all", "guards/all"]
    if file == "snapshots":
        return [f"snapshots/{disk}_{state}" for disk in DISKS for state in STATES]
    if file == "contexts":
        return [f"contexts/{name}" for name in contexts.USER + contexts.ADMIN]
    if file == "clouds":
        return [f"clouds/{name}" for name in cloud_cases.load()]
    if file == "deployed":
        return [f"deployed/{name}" for name in deployed.NAMES]
    names = ("restart", "power_sync", "lifecycle_events") if file == "lifecycle" else ()
    tables = [f"tables/{name}" for name in names]
    return tables + [f"{file}/{name}" for name in scenarios.load(file)]
