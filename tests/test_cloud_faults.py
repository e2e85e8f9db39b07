"""Whatever goes wrong: what holds all the same, and what is left behind by what.

Every fault alone, at every step, state and message of a server's life; then faults together,
drawn by hypothesis, and several servers at once. The sentences are in labkit/cloud/leftovers.py
and tests/mistakes.py.
"""

from collections import defaultdict
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit import Cloud, Fault, Flavor, Fleet, LibvirtDriver, Options, RequestSpec
from labkit.cloud import faults
from labkit.cloud.durations import actions, steps
from labkit.cloud.faults import ERRORS, EVENTS, METHODS
from labkit.cloud.leftovers import RULES, imbalances
from labkit.nova import clock
from labkit.nova.api.openstack.servers import ACTIONS
from labkit.nova.compute import task_states, vm_states
from labkit.nova.compute import utils as compute_utils
from labkit.nova.objects import ImageMeta
from labkit.nova.service import expected
from tests.helpers import length
from tests.helpers.mistakes import mistakes

HOSTS = ("cn-1", "cn-2", "cn-3")
ROOM = {"total_usable_ram_mb": 4096, "free_ram_mb": 4096, "vcpus_total": 4}
ROOM |= {"total_usable_disk_gb": 100, "free_disk_mb": 102400}
FLEET = Fleet([{"host": host, **ROOM} for host in HOSTS])
SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))
#: One after the other; after these a delete.
LIFE = (
    *"stop start reboot".split(),
    "HARD reboot",
    *"pause unpause suspend resume rescue unrescue changePassword createImage".split(),
    *"createBackup lock unlock trigger_crash_dump".split(),
)
OFTEN = 9  # more than a create has attempts
LATE_S = 200  # later than anybody waits for an answer
UNSEEN_S = 120  # without heartbeats, until a service counts as dead
STEPS = tuple(step for step in steps() if step not in EVENTS)
STATES = tuple(dict.fromkeys((*task_states.ALL, *vm_states.ALL)))


def played(driver, step_comes):
    """Clouds in which each action comes once; *step_comes* is told of each before."""
    moves = [
        ("rebuild", {"image": ImageMeta("another")}),
        ("resize", {"flavor": Flavor(vcpus=1, memory_mb=1024, root_gb=1)}),
        *(("confirmResize", {}), ("migrate", {}), ("revertResize", {}), ("shelve", {})),
        *(("unshelve", {}), ("migrateLive", {}), ("evacuate", {}), ("delete", {})),
    ]
    backup = {"backup_type": "daily", "rotation": 1, "name": "b"}
    life = [(name, backup if name == "createBackup" else {}) for name in LIFE]
    kept = Options(shelved_offload_time=-1, reclaim_instance_interval=3600)
    late = [(name, {}) for name in "shelve shelveOffload unshelve delete restore delete".split()]
    for options, doings in ((Options(), life + moves), (kept, [*late, ("forceDelete", {})])):
        step_comes("create")
        cloud = Cloud(FLEET, options, driver=driver)
        cloud.create("web-1", SPEC)
        cloud.settle()
        for name, arguments in doings:
            step_comes(name.removeprefix("HARD "))
            hard = {"reboot_type": "HARD"} if name.startswith("HARD") else {}
            if name == "evacuate":
                cloud.host_down(cloud.show("web-1")["host"], forced=True)
            cloud.act("web-1", name.removeprefix("HARD "), **arguments, **hard)
            cloud.settle()
            for host in HOSTS:
                cloud.host_up(
                    host
                )  # what is left of an evacuated server goes when its host is back
            cloud.settle()


def test_the_actions_that_come_to_a_step_are_those_of_the_table(monkeypatch):
    came, asked = defaultdict(set), []
    at_step = faults.Faults.at_step

    def noted(self, step, host, instance):
        came[step].add(asked[-1])
        return at_step(self, step, host, instance)

    monkeypatch.setattr(faults.Faults, "at_step", noted)
    for driver in (None, LibvirtDriver):
        played(driver, asked.append)
    listed = {step: set(names.split()) for step, names in actions().items()}
    del listed["api"], listed["message"], came["api"]  # every action comes to these
    assert came == listed


