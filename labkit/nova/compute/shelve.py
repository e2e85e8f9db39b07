"""How a nova-compute shelves servers, takes them off its host and starts them again (nova/compute/manager.py)."""

import contextlib

from labkit.nova import exception
from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.notifications import moves as notify

_HERE = "compute/manager.py:"
_SHELVING = {
    task.IMAGE_PENDING_UPLOAD: task.SHELVING_IMAGE_PENDING_UPLOAD,
    task.IMAGE_UPLOADING: task.SHELVING_IMAGE_UPLOADING,
    task.SHELVING: task.SHELVING,
}
_KEYS = ("shelved_at", "shelved_image_id", "shelved_host")


def remove_shelved_keys_from_system_metadata(instance):
    """Forget that a server was shelved.

    Source: the function of that name in nova/compute/utils.py, Nova 34.0.0.
    """
    for key in _KEYS:
        instance.system_metadata.pop(key, None)


class Shelve:
    """The part of ComputeManager that shelves.

    Source: ``shelve_instance``, ``shelve_offload_instance``, ``unshelve_instance`` and what they
    call in nova/compute/manager.py, Nova 34.0.0.
    """

    def shelve_instance(self, instance, image_id):
        """Switch a guest off and upload its disk; offload it if ``shelved_offload_time`` is 0."""
        work = self.locked(instance.uuid, self._shelve_instance(instance, image_id))
        return self.wrapped("shelve_instance", instance, work)

    def _shelve_instance(self, instance, image_id):
        by, offload = _HERE + "_shelve_instance", self.options.shelved_offload_time == 0
        notify.about_exists(self, instance)
        notify.about(self, instance, "shelve", "shelve", "start")

        def update_task_state(task_state, expected_state=task.SHELVING):
            instance.task_state = _SHELVING[task_state]
            instance.save(
                _HERE + "update_task_state", expected_task_state=_SHELVING[expected_state]
            )

        yield from self._call("power_off", instance, "_power_off_instance")
        yield from self.driver.snapshot(self, instance, update_task_state, by, image_id)
        self.site.glance.upload(image_id)
        instance.system_metadata["shelved_at"] = self.site.env.now
        instance.system_metadata["shelved_image_id"] = image_id
        instance.system_metadata["shelved_host"] = self.host
        instance.vm_state = vm.SHELVED
        instance.task_state = task.SHELVING_OFFLOADING if offload else None
        instance.power_state = self._get_power_state(instance)
        expected = [task.SHELVING, task.SHELVING_IMAGE_UPLOADING]
        instance.save(by, expected_task_state=expected)
        notify.about(self, instance, "shelve", "shelve", "end")
        if offload:
            yield from self._shelve_offload_instance(instance)

    def shelve_offload_instance(self, instance):
        """Take a shelved guest off the host."""
        work = self.locked(instance.uuid, self._shelve_offload_instance(instance))
        return self.wrapped("shelve_offload_instance", instance, work)

    def _shelve_offload_instance(self, instance):
        by = _HERE + "_shelve_offload_instance"
        notify.about(self, instance, "shelve_offload", "shelve_offload", "start")
        yield from self._call("power_off", instance, "_power_off_instance")
        found = self._get_power_state(instance)
        self.site.neutron.unbind(instance.name)
        yield from self.driver.destroy(self, instance, by)
        self.reportclient.delete_allocation_for_instance(instance.name, instance.uuid, force=True)
        instance.power_state = found
        instance.vm_state = vm.SHELVED_OFFLOADED
        instance.task_state = None
        instance.save(by, expected_task_state=[task.SHELVING, task.SHELVING_OFFLOADING])
        if instance.host == self.host:
            self.rt.update_usage(instance, instance.node)
        self._nil_out_instance_obj_host_and_node(instance)
        instance.save(by)
        if self.options.track_instance_changes:
            self.site.bus.cast(self, "delete_instance_info")
        notify.about(self, instance, "shelve_offload", "shelve_offload", "end")

    def unshelve_instance(self, instance, image):
        """Start an offloaded server here, from the image that was made of it."""
        work = self.locked(instance.uuid, self._unshelve_instance(instance, image))
        return self.wrapped("unshelve_instance", instance, work)

    def _unshelve_instance(self, instance, image):
        by = _HERE + "_unshelve_instance"
        notify.about(self, instance, "unshelve", "unshelve", "start")
        instance.task_state = task.SPAWNING
        instance.save(by)
        yield from self.step("block_device_mapping", instance)
        kept = {"key_data": instance.key_data, "auto_disk_config": instance.auto_disk_config}
        instance.key_data = None
        instance.auto_disk_config = False
        self.reportclient.get_allocs_for_consumer(instance.name)
        shelved_image_ref = instance.image_ref
        if image:
            instance.image_ref = image
        try:
            yield from self.step("claim", instance)
            with self.rt.instance_claim(instance, self.node):
                neutron, call = self.site.neutron, "setup_instance_network_on_host"
                neutron.bind(self, instance.name, call, by, self.host)
                yield from self.driver.spawn(self, instance, None, by)
        except Exception:
            instance.image_ref = shelved_image_ref
            self.reportclient.delete_allocation_for_instance(
                instance.name, instance.uuid, force=True
            )
            self._nil_out_instance_obj_host_and_node(instance)
            raise
        if image:
            instance.image_ref = shelved_image_ref
            self._delete_snapshot_of_shelved_instance(instance, image)
        for column, value in kept.items():
            setattr(instance, column, value)
        self._update_instance_after_spawn(instance)
        remove_shelved_keys_from_system_metadata(instance)
        instance.save(by, expected_task_state=task.SPAWNING)
        if self.options.track_instance_changes:
            self.site.bus.cast(self, "update_instance_info")
        notify.about(self, instance, "unshelve", "unshelve", "end")

    def _delete_snapshot_of_shelved_instance(self, instance, image_id):
        by = _HERE + "_delete_snapshot_of_shelved_instance"
        with contextlib.suppress(exception.ImageNotFound):
            self.site.glance.delete(self, instance.name, by, image_id)

    def _was_shelved(self, instance):
        """A server that starts is shelved no more.

        Source: ``start_instance`` in nova/compute/manager.py, Nova 34.0.0.
        """
        image_id = instance.system_metadata.get("shelved_image_id")
        if image_id:
            self._delete_snapshot_of_shelved_instance(instance, image_id)
        remove_shelved_keys_from_system_metadata(instance)

    def _poll_shelved_instances(self):
        """Take off the host what has been shelved for ``shelved_offload_time``.

        Source: the method of that name in nova/compute/manager.py, Nova 34.0.0.
        """
        time_s = self.options.shelved_offload_time
        if time_s <= 0:
            return
        by = _HERE + "_poll_shelved_instances"
        for instance in self.site.instances_on(self):
            if instance.vm_state != vm.SHELVED or instance.task_state is not None:
                continue
            if self.site.env.now - instance.system_metadata["shelved_at"] <= time_s:
                continue
            with contextlib.suppress(Exception):  # as Nova, which only logs it
                instance.task_state = task.SHELVING_OFFLOADING
                instance.save(by, expected_task_state=(None,))
                yield from self.shelve_offload_instance(instance)
