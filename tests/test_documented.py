"""Where Nova's page about vm_states disagrees with its code."""

import pytest

from labkit import documented
from labkit.nova.compute import vm_states


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