def singles():
    """Every fault that there is, once, on one host, on all, and late."""
    for step in STEPS:
        yield from (Fault(step), Fault(step, times=OFTEN), Fault(step, host="cn-3"))
        yield from (Fault(step, error=error) for error in ERRORS)
        yield from (Fault(step, delay_s=LATE_S), Fault("delete", at=step))
        yield Fault("host_down", at=step)
    for method in METHODS:
        lost = Fault("message", at=method)
        yield from (lost, Fault("message", at=method, times=OFTEN))
        yield Fault("message", at=method, delay_s=LATE_S)
    for state in STATES:
        yield from (Fault(kind, at=state) for kind in ("database", "delete", "host_down"))
    yield from (Fault("host_down", host=host) for host in HOSTS)
    yield from (Fault("message"), Fault("database"), Fault("delete"))


SINGLES = tuple(singles())


class Watched(Cloud):
    """A cloud that knows who was dead when, and looks at its books whenever all is quiet."""

    def __init__(self, faults, seed=0, **options):
        self.dead, self.found, self.left = {}, [], set()
        options = Options(notify_on_state_change="vm_and_task_state", **options)
        super().__init__(FLEET, options, seed=seed, faults=faults)

    def host_down(self, host, forced=False):
        super().host_down(host, forced)
        self.dead.setdefault(host, len(self.site.clock.records))

    def host_up(self, host):
        self._the_dead_say_nothing(host, self.dead.pop(host, None))
        super().host_up(host)

    def _the_dead_say_nothing(self, host, since):
        for record in self.site.clock.records[since:] if since is not None else ():
            if getattr(record, "service", None) == f"compute@{host}":
                self.found.append(f"{host} is down and does {record}")

    def ask(self, work, *arguments, **more):
        """Ask for something that may be refused; look at the books when all is quiet.

        Of a host that is down Nova knows by then; it comes up again after that.
        """
        down = list(self.dead)
        if down:
            self.run(self.now + UNSEEN_S)
        try:
            work(*arguments, **more)
        except Exception as error:
            if not expected(error):
                raise
        self.look()
        self.start(down)

    def look(self):
        self.settle()
        site, drivers = self.site, self.drivers
        self.found += mistakes(self)
        if imbalances(site, drivers):
            self.left |= {rule.__name__ for rule in RULES if imbalances(site, drivers, (rule,))}

    def start(self, hosts):
        for host in hosts:
            self.host_up(host)
            self.look()

    def mend(self):
        """Nothing goes wrong any more, and every host starts anew."""
        self.site.faults._left.clear()
        self.start(HOSTS)

    def end(self):
        """Look at what everybody did in all this time."""
        for host, since in self.dead.items():
            self._the_dead_say_nothing(host, since)
        self.found += list(misplaced(self.site.clock.records))
        return self


def misplaced(records):
    """Yield what cannot follow what came before it: times, states, answers."""
    t_s, states, asked = 0.0, {}, defaultdict(int)
    for record in records:
        if record.t_s < t_s:
            yield f"time runs backwards: {record}"
        t_s = record.t_s
        if isinstance(record, clock.Save) and record.op in ("create", "update", "destroy"):
            before = record.new if record.op == "destroy" else record.old
            if before != states.get(record.instance):
                yield f"{states.get(record.instance)} came before {record}"
            states[record.instance] = record.new
        elif isinstance(record, clock.Message) and record.style == "call":
            asked[record.method, record.instance] += 1
        elif isinstance(record, clock.Reply):
            asked[record.method, record.instance] -= 1
            if asked[record.method, record.instance] < 0:
                yield f"nobody asked for {record}"


def live(faults, seed=0, **options):
    """Play a server's life with faults; then mend everything, and delete what is left."""
    cloud = Watched(faults, seed, **options)
    while "web-1" not in cloud.site.servers:  # the API itself may fail
        cloud.ask(cloud.create, "web-1", SPEC)
    for action in (*LIFE, "delete"):
        hard = {"reboot_type": "HARD"} if action.startswith("HARD") else {}
        cloud.ask(cloud.act, "web-1", action.removeprefix("HARD "), **hard)
    cloud.mend()
    cloud.ask(cloud.act, "web-1", "delete")
    cloud.run(cloud.now + 700)  # what happens by itself has happened
    during, cloud.left = cloud.left, set()
    cloud.look()
    cloud.during = during
    return cloud.end()


