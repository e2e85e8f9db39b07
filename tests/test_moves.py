"""Servers that move: after every random sequence of actions what placement holds is what there is."""

import random

import pytest

from labkit import Cloud, Fault, Flavor, Fleet, Options, RequestSpec
from labkit.nova.exception import NovaException
from labkit.nova.objects import ImageMeta
from tests.helpers import length

SMALL, BIG = Flavor(1, 512, 1), Flavor(2, 1024, 2)
#: What is asked for, with which arguments. An evacuate is of a host that goes down and returns; the
#: end of a live migration is asked for at some moment of one.
ACTIONS = (
    ("stop", {}),
    ("start", {}),
    ("pause", {}),
    ("unpause", {}),
    ("suspend", {}),
    ("resume", {}),
    ("reboot", {"reboot_type": "HARD"}),
    ("rebuild", {}),
    ("rebuild", {"image": ImageMeta("another")}),
    ("resize", {"flavor": BIG}),
    ("resize", {"flavor": SMALL}),
    ("migrate", {}),
    ("confirmResize", {}),
    ("revertResize", {}),
    ("shelve", {}),
    ("shelveOffload", {}),
    ("unshelve", {}),
    ("migrateLive", {}),
    ("live_migration_abort", {}),
    ("live_migration_force_complete", {}),
    ("evacuate", {}),
    ("delete", {}),
)
SEQUENCES = length.few(2000, 13)


def hosts(count):
    """Hosts with room for four servers of the big flavor."""
    size = {"total_usable_ram_mb": 4096, "free_ram_mb": 4096, "vcpus_total": 8}
    size |= {"total_usable_disk_gb": 8, "free_disk_mb": 8 * 1024, "cpu_allocation_ratio": 1.0}
    return Fleet({"host": f"cn-{k + 1}"} | size for k in range(count))


def ask(cloud, name, action, arguments, later_s):
    """Ask for an action and wait until nothing moves; return whether it was accepted."""
    host = (cloud.show(name) or {}).get("host")
    evacuated = action == "evacuate" and host is not None
    if evacuated:
        cloud.host_down(host, forced=True)
    try:
        if action.startswith("live_migration_"):
            cloud.act(name, "migrateLive")
            cloud.run(cloud.now + later_s)
        cloud.act(name, action, **arguments)
        accepted = True
    except NovaException:
        accepted = False
    cloud.settle()
    if evacuated:
        cloud.host_up(host)
        cloud.settle()
    return accepted


def play(seed, fleet):
    """Play one sequence; return the cloud, and the actions that were accepted."""
    rng = random.Random(seed)
    later = rng.choice((0, -1))
    cloud = Cloud(fleet, Options(shelved_offload_time=later), seed=seed)
    names = [f"web-{k + 1}" for k in range(rng.choice((1, 1, 2)))]
    for name in names:
        cloud.create(name, RequestSpec(SMALL))
    cloud.settle()
    accepted = []
    for _ in range(rng.randint(3, 12)):
        name, (action, arguments) = rng.choice(names), rng.choice(ACTIONS)
        if ask(cloud, name, action, arguments, later_s=rng.uniform(0, 15)):
            accepted.append(action)
    return cloud, accepted


def holdings(cloud):
    """Return what placement holds: {(consumer, host): amounts}."""
    site = cloud.site
    return {
        (consumer, list(site.fleet.rows)[row]): allocation
        for consumer, rows in site.allocations.held.items()
        for row, allocation in rows.items()
    }


def wanted(cloud):
    """Return what placement should hold, by the servers' rows and flavors and nothing else.

    A server on a host holds its flavor there; until a resize is confirmed or reverted the
    migration holds the old flavor where the server came from.
    """
    site, found = cloud.site, {}
    for name, (uuid, _) in site.servers.items():
        row = cloud.show(name) and site.db.instances[uuid]
        if row is None or row["host"] is None:
            continue
        found[uuid, row["host"]] = amounts(row["flavor"])
        if row["vm_state"] == "resized":
            move = [m for m in site.db.migrations.values() if m["instance_uuid"] == uuid][-1]
            flavor = row["old_flavor"]
            found[move["uuid"], move["source_compute"]] = amounts(flavor)
    return found


