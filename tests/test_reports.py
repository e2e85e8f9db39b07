"""From a host's report to the scheduler's decision: the moment between two reports, dials."""

import pytest

from labkit import Cloud, Fault, Fleet, Options, RequestSpec, select_destinations
from labkit.nova.exception import InvalidInput, NotModelled, ResourceProviderSyncFailed
from labkit.nova.objects import Flavor
from labkit.nova.objects.instance import get_by_host
from labkit.nova.objects.migration import Migration, MigrationContext
from labkit.nova.virt.libvirt.host import GI, Hypervisor
from labkit.studies.reports import chain_table, fleet_of, tracker_of
from labkit.tables.hosts import inventory_table, report_table

FLAVOR = Flavor(vcpus=1, memory_mb=1024, root_gb=1)


def tracker(name, memory_mb=4096, **options):
    """Return the tracker of a host that has not reported yet."""
    host = Hypervisor(name, memory_mb=memory_mb, avail_kb=memory_mb * 1024)
    return tracker_of(host, Options(**options))


def spec():
    """Return a request for one server."""
    return RequestSpec(flavor=FLAVOR)


def chosen(trackers):
    """Return the host that the scheduler chooses from the reports as they are."""
    return select_destinations(fleet_of(trackers), spec(), Options()).hosts[0]


def test_a_report_becomes_a_decision():
    small, big = tracker("small"), tracker("big", 8192)
    for each in (small, big):
        each.update_available_resource(each.host)
    assert fleet_of([small, big])["big"].free_ram_mb == 8192 - 512
    assert chosen([small, big]) == "big"


def test_a_server_counts_only_after_the_claim_and_the_report():
    small, big = tracker("small"), tracker("big", 5120)
    for each in (small, big):
        each.update_available_resource(each.host)
    big.service.create("a", Flavor(vcpus=1, memory_mb=2048), "big")
    assert chosen([small, big]) == "big"  # the row is there; the report is old
    big.update_available_resource("big")
    assert chosen([small, big]) == "small"


def test_the_allocation_of_a_server_does_not_wait_for_a_report():
    one = tracker("one", 2048)
    one.update_available_resource("one")
    one.service.allocate("a", {"VCPU": 1, "MEMORY_MB": 1024})
    inventory = fleet_of([one]).inventories["MEMORY_MB"]
    assert inventory.used.tolist() == [1024.0]
    assert inventory.capacity.tolist() == [1536.0]
    assert not inventory.fits(1024)[0]


def two_hosts(more=None, **options):
    """A cloud of two hosts of 4 GiB with nothing on them; *more* is for Cloud."""
    size = {"total_usable_ram_mb": 4096, "free_ram_mb": 3584, "vcpus_total": 4}
    size |= {"total_usable_disk_gb": 9, "free_disk_mb": 9216}
    fleet = Fleet({"host": host} | size for host in ("one", "two"))
    return Cloud(fleet, Options(**options), **(more or {}))


@pytest.mark.parametrize(
    ("schedulers", "services"),
    [(1, {"scheduler"}), (2, {"scheduler", "scheduler@controller-2"})],
)
def test_in_a_cloud_the_second_claim_is_refused_and_the_next_host_takes_over(schedulers, services):
    cloud = two_hosts({"schedulers": schedulers})
    wide = RequestSpec(Flavor(vcpus=1, memory_mb=2048, root_gb=1))
    for name in ("a", "b"):
        cloud.at(0.0, name, "create", spec=wide)
    cloud.settle()
    calls = cloud.calls[cloud.calls.service.str.startswith("scheduler")]
    claims = calls[calls.call.str.startswith("PUT")]
    assert claims.http_status.tolist() == [204, 409, 204]
    assert {cloud.show(name)["host"] for name in ("a", "b")} == {"one", "two"}
    assert set(calls.service) == services
    assert cloud.imbalances() == []


