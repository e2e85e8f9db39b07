"""The fleet: its columns, its edges, and a sentence for each kind of bad data."""

import json
import re
import time

import pandas as pd
import pytest

from labkit import (
    Aggregate,
    Cloud,
    Flavor,
    Fleet,
    NotModelled,
    RequestSpec,
    place,
    select_destinations,
)
from labkit.nova.objects import ComputeNode
from tests.helpers import length


@pytest.fixture
def hosts(root):
    return Fleet.read(root / "data" / "four_hosts").hosts


def changed(hosts, row, column, value):
    hosts = hosts.astype({column: object}) if column in hosts else hosts.assign(**{column: None})
    hosts.loc[row, column] = value
    return hosts


@pytest.mark.parametrize("folder", ["four_hosts", "two_hosts", "mixed_30", "thousand_hosts"])
def test_a_frame_makes_the_same_fleet_again(root, folder):
    fleet = Fleet.read(root / "data" / folder)
    again = Fleet.from_frame(fleet.hosts, fleet.aggregates)
    assert again.hosts.equals(fleet.hosts)
    for state, other in zip(fleet, again, strict=True):
        assert vars(other).keys() == vars(state).keys()
        for name in vars(state).keys() - {"aggregates", "metrics", "pci_stats", "instances"}:
            assert getattr(other, name) == getattr(state, name), name


def test_hosts_is_a_copy(root):
    fleet = Fleet.read(root / "data" / "two_hosts")
    hosts = fleet.hosts
    hosts.loc[0, "free_ram_mb"] = 0
    assert fleet["cn-1"].free_ram_mb == 3072


