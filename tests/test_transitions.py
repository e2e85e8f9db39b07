"""Which action leads where: the guards say where it begins, a played one where it ends."""

import gzip
import itertools
import json
from pathlib import Path

import pytest

from labkit.nova.api.openstack import servers
from labkit.nova.compute import vm_states as vm
from labkit.nova.compute.api import GUARDS
from labkit.studies import transitions

RECORDED = Path(__file__).parents[1] / "data" / "nova-34" / "lifecycle.json.gz"
NOVA = json.loads(gzip.decompress(RECORDED.read_bytes()))["scenarios"] if RECORDED.exists() else {}
#: Recorded without a fault: each step is one action, from a server without a task.
SCENARIOS = """create create_abort stop_start pause_unpause suspend_resume reboot
reboot_hard_when_stopped reboot_hard_when_paused reboot_hard_when_suspended reboot_hard_when_error
rescue_unrescue rescue_when_stopped set_password lock_unlock rename create_image
create_image_when_stopped create_image_when_paused create_backup trigger_crash_dump delete
delete_when_stopped soft_delete_restore soft_delete_force_delete force_delete reset_state
stop_when_error""".split()
#: Action and how, by what the recording calls a step.
CALLED = {
    "reboot_soft": ("reboot", "SOFT"),
    "reboot_hard": ("reboot", "HARD"),
    "reset_error": ("resetState", "error"),
    "reset_active": ("resetState", "active"),
    "update": ("rename", ""),
}


@pytest.fixture(scope="module")
def table():
    return transitions.transitions()


def row(table, action, how, vm_state):
    found = table.query("action == @action and how == @how and vm_state == @vm_state")
    assert len(found) == 1, (action, how, vm_state)
    return found.iloc[0]


def recorded(name):
    """(action, how, vm_state, (to_vm_state, task_states, power_state), status) of each step."""
    for step in NOVA[name]["steps"]:
        label = step["label"]
        how = {"create_abort": "fails"}.get(name, "")
        if "soft_delete" in name and label == "delete":
            how = "soft"
        saves = [event for event in step["events"] if event["kind"] == "db"]
        first = next((event["old"] for event in saves if event["op"] == "update"), None)
        if saves and saves[0]["op"] == "create":
            first = saves[0]["new"]
        vm_state = first["vm_state"] if first else "active"
        tasks = [state["task_state"] for state in step["states"] if state["task_state"]]
        tasks = ", ".join(task for task, _ in itertools.groupby(tasks))
        last = step["states"][-1] if step["states"] else first or {"power_state": "running"}
        end = last.get("vm_state", vm_state), tasks, last["power_state"]
        yield *CALLED.get(label, (label, how)), vm_state, end, step["requests"][0]["http_status"]


@pytest.mark.nova
@pytest.mark.parametrize("name", SCENARIOS)
def test_an_end_is_where_the_recorded_server_ended(table, name):
    steps = list(recorded(name))
    assert steps
    for action, how, vm_state, end, status in steps:
        ours = row(table, action, how, vm_state)
        assert (ours.to_vm_state, ours.task_states, ours.power_state) == end, (action, vm_state)
        assert ours.status == status
        assert ours.played


def test_an_action_begins_in_each_vm_state_of_its_guard_and_nowhere_else(table):
    for (action, how), rows in table.groupby(["action", "how"]):
        if action == "create":
            continue
        arguments = transitions.HOWS.get(action, {"": {}})[how]
        name = "soft_delete" if how == "soft" else servers.find(action, arguments).guard
        allowed = GUARDS[name].vm_state if name else None
        expected = set(allowed or vm.ALL) - {vm.DELETED}
        assert set(rows.vm_state) == expected, (action, how)
        assert not rows.vm_state.duplicated().any()


def test_what_is_not_played_has_no_end(table):
    unplayed = table[~table.played]
    assert len(unplayed)
    assert set(unplayed.to_vm_state) == set(unplayed.task_states) == {""}
    known = {name for name, action in servers.ACTIONS.items() if not action.modelled}
    assert known <= set(unplayed.action)
    assert not known & set(table[table.played].action)
    assert set(table[table.played].to_vm_state) <= set(vm.ALL)


def test_what_is_played_in_a_vm_state_is_played_in_each_that_is_reached(table):
    reached = set(table[table.played].to_vm_state)
    modelled = {name for name, action in servers.ACTIONS.items() if action.modelled}
    unplayed = table[~table.played & table.action.isin(modelled)]
    assert not set(unplayed.vm_state) & reached


def test_what_deletes_while_building_ends_deleted_and_a_reset_does_not_bring_it_back(table):
    assert row(table, "delete", "soft", "building").to_vm_state == "deleted"
    assert row(table, "resetState", "active", "building").to_vm_state == "error"
    assert row(table, "rename", "", "building").to_vm_state == "building"


def test_the_table_of_guards_has_a_row_for_each_action():
    table = transitions.guards()
    assert set(table.action) == set(servers.ACTIONS)
    assert not table.duplicated(["action", "how"]).any()
    by_name = table.set_index(["action", "how"])
    reboot = by_name.loc[("reboot", "HARD")]
    assert reboot.vm_state == "active, stopped, paused, suspended, error"
    assert reboot.task_state.startswith("none, rebooting, ")
    assert reboot.refused_when_locked
    assert by_name.loc[("lock", ""), ["vm_state", "refused_when_locked"]].tolist() == ["any", False]
    assert by_name.loc[("evacuate", ""), "policy"] == "os_compute_api:os-evacuate"
    assert by_name.loc[("resize", ""), ["needs_host_up", "played"]].tolist() == [True, True]
    assert by_name.loc[("delete", "soft"), ["method", "must_have_launched"]].tolist() == [
        "soft_delete",
        True,
    ]


def test_playing_twice_gives_the_same_table(table):
    transitions._transitions.cache_clear()
    assert transitions.transitions().equals(table)
