"""How Nova called qemu-img then; beside labkit/nova/virt/images.py: there is no ``-t``.

Source: nova/virt/images.py, Nova 15.1.5, the oldest release at hand. Unlike then, the answers of
qemu-img are in JSON.
"""

from labkit.neighbours.processutils import ProcessExecutionError
from labkit.nova import exception
from labkit.nova.virt import images


def qemu_img_info(host, path, format=None):  # noqa: A002 - Nova's name
    """Return what qemu-img tells of an image."""
    return images.qemu_img_info(host, path, format, options=())


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
