"""What a nova-compute does by itself: the whole tables beside Nova 34.0.0, and a few cases by hand."""

import gzip
import json
from pathlib import Path

import pytest

from labkit import Cloud, Flavor, Fleet, Options, RequestSpec
from labkit.nova import clock
from labkit.nova.compute import power_state
from labkit.nova.compute.manager import SYNC
from labkit.nova.objects.instance import get_by_host
from labkit.nova.virt import event as virtevent
from tests.helpers import lives

RECORDED = Path(__file__).parents[3] / "data" / "nova-34" / "lifecycle.json.gz"
NOVA = json.loads(gzip.decompress(RECORDED.read_bytes())) if RECORDED.exists() else {}
POWER = {name: number for number, name in power_state.STATE_MAP.items()}
SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))


class Bench:
    """A server that is put into a state, and what one call of its nova-compute does then."""

    def __init__(self):
        self.player = None

    @property
    def uuid(self):
        """The server's."""
        return self.player.cloud.site.uuid_of("web")

    def put(self, vm_state, task_state, guest):
        """Put the row into a pair of states, "running", and the guest into a power state."""
        if self.player is None:
            self.player = lives.Player()
            self.player.boot()
        cloud, site = self.player.cloud, self.player.cloud.site
        uuid = site.uuid_of("web")
        self.before = [vm_state, task_state, "running"]
        site.db.instances[uuid].update(
            vm_state=vm_state,
            task_state=task_state,
            power_state=POWER["running"],
            host="host1",
            node="host1",
            launched_at=1.0,
        )
        site.db.by_host.setdefault("host1", {})[uuid] = None
        guests = cloud.drivers["host1"].guests
        guests.clear()
        if guest != "missing":
            guests[uuid] = POWER[guest]

    def outcome(self, method):
        """Call a method of the nova-compute; return what came of it, in the form of the recording."""
        site, raised = self.player.cloud.site, []
        compute, start = site.computes["host1"], len(site.clock.records)

        def work():
            try:
                yield from method(compute) or ()
            except Exception as error:
                raised.append(type(error).__name__)

        with site.clock.within(compute.periodic_context()):
            compute.start(work())
        self.player.cloud.settle()
        found = self._noted(site.clock.records[start:])
        if raised:
            found["raised"] = raised[0]
        uuid = site.uuid_of("web")
        row, now = site.db.instances[uuid], None
        if row["deleted"]:
            self.player = None
        else:
            now = [row["vm_state"], row["task_state"], power_state.STATE_MAP[row["power_state"]]]
        if now != self.before:
            found["row"] = now
        return found

    def _noted(self, records):
        found = {"saves": [], "sent": [], "virt": []}
        for record in records:
            if isinstance(record, clock.Save) and record.op in ("create", "update", "destroy"):
                vm_state, task_state, power = record.new
                save = [vm_state, task_state, power_state.STATE_MAP[power], record.by]
                found["saves"].append(save)
            elif isinstance(record, clock.Message):
                found["sent"].append(record.method)
            elif isinstance(record, clock.Call) and record.system == "virt":
                found["virt"].append(record.call)
        return found


@pytest.mark.nova
def test_the_whole_decision_table_of_the_power_sync_is_the_same():
    bench, table, compared = Bench(), dict(NOVA["power_sync"]), 0
    outcomes = table.pop("outcomes")
    for vm_state, by_guest in table.items():
        for guest, number in by_guest.items():
            bench.put(vm_state, None, guest)
            found = bench.outcome(lambda compute: compute._sync_power_states())
            assert found == outcomes[number], (vm_state, guest)
            compared += 1
    assert compared >= 12 * 7
    assert len(outcomes) > 5


@pytest.mark.nova
@pytest.mark.parametrize("guest", ["running", "shutdown", "paused"])
def test_a_restart_does_the_same_in_every_pair_of_states(guest):
    bench, table, compared = Bench(), NOVA["restart"], 0
    for vm_state, row in table[guest].items():
        tasks = table["task_states"] if vm_state != "deleted" else [None]
        for task_state, number in zip(tasks, row, strict=True):
            bench.put(vm_state, task_state, guest)
            found = bench.outcome(lambda compute: compute._init_instance(_first(compute)))
            assert found == table["outcomes"][number], (vm_state, task_state)
            compared += 1
    assert compared >= 11 * 41 + 1
    assert set(table) == {"task_states", "outcomes", "running", "shutdown", "paused"}


