"""A snapshot of a disk that a running guest writes to (nova/virt/libvirt/driver.py)."""

import contextlib

from labkit.nova import exception
from labkit.nova.virt.libvirt.guest import VIR_ERR_AGENT_UNRESPONSIVE, libvirtError

#: Seconds between two questions whether the mirror is complete.
POLL_S = 0.5


class LiveSnapshot:
    """The part of LibvirtDriver that leaves the guest running.

    ``freeze_first``: whether the guest is frozen before the mirror, as it was until 24.0.0;
    ``keeps_delta``: whether the mirror's overlay stays until the image is sent.

    Source: ``_live_snapshot`` and what it calls in nova/virt/libvirt/driver.py, Nova 34.0.0.
    """

    freeze_first = keeps_delta = False

    def _live_snapshot(
        self, host, instance, guest, disk_path, out_path, source_format, image_format
    ):
        """Mirror the disk into an overlay, cut the mirror off, flatten the overlay."""
        dev = guest.get_block_device(disk_path)
        properties = instance.spec.image.properties
        with contextlib.suppress(Exception):  # a job may be left from before
            dev.abort_job()
        utils = self.libvirt_utils
        size = utils.get_disk_size(host, disk_path, source_format)
        backing = utils.get_disk_backing_file(host, disk_path, source_format)
        disk_delta = out_path + ".delta"
        utils.create_image(host, disk_delta, "qcow2", size, backing)
        mirror = self._mirror_frozen if self.freeze_first else self._mirror
        yield from mirror(host, instance, guest, dev, disk_delta, properties)
        yield from self._converting(
            host, utils.extract_snapshot, host, disk_delta, "qcow2", out_path, image_format
        )
        if not self.keeps_delta:
            host.remove(disk_delta)

    def _mirror(self, host, instance, guest, dev, disk_delta, properties):
        """Mirror the disk while the guest writes on; freeze it for the moment of the cut."""
        try:
            self._can_quiesce(properties)
        except exception.NovaException as error:
            if properties.get("os_require_quiesce", False):
                text = 'Quiescing instance failed but image property "os_require_quiesce" is set'
                host.log("ERROR", f"{text}: {error}.")
                raise
            host.log("INFO", f"Quiescing instance not available: {error}.")
        start_s = host.service.site.env.now
        try:
            yield from self._copy(host, guest, dev, disk_delta)
        except Exception:  # no finally: nothing goes on in a nova-compute that dies
            self._end_mirror(host, instance, guest, dev, disk_delta, properties)
            raise
        host.staged("mirror", start_s)
        self._end_mirror(host, instance, guest, dev, disk_delta, properties)

    def _mirror_frozen(self, host, instance, guest, dev, disk_delta, properties):
        """Freeze the guest before the mirror begins: nothing is written until it is cut off.

        Source: ``_live_snapshot`` in nova/virt/libvirt/driver.py, Nova 24.0.0; 25.0.0 was the
        first release with the other order.
        """
        quiesced = False
        try:
            self._set_quiesced(host, instance, properties)
            quiesced = True
        except exception.NovaException as error:
            if properties.get("os_require_quiesce", False):
                raise
            host.log("INFO", f"Skipping quiescing instance: {error}.")
        start_s = host.service.site.env.now
        try:
            yield from self._copy(host, guest, dev, disk_delta)
            dev.abort_job()
            host.note("file", "chown", disk_delta)
        except Exception:
            self._thaw(host, instance, quiesced)
            raise
        host.staged("mirror", start_s)
        self._thaw(host, instance, quiesced)

    @staticmethod
    def _thaw(host, instance, quiesced):
        host.note("guest", "write_instance_config")
        if quiesced:
            host.get_guest(instance).thaw_filesystems()

    @staticmethod
    def _copy(host, guest, dev, disk_delta):
        """Copy the disk, and ask twice a second whether all is copied."""
        guest.delete_configuration()
        dev.rebase(disk_delta)
        while not dev.is_job_complete():
            yield from host.service.wait(host.service.site.env.timeout(POLL_S))

    def _end_mirror(self, host, instance, guest, dev, disk_delta, properties):
        """Cut the mirror off while the guest's file systems are frozen, if that can be done."""
        quiesced = False
        try:
            self._set_quiesced(host, instance, properties)
            quiesced = True
        except exception.NovaException as error:
            host.log("INFO", f"Skipping quiescing instance: {error}.")
        dev.abort_job()
        host.note("file", "chown", disk_delta)
        host.note("guest", "write_instance_config")
        if quiesced:
            guest.thaw_filesystems()

    @staticmethod
    def _can_quiesce(properties):
        if not properties.get("hw_qemu_guest_agent", False):
            raise exception.QemuGuestAgentNotEnabled

    def _set_quiesced(self, host, instance, properties):
        self._can_quiesce(properties)
        try:
            host.get_guest(instance).freeze_filesystems()
        except libvirtError as error:
            text = (
                f"Error from libvirt while quiescing {instance.name}:"
                f" [Error Code {error.code}] {error}"
            )
            if error.code != VIR_ERR_AGENT_UNRESPONSIVE:
                raise exception.NovaException(text) from None
            text += ", libvirt cannot connect to the qemu-guest-agent inside the instance."
            raise exception.InstanceQuiesceFailed(reason=text) from None
