"""Where a guest's disk lies, and how a snapshot of it is taken (nova/virt/libvirt/imagebackend.py).

Unlike Nova, an Image takes the host on which it lies as its first argument.
"""

import abc
import os

from labkit.nova import exception
from labkit.nova.storage import rbd_utils
from labkit.nova.virt import images
from labkit.nova.virt.libvirt import utils as libvirt_utils
from labkit.nova.virt.libvirt.storage import lvm

INSTANCES_PATH = "/var/lib/nova/instances"


class Image(abc.ABC):
    """A disk of a guest.

    ``path`` as libvirt has it, ``source_type`` "block" or "file", ``driver_format`` what qemu-img
    calls its format: not to be confused with the key of the backend.
    """

    def __init__(self, host, path, source_type, driver_format, is_block_dev=False):
        self.host = host
        self.path = path
        self.source_type = source_type
        self.driver_format = driver_format
        self.is_block_dev = is_block_dev

    @abc.abstractmethod
    def snapshot_extract(self, target, out_format):
        """Write the disk of a guest that stands still into a file."""
        raise NotImplementedError

    def direct_snapshot(self, context, snapshot_name, image_format, image_id, base_image_id):
        """Make the image inside the storage and return its URL, where that can be done."""
        raise NotImplementedError("direct_snapshot() is not implemented")

    def cleanup_direct_snapshot(self, location, also_destroy_volume=False, ignore_errors=False):
        """Remove what a direct snapshot left behind."""
        return


class Flat(Image):
    """A file of its own, raw or (when ``force_raw_images`` is off) in another format."""

    def __init__(self, host, instance=None, path=None):
        super().__init__(host, path or _path(instance), "file", "raw")
        if self.path in host.images:  # Nova reads it from disk.info, where it noted it once
            self.driver_format = host.images[self.path].format

    def snapshot_extract(self, target, out_format):
        """Convert the file; never compressed."""
        images.convert_image(self.host, self.path, target, self.driver_format, out_format)


class Qcow2(Image):
    """An overlay over the image that the server was made from."""

    def __init__(self, host, instance=None, path=None):
        super().__init__(host, path or _path(instance), "file", "qcow2")

    def snapshot_extract(self, target, out_format):
        """Convert overlay and base into one flat file."""
        libvirt_utils.extract_snapshot(self.host, self.path, "qcow2", target, out_format)


class Lvm(Image):
    """A logical volume; the constructor asks lvs for it.

    Unlike Nova, it is never encrypted.
    """

    def __init__(self, host, instance=None, path=None):
        if path:
            info = lvm.volume_info(host, path)
            self.vg, self.lv = info["VG"], info["LV"]
        else:
            if not host.options.images_volume_group:
                raise RuntimeError("You should specify images_volume_group flag to use LVM images.")
            self.vg, self.lv = host.options.images_volume_group, f"{instance.uuid}_disk"
            path = os.path.join("/dev", self.vg, self.lv)
        super().__init__(host, path, "block", "raw", is_block_dev=True)

    def snapshot_extract(self, target, out_format):
        """Convert the volume, as root; never compressed."""
        images.convert_image(
            self.host, self.path, target, self.driver_format, out_format, run_as_root=True
        )


class Rbd(Image):
    """A volume in Ceph."""

    def __init__(self, host, instance=None, path=None):
        if not host.options.images_rbd_pool:
            raise RuntimeError("You should specify images_rbd_pool flag to use rbd images.")
        if path:
            try:
                self.rbd_name = path.split("/")[1]
            except IndexError:
                raise exception.InvalidDevicePath(path=path) from None
        else:
            self.rbd_name = f"{instance.uuid}_disk"
        self.driver = rbd_utils.RBDDriver(host)
        path = f"rbd:{self.driver.pool}/{self.rbd_name}"
        if self.driver.rbd_user:
            path += ":id=" + self.driver.rbd_user
        if self.driver.ceph_conf:
            path += ":conf=" + self.driver.ceph_conf
        super().__init__(host, path, "block", "rbd")

    def snapshot_extract(self, target, out_format):
        """Read the whole volume through qemu-img; never compressed."""
        images.convert_image(self.host, self.path, target, "raw", out_format)

    def _get_parent_pool(self, base_image_id, fsid):
        """Return the pool of the images: that of the parent, or where glance keeps the base."""
        parent_pool = None
        try:
            parent_pool, _image, _snap = self.driver.parent_info(self.rbd_name)
        except exception.ImageUnacceptable:
            for location in self.host.image_locations(base_image_id):
                try:
                    parent_fsid, pool, _image, _snap = self.driver.parse_url(location["url"])
                except exception.ImageUnacceptable:
                    continue
                if parent_fsid == fsid:
                    parent_pool = pool
                    break
        if not parent_pool:
            raise exception.ImageUnacceptable(
                f"Cannot determine the parent storage pool for {base_image_id};"
                " cannot determine where to store images"
            )
        return parent_pool

    def direct_snapshot(self, context, snapshot_name, image_format, image_id, base_image_id):
        """Clone the volume into glance's pool and flatten the clone: no file, no upload.

        Source: ``direct_snapshot`` of Rbd, Nova 34.0.0.
        """
        fsid = self.driver.get_fsid()
        parent_pool = self._get_parent_pool(base_image_id, fsid)
        self.driver.create_snap(self.rbd_name, snapshot_name, protect=True)
        location = {"url": f"rbd://{fsid}/{self.driver.pool}/{self.rbd_name}/{snapshot_name}"}
        try:
            self.driver.clone(location, image_id, dest_pool=parent_pool)
            self.driver.flatten(image_id, pool=parent_pool)
        finally:
            self.cleanup_direct_snapshot(location)
        self.driver.create_snap(image_id, "snap", pool=parent_pool, protect=True)
        return f"rbd://{fsid}/{parent_pool}/{image_id}/snap"

    def cleanup_direct_snapshot(self, location, also_destroy_volume=False, ignore_errors=False):
        """Remove the snapshot, and the volume if that is wanted."""
        if location:
            _fsid, pool, image, snap = self.driver.parse_url(location["url"])
            self.driver.remove_snap(image, snap, pool=pool, force=True)
            if also_destroy_volume:
                self.driver.destroy_volume(image, pool=pool)


def _path(instance):
    return os.path.join(INSTANCES_PATH, instance.uuid, "disk")


class Backend:
    """The table of backends: ``BACKEND`` maps a key to its class, and takes a learner's too.

    Source: ``Backend`` in nova/virt/libvirt/imagebackend.py, Nova 34.0.0. Unlike Nova, there is
    no ploop.
    """

    def __init__(self, images_type="default", use_cow=True):
        self.images_type = images_type
        self.BACKEND = {
            "raw": Flat,
            "flat": Flat,
            "qcow2": Qcow2,
            "lvm": Lvm,
            "rbd": Rbd,
            "default": Qcow2 if use_cow else Flat,
        }

    def backend(self, image_type=None):
        """Return the class for a key; RuntimeError for one that is not in the table."""
        image_type = image_type or self.images_type
        image = self.BACKEND.get(image_type)
        if not image:
            raise RuntimeError(f"Unknown image_type={image_type}")
        return image

    def by_libvirt_path(self, host, instance, path, image_type=None) -> Image:
        """Return the Image for a path that libvirt has."""
        return self.backend(image_type)(host, instance=instance, path=path)
