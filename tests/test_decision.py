"""Decisions: tables, sentences, flips, and the paths that end without a host."""

import numpy as np
import pytest

from labkit import (
    BaseHostFilter,
    BaseHostWeigher,
    Flavor,
    Fleet,
    InstanceGroup,
    NotModelled,
    NoValidHost,
    Options,
    RequestSpec,
    place,
    select_destinations,
)
from tests.helpers import length

SPEC = RequestSpec(Flavor(vcpus=2, memory_mb=4096, root_gb=20))


@pytest.fixture
def four(root):
    return Fleet.read(root / "data" / "four_hosts")


@pytest.fixture
def mixed(root):
    return Fleet.read(root / "data" / "mixed_30")


def test_tables_have_their_columns_and_add_up(mixed):
    decision = select_destinations(mixed, SPEC)
    weights, placements = decision.weights, decision.placements
    total = weights.groupby("host", sort=False).score.sum()
    ranking = placements.set_index("host").weight
    assert np.allclose(total[ranking.index], ranking)
    assert placements.loc[placements.chosen, "host"].tolist() == [decision.host]
    assert placements["rank"].tolist() == list(range(1, len(placements) + 1))
    alternates = placements.loc[placements.alternate, "host"].tolist()
    assert alternates == decision.selections[0].alternates
    assert decision.filters.seq.tolist() == list(range(len(decision.filters)))
    removed = decision.filters[~decision.filters.passed]
    assert removed.reason.str.len().min() > 0
    assert (decision.filters[decision.filters.passed].reason == "").all()


def test_the_fleet_and_the_request_are_unchanged(mixed):
    spec = SPEC.replace(instance_group=InstanceGroup("affinity"), num_instances=2)
    before = mixed.hosts
    select_destinations(mixed, spec)
    assert mixed.hosts.equals(before)
    assert spec.instance_group == InstanceGroup("affinity")
    assert spec.instance_uuid is None


def test_raw_weights_are_those_of_the_moment_of_the_choice(four):
    decision = select_destinations(four, SPEC)
    ram = decision.weights.query("weigher == 'RAMWeigher'").set_index("host").raw
    assert ram[decision.host] == four[decision.host].free_ram_mb


def test_explain_tells_each_kind_of_fate(four):
    decision = select_destinations(four, SPEC)
    assert decision.explain("cn-4") == (
        "cn-4 was removed by compute_status_filter:"
        " the service is disabled (trait COMPUTE_STATUS_DISABLED)."
    )
    assert decision.explain("cn-1").startswith(
        "cn-1 was removed by allocation_candidates: MEMORY_MB: used 29696 + 4096 > capacity 32768"
    )
    assert decision.explain("cn-2").startswith("cn-2 was chosen with the weight")
    assert decision.explain("cn-3").startswith("cn-3 was not chosen: its weight")
    assert "RAMWeigher: raw 16384 -> normalized 0.6667 -> times 1" in decision.explain("cn-3")
    with pytest.raises(KeyError, match="no host 'cn-9'"):
        decision.explain("cn-9")


def test_one_host_left_is_not_weighed(four):
    decision = select_destinations(four, SPEC.replace(ignore_hosts=["CN-3"]))
    assert decision.host == "cn-2"
    assert decision.weights.empty
    assert "nothing was weighed" in decision.explain("cn-2")
    assert decision.explain("cn-3") == (
        "cn-3 was removed by ignore_hosts: the host is to be ignored."
    )


def test_no_valid_host_carries_the_whole_funnel(four):
    huge = SPEC.replace(flavor=Flavor(vcpus=2, memory_mb=10**6))
    with pytest.raises(NoValidHost) as caught:
        select_destinations(four, huge)
    assert str(caught.value) == "No valid host was found. "
    table = caught.value.decision.filters
    assert table["filter"].unique().tolist() == ["compute_status_filter", "allocation_candidates"]
    assert caught.value.decision.host is None
    assert caught.value.decision.placements.empty


def test_an_empty_fleet_has_no_valid_host():
    with pytest.raises(NoValidHost):
        select_destinations(Fleet([]), SPEC)
    _, placed = place(Fleet([]), [SPEC])
    assert placed.host.tolist() == [None]


def test_the_last_host_of_a_multi_create_may_be_missing(four):
    group = InstanceGroup("anti-affinity")
    decision = select_destinations(four, SPEC.replace(instance_group=group, num_instances=2))
    assert decision.hosts == ["cn-2", "cn-3"]
    with pytest.raises(NoValidHost, match="There are not enough hosts") as caught:
        select_destinations(four, SPEC.replace(instance_group=group, num_instances=3))
    reasons = caught.value.decision.filters.query("instance == 'server-3' and not passed").reason
    # cn-2 fell when server-2 was placed, and a host that fell does not come back
    assert reasons.tolist() == ["server-2 of the anti-affinity group here, max_server_per_host 1"]


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_random_picks_repeat_with_their_seed(mixed, seed):
    options = Options(host_subset_size=5, shuffle_best_same_weighed_hosts=True)
    spec = SPEC.replace(num_instances=4)
    first = select_destinations(mixed, spec, options, seed=seed)
    assert first.hosts == select_destinations(mixed, spec, options, seed=seed).hosts


