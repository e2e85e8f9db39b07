"""Steps of a move at which something can be made to fail or to wait, and an end to a live migration.

Nova's fake driver ends a live migration at once and well. Here it lasts as long as a fault holds
it at the step ``migrating``; who raises there breaks the job off, as a failed job of libvirt's
does; an abort has it cancelled.
"""

from tools.record.lives import backend  # noqa: F401

# isort: split
from nova import exception
from nova.compute import manager, power_state, resource_tracker

from tools.record.lives import driver
from tools.record.lives.driver import RecordDriver
from tools.record.lives.faults import FAULTS, RAISES
from tools.record.lives.hooks_rows import wrap

RAISES["MigrationPreCheckError"] = lambda: exception.MigrationPreCheckError(reason="by request")
RAISES["InstanceFaultRollback"] = lambda: exception.InstanceFaultRollback(
    inner_exception=exception.ResizeError(reason="by request")
)
_aborted = set()


def install():
    """Put the hooks in; once per process."""
    RecordDriver.live_migration = _live_migration
    RecordDriver.live_migration_abort = _live_migration_abort
    RecordDriver.live_migration_force_complete = _live_migration_force_complete
    _stays_paused()
    for name in ("live_migration", "live_migration_abort", "live_migration_force_complete"):
        driver._virt(name)

    @wrap(resource_tracker.ResourceTracker, "_move_claim")
    def move_claim(original, self, *args, **kwargs):
        FAULTS.at("claim", self.host)
        return original(self, *args, **kwargs)

    @wrap(manager.ComputeManager, "check_can_live_migrate_destination")
    def check(original, self, *args, **kwargs):
        # All services share one CONF.host here, and Nova's words to a refusal name it.
        last = manager.CONF.host
        manager.CONF.set_override("host", self.host)
        try:
            return original(self, *args, **kwargs)
        finally:
            manager.CONF.set_override("host", last)


def _live_migration(
    self, context, instance, dest, post_method, recover_method, block_migration, migrate_data
):
    try:
        FAULTS.at("migrating", self._host)
    except Exception:
        recover_method(context, instance, dest, migrate_data)
        return
    if instance.uuid in _aborted:
        _aborted.discard(instance.uuid)
        recover_method(context, instance, dest, migrate_data, migration_status="cancelled")
        return
    post_method(context, instance, dest, block_migration, migrate_data)


def _stays_paused():
    """A paused guest is paused when it has arrived, as libvirt's are."""

    @wrap(RecordDriver, "post_live_migration_at_destination")
    def post(original, self, context, instance, *args, **kwargs):
        original(self, context, instance, *args, **kwargs)
        if instance.power_state == power_state.PAUSED:
            self._set_power(instance, power_state.PAUSED)


def _live_migration_abort(self, instance):
    _aborted.add(instance.uuid)


def _live_migration_force_complete(self, instance):
    """Libvirt pauses the guest or switches to post-copy; the guest is none the worse for it."""


install()
