"""What a nova-compute makes of an action that fails, and of two that come at once."""

import pytest

from labkit import Cloud, Fault, Flavor, Fleet, Options, RequestSpec
from labkit.nova.exception import NovaException

SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))


@pytest.fixture
def cloud(root):
    """A cloud with one server, active, where nothing has failed yet."""
    cloud = Cloud(Fleet.read(root / "data" / "two_hosts"), seed=17)
    cloud.create("web-1", SPEC)
    cloud.settle()
    return cloud


def after(cloud, action, **arguments):
    """(vm_state, task_state, power_state) when an action is over."""
    cloud.act("web-1", action, **arguments)
    cloud.settle()
    shown = cloud.show("web-1")
    return shown["vm_state"], shown["task_state"], shown["power_state"]


# What libvirt says of the guest: a suspended one is shut down, its memory in a file.
@pytest.mark.parametrize(
    ("there", "states", "back"),
    [
        ("stop", ("stopped", None, "shutdown"), "start"),
        ("pause", ("paused", None, "paused"), "unpause"),
        ("suspend", ("suspended", None, "shutdown"), "resume"),
        ("rescue", ("rescued", None, "running"), "unrescue"),
    ],
)
def test_there_and_back(cloud, there, states, back):
    assert after(cloud, there) == states
    assert after(cloud, back) == ("active", None, "running")


def test_a_failed_pause_takes_the_task_back_and_leaves_a_fault(cloud):
    cloud.add_fault(Fault("pause", error="ValueError"))
    assert after(cloud, "pause") == ("active", None, "running")
    assert cloud.faults.message.tolist() == ["ValueError"]
    ended = cloud.actions.query("event == 'compute_pause_instance' and result != ''")
    assert ended.result.tolist() == ["Error"]


@pytest.mark.parametrize("action", ["suspend", "rescue"])
def test_a_failed_suspend_or_rescue_puts_the_server_in_error(cloud, action):
    cloud.add_fault(Fault(action, error="ValueError"))
    assert after(cloud, action)[:2] == ("error", None)
    assert cloud.answer("web-1", "start")[0] == 409
    assert after(cloud, "reboot", reboot_type="HARD") == ("active", None, "running")


@pytest.mark.parametrize(
    ("there", "back", "ends"),
    [
        ("suspend", "resume", "error"),
        ("rescue", "unrescue", "error"),
        ("pause", "unpause", "paused"),
        ("stop", "start", "stopped"),
    ],
)
def test_a_failed_way_back_puts_only_some_servers_in_error(cloud, there, back, ends):
    after(cloud, there)
    cloud.add_fault(Fault({"start": "power_on"}.get(back, back), error="ValueError"))
    assert after(cloud, back)[:2] == (ends, None)


def test_a_reboot_that_fails_while_the_guest_runs_is_only_a_fault(cloud):
    cloud.add_fault(Fault("reboot", error="ValueError"))
    assert after(cloud, "reboot") == ("active", None, "running")
    assert len(cloud.faults) == 1


def test_a_hard_reboot_starts_what_was_stopped(cloud):
    after(cloud, "stop")
    assert after(cloud, "reboot", reboot_type="HARD") == ("active", None, "running")


# The end of the soft one is saved without a guard and takes the task of the hard one away. As
# recorded of Nova: reboot_hard_while_rebooting.
def test_a_hard_reboot_in_the_middle_of_a_soft_one_is_accepted_and_lost(cloud):
    cloud.act("web-1", "reboot")
    cloud.run(cloud.now + 1)
    assert cloud.show("web-1")["status"] == "REBOOT"
    assert after(cloud, "reboot", reboot_type="HARD") == ("active", None, "running")
    assert len(cloud.calls.query("system == 'virt' and call == 'reboot'")) == 1
    assert cloud.saves.query("op == 'update_refused'").refused.tolist() == [
        "UnexpectedTaskStateError"
    ]


def test_a_password_of_a_guest_that_does_not_run_is_refused(cloud):
    cloud.guest_stops("web-1")
    with pytest.raises(Exception, match="is not running") as refused:
        cloud.act("web-1", "changePassword")
    assert type(refused.value).__name__ == "InstancePasswordSetFailed"
    assert cloud.show("web-1")["task_state"] is None


