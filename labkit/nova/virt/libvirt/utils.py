"""What the libvirt driver and its backends share (nova/virt/libvirt/utils.py).

Unlike Nova, what works on a host takes it as its first argument.
"""

from labkit.nova.virt import images


def find_disk(guest) -> tuple[str, str | None]:
    """Return the path and the format of a guest's first disk, as the domain's XML has them.

    Raises RuntimeError when the XML names neither file nor device.

    Source: ``find_disk`` in nova/virt/libvirt/utils.py, Nova 34.0.0. Unlike Nova, there are no
    containers.
    """
    disk = guest.get_config().devices[0]
    disk_path = disk.source_path
    if not disk_path and disk.source_protocol == "rbd" and disk.source_name:
        disk_path = "rbd:" + disk.source_name
    if not disk_path:
        raise RuntimeError("Can't retrieve root device path from instance libvirt configuration")
    return disk_path, disk.driver_format


def get_disk_type_from_path(path: str) -> str | None:
    """Guess the type of a disk by its path alone; None when the path does not say it.

    >>> get_disk_type_from_path("/dev/vg0/web-1_disk"), get_disk_type_from_path("/dev/sdb")
    ('lvm', 'lvm')

    Source: ``get_disk_type_from_path`` in nova/virt/libvirt/utils.py, Nova 34.0.0. Unlike Nova,
    there are no ploop disks.
    """
    if path.startswith("/dev"):
        return "lvm"
    if path.startswith("rbd:"):
        return "rbd"
    return None


def get_disk_size(host, path, format=None) -> int:  # noqa: A002 - Nova's name
    """Return the size of a disk in bytes as the guest sees it."""
    return int(images.qemu_img_info(host, path, format).virtual_size)


def get_disk_backing_file(host, path, format=None):  # noqa: A002
    """Return the path of a disk's backing file, None without one."""
    return images.qemu_img_info(host, path, format).backing_file


def create_image(host, path, disk_format, disk_size, backing_file=None):
    """Create an empty disk, over a backing file if there is one.

    Source: ``create_image`` in nova/virt/libvirt/utils.py, Nova 34.0.0. Unlike Nova, the backing
    file is taken to be safe.
    """
    cmd = ["env", "LC_ALL=C", "LANG=C", "qemu-img", "create", "-f", disk_format]
    if backing_file:
        base_details = images.qemu_img_info(host, backing_file)
        cow_opts = [f"backing_file={backing_file}", f"backing_fmt={base_details.file_format}"]
        if base_details.cluster_size is not None:
            cow_opts += [f"cluster_size={base_details.cluster_size}"]
        cmd += ["-o", ",".join(cow_opts)]
    host.execute(*cmd, path, str(disk_size))


def extract_snapshot(host, disk_path, source_fmt, out_path, dest_fmt):
    """Convert a disk that nobody writes to; compress it if it becomes qcow2 and the option says so."""
    if dest_fmt == "iso":
        dest_fmt = "raw"
    if dest_fmt == "ploop":
        dest_fmt = "parallels"
    compress = host.options.snapshot_compression and dest_fmt == "qcow2"
    images.convert_image(host, disk_path, out_path, source_fmt, dest_fmt, compress=compress)
