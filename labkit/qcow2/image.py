"""Reading a qcow2: from a guest's offset to the bytes in the file, or in its backing file."""

import functools
import os
import re
import stat
import weakref
import zlib
from pathlib import Path

import numpy as np

from labkit.neighbours import arguments
from labkit.qcow2.header import Qcow2Error, parse
from labkit.qcow2.raw import Extent, Raw, fill, holes

UNALLOCATED, ZERO, DATA, COMPRESSED = range(4)
OFFSET = 0x00FF_FFFF_FFFF_FE00
COPIED, IS_COMPRESSED, IS_ZERO = 1 << 63, 1 << 62, 1
#: The formats of a backing file.
FORMATS = ("raw", "qcow2")
#: Bytes of second-level tables that are kept in memory.
CACHE = 4 * 1024**2
#: A chain of backing files longer than this is taken for a mistake.
LONGEST_CHAIN = 64
#: A small file may claim a huge disk: so much is read at once, so many pieces and rows are listed.
MOST_READ, MOST_PIECES, MOST_ROWS = 256 * 1024**2, 1_000_000, 65_536
#: The beginning of a name that QEMU takes for a protocol: "json:", "file:", "nbd:".
_PROTOCOL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")


class Image:
    """A qcow2 file, open for reading, with the chain of its backing files.

    In: a path, and *backing_format* ("raw" or "qcow2") for an old file whose header does not name
    the format of its backing file. A backing file outside of the image's folder is opened only
    with *allow_outside*: who made the image may have named any file of this machine.
    Use it in a ``with`` statement, or close it; one that nobody has any more closes itself.
    Raises Qcow2Error for a file that is damaged or uses what the lab does not read.
    """

    mode = "rb"

    def __init__(self, path, backing_format=None, allow_outside=False, _chain=()):
        self.path = Path(arguments.path("path", path))
        if backing_format is not None:
            arguments.known(backing_format, FORMATS, "unknown backing_format")
        allow_outside = arguments.truth("allow_outside", allow_outside)
        # Opening a pipe would wait for somebody who writes into it.
        if self.path.exists() and not stat.S_ISREG(self.path.stat().st_mode):
            raise Qcow2Error(f"{self.path} is no regular file")
        self._file = self.path.open(self.mode, buffering=0)
        weakref.finalize(self, self._file.close)
        self.backing = None
        try:
            self._open(backing_format, allow_outside, _chain)
        except BaseException:
            self.close()
            raise

    def _open(self, backing_format, allow_outside, chain):
        real = os.path.realpath(self.path)
        if real in chain:
            raise Qcow2Error(f"{self.path}: its chain of backing files comes back to itself")
        if len(chain) >= LONGEST_CHAIN:
            raise Qcow2Error(f"{self.path}: a chain of more than {LONGEST_CHAIN} backing files")
        self._file_size = os.fstat(self._file.fileno()).st_size
        self.header = parse(
            self._read_at(0, 65536, "header", short=True), self.path, self._file_size
        )
        self.size, self.cluster_size = self.header.size, self.header.cluster_size
        self._per_l2 = self.cluster_size // 8
        l1 = self._read_at(self.header.l1_table_offset, self.header.l1_size * 8, "level 1 table")
        self._l1 = np.frombuffer(l1, ">u8").astype(np.uint64)
        tables = np.count_nonzero(self._l1 & np.uint64(OFFSET))
        if tables > self._file_size // self.cluster_size:
            raise Qcow2Error(
                f"{self.path}: {tables} level 2 tables, more than the file has room for"
            )
        self._l2 = {}
        self._decoded = (None, b"")
        if self.header.backing_file is not None:
            self.backing = self._open_backing(backing_format, allow_outside, (*chain, real))

    def _open_backing(self, backing_format, allow_outside, chain):
        name, kind = self.header.backing_file, self.header.backing_format or backing_format
        if _PROTOCOL.match(name):
            raise Qcow2Error(
                f"{self.path}: its backing file is named {name!r}; the lab reads plain names of"
                " files, not QEMU's json:, file: and other protocols"
            )
        path = self.path.parent / name
        if kind is None:
            raise Qcow2Error(
                f"{self.path} does not say the format of its backing file {name!r}, and a guess may"
                " be abused; say backing_format='raw' or 'qcow2'"
            )
        if kind not in FORMATS:
            raise Qcow2Error(f"{self.path}: its backing file is {kind!r}; the lab reads raw, qcow2")
        if not path.is_file():
            raise Qcow2Error(f"{self.path}: its backing file {name!r} is not there")
        folder = os.path.dirname(chain[0])
        if not allow_outside and os.path.commonpath([folder, os.path.realpath(path)]) != folder:
            raise Qcow2Error(
                f"{self.path}: its backing file {name!r} lies outside of {folder}; it is opened only"
                " with allow_outside=True, for whoever made the image may have named any file"
            )
        if kind == "raw":
            return Raw(path)
        return Image(path, backing_format, allow_outside, chain)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def __repr__(self):
        behind = f" over {self.header.backing_file}" if self.backing else ""
        return f"<qcow2 {self.path.name}: {self.size} bytes{behind}>"

    def close(self):
        """Close the file and its backing files."""
        self._file.close()
        if self.backing is not None:
            self.backing.close()

    def read(self, offset=0, length=None) -> bytes:
        """Return what the guest reads: *length* bytes from *offset*, to the end without a length.

        Raises ValueError beyond the end of the disk, and for more than 256 MiB at once.
        """
        self._inside(offset, 0 if length is None else length)
        length = self.size - offset if length is None else length
        if length > MOST_READ:
            raise ValueError(
                f"{length} bytes are too much to read at once; read up to {MOST_READ} bytes, in parts"
            )
        out = bytearray(length)
        self.read_into(offset, memoryview(out))
        return bytes(out)

    def map(self) -> list[Extent]:
        """Return how the disk is stored, from its first byte to its last, as ``qemu-img map``.

        Raises Qcow2Error for a disk in more than a million pieces.
        """
        found = []
        for extent in self.extents(0, self.size, 0):
            before = found[-1] if found else None
            if before and _continues(before, extent):
                found[-1] = before._replace(length=before.length + extent.length)
            else:
                found.append(extent)
                if len(found) > MOST_PIECES:
                    raise Qcow2Error(f"{self.path}: more than {MOST_PIECES} pieces to list")
        return found

    def clusters(self):
        """Return the map as a DataFrame with one row per cluster: start, kind, depth, offset.

        ``kind`` is "data", "compressed", "zero" or "unallocated". For pictures of small disks:
        raises ValueError for one of more than 65,536 clusters.
        """
        import pandas as pd

        count = -(-self.size // self.cluster_size)
        if count > MOST_ROWS:
            raise ValueError(f"{count} clusters are too many for a table; use map(), or read parts")

        rows = []
        for start in range(0, self.size, self.cluster_size):
            length = min(self.cluster_size, self.size - start)
            extent = next(iter(self.extents(start, length, 0)))
            kind = "compressed" if extent.compressed else "data" if extent.data else "zero"
            kind = kind if extent.present else "unallocated"
            rows.append((start, kind, extent.depth, extent.offset))
        return pd.DataFrame(rows, columns=["start", "kind", "depth", "offset"])

    def lookup(self, offset):
        """Return what is read to find a byte of the disk in this file: one row per part of the file.

        A DataFrame: part, its offset and length in the file, entry (what is read there) and value,
        the offset of the next part; after "cluster" that of the byte. It ends early, with value 0,
        where this file stores nothing for the byte. Raises ValueError beyond the end of the disk
        and for a compressed cluster, in which a byte has no place of its own.
        """
        import pandas as pd

        self._inside(offset, 1)
        size, l1 = self.cluster_size, self.header.l1_table_offset
        index, within = divmod(offset // size, self._per_l2)
        l2 = int(self._l1[index]) & OFFSET
        parts = [("header", 0, size, "l1_table_offset", l1)]
        parts.append(("L1 table", l1, 8 * len(self._l1), f"entry {index}", l2))
        if l2:
            kinds, hosts = self.decode(self.table(index)[within : within + 1])
            if kinds[0] == COMPRESSED:
                raise ValueError(f"the cluster of byte {offset} is compressed")
            at = int(hosts[0]) if kinds[0] == DATA else 0
            parts.append(("L2 table", l2, size, f"entry {within}", at))
            if at:
                skip = offset % size
                parts.append(("cluster", at, size, f"byte {skip}", at + skip))
        return pd.DataFrame(parts, columns=["part", "offset", "length", "entry", "value"])

    # -- inside ---------------------------------------------------------------------------
    def read_into(self, offset, view):
        """Fill *view*, which is all zeros, with what the guest reads from *offset* on."""
        for start, length, kind, host in self._runs(offset, len(view)):
            at = start - offset
            part = view[at : at + length]
            if kind == DATA:
                self._fill_from(host, part)
            elif kind == COMPRESSED:
                skip = start % self.cluster_size
                part[:] = self._decompressed(host)[skip : skip + length]
            elif kind == UNALLOCATED and self.backing is not None and start < self.backing.size:
                self.backing.read_into(start, part[: self.backing.size - start])

    def extents(self, start, length, depth):
        """Yield the pieces of a part of the disk, not yet merged."""
        backing = self.backing
        for at, n, kind, host in self._runs(start, length):
            if kind == UNALLOCATED and backing is not None:
                inside = max(0, min(n, backing.size - at))
                if inside:
                    yield from backing.extents(at, inside, depth + 1)
                if n > inside:  # the backing file is short
                    yield Extent(at + inside, n - inside, depth, False, True, False, False, None)
            elif kind == UNALLOCATED:
                yield Extent(at, n, depth, False, True, False, False, None)
            elif kind == DATA:
                parts = holes(self._file, host, n) if self._preallocated else [(0, n, False)]
                for skip, part, hole in parts:
                    yield Extent(at + skip, part, depth, True, hole, True, False, host + skip)
            else:
                stored = host if kind == ZERO and host else None
                data = kind == COMPRESSED
                yield Extent(at, n, depth, True, not data, data, data, stored)

    def _runs(self, offset, length):
        # Start, length, kind, host of what is stored in one way and one after the other.
        end, size = offset + length, self.cluster_size
        while offset < end:
            index, within = divmod(offset // size, self._per_l2)
            if not self._l1[index] & OFFSET:
                stop = self._empty_until(index, end)
                yield offset, stop - offset, UNALLOCATED, 0
                offset = stop
                continue
            last = min(self._per_l2, within + -(-(end - offset // size * size) // size))
            entries = self.table(index)[within:last]
            for first, count, kind, host in self._same(entries):
                start = (index * self._per_l2 + within + first) * size
                stop = min(start + count * size, end)
                skip = max(0, offset - start)
                where = host if kind == COMPRESSED or not host else host + skip
                yield start + skip, stop - start - skip, kind, where
                offset = stop

    def _empty_until(self, index, end):
        # Where the disk has a second-level table again, at most *end*.
        reach = self._per_l2 * self.cluster_size
        last = -(-end // reach)
        used = np.flatnonzero(self._l1[index:last] & np.uint64(OFFSET))
        return min(end, (index + int(used[0])) * reach) if len(used) else end

    def _same(self, entries):
        # First, count, kind, host of the runs in a piece of a second-level table.
        kinds, hosts = self.decode(entries)
        step = np.where((kinds == DATA) | ((kinds == ZERO) & (hosts != 0)), self.cluster_size, 0)
        joins = (kinds[1:] == kinds[:-1]) & (hosts[1:] == hosts[:-1] + step[:-1])
        joins &= kinds[1:] != COMPRESSED
        starts = np.concatenate(([0], np.flatnonzero(~joins) + 1, [len(entries)]))
        for first, stop in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            yield first, stop - first, int(kinds[first]), int(hosts[first])

    def decode(self, entries):
        """Return (kinds, hosts) of the entries of a second-level table."""
        compressed = (entries & np.uint64(IS_COMPRESSED)) != 0
        hosts = np.where(
            compressed, entries & np.uint64(IS_COMPRESSED - 1), entries & np.uint64(OFFSET)
        )
        kinds = np.where(hosts != 0, DATA, UNALLOCATED)
        if self.header.version >= 3:
            kinds = np.where((entries & np.uint64(IS_ZERO)) != 0, ZERO, kinds)
        kinds = np.where(compressed, COMPRESSED, kinds)
        crooked = ~compressed & (hosts % np.uint64(self.cluster_size) != 0)
        if crooked.any():
            where = int(hosts[crooked][0])
            raise Qcow2Error(f"{self.path}: a cluster at {where:#x}, not the start of a cluster")
        return kinds, hosts.astype(np.int64)

    def table(self, index):
        """Return the second-level table behind entry *index* of the first level."""
        entries = len(self._l1)
        arguments.whole("index", index, f" of 0 to {entries - 1}", 0, entries - 1)
        at = int(self._l1[index]) & OFFSET
        table = self._l2.pop(at, None)
        if table is None:
            if at % self.cluster_size:
                raise Qcow2Error(f"{self.path}: a level 2 table at {at:#x}, inside of a cluster")
            raw = self._read_at(at, self.cluster_size, "level 2 table")
            table = np.frombuffer(raw, ">u8").astype(np.uint64)
            if len(self._l2) >= max(2, CACHE // self.cluster_size):
                del self._l2[next(iter(self._l2))]
        self._l2[at] = table
        return table

    def compressed_at(self, host):
        """Return (offset, bytes) in the file for what an entry says of a compressed cluster."""
        bits = 62 - (self.header.cluster_bits - 8)
        offset = host & ((1 << bits) - 1)
        return offset, ((host >> bits) + 1) * 512 - offset % 512

    def _decompressed(self, host):
        if self._decoded[0] == host:
            return self._decoded[1]
        offset, length = self.compressed_at(host)
        raw = self._read_at(offset, length, "compressed cluster", short=True)
        try:
            data = zlib.decompressobj(-12).decompress(raw, self.cluster_size)
        except zlib.error as error:
            raise Qcow2Error(f"{self.path}: compressed cluster at {offset:#x}: {error}") from None
        if len(data) != self.cluster_size:
            raise Qcow2Error(f"{self.path}: compressed cluster at {offset:#x} is cut off")
        self._decoded = (host, data)
        return data

    def tables(self):
        """Yield (index, offset in the file) of each second-level table that there is."""
        for index in np.flatnonzero(self._l1 & np.uint64(OFFSET)).tolist():
            yield index, int(self._l1[index]) & OFFSET

    def refcounts(self):
        """Yield (offset of a refcount block, number of its first cluster, its counts)."""
        header, bits = self.header, 1 << self.header.refcount_order
        raw = self._read_at(
            header.refcount_table_offset,
            header.refcount_table_clusters * self.cluster_size,
            "refcount table",
        )
        per_block = self.cluster_size * 8 // bits
        for index, entry in enumerate(np.frombuffer(raw, ">u8").tolist()):
            if entry & OFFSET:
                block = self._read_at(entry & OFFSET, self.cluster_size, "refcount block")
                yield entry & OFFSET, index * per_block, _counts(block, bits)

    @functools.cached_property
    def _preallocated(self):
        # Whether far fewer clusters are on the disk than in use: only then QEMU looks for holes.
        # Source: qcow2_detect_metadata_preallocation in block/qcow2-refcount.c, QEMU 7.2.
        taken = getattr(os.fstat(self._file.fileno()), "st_blocks", 0) * 512 // self.cluster_size
        last, used = -(-self._file_size // self.cluster_size), 0
        try:
            for _, at, counts in self.refcounts():
                if at >= last:
                    break
                used += int(np.count_nonzero(counts[: last - at]))
        except Qcow2Error:  # damaged: not so, as QEMU takes it
            return False
        return used >= max(taken * 10 // 9, taken + 2)

    def _inside(self, offset, length):
        arguments.whole("offset", offset, " of bytes")
        arguments.whole("length", length, " of bytes")
        if not (offset >= 0 and length >= 0 and offset + length <= self.size):
            raise ValueError(
                f"{length} bytes from {offset} on do not lie on a disk of {self.size} bytes"
            )

    def _fill_from(self, host, view):
        last = (host + len(view) - 1) // self.cluster_size * self.cluster_size
        if last >= self._file_size:  # the last cluster of a file need not be whole
            raise Qcow2Error(f"{self.path}: a cluster at {last:#x}, beyond the end: it is cut off")
        self._file.seek(host)
        fill(self._file, view)

    def _read_at(self, offset, length, what, short=False):
        # Fewer bytes than asked for only where *short* allows it.
        if offset + (0 if short else length) > self._file_size:
            raise Qcow2Error(f"{self.path}: its {what} at {offset:#x} is cut off")
        self._file.seek(offset)
        return self._file.read(length)


def _counts(block, bits):
    if bits >= 8:
        return np.frombuffer(block, f">u{bits // 8}").astype(np.int64)
    each = np.unpackbits(np.frombuffer(block, np.uint8), bitorder="little").reshape(-1, bits)
    return each.astype(np.int64) @ (1 << np.arange(bits))


def _continues(before, extent):
    # Whether an extent goes on where another ends, in the same way.
    follows = None if before.offset is None else before.offset + before.length
    return before[2:7] == extent[2:7] and extent.offset == follows
