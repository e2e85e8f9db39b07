"""labkit against data/nova-34/scheduler.json.gz: what the real Nova 34.0.0 decided.

The evidence that a reader without Nova has. Inputs and answers come from the file alone.
"""

import gzip
import json

import pytest

from labkit import Options
from labkit.nova.conf import OPTIONS
from labkit.nova.scheduler import filters
from labkit.nova.scheduler.host_manager import HostManager
from tests.helpers import answers, scenarios

pytestmark = pytest.mark.nova

#: The numbers in an answer; NaN and infinities stand there as text.
_NUMBERS = ("raw", "normalized", "multiplier")


@pytest.fixture(scope="module")
def recorded(root):
    folder = root / "data" / "nova-34"
    if not folder.is_dir():
        pytest.skip("data/nova-34 was moved away: labkit is tested on its own")
    return json.loads(gzip.decompress((folder / "scheduler.json.gz").read_bytes()))


def nova_answer(case):
    """Return Nova's answer with all numbers as numbers."""
    nova = case["nova"]
    nova["after"] = {host: [float(v) for v in values] for host, values in nova["after"].items()}
    for one in nova["rounds"]:
        one["totals"] = [float(value) for value in one.get("totals", [])]
        for step in one.get("weighers", []):
            step.update({key: [float(v) for v in step.get(key, [])] for key in _NUMBERS})
    return nova


def test_the_recording_is_of_the_nova_that_labkit_models(recorded):
    assert recorded["nova"] == "34.0.0"
    assert len(recorded["cases"]) >= 200
    assert len({case["kind"] for case in recorded["cases"]}) == len(set(scenarios.KINDS))


def test_every_recorded_decision_is_the_same(recorded):
    wrong = []
    for case in recorded["cases"]:
        fleet, spec_obj, options, seed = scenarios.build(case)
        lab = answers.answer(fleet, spec_obj, options, seed, case["servers"])
        found = answers.differences(nova_answer(case), lab)
        wrong += [f"case {case['number']} ({case['kind']}): {found[0]}"] if found else []
    assert not wrong, "\n".join([f"{len(wrong)} differ", *wrong[:10]])


def test_the_defaults_are_those_of_nova(recorded):
    mine = Options()
    for opt in OPTIONS:
        scheduling = opt.group in ("scheduler", "filter_scheduler", "metrics")
        if scheduling and opt.name not in ("weight_classes", "available_filters"):
            value = getattr(mine, opt.name)
            value = list(value) if isinstance(value, tuple) else value
            assert value == recorded["defaults"][opt.name], opt.name


def test_filters_and_weighers_have_the_flags_of_nova(recorded):
    every = [cls.__name__ for cls in filters.all_filters()]
    hosts = HostManager(Options(enabled_filters=every))
    for filter_ in hosts.enabled_filters:
        flags = recorded["filters"].pop(type(filter_).__name__)
        assert flags["once_per_request"] == filter_.run_filter_once_per_request
        assert flags["rebuild"] == filter_.RUN_ON_REBUILD
    assert not recorded["filters"]
    for weigher in hosts.weighers:
        ends = recorded["weighers"].pop(type(weigher).__name__)
        assert (ends["minval"], ends["maxval"]) == (weigher.minval, weigher.maxval)
    assert not recorded["weighers"]
