"""Where Nova's page about vm_states disagrees with its code."""

import gzip
import json

import pytest

from labkit.nova.compute import vm_states as vm
from labkit.studies import documented, transitions

#: What a command is called on the page and in the API, where the words differ.
NAMES = {
    "set admin password": "changePassword",
    "force delete": "forceDelete",
    "soft delete": "delete soft",
    "backup": "createBackup",
    "snapshot": "createImage",
    "revert resize": "revertResize",
    "confirm resize": "confirmResize",
}


#: The arrows of the diagram, by where they begin; "all states are allowed to transition to
#: DELETED and ERROR" stands below it.
ARROWS = {
    vm.BUILDING: "active",
    vm.ACTIVE: "active soft-delete suspended paused stopped shelved shelved_offloaded rescued resized",
    vm.SOFT_DELETED: "active",
    vm.SUSPENDED: "active shelved shelved_offloaded",
    vm.PAUSED: "active shelved shelved_offloaded",
    vm.STOPPED: "active stopped resized rescued shelved shelved_offloaded",
    vm.RESIZED: "active",
    vm.RESCUED: "active",
    vm.SHELVED: "shelved_offloaded active",
    vm.SHELVED_OFFLOADED: "active",
}


def arrows():
    """{(vm_state, to_vm_state): actions that were played between them}, for every arrow.

    Left out is what ends where it began, and the arrows to "deleted" and "error", which the page
    allows from everywhere.
    """
    table = transitions.transitions()
    found = {arrow: [] for arrow in on_page()}
    for row in table[table["played"]].itertuples():
        found.setdefault((row.vm_state, row.to_vm_state), []).append(row.action)
    ends = (vm.DELETED, vm.ERROR)
    return {(a, b): names for (a, b), names in found.items() if a != b and b not in ends}


def on_page():
    return [(start, end) for start, ends in ARROWS.items() for end in ends.split()]


@pytest.fixture(scope="module")
def page(root):
    """What was taken from the page itself."""
    file = root / "data" / "nova-34" / "vm_states_page.json.gz"
    return json.loads(gzip.decompress(file.read_bytes()))


@pytest.fixture(scope="module")
def commands():
    return documented.commands().set_index(["action", "how"])


@pytest.mark.parametrize(
    ("action", "how", "only_page", "only_code"),
    [
        ("pause", "", "stopped, rescued", ""),
        ("suspend", "", "stopped", ""),
        ("rescue", "", "", "error"),
        ("stop", "", "stopped, rescued", "error"),
        ("reboot", "SOFT", "stopped, rescued", ""),
        ("reboot", "HARD", "rescued", "paused, suspended, error"),
        ("rebuild", "", "", "error"),
        ("createImage", "", "", "paused, suspended"),
        ("confirmResize", "", "active, stopped", "resized"),
        ("start", "", "", ""),
    ],
)
def test_a_command_of_the_page_beside_its_guard(commands, action, how, only_page, only_code):
    row = commands.loc[(action, how)]
    assert (row.only_page, row.only_code) == (only_page, only_code)


def test_the_page_allows_few_deletes_and_the_code_all(commands):
    only_code = set(commands.loc[("delete", ""), "only_code"].split(", "))
    assert only_code == {
        "paused",
        "suspended",
        "resized",
        "soft-delete",
        "shelved",
        "shelved_offloaded",
    }
    assert "building" not in commands.loc[("delete", "soft"), "only_code"]  # it never was up


def test_what_the_page_has_too_much_is_refused_and_what_it_lacks_is_allowed(commands):
    for row in commands.itertuples():
        code, page = set(row.vm_state.split(", ")), set(row.page_vm_state.split(", "))
        if row.vm_state != "any":
            assert {state for state in row.only_page.split(", ") if state} == page - code
            assert {state for state in row.only_code.split(", ") if state} == code - page


def test_what_was_played_and_is_not_on_the_page_begins_in_error():
    found, page = arrows(), set(on_page())
    ends = [end for start, end in found if start == vm.ERROR and (start, end) not in page]
    assert set(ends) == {vm.ACTIVE, vm.STOPPED, vm.RESCUED, vm.SOFT_DELETED}
    moved = {vm.RESIZED, vm.SHELVED, vm.SHELVED_OFFLOADED}
    assert all(moved & set(arrow) for arrow, actions in found.items() if not actions)


@pytest.mark.nova
def test_the_table_of_commands_is_the_one_of_the_page(page):
    lines = documented.REQUIREMENTS.strip().splitlines()
    ours = [[part.strip() for part in line.split("|")] for line in lines]
    theirs = []
    for command, *fields in page["requirements"]:
        kinds = ["reboot SOFT", "reboot HARD"] if command == "reboot" else [command]
        theirs += [[NAMES.get(kind, kind), *fields] for kind in kinds]
    assert ours == theirs


@pytest.mark.nova
def test_the_arrows_are_those_of_the_page(page):
    values = {"soft_deleted": vm.SOFT_DELETED}  # as the database has it
    theirs = [tuple(values.get(name, name) for name in arrow) for arrow in page["arrows"]]
    assert sorted(on_page()) == sorted(theirs)
    assert page["label"] == "All states are allowed to transition to DELETED and ERROR."


@pytest.mark.nova
def test_what_the_module_says_of_the_page_is_so(page):
    commands = {row[0] for row in page["requirements"]}
    for name in ["shelve", "unshelve", "migrate", "evacuate", "lock", "reset"]:
        assert not [command for command in commands if name in command]
    states = {state for row in page["requirements"] for state in row[1].split(", ")}
    assert {"Shutoff", "Stopped"} <= states
    assert any(row[2].startswith("Resize Verify") for row in page["requirements"])


@pytest.mark.nova
def test_the_picture_names_functions_that_are_gone(page):
    pytest.importorskip("nova", reason="Nova is not installed")
    import nova.compute.api
    import nova.compute.manager

    there = dir(nova.compute.api.API) + dir(nova.compute.manager.ComputeManager)
    named = [text for text in page["picture"] if "_" in text and ":" not in text]
    gone = [name for name in named if name not in there]
    assert gone == ["create_db_entry_for_new_instance", "_start_building", "_spawn"]
    assert all(f"``{name}``" in documented.__doc__ for name in gone)
