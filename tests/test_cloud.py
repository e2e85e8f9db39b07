"""The cloud from outside: what a lesson does with it, and what it says to a mistake."""

import gc
import subprocess
import sys

import pytest

from labkit import Cloud, Fault, Flavor, Fleet, RequestSpec
from labkit.nova.exception import NotModelled, NovaException
from tests.helpers import length
from tests.helpers.mistakes import mistakes

SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))
MANY = length.few(10_000, 10)  # hosts


@pytest.fixture
def cloud(root):
    return Cloud(Fleet.read(root / "data" / "two_hosts"), seed=17)


def test_a_server_becomes_active_and_is_stopped_and_deleted(cloud):
    assert cloud.create("web-1", SPEC) == 202
    cloud.settle()
    assert cloud.show("web-1")["status"] == "ACTIVE"
    assert cloud.act("web-1", "stop") == 202
    cloud.settle()
    assert cloud.show("web-1")["status"] == "SHUTOFF"
    cloud.act("web-1", "delete")
    cloud.settle()
    states = cloud.states
    assert states.vm_state.iloc[-1] == "deleted"
    assert states.seq.is_monotonic_increasing
    assert states.t_s.is_monotonic_increasing


def test_the_garbage_collector_is_afterwards_as_it_was(cloud):
    def breaks():
        yield cloud.site.clock.env.timeout(1)
        raise RuntimeError("broken")

    before = gc.get_threshold()
    cloud.create("web-1", SPEC)
    cloud.settle()
    cloud.run(cloud.now + 1)
    cloud.site.clock.env.process(breaks())
    with pytest.raises(RuntimeError, match="broken"):
        cloud.run(cloud.now + 60)
    assert gc.get_threshold() == before


def test_an_action_in_the_wrong_state_is_refused_in_novas_words(cloud):
    cloud.create("web-1", SPEC)
    cloud.settle()
    cloud.act("web-1", "stop")
    with pytest.raises(NovaException, match="Cannot 'pause' instance") as refused:
        cloud.act("web-1", "pause")
    assert str(refused.value).endswith("while it is in task_state powering-off")
    assert refused.value.code == 409


def test_a_failed_spawn_is_tried_on_an_alternate(root):
    fleet = Fleet.read(root / "data" / "four_hosts")
    cloud = Cloud(fleet, faults=[Fault("spawn", host="cn-2")])
    cloud.create("web-1", SPEC)
    cloud.settle()
    assert cloud.show("web-1")["status"] == "ACTIVE"
    asked = cloud.messages.query("method == 'select_destinations' and kind == 'call'")
    assert len(asked) == 1  # the scheduler is not asked again


