"""A learner's weigher or filter, moved to the installed Nova by changing its import line.

The same source text runs once with labkit.nova and once with nova, beside the built-in
filters and weighers, on random scenarios: the same answers, bit for bit.
"""

import pytest

from tests.helpers import answers, scenarios

pytestmark = pytest.mark.nova
pytest.importorskip("nova", reason="the installed Nova is not there (extra nova)")

SCENARIOS = range(130)
WEIGHERS = {
    "one host at a time": """
from labkit.nova.scheduler import weights

class FewServers(weights.BaseHostWeigher):
    def _weigh_object(self, host_state, weight_properties):
        return -host_state.num_instances
""",
    "a fixed low end and a multiplier": """
from labkit.nova.scheduler import weights

class ShareOfRam(weights.BaseHostWeigher):
    minval = 0.25
    maxval = 1

    def weight_multiplier(self, host_state):
        return 3.5 if host_state.num_io_ops < 3 else -1

    def _weigh_object(self, host_state, weight_properties):
        return host_state.free_ram_mb / (host_state.total_usable_ram_mb + 1)
""",
    "the whole list at once": """
from labkit.nova.scheduler import weights

class DistanceToTheMiddle(weights.BaseHostWeigher):
    def _weigh_object(self, host_state, weight_properties):
        raise NotImplementedError()

    def weigh_objects(self, weighed_obj_list, weight_properties):
        free = [one.obj.free_disk_mb for one in weighed_obj_list]
        middle = sum(free) / len(free)
        return [-abs(value - middle) for value in free]
""",
    "a built-in one, changed by super()": """
from labkit.nova.scheduler.weights import ram

class SpareRam(ram.RAMWeigher):
    def _weigh_object(self, host_state, weight_properties):
        free = super()._weigh_object(host_state, weight_properties)
        return free - weight_properties.memory_mb

    def weight_multiplier(self, host_state):
        return 2 * super().weight_multiplier(host_state)
""",
    "a built-in one, with another low end": """
from labkit.nova.scheduler.weights import io_ops

class BusyFromFour(io_ops.IoOpsWeigher):
    minval = 4
""",
    "a built-in one, its whole list changed": """
from labkit.nova.scheduler.weights import disk

class Squared(disk.DiskWeigher):
    def weigh_objects(self, weighed_obj_list, weight_properties):
        return [w * w for w in super().weigh_objects(weighed_obj_list, weight_properties)]
""",
    "built-in ones, kept between two ends": """
from labkit.nova.scheduler.weights import num_instances

class AtMostFive(num_instances.NumInstancesWeigher):
    minval = 1
    maxval = 5
""",
    "a built-in one with nothing to weigh, lifted": """
from labkit.nova.scheduler.weights import affinity

class OneMore(affinity.ServerGroupSoftAffinityWeigher):
    minval = -1

    def weigh_objects(self, weighed_obj_list, weight_properties):
        return [w + 1 for w in super().weigh_objects(weighed_obj_list, weight_properties)]
""",
    "a built-in rule asked host by host": """
from labkit.nova.scheduler.weights import pci

class TwicePci(pci.PCIWeigher):
    def weigh_objects(self, weighed_obj_list, weight_properties):
        rule = self._weigh_object
        return [2 * rule(one.obj, weight_properties) for one in weighed_obj_list]
""",
    "a built-in rule turned round, below zero": """
from labkit.nova.scheduler.weights import cpu

class Overcommitted(cpu.CPUWeigher):
    def _weigh_object(self, host_state, weight_properties):
        return -super()._weigh_object(host_state, weight_properties)
""",
    "what the request asks for": """
from labkit.nova.scheduler import weights

class RoomForMore(weights.BaseHostWeigher):
    def _weigh_object(self, host_state, request_spec):
        free = host_state.vcpus_total * host_state.cpu_allocation_ratio - host_state.vcpus_used
        many = free // (request_spec.flavor.vcpus or 1) + request_spec.flavor.root_gb
        return many + len(host_state.instances) + sum(p["count"] for p in host_state.pci_stats.pools)
""",
    "a weigher that always says the same": """
from labkit.nova.scheduler import weights

class Flat(weights.BaseHostWeigher):
    maxval = 10

    def _weigh_object(self, host_state, weight_properties):
        return 5
""",
}
FILTERS = {
    "one host at a time": """
from labkit.nova.scheduler import filters

class EvenServers(filters.BaseHostFilter):
    def host_passes(self, host_state, filter_properties):
        return host_state.num_instances % 2 == 0 or host_state.host == "cn-1"
""",
    "once per request": """
from labkit.nova.scheduler import filters

class FirstOnly(filters.BaseHostFilter):
    run_filter_once_per_request = True
    RUN_ON_REBUILD = True

    def host_passes(self, host_state, spec_obj):
        return host_state.free_ram_mb >= spec_obj.memory_mb * 4
""",
    "the whole list at once": """
from labkit.nova.scheduler import filters

class HalfOfThem(filters.BaseHostFilter):
    def filter_all(self, filter_obj_list, spec_obj):
        hosts = list(filter_obj_list)
        for host_state in hosts[: (len(hosts) + 1) // 2]:
            yield host_state
""",
    "nothing at all": """
from labkit.nova.scheduler import filters

class Never(filters.BaseHostFilter):
    run_filter_once_per_request = True

    def filter_all(self, filter_obj_list, spec_obj):
        if spec_obj.memory_mb > 2048:
            return None
        return filter_obj_list
""",
    "the whole list of a built-in one": """
from labkit.nova.scheduler.filters import num_instances_filter

class TheFirstTwoThatPass(num_instances_filter.NumInstancesFilter):
    def filter_all(self, filter_obj_list, spec_obj):
        return list(super().filter_all(filter_obj_list, spec_obj))[:2]
""",
    "a part of the list to a built-in one": """
from labkit.nova.scheduler.filters import compute_filter

class NotTheFirst(compute_filter.ComputeFilter):
    def filter_all(self, filter_obj_list, spec_obj):
        hosts = list(filter_obj_list)
        return hosts[:1] + list(super().filter_all(hosts[1:], spec_obj))
""",
    "a list in another order": """
from labkit.nova.scheduler import filters

class Backwards(filters.BaseHostFilter):
    def filter_all(self, filter_obj_list, spec_obj):
        return list(filter_obj_list)[::-1]
""",
    "a built-in one, changed by super()": """
from labkit.nova.scheduler.filters import io_ops_filter

class IdleOrEnabled(io_ops_filter.IoOpsFilter):
    def host_passes(self, host_state, spec_obj):
        return super().host_passes(host_state, spec_obj) and not host_state.service["disabled"]
""",
    "a built-in one that judges host by host, turned round": """
from labkit.nova.scheduler.filters import json_filter

class NotTheQuery(json_filter.JsonFilter):
    def host_passes(self, host_state, spec_obj):
        return not super().host_passes(host_state, spec_obj)
""",
    "by metadata of aggregates": """
from labkit.nova.scheduler import filters

class NoSsd(filters.BaseHostFilter):
    def host_passes(self, host_state, spec_obj):
        found = {a.metadata.get("ssd") for a in host_state.aggregates}
        return "true" not in found and spec_obj.get_scheduler_hint("group") is None
""",
    "the rule of one method, called for each": """
from labkit.nova.scheduler import filters

class Either(filters.BaseHostFilter):
    def _filter_one(self, obj, spec_obj):
        return obj.vcpus_used % 3 != 0
""",
}


