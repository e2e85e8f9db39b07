"""What must be recorded for each file, as PART/NAME: the longest first."""

from tools.record import rest, scenarios

FILES = ("lifecycle", "moves", "api_states")


def of(file):
    """The units of a file."""
    if file == "api_states":
        return [*(f"rest/{name}" for name in rest.ACTIONS), "facts/all", "guards/all"]
    tables = ["tables/restart", "tables/power_sync"] if file == "lifecycle" else []
    return tables + [f"{file}/{name}" for name in scenarios.load(file)]