def amounts(flavor):
    """The amounts of a flavor by resource class."""
    return {"VCPU": flavor.vcpus, "MEMORY_MB": flavor.memory_mb, "DISK_GB": flavor.root_gb}


@pytest.fixture(scope="module")
def fleet():
    return hosts(3)


def test_after_every_sequence_of_actions_allocations_equal_instances(fleet):
    seen, before = set(), {n: i.used.copy() for n, i in fleet.inventories.items()}
    ends = set()
    for seed in range(SEQUENCES):
        cloud, accepted = play(seed, fleet)
        seen.update(accepted)
        ends.update(cloud.migrations.status)
        assert not cloud.imbalances(), (seed, accepted)
        found = holdings(cloud)
        assert found == wanted(cloud), (seed, accepted)
        for name, used in before.items():
            inventory = cloud.site.fleet.inventories[name]
            sums = sum(each[name] for each in found.values())
            assert (inventory.used - used).sum() == sums, (seed, accepted)
    assert seen == {action for action, _ in ACTIONS}  # each was accepted somewhere
    assert "cancelled" in ends


# -- from outside ---------------------------------------------------------------------------
@pytest.fixture
def cloud():
    cloud = Cloud(hosts(2), seed=17)
    cloud.create("web-1", RequestSpec(SMALL))
    cloud.settle()
    return cloud


def test_the_table_of_a_resize_that_is_confirmed(cloud):
    source = cloud.show("web-1")["host"]
    for action, arguments in (("resize", {"flavor": BIG}), ("confirmResize", {})):
        cloud.act("web-1", action, **arguments)
        cloud.settle()
    table = cloud.migrations
    assert table.status.tolist() == [
        *("pre-migrating", "pre-migrating", "migrating", "post-migrating", "finished"),
        *("confirming", "confirmed"),
    ]
    assert set(table.migration_type) == {"resize"}
    assert set(table.migration) == {1}
    assert set(table.source_compute) == {source}
    assert table.dest_compute.iloc[0] is None
    assert table.dest_compute.iloc[-1] == cloud.show("web-1")["host"] != source
    assert table.seq.is_monotonic_increasing
    assert (cloud.events.kind[table.seq] == "Migration").all()


def test_a_host_asks_the_other_over_a_topic_of_its_own(cloud):
    cloud.act("web-1", "resize", flavor=BIG)
    cloud.settle()
    asked = cloud.messages.set_index("method").topic
    assert asked["prep_resize"] == "compute"
    assert asked["resize_instance"] == asked["finish_resize"] == "compute-alt"


def test_a_live_migration_that_is_aborted_ends_where_it_began(cloud):
    source, before = cloud.show("web-1")["host"], cloud.books("web-1")["allocations"]
    cloud.act("web-1", "migrateLive")
    cloud.run(cloud.now + 8)
    assert cloud.migrations.status.iloc[-1] == "running"
    assert cloud.books("web-1")["allocations"].keys() != before.keys()
    cloud.act("web-1", "live_migration_abort")
    cloud.settle()
    assert cloud.show("web-1")["host"] == source
    assert cloud.migrations.status.iloc[-1] == "cancelled"
    assert cloud.books("web-1")["allocations"] == before


@pytest.mark.parametrize("most", [1, 2])
def test_so_many_live_migrations_run_at_a_time_as_the_option_says(most):
    cloud = Cloud(hosts(2), Options(max_concurrent_live_migrations=most))
    for name in ("web-1", "web-2", "web-3"):
        cloud.create(name, RequestSpec(SMALL, force_hosts=["cn-1"]))
    cloud.settle()
    for name in ("web-1", "web-2", "web-3"):
        cloud.act(name, "migrateLive")
    cloud.run(cloud.now + 8)
    last = cloud.migrations.groupby("instance").status.last().tolist()
    assert sorted(last) == sorted(["running"] * most + ["queued"] * (3 - most))
    cloud.settle()
    assert {cloud.show(name)["host"] for name in ("web-1", "web-2", "web-3")} == {"cn-2"}
    assert not cloud.imbalances()


