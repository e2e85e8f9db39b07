"""The table of hosts: a number changes, the decision follows, each host says what became of it."""

import pytest

from labkit import Flavor, Fleet, RequestSpec, dials, select_destinations

SPEC = RequestSpec(Flavor(vcpus=2, memory_mb=4096, root_gb=20))


@pytest.fixture(scope="module")
def one():
    return dials.fleet(Fleet.read("data/four_hosts"), SPEC)


def told(dial, host):
    return dial._told_of[host].value


def test_untouched_it_is_the_lessons_own_decision(dial):
    decision = select_destinations(Fleet.read("data/four_hosts"), SPEC)
    assert dial.decision.placements.equals(decision.placements)
    assert "★ chosen" in told(dial, "cn-2")
    assert "✓ not chosen: its weight 1.35" in told(dial, "cn-3")
    assert "✗ removed by allocation_candidates: MEMORY_MB" in told(dial, "cn-1")
    assert "✗ removed by compute_status_filter" in told(dial, "cn-4")


def test_a_number_that_is_changed_changes_the_decision(dial):
    before = dial.picture.value
    dial.value = {"cn-4 disabled": False}
    assert dial.decision.host == "cn-4"
    assert dial.picture.value != before
    dial.value = {"cn-4 free_ram_mb": 0}
    assert dial.decision.host == "cn-2"
    changed = Fleet.read("data/four_hosts").replace("cn-4", disabled=False, free_ram_mb=0)
    assert dial.decision.placements.equals(select_destinations(changed, SPEC).placements)


def test_a_request_that_no_host_can_take_is_an_answer(dial):
    dial.value = {"memory_mb": 60000}
    assert dial.decision.host is None
    assert dial.answer.endswith("NoValidHost.")
    dial.value = {"memory_mb": 4096}
    assert dial.decision.host == "cn-2"


def test_one_host_left_is_drawn_as_a_funnel(dial):
    dial.value = {"cn-3 disabled": True}
    assert dial.answer.endswith("cn-2 is left.")


def test_a_larger_fleet_is_refused():
    with pytest.raises(ValueError, match="30 hosts; the table has room for 1 to 8"):
        dials.fleet(Fleet.read("data/mixed_30"), SPEC)
