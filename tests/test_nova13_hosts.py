"""What a host of the notes' Nova takes: ratios, limits and claims, as recorded from 15.1.5."""

import gzip
import json
from pathlib import Path

import pytest

from labkit import Flavor, Fleet, Options, RequestSpec, nova13
from labkit.nova.exception import ComputeResourcesUnavailable
from labkit.nova.objects import ComputeNode

RECORDED = Path(__file__).parents[1] / "data" / "nova-15" / "hosts.json.gz"
CASES = json.loads(gzip.decompress(RECORDED.read_bytes()))["cases"] if RECORDED.exists() else []
FILTERS = (nova13.RamFilter, nova13.DiskFilter, nova13.CoreFilter)
FLAVOR = Flavor(vcpus=1, memory_mb=1024, root_gb=1)


@pytest.mark.nova
def test_every_kind_of_case_is_there():
    assert len(CASES) == 300
    assert {tuple(case["passed"]) for case in CASES} >= {(True, True, True), (False, True, True)}
    assert {case["claim"] is None for case in CASES if all(case["passed"])} == {True, False}


@pytest.mark.nova
def test_the_ratios_are_those_of_15():
    for case in CASES:
        compute, scheduler = Options(**case["compute"]), Options(**case["scheduler"])
        assert nova13.allocation_ratios(compute, scheduler) == case["ratios"]


@pytest.mark.nova
def test_the_filters_and_their_limits_are_those_of_15():
    options = nova13.options(enabled_filters=FILTERS)
    for case in CASES:
        fleet = Fleet([{"host": "cn-1"} | case["host"] | case["ratios"]])
        spec = RequestSpec(Flavor(**case["flavor"]))
        passed = [all(each().host_passes(state, spec) for state in fleet) for each in FILTERS]
        assert passed == case["passed"]
        if all(passed):
            assert nova13.limits(fleet["cn-1"], options) == case["limits"]


@pytest.mark.nova
def test_a_claim_is_taken_and_refused_in_the_words_of_15():
    for case in CASES:
        said = None
        try:
            nova13.claim_test(
                ComputeNode("cn-1", **case["node"]), Flavor(**case["flavor"]), case["limits"]
            )
        except ComputeResourcesUnavailable as error:
            said = str(error)
        assert said == case["claim"]


def test_without_a_filter_there_is_no_limit_and_the_claim_tests_nothing():
    fleet = Fleet([{"host": "cn-1", "total_usable_ram_mb": 1024, "vcpus_total": 1}])
    assert set(nova13.limits(fleet["cn-1"])) == {"memory_mb", "disk_gb"}
    full = ComputeNode("cn-1", memory_mb=1024, memory_mb_used=1024, vcpus=1, vcpus_used=9)
    nova13.claim_test(full, FLAVOR, nova13.limits(fleet["cn-1"], Options()))


def test_a_claim_names_each_shortage():
    cn = ComputeNode("cn-1", memory_mb=1024, memory_mb_used=768, vcpus=1, vcpus_used=1)
    with pytest.raises(ComputeResourcesUnavailable) as caught:
        nova13.claim_test(cn, FLAVOR, {"memory_mb": 1024.0, "vcpu": 1.0})
    assert str(caught.value) == (
        "Insufficient compute resources: Free memory 256.00 MB < requested 1024 MB; "
        "Free vcpu 0.00 VCPU < requested 1 VCPU."
    )


def test_two_requests_of_which_only_the_claim_tells_that_the_second_does_not_fit():
    fleet = Fleet([{"host": "cn-1", "total_usable_ram_mb": 2048, "free_ram_mb": 1536,
        "total_usable_disk_gb": 9, "free_disk_mb": 9216, "ram_allocation_ratio": 1.0}])  # fmt: skip
    scheduler, spec = nova13.FilterScheduler(), RequestSpec(FLAVOR)
    for _ in "12":  # both see the host as it was reported
        assert scheduler.select_destinations(fleet, spec).host == "cn-1"
    limits, cn = nova13.limits(fleet["cn-1"]), ComputeNode("cn-1", 2048, 512, local_gb=9)
    nova13.claim_test(cn, FLAVOR, limits)
    cn.memory_mb_used += FLAVOR.memory_mb
    with pytest.raises(ComputeResourcesUnavailable, match="Free memory 512"):
        nova13.claim_test(cn, FLAVOR, limits)
