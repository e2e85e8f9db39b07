"""How a resize or a cold migration is confirmed or reverted (nova/compute/manager.py)."""

from labkit.nova import exception
from labkit.nova.compute import power_state
from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.notifications import moves as notify

_HERE = "compute/manager.py:"


class ResizeEnd:
    """The part of ComputeManager that ends moves, on the source and on the destination.

    Source: ``confirm_resize``, ``revert_resize``, ``finish_revert_resize`` and what they call in
    nova/compute/manager.py, Nova 34.0.0.
    """

    # -- confirm: at the source -----------------------------------------------------------
    def confirm_resize(self, instance, migration):
        """Clean up after a server that has moved away."""
        work = self.locked(instance.uuid, self._do_confirm_resize(instance, migration))
        return self.wrapped("confirm_resize", instance, work, reverts=False, migration=migration)

    def _do_confirm_resize(self, instance, migration):
        if migration.status not in ("finished", "confirming"):
            return
        try:
            instance = self.site.from_row(self, instance.name, instance.uuid)
        except exception.InstanceNotFound:
            return
        work = self._confirm_and_clean_up(instance, migration)
        yield from self.erring_out(instance, work)

    def _confirm_and_clean_up(self, instance, migration):
        try:
            yield from self._confirm_resize(instance, migration)
        finally:
            if not self.stopped:
                self._delete_allocation_after_move(instance, migration)
                if self.options.track_instance_changes:
                    self.site.bus.cast(self, "delete_instance_info")
                self._delete_stashed_flavor_info(instance)

    def _confirm_resize(self, instance, migration):
        by = _HERE + "_confirm_resize"
        notify.about(self, instance, "resize.confirm", "resize_confirm", "start")
        self.site.neutron.ask(self, instance.name, "setup_networks_on_host", by)
        same_host = migration.source_compute == migration.dest_compute
        yield from self.driver.confirm_migration(self, instance, by, same_host)
        self.rt.drop_move_claim_at_source(instance, migration)
        stopped = instance.power_state == power_state.SHUTDOWN
        instance.vm_state = vm.STOPPED if stopped else vm.ACTIVE
        instance.task_state = None
        instance.save(by, expected_task_state=[None, task.DELETING, task.SOFT_DELETING])
        notify.about(self, instance, "resize.confirm", "resize_confirm", "end")

    def _delete_stashed_flavor_info(self, instance):
        instance.old_flavor = None
        instance.new_flavor = None
        instance.system_metadata.pop("old_vm_state", None)
        instance.save(_HERE + "_delete_stashed_flavor_info")

    # -- revert: at the destination -------------------------------------------------------
    def revert_resize(self, instance, migration, request_spec):
        """Destroy a guest that is to go back to where it came from."""
        work = self._revert_resize(instance, migration, request_spec)
        return self.wrapped("revert_resize", instance, work, migration=migration)

    def _revert_resize(self, instance, migration, spec):
        notify.about_exists(self, instance)
        yield from self.erring_out(instance, self._send_back(instance, migration, spec))

    def _send_back(self, instance, migration, spec):
        by, neutron = _HERE + "revert_resize", self.site.neutron
        neutron.ask(self, instance.name, "setup_networks_on_host", by)
        neutron.ask(self, instance.name, "migrate_instance_start", by)
        yield from self.driver.destroy(self, instance, by)
        self.rt.drop_move_claim_at_dest(instance, migration)
        self.site.bus.cast(
            self,
            "finish_revert_resize",
            instance,
            server=migration.source_compute,
            caller=by,
            migration=migration,
            request_spec=spec,
        )

    # -- revert: at the source ------------------------------------------------------------
    def finish_revert_resize(self, instance, migration, request_spec):
        """Start a guest again that has come back."""
        work = self._take_back(instance, migration)
        return self.wrapped("finish_revert_resize", instance, work, migration=migration)

    def _take_back(self, instance, migration):
        try:
            yield from self.erring_out(instance, self._finish_revert_resize(instance, migration))
        finally:
            if not self.stopped:
                self._delete_stashed_flavor_info(instance)

    def _finish_revert_resize(self, instance, migration):
        by, name, neutron = _HERE + "_finish_revert_resize", instance.name, self.site.neutron
        notify.about(self, instance, "resize.revert", "resize_revert", "start")
        power_on = instance.system_metadata.get("old_vm_state", vm.ACTIVE) != vm.STOPPED
        instance.set_flavor(instance.old_flavor)
        instance.host = migration.source_compute
        instance.node = self.node
        instance.compute_id = self.site.fleet.rows[self.host] + 1
        instance.save(
            _HERE + "_revert_instance_flavor_host_node", expected_task_state=[task.RESIZE_REVERTING]
        )
        self._revert_allocation(instance, migration)
        neutron.ask(self, name, "setup_networks_on_host", by)
        neutron.bind(self, name, "migrate_instance_finish", by, self.host)
        yield from self.driver.start_here(self, "finish_revert_migration", instance, by, power_on)
        instance.drop_migration_context(by)
        instance.launched_at = self.site.env.now
        instance.save(by, expected_task_state=task.RESIZE_REVERTING)
        if power_on:
            instance.vm_state = vm.ACTIVE
            instance.task_state = None
            instance.save(by)
        else:
            instance.task_state = task.POWERING_OFF
            instance.save(by)
            yield from self.stop_instance(instance, True)
        notify.about(self, instance, "resize.revert", "resize_revert", "end")
