"""Writing a qcow2: clusters are appended, counted, and only then entered into the tables."""

import os

import numpy as np

from labkit.neighbours import arguments
from labkit.qcow2.header import DIRTY, LONGEST_NAME, MOST_REFCOUNT_TABLE_BYTES, Header, Qcow2Error
from labkit.qcow2.image import COMPRESSED, COPIED, DATA, FORMATS, IS_ZERO, OFFSET, ZERO, Image

CLUSTER_SIZE = 65536
#: Bytes that are read and written at once when a disk is copied.
PIECE = 2 * 1024**2
#: More data than this is not written at once, unless asked for.
MOST_FLAT = 8 * 1024**3
_REFCOUNTS = {3: ">u1", 4: ">u2", 5: ">u4", 6: ">u8"}


class WritableImage(Image):
    """A qcow2 file, open for reading and writing.

    New clusters go to the end of the file. Unlike QEMU, clusters that are no longer needed are
    not used again. Raises Qcow2Error also for files with internal snapshots and for files that
    were not closed properly.
    """

    mode = "r+b"

    def _open(self, backing_format, allow_outside, chain):
        super()._open(backing_format, allow_outside, chain)
        header, size = self.header, self.cluster_size
        if header.nb_snapshots or header.incompatible_features >> DIRTY & 1:
            why = "holds snapshots" if header.nb_snapshots else "was not closed properly"
            raise Qcow2Error(f"{self.path} {why}; the lab only reads such a file")
        if header.refcount_order not in _REFCOUNTS:
            bits = 1 << header.refcount_order
            raise Qcow2Error(f"{self.path} counts with {bits} bits; the lab only reads such a file")
        self._dtype = np.dtype(_REFCOUNTS[header.refcount_order])
        self._per_block = size // self._dtype.itemsize
        table = self._read_at(
            header.refcount_table_offset, header.refcount_table_clusters * size, "refcount table"
        )
        self._blocks = np.frombuffer(table, ">u8").astype(np.uint64)
        self._block = (None, None)
        self._next = -(-self._file_size // size)  # the number of the next new cluster

    def write(self, offset, data):
        """Write *data*, bytes, to the guest's disk at *offset*.

        Raises ValueError beyond its end, TypeError for data that are no bytes.
        """
        try:
            data = memoryview(data).cast("B")
        except (TypeError, ValueError):
            raise TypeError(f"data = {arguments.shown(data)} is not bytes, as in b'x'") from None
        self._inside(offset, len(data))
        for start, part in self._whole_clusters(offset, data):
            self._write_clusters(start, part)

    def write_zeroes(self, offset, length):
        """Let a part of the disk read as zeros; whole clusters take no place in the file."""
        self._inside(offset, length)
        size, end = self.cluster_size, offset + length
        first, last = -(-offset // size) * size, end // size * size
        last = end if end == self.size else last
        if self.header.version < 3 or first >= last:
            for at in range(offset, end, PIECE):
                self.write(at, bytes(min(PIECE, end - at)))
            return
        self.write(offset, bytes(first - offset))
        for start, n, kind, host in list(self._runs(first, last - first)):
            if kind != ZERO and (self.backing is not None or kind in (DATA, COMPRESSED)):
                self._enter(start, n, [IS_ZERO] * -(-n // size))
                self._release(kind, host, n)
        self.write(last, bytes(end - last))

    # -- inside ---------------------------------------------------------------------------
    def _whole_clusters(self, offset, data):
        # In whole clusters of one table: what is missing at the ends is read.
        size, end = self.cluster_size, offset + len(data)
        reach = self._per_l2 * size
        while offset < end:
            start = offset // size * size
            if offset == start and end - offset >= size:
                n = min((end - offset) // size * size, PIECE, reach - offset % reach)
                yield offset, data[:n]
            else:
                n = min(start + size, end) - offset
                cluster = bytearray(size)
                self.read_into(start, memoryview(cluster)[: min(size, self.size - start)])
                cluster[offset - start : offset - start + n] = data[:n]
                yield start, memoryview(cluster)
            offset, data = offset + n, data[n:]

    def _write_clusters(self, start, data):
        size = self.cluster_size
        self._make_table(start // size // self._per_l2)  # before its clusters, as QEMU does
        for at, n, kind, host in list(self._runs(start, len(data))):
            part = data[at - start : at - start + n]
            if kind == DATA:
                self._put(host, part)
                continue
            count = n // size
            first = self._allocate(count)
            self._put(first, part)
            self._enter(at, n, range(first, first + n, size))
            self._release(kind, host, n)

    def _enter(self, start, length, hosts):
        size = self.cluster_size
        hosts = np.asarray(hosts, np.uint64)
        entries = np.where(hosts == IS_ZERO, hosts, hosts | np.uint64(COPIED))
        number = start // size
        while len(entries):
            index, within = divmod(number, self._per_l2)
            self._make_table(index)
            table = self.table(index)
            part = entries[: self._per_l2 - within]
            table[within : within + len(part)] = part
            self._put((int(self._l1[index]) & OFFSET) + within * 8, part.astype(">u8").tobytes())
            entries, number = entries[len(part) :], number + len(part)

    def _make_table(self, index):
        if int(self._l1[index]) & OFFSET:
            return
        host = self._allocate(1)
        self._put(host, bytes(self.cluster_size))
        self._l1[index] = host | COPIED
        at = self.header.l1_table_offset + index * 8
        self._put(at, int(self._l1[index]).to_bytes(8))

    def _release(self, kind, host, length):
        size = self.cluster_size
        if kind == COMPRESSED:
            offset, n = self.compressed_at(host)
            first, last = offset // size, (offset + n - 1) // size
            self._count(first, last - first + 1, -1)
        elif host:
            self._count(host // size, -(-length // size), -1)

    def _allocate(self, count):
        # The offset of *count* new clusters, one after the other, each counted once.
        first = self._next
        self._next += count
        self._count(first, count, 1)
        return first * self.cluster_size

    def _count(self, first, count, change):
        while count:
            index, at = divmod(first, self._per_block)
            part = min(count, self._per_block - at)
            where, block = self._refcount_block(index)
            block[at : at + part] = block[at : at + part].astype(np.int64) + change
            n = self._dtype.itemsize
            self._put(where + at * n, block[at : at + part].tobytes())
            first, count = first + part, count - part

    def _refcount_block(self, index):
        # Offset and counts of a refcount block, a new one if there is none yet.
        if index >= len(self._blocks):
            self._grow(index)
        where = int(self._blocks[index]) & OFFSET
        if not where:
            number = self._next
            self._next += 1
            where = number * self.cluster_size
            self._put(where, bytes(self.cluster_size))
            self._blocks[index] = where
            self._put(self.header.refcount_table_offset + index * 8, where.to_bytes(8))
            self._count(number, 1, 1)
        if self._block[0] != where:
            raw = self._read_at(where, self.cluster_size, "refcount block")
            self._block = where, np.frombuffer(raw, self._dtype).copy()
        return self._block

    def _grow(self, index):
        # Move the refcount table to the end of the file, with room for *index*.
        size, header = self.cluster_size, self.header
        old = header.refcount_table_offset // size, header.refcount_table_clusters
        clusters = max(2 * old[1], -(-(index + 1) * 8 // size))
        if clusters * size > MOST_REFCOUNT_TABLE_BYTES:
            raise Qcow2Error(f"{self.path} would grow beyond what a qcow2 can count")
        first, self._next = self._next, self._next + clusters
        table = np.zeros(clusters * size // 8, np.uint64)
        table[: len(self._blocks)] = self._blocks
        self._put(first * size, table.astype(">u8").tobytes())
        self._blocks = table
        header.refcount_table_offset, header.refcount_table_clusters = first * size, clusters
        self._put(48, (first * size).to_bytes(8) + clusters.to_bytes(4))
        self._count(first, clusters, 1)
        self._count(*old, -1)

    def _put(self, offset, data):
        self._file.seek(offset)
        data = memoryview(data).cast("B")
        while len(data):
            data = data[self._file.write(data) :]
        self._file_size = max(self._file_size, self._file.tell())


def create(
    path,
    size,
    backing_file=None,
    backing_format=None,
    cluster_size=CLUSTER_SIZE,
    allow_outside=False,
) -> WritableImage:
    """Make a new qcow2 of *size* bytes, empty or over a backing file, and return it open.

    In: sizes in bytes; *cluster_size* a power of two from 512 to 2 MiB; *backing_file* is looked
    for beside the new file (elsewhere only with *allow_outside*), *backing_format* says "raw" or
    "qcow2". Raises FileExistsError where there is a file already, ValueError
    for a size that no qcow2 has.

    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> with create(folder / "base.qcow2", 1024**2) as base:
    ...     base.write(70_000, b"hello")
    ...     base.clusters().kind.value_counts().to_dict()
    {'unallocated': 15, 'data': 1}

    Source: ``qemu-img create -f qcow2``.
    """
    arguments.path("path", path)  # open(1) would write to the terminal
    size = arguments.whole("size", size, " of bytes", 0)
    bits = int(cluster_size).bit_length() - 1 if arguments.is_whole(cluster_size, 1) else 0
    if not 9 <= bits <= 21 or cluster_size != 1 << bits:
        arguments.refuse("cluster_size", cluster_size, "a power of two of 512 to 2097152 (2 MiB)")
    if (backing_file is None) != (backing_format is None):
        raise ValueError("say both backing_file and backing_format, or neither")
    if backing_file is not None:
        arguments.path("backing_file", backing_file)
        arguments.known(backing_format, FORMATS, "unknown backing_format")
    arguments.truth("allow_outside", allow_outside)
    l1_size = -(-size // (cluster_size // 8 * cluster_size))
    l1_clusters = max(1, -(-l1_size * 8 // cluster_size))
    header = Header(
        size=size,
        l1_size=l1_size,
        l1_table_offset=3 * cluster_size,
        refcount_table_offset=cluster_size,
        refcount_table_clusters=1,
        cluster_bits=bits,
        backing_file=None if backing_file is None else str(backing_file),
        backing_format=backing_format,
    )
    if l1_size * 8 > 32 * 1024**2:
        arguments.refuse("size", size, f"so small that clusters of {cluster_size} bytes reach it")
    packed = header.pack()
    if len(packed) > cluster_size or len(str(backing_file).encode()) > LONGEST_NAME:
        arguments.refuse("backing_file", str(backing_file), "a name that fits the header")
    counted = 3 + l1_clusters
    with open(path, "xb") as file:
        file.write(packed.ljust(cluster_size, b"\0"))
        file.write((2 * cluster_size).to_bytes(8).ljust(cluster_size, b"\0"))
        # what does not fit the first block is counted by the image itself, below
        first = min(counted, cluster_size // 2)
        file.write((b"\0\1" * first).ljust(cluster_size, b"\0"))
        file.write(bytes(l1_clusters * cluster_size))
    image = WritableImage(path, allow_outside=allow_outside)
    if counted > first:
        image._count(first, counted - first, 1)
    return image


def flatten(source, path, cluster_size=CLUSTER_SIZE, most=MOST_FLAT):
    """Write the disk of an image into a new qcow2 that needs no backing file.

    In: an open Image, and a path where no file is yet; at most *most* bytes of data are written.
    Clusters of zeros take no place. Raises Qcow2Error for an image with more data than that, and
    for one that claims more data than its files can hold: clusters are used twice.

    Source: what ``qemu-img convert -f qcow2 -O qcow2`` does.
    """
    arguments.of_type(source, Image, "no image; expected an open qcow2.Image", "source")
    arguments.whole("most", most, " of bytes", 0)
    extents = source.map()
    _fits(source, extents, most)
    with create(path, source.size, cluster_size=cluster_size) as target:
        for extent in extents:
            if not extent.data:
                continue
            start = extent.start // cluster_size * cluster_size
            end = extent.start + extent.length
            for at in range(start, end, PIECE):
                _copy(source, target, at, min(PIECE, end - at, source.size - at))


def _fits(source, extents, most):
    # A small file may name its clusters often, and fill the disk.
    total = sum(extent.length for extent in extents if extent.data)
    if total > most:
        raise Qcow2Error(
            f"{source.path} holds {total} bytes of data; with most={total} they are written"
        )
    files, image = [], source
    while image is not None:
        files.append(os.path.getsize(image.path))
        image = image.backing
    stored = sum(extent.length for extent in extents if extent.data and not extent.compressed)
    if stored > sum(files):
        raise Qcow2Error(
            f"{source.path} claims {stored} bytes of data in files of {sum(files)} bytes:"
            " clusters are used twice"
        )


def _copy(source, target, start, length):
    # Clusters of zeros are left out.
    size = target.cluster_size
    room = -(-length // size) * size
    data = np.zeros(room, np.uint8)
    source.read_into(start, memoryview(data)[:length])
    used = data.view(np.uint64).reshape(-1, size // 8).any(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], used.view(np.int8), [0]))))
    for first, stop in edges.reshape(-1, 2).tolist():
        end = min(stop * size, length)
        target.write(start + first * size, data[first * size : end])
