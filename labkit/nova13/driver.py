"""A snapshot by the libvirt driver of 13.0.0, where it differs from today's."""

from labkit.nova import exception
from labkit.nova.compute import power_state
from labkit.nova.virt.libvirt import driver
from labkit.nova.virt.libvirt.guest import VIR_ERR_CONFIG_UNSUPPORTED, libvirtError
from labkit.nova13 import imagebackend, utils
from labkit.nova13.conf import options


class InternalError(exception.NovaException):
    """Something that nobody foresaw."""

    msg_fmt = "%(err)s"


class LibvirtDriver(driver.LibvirtDriver):
    """The hypervisor of one host, whose snapshots are those of the notes' Nova.

    In: what today's LibvirtDriver takes; Options, by default ``nova13.options()``. A guest goes on
    during its snapshot only if ``disable_libvirt_livesnapshot`` is set to False, its disk is
    neither lvm nor rbd, and libvirt knows how to end a job of its disk, which is tried first. Then
    the guest is frozen for the whole mirror, and the overlay stays beside the image while that is
    sent. A full disk is a ProcessExecutionError where the line was ``extract_snapshot``'s own
    (qcow2, live), else ImageUnacceptable; the log says "Snapshot extracted" all the same.

    >>> from labkit import Cloud, Flavor, Fleet, RequestSpec, nova13
    >>> cloud = Cloud(Fleet.read("data/two_hosts"), nova13.options(), driver=nova13.LibvirtDriver)
    >>> cloud.create("web-1", RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1)))
    202
    >>> cloud.settle()
    >>> cloud.act("web-1", "createImage")
    202
    >>> cloud.settle()
    >>> list(cloud.stages.stage)
    ['suspend', 'convert', 'resume', 'upload']

    Source: ``LibvirtDriver`` in nova/virt/libvirt/driver.py, Nova 15.1.5, the oldest release that
    could be run. That a guest on rbd never went on was read in 13.0.0 and not run: 15.1.5 has no
    such rule. Unlike then, libvirt and QEMU are new enough for a guest to go on (1.0.0 and 1.3.0),
    and the manager is today's: it notes the action's event, which then nobody did, and leaves a
    server in its task whose guest is gone.
    """

    libvirt_utils = utils
    freeze_first = keeps_delta = True
    says_deleted = "ERROR", "Failed to snapshot image"

    def __init__(self, old_options=None, *args, **kwargs):
        super().__init__(options() if old_options is None else old_options, *args, **kwargs)
        table = self.image_backend.BACKEND
        table.update((key, imagebackend.BACKENDS[image]) for key, image in table.items())
        self.never_live = {"lvm", "rbd"}

    def _is_live(self, guest, disk_path, source_type, current_power_state):
        if source_type in self.never_live or self.options.disable_libvirt_livesnapshot:
            return False
        try:
            guest.get_block_device(disk_path).abort_job()
        except libvirtError as error:
            if error.code == VIR_ERR_CONFIG_UNSUPPORTED:
                return False
        return current_power_state != power_state.SHUTDOWN

    def _extract(self, host, guest, root_disk, live, original_power_state, instance, extract):
        try:
            yield from self._write(host, guest, root_disk, live, instance, extract)
        except Exception:
            yield from self._extracted(host, live, original_power_state, guest)
            raise
        yield from self._extracted(host, live, original_power_state, guest)

    def _extracted(self, host, live, original_power_state, guest):
        yield from self._resume_guest_after_snapshot(host, live, original_power_state, guest)
        host.log("INFO", "Snapshot extracted, beginning image upload")

    def _resume_guest_after_snapshot(self, host, live_snapshot, original_power_state, guest):
        if self._needs_suspend_resume_for_snapshot(live_snapshot, original_power_state):
            paused = original_power_state == power_state.PAUSED
            yield from self._taking(host, "resume", guest.launch, paused)

    def _set_quiesced(self, host, instance, properties):
        self._can_quiesce(properties)
        try:
            host.get_guest(instance).freeze_filesystems()
        except libvirtError as error:
            raise InternalError(
                err=f"Error from libvirt while quiescing {instance.name}:"
                f" [Error Code {error.code}] {error}"
            ) from None

    @staticmethod
    def _create_snapshot_metadata(instance, img_fmt, snp_name) -> dict:
        metadata = driver.LibvirtDriver._create_snapshot_metadata(instance, img_fmt, snp_name)
        if instance.spec.image.disk_format == "ami":
            metadata["disk_format"] = "ami"
        return metadata | {"is_public": False}
