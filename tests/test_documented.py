"""Where Nova's page about vm_states disagrees with its code."""

import gzip
import json

import pytest

from labkit import documented
from labkit.nova.compute import vm_states

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


def test_every_arrow_is_on_the_page_or_was_played():
    table = documented.arrows()
    assert (table.on_page | table.played).all()
    assert (table.played == (table.actions != "")).all()
    missing = table[~table.on_page]
    assert set(missing.vm_state) >= {"error"}
    page_only = table[table.on_page & ~table.played]
    moved = {vm_states.RESIZED, vm_states.SHELVED, vm_states.SHELVED_OFFLOADED}
    assert all(moved & {row.vm_state, row.to_vm_state} for row in page_only.itertuples())


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
    values = {"soft_deleted": vm_states.SOFT_DELETED}  # as the database has it
    theirs = [tuple(values.get(name, name) for name in arrow) for arrow in page["arrows"]]
    ours = [(start, end) for start, ends in documented.ARROWS.items() for end in ends.split()]
    assert sorted(ours) == sorted(theirs)
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
