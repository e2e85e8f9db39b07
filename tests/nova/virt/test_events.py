"""What becomes of what libvirt tells of a guest: beside the installed Nova, and in a cloud."""

import itertools
import random

import pytest
import simpy

from labkit import Cloud, Flavor, Fleet, LibvirtDriver, Options, RequestSpec, SnapshotCosts
from labkit.nova import clock
from labkit.nova.compute import power_state
from labkit.nova.virt import event as virtevent
from labkit.nova.virt.libvirt.host import STOPPED_DELAY_S, Host, transitions

RUNNING, PAUSED, SHUTDOWN = power_state.RUNNING, power_state.PAUSED, power_state.SHUTDOWN
SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))
THERE_AND_BACK = """stop start pause unpause suspend resume rescue unrescue reboot shelve unshelve
delete""".split()
LINE = "INFO", "VM Stopped (Lifecycle Event)"
#: What libvirt tells of a guest: of its power state before and after it.
TOLD = {
    (None, RUNNING): ["STARTED"],
    (None, SHUTDOWN): ["DEFINED"],
    (SHUTDOWN, RUNNING): ["STARTED"],
    (SHUTDOWN, PAUSED): ["STARTED", "SUSPENDED"],
    (SHUTDOWN, None): ["UNDEFINED"],
    (RUNNING, PAUSED): ["SUSPENDED"],
    (PAUSED, RUNNING): ["RESUMED"],
    (RUNNING, SHUTDOWN): ["STOPPED"],
    (PAUSED, SHUTDOWN): ["STOPPED"],
    (RUNNING, None): ["STOPPED"],
    (PAUSED, None): ["STOPPED"],
    (RUNNING, power_state.CRASHED): ["STOPPED"],
    (RUNNING, power_state.SUSPENDED): ["PMSUSPENDED"],
    (power_state.SUSPENDED, RUNNING): ["STARTED"],
    (power_state.CRASHED, RUNNING): ["STARTED"],
}


def life(seed):
    """Draw (seconds since the last, power state) of a guest that runs at first."""
    rng, state, found = random.Random(seed), RUNNING, []
    for _ in range(rng.randint(1, 6)):
        state = rng.choice([after for before, after in TOLD if before == state])
        found.append((rng.choice([0.5, 3, 14.9, 15.5, 40]), state))
    return found


def emitted(changes, heard=True):
    """What the lab's host tells of, and when; *heard*: whether a driver listens."""
    env, found = simpy.Environment(), []

    def handler(event):
        found.append((env.now, event.get_name()))

    host = Host(Options(), lifecycle_event_handler=handler if heard else None)
    host.guests["web"] = RUNNING
    host.initialize(env)

    def live():
        for wait_s, state in changes:
            yield env.timeout(wait_s)
            if state is None:
                host.guests.pop("web")
            else:
                host.guests["web"] = state

    env.process(live())
    env.run(until=300)
    return found


def test_without_a_driver_that_listens_nothing_is_told():
    changes = [(1, SHUTDOWN), (40, RUNNING)]
    assert [name for _, name in emitted(changes)] == ["Stopped", "Started"]
    assert emitted(changes, heard=False) == []


@pytest.mark.nova
def test_what_the_driver_emits_and_when_is_the_same_in_random_lives():
    from tools.oracle import events

    compared, cancelled = 0, 0
    for seed in range(200):
        changes, state = life(seed), RUNNING
        with events.Oracle() as oracle:
            for wait_s, after in changes:
                oracle.clock.run(oracle.clock.now + wait_s)
                for event in TOLD[state, after]:
                    oracle.happens(event, guest=after)
                state = after
            oracle.clock.run(300)
        theirs = [(t_s, name) for t_s, what, name, *_ in _long(oracle.told) if what == "event"]
        assert emitted(changes) == theirs, (seed, changes)
        stops = sum("STOPPED" in TOLD[pair] for pair in _pairs(changes))
        cancelled += stops - sum(name == "Stopped" for _, name in theirs)
        compared += len(theirs)
    assert compared > 300
    assert cancelled > 50


def _long(told):
    return [(*each, None) for each in told]


def _pairs(changes):
    return itertools.pairwise([RUNNING, *(state for _, state in changes)])