def test_a_later_request_sees_what_an_earlier_one_has_claimed():
    cloud = two_hosts({"schedulers": 2})
    wide = RequestSpec(Flavor(vcpus=1, memory_mb=2048, root_gb=1))
    for t_s, name in ((0.0, "a"), (1.0, "b")):
        cloud.at(t_s, name, "create", spec=wide)
    cloud.settle()
    assert 409 not in cloud.calls.http_status.tolist()


def test_what_a_scheduler_has_read_stays_as_it_was():
    late = Fault("select_destinations", delay_s=30)
    cloud = two_hosts({"faults": [late]})
    cloud.at(0.0, "a", "create", spec=spec())
    cloud.run(1)
    cloud.host_down("one", forced=True)
    cloud.run(40)
    messages = cloud.messages
    assert messages[messages.method == "build_and_run_instance"].server.tolist() == ["one"]


@pytest.mark.parametrize("number", [0, -1, 1.0, True, "2"])
def test_a_cloud_has_a_whole_number_of_schedulers(number):
    with pytest.raises(ValueError, match="is not a whole number of 1 or more"):
        two_hosts({"schedulers": number})


def seen(cloud, host="one"):
    """What a scheduler would see of a host now."""
    return cloud.host_states.set_index("host").loc[host]


def test_in_a_cloud_each_host_reports_each_minute():
    cloud = two_hosts()
    cloud.hypervisor("one").memory_mb = 8192
    cloud.run(59)
    assert seen(cloud).total_usable_ram_mb == 4096
    cloud.run(61)
    assert seen(cloud).total_usable_ram_mb == 8192
    assert cloud.reports.t_s.tolist() == [0.0, 0.0, 60.0]  # the other host said nothing new


@pytest.mark.parametrize(("interval", "memory_mb"), [(10, 8192), (0, 4096), (-1, 4096)])
def test_the_option_says_how_often_and_below_0_never(interval, memory_mb):
    cloud = two_hosts(update_resources_interval=interval)
    cloud.hypervisor("one").memory_mb = 8192
    cloud.run(11)
    assert seen(cloud).total_usable_ram_mb == memory_mb
    cloud.run(100)
    assert seen(cloud).total_usable_ram_mb == (4096 if interval < 0 else 8192)


def test_what_was_reported_is_the_fleet_that_the_cloud_was_made_with():
    fleet = Fleet.read("data/two_hosts")
    shown = Cloud(fleet).host_states.set_index("host").drop(columns=["updated", "disk_mb_used"])
    assert shown.equals(fleet.hosts.set_index("host")[shown.columns])


@pytest.mark.parametrize(
    ("option", "amount", "column", "now"),
    [
        ("reserved_host_memory_mb", 1000, "free_ram_mb", 3584 + 512 - 1000),
        ("reserved_host_disk_mb", 1000, "free_disk_mb", 9216),
        ("reserved_host_cpus", 1, "vcpus_used", 1),
    ],
)
def test_what_is_reserved_acts_through_the_report(option, amount, column, now):
    cloud = two_hosts(**{option: amount})
    assert seen(cloud)[column] == now
    name = {"memory": "MEMORY_MB", "disk": "DISK_GB", "cpus": "VCPU"}[option.split("_")[2]]
    row = cloud.inventories.set_index(["host", "resource_class"]).loc["one", name]
    assert row.reserved == (1 if name == "DISK_GB" else amount)
    assert row.capacity == (row.total - row.reserved) * row.allocation_ratio


def test_a_server_counts_from_its_claim_on_and_in_placement_from_the_decision_on():
    cloud = two_hosts()
    cloud.create("web", spec())
    while not (cloud.inventories.used > 0).any():
        cloud.run(cloud.now + 0.01)
    assert (cloud.host_states.free_ram_mb == 3584).all()
    cloud.settle()
    assert sorted(cloud.host_states.free_ram_mb) == [2560, 3584]