NAN, INF = float("nan"), float("inf")
TWO = {"host": "cn-1", "total_usable_ram_mb": 1024, "free_ram_mb": 1024, "vcpus_total": 2}
FLEET = Fleet([TWO])
MISTAKES = [
    # what a cloud is made of
    (lambda c: Cloud("two hosts"), TypeError, "'two hosts' is not a Fleet; make one with"),
    (lambda c: Cloud(None), TypeError, "None is not a Fleet"),
    (lambda c: Cloud(FLEET, {"max_attempts": 1}), TypeError, "is not Options; write Options"),
    (lambda c: Cloud(FLEET, seed=None), ValueError, "seed = None is not a whole number"),
    (lambda c: Cloud(FLEET, seed="x"), ValueError, "seed = 'x' is not a whole number"),
    (lambda c: Cloud(FLEET, seed=1.5), ValueError, "seed = 1.5 is not a whole number"),
    (
        lambda c: Cloud(FLEET, snapshot_model="rbd"),
        ValueError,
        "snapshot_model 'rbd'; there are flat",
    ),
    (lambda c: Cloud(Fleet([]), snapshot_model=3), ValueError, "unknown snapshot_model 3"),
    (lambda c: Cloud(FLEET, faults=None), TypeError, r"None is not a list; write faults=\["),
    (lambda c: Cloud(FLEET, faults=Fault("spawn")), TypeError, "is not a list"),
    (lambda c: Cloud(FLEET, faults="spawn"), TypeError, "faults = 'spawn' is not a list"),
    (lambda c: Cloud(FLEET, faults=["spawn"]), TypeError, "'spawn' is not a Fault; write Fault"),
    (lambda c: Cloud(FLEET, faults=[Fault("spawn", host="cn-9")]), KeyError, "no host 'cn-9'"),
    (lambda c: c.add_fault("spawn"), TypeError, "'spawn' is not a Fault"),
    (lambda c: c.add_fault(Fault("spawn", host="cn-9")), KeyError, "no host 'cn-9'"),
    (lambda c: Cloud(FLEET, quota=10), ValueError, "quota = 10 is not a dict"),
    (lambda c: Cloud(FLEET, quota={"cpus": 1}), ValueError, "quota of unknown 'cpus'; there are"),
    (lambda c: Cloud(FLEET, quota={"cores": -2}), ValueError, "cores: -2 is not a whole number"),
    (
        lambda c: Cloud(FLEET, quota={"cores": True}),
        ValueError,
        "cores: True is not a whole number",
    ),
    (lambda c: Cloud(FLEET, durations=3), ValueError, "durations = 3 is not a dict"),
    (lambda c: Cloud(FLEET, durations=[("spawn", 3)]), ValueError, "is not a dict"),
    (lambda c: Cloud(FLEET, durations={"spwan": 3}), ValueError, "did you mean 'spawn'"),
    (lambda c: Cloud(FLEET, durations={3: 3}), ValueError, "unknown step 3"),
    *(
        (lambda c, d=d: Cloud(FLEET, durations={"spawn": d}), ValueError, "duration of 'spawn': ")
        for d in (None, "3", -1, NAN, INF, True, (), (3,), (3, 0.1, 1), (3, 2), (3, -1), (3, None))
    ),
    # what goes wrong
    (lambda c: Fault("nowhere"), ValueError, "fault at an unknown step 'nowhere'; there are api"),
    (lambda c: Fault("spwan"), ValueError, "unknown step 'spwan'; did you mean 'spawn'"),
    (lambda c: Fault(None), ValueError, "unknown step None"),
    (lambda c: Fault(3), ValueError, "unknown step 3"),
    (lambda c: Fault(["spawn"]), ValueError, "unknown step"),
    (lambda c: Fault("spawn", host=1), ValueError, "'spawn': host = 1 is not a name"),
    (lambda c: Fault("spawn", instance=1), ValueError, "instance = 1 is not a name"),
    (lambda c: Fault("spawn", at="spawning"), ValueError, "at = 'spawning' is for message"),
    (lambda c: Fault("delete", at="spwaning"), ValueError, "did you mean 'spawning'"),
    (lambda c: Fault("delete", at=3), ValueError, "at = 3 is not a name"),
    (lambda c: Fault("database", at="spawn"), ValueError, "unknown moment 'spawn'"),
    (lambda c: Fault("message", at="spawning"), ValueError, "unknown moment 'spawning'"),
    (lambda c: Fault("host_down"), ValueError, "say which host, or with at= in which"),
    *(
        (lambda c, n=n: Fault("spawn", times=n), ValueError, "is not a whole number from 1")
        for n in (0, -1, 1.5, True, None, "2", NAN)
    ),
    *(
        (lambda c, d=d: Fault("spawn", delay_s=d), ValueError, "is not a number of seconds from 0")
        for d in (-1, NAN, INF, None, "3", True)
    ),
    (lambda c: Fault("delete", delay_s=3), ValueError, "delay_s is for a message"),
    (lambda c: Fault("spawn", error="Oops"), ValueError, "with an unknown error 'Oops'"),
    (lambda c: Fault("spawn", error=3), ValueError, "error = 3 is neither an exception nor"),
    (lambda c: Fault("spawn", error=SystemExit), ValueError, "neither an exception nor one of"),
    (lambda c: Fault("spawn", error=NoArguments), ValueError, "cannot be made without its arg"),
    (lambda c: Fault("message", error="NovaException"), ValueError, "only a step that takes time"),
    # servers
    (lambda c: c.create("web-1", SPEC), ValueError, "there is, or was, a server 'web-1'"),
    (lambda c: c.create("web", SPEC.replace(num_instances=2)), ValueError, "a server 'web-1'"),
    (lambda c: c.create("web-2", None), TypeError, "None is not a RequestSpec; write"),
    (lambda c: c.create("web-2", Flavor(1, 512, 1)), TypeError, "is not a RequestSpec"),
    (lambda c: c.create(None, SPEC), ValueError, "name of a server: None is not a name"),
    (lambda c: c.create(2, SPEC), ValueError, "name of a server: 2 is not a name"),
    (lambda c: c.create(" ", SPEC), ValueError, "name of a server: ' ' is not a name"),
    (lambda c: c.create("web-2", SPEC, networks=None), ValueError, "unknown networks None"),
    (lambda c: c.create("web-2", SPEC, "nnoe"), ValueError, "networks 'nnoe'; did you mean 'none'"),
    (lambda c: c.act("web-9", "stop"), KeyError, "no server 'web-9' was created; did you mean"),
    (lambda c: c.act(None, "stop"), KeyError, "no server None was created"),
    (lambda c: c.act(["web-1"], "stop"), KeyError, "no server"),
    (lambda c: c.show("db-7"), KeyError, "no server 'db-7'"),
    (lambda c: c.books(1), KeyError, "no server 1"),
    (lambda c: c.answer("web-9", "stop"), KeyError, "no server 'web-9'"),
    (lambda c: c.guest_stops("web-9"), KeyError, "no server 'web-9'"),
    (lambda c: c.guest_stops("web-1"), ValueError, "web-1 has no guest on any host"),
    # actions
    (lambda c: c.act("web-1", "fly"), ValueError, "unknown action 'fly'; there are delete"),
    (lambda c: c.act("web-1", "stopp"), ValueError, "unknown action 'stopp'; did you mean 'stop'"),
    (lambda c: c.act("web-1", None), ValueError, "unknown action None"),
    (lambda c: c.act("web-1", 3), ValueError, "unknown action 3"),
    (lambda c: c.act("web-1", ["stop"]), ValueError, "unknown action"),
    (lambda c: c.answer("web-1", "fly"), ValueError, "unknown action 'fly'"),
    (lambda c: c.act("web-1", "stop", force=True), ValueError, "'stop' takes no argument 'force'"),
    (lambda c: c.act("web-1", "stop", is_admin=1), ValueError, "is_admin = 1 is neither"),
    (lambda c: c.act("web-1", "reboot", reboot_type="hard"), ValueError, "reboot_type 'hard'"),
    (
        lambda c: c.act("web-1", "resetState", state="stopped"),
        ValueError,
        "there are error, active",
    ),
    (lambda c: c.act("web-1", "rename"), ValueError, "'rename' needs a name: act"),
    (lambda c: c.act("web-1", "rename", name=None), ValueError, "name: None is not a name"),
    (lambda c: c.act("web-1", "createBackup", rotation=-1), ValueError, "rotation = -1 is not"),
    (lambda c: c.act("web-1", "createBackup", backup_type=7), ValueError, "backup_type: 7 is not"),
    # time
    (
        lambda c: c.run(until_s=-1),
        ValueError,
        r"it is t_s = [0-9.]+ already, and time does not run",
    ),
    *(
        (lambda c, t=t: c.run(t), ValueError, "is not a number of seconds")
        for t in (None, "60", NAN, INF, -INF, True, 1j, [60])
    ),
    (lambda c: c.at(0, "web-1", "stop"), ValueError, "does not run back to 0"),
    (lambda c: c.at(None, "web-1", "stop"), ValueError, "t_s = None is not a number"),
    (lambda c: c.at(INF, "web-1", "stop"), ValueError, "t_s = inf is not a number"),
    (lambda c: c.at(9, "web-1", "fly"), ValueError, "unknown action 'fly'"),
    (lambda c: c.at(9, None, "stop"), ValueError, "None is not a name"),
    (lambda c: c.at(9, "web-2", "create"), TypeError, "None is not a RequestSpec"),
    (lambda c: c.at(9, "web-2", "create", flavor=1), ValueError, "takes no argument 'flavor'"),
    # hosts
    (lambda c: c.host_down("cn-9"), KeyError, "no host 'cn-9' in the fleet; there are cn-1"),
    (lambda c: c.host_down(None), KeyError, "no host None"),
    (lambda c: c.host_up(7), KeyError, "no host 7"),
    (lambda c: c.periodic("_sync", "cn-1"), ValueError, "unknown periodic task '_sync'"),
    (lambda c: c.periodic("stop", "cn-1"), ValueError, "unknown periodic task 'stop'"),
    (lambda c: c.periodic("_sync_power_states", "cn-9"), KeyError, "no host 'cn-9'"),
]


