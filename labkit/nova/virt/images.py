"""Disk images as qemu-img sees and converts them (nova/virt/images.py).

Unlike Nova, each function takes the host on which it works: there are many in one process.
"""

import json
from types import SimpleNamespace

from labkit.neighbours.processutils import ProcessExecutionError
from labkit.nova import exception


def qemu_img_info(host, path, format=None, options=("--force-share", "--output=json")):  # noqa: A002 - Nova's name
    """Return what qemu-img tells of an image: file_format, virtual_size, backing_file, cluster_size.

    Raises DiskNotFound when there is no such file.

    Source: ``qemu_img_info`` here, ``unprivileged_qemu_img_info`` in nova/privsep/qemu.py, 34.0.0.
    """
    if path not in host.images and not path.startswith("rbd:"):
        raise exception.DiskNotFound(location=path)
    cmd = ["env", "LC_ALL=C", "LANG=C", "qemu-img", "info", path, *options]
    if format is not None:
        cmd += ["-f", format]
    out, _err = host.execute(*cmd)
    told = json.loads(out)
    return SimpleNamespace(
        file_format=told["format"],
        virtual_size=told["virtual-size"],
        backing_file=told.get("backing-filename"),
        cluster_size=told.get("cluster-size"),
    )


def convert_image(host, source, dest, in_format, out_format, run_as_root=False, compress=False):
    """Convert an image to another format; chains become flat.

    Raises ImageUnacceptable when qemu-img fails, RuntimeError without *in_format*: the guest
    would decide what its disk is taken for.

    Source: ``convert_image`` and ``_convert_image`` in nova/virt/images.py, Nova 34.0.0.
    """
    if in_format is None:
        raise RuntimeError("convert_image without input format is a security risk")
    try:
        _convert(host, source, dest, in_format, out_format, run_as_root, compress)
    except ProcessExecutionError as exp:
        raise exception.ImageUnacceptable(
            image_id=source, reason=f"Unable to convert image to {out_format}: {exp}"
        ) from exp


def _convert(host, source, dest, in_format, out_format, run_as_root, compress):
    """Run the command.

    Source: ``unprivileged_convert_image`` in nova/privsep/qemu.py, Nova 34.0.0. Unlike Nova,
    nothing is encrypted.
    """
    # without O_DIRECT "none" would fail; "writeback" also has all on disk when the command ends
    cache_mode = "none" if host.supports_direct_io else "writeback"
    cmd = ["qemu-img", "convert", "-t", cache_mode, "-O", out_format, "-f", in_format]
    if compress:
        cmd += ["-c"]
    host.execute(*cmd, source, dest, run_as_root=run_as_root)
