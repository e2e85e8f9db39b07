"""How the API deletes: through the host, or on its own where there is none (nova/compute/api.py)."""

import contextlib

from labkit.nova import exception
from labkit.nova.clock import BuildRequest, InstanceMapping
from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.db import CONFIGURED_CELL
from labkit.nova.notifications import instance as notify

_HERE = "compute/api.py:"


class Delete:
    """The part of API that deletes and restores.

    Source: ``_delete`` and what it calls in nova/compute/api.py, Nova 34.0.0.
    """

    def delete(self, instance):
        """Delete a server."""
        return self._delete(instance, "delete", self._do_delete, task_state=task.DELETING)

    def force_delete(self, instance):
        """Delete a server for good, whatever ``reclaim_instance_interval`` says."""
        return self._delete(instance, "force_delete", self._do_delete, task_state=task.DELETING)

    def soft_delete(self, instance):
        """Switch a server off, to be deleted later."""
        return self._delete(
            instance,
            "soft_delete",
            self._do_soft_delete,
            task_state=task.SOFT_DELETING,
            deleted_at=self.site.env.now,
        )

    def _delete(self, instance, delete_type, callback, **attributes):
        by, uuid, name = _HERE + "_delete", instance.uuid, instance.name
        homeless = not instance.host and not _may_have_ports_or_volumes(instance)
        if homeless:
            try:
                if self._delete_while_booting(instance):
                    self._local_delete_cleanup(name, uuid)
                    return
                instance = self._lookup_instance(instance)
                if instance is not None:
                    with (
                        notify.about_delete(self.service, instance),
                        contextlib.suppress(exception.InstanceNotFound),
                    ):
                        instance.destroy(by)
                self._local_delete_cleanup(name, uuid)
                return
            except exception.ObjectActionError:  # it found a host in the meantime
                instance = self._lookup_instance(instance)
                if instance is None:
                    self._local_delete_cleanup(name, uuid)
                    return
        if instance.vm_state in (vm.SHELVED, vm.SHELVED_OFFLOADED):
            image_id = instance.system_metadata.get("shelved_image_id")
            with contextlib.suppress(exception.ImageNotFound):
                self.site.glance.delete(self.service, name, by, image_id)
        before = instance.task_state
        try:
            for column, value in attributes.items():
                setattr(instance, column, value)
            instance.progress = 0
            instance.save(by)
            if instance.vm_state == vm.RESIZED:
                yield from self._confirm_resize_on_deleting(instance)
                if delete_type == "soft_delete":
                    instance.task_state = attributes["task_state"]
                    instance.save(by)
            local = not (instance.host and self.site.service_is_up(instance.host))
            if local:
                yield from self._local_delete(instance, delete_type, callback)
                self._record_action_start(instance, "delete")
            elif before not in (task.DELETING, task.SOFT_DELETING):
                self._record_action_start(instance, "delete")
                callback(instance)
        except exception.InstanceNotFound:
            return

    def _delete_while_booting(self, instance) -> bool:
        """Try to be faster than the conductor: without a build request it stops."""
        by = "_attempt_delete_of_buildrequest"
        if not self._destroy_build_request(instance, by):
            return False
        found = self._lookup_instance(instance)
        if found is not None:
            with contextlib.suppress(exception.InstanceNotFound):
                found.destroy(_HERE + "_delete_while_booting")
        return True

    def _destroy_build_request(self, instance, by) -> bool:
        if instance.uuid not in self.site.db.build_requests:
            return False
        self.site.db.build_request_destroy(instance.uuid)
        self.service.note(BuildRequest, instance.name, "destroy", by=_HERE + by)
        return True

    def _lookup_instance(self, instance):
        """Return the server from its cell; None when it is in none, or deleted."""
        db, uuid = self.site.db, instance.uuid
        mapping = db.instance_mappings.get(uuid)
        if db.cells.get(uuid) != ((mapping and mapping.cell) or CONFIGURED_CELL):
            return None
        try:
            return self.site.from_row(self.service, instance.name, instance.uuid)
        except exception.InstanceNotFound:
            return None

    def _local_delete_cleanup(self, name, uuid):
        self.placementclient.delete_allocation_for_instance(name, uuid, force=True)
        self._update_queued_for_deletion(name, uuid, True)

    def _update_queued_for_deletion(self, name, uuid, queued):
        mapping = self.site.db.instance_mappings.get(uuid)
        if mapping is None:
            return
        mapping.queued_for_delete = queued
        by = _HERE + "_update_queued_for_deletion"
        self.service.note(InstanceMapping, name, "save", mapping.cell, queued, by)

    def _local_delete(self, instance, delete_type, callback):
        """Do all of it here, as nobody else is there to do it."""
        kind = delete_type if delete_type != "soft_delete" else "delete"
        with notify.about_delete(self.service, instance, kind):
            yield from self.site.neutron.deallocate_for_instance(
                self.service, instance, _HERE + "_local_delete"
            )
            self.placementclient.delete_allocation_for_instance(
                instance.name, instance.uuid, force=True
            )
            callback(instance, local=True)
            instance.destroy(_HERE + "_local_delete")

    def _do_delete(self, instance, local=False):
        self._finish(instance, vm.DELETED, "_do_delete", "terminate_instance", local)

    def _do_soft_delete(self, instance, local=False):
        self._finish(instance, vm.SOFT_DELETED, "_do_soft_delete", "soft_delete_instance", local)

    def _finish(self, instance, vm_state, by, message, local):
        if local:
            instance.vm_state = vm_state
            instance.task_state = None
            instance.terminated_at = self.site.env.now
            instance.save(_HERE + by)
        else:
            self.site.bus.cast(
                self.service, message, instance, server=instance.host, caller=_HERE + by
            )
        self._update_queued_for_deletion(instance.name, instance.uuid, True)

    def restore(self, instance):
        """Take a soft-deleted server back."""
        by = _HERE + "restore"
        self._record_action_start(instance, "restore")
        if not instance.host:
            instance.vm_state = vm.ACTIVE
        instance.task_state = task.RESTORING if instance.host else None
        instance.deleted_at = None
        instance.save(by, expected_task_state=[None])
        if instance.host:
            self.site.bus.cast(
                self.service, "restore_instance", instance, server=instance.host, caller=by
            )
        self._update_queued_for_deletion(instance.name, instance.uuid, False)
        return
        yield


def _may_have_ports_or_volumes(instance) -> bool:
    """Source: ``may_have_ports_or_volumes`` in nova/compute/utils.py, Nova 34.0.0."""
    return instance.vm_state in (vm.SHELVED_OFFLOADED, vm.ERROR)
