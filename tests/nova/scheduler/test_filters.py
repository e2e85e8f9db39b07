"""Each filter on two hosts: cn-1 falls, cn-2 passes, and the reason is one a person can read."""

import json

import pytest

from labkit import (
    Aggregate,
    Flavor,
    Fleet,
    ImageMeta,
    InstanceGroup,
    NoValidHost,
    Options,
    RequestSpec,
)
from labkit.decision import select_destinations
from labkit.nova.exception import NotModelled
from labkit.nova.scheduler.filters import all_filters
from labkit.nova.scheduler.filters.extra_specs_ops import match
from labkit.nova.scheduler.filters.image_props_filter import version_satisfied

FLAVOR = Flavor(vcpus=1, memory_mb=512, root_gb=1)


def hosts(cn_1=None, **tables):
    row = {
        "total_usable_ram_mb": 8192,
        "free_ram_mb": 8192,
        "total_usable_disk_gb": 100,
        "free_disk_mb": 102400,
        "vcpus_total": 8,
    }
    rows = [{"host": "cn-1", **row, **(cn_1 or {})}, {"host": "cn-2", **row}]
    return Fleet(rows, **tables)


def on_cn_1(**metadata):
    return {"aggregates": [Aggregate("a", ["cn-1"], metadata)]}


def extra_specs(**specs):
    return {
        "flavor": Flavor(1, 512, extra_specs={k.replace("__", ":"): v for k, v in specs.items()})
    }


def image(**properties):
    return {"image": ImageMeta(properties=properties)}


CASES = {
    "ComputeFilter-down": (
        hosts({"heartbeat_age_s": 61.0}),
        {},
        {},
        "the host has not been heard from for 61 s > service_down_time 60 s",
    ),
    "ComputeFilter-forced": (hosts({"forced_down": True}), {}, {}, "the service is forced down"),
    "ComputeCapabilitiesFilter-op": (
        hosts({"hypervisor_type": "xen"}),
        extra_specs(capabilities__hypervisor_type="s== QEMU"),
        {},
        "extra spec capabilities:hypervisor_type: 's== QEMU' does not match 'xen'",
    ),
    "ComputeCapabilitiesFilter-unscoped": (
        hosts({"free_ram_mb": 4096}),
        extra_specs(free_ram_mb=">= 8192"),
        {},
        "extra spec free_ram_mb: '>= 8192' does not match '4096'",
    ),
    "ComputeCapabilitiesFilter-json": (
        hosts({"cpu_info": '{"arch": "arm"}'}, instances={}).replace(
            "cn-2", cpu_info='{"arch": "x86_64"}'
        ),
        extra_specs(capabilities__cpu_info__arch="<or> x86_64 <or> ppc"),
        {},
        "extra spec capabilities:cpu_info:arch: '<or> x86_64 <or> ppc' does not match 'arm'",
    ),
    "ComputeCapabilitiesFilter-gone": (
        hosts().replace("cn-2", stats={"gpu": "yes"}),
        extra_specs(capabilities__gpu="yes"),
        {},
        "extra spec capabilities:gpu: the host has no such capability",
    ),
    "ImagePropertiesFilter-arch": (
        hosts({"supported_instances": [["aarch64", "kvm", "hvm"]]}),
        image(hw_architecture="AMD64"),
        {},
        "the image needs x86_64; the host supports aarch64 kvm hvm (hypervisor_version None)",
    ),
    "ImagePropertiesFilter-version": (
        hosts({"hypervisor_version": 6002000}).replace("cn-2", hypervisor_version=7000000),
        image(img_hv_type="kvm", img_hv_requested_version=">=7.0"),
        {},
        (
            "the image needs kvm version >=7.0; the host supports x86_64 kvm hvm"
            " (hypervisor_version 6002000)"
        ),
    ),
    "ServerGroupAntiAffinityFilter": (
        hosts(instances={"cn-1": {"web-1": {}}}),
        {"instance_group": InstanceGroup("anti-affinity", members=["web-1"])},
        {},
        "web-1 of the anti-affinity group here, max_server_per_host 1",
    ),
    "ServerGroupAffinityFilter": (
        hosts(),
        {"instance_group": InstanceGroup("affinity", hosts=["cn-2"])},
        {},
        "the affinity group is on cn-2",
    ),
    "AggregateImagePropertiesIsolation": (
        hosts(**on_cn_1(os_distro="debian, fedora")),
        image(os_distro="ubuntu"),
        {},
        "image property os_distro = ubuntu is not in debian, fedora",
    ),
    "AggregateInstanceExtraSpecsFilter": (
        hosts(
            aggregates=[
                Aggregate("a", ["cn-1"], {"ssd": "false"}),
                Aggregate("b", ["cn-2"], {"ssd": "true"}),
            ]
        ),
        extra_specs(aggregate_instance_extra_specs__ssd="true"),
        {},
        "extra spec aggregate_instance_extra_specs:ssd: 'false' does not match 'true'",
    ),
    "AggregateIoOpsFilter": (
        hosts({"num_io_ops": 4}, **on_cn_1(max_io_ops_per_host="4")),
        {},
        {},
        "num_io_ops 4 >= max_io_ops_per_host 4",
    ),
    "IoOpsFilter": (
        hosts({"num_io_ops": 9}),
        {},
        {},
        "num_io_ops 9 >= max_io_ops_per_host 8",
    ),
    "AggregateNumInstancesFilter": (
        hosts({"num_instances": 2}, **on_cn_1(max_instances_per_host="2")),
        {},
        {},
        "num_instances 2 >= max_instances_per_host 2",
    ),
    "NumInstancesFilter": (
        hosts({"num_instances": 5}),
        {},
        {"max_instances_per_host": 5},
        "num_instances 5 >= max_instances_per_host 5",
    ),
    "AggregateMultiTenancyIsolation": (
        hosts(**on_cn_1(filter_tenant_id="acme, bob")),
        {},
        {},
        "the host is kept for acme, bob; the request is of project",
    ),
    "AggregateTypeAffinityFilter": (
        hosts(**on_cn_1(instance_type="m1.small,m1.large")),
        {},
        {},
        "flavor 'flavor' is not in instance_type m1.small,m1.large",
    ),
    "DifferentHostFilter": (
        hosts(instances={"cn-1": {"db-1": {}}}),
        {"scheduler_hints": {"different_host": ["db-1"]}},
        {},
        "the hint different_host names db-1, which is on this host",
    ),
    "SameHostFilter": (
        hosts(instances={"cn-2": {"db-1": {}}}),
        {"scheduler_hints": {"same_host": "db-1"}},
        {},
        "the hint same_host names no server of this host",
    ),
    "SimpleCIDRAffinityFilter": (
        hosts({"host_ip": "10.0.1.5"}).replace("cn-2", host_ip="10.0.0.7"),
        {"scheduler_hints": {"build_near_host_ip": "10.0.0.1"}},
        {},
        "host_ip 10.0.1.5 is not in 10.0.0.0/24",
    ),
    "IsolatedHostsFilter": (
        hosts(),
        {},
        {"isolated_hosts": ["cn-1"], "isolated_images": ["other"]},
        "the host is kept for isolated images",
    ),
    "JsonFilter": (
        hosts({"free_ram_mb": 1024}),
        {"scheduler_hints": {"query": json.dumps([">=", "$free_ram_mb", 2048])}},
        {},
        'the query [">=", "$free_ram_mb", 2048] is not true here',
    ),
    "MetricsFilter": (
        hosts().replace("cn-2"),
        {},
        {"weight_setting": ["cpu.percent=1.0"]},
        "the host does not report cpu.percent",
    ),
    "PciPassthroughFilter": (
        hosts(pci_pools=[{"host": "cn-1", "count": 1}, {"host": "cn-2", "count": 2}]),
        {"pci_requests": 2},
        {},
        "1 free PCI devices < 2 asked for",
    ),
}