@pytest.mark.parametrize(
    ("row", "column", "value", "sentence"),
    [
        (1, "free_ram_mb", "much", "hosts, row 1 (cn-2): free_ram_mb = 'much'; expected a number"),
        (1, "free_ram_mb", None, "hosts, row 1 (cn-2): free_ram_mb is empty; expected a number"),
        (1, "free_ram_mb", float("inf"), "free_ram_mb = inf; expected a number"),
        (2, "vcpus_total", -1, "hosts, row 2 (cn-3): vcpus_total = -1; expected 0 or more"),
        (1, "host", "cn-1", "hosts, row 1: the host 'cn-1' is named twice"),
        (0, "host", "", "hosts, row 0: host = ''; expected a name"),
        (3, "disabled", "maybe", "hosts, row 3 (cn-4): disabled = 'maybe'; expected true or false"),
        (0, "free_ram", 1, "hosts: unknown column 'free_ram'; did you mean 'free_ram_mb'?"),
        (0, "colour", 1, "hosts: unknown column 'colour'; there are host, nodename"),
    ],
)
def test_bad_hosts_get_a_sentence(hosts, row, column, value, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        Fleet.from_frame(changed(hosts, row, column, value))


def test_a_missing_column_gets_a_sentence(hosts):
    with pytest.raises(ValueError, match="hosts: the column 'vcpus_used' is missing"):
        Fleet.from_frame(hosts.drop(columns="vcpus_used"))


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        ({"aggregates": [Aggregate("a", ["cn-9"])]}, "aggregate 'a' names an unknown host 'cn-9'"),
        ({"instances": {"cn-9": {}}}, "instances name an unknown host 'cn-9'"),
        (
            {"inventories": pd.DataFrame({"host": ["cn-9"], "resource_class": ["VCPU"]})},
            "inventories, row 0: unknown host 'cn-9'",
        ),
        (
            {"inventories": [{"host": "cn-1", "resource_class": "VCPU", "total": "x"}]},
            "inventories, row 0 (cn-1): total = 'x'; expected a number",
        ),
        ({"pci_pools": [{"host": "cn-1"}]}, "pci_pools, row 0 (cn-1): count is empty"),
        (
            {"pci_pools": [{"host": "cn-1", "count": -2}]},
            "pci_pools, row 0 (cn-1): count = -2; expected 0 or more",
        ),
    ],
)
def test_bad_small_tables_get_a_sentence(hosts, tables, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        Fleet.from_frame(hosts, **tables)


HOSTS = (
    "host,total_usable_ram_mb,free_ram_mb,total_usable_disk_gb,free_disk_mb,vcpus_total,vcpus_used\n"
    "cn-1,8192,4096,100,51200,8,2\ncn-2,8192,4096,100,51200,8,2\n"
)
INVENTORY = "host,resource_class,total,reserved,min_unit,used\ncn-1,{}\n"


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (
            {"hosts": HOSTS + "cn-3,8192,4096,100,51200,8,2,7\n"},
            "hosts.csv, line 4 (cn-3): 8 values",
        ),
        ({"hosts": HOSTS + "cn-3,8192\n"}, "line 4 (cn-3): 2 values for the 7 columns"),
        ({"hosts": HOSTS + "cn-3,nan,1,1,1,1,1\n"}, "(cn-3): total_usable_ram_mb = 'nan'"),
        ({"hosts": HOSTS + "cn-3,1,1,1,1,1,-1\n"}, "(cn-3): vcpus_used = -1; expected 0 or more"),
        ({"hosts": HOSTS + "cn-1,1,1,1,1,1,1\n"}, "line 4: the host 'cn-1' is named twice"),
        ({"hosts": HOSTS.replace(",", ";")}, "expected commas between the columns"),
        (
            {"hosts": HOSTS.replace("vcpus_used", "host")},
            "line 1: the column 'host' is there twice",
        ),
        ({"inventories": INVENTORY.format("VCPU,8,-1,1,0")}, "line 2 (cn-1): reserved = -1"),
        ({"inventories": INVENTORY.format("VCPU,8,0,0,0")}, "min_unit = 0; expected 1 or more"),
        ({"inventories": INVENTORY.format("VCPU,8,0,1,-3")}, "used = -3; expected 0 or more"),
        ({"inventories": INVENTORY.format("VCPU,8,0,1,nan")}, "used = 'nan'; expected a number"),
        ({"inventories": INVENTORY.format("VCPU,8,9,1,0")}, "expected no more than total = 8"),
        ({"inventories": INVENTORY.format("VCPU,1.5,0,1,0")}, "expected a whole number"),
        ({"inventories": INVENTORY.format("MEMORYMB,8,0,1,0")}, "did you mean 'MEMORY_MB'"),
        ({"inventories": INVENTORY.format("VCPU,8,0,1,0\ncn-1,VCPU,8,0,1,0")}, "is there twice"),
        (
            {"inventories": INVENTORY.format("VCPU,8,0,1,0").replace("reserved", "reserve")},
            "inventories.csv: unknown column 'reserve'; did you mean 'reserved'?",
        ),
        ({"pci_pools": "host,count,product\ncn-1,1,1520\n"}, "did you mean 'product_id'?"),
        ({"instances": "instance,host\na,cn-1\na,cn-2\n"}, "the server is named twice"),
        ({"aggregates": '{"a": {"host": ["cn-1"]}}'}, "unknown key 'host'; did you mean 'hosts'?"),
        ({"aggregates": '{"a": {"hosts": "cn-1"}}'}, "expected a list of names"),
        ({"aggregates": '{"a": {}, "a": {}}'}, "'a' is there twice"),
        ({"aggregates": "[]"}, "aggregates.json: expected"),
    ],
)
def test_bad_files_get_a_sentence(tmp_path, files, sentence):
    for name, text in ({"hosts": HOSTS} | files).items():
        (tmp_path / f"{name}.{'json' if name == 'aggregates' else 'csv'}").write_text(text)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        Fleet.read(tmp_path)


def test_columns_of_openstack_hypervisor_show_are_translated_all_at_once(hosts):
    hosts = hosts.rename(columns={"vcpus_total": "vcpus", "free_disk_mb": "free_disk_gb"})
    with pytest.raises(ValueError, match="2 unknown columns") as caught:
        Fleet.from_frame(hosts)
    assert "vcpus: call it vcpus_total" in str(caught.value)
    assert "free_disk_gb: make it free_disk_mb" in str(caught.value)


