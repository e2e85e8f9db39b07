"""Moves that fail, are tried elsewhere, or are left in the middle: resize, migrate, evacuate, rebuild."""

import time

from tools.record.lives import hooks_moves  # noqa: F401  what it hooks happens in these scenarios alone
from tools.record.lives.cloud import IMAGE, IMAGE2
from tools.record.lives.faults import RAISES
from tools.record.lives.hooks_messages import Work
from tools.record.lives.scenarios import scenario
from tools.record.lives.scenarios.restart import dies

THREE = ("host1", "host2", "host3")
BIG = {"flavorRef": "big"}
AT_ONCE = [(None, "resize_confirm_window", 1)]


# -- resize and cold migrate ------------------------------------------------------------------
@scenario()
def resize_revert_when_stopped(c, t):
    c.boot()
    c.act("os-stop")
    t.act_step("resize", value=BIG, status="VERIFY_RESIZE")
    t.act_step("revertResize", status="SHUTOFF")


@scenario()
def cold_migrate_revert(c, t):
    c.boot()
    t.act_step("migrate", status="VERIFY_RESIZE")
    t.act_step("revertResize", status="ACTIVE")


@scenario(hosts=THREE)
def cold_migrate_to_host(c, t):
    """The scheduler is asked whether the host will do."""
    c.boot()
    t.act_step("migrate", value={"host": "host3"}, status="VERIFY_RESIZE")


@scenario(fresh=True)
def cold_migrate_no_valid_host(c, t):
    """The only other host is down."""
    c.boot()
    c.take_down("host2")
    t.act_step("migrate", status="ACTIVE")


@scenario(options=AT_ONCE)
def resize_confirm_by_the_clock(c, t):
    """The periodic task of the destination confirms after resize_confirm_window."""
    c.boot()
    t.act_step("resize", value=BIG, status="VERIFY_RESIZE")
    time.sleep(2)
    t.periodic("_poll_unconfirmed_resizes", "host2", status="ACTIVE")


@scenario(hosts=THREE)
def resize_reschedule(c, t):
    """The claim fails on the first host: the conductor takes the next, the scheduler is not asked."""
    c.boot()
    c.fault("claim", host="host2", raises=RAISES["ComputeResourcesUnavailable"])
    held = c.hold("handle prep_resize", "host3")  # until the first host is through: they would race
    with t.step("resize", "VERIFY_RESIZE"):
        t.act("resize", value=BIG)
        c.wait_for(held)
        held.let_go()


@scenario()
def resize_exhausted(c, t):
    """The claim fails on the only host."""
    c.boot()
    c.fault("claim", raises=RAISES["ComputeResourcesUnavailable"])
    t.act_step("resize", value=BIG)


@scenario()
def resize_fails_on_source(c, t):
    """The driver cannot copy the disk."""
    c.boot()
    c.fault("migrate_disk_and_power_off", raises=RAISES["ValueError"])
    t.act_step("resize", value=BIG, status="ERROR")


@scenario()
def resize_rolled_back_on_source(c, t):
    """The driver will not copy the disk and has changed nothing (InstanceFaultRollback)."""
    c.boot()
    c.fault("migrate_disk_and_power_off", raises=RAISES["InstanceFaultRollback"])
    t.act_step("resize", value=BIG, status="ACTIVE")


@scenario()
def resize_fails_on_destination(c, t):
    """The driver cannot start the guest over there."""
    c.boot()
    c.fault("finish_migration", raises=RAISES["ValueError"])
    t.act_step("resize", value=BIG, status="ERROR")


@scenario()
def resize_confirm_fails(c, t):
    """The source cannot be cleaned up."""
    c.boot()
    t.act_step("resize", value=BIG, status="VERIFY_RESIZE")
    c.fault("confirm_migration", raises=RAISES["ValueError"])
    t.act_step("confirmResize", status="ERROR")


@scenario()
def resize_revert_fails_on_destination(c, t):
    """The guest cannot be destroyed over there."""
    c.boot()
    t.act_step("resize", value=BIG, status="VERIFY_RESIZE")
    c.fault("destroy", raises=RAISES["ValueError"])
    t.act_step("revertResize", status="ERROR")


