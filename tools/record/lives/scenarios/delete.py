"""Deletes: of a server that is up, of one that never was, and in the middle of something."""

from tools.record.lives.faults import RAISES
from tools.record.lives.scenarios import scenario

RECLAIM = [(None, "reclaim_instance_interval", 300)]


@scenario()
def delete(c, t):
    """A server that is up."""
    c.boot()
    t.delete_step()


@scenario()
def delete_when_stopped(c, t):
    """A server that is stopped."""
    c.boot()
    c.act("os-stop")
    t.delete_step()


@scenario()
def delete_when_error(c, t):
    """A server whose build was aborted; it has no host."""
    c.fault("spawn", raises=RAISES["BuildAbortException"])
    c.boot()
    t.delete_step()


@scenario()
def delete_in_cell0(c, t):
    """A server that found no host; it lies in cell0."""
    c.boot(flavor="huge")
    t.delete_step()


@scenario(fresh=True)
def delete_when_host_down(c, t):
    """The compute service of the server is down: the API does it alone."""
    c.boot()
    c.take_down("host1")
    t.delete_step()


@scenario(fresh=True)
def delete_when_the_message_is_lost(c, t):
    """The cast to the compute is lost: the server stays, and a second delete does nothing."""
    c.boot()
    c.fault("cast terminate_instance", lost=True, times=1)
    t.delete_step(None)
    t.delete_step(None)


@scenario()
def delete_after_ports_were_left(c, t):
    """The build goes on elsewhere, and neutron did not give its ports back."""
    c.fault("spawn", host="host1", raises=RAISES["ComputeResourcesUnavailable"])
    c.fault("neutron deallocate_for_instance", raises=RAISES["ValueError"], times=1)
    t.create_step(None)
    t.delete_step()


@scenario()
def delete_fails(c, t):
    """The driver cannot destroy the guest; then the same again without the fault."""
    c.boot()
    fault = c.fault("destroy", raises=RAISES["ValueError"])
    t.delete_step(status="ERROR")
    fault.let_go()
    t.delete_step()


@scenario(options=RECLAIM)
def soft_delete_restore(c, t):
    """With reclaim_instance_interval a delete only switches off; restore takes it back."""
    c.boot()
    t.delete_step(status="SOFT_DELETED")
    t.act_step("restore", status="ACTIVE")


@scenario(options=RECLAIM)
def soft_delete_force_delete(c, t):
    """A server that is soft-deleted is deleted for good."""
    c.boot()
    t.delete_step(status="SOFT_DELETED")
    t.act_step("forceDelete", status="gone")


@scenario(options=RECLAIM)
def soft_delete_reclaim(c, t):
    """The periodic task deletes what was soft-deleted long enough ago."""
    c.boot()
    t.delete_step(status="SOFT_DELETED")
    c.age("deleted_at")
    t.periodic("_reclaim_queued_deletes", "host1", status="gone")


@scenario(options=RECLAIM)
def force_delete(c, t):
    """A server that is up, deleted for good although soft delete is on."""
    c.boot()
    t.act_step("forceDelete", status="gone")


@scenario(options=RECLAIM)
def soft_delete_when_error(c, t):
    """A soft delete of a server that never came up deletes it for good."""
    c.fault("spawn", raises=RAISES["BuildAbortException"])
    c.boot()
    t.delete_step()


def meanwhile(c, t, step, host=None, again=False):
    """Create a server, delete it while somebody waits at *step*, and let that one go on."""
    held = c.hold(step, host)
    with t.step("create, delete in the middle", "gone"):
        t.create()
        c.wait_for(held)
        t.delete()
        c.stalled()
        if again:
            t.delete()
            c.stalled()
        held.let_go()


@scenario()
def delete_while_scheduling(c, t):
    """The scheduler is at work; there is only the BuildRequest."""
    meanwhile(c, t, "handle select_destinations")


@scenario()
def delete_while_row_is_new(c, t):
    """The conductor has made the row; the BuildRequest is still there."""
    meanwhile(c, t, "recheck_quota")


@scenario()
def delete_while_on_its_way(c, t):
    """The compute has the message and has not begun; the row says scheduling, without a host."""
    meanwhile(c, t, "handle build_and_run_instance")


@scenario()
def delete_before_claim(c, t):
    """The compute has begun (task None) and has not claimed: no host yet."""
    meanwhile(c, t, "claim")


@scenario()
def delete_while_networking(c, t):
    """The compute has saved networking; the next save has no guard."""
    meanwhile(c, t, "prepare_for_spawn")


@scenario()
def delete_while_block_device_mapping(c, t):
    """The compute prepares the block devices; the next save is guarded."""
    meanwhile(c, t, "block_device_mapping")


@scenario()
def delete_while_spawning(c, t):
    """The driver is at work; the next save is guarded."""
    meanwhile(c, t, "spawn")


@scenario()
def delete_twice_while_spawning(c, t):
    """As above, and the impatient user asks again."""
    meanwhile(c, t, "spawn", again=True)


@scenario(options=RECLAIM)
def soft_delete_while_spawning(c, t):
    """As delete_while_spawning, with soft delete."""
    meanwhile(c, t, "spawn")


@scenario()
def delete_while_rescheduling(c, t):
    """The spawn on host1 failed; the conductor has the message and has not begun."""
    c.fault("spawn", host="host1", raises=RAISES["ComputeResourcesUnavailable"])
    meanwhile(c, t, "handle build_instances")


@scenario()
def delete_while_spawning_elsewhere(c, t):
    """The spawn on host1 failed; the driver of host2 is at work."""
    c.fault("spawn", host="host1", raises=RAISES["ComputeResourcesUnavailable"])
    meanwhile(c, t, "spawn", "host2")


def middle(c, t, step, label, name, value=None):
    """Ask for an action of a server that is up, and delete it in the middle."""
    c.boot()
    held = c.hold(step)
    with t.step(f"{label}, delete in the middle", "gone"):
        t.act(label, name, value)
        c.wait_for(held)
        t.delete()
        c.stalled()
        held.let_go()


@scenario()
def delete_while_powering_off(c, t):
    """The driver stops the guest; the delete waits for the lock of the instance."""
    middle(c, t, "power_off", "stop", "os-stop")


@scenario()
def delete_while_uploading(c, t):
    """The snapshot is being uploaded; it holds no lock, and its next save is refused."""
    middle(c, t, "uploading", "createImage", "createImage", {"name": "snap"})
