"""The scenarios of data/nova-34/moves.json.gz, played in a Cloud; the same names, the same steps."""

from labkit.nova.objects import ImageMeta
from tests.helpers import lives
from tests.helpers.lives import AGAIN, SIZES, dies, plain, scenario, simple

lives.STEPS["migrating"] = "memory_copy"
BEFORE = set(lives.SCENARIOS)
BIG, HUGE = {"flavor": SIZES["big"]}, {"flavor": SIZES["huge"]}
ANOTHER = {"image": ImageMeta("another")}
RESIZE = ("resize", None, BIG)
LIVE = ("live_migrate", "migrateLive")
UNAVAILABLE = "ComputeResourcesUnavailable"
PRE_CHECK = "MigrationPreCheckError"


# -- resize and cold migrate ------------------------------------------------------------------
simple("resize_confirm", RESIZE, *plain("confirmResize"))
simple("resize_revert", RESIZE, *plain("revertResize"))
simple("resize_confirm_when_stopped", RESIZE, *plain("confirmResize"), before=["os-stop"])
simple("resize_revert_when_stopped", RESIZE, *plain("revertResize"), before=["os-stop"])
simple("resize_no_valid_host", ("resize", None, HUGE))
simple("cold_migrate_confirm", *plain("migrate", "confirmResize"))
simple("cold_migrate_revert", *plain("migrate", "revertResize"))
simple("cold_migrate_to_host", ("migrate", None, {"host": "host3"}))


@scenario
def delete_when_resized(p):
    p.boot()
    p.do("resize", **BIG)
    p.delete_step()


@scenario
def cold_migrate_no_valid_host(p):
    p.boot()
    p.cloud.host_down("host2", forced=True)
    p.act_step("migrate")


@scenario
def resize_confirm_by_the_clock(p):
    p.boot()
    p.act_step("resize", **BIG)
    p.cloud.run(p.cloud.now + 2)
    with p.step("poll_unconfirmed_resizes"):
        p.cloud.periodic("_poll_unconfirmed_resizes", "host2")


def fails(name, step, error, *steps, host=None, before=()):
    """Register: the last of the steps meets a fault."""

    def play(p):
        p.boot()
        for label, action, arguments in before:
            p.act_step(label, action, **arguments)
        p.fault(step, host, error)
        for label, action, arguments in steps:
            p.act_step(label, action, **arguments)

    lives.SCENARIOS[name] = play


DISK = "migrate_disk_and_power_off"
fails("resize_reschedule", "claim", UNAVAILABLE, RESIZE, host="host2")
fails("resize_exhausted", "claim", UNAVAILABLE, RESIZE)
fails("resize_fails_on_source", DISK, "ValueError", RESIZE)
fails("resize_rolled_back_on_source", DISK, "InstanceFaultRollback", RESIZE)
fails("resize_fails_on_destination", "finish_migration", "ValueError", RESIZE)
CONFIRM, REVERT = plain("confirmResize", "revertResize")
fails("resize_confirm_fails", "confirm_migration", "ValueError", CONFIRM, before=[RESIZE])
fails("resize_revert_fails_on_destination", "destroy", "ValueError", REVERT, before=[RESIZE])
fails(
    "resize_revert_fails_on_source",
    "finish_revert_migration",
    "ValueError",
    REVERT,
    before=[RESIZE],
)


@scenario
def delete_while_resizing(p):
    p.boot()
    p.hold(DISK, "host1")
    with p.step("resize, delete in the middle"):
        p.act("resize", **BIG)
        p.arrive()
        p.act("delete")


dies("restart_while_resizing", DISK, "resize", "resize", **BIG)


# -- live migrate -----------------------------------------------------------------------------
simple("live_migrate", (*LIVE, {}))
simple("live_migrate_when_paused", (*LIVE, {}), before=["pause"])
simple("live_migrate_to_host", (*LIVE, {"host": "host3"}))
simple("live_migrate_to_host_by_force", (*LIVE, {"host": "host3", "force": True}))


def in_the_middle(name, step, host, label, action):
    """Register: ask for a live migration, and for something else while somebody waits at a step."""

    def play(p):
        p.boot()
        p.hold(step, host)
        with p.step(f"live_migrate, {label} in the middle"):
            p.act(*LIVE)
            p.arrive()
            p.act(action)

    lives.SCENARIOS[name] = play


ABORT, FORCE = "live_migration_abort", "live_migration_force_complete"
in_the_middle("live_migrate_abort", "migrating", "host1", "abort", ABORT)
in_the_middle("live_migrate_abort_while_preparing", "pre_live_migration", "host2", "abort", ABORT)
in_the_middle("live_migrate_force_complete", "migrating", "host1", "force-complete", FORCE)
in_the_middle(
    "live_migrate_force_complete_too_early",
    "pre_live_migration",
    "host2",
    "force-complete",
    FORCE,
)
in_the_middle("delete_while_live_migrating", "migrating", "host1", "delete", "delete")


@scenario
def live_migrate_no_valid_host(p):
    p.boot()
    p.cloud.host_down("host2", forced=True)
    p.act_step(*LIVE)


