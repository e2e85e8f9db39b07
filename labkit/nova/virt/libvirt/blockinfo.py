"""Which disk a new guest gets (nova/virt/libvirt/blockinfo.py)."""

from labkit.nova.virt.libvirt import imagebackend
from labkit.nova.virt.libvirt.guest import RootDisk


def usual_disk(options, image, instance) -> RootDisk:
    """Return the root disk of a new guest: of the flavor's size, half written, by its backend.

    In: Options, a class of the table of backends, an Instance. Of an overlay a quarter lies in
    the image below it. How full a disk is, Nova does not know: here it is made up.
    """
    size = float(instance.spec.flavor.root_gb) * 1024
    half = {"size_mb": size, "allocated_mb": size / 2}
    if image is imagebackend.Lvm:
        return RootDisk("block", f"/dev/{options.images_volume_group}/{instance.uuid}_disk", **half)
    if image is imagebackend.Rbd:
        name = f"{options.images_rbd_pool}/{instance.uuid}_disk"
        return RootDisk("network", source_protocol="rbd", source_name=name, **half)
    path = f"{imagebackend.INSTANCES_PATH}/{instance.uuid}/disk"
    if image is imagebackend.Qcow2:
        base = f"{imagebackend.INSTANCES_PATH}/_base/{instance.spec.image.id}"
        quarter = {"size_mb": size, "allocated_mb": size / 4, "backing_mb": size / 4}
        return RootDisk("file", path, "qcow2", backing_file=base, **quarter)
    return RootDisk("file", path, **half)