def test_a_cloud_of_hosts_that_have_reported_builds_on_them():
    one = tracker("one")
    one.service.create("a", FLAVOR, "one")
    one.driver.host.hypervisor.uuid = "node-1"
    one.update_available_resource("one")
    cloud = Cloud(fleet_of([one]))
    cloud.create("web", spec())
    cloud.settle()
    assert cloud.show("web")["status"] == "ACTIVE"
    assert seen(cloud).num_instances == 2


def test_until_the_next_report_a_server_that_is_built_counts_as_building():
    cloud = two_hosts()
    cloud.create("web", spec())
    cloud.settle()
    host = cloud.show("web")["host"]
    assert (cloud.show("web")["status"], seen(cloud, host).num_io_ops) == ("ACTIVE", 1)
    cloud.run(61)
    assert seen(cloud, host).num_io_ops == 0


def test_a_failed_build_is_seen_after_the_next_report():
    cloud = two_hosts()
    cloud.add_fault(Fault("spawn", host="one"))
    cloud.create("web", spec().replace(force_hosts=["one"]))
    cloud.settle()
    assert seen(cloud).failed_builds == 0
    cloud.run(61)
    assert seen(cloud).failed_builds == 1


def test_an_allocation_of_a_server_that_is_gone_is_removed_by_a_report():
    faults = [Fault("spawn"), Fault("message", at="build_instances", delay_s=30)]
    cloud = two_hosts(update_resources_interval=300)
    for fault in faults:
        cloud.add_fault(fault)
    cloud.create("web", spec())
    cloud.run(20)
    cloud.act("web", "delete")
    cloud.settle()
    assert cloud.books("web")["allocations"]
    cloud.run(301)
    assert not cloud.books("web")["allocations"]
    assert cloud.inventories.used.sum() == 0


@pytest.mark.parametrize(
    ("options", "ratio"),
    [
        ({}, 4.0),
        ({"initial_cpu_allocation_ratio": 16.0}, 16.0),
        ({"cpu_allocation_ratio": 2.0}, 2.0),
    ],
)
def test_the_ratio_of_the_inventory(options, ratio):
    one = tracker("one", **options)
    one.update_available_resource("one")
    assert one.service.inventory["VCPU"]["allocation_ratio"] == ratio


def test_what_is_reserved_is_taken_off_twice_over():
    one = tracker("one", reserved_host_memory_mb=1024)
    one.update_available_resource("one")
    assert one.compute_nodes["one"].free_ram_mb == 3072
    assert one.service.inventory["MEMORY_MB"]["reserved"] == 1024


@pytest.mark.parametrize("host", [{"memory_mb": -1}, {"reserved_host_memory_mb": 4097}])
def test_memory_that_placement_does_not_take_leaves_a_new_host_unseen(host):
    one = tracker("one", **host)
    with pytest.raises(ResourceProviderSyncFailed, match="Failed to synchronize the placement"):
        one.update_available_resource("one")
    assert len(fleet_of([one])) == 0


def test_memory_that_placement_does_not_take_leaves_the_last_report():
    one = tracker("one")
    one.update_available_resource("one")
    one.driver.host.hypervisor.memory_mb = -1
    with pytest.raises(ResourceProviderSyncFailed):
        one.update_available_resource("one")
    assert fleet_of([one])["one"].free_ram_mb == 4096 - 512


def test_a_cloud_goes_on_without_a_report_that_cannot_be_made():
    cloud = Cloud(Fleet.read("data/two_hosts"))
    before = cloud.host_states
    cloud.hypervisor("cn-1").memory_mb = -1
    cloud.run(61)
    assert cloud.host_states.equals(before)
    cloud.hypervisor("cn-1").memory_mb = 65536
    cloud.run(121)
    assert cloud.host_states.total_usable_ram_mb[0] == 65536


def test_all_may_be_reserved_and_a_host_without_memory_has_no_such_inventory():
    one = tracker("one", memory_mb=1024, reserved_host_memory_mb=1024)
    one.update_available_resource("one")
    assert one.service.inventory["MEMORY_MB"]["reserved"] == 1024
    none = tracker("none", memory_mb=0)
    none.update_available_resource("none")
    assert set(none.service.inventory) == {"VCPU", "DISK_GB"}
    assert none.compute_nodes["none"].free_ram_mb == -512


