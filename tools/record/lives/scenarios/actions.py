"""What can be asked of a server that is up, and what it does by itself."""

from tools.record.lives import backend  # noqa: F401

# isort: split
from nova.compute import power_state
from nova.virt import event as virtevent

from tools.record.lives.driver import RecordDriver
from tools.record.lives.faults import RAISES
from tools.record.lives.scenarios import scenario

BACKUP = {"name": "backup", "backup_type": "daily", "rotation": 1}


@scenario()
def stop_start(c, t):
    c.boot()
    t.act_step("stop", "os-stop", status="SHUTOFF")
    t.act_step("start", "os-start", status="ACTIVE")


@scenario()
def pause_unpause(c, t):
    c.boot()
    t.act_step("pause", status="PAUSED")
    t.act_step("unpause", status="ACTIVE")


@scenario()
def suspend_resume(c, t):
    c.boot()
    t.act_step("suspend", status="SUSPENDED")
    t.act_step("resume", status="ACTIVE")


@scenario()
def reboot(c, t):
    c.boot()
    t.act_step("reboot_soft", "reboot", {"type": "SOFT"}, status="ACTIVE")
    t.act_step("reboot_hard", "reboot", {"type": "HARD"}, status="ACTIVE")


@scenario()
def reboot_hard_when_stopped(c, t):
    """A hard reboot starts a server that is stopped."""
    c.boot()
    c.act("os-stop")
    t.act_step("reboot_hard", "reboot", {"type": "HARD"}, status="ACTIVE")


@scenario()
def reboot_hard_when_paused(c, t):
    """A hard reboot starts a server that is paused."""
    c.boot()
    c.act("pause")
    t.act_step("reboot_hard", "reboot", {"type": "HARD"}, status="ACTIVE")


@scenario()
def reboot_hard_when_suspended(c, t):
    """A hard reboot starts a server that is suspended."""
    c.boot()
    c.act("suspend")
    t.act_step("reboot_hard", "reboot", {"type": "HARD"}, status="ACTIVE")


@scenario()
def reboot_hard_while_rebooting(c, t):
    """A soft reboot hangs in the driver; a hard one is allowed, and waits for the lock."""
    c.boot()
    held = c.hold("reboot", "host1")
    with t.step("reboot_soft, reboot_hard in the middle", "ACTIVE"):
        t.act("reboot_soft", "reboot", {"type": "SOFT"})
        c.wait_for(held)
        t.act("reboot_hard", "reboot", {"type": "HARD"})
        c.stalled()
        held.let_go()


@scenario()
def rescue_unrescue(c, t):
    c.boot()
    t.act_step("rescue", value={"adminPass": "secret"}, status="RESCUE")
    t.act_step("unrescue", status="ACTIVE")


@scenario()
def rescue_when_stopped(c, t):
    """Unrescue starts a server that was stopped before."""
    c.boot()
    c.act("os-stop")
    t.act_step("rescue", value={"adminPass": "secret"}, status="RESCUE")
    t.act_step("unrescue", status="ACTIVE")


@scenario()
def set_password(c, t):
    c.boot()
    t.act_step("changePassword", value={"adminPass": "new"}, status="ACTIVE")


@scenario()
def lock_unlock(c, t):
    c.boot()
    t.act_step("lock", status="ACTIVE")
    t.act_step("unlock", status="ACTIVE")


@scenario()
def rename(c, t):
    c.boot()
    with t.step("update", "ACTIVE"):
        t.ask("update", "PUT", "/servers/{id}", {"server": {"name": "renamed"}})


@scenario()
def create_image(c, t):
    """The driver steps as libvirt with qcow2, raw or lvm disks."""
    c.boot()
    t.act_step("createImage", value={"name": "snap"}, status="ACTIVE")


@scenario()
def create_image_direct(c, t):
    """The driver steps as libvirt with rbd disks (direct snapshot)."""
    RecordDriver.snapshot_model = "direct"
    c.boot()
    t.act_step("createImage", value={"name": "snap"}, status="ACTIVE")


@scenario()
def create_image_when_stopped(c, t):
    c.boot()
    c.act("os-stop")
    t.act_step("createImage", value={"name": "snap"}, status="SHUTOFF")


@scenario()
def create_image_when_paused(c, t):
    c.boot()
    c.act("pause")
    t.act_step("createImage", value={"name": "snap"}, status="PAUSED")


@scenario()
def create_image_twice(c, t):
    """A second snapshot while the first is being uploaded is refused."""
    c.boot()
    held = c.hold("uploading")
    with t.step("createImage, again in the middle", "ACTIVE"):
        t.act("createImage", value={"name": "snap"})
        c.wait_for(held)
        t.act("createImage again", "createImage", {"name": "snap2"})
        t.act("stop", "os-stop")
        held.let_go()


@scenario()
def create_backup(c, t):
    c.boot()
    t.act_step("createBackup", value=BACKUP, status="ACTIVE")


@scenario()
def create_backup_rotates(c, t):
    """Two backups with rotation 1: the older is deleted."""
    c.boot()
    t.act_step("createBackup", value=BACKUP, status="ACTIVE")
    with t.step("createBackup again", "ACTIVE"):
        t.act("createBackup", value=BACKUP | {"name": "backup2"})


@scenario()
def trigger_crash_dump(c, t):
    c.boot()
    t.act_step("trigger_crash_dump", status="ACTIVE")


