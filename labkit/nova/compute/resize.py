"""How a server moves that is switched off meanwhile (nova/compute/manager.py)."""

from labkit.nova import exception
from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.exception_moves import (
    InstanceFaultRollback,
    MigrationError,
    UnableToMigrateToSelf,
)
from labkit.nova.notifications import moves as notify
from labkit.nova.objects import instance_fault

_HERE = "compute/manager.py:"


class Resize:
    """The part of ComputeManager that resizes and migrates: prepare, send, receive.

    Source: ``prep_resize``, ``resize_instance``, ``finish_resize`` and what they call in
    nova/compute/manager.py, Nova 34.0.0.
    """

    # -- the destination prepares ---------------------------------------------------------
    def prep_resize(self, instance, flavor, migration, request_spec, filter_properties, host_list):
        """Claim for a server that is to come, and ask its host for it."""
        work = self._do_prep_resize(
            instance, flavor, migration, request_spec, filter_properties, host_list
        )
        work = self.erring_out_migration(migration, work)
        work = self.erring_out(instance, work, instance.vm_state)
        return self.wrapped("prep_resize", instance, work)

    def _do_prep_resize(self, instance, flavor, migration, spec, filter_properties, host_list):
        notify.about_exists(self, instance)
        notify.about(self, instance, "resize.prep", "resize_prep", "start")
        try:
            yield from self._prep_resize(instance, flavor, migration, spec)
        except exception.BuildAbortException:
            self._revert_allocation(instance, migration)
            raise
        except Exception as error:
            self._revert_allocation(instance, migration)
            yield from self._reschedule_resize_or_reraise(
                instance, error, flavor, spec, filter_properties, host_list
            )
        finally:
            if not self.stopped:
                notify.about(self, instance, "resize.prep", "resize_prep", "end")

    def _prep_resize(self, instance, flavor, migration, spec):
        by = _HERE + "_prep_resize"
        if not instance.host:
            self._set_instance_obj_error_state(instance)
            raise MigrationError(reason="Instance has no source host")
        if instance.host == self.host and flavor == instance.flavor:
            error = UnableToMigrateToSelf(instance_id=instance.uuid, host=self.host)
            raise InstanceFaultRollback(error)
        instance.new_flavor = flavor
        instance.system_metadata["old_vm_state"] = instance.vm_state
        instance.save(by)
        self.reportclient.get_allocs_for_consumer(instance.name)
        yield from self.step("claim", instance)
        with self.rt.move_claim(instance, flavor, self.node, migration) as claim:
            self.site.bus.cast(
                self,
                "resize_instance",
                instance,
                server=migration.source_compute,
                caller=by,
                migration=claim.migration,
                flavor=flavor,
                request_spec=spec,
            )

    def _reschedule_resize_or_reraise(
        self, instance, error, flavor, spec, filter_properties, host_list
    ):
        """Let the conductor try the next host, if there may be one; else raise the error again."""
        if not filter_properties.get("retry"):
            raise error
        try:
            self._instance_update(instance, task_state=task.RESIZE_PREP)
            yield from self.site.bus.call(
                self,
                "migrate_server",
                instance,
                flavor=flavor,
                request_spec=spec,
                host_list=host_list,
            )
        except Exception as another:
            self._resize_error(instance, another)
            raise error from another
        self._resize_error(instance, error)

    def _resize_error(self, instance, error):
        instance_fault.create(instance, error)
        notify.about(self, instance, "resize", "resize", "error", error)

    # -- the source sends -----------------------------------------------------------------
    def resize_instance(self, instance, migration, flavor, request_spec):
        """Switch a guest off and copy its disk to the destination."""
        work = self._or_revert_allocation(instance, migration, request_spec)
        return self.wrapped("resize_instance", instance, work)

    def _or_revert_allocation(self, instance, migration, spec):
        try:
            work = self._resize_instance(instance, migration, spec)
            work = self.erring_out_migration(migration, work)
            yield from self.erring_out(instance, work, instance.vm_state)
        except Exception:
            self._revert_allocation(instance, migration)
            raise
        notify.about(self, instance, "resize", "resize", "end")

    def _resize_instance(self, instance, migration, spec):
        by = _HERE + "_resize_instance"
        migration.set_status("migrating", by)
        instance.task_state = task.RESIZE_MIGRATING
        instance.save(by, expected_task_state=task.RESIZE_PREP)
        notify.about(self, instance, "resize", "resize", "start")
        yield from self._call("migrate_disk_and_power_off", instance, "_resize_instance")
        self.site.neutron.ask(self, instance.name, "migrate_instance_start", by)
        migration.set_status("post-migrating", by)
        instance.host = migration.dest_compute
        instance.node = migration.dest_node
        instance.compute_id = self.site.fleet.rows[migration.dest_compute] + 1
        instance.old_flavor = instance.flavor
        instance.task_state = task.RESIZE_MIGRATED
        instance.save(by, expected_task_state=task.RESIZE_MIGRATING)
        self.site.bus.cast(
            self,
            "finish_resize",
            instance,
            server=migration.dest_compute,
            caller=by,
            migration=migration,
            request_spec=spec,
        )

    # -- the destination receives ---------------------------------------------------------
    def finish_resize(self, instance, migration, request_spec):
        """Start a guest from the disk that has arrived."""
        work = self._or_delete_allocation(instance, migration)
        return self.wrapped("finish_resize", instance, work, migration=migration)

    def _or_delete_allocation(self, instance, migration):
        try:
            yield from self.erring_out(instance, self._finish_resize(instance, migration))
        except Exception:
            self._delete_allocation_after_move(instance, migration)
            raise
        if self.options.track_instance_changes:
            self.site.bus.cast(self, "update_instance_info")
        notify.about(self, instance, "finish_resize", "resize_finish", "end")

    def _finish_resize(self, instance, migration):
        by, name, neutron = _HERE + "_finish_resize", instance.name, self.site.neutron
        old_flavor = instance.flavor
        old_vm_state = instance.system_metadata.get("old_vm_state", vm.ACTIVE)
        instance.old_flavor = old_flavor
        resized = migration.old_flavor != migration.new_flavor
        if resized:
            instance.set_flavor(instance.new_flavor)
        neutron.ask(self, name, "setup_networks_on_host", by)
        neutron.bind(self, name, "migrate_instance_finish", by, self.host)
        instance.task_state = task.RESIZE_FINISH
        instance.save(by, expected_task_state=task.RESIZE_MIGRATED)
        notify.about(self, instance, "finish_resize", "resize_finish", "start")
        self.reportclient.get_allocs_for_consumer(name)
        try:
            power_on = old_vm_state != vm.STOPPED
            yield from self.driver.start_here(self, "finish_migration", instance, by, power_on)
        except Exception:
            if resized:
                instance.set_flavor(old_flavor)
            raise
        migration.set_status("finished", by)
        instance.vm_state = vm.RESIZED
        instance.task_state = None
        instance.launched_at = self.site.env.now
        instance.save(by, expected_task_state=task.RESIZE_FINISH)
