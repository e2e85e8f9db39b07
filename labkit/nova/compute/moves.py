"""All that a nova-compute does with moves, and what it does about them by itself (nova/compute/manager.py)."""

import contextlib

import simpy

from labkit.nova import exception
from labkit.nova.compute import live_migrate, rebuild, resize, resize_end, shelve
from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.objects import migration as migrations

_HERE = "compute/manager.py:"


class Moves(
    rebuild.Rebuild, resize.Resize, resize_end.ResizeEnd, shelve.Shelve, live_migrate.LiveMigrate
):
    """The part of ComputeManager that moves servers.

    Source: ``_poll_unconfirmed_resizes``, ``_destroy_evacuated_instances`` and ``_init_instance``
    in nova/compute/manager.py, Nova 34.0.0; the rest is in the classes above.
    """

    def _prepare_for_moves(self):
        lives = self.options.max_concurrent_live_migrations
        self.live_migration_semaphore = simpy.Resource(self.site.env, lives) if lives else None
        self.waiting_live_migrations = {}

    def _poll_unconfirmed_resizes(self):
        """Confirm what has waited for ``resize_confirm_window`` since it arrived here."""
        window, by = self.options.resize_confirm_window, _HERE + "_set_migration_to_error"
        if window == 0:
            return
        for migration in migrations.find(self, status="finished", dest_compute=self.host):
            if self.site.env.now - migration.updated_at < window:
                continue
            try:
                uuid = migration.instance_uuid
                instance = self.site.from_row(self, migration.name, uuid)
            except exception.InstanceNotFound:
                migration.set_status("error", by)
                continue
            deleting = instance.task_state in (task.DELETING, task.SOFT_DELETING)
            if instance.vm_state != vm.ERROR and (
                deleting or instance.task_state == task.RESIZE_FINISH
            ):
                continue
            if instance.vm_state != vm.RESIZED or instance.task_state is not None:
                migration.set_status("error", by)
                continue
            with contextlib.suppress(Exception):  # as Nova, which only logs it
                yield from self.compute_api.confirm_by_itself(instance, migration)

    def _destroy_evacuated_instances(self):
        """Destroy the guests that were evacuated while this nova-compute was down.

        Returns the uuids of their servers.
        """
        by = _HERE + "_destroy_evacuated_instances"
        found = migrations.find(
            self,
            source_compute=self.host,
            status=("accepted", "pre-migrating", "done"),
            migration_type="evacuation",
        )
        newest = {migration.instance_uuid: migration for migration in found}
        for uuid, migration in newest.items():
            if uuid in self.driver.guests:
                row = self.site.db.instances[uuid]
                instance = self.site.copy_of(self, migration.name, row)
                yield from self.driver.destroy(self, instance, by)
        for uuid, migration in newest.items():
            if uuid not in self.site.db.deleted:
                self.reportclient.remove_provider_tree_from_instance_allocation(
                    migration.name, uuid, self.site.fleet.rows[self.host]
                )
            migration.set_status("completed", by)
        return set(newest)

    def _init_moving(self, instance):
        """Take back what was on its way when this nova-compute died."""
        if instance.task_state == task.RESIZE_MIGRATING:
            by = _HERE + "_init_instance"
            power_on = instance.system_metadata.get("old_vm_state") != vm.STOPPED
            with contextlib.suppress(Exception):  # as Nova, which only logs it
                yield from self.driver.start_here(
                    self, "finish_revert_migration", instance, by, power_on
                )
            instance.task_state = None
            instance.save(by)
        if instance.task_state == task.MIGRATING:
            yield from self._reset_live_migration(instance)