@pytest.fixture(autouse=True)
def _no_mistake_is_taken_for_a_fault(monkeypatch):
    """What Nova would log and survive, a KeyError of the lab's must not hide behind."""
    add = compute_utils.add_instance_fault_from_exc

    def checked(instance, error, message=None):
        cause = error
        while cause is not None:
            assert expected(cause), repr(cause)
            cause = cause.__cause__ or cause.__context__
        add(instance, error, message)

    monkeypatch.setattr(compute_utils, "add_instance_fault_from_exc", checked)


# -- one fault ------------------------------------------------------------------------------
#: What is left behind, and which faults do it. Where Nova was recorded it leaves the same: see
#: test_books.py. In particular no error of a step but create_rows keeps a server in its task.
LEFT_BY = {
    "nothing_hangs": {"create_rows", "message", "database", "host_down"},
    "every_part_ended": {"host_down"},
    "no_image_waits": {"message", "database", "host_down"},
    "gone_has_no_mapping": {"message"},
    "gone_has_no_guest": {"database", "host_down"},
    "homeless_holds_nothing": {"message", "database", "host_down"},
}
#: What is left even when everything works again and the server is deleted. No guest: a nova-compute
#: that starts removes those of deleted servers.
LEFT_FOR_GOOD_BY = {
    "every_part_ended": {"host_down"},
    "no_image_waits": {"message", "database", "host_down"},
    "gone_has_no_mapping": {"message"},
}


@pytest.fixture(scope="module")
def lives():
    """Every single fault, and what became of the server that lived with it."""
    found = []
    for fault in length.some(SINGLES, 23):
        cloud = live([fault])
        show = cloud.show("web-1")
        kept = {"found": cloud.found, "during": cloud.during, "left": cloud.left}
        found.append(SimpleNamespace(fault=fault, show=show, **kept))
    return found


def test_there_is_a_fault_at_every_step_and_at_every_message():
    assert {fault.step for fault in SINGLES} == {*STEPS, *EVENTS}
    assert {fault.at for fault in SINGLES if fault.step == "message"} == {*METHODS, None}


def test_nothing_that_cannot_be_in_a_nova(lives):
    assert not [(life.fault, life.found) for life in lives if life.found]


@pytest.mark.parametrize(
    ("when", "table"), [("during", LEFT_BY), ("left", LEFT_FOR_GOOD_BY)], ids=["during", "for good"]
)
def test_what_is_left_behind_is_left_by_these_faults_alone(lives, when, table):
    left_by = defaultdict(set)
    for life in lives:
        for rule in getattr(life, when):
            left_by[rule].add(life.fault.step)
    assert all(left_by[rule] <= table.get(rule, set()) for rule in left_by)
    assert not length.ALL or left_by == table


def test_a_delete_always_works_in_the_end(lives):
    assert not [(life.fault, life.show) for life in lives if life.show is not None]


@pytest.mark.parametrize("at", ["scheduling", "networking", "spawning", "image_uploading"])
def test_the_tables_of_a_life_with_a_fault_are_in_order(at):
    cloud = live([Fault("host_down", at=at), Fault("spawn")])
    names = "states saves messages notifications actions calls faults requests events".split()
    for name in names:
        table = getattr(cloud, name)
        assert table.seq.is_monotonic_increasing, name
        assert table.seq.is_unique, name
        assert table.t_s.is_monotonic_increasing, name
    events = cloud.events
    assert events.seq.tolist() == list(range(len(events)))
    kinds = {"states": ("Save", "BuildRequest"), "messages": ("Message", "Reply")}
    for name, of in kinds.items():
        shown = getattr(cloud, name)
        assert set(events.kind[shown.seq]) <= set(of)
        assert shown.instance.tolist() == events.instance[shown.seq].tolist()


@pytest.mark.parametrize("at", ["soft-deleting", "power_off", "soft-delete", "deleting", "destroy"])
def test_a_host_that_dies_in_the_middle_of_a_soft_delete_says_nothing_more(at):
    assert not live([Fault("host_down", at=at)], reclaim_instance_interval=100).found


# -- worth a look of their own: each as Nova 34.0.0 itself did it when asked -----------------
def play(*faults, at=()):
    """A server's creation, and what is asked in the middle of it as (seconds, action)."""
    cloud = Watched(list(faults))
    cloud.at(0, "web-1", "create", spec=SPEC)
    for t_s, action in at:
        cloud.at(t_s, "web-1", action)
    cloud.look()
    return cloud


