"""The scenarios of data/nova-34/lifecycle.json.gz, played in a Cloud; the same names, the same steps."""

import contextlib

from labkit import BaseHostWeigher, Cloud, Fault, Flavor, Fleet, Options, RequestSpec
from labkit.nova.compute import power_state
from labkit.nova.objects import Destination, ImageMeta
from labkit.nova.service import expected

UUID = "155d900f-4e14-4e4c-a73d-069cbf4541e6"
AGAIN = "nova-compute starts again"
SIZES = {"small": Flavor(1, 512, 1), "big": Flavor(2, 1024, 1), "huge": Flavor(1, 512, 5000)}
HOLD_S = 40.0  # how long somebody waits at a held step
BEFORE_S = 20.0  # until then he has arrived
#: What the recording calls a step, and what the lab calls it.
STEPS = {
    **{
        f"neutron {call}": "network"
        for call in """allocate_for_instance setup_instance_network_on_host
        migrate_instance_start migrate_instance_finish""".split()
    },
    "recheck_quota": "create_rows",
    "uploading": "direct_snapshot",
}
#: Without jitter, and so that the ports are there while the save of `spawning` goes on, as with
#: Nova's fake Neutron. Binary fractions: their sums are exact.
DURATIONS = {"prepare_for_spawn": 0.125, "block_device_mapping": 0.375, "network": 0.5}
DURATIONS |= {"api": 0.125, "message": 0.0625, "select_destinations": 0.125, "claim": 0.125}
DURATIONS |= {"create_rows": 0.125, "deallocate_network": 0.125, "destroy": 0.5}
DURATIONS |= {"image": 0.5, "spawn": 1.0}
RESOURCES = ("vcpus_used", "memory_mb_used", "local_gb_used", "running_vms")
ACTIONS = {"os-stop": "stop", "os-start": "start", "os-resetState": "resetState"}


class HostNameWeigher(BaseHostWeigher):
    """Prefer the host with the first name, as the recorder's clouds do."""

    def _weigh_object(self, host_state, weight_properties):
        return -int(host_state.host.removeprefix("host"))


def fleet(hosts):
    """Hosts as Nova's medium fake driver has them."""
    return Fleet(
        {
            "host": host,
            "total_usable_ram_mb": 8192,
            "free_ram_mb": 7680,
            "total_usable_disk_gb": 1028,
            "free_disk_mb": 1028 * 1024,
            "vcpus_total": 10,
            "cpu_allocation_ratio": 1.0,
        }
        for host in hosts
    )


class Threads(list):
    """What happened, and beside each record the thread that it happened in."""

    def __init__(self, env):
        super().__init__()
        self._env = env
        self.threads = []

    def append(self, record):
        self.threads.append(self._env.active_process)
        super().append(record)


