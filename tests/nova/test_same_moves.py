"""A server that moves in the Cloud beside what the real Nova 34.0.0 did, scenario by scenario."""

import gzip
import json
from pathlib import Path

import pytest

from tests.helpers import lives, lives_moves, replay

pytestmark = pytest.mark.nova
RECORDED = Path(__file__).parents[2] / "data" / "nova-34" / "moves.json.gz"
MOVES = json.loads(gzip.decompress(RECORDED.read_bytes()))["scenarios"] if RECORDED.exists() else {}
#: What the recording calls each value of [notifications] notify_on_state_change.
MODES = {"unset": None, "vm_state": "vm_state", "vm_and_task_state": "vm_and_task_state"}
#: What a row of the recorded notifications holds.
FIELDS = ("format", "event_type", "publisher", "priority", "service", "payload")


def play(name, mode):
    """Play a recorded scenario with the recorded options and hosts."""
    recording = MOVES[name]
    options = [tuple(option) for option in recording["options"]]
    return lives.play(name, options, tuple(recording["hosts"]), mode)


def test_there_is_something_to_compare():
    assert len(MOVES) >= 70
    assert set(MOVES) <= lives_moves.PLAYED


@pytest.mark.parametrize("name", MOVES)
def test_every_event_is_the_same(name):
    assert not replay.differences(MOVES[name], play(name, "vm_and_task_state"))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", MOVES)
def test_every_notification_is_the_same_in_each_mode(name, mode):
    recorded, player = MOVES[name]["notifications"][mode], play(name, MODES[mode])
    assert [step["label"] for step in recorded] == [step[0] for step in player.steps]
    for theirs, (_, _, records, _, _) in zip(recorded, player.steps, strict=True):
        rows = [dict(zip(FIELDS, row, strict=True)) for row in theirs["notifications"]]
        ours = [
            (thread, {key: event[key] for key in FIELDS})
            for thread, event in replay.events(records, player.names)
            if event["kind"] == "notify"
        ]
        assert replay.interleaves(rows, ours)
