"""Live snapshots in the order of Nova 24.0.0, beside what that release did."""

import json
from pathlib import Path

import pytest

from tests.helpers.snapshots import Case

pytestmark = pytest.mark.nova
RECORDED = Path(__file__).parents[4] / "data" / "nova-24" / "live_snapshot.json"
CASES = json.loads(RECORDED.read_text(encoding="utf-8"))["cases"] if RECORDED.exists() else []


def test_there_is_something_to_compare():
    assert len(CASES) == 48


@pytest.mark.parametrize("number", range(len(CASES)))
def test_the_guest_is_frozen_for_the_whole_mirror(lab, number):
    theirs = CASES[number]
    asked = {name: theirs[name] for name in ("backend", "properties", "failing")}
    ours = lab.snapshot(Case(**asked, freeze_first=True))
    ours["events"] = [e for e in ours["events"] if e[0] in ("guest", "log", "task_state", "files")]
    assert ours == {name: theirs[name] for name in ours}


def test_then_and_now_differ_only_in_when_the_guest_is_frozen(lab):
    agent = {"hw_qemu_guest_agent": True}
    then, now = (
        [e[1] for e in lab.snapshot(Case(properties=agent, freeze_first=first))["events"]]
        for first in (True, False)
    )
    assert then.index("freeze_filesystems") < then.index("rebase")
    assert now.index("freeze_filesystems") > now.index("rebase")
    assert sorted(then) == sorted(now)