@pytest.mark.nova
def test_what_each_event_of_a_driver_leads_to_is_the_same():
    bench, table, compared = Bench(), dict(NOVA["lifecycle_events"]), 0
    outcomes, tasks = table.pop("outcomes"), table.pop("task_states")
    for transition, name in virtevent.NAMES.items():
        for vm_state, by_guest in table.pop(name).items():
            for guest, numbers in by_guest.items():
                for task_state, number in zip(tasks, numbers, strict=False):
                    bench.put(vm_state, task_state, guest)
                    event = virtevent.LifecycleEvent(bench.uuid, transition)
                    found = bench.outcome(lambda c, event=event: c.handle_lifecycle_event(event))
                    assert found == outcomes[number], (name, vm_state, task_state, guest)
                    compared += 1
    assert compared >= 7 * 12 * 3
    assert len(outcomes) > 20
    assert not table


def _first(compute):
    return get_by_host(compute)[0]


@pytest.mark.nova
def test_nova_runs_two_periodic_tasks_as_soon_as_a_nova_compute_starts():
    manager = pytest.importorskip("nova.compute.manager", reason="Nova is not installed")
    tasks = dict(manager.ComputeManager._periodic_tasks)
    at_once = {name for name, task in tasks.items() if task._periodic_immediate}
    assert at_once == {"_sync_power_states", "_cleanup_running_deleted_instances"}


# -- by hand --------------------------------------------------------------------------------
def booted(root, **options):
    cloud = Cloud(Fleet.read(root / "data" / "two_hosts"), Options(**options), seed=17)
    cloud.create("web-1", SPEC)
    cloud.settle()
    return cloud


def test_without_events_a_guest_that_stops_is_noticed_with_the_next_round_and_not_before(root):
    cloud = booted(root, sync_power_state_interval=600, handle_virt_lifecycle_events=False)
    cloud.guest_stops("web-1")
    cloud.run(until_s=599)
    assert cloud.show("web-1")["status"] == "ACTIVE"
    cloud.run(until_s=620)
    assert cloud.show("web-1")["status"] == "SHUTOFF"
    power, asked, done = cloud.states.tail(3).itertuples()
    assert (power.task_state, power.power_state) == (None, "shutdown")
    assert (asked.task_state, asked.service) == ("powering-off", "compute@cn-2")
    assert (done.vm_state, done.task_state) == ("stopped", None)


def test_a_guest_that_starts_behind_novas_back_is_switched_off_again(root):
    cloud = booted(root)
    cloud.act("web-1", "stop")
    cloud.settle()
    cloud.guest_starts("web-1")
    cloud.periodic("_sync_power_states", cloud.show("web-1")["host"])
    cloud.settle()
    assert cloud.show("web-1")["vm_state"] == "stopped"
    assert cloud.messages.query("method == 'stop_instance' and kind == 'cast'").shape[0] == 2


def test_the_power_sync_never_starts_a_guest():
    assert set(SYNC.values()) == {"stop", "force_stop"}


def test_a_build_in_the_middle_of_which_its_compute_dies_ends_in_error(root):
    cloud = Cloud(Fleet.read(root / "data" / "two_hosts"), seed=17, durations={"spawn": 30})
    cloud.create("web-1", SPEC)
    cloud.run(until_s=10)
    host = cloud.show("web-1")["host"]
    assert cloud.show("web-1")["task_state"] == "spawning"
    cloud.host_down(host)
    cloud.host_up(host)
    cloud.settle()
    shown = cloud.show("web-1")
    assert (shown["vm_state"], shown["task_state"]) == ("error", None)


def test_a_soft_deleted_server_is_gone_when_its_time_is_over(root):
    cloud = booted(root, reclaim_instance_interval=300)
    cloud.act("web-1", "delete")
    cloud.settle()
    assert cloud.show("web-1")["vm_state"] == "soft-delete"
    cloud.run(until_s=299)
    assert cloud.show("web-1") is not None
    cloud.run(until_s=600)
    assert cloud.show("web-1") is None
    assert not cloud.imbalances()