class NoArguments(Exception):
    """An error that cannot be made without saying of what."""

    def __init__(self, of_what):
        super().__init__(of_what)


@pytest.mark.parametrize(("ask", "error", "sentence"), MISTAKES)
def test_a_mistake_gets_a_sentence_and_changes_nothing(cloud, ask, error, sentence):
    cloud.create("web-1", SPEC)
    before = cloud.now, len(cloud.site.clock.records), list(cloud.site.servers)
    with pytest.raises(error, match=sentence):
        ask(cloud)
    assert before == (cloud.now, len(cloud.site.clock.records), list(cloud.site.servers))


def test_a_host_that_is_down_runs_no_periodic_task(cloud):
    cloud.host_down("cn-1")
    with pytest.raises(ValueError, match="of cn-1 is down, it runs no _sync_power_states; host_up"):
        cloud.periodic("_sync_power_states", "cn-1")


def test_a_server_that_never_was_is_not_found_when_its_time_comes(cloud):
    cloud.at(5, "web-9", "stop")
    cloud.run(10)
    asked = cloud.requests.iloc[-1]
    assert (asked.status, asked.answer) == (404, "Instance web-9 could not be found.")


def test_a_name_is_free_again_when_its_create_was_refused(cloud):
    wanted = SPEC.replace(availability_zone="moon")
    with pytest.raises(NovaException, match="The requested availability zone is not available"):
        cloud.create("web-1", wanted)
    assert cloud.create("web-1", SPEC) == 202


