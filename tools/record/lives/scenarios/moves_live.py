"""Live migrations: to a host of one's choice, aborted, hurried, and failing at each step."""

from tools.record.lives import hooks_moves  # noqa: F401  what it hooks happens in these scenarios alone
from tools.record.lives.faults import RAISES
from tools.record.lives.scenarios import scenario
from tools.record.lives.scenarios.restart import dies

THREE = ("host1", "host2", "host3")
MIGRATE = {"host": None, "block_migration": "auto"}


def live_migrate(t, label="live_migrate", status=None, host=None):
    t.act_step(label, "os-migrateLive", MIGRATE | {"host": host}, status)


def in_the_middle(c, t, step, host, label, ask, status):
    """Ask for a live migration, and for something else while somebody waits at a step of it."""
    held = c.hold(step, host)
    with t.step(f"live_migrate, {label} in the middle", status):
        t.act("live_migrate", "os-migrateLive", MIGRATE)
        c.wait_for(held)
        ask()
        c.stalled()
        held.let_go()


def abort(c, t):
    path = f"/servers/{{id}}/migrations/{migration(c)}"
    t.ask("live_migration_abort", "DELETE", path)


def force_complete(c, t):
    path = f"/servers/{{id}}/migrations/{migration(c)}/action"
    t.ask("live_migration_force_complete", "POST", path, {"force_complete": None})


def migration(c):
    """The number of the server's migration: 1 in a fresh cloud."""
    return c.request("GET", "/servers/{id}/migrations")[1]["migrations"][0]["id"]


@scenario()
def live_migrate_when_paused(c, t):
    """A paused server may move as well."""
    c.boot()
    c.act("pause")
    live_migrate(t, status="PAUSED")


@scenario(hosts=THREE)
def live_migrate_to_host(c, t):
    """The scheduler is asked whether the host will do."""
    c.boot()
    live_migrate(t, status="ACTIVE", host="host3")


@scenario(hosts=THREE, fresh=True)
def live_migrate_to_host_by_force(c, t):
    """Microversion 2.30 to 2.67: the scheduler is not asked."""
    c.boot()
    c.admin_api.microversion = "2.67"
    value = MIGRATE | {"host": "host3", "force": True}
    t.act_step("live_migrate", "os-migrateLive", value, "ACTIVE")


@scenario(fresh=True)
def live_migrate_abort(c, t):
    """While the memory is being copied."""
    c.boot()
    in_the_middle(c, t, "migrating", "host1", "abort", lambda: abort(c, t), "ACTIVE")


@scenario(fresh=True)
def live_migrate_abort_while_preparing(c, t):
    """While the destination prepares: it is through first, then all is undone."""
    c.boot()
    in_the_middle(c, t, "pre_live_migration", "host2", "abort", lambda: abort(c, t), "ACTIVE")


@scenario(fresh=True)
def live_migrate_force_complete(c, t):
    """While the memory is being copied."""
    c.boot()
    ask = lambda: force_complete(c, t)  # noqa: E731
    in_the_middle(c, t, "migrating", "host1", "force-complete", ask, "ACTIVE")


@scenario(fresh=True)
def live_migrate_force_complete_too_early(c, t):
    """While the destination prepares: refused."""
    c.boot()
    ask = lambda: force_complete(c, t)  # noqa: E731
    in_the_middle(c, t, "pre_live_migration", "host2", "force-complete", ask, "ACTIVE")


@scenario(fresh=True)
def live_migrate_no_valid_host(c, t):
    """The only other host is down."""
    c.boot()
    c.take_down("host2")
    live_migrate(t, status="ACTIVE")


@scenario()
def live_migrate_check_fails(c, t):
    """The destination refuses; there is no other."""
    c.boot()
    c.fault("check_can_live_migrate_destination", raises=RAISES["MigrationPreCheckError"])
    live_migrate(t, status="ACTIVE")


@scenario(hosts=THREE)
def live_migrate_check_fails_on_one(c, t):
    """The first destination refuses, the second does not."""
    c.boot()
    c.fault(
        "check_can_live_migrate_destination", host="host2", raises=RAISES["MigrationPreCheckError"]
    )
    live_migrate(t, status="ACTIVE")


@scenario()
def live_migrate_check_fails_unexpectedly(c, t):
    """An error that nobody has foreseen on the destination."""
    c.boot()
    c.fault("check_can_live_migrate_destination", raises=RAISES["ValueError"])
    live_migrate(t, status="ERROR")


@scenario()
def live_migrate_source_check_fails(c, t):
    """The source refuses."""
    c.boot()
    c.fault("check_can_live_migrate_source", raises=RAISES["ValueError"])
    live_migrate(t, status="ACTIVE")


@scenario()
def live_migrate_pre_fails(c, t):
    """The destination cannot prepare itself."""
    c.boot()
    c.fault("pre_live_migration", raises=RAISES["ValueError"])
    live_migrate(t)


@scenario()
def live_migrate_fails(c, t):
    """The job breaks off: the server stays where it is."""
    c.boot()
    c.fault("migrating", raises=RAISES["ValueError"])
    live_migrate(t, status="ACTIVE")


@scenario()
def live_migrate_driver_fails(c, t):
    """The driver cannot even begin."""
    c.boot()
    c.fault("live_migration", raises=RAISES["ValueError"])
    live_migrate(t, status="ERROR")


@scenario()
def live_migrate_post_fails(c, t):
    """The guest is over there, and the destination fails to take it in."""
    c.boot()
    c.fault("post_live_migration_at_destination", raises=RAISES["ValueError"])
    live_migrate(t)


@scenario(fresh=True)
def delete_while_live_migrating(c, t):
    """A delete while the memory is being copied."""
    c.boot()
    in_the_middle(c, t, "migrating", "host1", "delete", t.delete, None)


@scenario(fresh=True)
def restart_while_live_migrating(c, t):
    """The source's nova-compute dies while the memory is being copied, and starts again."""
    c.boot()
    ask = lambda: t.act("live_migrate", "os-migrateLive", MIGRATE)  # noqa: E731
    dies(c, t, "migrating", "live_migrate", ask)
