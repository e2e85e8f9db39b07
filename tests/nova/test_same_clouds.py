"""Clouds of several servers beside what the real Nova 34.0.0 did, case by case."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from labkit.cloud import durations
from tests.helpers import clouds

pytestmark = pytest.mark.nova
RECORDED = Path(__file__).parents[2] / "data" / "nova-34" / "clouds.json.gz"
CASES = json.loads(gzip.decompress(RECORDED.read_bytes()))["scenarios"] if RECORDED.exists() else {}


def test_there_is_something_to_compare():
    seen = sum((clouds.counts(case) for case in CASES.values()), Counter())
    assert len(CASES) >= 177
    assert seen["steps"] >= 770
    assert seen["servers"] >= 385
    assert seen["refused"] >= 115


@pytest.mark.parametrize("name", CASES)
def test_answers_and_states_are_the_same(name):
    lines = clouds.differences(CASES[name])
    assert not lines, "\n".join(lines)


@pytest.mark.parametrize("name", list(CASES)[::4])
def test_steps_that_take_no_time_change_nothing(name, monkeypatch):
    if any("held" in step for step in CASES[name]["steps"]):
        pytest.skip("somebody waits in it")
    monkeypatch.setattr(clouds, "DURATIONS", dict.fromkeys(durations.steps(), 0))
    lines = clouds.differences(CASES[name])
    assert not lines, "\n".join(lines)
