"""What the Cloud tells others beside the real Nova 34.0.0, in each mode of notify_on_state_change."""

import gzip
import json
from pathlib import Path

import pytest

from tests.helpers import lives, replay

pytestmark = pytest.mark.nova
RECORDED = Path(__file__).parents[2] / "data" / "nova-34" / "lifecycle.json.gz"
LIFE = json.loads(gzip.decompress(RECORDED.read_bytes()))["scenarios"] if RECORDED.exists() else {}
MODES = {"unset": None, "vm_state": "vm_state", "vm_and_task_state": "vm_and_task_state"}
FIELDS = ("format", "event_type", "publisher", "priority", "service", "payload")


def played(name, mode):
    """[(step, [(thread, event)])] of a scenario."""
    recording = LIFE[name]
    options = [tuple(option) for option in recording["options"]]
    hosts = tuple(recording["hosts"] or ("host1", "host2"))
    player = lives.play(name, options, hosts, MODES[mode])
    return [(step[0], replay.events(step[2], player.names)) for step in player.steps]


def recorded(name, mode):
    """[(step, [notification])] of a scenario, without what the lab cannot be asked."""
    steps = LIFE[name]["notifications"][mode]
    steps = [step for step in steps if step["label"] not in replay.NOT_ASKED]
    return [(step["label"], step["notifications"]) for step in steps]


def test_there_is_something_to_compare():
    assert len(LIFE) >= 96
    sent = {
        mode: sum(len(rows) for name in LIFE for _, rows in recorded(name, mode)) for mode in MODES
    }
    assert sent["unset"] >= 800
    assert sent["vm_state"] == sent["vm_and_task_state"] >= 2 * sent["unset"]


@pytest.mark.parametrize("name", LIFE)
def test_every_notification_is_the_same_and_the_mode_changes_nothing_else(name):
    rest = []
    for mode in MODES:
        theirs, ours = recorded(name, mode), played(name, mode)
        assert [step for step, _ in ours] == [step for step, _ in theirs]
        for (step, events), (_, rows) in zip(ours, theirs, strict=True):
            sent = [
                (thread, [event[field] for field in FIELDS])
                for thread, event in events
                if event["kind"] == "notify"
            ]
            assert replay.interleaves(rows, sent), (mode, step, rows, [row for _, row in sent])
        others = [
            (step, [event for _, event in events if event["kind"] != "notify"])
            for step, events in ours
        ]
        rest.append(others)
    assert rest[0] == rest[1] == rest[2]