class Player:
    """A cloud, the steps played so far, and the ways to break it that scenarios use."""

    def __init__(self, options=(), hosts=("host1", "host2"), mode="vm_and_task_state"):
        settings = {
            "notify_on_state_change": mode,
            "notification_format": "both",
            "sync_power_state_interval": -1,
            "update_resources_interval": -1,
            "weight_classes": [HostNameWeigher],
            "handle_virt_lifecycle_events": False,  # the recorder's driver tells of no guest
        }
        self.hosts = hosts
        self.options = Options(**settings | {name: value for _, name, value in options})
        self.model = "flat"
        self.driver = None
        self.is_admin = True
        self.faults = []
        self.steps = []
        self.names = ["web"]
        self.current = "web"
        self.count = 0
        self._cloud = None

    @property
    def cloud(self):
        """The cloud, made when it is first used."""
        if self._cloud is None:
            self._cloud = Cloud(
                fleet(self.hosts),
                self.options,
                faults=self.faults,
                durations=DURATIONS,
                snapshot_model=self.model,
                driver=self.driver,
            )
            self._cloud.site.clock.records = Threads(self._cloud.site.clock.env)
            self._cloud.site.glance.registered = "active"  # as Nova's fake Glance says
        return self._cloud

    # -- asking -------------------------------------------------------------------------
    def ask(self, label, work):
        """Do a request and note its answer."""
        try:
            status, error = work(), None
        except Exception as exc:
            if not expected(exc):
                raise
            table = self.cloud.requests
            status, error = table.status.iloc[-1], table.answer.iloc[-1]
        self.requests.append((label, status, error))

    def create(self, flavor="small", count=1, networks="auto", **fields):
        """Ask for servers."""
        spec = RequestSpec(SIZES[flavor], num_instances=count, **fields)
        if count > 1:
            self.names = [f"{self.current}-{k + 1}" for k in range(count)]
        name = self.current
        self.ask("create", lambda: self.cloud.create(name, spec, networks, self.is_admin))
        if count > 1:
            self.current = self.names[0]

    def boot(self, **fields):
        """Create a server outside the steps."""
        self.requests = []
        self.create(**fields)
        self.cloud.settle()

    def act(self, label, what=None, /, **arguments):
        """Ask for an action; *what* is its name in the API, if not *label*."""
        action = ACTIONS.get(what or label, what or label)
        who = {"is_admin": self.is_admin} | arguments
        self.ask(label, lambda: self.cloud.act(self.current, action, **who))

    def do(self, name, **arguments):
        """Ask for an action outside the steps."""
        self.cloud.act(self.current, ACTIONS.get(name, name), **arguments)
        self.cloud.settle()

    # -- steps --------------------------------------------------------------------------
    @contextlib.contextmanager
    def step(self, label, settle=True):
        """What is done inside, until all is quiet; without *settle* somebody waits at a hold."""
        self.requests = []
        start = len(self.cloud.site.clock.records)
        yield
        if settle:
            self.cloud.settle()
        trace = self.cloud.site.clock.records
        records = list(zip(trace.threads[start:], trace[start:], strict=True))
        self.steps.append((label, self.requests, records, self.books(), hosts(self.cloud)))

    def create_step(self, **fields):
        with self.step("create"):
            self.create(**fields)

    def refused(self, label, **fields):
        with self.step(label):
            self.create(**fields)

    def act_step(self, label, what=None, /, **arguments):
        with self.step(label):
            self.act(label, what, **arguments)

    def delete_step(self):
        self.act_step("delete")

    def periodic(self, task):
        with self.step(task.lstrip("_")):
            self.cloud.periodic(task, "host1")

    # -- breaking -----------------------------------------------------------------------
    def fault(self, step, host=None, raises=None, times=1000, **fields):
        """Something fails at a step of the recording."""
        kind, at = _step(step)
        self.add(Fault(kind, host=host, error=raises, times=times, at=at, **fields))

    def lose(self, method):
        """A cast is lost."""
        self.add(Fault("message", at=method))

    def hold(self, step, host=None):
        """The next one at a step waits there."""
        kind, at = _step(step)
        self.add(Fault(kind, host=host, at=at, delay_s=HOLD_S))

    def let_go(self):
        """Let nobody wait any more at the last hold, if nobody has come to it."""
        self.faults.pop()
        self._cloud.site.faults._left.pop()

    def add(self, fault):
        """Add a fault, to the cloud if there is one already."""
        self.faults.append(fault)
        if self._cloud is not None:
            self._cloud.add_fault(fault)

    def mend(self):
        """Forget all faults."""
        self.faults.clear()
        if self._cloud is not None:
            self._cloud.site.faults._left.clear()

    def arrive(self):
        """Let time pass until somebody waits at a hold."""
        self.cloud.run(self.cloud.now + BEFORE_S)

    # -- looking ------------------------------------------------------------------------
    def books(self):
        """What is left of each server, in every place that keeps something of it."""
        return [books(self.cloud, name) for name in self.names if name in self.cloud.site.servers]


def _step(step):
    if step.startswith("handle "):
        return "message", step.removeprefix("handle ")
    return STEPS.get(step, step), None


def books(cloud, name):
    """The books of one server, with the images counted: their names are the recorder's."""
    found = cloud.books(name)
    return found | {"images": len(found["images"])}


def hosts(cloud):
    """What each compute believes that it has given away."""
    site, found = cloud.site, {}
    for host, compute in site.computes.items():
        node = next(node for node in site.db.compute_nodes.values() if node.host == host)
        node = compute.rt.compute_nodes.get(host, node)
        found[host] = {name: getattr(node, name) for name in RESOURCES}
        found[host]["failed_builds"] = int(compute.rt.stats.get("failed_builds", 0))
    return found


SCENARIOS = {}


def scenario(function):
    """Register a scenario under its name."""
    SCENARIOS[function.__name__] = function
    return function


def listening(function):
    """Register a scenario in which the driver tells of its guests."""

    def play(p):
        p.options = p.options.replace(handle_virt_lifecycle_events=True)
        function(p)

    SCENARIOS[function.__name__] = play
    return function