def test_a_create_that_the_api_fails_at_leaves_nothing(root):
    cloud = Cloud(Fleet.read(root / "data" / "two_hosts"), faults=[Fault("api")])
    with pytest.raises(NovaException, match="by request"):
        cloud.create("web-1", SPEC)
    assert cloud.requests.status.tolist() == [500]
    assert cloud.create("web-1", SPEC) == 202


@pytest.mark.parametrize("at", ["api", "select_destinations", "create_rows"])
def test_a_delete_may_arrive_where_no_host_is_at_work_yet(root, at):
    cloud = Cloud(Fleet.read(root / "data" / "two_hosts"), faults=[Fault("delete", at=at)])
    cloud.create("web-1", SPEC)
    cloud.settle()
    assert "delete" in cloud.requests.action.tolist()
    assert cloud.imbalances() == []


def test_what_a_host_died_of_at_the_beginning_does_not_kill_it_again(root):
    fleet = Fleet.read(root / "data" / "two_hosts")
    cloud = Cloud(fleet, faults=[Fault("host_down", host="cn-1"), Fault("host_down", host="cn-2")])
    cloud.create("web-1", SPEC)
    cloud.settle()
    assert cloud.show("web-1")["status"] == "BUILD"  # the message waits
    for host in ("cn-1", "cn-2"):
        cloud.host_up(host)
    cloud.settle()
    assert cloud.show("web-1")["status"] == "ACTIVE"
    # A host that starts takes a build that had not claimed for lost; then it reads the message.
    assert cloud.states.vm_state.drop_duplicates().tolist() == ["building", "error", "active"]