def defined(source, package):
    """Return the class that a text defines, with the imports from *package*."""
    names = {}
    exec(source.replace("labkit.nova", package), names)  # noqa: S102 - the text stands above
    return next(
        value
        for value in names.values()
        if isinstance(value, type) and value.__module__ == "builtins"
    )


@pytest.fixture(scope="module")
def oracle():
    from tools.oracle import scheduler

    return scheduler


def compare(oracle, source, option, usual):
    """Ask both about every scenario; return how many servers found a host."""
    placed, mine, theirs = 0, defined(source, "labkit.nova"), defined(source, "nova")
    for number in SCENARIOS:
        fleet, spec_obj, options, seed = scenarios.build(scenarios.scenario(number))
        entries = list(getattr(options, option)) if number % 2 else usual
        place = number % (len(entries) + 1)
        sides = []
        for cls in (theirs, mine):
            own = [*entries[:place], cls, *entries[place:]]
            sides.append(options.replace(**{option: own}))
        names = answers.server_names(spec_obj, None)
        nova = oracle.answer(fleet, spec_obj, sides[0], seed, names)
        lab = answers.answer(fleet, spec_obj, sides[1], seed, names)
        found = answers.differences(nova, lab)
        assert not found, f"scenario {number}: {found[0]}"
        placed += nova["selections"] is not None
    return placed


@pytest.mark.parametrize("source", WEIGHERS.values(), ids=WEIGHERS)
def test_a_weigher_runs_the_same_in_nova(oracle, source):
    assert compare(oracle, source, "weight_classes", ["RAMWeigher", "CPUWeigher"]) > 40


@pytest.mark.parametrize("source", FILTERS.values(), ids=FILTERS)
def test_a_filter_runs_the_same_in_nova(oracle, source):
    assert compare(oracle, source, "enabled_filters", ["ComputeFilter", "IoOpsFilter"]) > 10