def test_several_nodes_of_one_host_are_told_apart(hosts):
    nodes = hosts.head(3).assign(
        host=["ironic", "ironic", "cn-3"], nodename=["node-1", "node-2", "cn-3"], disabled=False
    )
    fleet = Fleet.from_frame(
        nodes,
        [Aggregate("metal", ["ironic"])],
        {"node-2": {"web-1": {}}},
        [{"host": each, "resource_class": "VCPU", "total": 64} for each in ("node-1", "node-2")],
    )
    assert len(fleet) == 3
    assert [(state.host, state.nodename) for state in fleet] == [
        ("ironic", "node-1"),
        ("ironic", "node-2"),
        ("cn-3", "cn-3"),
    ]
    assert len({state.uuid for state in fleet}) == 3
    assert [a.name for a in fleet["node-2"].aggregates] == ["metal"]
    with pytest.raises(KeyError, match="'ironic' has 2 nodes; name one of node-1, node-2"):
        fleet["ironic"]
    with pytest.raises(ValueError, match="which has several nodes; name one of node-1, node-2"):
        Fleet.from_frame(nodes, instances={"ironic": {}})
    with pytest.raises(NotModelled, match="'ironic' has several nodes"):
        Cloud(fleet)
    for part in (fleet.first(2), fleet.replace("node-1", num_io_ops=1), fleet.copy()):
        assert list(part.rows)[:2] == ["node-1", "node-2"]
        assert list(part["node-2"].instances) == ["web-1"]
    again = Fleet.from_frame(fleet.hosts)
    assert again.hosts.equals(fleet.hosts)


@pytest.mark.parametrize("forced", [{}, {"force_hosts": ["ironic"]}, {"force_nodes": ["node-2"]}])
def test_a_server_goes_to_a_node_and_the_tables_say_which(forced):
    numbers = {"total_usable_ram_mb": 1280, "total_usable_disk_gb": 10, "vcpus_total": 1}
    numbers |= {"free_ram_mb": 1280, "free_disk_mb": 10240, "cpu_allocation_ratio": 1.0}
    fleet = Fleet(
        [{"host": "ironic", "nodename": f"node-{k}", **numbers} for k in (1, 2)]
        + [{"host": "cn-3", **numbers}]
    )
    spec = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1), **forced)
    decision = select_destinations(fleet, spec)
    assert decision.host in ({"node-1", "node-2"} if forced else set(fleet.rows))
    if not forced:
        assert set(decision.weights.host) == {"node-1", "node-2", "cn-3"}
        _, placed = place(fleet, [spec] * 3)
        assert set(placed.host) == {"node-1", "node-2", "cn-3"}


def test_numbers_in_reasons_have_all_their_digits():
    host = {"host": "cn-1", "total_usable_ram_mb": 1031024, "free_ram_mb": 1024}
    fleet = Fleet([host | {"total_usable_disk_gb": 9, "free_disk_mb": 9216, "vcpus_total": 8}])
    reason = fleet.inventories["MEMORY_MB"].reason("MEMORY_MB", 0, 2048)
    assert reason == "MEMORY_MB: used 1030000 + 2048 > capacity 1031024 = (1031024 - 0) * 1"


def test_reading_takes_time_in_proportion_to_the_hosts(tmp_path):
    def seconds(n):
        Fleet.random(n).hosts.to_csv(tmp_path / "hosts.csv", index=False)
        names = [f"cn-{k + 1:0{len(str(n))}d}" for k in range(n)]
        (tmp_path / "aggregates.json").write_text(json.dumps({"all": {"hosts": names}}))
        taken = []
        for _ in range(3):
            began = time.process_time()
            Fleet.read(tmp_path)
            taken.append(time.process_time() - began)
        return min(taken)

    most = length.few(4000, 2)
    assert seconds(most) / seconds(most // 4) < 8


def test_aggregate_metadata_is_text_as_in_nova():
    with pytest.raises(ValueError, match=r"aggregate 'a': metadata 'x' = 2\.0 is not text"):
        Aggregate("a", metadata={"x": 2.0})


def test_a_folder_without_hosts_gets_a_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no hosts\.csv"):
        Fleet.read(tmp_path)


def test_a_broken_aggregates_file_is_named(tmp_path, root):
    text = (root / "data" / "two_hosts" / "hosts.csv").read_text()
    (tmp_path / "hosts.csv").write_text(text)
    (tmp_path / "aggregates.json").write_text("{")
    with pytest.raises(ValueError, match=r"aggregates\.json"):
        Fleet.read(tmp_path)


def test_an_unknown_host_is_answered_with_the_known_ones(root):
    with pytest.raises(KeyError, match="no host 'cn-9' in the fleet; there are cn-1, cn-2"):
        Fleet.read(root / "data" / "two_hosts")["cn-9"]


def test_host_state_derives_its_numbers_as_nova_does():
    fleet = Fleet.from_compute_nodes(
        [
            ComputeNode(
                "cn-1",
                memory_mb=8192,
                memory_mb_used=9216,
                local_gb=100,
                local_gb_used=40,
                disk_available_least=-3,
                stats={"num_instances": "2", "io_workload": "1"},
            ),
            ComputeNode("cn-2", local_gb=100, disk_available_least=900),
            ComputeNode("new", free_disk_gb=None),
        ]
    )
    assert [state.host for state in fleet] == ["cn-1", "cn-2"]
    state = fleet["cn-1"]
    assert (state.free_ram_mb, state.free_disk_mb, state.disk_mb_used) == (-1024, -3072, 40960)
    assert (state.num_instances, state.num_io_ops, state.failed_builds) == (2, 1, 0)
    assert fleet["cn-2"].free_disk_mb == 102400


def test_host_state_holds_whole_numbers_and_none_as_nova_does():
    state = Fleet([{"host": "cn-1", "free_ram_mb": 512}])["cn-1"]
    assert repr(state.free_ram_mb) == "512"
    assert state.hypervisor_version is None
    assert state.cpu_allocation_ratio == 4.0
    with pytest.raises(AttributeError, match="has no attribute 'free_ram'"):
        state.free_ram  # noqa: B018 - reading it is the test


def test_a_copy_is_filled_alone(root):
    fleet = Fleet.read(root / "data" / "two_hosts")
    copy = fleet.copy()
    copy["cn-1"].consume_from_request(RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1)))
    copy.add_instance(0, "web-1")
    assert (fleet["cn-1"].free_ram_mb, copy["cn-1"].free_ram_mb) == (3072, 2560)
    assert (fleet["cn-1"].instances, list(copy["cn-1"].instances)) == ({}, ["web-1"])