@pytest.mark.parametrize("case", [case for case in CASES if case != "MetricsFilter"])
def test_cn_1_falls_with_a_reason_and_cn_2_is_chosen(case):
    fleet, request, values, reason = CASES[case]
    options = Options(enabled_filters=[case.partition("-")[0]], **values)
    decision = select_destinations(fleet, RequestSpec(**({"flavor": FLAVOR} | request)), options)
    assert decision.host == "cn-2"
    fallen = decision.filters[~decision.filters.passed]
    assert fallen[["filter", "host", "reason"]].to_numpy().tolist() == [
        [case.partition("-")[0], "cn-1", reason]
    ]


def test_metrics_filter_keeps_the_hosts_that_report_all():
    rows = [{"host": "cn-1"}, {"host": "cn-2", "metrics": {"cpu.percent": 5}}]
    options = Options(enabled_filters=["MetricsFilter"], weight_setting=["cpu.percent=1.0"])
    rows = [row | {"vcpus_total": 1} for row in rows]
    decision = select_destinations(Fleet(rows), RequestSpec(Flavor(1, 0)), options)
    assert decision.host == "cn-2"
    assert decision.explain("cn-1") == (
        "cn-1 was removed by MetricsFilter: the host does not report cpu.percent."
    )


def test_every_filter_but_two_has_a_case():
    covered = {case.partition("-")[0] for case in CASES}
    assert {cls.__name__ for cls in all_filters()} - covered == {
        "AllHostsFilter",
        "NUMATopologyFilter",
    }


def test_all_hosts_and_numa_let_everybody_pass_who_asks_nothing():
    options = Options(enabled_filters=["AllHostsFilter", "NUMATopologyFilter"])
    assert select_destinations(hosts(), RequestSpec(FLAVOR), options).filters.passed.all()