@pytest.mark.parametrize(
    "flavor", [Flavor(10_000, 512, 1), Flavor(1, 10**9, 1), Flavor(1, 1, 10**6)]
)
def test_a_flavor_that_no_host_can_hold_ends_in_cell0_with_novas_words(cloud, flavor):
    assert cloud.create("web-1", RequestSpec(flavor)) == 202
    cloud.settle()
    assert cloud.show("web-1")["status"] == "ERROR"
    assert cloud.books("web-1")["row"]["cell"] == "cell0"
    assert cloud.faults.message.tolist() == ["No valid host was found. "]
    assert cloud.act("web-1", "delete") == 204
    assert cloud.imbalances() == []


@pytest.mark.parametrize(("hosts", "status"), [(0, "ERROR"), (1, "ACTIVE"), (MANY, "ACTIVE")])
def test_no_host_one_host_and_many(hosts, status):
    room = TWO | {"total_usable_disk_gb": 9, "free_disk_mb": 9216}
    cloud = Cloud(Fleet([room | {"host": f"cn-{k + 1}"} for k in range(hosts)]))
    assert cloud.create("web-1", SPEC) == 202
    cloud.settle()
    assert cloud.show("web-1")["status"] == status
    cloud.act("web-1", "delete")
    cloud.settle()
    assert cloud.show("web-1") is None
    assert mistakes(cloud) == cloud.imbalances() == []


PLAIN = """
cloud = Cloud(Fleet.read("data/four_hosts"), seed=3)
for k in range(5):
    cloud.create(f"s{k}", RequestSpec(Flavor(1, 512, 1)))
cloud.settle()
"""
EVENTFUL = """
faults = [Fault("spawn", times=3), Fault("delete", at="networking", instance="s2")]
faults += [Fault("host_down", at="image_uploading"), Fault("database", at="stopped")]
faults += [Fault("network", error="NoMoreFixedIps", host="cn-3"), Fault("message", at="pause_instance")]
options = Options(notify_on_state_change="vm_state", notification_format="both", host_subset_size=3)
cloud = Cloud(Fleet.read("data/four_hosts"), options, seed=3, faults=faults)
group = InstanceGroup("soft-anti-affinity")
for k in range(6):
    cloud.at(k / 7, f"s{k}", "create", spec=RequestSpec(Flavor(1, 64, 1), instance_group=group))
for t_s, what in enumerate(("stop", "createImage", "pause", "reboot", "createBackup", "delete")):
    for k in range(6):
        cloud.at(20 + 9 * t_s + k / 3, f"s{k}", what)
cloud.run(200)
for host in [host for host, compute in cloud.site.computes.items() if compute.stopped]:
    cloud.host_up(host)
cloud.run(900)
"""


def test_the_tables_are_the_same_under_any_hash_seed(root):
    names = (
        "states saves messages notifications actions calls migrations holdings faults requests events"
    ).split()
    show = (
        f"for name in {names}: print(name, getattr(cloud, name).to_csv())\n"
        "print(cloud.imbalances(), [cloud.books(name) for name in cloud.site.servers])\n"
    )
    code = (
        "from labkit import Cloud, Fault, Flavor, Fleet, InstanceGroup, Options, RequestSpec\n"
        f"{PLAIN}{show}{EVENTFUL}{show}"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(root), "PATH": ""},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(said) == 1
    assert len(said.pop()) > 20_000


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (SPEC.replace(is_bfv=True), "no volumes to boot a server from"),
        (SPEC.replace(pci_requests=({"count": 1},)), "does not hand out PCI devices"),
    ],
)
def test_what_the_lab_leaves_out_is_refused_by_name(cloud, spec, words):
    with pytest.raises(NotModelled, match=words):
        cloud.create("web-1", spec)
    assert "web-1" not in set(cloud.requests.instance)