@pytest.mark.parametrize(("builds", "at_once"), [(1, 1), (2, 2), (0, 3)])
def test_max_concurrent_builds_is_how_many_spawn_at_once(root, builds, at_once):
    fleet = Fleet(Fleet.read(root / "data" / "two_hosts").hosts.head(1).to_dict("records"))
    options = Options(max_concurrent_builds=builds)
    cloud = Cloud(fleet, options, durations={"spawn": 10, "network": 0, "image": 0})
    for number in range(3):
        cloud.create(f"web-{number}", SPEC)
    cloud.run(until_s=8)
    spawning = [cloud.show(f"web-{number}")["task_state"] == "spawning" for number in range(3)]
    assert sum(spawning) == at_once
    cloud.settle()
    assert all(cloud.show(f"web-{number}")["status"] == "ACTIVE" for number in range(3))


# -- guests of deleted servers ----------------------------------------------------------------
def left_behind(root, **options):
    """A cloud, and a host where a guest runs whose server was deleted while the host was down."""
    cloud = Cloud(Fleet.read(root / "data" / "two_hosts"), Options(**options), seed=17)
    cloud.create("web-1", SPEC)
    cloud.settle()
    host = cloud.show("web-1")["host"]
    cloud.host_down(host, forced=True)
    cloud.act("web-1", "delete")
    cloud.settle()
    cloud.host_up(host)
    cloud.settle()
    return cloud, cloud.site.computes[host].driver.guests


def test_a_guest_of_a_deleted_server_goes_when_its_host_is_back(root):
    cloud, guests = left_behind(root)
    assert not guests
    assert cloud.now < 60


def test_it_stays_where_nobody_looks_for_it(root):
    cloud, guests = left_behind(root, running_deleted_instance_poll_interval=-1)
    cloud.run(4000)
    assert len(guests) == 1


@pytest.mark.parametrize(
    ("action", "left"),
    [("reap", []), ("shutdown", [1]), ("log", [1]), ("noop", [1])],
)
def test_what_becomes_of_it_is_an_option(root, action, left):
    _, guests = left_behind(root, running_deleted_instance_action=action)
    assert list(guests.values()) == left


def test_it_stays_until_it_was_deleted_long_enough_ago(root):
    cloud, guests = left_behind(
        root, running_deleted_instance_poll_interval=100, running_deleted_instance_timeout=900
    )
    cloud.run(801)
    assert guests
    cloud.run(1101)
    assert not guests


@pytest.mark.parametrize("option", ["cpu_shared_set", "cpu_dedicated_set"])
def test_a_known_host_whose_cpu_set_is_not_online_takes_no_server(root, option):
    """Its row and its inventory stay, so it is chosen; the claim fails, as of an unknown node."""
    options = Options(**{option: "998-999"})
    cloud = Cloud(Fleet.read(root / "data" / "two_hosts"), options, seed=17)
    cloud.create("web-1", SPEC)
    cloud.settle()
    (fault,) = cloud.books("web-1")["row"]["faults"]
    assert fault["message"].startswith("Exceeded maximum number of retries.")


def test_a_forced_live_migration_does_not_leave_its_cell():
    size = {"total_usable_ram_mb": 4096, "free_ram_mb": 4096, "vcpus_total": 4}
    size |= {"total_usable_disk_gb": 9, "free_disk_mb": 9216}
    cloud = Cloud(Fleet({"host": h, "cell_uuid": c} | size for h, c in (("a", "1"), ("b", "2"))))
    cloud.create("web-1", SPEC)
    cloud.settle()
    host = cloud.show("web-1")["host"]
    for action in ("migrateLive", "migrate", "evacuate"):
        if action == "evacuate":
            cloud.host_down(host, forced=True)
        with pytest.raises(NovaException, match="could not be found"):
            cloud.act("web-1", action, host="ab".replace(host, ""))
    assert cloud.show("web-1")["task_state"] is None