def simple(name, *steps, before=(), model=None):
    """Register a scenario of a server that is up, asked for one thing after another."""

    def play(p):
        if model:
            p.model = model
        p.boot()
        for action in before:
            p.do(action)
        for label, action, arguments in steps:
            p.act_step(label, action, **arguments)

    SCENARIOS[name] = play


SOFT, HARD = {"reboot_type": "SOFT"}, {"reboot_type": "HARD"}
REBOOT_HARD = ("reboot_hard", "reboot", HARD)
IMAGE = ("createImage", None, {})
BACKUP = {"backup_type": "daily", "rotation": 1}


def plain(*names):
    return [(name, None, {}) for name in names]


simple("stop_start", ("stop", "os-stop", {}), ("start", "os-start", {}))
simple("pause_unpause", *plain("pause", "unpause"))
simple("suspend_resume", *plain("suspend", "resume"))
simple("reboot", ("reboot_soft", "reboot", SOFT), REBOOT_HARD)
simple("reboot_hard_when_stopped", REBOOT_HARD, before=["os-stop"])
simple("reboot_hard_when_paused", REBOOT_HARD, before=["pause"])
simple("reboot_hard_when_suspended", REBOOT_HARD, before=["suspend"])
simple("rescue_unrescue", *plain("rescue", "unrescue"))
simple("rescue_when_stopped", *plain("rescue", "unrescue"), before=["os-stop"])
simple("set_password", *plain("changePassword"))
simple("lock_unlock", *plain("lock", "unlock"))
simple("rename", ("update", "rename", {"name": "renamed"}))
simple("create_image", IMAGE)
simple("create_image_direct", IMAGE, model="direct")
simple("create_image_when_stopped", IMAGE, before=["os-stop"])
simple("create_image_when_paused", IMAGE, before=["pause"])
simple("create_backup", ("createBackup", None, BACKUP))
simple("trigger_crash_dump", *plain("trigger_crash_dump"))
simple("delete", *plain("delete"))
simple("delete_when_stopped", *plain("delete"), before=["os-stop"])
simple("soft_delete_restore", *plain("delete", "restore"))
simple("soft_delete_force_delete", *plain("delete", "forceDelete"))
simple("force_delete", *plain("forceDelete"))
simple(
    "reset_state",
    ("reset_error", "os-resetState", {"state": "error"}),
    ("reset_active", "os-resetState", {"state": "active"}),
)


@scenario
def create_backup_rotates(p):
    p.boot()
    p.act_step("createBackup", **BACKUP)
    with p.step("createBackup again"):
        p.act("createBackup", **BACKUP)


@scenario
def stop_when_error(p):
    p.boot()
    p.do("os-resetState", state="error")
    p.act_step("stop", "os-stop")


@scenario
def reboot_hard_when_error(p):
    p.boot()
    p.do("os-resetState", state="error")
    p.act_step("reboot_hard", "reboot", reboot_type="HARD")


@scenario
def reboot_hard_while_rebooting(p):
    p.boot()
    p.hold("reboot", "host1")
    with p.step("reboot_soft, reboot_hard in the middle"):
        p.act("reboot_soft", "reboot", reboot_type="SOFT")
        p.arrive()
        p.act("reboot_hard", "reboot", reboot_type="HARD")


@scenario
def create_image_twice(p):
    p.boot()
    p.hold("uploading")
    with p.step("createImage, again in the middle"):
        p.act("createImage")
        p.arrive()
        p.act("createImage again", "createImage")
        p.act("stop", "os-stop")


@scenario
def stop_when_never_built(p):
    p.fault("spawn", raises="BuildAbortException")
    p.boot()
    for label, action, arguments in (("stop", "os-stop", {}), REBOOT_HARD, IMAGE):
        p.act_step(label, action, **arguments)


@scenario
def power_sync_guest_died(p):
    p.boot()
    p.cloud.guest_stops("web")
    p.periodic("_sync_power_states")


@scenario
def power_sync_guest_runs(p):
    p.boot()
    p.do("os-stop")
    p.cloud.guest_starts("web")
    p.periodic("_sync_power_states")


@scenario
def power_sync_skips_a_task(p):
    p.boot()
    p.hold("uploading")
    with p.step("createImage, power sync in the middle"):
        p.act("createImage")
        p.arrive()
        p.cloud.guest_stops("web")
        p.cloud.periodic("_sync_power_states", "host1")


def _told(p, word, guest):
    """Let a guest change, and its driver tell of it."""
    with p.step(f"VM {word}"):
        guest()
        p.cloud.run(p.cloud.now + 16)


