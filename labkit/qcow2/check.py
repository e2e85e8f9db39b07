"""Whether a qcow2 counts its clusters right, as ``qemu-img check`` asks."""

import numpy as np

from labkit.qcow2.header import Qcow2Error
from labkit.qcow2.image import COMPRESSED, COPIED, OFFSET
from labkit.qcow2.writer import WritableImage

#: More mistakes than this are not told one by one.
MOST = 20


def check(image: WritableImage) -> list[str]:
    """Return a sentence for each cluster whose refcount is not the number of its references.

    A cluster that is counted but not used is leaked; one that is used but not counted will be
    overwritten. In: an image open for writing. Empty when all is well.

    Source: ``qemu-img check``.
    """
    return list(_mistakes(image))[:MOST]


def _mistakes(image):
    size = image.cluster_size
    total = max(image._next, 1)
    wanted, stored = np.zeros(total, np.int64), np.zeros(total, np.int64)

    def use(offset, length):
        first, last = offset // size, (offset + length - 1) // size
        if last >= total:
            raise Qcow2Error(f"{image.path}: a cluster at {offset:#x}, beyond the end of the file")
        wanted[first : last + 1] += 1

    header = image.header
    use(0, 1)
    use(header.refcount_table_offset, header.refcount_table_clusters * size)
    if header.l1_size:
        use(header.l1_table_offset, header.l1_size * 8)
    for index, entry in enumerate(image._blocks.tolist()):
        if entry & OFFSET:
            use(entry & OFFSET, size)
            _, counts = image._refcount_block(index)
            part = stored[index * len(counts) : (index + 1) * len(counts)]
            part[:] = counts[: len(part)]
    for index, entry in enumerate(image._l1.tolist()):
        if not entry & OFFSET:
            continue
        use(entry & OFFSET, size)
        table = image._table(index)
        kinds, hosts = image.decode(table)
        for kind, host in zip(kinds.tolist(), hosts.tolist(), strict=True):
            if kind == COMPRESSED:
                use(*image._compressed_at(host))
            elif host:
                use(host, size)
        copied = (table & np.uint64(COPIED)) != 0
        for row in np.flatnonzero((kinds != COMPRESSED) & (hosts != 0) & ~copied).tolist():
            yield f"entry {row} of level 2 table {index}: refcount 1, but not marked as such"
    for number in np.flatnonzero(wanted != stored).tolist():
        word = "is leaked" if stored[number] > wanted[number] else "is not counted"
        yield f"cluster {number} {word}: refcount {stored[number]}, references {wanted[number]}"