@pytest.mark.nova
def test_every_change_leads_to_the_transitions_that_nova_makes_of_what_libvirt_tells():
    from tools.oracle import events

    for (before, after), names in TOLD.items():
        with events.Oracle() as oracle:
            for name in names:
                oracle.happens(name, guest=after)
            oracle.clock.run(60)
        theirs = [each[2] for each in oracle.told if each[1] == "event"]
        assert [virtevent.NAMES[n] for n in transitions(before, after)] == theirs, (before, after)


@pytest.mark.nova
@pytest.mark.parametrize("vm_state", ["active", "stopped", "paused", "suspended", "error"])
@pytest.mark.parametrize("task_state", [None, "image_snapshot"])
@pytest.mark.parametrize("guest", [(RUNNING, SHUTDOWN), (SHUTDOWN, RUNNING), (RUNNING, PAUSED)])
def test_what_a_nova_compute_saves_asks_and_logs_is_the_same(root, vm_state, task_state, guest):
    from tools.oracle import events

    before, after = guest
    with events.Oracle(vm_state, task_state, before) as oracle:
        for name in TOLD[guest]:
            oracle.happens(name, guest=after)
        oracle.clock.run(20)
    cloud = booted(root)
    uuid, start = cloud.site.uuid_of("web-1"), cloud.now
    driver = cloud.driver(cloud.show("web-1")["host"])
    driver.guests[uuid] = before
    cloud.run(start + 60)  # whatever comes of that is over
    row = cloud.site.db.instances[uuid]
    row.update(vm_state=vm_state, task_state=task_state, power_state=before)
    seen, t_s = len(cloud.site.clock.records), cloud.now
    driver.guests[uuid] = after
    cloud.run(t_s + 16)
    ours = [each for record in cloud.site.clock.records[seen:] for each in said(record, t_s)]
    log, *rest = [told for told in oracle.told if told[1] != "event"]
    # Nova's other lines the lab leaves out; its `stop` asks `force_stop` in its turn.
    rest = [(t, "force_stop" if what == "stop" else what, *more) for t, what, *more in rest]
    assert ours == [log, *(told for told in rest if told[1] != "log")]
    assert log[3].endswith("(Lifecycle Event)")


@pytest.mark.nova
def test_a_server_that_is_reset_during_a_stop_is_stopped_by_the_event(root):
    """The rows until the stop's last save is refused are recorded: clouds.json.gz, 166."""
    from tools.oracle import events

    cloud = booted(root, durations={"power_off": 10})
    cloud.act("web-1", "stop")
    cloud.run(cloud.now + 5)
    cloud.act("web-1", "resetState", state="active")
    while not cloud.books("web-1")["row"]["faults"]:
        cloud.run(cloud.now + 0.125)
    (fault,) = cloud.books("web-1")["row"]["faults"]
    assert (
        "Expected: {'task_state': ['powering-off']}. Actual: {'task_state': None}"
        in fault["message"]
    )
    row = cloud.site.db.instances[cloud.site.uuid_of("web-1")]
    states = row["vm_state"], row["task_state"], row["power_state"]
    assert states == ("active", None, RUNNING)
    with events.Oracle(*states) as oracle:
        oracle.happens("STOPPED", guest=SHUTDOWN)
        oracle.clock.run(20)
    theirs = [
        (t_s, what) for t_s, what, *_ in oracle.told if what in ("save", "stop", "force_stop")
    ]
    assert theirs == [(15, "save"), (15, "stop")]
    cloud.run(cloud.now + 14)
    assert status(cloud) == "ACTIVE"
    cloud.run(cloud.now + 15)
    assert status(cloud) == "SHUTOFF"


def said(record, start):
    """A record in the form of tools/oracle/events.py."""
    t_s = round(record.t_s - start, 6)
    if isinstance(record, clock.HostEvent):
        yield t_s, record.kind, *record.words
    elif isinstance(record, clock.Save) and record.by.endswith(":_sync_instance_power_state"):
        yield t_s, "save", record.new[2]
    elif isinstance(record, clock.Save) and record.by.endswith(":force_stop"):
        yield t_s, "force_stop"


def booted(root, driver=None, durations=None, **options):
    fleet = Fleet.read(root / "data" / "two_hosts")
    cloud = Cloud(fleet, Options(**options), 17, driver=driver, durations=durations)
    cloud.create("web-1", SPEC)
    cloud.settle()
    return cloud


# -- in a cloud ------------------------------------------------------------------------------
def status(cloud):
    return cloud.show("web-1")["status"]