def test_first_and_replace_keep_what_belongs_to_the_hosts(root):
    fleet = Fleet.read(root / "data" / "mixed_30")
    part = fleet.first(5).replace("cn-02", free_ram_mb=1)
    assert len(part) == 5
    assert part["cn-02"].free_ram_mb == 1
    for name in part.rows:
        assert [a.name for a in part[name].aggregates] == [a.name for a in fleet[name].aggregates]
        assert part[name].instances == fleet[name].instances
        for resource_class, inventory in part.inventories.items():
            whole = fleet.inventories[resource_class]
            assert inventory.capacity[part.rows[name]] == whole.capacity[fleet.rows[name]]


def test_an_inventory_follows_its_host_unless_it_was_given(root):
    fleet = Fleet.read(root / "data" / "two_hosts").replace("cn-1", ram_allocation_ratio=1.5)
    assert fleet.inventories["MEMORY_MB"].capacity.tolist() == [12288.0, 8192.0]
    fleet = fleet.first(2).replace("cn-1", free_ram_mb=-1024)
    assert fleet.inventories["MEMORY_MB"].used.tolist() == [9216.0, 4096.0]
    given = Fleet.read(root / "data" / "mixed_30")
    changed = given.replace("cn-01", total_usable_ram_mb=1)
    assert (
        changed.inventories["MEMORY_MB"].capacity[0] == given.inventories["MEMORY_MB"].capacity[0]
    )


def test_random_is_the_same_for_the_same_seed():
    assert Fleet.random(20, seed=3).hosts.equals(Fleet.random(20, seed=3).hosts)
    assert not Fleet.random(20, seed=3).hosts.equals(Fleet.random(20, seed=4).hosts)


@pytest.mark.parametrize("n", [-1, 2.5, "three", True])
def test_a_wrong_number_of_hosts_gets_a_sentence(n):
    with pytest.raises(ValueError, match="is not a whole number of 0 or more"):
        Fleet.random(n)


def test_many_hosts_are_cut_at_max_placement_results():
    fleet = Fleet.random(length.few(10_000, 8), seed=1)
    spec = RequestSpec(Flavor(vcpus=1, memory_mb=512))
    table = select_destinations(fleet, spec).filters
    assert table[(table["filter"] == "allocation_candidates") & table.passed].shape[0] == 1000
    _, placed = place(fleet, [spec] * 3)
    assert placed.host.notna().all()


def test_a_cloud_wants_hosts_that_have_said_what_they_have():
    row = {"host": "cn-1", "total_usable_ram_mb": 8192, "vcpus_total": 8, "free_ram_mb": None}
    with pytest.raises(ValueError, match="cn-1: free_ram_mb is missing"):
        Cloud(Fleet([row]))


def test_a_metric_is_a_whole_number():
    table = Fleet.read("data/two_hosts").hosts.assign(**{"metric:cpu.percent": [66, 0.66]})
    with pytest.raises(ValueError, match=r"metric:cpu.percent = 0\.66; expected a whole number"):
        Fleet.from_frame(table)