@scenario()
def reset_state(c, t):
    c.boot()
    t.act_step("reset_error", "os-resetState", {"state": "error"}, status="ERROR")
    t.act_step("reset_active", "os-resetState", {"state": "active"}, status="ACTIVE")


@scenario()
def stop_when_error(c, t):
    """A server in error may be stopped, and is well again."""
    c.boot()
    c.act("os-resetState", {"state": "error"})
    t.act_step("stop", "os-stop", status="SHUTOFF")


@scenario()
def reboot_hard_when_error(c, t):
    """A server in error may be rebooted hard, and is well again."""
    c.boot()
    c.act("os-resetState", {"state": "error"})
    t.act_step("reboot_hard", "reboot", {"type": "HARD"}, status="ACTIVE")


@scenario()
def stop_when_never_built(c, t):
    """A server in error that has no host: nothing but a delete is accepted."""
    c.fault("spawn", raises=RAISES["BuildAbortException"])
    c.boot()
    with t.step("stop", "ERROR"):
        t.act("stop", "os-stop")
    with t.step("reboot_hard", "ERROR"):
        t.act("reboot_hard", "reboot", {"type": "HARD"})
    with t.step("createImage", "ERROR"):
        t.act("createImage", value={"name": "snap"})


@scenario()
def power_sync_guest_died(c, t):
    """The guest dies by itself; the periodic power sync finds out."""
    c.boot()
    c.guest("host1").state = power_state.SHUTDOWN
    t.periodic("_sync_power_states", "host1", status="SHUTOFF")


@scenario()
def power_sync_guest_runs(c, t):
    """The guest of a stopped server runs; the periodic power sync stops it."""
    c.boot()
    c.act("os-stop")
    c.guest("host1").state = power_state.RUNNING
    t.periodic("_sync_power_states", "host1", status="SHUTOFF")


@scenario()
def power_sync_skips_a_task(c, t):
    """The guest dies while a snapshot is being uploaded: the sync leaves it alone."""
    c.boot()
    held = c.hold("uploading")
    with t.step("createImage, power sync in the middle", "ACTIVE"):
        t.act("createImage", value={"name": "snap"})
        c.wait_for(held)
        c.guest("host1").state = power_state.SHUTDOWN
        c.periodic("_sync_power_states", "host1")
        c.stalled()
        held.let_go()


@scenario()
def lifecycle_event_guest_died(c, t):
    """The guest dies by itself, and the driver tells of it."""
    c.boot()
    c.guest("host1").state = power_state.SHUTDOWN
    with t.step("VM Stopped", "SHUTOFF"):
        c.event(virtevent.EVENT_LIFECYCLE_STOPPED)


@scenario()
def lifecycle_event_guest_runs(c, t):
    """The guest of a stopped server starts, and the driver tells of it."""
    c.boot()
    c.act("os-stop")
    c.guest("host1").state = power_state.RUNNING
    with t.step("VM Started", "SHUTOFF"):
        c.event(virtevent.EVENT_LIFECYCLE_STARTED)


@scenario()
def lifecycle_event_skips_a_task(c, t):
    """The guest dies while a snapshot is being uploaded: the event changes nothing."""
    c.boot()
    held = c.hold("uploading")
    with t.step("createImage, VM Stopped in the middle", "ACTIVE"):
        t.act("createImage", value={"name": "snap"})
        c.wait_for(held)
        c.guest("host1").state = power_state.SHUTDOWN
        c.event(virtevent.EVENT_LIFECYCLE_STOPPED)
        c.stalled()
        held.let_go()


@scenario()
def lifecycle_event_of_a_pause(c, t):
    """The guest is paused by somebody else: only the power state follows."""
    c.boot()
    for state, transition in (
        (power_state.PAUSED, virtevent.EVENT_LIFECYCLE_PAUSED),
        (power_state.RUNNING, virtevent.EVENT_LIFECYCLE_RESUMED),
    ):
        c.guest("host1").state = state
        with t.step(f"VM {virtevent.NAMES[transition]}", "ACTIVE"):
            c.event(transition)


@scenario()
def actions_fail(c, t):
    """The driver fails in each action in turn; between them the guest runs as before."""
    c.boot()
    for label, call, name, value in (
        ("stop", "power_off", "os-stop", None),
        ("pause", "pause", "pause", None),
        ("suspend", "suspend", "suspend", None),
        ("reboot_soft", "reboot", "reboot", {"type": "SOFT"}),
        ("reboot_hard", "reboot", "reboot", {"type": "HARD"}),
        ("changePassword", "set_admin_password", "changePassword", {"adminPass": "new"}),
        ("createImage", "snapshot", "createImage", {"name": "snap"}),
        ("createBackup", "snapshot", "createBackup", BACKUP),
        ("rescue", "rescue", "rescue", {"adminPass": "secret"}),
    ):
        fault = c.fault(call, raises=RAISES["ValueError"])
        t.act_step(f"{label} fails", name, value)
        fault.let_go()
        c.mend()


@scenario()
def actions_back_fail(c, t):
    """The driver fails in each action that undoes another."""
    for label, call, first, name in (
        ("start", "power_on", "os-stop", "os-start"),
        ("unpause", "unpause", "pause", "unpause"),
        ("resume", "resume", "suspend", "resume"),
        ("unrescue", "unrescue", "rescue", "unrescue"),
    ):
        c.boot()
        c.act(first)
        fault = c.fault(call, raises=RAISES["ValueError"])
        t.act_step(f"{label} fails", name)
        fault.let_go()
        c.forget_server()
