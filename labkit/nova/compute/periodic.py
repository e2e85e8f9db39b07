"""What a nova-compute does by itself: at its start, and every so often (nova/compute/manager.py)."""

import contextlib

from labkit.nova.compute import power_state
from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.exception_hosts import (
    Invalid,
    InvalidConfiguration,
    InvalidNodeConfiguration,
    ResourceProviderSyncFailed,
)
from labkit.nova.notifications import instance as notify

_HERE = "compute/manager.py:"
_BUILDING = (task.SCHEDULING, task.BLOCK_DEVICE_MAPPING, task.NETWORKING, task.SPAWNING)
_REBUILDING = (task.REBUILDING, task.REBUILD_BLOCK_DEVICE_MAPPING, task.REBUILD_SPAWNING)
#: Tasks that may end without a trace: the server is as it was before.
_HARMLESS = (
    task.RESIZE_PREP,
    task.IMAGE_SNAPSHOT_PENDING,
    task.IMAGE_PENDING_UPLOAD,
    task.IMAGE_UPLOADING,
    task.IMAGE_SNAPSHOT,
)
_REBOOTING = (
    task.REBOOTING,
    task.REBOOTING_HARD,
    task.REBOOT_STARTED,
    task.REBOOT_STARTED_HARD,
)
_RUNNING_ANYWAY = (*_REBOOTING, task.PAUSING, task.UNPAUSING)
#: What the power-state sync asks of the API, by vm_state and the hypervisor's power state.
#: Source: ``_sync_instance_power_state`` in nova/compute/manager.py, Nova 34.0.0.
SYNC = {
    (vm.ACTIVE, power_state.SHUTDOWN): "stop",
    (vm.ACTIVE, power_state.CRASHED): "stop",
    (vm.ACTIVE, power_state.SUSPENDED): "stop",
    (vm.STOPPED, power_state.RUNNING): "force_stop",
    (vm.STOPPED, power_state.PAUSED): "force_stop",
    (vm.STOPPED, power_state.SUSPENDED): "force_stop",
    (vm.PAUSED, power_state.SHUTDOWN): "force_stop",
    (vm.PAUSED, power_state.CRASHED): "force_stop",
}


