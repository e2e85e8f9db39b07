"""Servers that move or are made anew: resize, migrate, evacuate, rebuild, shelve."""

from tools.record.lives.cloud import IMAGE, IMAGE2
from tools.record.lives.scenarios import scenario

NEVER = [(None, "shelved_offload_time", -1)]


@scenario()
def resize_confirm(c, t):
    c.boot()
    t.act_step("resize", value={"flavorRef": "big"}, status="VERIFY_RESIZE")
    t.act_step("confirmResize", status="ACTIVE")


@scenario()
def resize_revert(c, t):
    c.boot()
    t.act_step("resize", value={"flavorRef": "big"}, status="VERIFY_RESIZE")
    t.act_step("revertResize", status="ACTIVE")


@scenario()
def resize_confirm_when_stopped(c, t):
    c.boot()
    c.act("os-stop")
    t.act_step("resize", value={"flavorRef": "big"}, status="VERIFY_RESIZE")
    t.act_step("confirmResize", status="SHUTOFF")


@scenario()
def resize_no_valid_host(c, t):
    """No host can hold the new flavor."""
    c.boot()
    t.act_step("resize", value={"flavorRef": "huge"}, status="ACTIVE")


@scenario()
def delete_when_resized(c, t):
    """The resize is neither confirmed nor reverted."""
    c.boot()
    c.act("resize", {"flavorRef": "big"})
    t.delete_step()


@scenario()
def cold_migrate_confirm(c, t):
    c.boot()
    t.act_step("migrate", status="VERIFY_RESIZE")
    t.act_step("confirmResize", status="ACTIVE")


@scenario()
def live_migrate(c, t):
    c.boot()
    value = {"host": None, "block_migration": "auto"}
    t.act_step("live_migrate", "os-migrateLive", value, status="ACTIVE")


@scenario(fresh=True)
def evacuate(c, t):
    """The source compute is stopped and forced down; from 2.95 on the server ends stopped."""
    c.boot()
    c.take_down("host1")
    t.act_step("evacuate", value={}, status="SHUTOFF")


@scenario(fresh=True)
def evacuate_before_2_95(c, t):
    """As evacuate, asked for with microversion 2.94."""
    c.boot()
    c.take_down("host1")
    c.admin_api.microversion = "2.94"
    t.act_step("evacuate", value={}, status="ACTIVE")


@scenario()
def rebuild(c, t):
    c.boot()
    t.act_step("rebuild", value={"imageRef": IMAGE2}, status="ACTIVE")


@scenario()
def rebuild_same_image(c, t):
    """With the image it already has: the scheduler is not asked."""
    c.boot()
    t.act_step("rebuild", value={"imageRef": IMAGE}, status="ACTIVE")


@scenario()
def rebuild_when_stopped(c, t):
    c.boot()
    c.act("os-stop")
    t.act_step("rebuild", value={"imageRef": IMAGE}, status="SHUTOFF")


@scenario(options=NEVER)
def shelve_offload_unshelve(c, t):
    """shelved_offload_time=-1: offloaded only when asked."""
    c.boot()
    t.act_step("shelve", status="SHELVED")
    t.act_step("shelveOffload", status="SHELVED_OFFLOADED")
    t.act_step("unshelve", status="ACTIVE")


@scenario(options=NEVER)
def shelve_unshelve_not_offloaded(c, t):
    c.boot()
    t.act_step("shelve", status="SHELVED")
    t.act_step("unshelve", status="ACTIVE")


@scenario()
def shelve_default(c, t):
    """shelved_offload_time=0, the default: offloaded at once."""
    c.boot()
    t.act_step("shelve", status="SHELVED_OFFLOADED")
    t.act_step("unshelve", status="ACTIVE")


@scenario()
def delete_when_offloaded(c, t):
    c.boot()
    c.act("shelve")
    t.delete_step()