@pytest.mark.parametrize(
    ("key", "value"),
    [("numa_topology", "{}"), ("pci_passthrough_devices", '[{"address": "0000:81:00.0"}]')],
)
def test_numa_cells_and_pci_devices_of_a_host_are_refused_by_name(key, value):
    one = tracker("one")
    told = one.driver.get_available_resource("one") | {key: value}
    with pytest.raises(NotModelled, match=f"does not track {key}"):
        one.update_available_resource("one", told)


@pytest.mark.parametrize("spec", ["hw:numa_nodes", "hw:cpu_policy", "pci_passthrough:alias"])
def test_a_claim_for_a_numa_topology_or_a_pci_device_is_refused_by_name(spec):
    one = tracker("one")
    one.update_available_resource("one")
    flavor = Flavor(vcpus=1, memory_mb=1024, root_gb=1, extra_specs={spec: "1"})
    with pytest.raises(NotModelled, match=spec):
        one.instance_claim(one.service.create("a", flavor), "one")
    assert one.tracked_instances == set()


def test_monitors_are_refused_by_name():
    with pytest.raises(ValueError, match=r"compute_monitors = .* does not model anything else"):
        Options(compute_monitors=["cpu.virt_driver"])


@pytest.mark.parametrize("key", ["vcpus", "memory_mb", "local_gb", "numa_topology", "vcpus_used"])
def test_a_report_that_lacks_something_changes_nothing(key):
    one = tracker("one")
    one.update_available_resource("one")
    before = one.compute_nodes["one"].obj_clone()
    told = one.driver.get_available_resource("one")
    del told[key]
    with pytest.raises(InvalidInput, match=rf"Missing keys: \['{key}'\]"):
        one.update_available_resource("one", told)
    assert one.compute_nodes["one"] == before


def fits(options, host, flavor):
    """How many servers a host of 4 vCPUs, 4 GiB and 9 GiB of disk takes."""
    size = {"total_usable_ram_mb": 4096, "free_ram_mb": 3584, "vcpus_total": 4}
    size |= {"total_usable_disk_gb": 9, "free_disk_mb": 9216}
    cloud = Cloud(Fleet([{"host": "one"} | size | host]), Options(**options))
    for number in range(30):
        cloud.create(f"web-{number}", RequestSpec(flavor))
        cloud.settle()
        if cloud.show(f"web-{number}")["status"] == "ERROR":
            return number
    return None


CPU, RAM, DISK = Flavor(1, 1), Flavor(1, 1024), Flavor(1, 1, 1)


@pytest.mark.parametrize(
    ("options", "host", "flavor", "count"),
    [
        ({}, {}, CPU, 16),
        ({"cpu_allocation_ratio": 1.5}, {}, CPU, 6),
        ({"cpu_allocation_ratio": 1.5}, {"cpu_allocation_ratio": 2.0}, CPU, 6),
        ({"initial_cpu_allocation_ratio": 1.0}, {"cpu_allocation_ratio": 2.0}, CPU, 8),
        ({"initial_cpu_allocation_ratio": 1.0}, {"cpu_allocation_ratio": 0.0}, CPU, 4),
        ({"initial_cpu_allocation_ratio": 1.0, "cpu_allocation_ratio": 1.25},
         {"cpu_allocation_ratio": 0.0}, CPU, 5),
        ({"cpu_allocation_ratio": 2.0, "reserved_host_cpus": 1}, {}, CPU, 6),
        ({"ram_allocation_ratio": 2.0}, {}, RAM, 7),
        ({"initial_ram_allocation_ratio": 2.0}, {"ram_allocation_ratio": 0.0}, RAM, 7),
        ({"reserved_host_memory_mb": 2048}, {"free_ram_mb": 4096}, RAM, 2),
        ({"disk_allocation_ratio": 1.5}, {}, DISK, 13),
        ({"initial_disk_allocation_ratio": 1.5}, {"disk_allocation_ratio": 0.0}, DISK, 13),
        ({"reserved_host_disk_mb": 1}, {}, DISK, 8),
    ],
)  # fmt: skip
def test_ratios_and_reserves_act_through_the_report_on_what_is_decided(
    options, host, flavor, count
):
    assert fits(options, host, flavor) == count