class Periodic:
    """The part of ComputeManager that nobody asks for.

    Source: ``_sync_power_states``, ``_reclaim_queued_deletes``, ``_check_instance_build_time``
    and ``init_host`` in nova/compute/manager.py, Nova 34.0.0.
    """

    def _sync_power_states(self):
        """Compare each server of the host with its guest, each in a thread of its own."""
        for instance in self.site.instances_on(self):
            work = self._query_driver_power_state_and_sync(instance)
            self.start(self.locked(instance.uuid, work))

    def _query_driver_power_state_and_sync(self, instance):
        if instance.task_state is not None:
            return
        found = self._get_power_state(instance)
        instance.refresh()
        if instance.host != self.host or instance.task_state is not None:
            return
        if found != instance.power_state:
            instance.power_state = found
            instance.save(_HERE + "_sync_instance_power_state")
        wanted = SYNC.get((instance.vm_state, found))
        if wanted is not None:
            try:
                yield from getattr(self.compute_api, wanted)(instance)
            except Exception:  # as Nova: the next round sees the same and tries again
                return

    def update_available_resource(self, quiet=True):
        """Let the resource tracker report; *quiet*: what it asks placement is not noted.

        A report that cannot be made changes nothing: the next one is tried as if none had been.

        Source: the method of that name in nova/compute/manager.py, Nova 34.0.0.
        """
        instances, guests = self.site.db.instances, self.driver.guests.items()
        self.driver.see_guests(
            {
                uuid: (state == power_state.RUNNING, instances[uuid]["flavor"])
                for uuid, state in guests
            }
        )
        self.tables.quiet = quiet
        try:
            self.rt.update_available_resource(self.node)
        except InvalidConfiguration:  # only at the start, where it ends the service
            raise
        except (Invalid, InvalidNodeConfiguration, ResourceProviderSyncFailed):
            pass  # Nova logs it and goes on
        finally:
            self.tables.quiet = False

    def _reclaim_queued_deletes(self):
        """Delete for good what was soft-deleted ``reclaim_instance_interval`` ago."""
        interval = self.options.reclaim_instance_interval
        if interval <= 0:
            return
        for instance in self.site.instances_on(self):
            soft_deleted = instance.vm_state == vm.SOFT_DELETED and instance.task_state is None
            if soft_deleted and self.site.env.now - instance.deleted_at >= interval:
                with contextlib.suppress(Exception):  # as Nova, which warns and tries again
                    yield from self._delete_instance(instance)

    def _check_instance_build_time(self):
        """Put what has been building for ``instance_build_timeout`` in error; the build goes on."""
        timeout = self.options.instance_build_timeout
        if timeout == 0:
            return
        for instance in self.site.instances_on(self):
            late = self.site.env.now - instance.created_at > timeout
            if instance.vm_state == vm.BUILDING and late:
                self._set_instance_obj_error_state(instance)

    def init_host(self):
        """Look at each server of the host after a start, one after the other.

        A build that had not claimed yet is known only to placement, and fails too.
        """
        instances = self.site.instances_on(self)
        try:
            evacuated = yield from self._destroy_evacuated_instances()
            for instance in instances:
                if instance.uuid not in evacuated:
                    yield from self._init_instance(instance)
            seen = {instance.uuid for instance in instances} | evacuated
            self.reportclient.get_allocations_for_resource_provider()
            for instance in self.site.instances_allocated(self):
                if instance.uuid not in seen and instance.vm_state == vm.BUILDING:
                    self._set_instance_obj_error_state(instance, clean_task_state=True)
        finally:
            if instances and self.options.track_instance_changes and not self.stopped:
                self.site.bus.cast(self, "update_instance_info")
        self.update_available_resource(quiet=False)

    def _init_instance(self, instance):
        by = _HERE + "_init_instance"
        vm_state, task_state = instance.vm_state, instance.task_state
        if vm_state == vm.SOFT_DELETED or (vm_state == vm.ERROR and task_state != task.DELETING):
            return
        if vm_state == vm.DELETED:
            instance.destroy(_HERE + "_complete_partial_deletion")
            self._complete_deletion(instance)
            notify.about(self, instance, "delete", "end")
            return
        rebuilding = vm_state in (vm.ACTIVE, vm.STOPPED) and task_state in _REBUILDING
        if vm_state == vm.BUILDING or task_state in _BUILDING or rebuilding:
            self._set_instance_obj_error_state(instance, clean_task_state=True)
            return
        if task_state in _HARMLESS and vm_state != vm.ERROR:
            instance.task_state = None
            instance.save(by)
        if task_state == task.DELETING:
            try:
                yield from self._delete_instance(instance)
            except Exception:
                self._set_instance_obj_error_state(instance)
            return
        found = self._get_power_state(instance)
        reboot = self._retry_reboot(instance, found)
        if reboot:
            if task_state in task.soft_reboot_states and reboot == "HARD":
                instance.task_state = task.REBOOT_PENDING_HARD
                instance.save(by)
            yield from self.reboot_instance(instance, reboot)
            return
        if found == power_state.RUNNING and task_state in _RUNNING_ANYWAY:
            instance.task_state = None
            instance.vm_state = vm.ACTIVE
            instance.save(by)
        again = {
            (power_state.PAUSED, task.UNPAUSING): "unpause_instance",
            (found, task.POWERING_OFF): "stop_instance",
            (found, task.POWERING_ON): "start_instance",
        }.get((found, instance.task_state))
        if again:
            try:
                yield from getattr(self, again)(instance)
            except Exception:  # as Nova: no server may keep the service from starting
                return
            return
        self.driver.plug(self, "plug_vifs", instance, by)
        yield from self._init_moving(instance)

    def _retry_reboot(self, instance, found):
        """Return "SOFT" or "HARD" for a reboot to be done again, or None.

        Source: ``_retry_reboot`` in nova/compute/manager.py and ``get_reboot_type`` in
        nova/compute/utils.py, Nova 34.0.0.
        """
        state, vm_state = instance.task_state, instance.vm_state
        again = (
            (state == task.REBOOT_PENDING and vm_state in vm.ALLOW_SOFT_REBOOT)
            or (state == task.REBOOT_PENDING_HARD and vm_state in vm.ALLOW_HARD_REBOOT)
            or (state in _REBOOTING and found != power_state.RUNNING)
        )
        if not again:
            return None
        soft = found == power_state.RUNNING and state in task.soft_reboot_states
        return "SOFT" if soft else "HARD"