@pytest.mark.parametrize("driver", [None, LibvirtDriver])
def test_a_guest_that_stops_by_itself_is_shut_off_after_a_quarter_of_a_minute(root, driver):
    cloud = booted(root, driver)
    start = cloud.now
    cloud.guest_stops("web-1")
    cloud.run(start + STOPPED_DELAY_S - 0.1)
    assert status(cloud) == "ACTIVE"
    cloud.run(start + 60)
    assert status(cloud) == "SHUTOFF"
    power, asked, done = cloud.states.tail(3).itertuples()
    assert (power.power_state, power.t_s) == ("shutdown", start + STOPPED_DELAY_S)
    assert power.saved_by == "compute/manager.py:_sync_instance_power_state"
    assert (asked.task_state, asked.service) == ("powering-off", power.service)
    assert (done.vm_state, done.task_state) == ("stopped", None)
    assert cloud.host_log.query("kind == 'log'").what.tolist() == [" ".join(LINE)]
    ids = cloud.actions.query("action == 'stop'").request_id
    assert not set(ids) & set(cloud.requests.request_id)


def test_a_guest_that_starts_again_in_time_is_left_alone(root):
    cloud = booted(root, sync_power_state_interval=-1)
    cloud.guest_stops("web-1")
    cloud.run(cloud.now + 10)
    cloud.guest_starts("web-1")
    cloud.run(cloud.now + 60)
    assert status(cloud) == "ACTIVE"
    assert not len(cloud.host_log)


def test_without_events_and_without_the_sync_nobody_notices(root):
    options = {"sync_power_state_interval": -1, "handle_virt_lifecycle_events": False}
    cloud = booted(root, **options)
    cloud.guest_stops("web-1")
    cloud.run(7200)
    assert status(cloud) == "ACTIVE"


@pytest.mark.parametrize("up_s", [5, 30])
@pytest.mark.parametrize("interval", [600, -1])
def test_what_libvirt_tells_while_nova_compute_is_down_is_lost_and_its_start_compares(
    root, up_s, interval
):
    cloud = booted(root, sync_power_state_interval=interval)
    host, start = cloud.show("web-1")["host"], cloud.now
    cloud.guest_stops("web-1")
    cloud.run(start + 3)
    cloud.host_down(host)
    cloud.run(start + 3 + up_s)
    assert status(cloud) == "ACTIVE"
    cloud.host_up(host)
    cloud.run(620)
    assert status(cloud) == ("SHUTOFF" if interval > 0 else "ACTIVE")
    if interval > 0:
        stopped = cloud.states.query("vm_state == 'stopped'").t_s.iloc[0]
        assert stopped < start + 3 + up_s + 10


def test_while_a_task_is_pending_the_event_changes_nothing_and_the_sync_comes(root):
    cloud = booted(root, durations={"upload": 100})
    cloud.act("web-1", "createImage")
    cloud.run(cloud.now + 20)
    cloud.guest_stops("web-1")
    cloud.run(590)
    assert status(cloud) == "ACTIVE"
    assert cloud.host_log.what.tolist() == [" ".join(LINE)]
    cloud.run(620)
    assert status(cloud) == "SHUTOFF"


def test_what_nova_itself_does_to_a_guest_has_no_second_effect(root):
    """With events as without: the same saves, messages and calls. (One line tells of a shelve: the
    guest is off long before the row says so.)"""
    records = {}
    for listens in (True, False):
        cloud = booted(root, handle_virt_lifecycle_events=listens, sync_power_state_interval=-1)
        for action in THERE_AND_BACK:
            cloud.act("web-1", action)
            cloud.run(cloud.now + 60)
        happened = cloud.site.clock.records
        records[listens] = [
            each._replace(request_id=None)
            for each in happened
            if not isinstance(each, clock.HostEvent)
        ]
    assert records[True] == records[False]
    assert len(records[True]) > 150


def test_a_cold_snapshot_that_takes_longer_is_not_taken_for_a_stop(root):
    options = {"images_type": "lvm", "images_volume_group": "vg0"}
    slow = SnapshotCosts.read(disk_mib_s=10)
    cloud = booted(root, lambda options: LibvirtDriver(options, costs=slow), **options)
    cloud.act("web-1", "createImage")
    cloud.run(590)
    assert status(cloud) == "ACTIVE"
    assert (
        cloud.stages.set_index("stage").end_s["convert"] > cloud.stages.end_s[0] + STOPPED_DELAY_S
    )
    assert " ".join(LINE) in cloud.host_log.what.tolist()
    assert list(cloud.books("web-1")["guests"].values()) == ["running"]