@scenario()
def resize_revert_fails_on_source(c, t):
    """The guest cannot be started where it came from."""
    c.boot()
    t.act_step("resize", value=BIG, status="VERIFY_RESIZE")
    c.fault("finish_revert_migration", raises=RAISES["ValueError"])
    t.act_step("revertResize", status="ERROR")


@scenario(fresh=True)
def delete_while_resizing(c, t):
    """A delete while the disk is being copied."""
    c.boot()
    held = c.hold("migrate_disk_and_power_off", "host1")
    with t.step("resize, delete in the middle"):
        t.act("resize", value=BIG)
        c.wait_for(held)
        t.delete()
        c.stalled()
        held.let_go()


@scenario(fresh=True)
def restart_while_resizing(c, t):
    """The source's nova-compute dies while the disk is being copied, and starts again."""
    c.boot()
    dies(c, t, "migrate_disk_and_power_off", "resize", lambda: t.act("resize", value=BIG))


# -- evacuate ----------------------------------------------------------------------------------
@scenario(fresh=True)
def evacuate_when_stopped(c, t):
    c.boot()
    c.act("os-stop")
    c.take_down("host1")
    t.act_step("evacuate", value={}, status="SHUTOFF")


@scenario(fresh=True, hosts=THREE)
def evacuate_to_host(c, t):
    """The scheduler is asked whether the host will do."""
    c.boot()
    c.take_down("host1")
    t.act_step("evacuate", value={"host": "host3"}, status="SHUTOFF")


@scenario(fresh=True)
def evacuate_no_valid_host(c, t):
    """The only other host is down as well."""
    c.boot()
    c.take_down("host1")
    c.take_down("host2")
    t.act_step("evacuate", value={}, status="ERROR")


@scenario(fresh=True)
def evacuate_fails(c, t):
    """The guest cannot be started over there."""
    c.boot()
    c.take_down("host1")
    c.fault("spawn", raises=RAISES["ValueError"])
    t.act_step("evacuate", value={}, status="ERROR")


@scenario(fresh=True)
def evacuate_claim_fails(c, t):
    """The destination has no room after all."""
    c.boot()
    c.take_down("host1")
    c.fault("claim", raises=RAISES["ComputeResourcesUnavailable"])
    t.act_step("evacuate", value={})


@scenario(fresh=True)
def evacuate_and_the_source_returns(c, t):
    """The nova-compute that was down starts again: it destroys the guest and what it holds.

    Nova refuses to take back that the service is forced down before it has started again.
    """
    c.boot()
    c.take_down("host1")
    t.act_step("evacuate", value={}, status="SHUTOFF")
    with t.step("nova-compute starts again", "SHUTOFF"):
        Work.stopped_hosts.discard("host1")
        c.start_again("host1")


# -- rebuild -----------------------------------------------------------------------------------
@scenario()
def rebuild_when_error(c, t):
    """A server in error is well again."""
    c.boot()
    c.act("os-resetState", {"state": "error"})
    t.act_step("rebuild", value={"imageRef": IMAGE}, status="ACTIVE")


@scenario()
def rebuild_fails(c, t):
    """The guest cannot be started; then the same again without the fault."""
    c.boot()
    fault = c.fault("spawn", raises=RAISES["ValueError"])
    t.act_step("rebuild", value={"imageRef": IMAGE}, status="ERROR")
    fault.let_go()
    with t.step("rebuild again"):
        t.act("rebuild", value={"imageRef": IMAGE})


@scenario(fresh=True)
def rebuild_when_host_down(c, t):
    """With another image the scheduler is asked: it does not mind, and the message waits."""
    c.boot()
    c.take_down("host1")
    t.act_step("rebuild", value={"imageRef": IMAGE2}, status="REBUILD")


@scenario(fresh=True)
def restart_while_rebuilding(c, t):
    """The nova-compute dies while the guest is being started, and starts again."""
    c.boot()
    dies(c, t, "spawn", "rebuild", lambda: t.act("rebuild", value={"imageRef": IMAGE}))
