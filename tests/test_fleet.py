"""The fleet: its columns, its edges, and a sentence for each kind of bad data."""

import re

import pandas as pd
import pytest

from labkit import Aggregate, Flavor, Fleet, RequestSpec, place, select_destinations
from labkit.nova.objects import ComputeNode


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
        (0, "colour", 1, "hosts: unknown column 'colour'; known are host, nodename"),
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
    with pytest.raises(ValueError, match="expected a whole number of 0 or more"):
        Fleet.random(n)


def test_ten_thousand_hosts_are_cut_at_max_placement_results():
    fleet = Fleet.random(10_000, seed=1)
    spec = RequestSpec(Flavor(vcpus=1, memory_mb=512))
    table = select_destinations(fleet, spec).filters
    assert table[(table["filter"] == "allocation_candidates") & table.passed].shape[0] == 1000
    _, placed = place(fleet, [spec] * 3)
    assert placed.host.notna().all()
