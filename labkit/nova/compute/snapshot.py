"""How a nova-compute makes an image of a server (nova/compute/manager.py)."""

import contextlib

from labkit.nova import exception
from labkit.nova.compute import task_states as task
from labkit.nova.notifications import instance as notify

_HERE = "compute/manager.py:"
_DELETE_BY = "compute/utils.py:delete_image"


class Snapshot:
    """The part of ComputeManager that makes images.

    Source: ``snapshot_instance``, ``backup_instance`` and what they call in
    nova/compute/manager.py, Nova 34.0.0.
    """

    def snapshot_instance(self, instance, image_id):
        """Accept a snapshot, and make it in a thread of its own."""
        work = self._accept_snapshot(instance, image_id)
        return self.wrapped("snapshot_instance", instance, self._deleting(instance, image_id, work))

    def _accept_snapshot(self, instance, image_id):
        try:
            instance.task_state = task.IMAGE_SNAPSHOT
            instance.save(
                _HERE + "snapshot_instance", expected_task_state=task.IMAGE_SNAPSHOT_PENDING
            )
        except (exception.InstanceNotFound, exception.UnexpectedDeletingTaskStateError):
            return
        self.start(self._do_snapshot_instance(instance, image_id))
        return
        yield

    def _do_snapshot_instance(self, instance, image_id):
        turn = None
        if self.snapshot_semaphore is not None:
            turn = self.snapshot_semaphore.request()
            yield from self.wait(turn)
        try:
            by = _HERE + "do_snapshot_instance"
            yield from self._snapshot_instance(instance, image_id, task.IMAGE_SNAPSHOT, by)
        finally:
            if turn is not None:
                self.snapshot_semaphore.release(turn)

    def _snapshot_instance(self, instance, image_id, expected, by):
        work = self._deleting(instance, image_id, self._snapshot(instance, image_id, expected))
        return self.wrapped("_snapshot_instance", instance, work, by, event=False)

    def _deleting(self, instance, image_id, work):
        """Delete the image if making it fails.

        Source: ``delete_image_on_error`` in nova/compute/manager.py, Nova 34.0.0.
        """
        try:
            yield from work
        except Exception:
            with contextlib.suppress(exception.ImageNotFound):
                self.site.glance.delete(self, instance.name, _DELETE_BY, image_id)
            raise

    def _snapshot(self, instance, image_id, expected):
        by = _HERE + "_snapshot_instance"
        instance.power_state = self._get_power_state(instance)

        def update_task_state(task_state, expected_state=expected):
            instance.task_state = task_state
            instance.save(_HERE + "update_task_state", expected_task_state=expected_state)

        try:
            instance.save(by)
            notify.about(self, instance, "snapshot", "start")
            yield from self.driver.snapshot(self, instance, update_task_state, image_id=image_id)
            self.site.glance.upload(image_id)
            instance.task_state = None
            instance.save(by, expected_task_state=task.IMAGE_UPLOADING)
            notify.about(self, instance, "snapshot", "end")
        except (
            exception.InstanceNotFound,
            exception.InstanceNotRunning,  # as Nova: the server keeps its task_state
            exception.UnexpectedDeletingTaskStateError,
        ):
            self._clean_up_image(instance, image_id, by)
        except exception.ImageNotFound:
            instance.task_state = None
            instance.save(by)

    def _clean_up_image(self, instance, image_id, by):
        """The server went away in the middle: so does the image, unless it is complete."""
        try:
            image = self.site.glance.get(self, instance.name, by, image_id)
            if image["status"] != "active":
                self.site.glance.delete(self, instance.name, by, image_id)
        except exception.ImageNotFound:
            return

    def backup_instance(self, instance, image_id, backup_type, rotation):
        """Make an image, and delete the oldest of its kind."""
        return self.wrapped(
            "backup_instance", instance, self._backup(instance, image_id, backup_type, rotation)
        )

    def _backup(self, instance, image_id, backup_type, rotation):
        by = _HERE + "_do_snapshot_instance"
        work = self._snapshot_instance(instance, image_id, task.IMAGE_BACKUP, by)
        yield from self._deleting(instance, image_id, work)
        for excess in self.site.glance.backups(instance.name, backup_type)[rotation:][::-1]:
            self.site.glance.delete(self, instance.name, _HERE + "_rotate_backups", excess)
