"""How a nova-compute makes a server anew, its own or one of a dead host (nova/compute/manager.py)."""

import contextlib

from labkit.nova import exception
from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.exception_moves import InstanceExists, InstanceFaultRollback
from labkit.nova.notifications import moves as notify

_HERE = "compute/manager.py:"
_GONE = (exception.InstanceNotFound, exception.UnexpectedDeletingTaskStateError)


class Rebuild:
    """The part of ComputeManager that rebuilds, and takes in what is evacuated.

    Source: ``rebuild_instance`` and what it calls in nova/compute/manager.py, Nova 34.0.0.
    """

    def rebuild_instance(
        self,
        instance,
        image_ref,
        orig_image_ref,
        recreate,
        migration,
        scheduled_node,
        target_state,
    ):
        """Make a server anew; *recreate* says that it is evacuated."""
        work = self._rebuild_instance(
            instance, image_ref, recreate, migration, scheduled_node, target_state
        )
        return self.wrapped("rebuild_instance", instance, work)

    def _rebuild_instance(self, instance, image_ref, evacuate, migration, node, target_state):
        if image_ref:
            self.site.glance.get(self, instance.name, _HERE + "rebuild_instance")
        if not node:
            node = self.node if evacuate else instance.node
        self.reportclient.get_allocs_for_consumer(instance.name)
        work = self._try_to_rebuild(instance, evacuate, migration, node, target_state)
        yield from self.erring_out(instance, work, instance.vm_state)

    def _try_to_rebuild(self, instance, evacuate, migration, node, target_state):
        try:
            claim = contextlib.nullcontext()
            if evacuate:
                yield from self.step("claim", instance)
                claim = self.rt.move_claim(instance, instance.flavor, node, migration)
            with claim:
                yield from self._do_rebuild_instance(instance, evacuate, target_state)
        except (exception.ComputeResourcesUnavailable, exception.RescheduledException) as error:
            self._set_migration_status(migration, "failed")
            self._delete_allocation_for_evacuated_instance(instance)
            notify.about(self, instance, "rebuild", "rebuild", "error", error)
            aborted = exception.BuildAbortException(instance_uuid=instance.uuid, reason=str(error))
            raise InstanceFaultRollback(aborted) from error
        except _GONE as error:
            self._set_migration_status(migration, "failed")
            notify.about(self, instance, "rebuild", "rebuild", "error", error)
        except Exception as error:
            self._set_migration_status(migration, "failed")
            if evacuate or node is not None:
                self._delete_allocation_for_evacuated_instance(instance)
            notify.about(self, instance, "rebuild", "rebuild", "error", error)
            raise
        else:
            self.rt.finish_evacuation(instance, node, migration)

    def _do_rebuild_instance(self, instance, evacuate, target_state):
        by, orig_vm_state = _HERE + "_do_rebuild_instance", instance.vm_state
        neutron = self.site.neutron
        if evacuate:
            if target_state and orig_vm_state != vm.ERROR:
                orig_vm_state = target_state
            if instance.uuid in self.driver.guests:
                # what instance_name_template makes of the number of its row
                number = list(self.site.servers).index(instance.name) + 1
                raise InstanceExists(name=f"instance-{number:08x}")
        notify.about_exists(self, instance)
        notify.about(self, instance, "rebuild", "rebuild", "start")
        instance.power_state = self._get_power_state(instance)
        instance.task_state = task.REBUILDING
        instance.save(by, expected_task_state=[task.REBUILDING])
        if evacuate:
            neutron.ask(self, instance.name, "setup_networks_on_host", by)
            neutron.bind(self, instance.name, "setup_instance_network_on_host", by, self.host)
        yield from self._rebuild_default_impl(instance, evacuate)
        self._update_instance_after_spawn(instance)
        instance.save(by, expected_task_state=[task.REBUILD_SPAWNING])
        if orig_vm_state == vm.STOPPED:
            instance.vm_state = vm.ACTIVE
            instance.task_state = task.POWERING_OFF
            instance.progress = 0
            instance.save(by)
            yield from self.stop_instance(instance, False)
        if self.options.track_instance_changes:
            self.site.bus.cast(self, "update_instance_info")
        notify.about(self, instance, "rebuild", "rebuild", "end")

    def _rebuild_default_impl(self, instance, evacuate):
        by = _HERE + "_rebuild_default_impl"
        if not evacuate:
            yield from self._call("power_off", instance, "_power_off_instance")
            yield from self.driver.destroy(self, instance, by)
        instance.task_state = task.REBUILD_BLOCK_DEVICE_MAPPING
        instance.save(by, expected_task_state=[task.REBUILDING])
        yield from self.step("block_device_mapping", instance)
        instance.task_state = task.REBUILD_SPAWNING
        instance.save(by, expected_task_state=[task.REBUILD_BLOCK_DEVICE_MAPPING])
        yield from self.driver.spawn(self, instance, None, by)

    # -- what moves have in common --------------------------------------------------------
    def _update_instance_after_spawn(self, instance):
        instance.power_state = self._get_power_state(instance)
        instance.vm_state = vm.ACTIVE
        instance.task_state = None
        instance.launched_at = self.site.env.now

    def _set_migration_status(self, migration, status):
        if migration:
            migration.set_status(status, _HERE + "_set_migration_status")

    def erring_out(self, instance, work, instance_state=vm.ACTIVE):
        """Do the work; a failure puts the server in error, unless it has changed nothing.

        Source: ``_error_out_instance_on_exception`` in nova/compute/manager.py, Nova 34.0.0.
        """
        try:
            return (yield from work)
        except (NotImplementedError, InstanceFaultRollback) as error:
            self._instance_update(instance, vm_state=instance_state, task_state=None)
            if isinstance(error, InstanceFaultRollback):
                raise error.inner_exception from error
            raise
        except Exception:
            self._set_instance_obj_error_state(instance)
            raise

    def erring_out_migration(self, migration, work):
        """Do the work; a failure is the migration's too.

        Source: ``errors_out_migration_ctxt`` in nova/compute/manager.py, Nova 34.0.0.
        """
        try:
            return (yield from work)
        except Exception:
            self._migration_failed(migration)
            raise

    def _migration_failed(self, migration):
        migration.set_status("error", _HERE + "errors_out_migration_ctxt")

    def _revert_allocation(self, instance, migration) -> bool:
        """Let the server hold again what the migration holds; False when that is nothing."""
        self.reportclient.get_allocs_for_consumer(instance.name)
        if migration.uuid not in self.site.allocations.held:
            return False
        self.reportclient.move_allocations(instance.name, migration.uuid, instance.uuid)
        return True

    def _delete_allocation_for_evacuated_instance(self, instance):
        self.reportclient.remove_provider_tree_from_instance_allocation(
            instance.name, instance.uuid, self.site.fleet.rows[self.host]
        )

    def _delete_allocation_after_move(self, instance, migration):
        self.reportclient.delete_allocation_for_instance(instance.name, migration.uuid)
