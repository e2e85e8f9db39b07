"""What is asked of placement, and who asked for it."""

import pytest

from labkit import Aggregate, Flavor, Fleet, ImageMeta, NotModelled, NoValidHost, Options
from labkit import RequestSpec as Spec
from labkit.decision import select_destinations
from labkit.nova.scheduler.request_filter import resources_from_flavor

SMALL = Flavor(vcpus=1, memory_mb=512, root_gb=1)


def fleet(**tables):
    rows = [
        {
            "host": f"cn-{k}",
            "total_usable_ram_mb": 4096,
            "free_ram_mb": 4096,
            "total_usable_disk_gb": 50,
            "free_disk_mb": 51200,
            "vcpus_total": 4,
        }
        for k in (1, 2, 3)
    ]
    rows[2] |= tables.pop("cn_3", {})
    return Fleet(rows, **tables)


def fallen(decision):
    table = decision.filters
    return table.loc[~table.passed, ["filter", "host"]].to_numpy().tolist()


@pytest.mark.parametrize(
    ("flavor", "is_bfv", "amounts"),
    [
        (Flavor(2, 1024, 10, 5, 1), False, {"VCPU": 2, "MEMORY_MB": 1024, "DISK_GB": 16}),
        (Flavor(2, 1024, 10, 5, 1025), True, {"VCPU": 2, "MEMORY_MB": 1024, "DISK_GB": 7}),
        (Flavor(2, 1024), False, {"VCPU": 2, "MEMORY_MB": 1024}),
        (
            Flavor(2, 1024, extra_specs={"resources:VCPU": "0", "resources:CUSTOM_GPU": "1"}),
            False,
            {"CUSTOM_GPU": 1, "MEMORY_MB": 1024},
        ),
    ],
)
def test_amounts_come_from_the_flavor(flavor, is_bfv, amounts):
    assert resources_from_flavor(Spec(flavor, is_bfv=is_bfv))[0] == amounts


def test_an_availability_zone_asks_for_its_aggregates():
    zone = Aggregate("a", ["cn-2"], {"availability_zone": "az-1"})
    decision = select_destinations(fleet(aggregates=[zone]), Spec(SMALL, availability_zone="az-1"))
    assert fallen(decision) == [
        ["map_az_to_placement_aggregate", "cn-1"],
        ["map_az_to_placement_aggregate", "cn-3"],
    ]
    assert decision.explain("cn-1").endswith("the host is not in availability zone az-1.")


def test_a_zone_that_nobody_has_asks_for_nothing():
    assert fallen(select_destinations(fleet(), Spec(SMALL, availability_zone="mars"))) == []


def test_a_disabled_service_falls_before_the_filters():
    decision = select_destinations(fleet(cn_3={"disabled": True}), Spec(SMALL))
    assert fallen(decision) == [["compute_status_filter", "cn-3"]]


def test_tenants_can_be_kept_to_their_aggregates():
    options = Options(limit_tenants_to_placement_aggregate=True)
    own = Aggregate("a", ["cn-2"], {"filter_tenant_id": "project"})
    decision = select_destinations(fleet(aggregates=[own]), Spec(SMALL), options)
    assert decision.host == "cn-2"
    assert fallen(select_destinations(fleet(), Spec(SMALL), options)) == []
    must = options.replace(placement_aggregate_required_for_tenants=True)
    with pytest.raises(NoValidHost, match="No hosts available for tenant"):
        select_destinations(fleet(), Spec(SMALL), must)


def test_an_image_type_asks_for_its_trait():
    options = Options(query_placement_for_image_type_support=True)
    raw = Spec(SMALL, ImageMeta(disk_format="raw"))
    decision = select_destinations(
        fleet(cn_3={"traits": ("COMPUTE_IMAGE_TYPE_RAW",)}), raw, options
    )
    assert decision.host == "cn-3"
    odd = Spec(SMALL, ImageMeta(disk_format="odd"))
    assert fallen(select_destinations(fleet(), odd, options)) == []


def test_aggregates_with_traits_can_be_isolated():
    options = Options(enable_isolated_aggregate_filtering=True)
    windows = Aggregate("w", ["cn-3"], {"trait:CUSTOM_WINDOWS": "required"})
    there = fleet(aggregates=[windows], cn_3={"traits": ("CUSTOM_WINDOWS",)})
    assert fallen(select_destinations(there, Spec(SMALL), options)) == [
        ["isolate_aggregates", "cn-3"]
    ]
    flavor = Flavor(1, 512, extra_specs={"trait:CUSTOM_WINDOWS": "required"})
    assert select_destinations(there, Spec(flavor), options).host == "cn-3"


def test_traits_are_asked_for_and_refused():
    there = fleet(cn_3={"traits": ("CUSTOM_SSD",)})
    for value, host in (("required", "cn-3"), ("forbidden", "cn-1"), ("perhaps", "cn-1")):
        flavor = Flavor(1, 512, extra_specs={"trait:CUSTOM_SSD": value})
        assert select_destinations(there, Spec(flavor)).host == host


def test_a_forced_host_is_asked_for_alone_and_skips_the_filters():
    there = fleet(cn_3={"forced_down": True})
    decision = select_destinations(there, Spec(SMALL, force_hosts=["cn-3"]))
    assert decision.host == "cn-3"
    assert "ComputeFilter" not in decision.filters["filter"].tolist()
    with pytest.raises(NoValidHost, match="No such host - host: cn-9 node: None"):
        select_destinations(there, Spec(SMALL, force_hosts=["cn-9"]))


def test_the_funnel_says_which_amount_does_not_fit():
    records = [
        {"host": "cn-1", "resource_class": "VCPU", "total": 4, "reserved": 4},
        {"host": "cn-2", "resource_class": "VCPU", "total": 4, "max_unit": 2},
        {"host": "cn-3", "resource_class": "VCPU", "total": 4, "allocation_ratio": 16, "used": 5},
    ]
    spec = Spec(Flavor(3, 0))
    decision = select_destinations(fleet(inventories=records), spec)
    assert decision.host == "cn-3"
    reasons = decision.filters[~decision.filters.passed].reason.tolist()
    assert reasons == [
        "VCPU: used 0 + 3 > capacity 0 = (4 - 4) * 1",
        "VCPU 3 > max_unit 2",
    ]


def test_the_first_candidates_are_kept_when_there_are_too_many():
    decision = select_destinations(fleet(), Spec(SMALL), Options(max_placement_results=2))
    assert decision.explain("cn-3") == (
        "cn-3 was removed by allocation_candidates:"
        " not among the first 2 ([scheduler] max_placement_results)."
    )


def test_what_the_lab_leaves_out_is_refused_by_name():
    for flavor, image in (
        (Flavor(1, 1, extra_specs={"hw:mem_encryption": "true"}), None),
        (SMALL, ImageMeta(properties={"hw_cpu_policy": "dedicated"})),
        (SMALL, ImageMeta(properties={"hw_tpm_model": "tpm-crb"})),
    ):
        with pytest.raises(NotModelled, match="Unlike Nova"):
            select_destinations(fleet(), Spec(flavor, image))
