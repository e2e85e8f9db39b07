"""How a nova-compute takes servers down (nova/compute/manager.py)."""

from labkit.nova import exception
from labkit.nova.compute import power_state
from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.notifications import instance as notify

_HERE = "compute/manager.py:"


class Terminate:
    """The part of ComputeManager that takes down: guests, ports, whole servers.

    Source: ``terminate_instance`` and what it calls in nova/compute/manager.py, 34.0.0.
    """

    def _cleanup_allocated_networks(self, instance, spec):
        by = "_cleanup_allocated_networks"
        self.driver.plug(self, "unplug_vifs", instance, _HERE + by)
        try:
            if self.site.wants_network(instance):
                yield from self._deallocate_network(instance)
        except Exception:  # as Nova, which only logs it
            return
        instance.system_metadata["network_allocated"] = "False"
        try:
            instance.save(_HERE + by)
        except exception.InstanceNotFound:
            return

    def _deallocate_network(self, instance):
        return self.site.neutron.deallocate_for_instance(
            self, instance, _HERE + "_deallocate_network"
        )

    def _try_deallocate_network(self, instance):
        try:
            yield from self._deallocate_network(instance)
        except Exception:
            self._set_instance_obj_error_state(instance)
            raise

    def _shutdown_instance(self, instance, try_deallocate_networks=True):
        """Destroy a guest and, if asked, its ports."""
        notify.about(self, instance, "shutdown", "start")
        try:
            yield from self.driver.destroy(self, instance, _HERE + "_shutdown_instance")
        except Exception:
            if try_deallocate_networks:
                yield from self._try_deallocate_network(instance)
            raise
        if try_deallocate_networks:
            yield from self._try_deallocate_network(instance)
        notify.about(self, instance, "shutdown", "end")

    # -- delete ---------------------------------------------------------------------------
    def terminate_instance(self, instance):
        """Delete a server of this host."""
        work = self.locked(instance.uuid, self._terminate(instance))
        return self.wrapped("terminate_instance", instance, work)

    def _terminate(self, instance):
        try:
            yield from self._delete_instance(instance)
        except exception.InstanceNotFound:
            return
        except Exception:
            self._set_instance_obj_error_state(instance)
            raise

    def _delete_instance(self, instance):
        notify.about(self, instance, "delete", "start")
        yield from self._shutdown_instance(instance)
        instance.vm_state = vm.DELETED
        instance.task_state = None
        instance.power_state = power_state.NOSTATE
        instance.terminated_at = self.site.env.now
        instance.save(_HERE + "_delete_instance")
        self._complete_deletion(instance)
        instance.destroy(_HERE + "_delete_instance")
        notify.about(self, instance, "delete", "end")

    def _complete_deletion(self, instance):
        if instance.host == self.host:
            self.rt.update_usage(instance, instance.node)
        self.reportclient.delete_allocation_for_instance(
            instance.name, instance.uuid, force=self.options.reclaim_instance_interval <= 0
        )
        if self.options.track_instance_changes:
            self.site.bus.cast(self, "delete_instance_info")

    def soft_delete_instance(self, instance):
        """Switch a guest off and keep it, to be deleted later."""
        return self.wrapped("soft_delete_instance", instance, self._soft_delete(instance))

    def _soft_delete(self, instance):
        with notify.about_delete(self, instance, "soft_delete", source="compute"):
            try:
                yield from self._call("soft_delete", instance, "soft_delete_instance")
            except NotImplementedError:
                yield from self._call("power_off", instance, "_power_off_instance")
            instance.power_state = self._get_power_state(instance)
            instance.vm_state = vm.SOFT_DELETED
            instance.task_state = None
            instance.save(_HERE + "soft_delete_instance", expected_task_state=[task.SOFT_DELETING])