CHECK = "check_can_live_migrate_destination"
MIGRATE = (*LIVE, {})
fails("live_migrate_check_fails", CHECK, PRE_CHECK, MIGRATE)
fails("live_migrate_check_fails_on_one", CHECK, PRE_CHECK, MIGRATE, host="host2")
fails("live_migrate_check_fails_unexpectedly", CHECK, "ValueError", MIGRATE)
SOURCE_CHECK = "check_can_live_migrate_source"
fails("live_migrate_source_check_fails", SOURCE_CHECK, "ValueError", MIGRATE)
fails("live_migrate_pre_fails", "pre_live_migration", "ValueError", MIGRATE)
fails("live_migrate_fails", "migrating", "ValueError", MIGRATE)
fails("live_migrate_driver_fails", "live_migration", "ValueError", MIGRATE)
fails("live_migrate_post_fails", "post_live_migration_at_destination", "ValueError", MIGRATE)
dies("restart_while_live_migrating", "migrating", *LIVE)


# -- rebuild ----------------------------------------------------------------------------------
simple("rebuild", ("rebuild", None, ANOTHER))
simple("rebuild_same_image", *plain("rebuild"))
simple("rebuild_when_stopped", *plain("rebuild"), before=["os-stop"])


@scenario
def rebuild_when_error(p):
    p.boot()
    p.do("os-resetState", state="error")
    p.act_step("rebuild")


@scenario
def rebuild_fails(p):
    p.boot()
    p.fault("spawn", raises="ValueError")
    p.act_step("rebuild")
    p.mend()
    with p.step("rebuild again"):
        p.act("rebuild")


@scenario
def rebuild_when_host_down(p):
    p.boot()
    p.cloud.host_down("host1", forced=True)
    p.act_step("rebuild", **ANOTHER)


dies("restart_while_rebuilding", "spawn", "rebuild", "rebuild")


# -- evacuate ---------------------------------------------------------------------------------
def evacuation(name, *faults, down=("host1",), before=(), returns=False, **arguments):
    """Register: a host is down and its server is evacuated; faults (step, error) meet it."""

    def play(p):
        p.boot()
        for action in before:
            p.do(action)
        for host in down:
            p.cloud.host_down(host, forced=True)
        for step, error in faults:
            p.fault(step, raises=error)
        p.act_step("evacuate", **arguments)
        if returns:
            with p.step(AGAIN):
                p.cloud.host_up("host1")

    lives.SCENARIOS[name] = play


evacuation("evacuate")
evacuation("evacuate_before_2_95", microversion="2.94")
evacuation("evacuate_when_stopped", before=["os-stop"])
evacuation("evacuate_to_host", host="host3")
evacuation("evacuate_no_valid_host", down=("host1", "host2"))
evacuation("evacuate_fails", ("spawn", "ValueError"))
evacuation("evacuate_claim_fails", ("claim", UNAVAILABLE))
evacuation("evacuate_and_the_source_returns", returns=True)


# -- shelve -----------------------------------------------------------------------------------
simple("shelve_offload_unshelve", *plain("shelve", "shelveOffload", "unshelve"))
simple("shelve_unshelve_not_offloaded", *plain("shelve", "unshelve"))
simple("shelve_default", *plain("shelve", "unshelve"))
simple("shelve_when_stopped", *plain("shelve", "unshelve"), before=["os-stop"])
simple("shelve_when_paused", *plain("shelve", "unshelve"), before=["pause"])
simple("shelve_when_suspended", *plain("shelve", "unshelve"), before=["suspend"])
SHELVE, OFFLOAD = plain("shelve", "shelveOffload")
fails("shelve_fails_to_power_off", "power_off", "ValueError", SHELVE)
fails("shelve_fails_to_snapshot", "snapshot", "ValueError", SHELVE)


@scenario
def shelve_offload_by_the_clock(p):
    p.boot()
    p.act_step("shelve")
    p.cloud.run(p.cloud.now + 2)
    p.periodic("_poll_shelved_instances")


@scenario
def shelve_fails_to_offload(p):
    p.boot()
    p.act_step("shelve")
    p.fault("destroy", raises="ValueError")
    p.act_step("shelveOffload")
    p.mend()
    with p.step("shelveOffload again"):
        p.act("shelveOffload")


@scenario
def unshelve_fails(p):
    p.boot()
    p.act_step("shelve")
    p.fault("spawn", raises="ValueError")
    p.act_step("unshelve")
    p.mend()
    with p.step("unshelve again"):
        p.act("unshelve")


@scenario
def unshelve_no_valid_host(p):
    p.boot()
    p.act_step("shelve")
    p.cloud.host_down("host1", forced=True)
    p.cloud.host_down("host2", forced=True)
    p.act_step("unshelve")


@scenario
def unshelve_elsewhere(p):
    p.boot()
    p.act_step("shelve")
    p.cloud.host_down("host1", forced=True)
    p.act_step("unshelve")


@scenario
def delete_when_shelved(p):
    p.boot()
    p.do("shelve")
    p.delete_step()


lives.SCENARIOS["delete_when_offloaded"] = delete_when_shelved

#: The names of the scenarios of this file.
PLAYED = set(lives.SCENARIOS) - BEFORE
