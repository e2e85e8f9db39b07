"""The table holdings: added up it is what the books say, at the end and in between."""

import pytest

from labkit import Cloud, Fault, Flavor, Fleet, Options, RequestSpec
from labkit.cloud.past import holdings_at
from labkit.nova.compute import power_state
from labkit.nova.virt.libvirt.driver import LibvirtDriver
from labkit.nova.virt.libvirt.host import Guests
from tests.test_moves import holdings, hosts, play

SMALL, BIG = Flavor(vcpus=1, memory_mb=512, root_gb=1), Flavor(vcpus=2, memory_mb=1024, root_gb=1)


def built(**more):
    cloud = Cloud(Fleet.read("data/two_hosts"), seed=5, **more)
    cloud.create("web-1", RequestSpec(SMALL))
    cloud.settle()
    return cloud


def added_up(table):
    """{(what, instance, host, consumer): value} of what was not taken away again."""
    found = {}
    for row in table.itertuples():
        key = row.what, row.instance, row.host, row.consumer
        if row.value is None:
            del found[key]  # what was never there cannot go
        else:
            found[key] = row.value
    return found


def in_the_books(cloud):
    """The same by what the cloud has now."""
    site, found = cloud.site, {}
    moves = {m["uuid"]: m for m in site.db.migrations.values()}
    for (consumer, host), resources in holdings(cloud).items():
        move = moves.get(consumer)
        name = site.names[move["instance_uuid"] if move else consumer]
        words = ", ".join(f"{key} {amount}" for key, amount in resources.items())
        who = f"migration {move['id']}" if move else name
        found["allocation", name, host, who] = words
    for name in site.servers:
        for host, power in cloud.books(name)["guests"].items():
            found["guest", name, host, None] = power
        row = cloud.books(name)["row"]
        if row and not row["deleted"] and row["host"]:
            found["row", name, row["host"], None] = "named"
    return found


def test_added_up_it_is_what_there_is_after_every_sequence_of_actions():
    fleet, seen = hosts(3), set()
    for seed in range(60):
        cloud, accepted = play(seed, fleet)
        assert added_up(cloud.holdings) == in_the_books(cloud)
        seen.update(accepted)
    assert {"resize", "confirmResize", "revertResize", "migrateLive", "evacuate", "shelve"} <= seen


def test_it_is_what_there_is_in_the_middle_of_a_move():
    cloud = built()
    cloud.act("web-1", "resize", flavor=BIG)
    for _ in range(60):
        cloud.run(cloud.now + 0.25)
        assert added_up(cloud.holdings) == in_the_books(cloud)
    holders = cloud.holdings.query("what == 'allocation'").consumer
    assert set(holders) == {"web-1", "migration 1"}


def test_both_hosts_are_held_until_a_resize_is_confirmed():
    cloud = built()
    before = cloud.show("web-1")["host"]
    cloud.act("web-1", "resize", flavor=BIG)
    cloud.settle()
    after = cloud.show("web-1")["host"]
    held = {key[2:]: value for key, value in added_up(cloud.holdings).items() if "alloc" in key[0]}
    small, big = "VCPU 1, MEMORY_MB 512, DISK_GB 1", "VCPU 2, MEMORY_MB 1024, DISK_GB 1"
    assert held == {(before, "migration 1"): small, (after, "web-1"): big}
    cloud.act("web-1", "confirmResize")
    cloud.settle()
    assert {key[2] for key in added_up(cloud.holdings)} == {after}


def test_rows_of_all_tables_can_be_put_in_order():
    cloud = built()
    cloud.act("web-1", "migrate")
    cloud.settle()
    table = cloud.holdings
    assert list(table.seq) == sorted(table.seq)
    assert table.t_s.is_monotonic_increasing
    times = cloud.events.set_index("seq").t_s
    assert (table.t_s <= table.seq.map(times)).all()
    named = table.query("what == 'row'")
    saves = cloud.saves.set_index("seq")
    assert all("host" in written for written in saves.loc[named.seq, "columns"])


def test_a_guest_that_stops_by_itself_is_noted():
    cloud = built()
    cloud.guest_stops("web-1")
    last = cloud.holdings.iloc[-1]
    assert (last.what, last.value, last.t_s) == ("guest", "shutdown", cloud.now)


def test_a_build_that_fails_everywhere_ends_with_what_the_books_say():
    cloud = Cloud(Fleet.read("data/two_hosts"), seed=5, faults=[Fault("spawn", times=9)])
    cloud.create("web-1", RequestSpec(SMALL))
    cloud.settle()
    assert cloud.show("web-1")["status"] == "ERROR"
    assert added_up(cloud.holdings) == in_the_books(cloud)


def test_a_cloud_without_servers_has_an_empty_table():
    cloud = Cloud(Fleet.read("data/two_hosts"))
    assert cloud.holdings.empty
    assert holdings_at(cloud.holdings).empty
    assert list(cloud.holdings.columns) == list(built().holdings.columns)


def test_guests_tell_of_changes_alone():
    told, guests = [], Guests()
    guests.on_change = lambda uuid, state: told.append((uuid, state))
    guests["a"] = power_state.RUNNING
    guests["a"] = power_state.RUNNING
    assert guests.pop("b", None) is None
    assert guests.pop("a") == power_state.RUNNING
    with pytest.raises(KeyError):
        guests.pop("a")
    assert told == [("a", power_state.RUNNING), ("a", None)]


def test_the_guests_of_libvirt_tell_too():
    cloud = built(driver=LibvirtDriver)
    for action in ("suspend", "resume", "createImage", "stop"):
        cloud.act("web-1", action)
        cloud.settle()
        assert added_up(cloud.holdings) == in_the_books(cloud)
    guests = cloud.holdings.query("what == 'guest'").value
    assert list(guests)[:3] == ["running", "shutdown", "running"]


def test_at_a_time_each_host_has_what_was_not_taken_away():
    cloud = built()
    cloud.act("web-1", "resize", flavor=BIG)
    cloud.settle()
    move = cloud.migrations.iloc[-1]
    source, dest = move.source_compute, move.dest_compute
    small, big = "VCPU 1, MEMORY_MB 512, DISK_GB 1", "VCPU 2, MEMORY_MB 1024, DISK_GB 1"
    end = holdings_at(cloud.holdings).set_index("host")
    assert end.loc[source].tolist() == ["web-1", "", "shutdown", "migration 1", small]
    assert end.loc[dest].tolist() == ["web-1", "named", "running", "web-1", big]
    begin = holdings_at(cloud.holdings, cloud.migrations.t_s.iloc[0] - 0.01).set_index("host")
    assert begin.index.tolist() == [source]
    assert begin.loc[source].tolist() == ["web-1", "named", "running", "web-1", small]
    assert holdings_at(cloud.holdings, 0).empty


def test_on_one_host_both_consumers_are_named():
    options = Options(allow_resize_to_same_host=True, ram_weight_multiplier=-1.0)
    cloud = Cloud(Fleet.read("data/two_hosts"), options, seed=5)
    cloud.create("web-1", RequestSpec(SMALL))
    cloud.run(until_s=61)  # until the next report the host counts it as building
    cloud.act("web-1", "resize", flavor=BIG)
    cloud.settle()
    assert sorted(holdings_at(cloud.holdings).consumer[0].split(" + ")) == ["migration 1", "web-1"]