def test_flip_ends_where_the_engine_ends(mixed):
    decision = select_destinations(mixed, SPEC)
    found = 0
    for host in length.some(decision.placements.host, 3):
        for option in (
            "ram_weight_multiplier",
            "cpu_weight_multiplier",
            "io_ops_weight_multiplier",
        ):
            for low, high in decision.flip(host, option).intervals:
                found += 1
                for value, way in ((low, -np.inf), (high, np.inf)):
                    inside = Options(**{option: value})
                    assert select_destinations(mixed, SPEC, inside).host == host
                    if abs(value) < 1e9:
                        outside = Options(**{option: float(np.nextafter(value, way))})
                        assert select_destinations(mixed, SPEC, outside).host != host
    assert found >= 6


def test_flip_agrees_with_a_sweep(mixed):
    decision = select_destinations(mixed, SPEC)
    values = [-5.0, -1.5, -0.3, 0.0, 0.2, 0.9, 1.7, 4.0]
    winners = [
        select_destinations(mixed, SPEC, Options(ram_weight_multiplier=v)).host for v in values
    ]
    for host in {*winners, *length.some(decision.placements.host, 3)}:
        flip = decision.flip(host, "ram_weight_multiplier")
        inside = [any(low <= v <= high for low, high in flip.intervals) for v in values]
        assert inside == [winner == host for winner in winners]


def test_flip_is_refused_where_no_value_settles_it(mixed):
    decision = select_destinations(mixed, SPEC, Options(host_subset_size=2))
    with pytest.raises(ValueError, match="under random picks"):
        decision.flip("cn-01", "ram_weight_multiplier")
    with pytest.raises(ValueError, match="'ram' is no multiplier; choose from"):
        select_destinations(mixed, SPEC).flip("cn-01", "ram")


def test_flip_of_a_removed_host_is_never(four):
    flip = select_destinations(four, SPEC).flip("cn-4", "ram_weight_multiplier")
    assert flip.intervals == []
    assert repr(flip) == "cn-4 never wins, whatever ram_weight_multiplier is (now 1.0)."


def test_flip_does_not_leave_the_options_own_bounds():
    fleet = Fleet.random(3, seed=4)
    fleet = Fleet.from_frame(fleet.hosts, pci_pools=[{"host": "cn-1", "count": 4}])
    decision = select_destinations(fleet, RequestSpec(Flavor(1, 64)))
    for host in fleet.rows:
        for low, _ in decision.flip(host, "pci_weight_multiplier").intervals:
            assert low >= 0.0


def test_compare_sets_two_decisions_side_by_side(four):
    spread = select_destinations(four, SPEC)
    pack = select_destinations(four, SPEC, Options(ram_weight_multiplier=-10.0))
    table = spread.compare(pack)
    assert table.host.tolist() == ["cn-2", "cn-3"]
    assert table.loc[table.chosen_other, "host"].item() == pack.host == "cn-3"


def test_winners_is_a_grid_of_the_engines_own_answers(four):
    table = select_destinations(four, SPEC).winners(
        "ram_weight_multiplier", [-5, 1], "cpu_weight_multiplier", [-5, 1]
    )
    assert table.shape == (4, 3)
    for row in table.itertuples(index=False):
        options = Options(ram_weight_multiplier=row[0], cpu_weight_multiplier=row[1])
        assert select_destinations(four, SPEC, options).host == row[2]


class MostlyEmpty(BaseHostFilter):
    """A learner's filter."""

    def host_passes(self, host_state, filter_properties):
        return host_state.num_instances < 4

    def reason(self, host_state, spec_obj):
        return f"{host_state.num_instances} servers"


class FewServers(BaseHostWeigher):
    """A learner's weigher."""

    def _weigh_object(self, host_state, weight_properties):
        return -host_state.num_instances


def test_learners_classes_run_beside_the_built_in_ones(four):
    options = Options(
        enabled_filters=["ComputeFilter", MostlyEmpty], weight_classes=["RAMWeigher", FewServers]
    )
    decision = select_destinations(four, SPEC, options)
    assert decision.explain("cn-3") == "cn-3 was removed by MostlyEmpty: 4 servers."
    options = options.replace(enabled_filters=[])
    weights = select_destinations(four, SPEC, options).weights
    assert weights.query("weigher == 'FewServers'").raw.tolist() == [-2.0, -4.0]