@listening
def lifecycle_event_guest_died(p):
    p.boot()
    _told(p, "Stopped", lambda: p.cloud.guest_stops("web"))


@listening
def lifecycle_event_guest_runs(p):
    p.boot()
    p.do("os-stop")
    p.cloud.run(p.cloud.now + 16)  # it has stopped, and Nova knows
    _told(p, "Started", lambda: p.cloud.guest_starts("web"))


@listening
def lifecycle_event_skips_a_task(p):
    p.boot()
    p.hold("uploading")
    with p.step("createImage, VM Stopped in the middle"):
        p.act("createImage")
        p.arrive()
        p.cloud.guest_stops("web")


@listening
def lifecycle_event_of_a_pause(p):
    p.boot()
    uuid = p.cloud.site.uuid_of("web")
    guests = p.cloud.drivers["host1"].guests
    for word, state in (("Paused", power_state.PAUSED), ("Resumed", power_state.RUNNING)):
        _told(p, word, lambda state=state: guests.__setitem__(uuid, state))


@scenario
def actions_fail(p):
    p.boot()
    for label, call, name, arguments in (
        ("stop", "power_off", "os-stop", {}),
        ("pause", "pause", "pause", {}),
        ("suspend", "suspend", "suspend", {}),
        ("reboot_soft", "reboot", "reboot", SOFT),
        ("reboot_hard", "reboot", "reboot", HARD),
        ("changePassword", "set_admin_password", "changePassword", {}),
        ("createImage", "snapshot", "createImage", {}),
        ("createBackup", "snapshot", "createBackup", BACKUP),
        ("rescue", "rescue", "rescue", {}),
    ):
        p.fault(call, raises="ValueError")
        p.act_step(f"{label} fails", name, **arguments)
        p.mend()
        p.cloud.guest_starts("web")
        row = p.cloud.site.db.instances[p.cloud.site.uuid_of("web")]
        row.update(vm_state="active", task_state=None, power_state=1)


@scenario
def actions_back_fail(p):
    for number, (label, call, first, name) in enumerate(
        (
            ("start", "power_on", "os-stop", "os-start"),
            ("unpause", "unpause", "pause", "unpause"),
            ("resume", "resume", "suspend", "resume"),
            ("unrescue", "unrescue", "rescue", "unrescue"),
        )
    ):
        p.current = f"web{number}"
        p.names = [p.current]
        p.boot()
        p.do(first)
        p.fault(call, raises="ValueError")
        p.act_step(f"{label} fails", name)
        p.mend()
        p.do("delete")


# -- create ---------------------------------------------------------------------------------
def created(name, *faults, **fields):
    """Register a scenario of one create, with faults (step, host, error)."""

    def play(p):
        for step, host, error in faults:
            p.fault(step, host, error)
        p.create_step(**fields)

    SCENARIOS[name] = play


UNAVAILABLE = "ComputeResourcesUnavailable"
ON_HOST1 = ("spawn", "host1", UNAVAILABLE)
created("create")
created("create_without_network", networks="none")
created("create_on_named_host", requested_destination=Destination(host="host2"))
created("create_no_valid_host", flavor="huge")
created("create_reschedule", ON_HOST1)
created("create_reschedule_unexpected", ("spawn", "host1", "ValueError"))
created("create_reschedule_claim", ("claim", "host1", UNAVAILABLE))
created("create_exhausted_alternates", ("spawn", None, UNAVAILABLE))
created("create_max_attempts", ("spawn", None, UNAVAILABLE))
created("create_max_attempts_1", ON_HOST1)
created("create_fails_on_forced_host", ON_HOST1, force_hosts=["host1"])
created("create_abort", ("spawn", None, "BuildAbortException"))
created("create_image_unacceptable", ("spawn", None, "ImageUnacceptable"))
created("create_disk_smaller_than_image", ("spawn", None, "FlavorDiskSmallerThanImage"))
created("create_network_fails", ("neutron allocate_for_instance", "host1", "NovaException"))
created(
    "create_network_no_more_fixed_ips", ("neutron allocate_for_instance", None, "NoMoreFixedIps")
)
created("create_vif_fails", ("spawn", None, "VirtualInterfaceCreateException"))
created("create_block_device_fails", ("block_device_mapping", None, "InvalidBDM"))
created("create_block_device_fails_unexpectedly", ("block_device_mapping", None, "ValueError"))
created("create_reschedule_then_abort", ON_HOST1, ("spawn", "host2", "BuildAbortException"))
created("create_cleanup_fails", ON_HOST1, ("destroy", "host1", "ValueError"))