def test_a_port_that_one_host_could_not_remove_goes_along_to_the_next():
    cloud = play(Fault("spawn"), Fault("deallocate_network"))
    host = cloud.show("web-1")["host"]
    assert cloud.books("web-1")["ports"] == [host]
    there = cloud.states[cloud.states.service == f"compute@{host}"]
    tasks = there.task_state.drop_duplicates().tolist()
    assert tasks == [None, "block_device_mapping", "spawning"]  # no networking
    asked = cloud.calls[cloud.calls.system == "neutron"].call.tolist()
    assert asked.count("allocate_for_instance") == 1
    assert asked[-1] == "setup_instance_network_on_host"


def test_a_terminate_that_is_lost_is_not_asked_for_again():
    cloud = play(Fault("message", at="terminate_instance"))
    for _ in range(2):
        cloud.ask(cloud.act, "web-1", "delete")
    assert cloud.messages.method.tolist().count("terminate_instance") == 1
    assert cloud.show("web-1")["task_state"] == "deleting"
    cloud.mend()  # a host that starts ends what it finds begun
    assert cloud.show("web-1") is None


def test_a_build_that_was_reset_in_the_middle_leaves_its_guest_behind():
    cloud = play(Fault("spawn", delay_s=9), at=[(6, "resetState")])
    host = next(iter(cloud.books("web-1")["guests"]))
    assert cloud.imbalances() == [f"web-1 is in error, has no host, and its guest is on {host}"]
    cloud.ask(cloud.act, "web-1", "reboot", reboot_type="HARD")  # it was "launched", says the row
    assert cloud.requests.status.tolist()[-1] == 500
    cloud.ask(cloud.act, "web-1", "resetState")
    cloud.ask(cloud.act, "web-1", "delete")
    assert cloud.imbalances() == [f"web-1 is gone and its guest is still on {host}"]
    assert not cloud.end().found


# -- several --------------------------------------------------------------------------------
SETTINGS = st.sampled_from(
    [
        {},
        {"max_attempts": 1},
        {"reclaim_instance_interval": 100},
        {"max_concurrent_builds": 1, "max_concurrent_snapshots": 1},
        {"sync_power_state_interval": 10},
        {"notification_format": "both"},
    ]
)


def rid_of(cloud, name):
    """What an administrator can always do: forget the task that hangs, and delete for good."""
    cloud.ask(cloud.act, name, "resetState")
    cloud.ask(cloud.act, name, "forceDelete")
    assert cloud.show(name) is None


def some(fewest, most):
    """That many faults."""
    return st.lists(st.sampled_from(SINGLES), min_size=fewest, max_size=most)


@settings(max_examples=length.few(120, 8))
@given(faults=some(2, 3), seed=st.integers(0, 9), options=SETTINGS)
def test_two_or_three_faults_in_one_life(faults, seed, options):
    cloud = live(faults, seed, **options)
    rid_of(cloud, "web-1")
    assert not cloud.found


MODELLED = [name for name, action in ACTIONS.items() if action.modelled and name != "rename"]
ARGUMENTS = {"resize": {"flavor": Flavor(vcpus=2, memory_mb=1024, root_gb=2)}}
MOMENTS = st.floats(0, 40, allow_nan=False)
REQUESTS = st.lists(
    st.tuples(MOMENTS, st.sampled_from(["web-1", "web-2", "web-3"]), st.sampled_from(MODELLED)),
    max_size=14,
)
DEATHS = st.lists(st.tuples(st.sampled_from(HOSTS), st.booleans(), st.floats(0, 90)), max_size=2)


@settings(max_examples=length.few(120, 8))
@given(
    requests=REQUESTS, deaths=DEATHS, faults=some(0, 2), seed=st.integers(0, 9), options=SETTINGS
)
def test_three_servers_that_anything_happens_to_at_any_time(
    requests, deaths, faults, seed, options
):
    cloud = Watched(faults, seed, **options)
    for t_s, name in enumerate(("web-1", "web-2", "web-3")):
        cloud.at(t_s, name, "create", spec=SPEC)
    for t_s, name, action in requests:
        cloud.at(t_s, name, action, **ARGUMENTS.get(action, {}))
    for host, forced, down_s in deaths:
        cloud.run(cloud.now + 5)
        cloud.host_down(host, forced)
        cloud.run(cloud.now + down_s)
        cloud.host_up(host)
    cloud.look()
    cloud.mend()
    for name in list(cloud.site.servers):
        rid_of(cloud, name)
    assert not cloud.end().found
