"""labkit's resource tracker beside the installed Nova's, step by step on random hosts.

After each step the ComputeNode, its rows and how often they were written, the inventory, what
counts, the stats, the rows of servers and migrations, and the words of a refusal are the same.
What was seen is counted, and too little of it fails.
"""

import copy
from collections import Counter

import pytest

from tests.helpers import length, tracker_cases
from tests.helpers.tracker_lab import Lab

pytestmark = pytest.mark.nova
pytest.importorskip("nova", reason="the installed Nova is not there (extra nova)")

CASES = length.few(1000, 12)


def differences(nova, lab) -> list[str]:
    """Return what differs between the two after a step."""
    raised = [nova["raised"], lab["raised"]]
    if all(raised) and raised[0][0] == raised[1][0] == "OSError":
        lab = lab | {"raised": nova["raised"]}  # what errno says is the system's
    return [f"{key}: {nova[key]!r} / {lab[key]!r}" for key in nova if nova[key] != lab[key]]


def count(counts, step, before, after):
    """Count what a step has shown."""
    counts[step[0]] += 1
    if after["raised"]:
        counts[f"{step[0]} raises"] += 1
        counts[after["raised"][0]] += 1
    counts["moving"] += bool(after["moving"])
    node = after["node"]
    if node is None:
        return
    counts["free_ram_mb < 0"] += node["free_ram_mb"] is not None and node["free_ram_mb"] < 0
    counts["free_disk_gb < 0"] += node["free_disk_gb"] is not None and node["free_disk_gb"] < 0
    counts["disk_available_least < 0"] += node["disk_available_least"] < 0
    if before is None:
        return
    counts["row not written"] += step[0] == "report" and before["written"] == after["written"]
    counts["claimed"] += step[0] == "claim" and before["tracked"] != after["tracked"]
    counts["move claimed"] += step[0] == "move_claim" and before["moving"] != after["moving"]
    counts["allocation removed"] += before["deleted"] != after["deleted"]
    counts["migration in error"] += (
        step[0] == "report" and before["migrations"] != after["migrations"]
    )
    counts["compute_id mended"] += step[0] == "report" and before["instances"] != after["instances"]


FLOORS = {
    "report": 2000, "driver": 900, "restart": 200, "lacking": 150, "update_usage": 200,
    "claim": 200, "claimed": 100, "claim raises": 30, "move_claim": 100, "move claimed": 50,
    "move_claim raises": 15, "abort": 20, "drop_at_source": 50, "drop_at_dest": 50,
    "moving": 300, "free_ram_mb < 0": 100, "free_disk_gb < 0": 300,
    "disk_available_least < 0": 100, "row not written": 200, "allocation removed": 50,
    "migration in error": 20, "compute_id mended": 100, "ComputeResourcesUnavailable": 50,
    "Invalid": 100, "InvalidInput": 50, "InvalidConfiguration": 10, "ResourceProviderSyncFailed": 100, "OSError": 10,
}  # fmt: skip


@pytest.fixture(scope="module")
def compared():
    """Return (counts, differences by the case's number)."""
    from tools.oracle.tracker import Oracle

    counts, wrong = Counter(), {}
    for seed in range(CASES):
        case, before = tracker_cases.case(seed), None
        lab = Lab(copy.deepcopy(case))
        with Oracle(copy.deepcopy(case)) as oracle:
            for step in case["steps"]:
                after = oracle.step(*step)
                found = differences(after, lab.step(*step))
                count(counts, step, before, after)
                before = after
                if found:
                    wrong[seed] = [f"{step}: {it}" for it in found]
                    break
    return counts, wrong


def test_every_step_is_the_same(compared):
    _, wrong = compared
    few = [f"case {seed}: {found}" for seed, found in list(wrong.items())[:10]]
    assert not wrong, "\n".join([f"{len(wrong)} of {CASES} differ", *few])


def test_enough_was_seen(compared):
    counts, _ = compared
    few = [f"{name}: {counts[name]} < {floor}" for name, floor in FLOORS.items() if counts[name] < length.few(floor, 12)]  # fmt: skip
    assert not few, "\n".join([*few, str(dict(counts))])