def created_two(name, *faults, **fields):
    """Register a scenario of one request for two servers."""

    def play(p):
        for step, host, error, times in faults:
            p.fault(step, host, error, times)
        with p.step("create two"):
            p.create(count=2, **fields)

    SCENARIOS[name] = play


created_two("create_two")
created_two("create_two_of_which_one_is_rescheduled", (*ON_HOST1, 1))
created_two("create_two_no_valid_host", flavor="huge")
created_two("create_two_one_at_a_time")


@scenario
def create_over_quota_in_the_meantime(p):
    p.hold("handle select_destinations")
    with p.step("create"):
        p.create()
        p.arrive()
        p.cloud.site.quota["instances"] = 0


@scenario
def create_refused(p):
    """What the lab has no requests for (names of flavors, images, networks, keys) is left out."""
    p.refused("no such host", requested_destination=Destination(host="host9"))
    p.refused("no such zone", availability_zone="none")
    p.refused("too little RAM for the image", image=ImageMeta(min_ram=1024))
    p.refused("too small a disk for the image", image=ImageMeta(min_disk=2))
    p.refused("the image is larger than the disk", image=ImageMeta(size=2 * 1024**3))
    p.refused("the image is not active", image=ImageMeta(UUID, status="deactivated"))
    p.cloud.site.quota["instances"] = 0
    p.refused("quota of servers")
    p.cloud.site.quota.update(instances=10, cores=1)
    p.refused("quota of vCPUs", flavor="big")


def filled(p, *hosts):
    """Leave 1 GiB of disk on each of the hosts, in placement alone."""
    for host in hosts:
        fleet = p.cloud.site.fleet
        fleet.inventories["DISK_GB"].used[fleet.rows[host]] += 1027


def two_at_once(p):
    """Both have read what placement and the hosts say when the first one claims."""
    p.add(Fault("select_destinations", delay_s=HOLD_S, times=2))
    p.names = ["web", "web-2"]
    with p.step("create twice"):
        p.create()
        p.arrive()
        p.current = "web-2"
        p.create()


@scenario
def create_race(p):
    filled(p, "host1")
    p.fault("spawn", "host2", UNAVAILABLE)
    two_at_once(p)


@scenario
def create_race_lost(p):
    filled(p, "host1")
    two_at_once(p)


@scenario
def create_two_one_each(p):
    filled(p, "host1", "host2")
    p.hold("handle build_and_run_instance", "host2")
    with p.step("create two"):
        p.create(count=2)


@scenario
def create_two_room_for_one(p):
    filled(p, "host1")
    with p.step("create two"):
        p.create(count=2)


@scenario
def create_alternate_full(p):
    p.hold("spawn", "host1")
    p.fault("spawn", "host1", UNAVAILABLE, delay_s=HOLD_S)
    p.faults.pop(0)
    with p.step("create"):
        p.create()
        p.arrive()
        inventory = p.cloud.site.fleet.inventories["VCPU"]
        inventory.used[p.cloud.site.fleet.rows["host2"]] += 10


@scenario
def create_when_the_message_is_lost(p):
    p.lose("build_and_run_instance")
    p.create_step()
    p.delete_step()


@scenario
def create_reset_while_spawning(p):
    p.hold("spawn", "host1")
    with p.step("create, reset in the middle"):
        p.create()
        p.arrive()
        p.act("reset", "os-resetState", state="active")
    p.act_step(*REBOOT_HARD[:2], **HARD)
    p.delete_step()


@scenario
def create_times_out(p):
    p.hold("spawn", "host1")
    with p.step("create", settle=False):
        p.create()
        p.arrive()
    row = p.cloud.site.db.instances[p.cloud.site.uuid_of("web")]
    row["created_at"] -= 3600
    with p.step("check_instance_build_time", settle=False):
        p.cloud.periodic("_check_instance_build_time", "host1")
    with p.step("the spawn ends"):
        pass


@scenario
def create_when_host_down(p):
    p.cloud.host_down("host1", forced=True)
    p.create_step()


@scenario
def create_when_all_hosts_down(p):
    p.cloud.host_down("host1", forced=True)
    p.cloud.host_down("host2", forced=True)
    p.create_step()


@scenario
def create_when_host_down_unnoticed(p):
    p.cloud.host_down("host1")
    p.create_step()
    p.delete_step()


# -- delete ---------------------------------------------------------------------------------
@scenario
def delete_when_error(p):
    p.fault("spawn", raises="BuildAbortException")
    p.boot()
    p.delete_step()


