"""A server's life in the Cloud beside what the real Nova 34.0.0 did, scenario by scenario."""

import gzip
import json
from pathlib import Path

import pytest

from tests.helpers import lives, replay

pytestmark = pytest.mark.nova
RECORDED = Path(__file__).parents[2] / "data" / "nova-34" / "lifecycle.json.gz"
LIFE = json.loads(gzip.decompress(RECORDED.read_bytes()))["scenarios"] if RECORDED.exists() else {}


def test_there_is_something_to_compare():
    assert len(LIFE) >= 100


@pytest.mark.parametrize("name", LIFE)
def test_every_event_is_the_same(name):
    recording = LIFE[name]
    hosts = tuple(recording["hosts"] or ("host1", "host2"))
    player = lives.play(name, [tuple(option) for option in recording["options"]], hosts)
    assert not replay.differences(recording, player)
