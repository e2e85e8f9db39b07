"""The libvirt driver's snapshot (nova/virt/libvirt/driver.py)."""

import uuid as uuids
from functools import partial

from labkit.nova import exception
from labkit.nova.clock import Call
from labkit.nova.compute import power_state, task_states
from labkit.nova.conf import Options
from labkit.nova.virt.fake import SNAPSHOT_BY, FakeDriver
from labkit.nova.virt.libvirt import blockinfo, disks, imagebackend, live_snapshot
from labkit.nova.virt.libvirt import utils as libvirt_utils
from labkit.nova.virt.libvirt.guest import VIR_ERR_NO_DOMAIN, libvirtError
from labkit.nova.virt.libvirt.host import Host

_BY = "virt/libvirt/driver.py:snapshot"
#: Where a fault at a step of data/durations.csv strikes.
_STRIKES = {
    "suspend": "save_memory_state",
    "direct_snapshot": "clone",
    "extract": "qemu-img convert",
    "resume": "launch",
    "upload": "update",
}
_PENDING, _UPLOADING = task_states.IMAGE_PENDING_UPLOAD, task_states.IMAGE_UPLOADING


class LibvirtDriver(disks.Disks, live_snapshot.LiveSnapshot, FakeDriver):
    """The hypervisor of one host, with disks: a snapshot as the real driver makes it.

    In: Options; *root_disk*, a function of an instance that returns its RootDisk (by default what
    ``images_type`` says); SnapshotCosts; whether the instances' directory takes O_DIRECT.
    A learner may replace ``get_disk_type_from_path``, add to ``image_backend.BACKEND``, to
    ``image_formats`` (what a backend's key is called in the image's metadata and by qemu-img) and
    to ``never_live`` (backends whose guests are suspended for a snapshot), and with
    ``freeze_first`` let a live snapshot freeze the guest as Nova did until 24.0.0
    (``nova13.LibvirtDriver`` has all rules of the notes' Nova). Raises TypeError when
    *root_disk* is no function, ValueError for lvm without a volume group.

    >>> from labkit import Cloud, Flavor, Fleet, LibvirtDriver, RequestSpec
    >>> cloud = Cloud(Fleet.read("data/two_hosts"), driver=LibvirtDriver)
    >>> cloud.create("web-1", RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1)))
    202
    >>> cloud.settle()
    >>> cloud.act("web-1", "createImage")
    202
    >>> cloud.settle()
    >>> list(cloud.stages.stage)
    ['mirror', 'convert', 'upload']

    Source: ``LibvirtDriver`` in nova/virt/libvirt/driver.py, Nova 34.0.0. Unlike Nova, there are
    no containers and no PCI devices; ploop and encrypted disks are refused by name.
    """

    libvirt_utils = libvirt_utils
    says_deleted = "WARNING", "Failed to snapshot image because it was deleted"

    def __init__(self, options=None, root_disk=None, costs=None, supports_direct_io=True):
        super().__init__()
        options = options or Options()
        if root_disk is not None and not callable(root_disk):
            raise TypeError(
                f"root_disk = {root_disk!r}: expected a function of an instance;"
                " write lambda instance: RootDisk(...)"
            )
        self.options = options
        if root_disk is None and options.images_type == "lvm" and not options.images_volume_group:
            raise ValueError("images_type = 'lvm' needs images_volume_group, the name of one")
        self.host = Host(options, costs, supports_direct_io)
        self.guests = self.host.guests
        self.get_disk_type_from_path = self.libvirt_utils.get_disk_type_from_path
        self.image_backend = imagebackend.Backend(options.images_type, options.use_cow_images)
        usual = partial(blockinfo.usual_disk, options, self.image_backend.backend())
        self.root_disk = root_disk or usual
        self.image_formats = {"lvm": "raw", "rbd": "raw"}
        self.never_live = {"lvm"}

    # -- the snapshot ----------------------------------------------------------------------
    def snapshot(self, service, instance, update_task_state, by=SNAPSHOT_BY, image_id=None):
        """Make an image of a guest's first disk, live or cold, directly or by way of a file.

        Source: ``snapshot`` in nova/virt/libvirt/driver.py, Nova 34.0.0.
        """
        service.note(Call, instance.name, "virt", "snapshot", by=by)
        host = self.host.at_work(service, instance)
        try:
            yield from service.step("snapshot", instance)
            yield from self._snapshot(host, instance, update_task_state, image_id)
        except Exception as error:
            host.note("raised", type(error).__name__, str(error))
            error.by_request = True  # whatever a backend raises, the manager has to deal with it
            raise

    def _snapshot(self, host, instance, update_task_state, image_id):
        try:
            guest = host.get_guest(instance)
        except exception.InstanceNotFound:
            raise exception.InstanceNotRunning(instance_id=instance.uuid) from None
        glance, service = host.service.site.glance, host.service
        snapshot = glance.get(service, instance.name, _BY, image_id)
        disk_path, source_format = self.libvirt_utils.find_disk(guest)
        source_type = self.get_disk_type_from_path(disk_path)
        if source_type is None:  # a file: the XML knows
            source_type = source_format
        image_format = self.options.snapshot_image_format or source_type
        image_format = self.image_formats.get(image_format, image_format)
        metadata = self._create_snapshot_metadata(instance, image_format, snapshot.get("name"))
        snapshot_name = uuids.uuid5(uuids.NAMESPACE_DNS, f"snapshot/{image_id}").hex
        original_power_state = guest.get_power_state()
        live = self._is_live(guest, disk_path, source_type, original_power_state)
        yield from self._suspend_guest_for_snapshot(host, live, original_power_state, instance)
        # outside of any try, as in Nova: when it raises nobody resumes the guest
        root_disk = self.image_backend.by_libvirt_path(
            host, instance, disk_path, image_type=source_type
        )
        host.log("INFO", f"Beginning {'live' if live else 'cold'} snapshot process")
        update_task_state(_PENDING)
        update_task_state(_UPLOADING, _PENDING)
        standard, own = False, type(root_disk).direct_snapshot
        seconds = 0.0 if own is imagebackend.Image.direct_snapshot else None
        try:
            metadata["location"] = yield from self._taking(
                host,
                "direct_snapshot",
                root_disk.direct_snapshot,
                None,
                snapshot_name,
                image_format,
                image_id,
                instance.spec.image.id,
                seconds=seconds,
            )
            yield from self._resume_guest_after_snapshot(host, live, original_power_state, guest)
            glance.update(service, instance.name, _BY, image_id, metadata, purge_props=False)
        except (NotImplementedError, exception.ImageUnacceptable, exception.Forbidden) as error:
            standard = True
            if type(error) is not NotImplementedError:
                text = "Performing standard snapshot because direct snapshot failed"
                host.log("WARNING", f"{text}: {error}")
            _cleanup_direct_snapshot(root_disk, metadata)
            update_task_state(_PENDING, _UPLOADING)
            if source_type == "rbd" and live:  # qemu-img must not read a volume in use
                live = False
                yield from self._suspend_guest_for_snapshot(
                    host, live, original_power_state, instance
                )
        except exception.ImageNotFound:
            host.log(*self.says_deleted)
            _cleanup_direct_snapshot(root_disk, metadata)
            raise
        except Exception:
            host.log("ERROR", "Failed to snapshot image")
            _cleanup_direct_snapshot(root_disk, metadata)
            raise
        if standard:
            tmpdir = host.tempdir()
            try:
                out_path = f"{tmpdir}/{snapshot_name}"
                extract = (disk_path, out_path, source_format, image_format)
                yield from self._extract(
                    host, guest, root_disk, live, original_power_state, instance, extract
                )
                update_task_state(_UPLOADING, _PENDING)
                yield from self._upload(host, instance, image_id, metadata, out_path)
            except Exception:
                host.remove(tmpdir)
                raise
            host.remove(tmpdir)  # no finally: a nova-compute that dies leaves it behind
        host.log("INFO", "Snapshot image upload complete")

    def _is_live(self, guest, disk_path, source_type, current_power_state):
        """Return whether the guest may go on while its disk is read."""
        return (
            source_type not in self.never_live
            and not self.options.disable_libvirt_livesnapshot
            and current_power_state != power_state.SHUTDOWN
        )

    def _extract(self, host, guest, root_disk, live, original_power_state, instance, extract):
        """Write the disk into a file, and let the guest go on whatever comes of it."""
        try:
            yield from self._write(host, guest, root_disk, live, instance, extract)
            host.log("INFO", "Snapshot extracted, beginning image upload")
        except Exception as error:
            try:
                if isinstance(error, libvirtError) and error.code == VIR_ERR_NO_DOMAIN:
                    host.log(
                        "INFO",
                        f"Instance {guest.name} disappeared while taking snapshot of it:"
                        f" [Error Code {error.code}] {error}",
                    )
                    raise exception.InstanceNotFound(instance_id=instance.uuid) from None
                raise
            finally:
                yield from self._resume_guest_after_snapshot(
                    host, live, original_power_state, guest
                )
        yield from self._resume_guest_after_snapshot(host, live, original_power_state, guest)

    def _write(self, host, guest, root_disk, live, instance, extract):
        """Write the disk into a file, of a guest that goes on or of one that stands still."""
        disk_path, out_path, source_format, image_format = extract
        if live:
            host.note("file", "chmod", out_path.rpartition("/")[0], "0o701")
            yield from self._live_snapshot(
                host, instance, guest, disk_path, out_path, source_format, image_format
            )
        else:
            yield from self._converting(host, root_disk.snapshot_extract, out_path, image_format)

    def _upload(self, host, instance, image_id, metadata, out_path):
        """Send the file to glance."""
        start_s, service = host.service.site.env.now, host.service
        length = host.images[out_path].length
        yield from self._step(host, "upload", host.costs.upload_s(length))
        host.spent = 0.0, length, length, ""
        host.staged("upload", start_s)
        host.strike("update")
        service.site.glance.update(service, instance.name, _BY, image_id, metadata, length)

    @staticmethod
    def _create_snapshot_metadata(instance, img_fmt, snp_name) -> dict:
        """Return what the image will be called and consist of."""
        return {
            "status": "active",
            "name": snp_name,
            "properties": {
                "kernel_id": "",
                "image_location": "snapshot",
                "image_state": "available",
                "owner_id": instance.project_id,
                "ramdisk_id": "",
            },
            "disk_format": img_fmt,
            "container_format": "bare",
        }

    # -- suspend and resume ----------------------------------------------------------------
    @staticmethod
    def _needs_suspend_resume_for_snapshot(live_snapshot, current_power_state):
        return not live_snapshot and current_power_state in (
            power_state.RUNNING,
            power_state.PAUSED,
        )

    def _suspend_guest_for_snapshot(self, host, live_snapshot, current_power_state, instance):
        """Let a guest stand still, unless it does or need not."""
        if self._needs_suspend_resume_for_snapshot(live_snapshot, current_power_state):
            guest = host.get_guest(instance)
            yield from self._taking(host, "suspend", guest.save_memory_state)

    def _resume_guest_after_snapshot(self, host, live_snapshot, original_power_state, guest):
        """Let a guest go on that stands still for the snapshot."""
        if self._needs_suspend_resume_for_snapshot(live_snapshot, original_power_state):
            paused = guest.get_power_state() == power_state.PAUSED
            yield from self._taking(host, "resume", guest.launch, paused)

    # -- time ------------------------------------------------------------------------------
    @staticmethod
    def _step(host, step, seconds=None):
        """Let time pass; a fault at the step will strike where it does its work."""
        try:
            yield from host.service.step(step, host.instance, seconds=seconds)
        except Exception as error:
            host.failing[_STRIKES[step]] = error

    def _taking(self, host, step, work, *args, seconds=None):
        """Let a step take its time, and then do it."""
        start_s = host.service.site.env.now
        yield from self._step(host, step, seconds)
        if host.service.site.env.now > start_s:
            host.staged(step, start_s)
        return work(*args)

    def _converting(self, host, work, *args):
        """Do something with qemu-img convert, and let it take the time that the command needs."""
        start_s, failed = host.service.site.env.now, None
        yield from self._step(host, "extract", 0.0)
        try:
            work(*args)
        except Exception as error:
            failed = error
        if host.spent[0]:
            yield from host.service.wait(host.service.site.env.timeout(host.spent[0]))
            host.staged("convert", start_s)
        if failed is not None:
            raise failed


def _cleanup_direct_snapshot(root_disk, metadata):
    failed = metadata.pop("location", None)
    root_disk.cleanup_direct_snapshot(
        {"url": str(failed)} if failed else None, also_destroy_volume=True, ignore_errors=True
    )
