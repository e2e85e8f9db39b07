"""A server that moves in the Cloud beside what the real Nova 34.0.0 did, scenario by scenario."""

import gzip
import json
from pathlib import Path

import pytest

from tests.nova import life, scenarios, scenarios_moves

pytestmark = pytest.mark.nova
RECORDED = Path(__file__).parents[2] / "data" / "nova-34" / "moves.json.gz"
MOVES = json.loads(gzip.decompress(RECORDED.read_bytes()))["scenarios"] if RECORDED.exists() else {}


def play(name, mode):
    recording = MOVES[name]
    options = [tuple(option) for option in recording["options"]]
    assert scenarios_moves.BIG
    return scenarios.play(name, options, tuple(recording["hosts"]), mode)


def test_there_is_something_to_compare():
    assert len(MOVES) >= 70


@pytest.mark.parametrize("name", MOVES)
def test_every_event_is_the_same(name):
    assert not life.differences(MOVES[name], play(name, "vm_and_task_state"))