@pytest.mark.parametrize(
    ("action", "arguments", "sentence"),
    [
        ("resize", {}, "'resize' needs a flavor"),
        ("resize", {"flavor": "big"}, "'big' is not a Flavor"),
        ("rebuild", {"image": "another"}, "'another' is not an ImageMeta"),
        ("evacuate", {"microversion": "latest"}, "microversion = 'latest' is not a microversion"),
        ("migrateLive", {"force": 1}, "force = 1 is neither True nor False"),
    ],
)
def test_a_mistake_gets_a_sentence(cloud, action, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        cloud.act("web-1", action, **arguments)


@pytest.mark.parametrize(
    ("action", "arguments", "code", "words"),
    [
        ("resize", {"flavor": SMALL}, 400, "instances must change flavor"),
        ("migrate", {"host": "cn-9"}, 400, "Compute host cn-9 could not be found"),
        ("confirmResize", {}, 409, "Cannot 'confirmResize' instance"),
        ("evacuate", {}, 400, "is still in use"),
        ("live_migration_abort", {}, 409, "invalid state for 'abort live migration'"),
    ],
)
def test_a_move_that_makes_no_sense_is_refused_in_novas_words(
    cloud, action, arguments, code, words
):
    with pytest.raises(NovaException, match=words):
        cloud.act("web-1", action, **arguments)
    assert cloud.requests.status.iloc[-1] == code


@pytest.mark.parametrize(
    ("state", "arguments", "status", "held"),
    [("error", {}, 202, ["cn-1"]), ("active", {"image": ImageMeta("another")}, 500, [])],
)
def test_a_server_without_a_host_is_never_rebuilt(cloud, state, arguments, status, held):
    cloud.act("web-1", "shelve")
    cloud.settle()
    cloud.act("web-1", "resetState", state=state)
    cloud.at(cloud.now, "web-1", "rebuild", **arguments)
    cloud.settle()
    assert cloud.requests.status.iloc[-1] == status
    assert cloud.show("web-1")["host"] is None
    assert cloud.show("web-1")["task_state"] == "rebuilding"
    assert list(cloud.books("web-1")["allocations"]) == held


def test_a_guest_that_stops_before_a_resize_is_confirmed_is_the_one_that_ran(cloud):
    cloud.act("web-1", "resize", flavor=BIG)
    cloud.settle()
    host = cloud.show("web-1")["host"]
    cloud.guest_stops("web-1")
    assert set(cloud.books("web-1")["guests"].values()) == {"shutdown"}
    cloud.guest_starts("web-1")
    assert cloud.books("web-1")["guests"][host] == "running"


def test_a_host_that_still_has_the_guest_does_not_take_the_server_in(cloud):
    cloud.add_fault(Fault("finish_migration"))
    cloud.act("web-1", "resize", flavor=BIG)
    cloud.settle()
    cloud.host_down(cloud.show("web-1")["host"], forced=True)
    cloud.act("web-1", "evacuate")
    cloud.settle()
    faults = cloud.books("web-1")["row"]["faults"]
    assert faults[0]["message"] == "Instance instance-00000001 already exists."


def test_the_servers_of_a_host_come_in_the_order_of_their_ids():
    cloud = Cloud(Fleet.read("data/two_hosts"), seed=1)
    for name in ("a", "b"):
        cloud.create(name, RequestSpec(Flavor(1, 512, 1)))
        cloud.settle()
        host = cloud.show(name)["host"]
    for name in ("b", "a"):  # the younger one arrives first
        for host in cloud.drivers:
            if cloud.show(name)["host"] == host != "cn-1":
                cloud.act(name, "migrate", host="cn-1")
                cloud.settle()
                cloud.act(name, "confirmResize")
                cloud.settle()
    uuids = [cloud.site.uuid_of(name) for name in ("a", "b")]
    assert cloud.site.computes["cn-1"].uuids_of_host() == uuids