SCENARIOS["soft_delete_when_error"] = delete_when_error


@scenario
def delete_in_cell0(p):
    p.boot(flavor="huge")
    p.delete_step()


@scenario
def delete_when_host_down(p):
    p.boot()
    p.cloud.host_down("host1", forced=True)
    p.delete_step()


@scenario
def delete_when_the_message_is_lost(p):
    p.boot()
    p.lose("terminate_instance")
    p.delete_step()
    p.delete_step()


@scenario
def delete_after_ports_were_left(p):
    p.fault("spawn", "host1", UNAVAILABLE)
    p.fault("deallocate_network", raises="ValueError", times=1)
    p.create_step()
    p.delete_step()


@scenario
def delete_fails(p):
    p.boot()
    p.fault("destroy", raises="ValueError")
    p.delete_step()
    p.mend()
    p.delete_step()


@scenario
def soft_delete_reclaim(p):
    p.boot()
    p.delete_step()
    row = p.cloud.site.db.instances[p.cloud.site.uuid_of("web")]
    row["deleted_at"] -= 3600
    p.periodic("_reclaim_queued_deletes")


def meanwhile(name, step, host=None, again=False, fails=False):
    """Register: create a server, delete it while somebody waits at a step."""

    def play(p):
        if fails:
            p.fault("spawn", host="host1", raises=UNAVAILABLE)
        p.hold(step, host)
        with p.step("create, delete in the middle"):
            p.create()
            p.arrive()
            p.act("delete")
            if again:
                p.cloud.run(p.cloud.now + 5)
                p.act("delete")

    SCENARIOS[name] = play


meanwhile("delete_while_scheduling", "handle select_destinations")
meanwhile("delete_while_row_is_new", "recheck_quota")
meanwhile("delete_while_on_its_way", "handle build_and_run_instance")
meanwhile("delete_before_claim", "claim")
meanwhile("delete_while_networking", "prepare_for_spawn")
meanwhile("delete_while_block_device_mapping", "block_device_mapping")
meanwhile("delete_while_spawning", "spawn")
meanwhile("delete_twice_while_spawning", "spawn", again=True)
meanwhile("soft_delete_while_spawning", "spawn")
meanwhile("delete_while_rescheduling", "handle build_instances", fails=True)
meanwhile("delete_while_spawning_elsewhere", "spawn", "host2", fails=True)


def middle(name, step, label, action):
    """Register: ask for an action, and delete the server in the middle."""

    def play(p):
        p.boot()
        p.hold(step)
        with p.step(f"{label}, delete in the middle"):
            p.act(label, action)
            p.arrive()
            p.act("delete")

    SCENARIOS[name] = play


middle("delete_while_powering_off", "power_off", "stop", "os-stop")
middle("delete_while_uploading", "uploading", "createImage", "createImage")


# -- a nova-compute that dies ---------------------------------------------------------------
def dies(name, step, label, action=None, **arguments):
    """Register: when somebody waits at a step, host1's nova-compute dies and starts again."""

    def play(p):
        if action is not None:
            p.boot()
        p.hold(step, "host1")
        with p.step(f"{label}, nova-compute dies in the middle"):
            if action is None:
                p.create()
            else:
                p.act(label, action, **arguments)
            p.arrive()
            p.cloud.host_down("host1")
        with p.step(AGAIN):
            p.cloud.host_up("host1")

    SCENARIOS[name] = play


dies("restart_before_claim", "claim", "create")
dies("restart_while_networking", "prepare_for_spawn", "create")
dies("restart_while_block_device_mapping", "block_device_mapping", "create")
dies("restart_while_spawning", "spawn", "create")
dies("restart_while_powering_off", "power_off", "stop", "os-stop")
dies("restart_while_rebooting", "reboot", "reboot_soft", "reboot", reboot_type="SOFT")
dies("restart_while_uploading", "uploading", "createImage", "createImage")
dies("restart_while_deleting", "destroy", "delete", "delete")


@scenario
def restart_when_idle(p):
    p.boot()
    p.cloud.host_down("host1")
    with p.step(AGAIN):
        p.cloud.host_up("host1")


def play(name, options=(), hosts=("host1", "host2"), mode="vm_and_task_state", **fields):
    """Play a scenario; the Player, whose *fields* are set, knows what happened."""
    player = Player(options, hosts, mode)
    vars(player).update(fields)
    SCENARIOS[name](player)
    return player
