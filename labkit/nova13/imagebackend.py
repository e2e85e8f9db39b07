"""Where a guest's disk lies; each backend calls qemu-img as then.

Source: nova/virt/libvirt/imagebackend.py, Nova 15.1.5.
"""

from labkit.nova.virt.libvirt import imagebackend
from labkit.nova13.images import convert_image
from labkit.nova13.utils import extract_snapshot


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
