"""The scheduler on columns beside the plain form: the same answers, bit for bit."""

import math

import pytest

from labkit import Flavor, Fleet, NoValidHost, Options, RequestSpec, select_destinations
from labkit.nova.scheduler import fast
from tests.helpers import answers, scenarios

SCENARIOS = 1200


def test_the_columns_say_what_the_plain_form_says():
    compared = several = 0
    for number in range(SCENARIOS):
        fleet, spec_obj, options, seed = scenarios.build(scenarios.scenario(number))
        if not fast.able(options, spec_obj):
            continue
        plain = answers.answer(fleet, spec_obj, options, seed, least=math.inf)
        columns = answers.answer(fleet, spec_obj, options, seed, least=0)
        assert repr(columns) == repr(plain), number
        compared += bool(plain["selections"])
        several += len(plain["selections"] or ()) > 1
    assert compared > 50
    assert several > 5


def test_a_large_fleet_is_judged_by_columns_and_explained_alike():
    fleet = Fleet.random(fast.LARGE, seed=3)
    fleet = fleet.replace("cn-01", forced_down=True).replace("cn-02", num_io_ops=9)
    spec = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))
    options = Options(enabled_filters=["ComputeFilter", "IoOpsFilter"])
    decision = select_destinations(fleet, spec, options)
    assert decision.explain("cn-01").endswith("the service is forced down.")
    assert decision.explain("cn-02").endswith("num_io_ops 9 >= max_io_ops_per_host 8.")
    plain = answers.answer(fleet, spec, options, least=math.inf)
    assert decision.placements.host.tolist()[0] == plain["selections"][0][0]


@pytest.mark.parametrize("of_aggregates", ["", "Aggregate"])
@pytest.mark.parametrize(
    ("name", "column", "limit"),
    [
        ("IoOpsFilter", "num_io_ops", "max_io_ops_per_host"),
        ("NumInstancesFilter", "num_instances", "max_instances_per_host"),
    ],
)
def test_a_host_at_its_limit_is_full(of_aggregates, name, column, limit):
    room = {"total_usable_ram_mb": 1024, "free_ram_mb": 1024, "vcpus_total": 2}
    room |= {"total_usable_disk_gb": 9, "free_disk_mb": 9216}
    hosts = [room | {"host": f"cn-{k}", column: 4} for k in range(fast.LARGE)]
    spec = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))
    options = Options(enabled_filters=[of_aggregates + name], **{limit: 4})
    with pytest.raises(NoValidHost):
        select_destinations(Fleet(hosts), spec, options)
    hosts[7][column] = 3
    assert select_destinations(Fleet(hosts), spec, options).host == "cn-7"


def test_a_host_that_was_changed_by_hand_is_read_again():
    fleet = Fleet.random(fast.LARGE, seed=3)
    spec = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))
    host = fleet[select_destinations(fleet, spec).host]
    copy = fleet.copy()
    host.failed_builds = 5
    assert select_destinations(fleet, spec).host != host.host
    assert select_destinations(copy, spec).host == host.host


def test_a_weigher_without_a_rule_in_columns_is_left_to_the_plain_form(monkeypatch):
    monkeypatch.delitem(fast.MULTIPLIERS, "RAMWeigher")
    fleet = Fleet.random(fast.LARGE, seed=3)
    spec = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))
    options = Options(ram_weight_multiplier=1.25)
    plain = answers.answer(fleet, spec, options, least=math.inf)
    assert answers.answer(fleet, spec, options, least=0) == plain
