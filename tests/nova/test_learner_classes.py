"""A learner's weigher or filter, moved to the installed Nova by changing its import line.

The same source text runs once with labkit.nova and once with nova, beside the built-in
filters and weighers, on random scenarios: the same answers, bit for bit.
"""

import pytest

from labkit import select_destinations
from tests.helpers import answers, length, scenarios

pytestmark = pytest.mark.nova
pytest.importorskip("nova", reason="the installed Nova is not there (extra nova)")

SCENARIOS = length.some(range(200), 20)
FEW_SCENARIOS = length.some(range(60), 20)
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


#: As people write them: lists that are lists, hosts that are the same objects from hook to hook,
#: what Nova refuses.
AS_WRITTEN = {
    "the list is a list": """
from labkit.nova.scheduler import weights

class ByPlace(weights.BaseHostWeigher):
    def _weigh_object(self, host_state, weight_properties):
        return 0

    def weigh_objects(self, objs, weight_properties):
        first, last = objs[0], objs[-1]
        best = max(objs, key=lambda o: o.obj.free_ram_mb)
        found = [0.0 for _ in range(len(objs))]
        for k, o in enumerate(reversed(objs)):
            found[len(objs) - 1 - k] = (o is best) + 2 * (o is first) - (o is last) + len(objs[:2])
        return found
""",
    "a weight set by hand": """
from labkit.nova.scheduler import weights

class ByHand(weights.BaseHostWeigher):
    def _weigh_object(self, host_state, weight_properties):
        return 1

    def weigh_objects(self, objs, weight_properties):
        for o in objs:
            o.weight = float(o.obj.num_instances)
        return super().weigh_objects(objs, weight_properties)
""",
    "too short": """
from labkit.nova.scheduler import weights

class TwoOnly(weights.BaseHostWeigher):
    def _weigh_object(self, host_state, weight_properties):
        return host_state.free_disk_mb

    def weigh_objects(self, objs, weight_properties):
        return super().weigh_objects(objs, weight_properties)[:2]
""",
    "too long": """
from labkit.nova.scheduler import weights

class OneMore(weights.BaseHostWeigher):
    def _weigh_object(self, host_state, weight_properties):
        return host_state.free_disk_mb

    def weigh_objects(self, objs, weight_properties):
        return [*super().weigh_objects(objs, weight_properties), 1]
""",
    "one number for all": """
from labkit.nova.scheduler import weights

class One(weights.BaseHostWeigher):
    def _weigh_object(self, host_state, weight_properties):
        return 1

    def weigh_objects(self, objs, weight_properties):
        return 1
""",
    "how a host is written": """
from labkit.nova.scheduler import weights

class Length(weights.BaseHostWeigher):
    def _weigh_object(self, host_state, weight_properties):
        return len(repr(host_state).rpartition(" instances: ")[2])
""",
    "text": """
from labkit.nova.scheduler import weights

class Text(weights.BaseHostWeigher):
    minval = 0

    def _weigh_object(self, host_state, weight_properties):
        return str(host_state.num_instances)
""",
    "text without an end": """
from labkit.nova.scheduler import weights

class Text(weights.BaseHostWeigher):
    def _weigh_object(self, host_state, weight_properties):
        return str(host_state.num_instances)
""",
    "a multiplier that is text": """
from labkit.nova.scheduler import weights

class TextMultiplier(weights.BaseHostWeigher):
    def weight_multiplier(self, host_state):
        return "2"

    def _weigh_object(self, host_state, weight_properties):
        return host_state.num_instances
""",
    "an array": """
import numpy
from labkit.nova.scheduler import weights

class Array(weights.BaseHostWeigher):
    def _weigh_object(self, host_state, weight_properties):
        return 0

    def weigh_objects(self, objs, weight_properties):
        return numpy.array([o.obj.free_ram_mb for o in objs])
""",
    "arithmetic with a list": """
from labkit.nova.scheduler.weights import ram

class Minus(ram.RAMWeigher):
    def weigh_objects(self, objs, weight_properties):
        return -super().weigh_objects(objs, weight_properties)
""",
    "a generator": """
from labkit.nova.scheduler import weights

class Yields(weights.BaseHostWeigher):
    minval = 0

    def _weigh_object(self, host_state, weight_properties):
        return 0

    def weigh_objects(self, objs, weight_properties):
        for o in objs:
            yield o.obj.free_ram_mb
""",
    "nothing": """
from labkit.nova.scheduler import weights

class Nothing(weights.BaseHostWeigher):
    def _weigh_object(self, host_state, weight_properties):
        return 0

    def weigh_objects(self, objs, weight_properties):
        return None
""",
    "the first of the best": """
from labkit.nova.scheduler.weights import cpu

class FirstOfTheBest(cpu.CPUWeigher):
    def weigh_objects(self, objs, weight_properties):
        found = super().weigh_objects(objs, weight_properties)
        if not found:
            return found
        place = found.index(max(found))
        found[place] += 1000
        return found
""",
    "what is kept on a host": """
from labkit.nova.scheduler import weights

class Seen(weights.BaseHostWeigher):
    def weight_multiplier(self, host_state):
        return getattr(host_state, "seen", 0)

    def _weigh_object(self, host_state, weight_properties):
        host_state.seen = getattr(host_state, "seen", 0) + 1
        host_state.limits["seen"] = host_state.seen
        return host_state.free_ram_mb + len(host_state.limits)
""",
}
FILTERS_AS_WRITTEN = {
    "all but the worst": """
from labkit.nova.scheduler import filters

class NotTheWorst(filters.BaseHostFilter):
    def filter_all(self, hosts, spec_obj):
        worst = min(hosts, key=lambda h: h.free_ram_mb)
        return [h for h in hosts if h is not worst] or hosts
""",
    "one taken out": """
from labkit.nova.scheduler import filters

class Without(filters.BaseHostFilter):
    def filter_all(self, hosts, spec_obj):
        if len(hosts) > 1:
            hosts.remove(hosts[0])
        return hosts
""",
    "the image's properties": """
from labkit.nova.scheduler import filters

class Distro(filters.BaseHostFilter):
    def host_passes(self, host_state, spec_obj):
        properties = spec_obj.image.properties
        if properties.get("os_distro") and "os_distro" in properties:
            return properties.os_distro != "ubuntu" or host_state.num_instances % 2 == 0
        return "image" in spec_obj and spec_obj.user_id == "user"
""",
    "a property that nobody knows": """
from labkit.nova.scheduler import filters

class Colour(filters.BaseHostFilter):
    def host_passes(self, host_state, spec_obj):
        return spec_obj.image.properties.get("colour") is None
""",
    "the image's properties as a dict": """
from labkit.nova.scheduler import filters

class AsDict(filters.BaseHostFilter):
    def host_passes(self, host_state, spec_obj):
        return spec_obj.image.properties["os_distro"] is None
""",
    "names of one's own": """
from labkit.nova.scheduler import filters

class Own(filters.BaseHostFilter):
    def __init__(self):
        self.passed, self.asks, self.clamp = [], 3, None

    def host_passes(self, host_state, spec_obj):
        self.passed.append(host_state.host)
        return len(self.passed) % self.asks != 0
""",
    "helpers of Nova's": """
from labkit.nova.scheduler import filters
from labkit.nova.scheduler import utils as scheduler_utils
from labkit.nova.scheduler.filters import utils

class Helped(filters.BaseHostFilter):
    def host_passes(self, host_state, spec_obj):
        found = utils.aggregate_values_from_key(host_state, "max_instances_per_host")
        try:
            limit = utils.validate_num_values(found, 50, cast_to=int, based_on=max)
        except ValueError:
            limit = 50
        metadata = utils.aggregate_metadata_get_by_host(host_state, "os_distro")
        multiplier = scheduler_utils.get_weight_multiplier(host_state, "ram_weight_multiplier", 1.0)
        return host_state.num_instances < limit + len(metadata) and multiplier == multiplier
""",
    "the service, the flavor, the aggregates": """
from labkit.nova.scheduler import filters

class Asks(filters.BaseHostFilter):
    def host_passes(self, host_state, spec_obj):
        own = host_state.service["host"] == host_state.host and spec_obj.flavor.flavorid == "1"
        first = min((a.id for a in host_state.aggregates), default=0)
        pair = ["x86_64", "kvm", "hvm"] in host_state.supported_instances
        return own and (pair or first % 2 == 0) and spec_obj.flavor.get("name", None) is None
""".replace(' and spec_obj.flavor.get("name", None) is None', ""),
    "the option": """
import labkit.nova.conf
from labkit.nova.scheduler import filters

CONF = labkit.nova.conf.CONF

class Half(filters.BaseHostFilter):
    def host_passes(self, host_state, spec_obj):
        return host_state.num_instances < CONF.filter_scheduler.max_instances_per_host // 2
""",
    "the servers of a host": """
from labkit.nova.scheduler import filters

class Neighbours(filters.BaseHostFilter):
    def host_passes(self, host_state, spec_obj):
        distros = [i.image_meta.properties.get("os_distro") for i in host_state.instances.values()]
        return len(set(distros)) < 2 and all(i.uuid for i in host_state.instances.values())
""",
    "what is not known of a server": """
from labkit.nova.scheduler import filters

class SameProject(filters.BaseHostFilter):
    def host_passes(self, host_state, spec_obj):
        return all(i.project_id for i in host_state.instances.values())
""",
    "what placement proposes": """
from labkit.nova.scheduler import filters

class Small(filters.BaseHostFilter):
    def host_passes(self, host_state, spec_obj):
        for request in host_state.allocation_candidates:
            (provider,) = request["allocations"].values()
            return provider["resources"].get("VCPU", 0) + host_state.vcpus_used % 3 < 4
        return True
""",
    "what placement proposes, taken away": """
from labkit.nova.scheduler import filters

class TakenAway(filters.BaseHostFilter):
    RUN_ON_REBUILD = True

    def host_passes(self, host_state, spec_obj):
        if host_state.vcpus_used % 2:
            host_state.allocation_candidates.clear()
        return True
""",
    "straight from the base": """
from labkit.nova import filters

class Bare(filters.BaseFilter):
    def _filter_one(self, obj, spec_obj):
        return obj.num_io_ops < 5
""",
    "no rule": """
from labkit.nova.scheduler import filters

class NoRule(filters.BaseHostFilter):
    pass
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


def compare(oracle, source, option, usual, numbers=SCENARIOS):
    """Ask both about every scenario; return how many servers found a host."""
    placed, mine, theirs = 0, defined(source, "labkit.nova"), defined(source, "nova")
    for number in numbers:
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
    assert compare(oracle, source, "weight_classes", ["RAMWeigher", "CPUWeigher"]) > length.few(
        40, 20
    )


@pytest.mark.parametrize("source", FILTERS.values(), ids=FILTERS)
def test_a_filter_runs_the_same_in_nova(oracle, source):
    assert compare(
        oracle, source, "enabled_filters", ["ComputeFilter", "IoOpsFilter"]
    ) >= length.few(11, 20)


@pytest.mark.parametrize("source", AS_WRITTEN.values(), ids=AS_WRITTEN)
def test_a_weigher_as_people_write_it(oracle, source):
    compare(oracle, source, "weight_classes", ["RAMWeigher", "CPUWeigher"], FEW_SCENARIOS)


@pytest.mark.parametrize("source", FILTERS_AS_WRITTEN.values(), ids=FILTERS_AS_WRITTEN)
def test_a_filter_as_people_write_it(oracle, source):
    compare(oracle, source, "enabled_filters", ["ComputeFilter", "IoOpsFilter"], FEW_SCENARIOS)


def test_a_weigher_without_its_rule_cannot_be_made(oracle):
    source = """
from labkit.nova.scheduler import weights

class NoRule(weights.BaseHostWeigher):
    def weigh_objects(self, objs, weight_properties):
        return [0 for _ in objs]
"""
    words = "Can't instantiate abstract class NoRule with abstract method _weigh_object"
    with pytest.raises(TypeError, match=words):
        defined(source, "nova")()
    fleet, spec_obj, options, _ = scenarios.build(scenarios.scenario(0))
    options = options.replace(weight_classes=[defined(source, "labkit.nova")])
    with pytest.raises(TypeError, match=words):
        select_destinations(fleet, spec_obj, options)
