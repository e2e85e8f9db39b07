"""Whether a qcow2 counts its clusters right, as ``qemu-img check`` asks."""

import os

import numpy as np

from labkit.neighbours import arguments
from labkit.qcow2.header import Qcow2Error
from labkit.qcow2.image import COMPRESSED, COPIED, Image

#: At most so many mistakes are listed.
MOST = 20


def check(image) -> list[str]:
    """Return a sentence for each cluster whose refcount is not the number of its references.

    A cluster that is counted but not used is leaked; one that is used but not counted will be
    overwritten. In: an open Image, or a path. Empty when all is well, at most 20 sentences.
    Raises Qcow2Error for a damaged file, and for one with internal snapshots, TypeError for
    something that is neither an image nor a path.

    Source: ``qemu-img check``.
    """
    if isinstance(image, Image):
        return _mistakes(image)[:MOST]
    with Image(arguments.path("image", image), allow_outside=True) as opened:
        return _mistakes(opened)[:MOST]


def _mistakes(image):
    size = image.cluster_size
    total = max(1, -(-os.path.getsize(image.path) // size))
    wanted, stored = np.zeros(total, np.int64), np.zeros(total, np.int64)
    found = []

    def use(offset, length):
        first, last = offset // size, (offset + length - 1) // size
        if last >= total:
            raise Qcow2Error(f"{image.path}: a cluster at {offset:#x}, beyond the end of the file")
        wanted[first : last + 1] += 1

    header = image.header
    if header.nb_snapshots:
        raise Qcow2Error(f"{image.path} holds snapshots, which the lab's check does not count")
    use(0, 1)
    use(header.refcount_table_offset, header.refcount_table_clusters * size)
    if header.l1_size:
        use(header.l1_table_offset, header.l1_size * 8)
    for offset, first, counts in image.refcounts():
        use(offset, size)
        part = stored[first : first + len(counts)]
        part[:] = counts[: len(part)]
    for index, offset in image.tables():
        use(offset, size)
        table = image.table(index)
        kinds, hosts = image.decode(table)
        for kind, host in zip(kinds.tolist(), hosts.tolist(), strict=True):
            if kind == COMPRESSED:
                use(*image.compressed_at(host))
            elif host:
                use(host, size)
        copied = (table & np.uint64(COPIED)) != 0
        for row in np.flatnonzero((kinds != COMPRESSED) & (hosts != 0) & ~copied).tolist():
            found.append(
                f"entry {row} of level 2 table {index}: refcount 1, but not marked as such"
            )
    for number in np.flatnonzero(wanted != stored).tolist():
        word = "is leaked" if stored[number] > wanted[number] else "is not counted"
        found.append(
            f"cluster {number} {word}: refcount {stored[number]}, references {wanted[number]}"
        )
    return found
