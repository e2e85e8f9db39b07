"""How Nova called qemu-img then: in images.py, and in libvirt/utils.py past it.

Read beside labkit/nova/virt/images.py and labkit/nova/virt/libvirt/utils.py: no ``-t``, and
``extract_snapshot`` has a command line of its own, so that its failures are not ImageUnacceptable.

Source: nova/virt/images.py, nova/virt/libvirt/utils.py and imagebackend.py, Nova 15.1.5, the
oldest release at hand. Unlike then, the answers of qemu-img are in JSON.
"""

from labkit.nova import exception
from labkit.nova.processutils import ProcessExecutionError
from labkit.nova.virt import images
from labkit.nova.virt.libvirt import imagebackend
from labkit.nova.virt.libvirt import utils as today

get_disk_type_from_path = today.get_disk_type_from_path


def find_disk(guest) -> tuple[str, str | None]:
    """Return the path and the format of a guest's first disk; Ceph's only with images_type rbd."""
    disk = guest.get_config().devices[0]
    if not disk.source_path and guest.options.images_type != "rbd":
        raise RuntimeError("Can't retrieve root device path from instance libvirt configuration")
    return today.find_disk(guest)


def qemu_img_info(host, path, format=None):  # noqa: A002 - Nova's name
    """Return what qemu-img tells of an image."""
    return images.qemu_img_info(host, path, format, options=())


def get_disk_size(host, path, format=None) -> int:  # noqa: A002
    """Return the size of a disk in bytes as the guest sees it."""
    return int(qemu_img_info(host, path, format).virtual_size)


def get_disk_backing_file(host, path, format=None):  # noqa: A002
    """Return the path of a disk's backing file, None without one."""
    return qemu_img_info(host, path, format).backing_file


def create_image(host, path, disk_format, disk_size, backing_file=None):
    """Create an empty disk, over a backing file if there is one; then ``create_cow_image``.

    What format the backing file has, nobody tells QEMU.
    """
    options = []
    if backing_file:
        options.append(f"backing_file={backing_file}")
        cluster_size = qemu_img_info(host, backing_file).cluster_size
        if cluster_size is not None:
            options.append(f"cluster_size={cluster_size}")
    options.append(f"size={disk_size}")
    host.execute("qemu-img", "create", "-f", disk_format, "-o", ",".join(options), path)


def convert_image(host, source, dest, in_format, out_format, run_as_root=False):
    """Convert an image to another format; never compressed.

    Raises ImageUnacceptable when qemu-img fails, RuntimeError without *in_format*.
    """
    if in_format is None:
        raise RuntimeError("convert_image without input format is a security risk")
    cmd = ["qemu-img", "convert", "-O", out_format, "-f", in_format, source, dest]
    try:
        host.execute(*cmd, run_as_root=run_as_root)
    except ProcessExecutionError as exp:
        raise exception.ImageUnacceptable(
            image_id=source, reason=f"Unable to convert image to {out_format}: {exp}"
        ) from exp


def extract_snapshot(host, disk_path, source_fmt, out_path, dest_fmt):
    """Convert a disk that nobody writes to; a failure is qemu-img's own, ProcessExecutionError."""
    dest_fmt = {"iso": "raw", "ploop": "parallels"}.get(dest_fmt, dest_fmt)
    cmd = ["qemu-img", "convert", "-f", source_fmt, "-O", dest_fmt]
    if host.options.snapshot_compression and dest_fmt == "qcow2":
        cmd += ["-c"]
    host.execute(*cmd, disk_path, out_path)


class Flat(imagebackend.Flat):
    """A file of its own; then called Raw, too."""

    def snapshot_extract(self, target, out_format):
        """Convert the file."""
        convert_image(self.host, self.path, target, self.driver_format, out_format)


class Qcow2(imagebackend.Qcow2):
    """An overlay over the image that the server was made from."""

    def snapshot_extract(self, target, out_format):
        """Convert overlay and base into one flat file."""
        extract_snapshot(self.host, self.path, "qcow2", target, out_format)


class Lvm(imagebackend.Lvm):
    """A logical volume."""

    def snapshot_extract(self, target, out_format):
        """Convert the volume, as root."""
        convert_image(
            self.host, self.path, target, self.driver_format, out_format, run_as_root=True
        )


class Rbd(imagebackend.Rbd):
    """A volume in Ceph."""

    def snapshot_extract(self, target, out_format):
        """Read the whole volume through qemu-img."""
        convert_image(self.host, self.path, target, "raw", out_format)


#: The class of then for the class of now.
BACKENDS = {
    imagebackend.Flat: Flat,
    imagebackend.Qcow2: Qcow2,
    imagebackend.Lvm: Lvm,
    imagebackend.Rbd: Rbd,
}