def test_a_numa_topology_is_refused_by_name():
    with pytest.raises(NotModelled, match="does not place NUMA topologies"):
        RequestSpec(FLAVOR, numa_topology="two cells")


def test_a_rebuild_is_judged_by_few_filters():
    fleet = hosts({"forced_down": True, "num_io_ops": 99, "supported_instances": []})
    options = Options(enabled_filters=["ComputeFilter", "IoOpsFilter", "ImagePropertiesFilter"])
    rebuild = RequestSpec(
        FLAVOR,
        ImageMeta(properties={"hw_vm_mode": "hvm"}),
        scheduler_hints={"_nova_check_type": ["rebuild"]},
    )
    table = select_destinations(fleet, rebuild, options).filters
    assert table["filter"][~table.passed].tolist() == ["ImagePropertiesFilter"]


def test_filters_of_the_first_server_only_do_not_run_for_the_second():
    table = select_destinations(hosts(), RequestSpec(FLAVOR, num_instances=2)).filters
    ran = {name: part["filter"].unique().tolist() for name, part in table.groupby("instance")}
    assert ran["server-2"] == ["ServerGroupAntiAffinityFilter", "ServerGroupAffinityFilter"]
    assert ran["server-1"][2:5] == [
        "ComputeFilter",
        "ComputeCapabilitiesFilter",
        "ImagePropertiesFilter",
    ]


@pytest.mark.parametrize(
    ("value", "requirement", "answer"),
    [
        ("4", "= 3", True),  # = means at least
        ("4", "= 4", True),
        ("4", "= 5", False),
        ("4", "<= 4", True),
        ("4", "> 3", False),  # no such operator: compared as a text
        ("4", ">= 4.0", True),
        ("abc", "s< abd", True),
        ("a b c", "<all-in> a c", True),
        ("virtio", "<in> virt", True),
        ("b", "<or> a <or> b", True),
        ("4", ">=", False),
        ("", "", True),
    ],
)
def test_extra_specs_speak_a_little_language(value, requirement, answer):
    assert match(value, requirement) is answer


def test_a_text_where_the_language_needs_a_number_gets_a_sentence():
    with pytest.raises(ValueError, match="cannot compare 'many' as a number"):
        match("many", ">= 4")


@pytest.mark.parametrize(
    ("version", "wanted", "answer"),
    [
        (6002000, ">=6.2", True),
        (6002000, ">6.2.0", False),
        (6002001, ">6.2,<7", True),
        (10000000, ">=9.9", True),
        (None, ">=9", True),
    ],
)
def test_hypervisor_versions_compare_part_by_part(version, wanted, answer):
    assert version_satisfied(version, wanted) is answer


@pytest.mark.parametrize(
    ("command", "passes"),
    [("=", 0b010), ("<", 0b100), (">", 0b001), ("<=", 0b110), (">=", 0b011), ("in", 0b010)],
)
def test_json_compares_at_the_border_too(command, passes):
    fleet = hosts({"free_ram_mb": 4096})
    for place, amount in enumerate((4097, 4096, 4095)):
        query = json.dumps([command, "$free_ram_mb", amount])
        spec = RequestSpec(FLAVOR, scheduler_hints={"query": query})
        table = select_destinations_or_fall(fleet, spec, Options(enabled_filters=["JsonFilter"]))
        judged = table[table["filter"] == "JsonFilter"].set_index("host").passed
        assert judged["cn-1"] == bool(passes >> (2 - place) & 1)


def select_destinations_or_fall(fleet, spec, options):
    try:
        return select_destinations(fleet, spec, options).filters
    except NoValidHost as error:
        return error.decision.filters


@pytest.mark.parametrize(
    ("query", "error", "words"),
    [
        ("[", json.JSONDecodeError, "hint query"),
        ('["like", 1, 2]', KeyError, "hint query"),
        ("[[1]]", TypeError, "unhashable"),
    ],
)
def test_a_wrong_query_is_refused(query, error, words):
    options = Options(enabled_filters=["JsonFilter"])
    with pytest.raises(error, match=words):
        select_destinations(hosts(), RequestSpec(FLAVOR, scheduler_hints={"query": query}), options)


def test_a_host_s_instances_are_spelled_as_nova_stores_them():
    fleet = hosts({"supported_instances": [["AMD64", "KVM", "hv"]]})
    asked = {"hw_architecture": "x86_64", "img_hv_type": "kvm", "hw_vm_mode": "hvm"}
    spec = RequestSpec(FLAVOR, ImageMeta(properties=asked), force_hosts=None)
    assert "cn-1" in select_destinations(fleet, spec).filters.query("passed").host.tolist()


def test_a_host_s_instances_that_nova_does_not_know_are_refused():
    with pytest.raises(ValueError, match=r"cn-1: supported_instances has \['fancy'"):
        hosts({"supported_instances": [["fancy", "kvm", "hvm"]]})