def test_a_learners_mistake_is_refused_as_in_nova(four):
    class Nothing(BaseHostWeigher):
        pass

    class Word(BaseHostWeigher):
        def _weigh_object(self, host_state, weight_properties):
            return "much"

    class NoFilter(BaseHostFilter):
        pass

    for options, error, sentence in (
        ({"weight_classes": [Nothing]}, TypeError, "Can't instantiate abstract class Nothing"),
        ({"weight_classes": [Word]}, ValueError, "could not convert string to float: 'much'"),
        ({"weight_classes": [int]}, ValueError, "is neither a name nor a class"),
        ({"weight_classes": ["RamWeigher"]}, ValueError, "no weigher 'RamWeigher'"),
        ({"enabled_filters": [NoFilter]}, NotImplementedError, "^$"),
        ({"enabled_filters": [int]}, ValueError, "is neither a name nor a class"),
    ):
        with pytest.raises(error, match=sentence):
            select_destinations(four, SPEC, Options(**options))


def test_an_unknown_filter_is_refused_in_novas_words(four):
    with pytest.raises(Exception, match="Scheduler Host Filter RamFilter could not be found"):
        select_destinations(four, SPEC, Options(enabled_filters=["RamFilter"]))


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (Flavor(1, 64, extra_specs={"hw:cpu_policy": "dedicated"}), "does not pin CPUs"),
        (Flavor(1, 64, extra_specs={"resources1:VCPU": "1"}), "no numbered request groups"),
        (Flavor(1, 64, extra_specs={"hw:numa_nodes": "2"}), "does not model extra spec"),
    ],
)
def test_what_is_not_modelled_is_refused_by_name(four, spec, sentence):
    with pytest.raises(NotModelled, match=sentence):
        select_destinations(four, RequestSpec(spec))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((None, SPEC), "None is not a Fleet"),
        ((Fleet([]), Flavor(1, 1)), "is not a RequestSpec"),
        ((Fleet([]), SPEC, {"ram_weight_multiplier": 1}), "is not Options"),
    ],
)
def test_wrong_types_get_a_sentence(arguments, sentence):
    with pytest.raises(TypeError, match=sentence):
        select_destinations(*arguments)


def test_wrong_requests_get_a_sentence():
    for make, sentence in (
        (lambda: RequestSpec("m1.small"), "'m1.small' is not a Flavor"),
        (lambda: RequestSpec(Flavor(1, 1), num_instances=0), "asks for no server"),
        (lambda: RequestSpec(Flavor(1, 1), num_instances="2"), "is not a number"),
        (lambda: RequestSpec(Flavor(1, 1), force_hosts="cn-1"), "write a list of names"),
        (lambda: RequestSpec(Flavor(1, 1), image="cirros"), "neither an ImageMeta nor None"),
        (lambda: Flavor(1, -5), "memory_mb = -5 is not a whole number of 0 or more"),
        (lambda: InstanceGroup("together"), "policy 'together' is none of affinity"),
    ):
        with pytest.raises(ValueError, match=sentence):
            make()
    with pytest.raises(ValueError, match="1 names for a request of num_instances = 2"):
        select_destinations(Fleet([]), SPEC.replace(num_instances=2), instance_uuids=["a"])


def test_place_is_the_same_as_deciding_one_by_one(mixed):
    specs = [SPEC, SPEC.replace(flavor=Flavor(4, 16384, 40)), SPEC] * 5
    later, placed = place(mixed, specs, building=True)
    now = mixed.copy()
    for number, spec in enumerate(specs):
        decision = select_destinations(now, spec, instance_uuids=[f"server-{number + 1}"])
        assert decision.host == placed.host[number]
        assert decision.selections[0].weight == placed.weight[number]
        _, one = place(now, [spec], building=True)
        now, _ = place(now, [spec], building=True)
        assert one.host.tolist() == [decision.host]
    assert later.hosts.equals(now.hosts)


def test_place_goes_on_after_a_request_that_finds_no_host(four):
    huge = SPEC.replace(flavor=Flavor(1, 10**6))
    later, placed = place(four, [SPEC, huge, SPEC])
    assert placed.host.tolist() == ["cn-2", None, "cn-2"]
    assert later["cn-2"].free_ram_mb == four["cn-2"].free_ram_mb - 2 * 4096


def test_a_multi_create_in_place_is_all_or_nothing(four):
    group = InstanceGroup("anti-affinity")
    three = SPEC.replace(instance_group=group, num_instances=3)
    later, placed = place(four, [three, SPEC])
    assert placed.host.tolist() == [None, None, None, "cn-2"]
    assert later["cn-3"].free_ram_mb == four["cn-3"].free_ram_mb
