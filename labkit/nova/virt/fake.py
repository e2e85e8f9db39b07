"""A driver whose guests are only power states (nova/virt/fake.py)."""

from labkit.nova.clock import Call
from labkit.nova.compute import task_states
from labkit.nova.virt.libvirt.driver import LibvirtDriver


class FakeDriver(LibvirtDriver):
    """The hypervisor of one host, as libvirt shows it, whose guests have no disks.

    ``snapshot_model`` is "flat" (files: the driver announces a direct snapshot first and then steps
    back) or "direct" (rbd); a snapshot moves no bytes, it only takes its time.

    Source: ``FakeDriver`` in nova/virt/fake.py with the power states and events of
    nova/virt/libvirt/driver.py, Nova 34.0.0: Nova's own tells of no guest.
    """

    def __init__(self, options=None, snapshot_model="flat"):
        if snapshot_model not in ("flat", "direct"):
            raise ValueError(f"snapshot_model {snapshot_model!r} is neither 'flat' nor 'direct'")
        super().__init__(options, root_disk=lambda instance: None)
        self.snapshot_model = snapshot_model

    def _keep_disk(self, instance):
        """Guests have no disks."""

    def _check_resize(self, instance, flavor):
        """Guests have no disks that could be too large."""

    def snapshot(self, service, instance, update_task_state, image_id=None):
        """Copy the disk and upload it, announcing each stage as libvirt does.

        Source: ``snapshot`` and ``_snapshot_domain`` in nova/virt/libvirt/driver.py, 34.0.0.
        """
        service.note(Call, instance.name, "virt", "snapshot")
        yield from service.step("snapshot", instance)
        pending, uploading = task_states.IMAGE_PENDING_UPLOAD, task_states.IMAGE_UPLOADING
        update_task_state(pending)
        update_task_state(uploading, pending)
        yield from service.step("direct_snapshot", instance)
        if self.snapshot_model == "flat":  # a file has no direct snapshot: start over
            update_task_state(pending, uploading)
            yield from service.step("extract", instance)
            update_task_state(uploading, pending)
            yield from service.step("upload", instance)
