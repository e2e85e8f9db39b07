"""What the libvirt driver shared then; beside labkit/nova/virt/libvirt/utils.py.

``extract_snapshot`` has a command line of its own, so that its failures are not ImageUnacceptable.

Source: nova/virt/libvirt/utils.py, Nova 15.1.5, the oldest release at hand.
"""

from labkit.nova.virt.libvirt import utils as today
from labkit.nova13.images import qemu_img_info

get_disk_type_from_path = today.get_disk_type_from_path


def find_disk(guest) -> tuple[str, str | None]:
    """Return the path and the format of a guest's first disk; Ceph's only with images_type rbd."""
    disk = guest.get_config().devices[0]
    if not disk.source_path and guest.options.images_type != "rbd":
        raise RuntimeError("Can't retrieve root device path from instance libvirt configuration")
    return today.find_disk(guest)


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


def extract_snapshot(host, disk_path, source_fmt, out_path, dest_fmt):
    """Convert a disk that nobody writes to; a failure is qemu-img's own, ProcessExecutionError."""
    dest_fmt = {"iso": "raw", "ploop": "parallels"}.get(dest_fmt, dest_fmt)
    cmd = ["qemu-img", "convert", "-f", source_fmt, "-O", dest_fmt]
    if host.options.snapshot_compression and dest_fmt == "qcow2":
        cmd += ["-c"]
    host.execute(*cmd, disk_path, out_path)