def test_the_ratio_that_a_host_reckons_with_is_in_its_row_too():
    fleet = Fleet([{"host": "one", "vcpus_total": 4, "cpu_allocation_ratio": 0.0}])
    cloud = Cloud(fleet, Options(initial_cpu_allocation_ratio=3.0))
    assert seen(cloud).cpu_allocation_ratio == 3.0
    assert cloud.compute_nodes.cpu_allocation_ratio.tolist() == [3.0]


def test_a_host_that_reports_nothing():
    one = tracker("one")
    with pytest.raises(InvalidInput, match="Missing keys"):
        one.update_available_resource("one", {})
    assert len(fleet_of([one])) == 0


def test_the_report_as_a_table_has_units():
    one = tracker("one")
    table = report_table(one.driver.get_available_resource("one")).set_index("quantity")
    assert len(table) == 16
    assert table.unit["memory_mb"] == "MiB"
    assert table.value["memory_mb"] == 4096
    assert table.source.ne("").all()


def test_a_number_is_followed_from_the_report_to_what_is_believed_of_the_host():
    one = tracker("one")
    one.driver.host.hypervisor.disk = {"total": 99.9 * GI, "free": 41.5 * GI, "used": 58.4 * GI}
    one.service.create("a", FLAVOR, "one")
    one.service.allocate("a", {"VCPU": 1, "MEMORY_MB": 1024, "DISK_GB": 1})
    one.update_available_resource("one")
    table = chain_table(one).set_index("quantity")
    assert table.loc["memory_mb_used"].tolist() == ["MiB", 0, 1536, "", "MEMORY_MB used 1024"]
    assert table.loc["local_gb"].tolist()[1:3] == [99.9, 99]
    assert table.loc["local_gb"].tolist()[3:] == ["total_usable_disk_gb 99", "DISK_GB total 99"]
    assert table.loc["disk_available_least"].tolist()[1:4] == [41.5, 41, "free_disk_mb 41984"]
    assert table.report["free_ram_mb"] == ""


def test_the_inventories_as_a_table_say_what_does_not_fit():
    trackers = [tracker("small"), tracker("big", 8192)]
    for each in trackers:
        each.update_available_resource(each.host)
    table = inventory_table(fleet_of(trackers), {"MEMORY_MB": 4096})
    table = table.query("resource_class == 'MEMORY_MB'").set_index("host")
    assert table.capacity.to_dict() == {"small": 3584, "big": 7680}
    assert table.reason["big"] == ""
    assert table.reason["small"] == "MEMORY_MB: used 0 + 4096 > capacity 3584 = (4096 - 512) * 1"


def test_in_a_cloud_an_outdated_migration_becomes_an_error():
    cloud = Cloud(Fleet([{"host": "one", "total_usable_ram_mb": 8192, "free_ram_mb": 8192,
        "total_usable_disk_gb": 9, "free_disk_mb": 9216, "vcpus_total": 4}]))  # fmt: skip
    cloud.create("web", spec())
    cloud.settle()
    site = cloud.site
    compute = site.computes["one"]
    (instance,) = get_by_host(compute)
    migration = Migration.new(compute, instance, "resize", "finished", FLAVOR)
    migration.create()
    site.db.instances[instance.uuid] |= {
        "vm_state": "resized",
        "migration_context": MigrationContext(migration.id + 1),
    }
    compute.rt.update_available_resource(compute.node)
    assert site.db.migrations[migration.id]["status"] == "error"
    assert compute.rt.compute_nodes["one"].memory_mb_used == 512 + 1024
