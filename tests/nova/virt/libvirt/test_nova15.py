"""Snapshots of the notes' Nova, beside what Nova 15.1.5 did, event by event."""

import gzip
import json
from pathlib import Path

import pytest

from tests.helpers.snapshots import Case

pytestmark = pytest.mark.nova
RECORDED = Path(__file__).parents[4] / "data" / "nova-15" / "snapshot.json.gz"
CASES = json.loads(gzip.decompress(RECORDED.read_bytes()))["cases"] if RECORDED.exists() else []
ASKED = ("backend", "power_state", "options", "properties", "failing")


def test_there_is_something_to_compare():
    assert len(CASES) == 1728


@pytest.mark.parametrize("backend", ["flat", "qcow2", "lvm", "rbd", "isolate"])
def test_every_event_is_the_same(lab, backend):
    count = 0
    for theirs in CASES:
        if theirs["backend"] != backend:
            continue
        asked = {name: theirs[name] for name in ASKED}
        ours = lab.snapshot(Case(**asked, then=True))
        assert ours == {name: theirs[name] for name in ours}, asked
        count += 1
    assert count == (576 if backend == "rbd" else 288)
