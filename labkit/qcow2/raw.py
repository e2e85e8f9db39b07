"""A raw disk as a backing file, and the pieces that a map of any disk consists of."""

import errno
import os
import weakref
from pathlib import Path
from typing import NamedTuple


class Extent(NamedTuple):
    """A piece of a disk that is stored in one way, named as in ``qemu-img map --output=json``.

    ``start`` and ``length`` in bytes of the guest's disk; ``depth`` 0 in the file itself, 1 in its
    backing file; ``present`` False where no file of the chain says anything; ``offset`` in the
    file, None where nothing is stored or what is stored is compressed.
    """

    start: int
    length: int
    depth: int
    present: bool
    zero: bool
    data: bool
    compressed: bool
    offset: int | None


class Raw:
    """A backing file without any format: the disk byte by byte."""

    backing = None

    def __init__(self, path):
        self.path = Path(path)
        self._file = self.path.open("rb", buffering=0)
        weakref.finalize(self, self._file.close)
        self.size = os.fstat(self._file.fileno()).st_size

    def read_into(self, offset, view):
        """Fill *view* from *offset* on."""
        self._file.seek(offset)
        fill(self._file, view)

    def extents(self, start, length, depth):
        """Yield its data and its holes: a raw file holds every byte, or the file system says zero."""
        for skip, n, hole in holes(self._file, start, length):
            at = start + skip
            yield Extent(at, n, depth, True, hole, not hole, False, at)

    def close(self):
        """Close the file."""
        self._file.close()


def fill(file, view):
    """Read until *view* is full or the file ends."""
    done = 0
    while done < len(view):
        n = file.readinto(view[done:])
        if not n:
            break
        done += n


def holes(file, start, length):
    """Yield (bytes after *start*, length, whether a hole) for a part of a file that is all there.

    A hole reads as zeros and takes no place on the disk. Where the file system knows no holes,
    all is data.
    """
    at, end = start, start + length
    while at < end:
        stop, hole = end, False
        if hasattr(os, "SEEK_DATA"):
            try:
                data = min(os.lseek(file.fileno(), at, os.SEEK_DATA), end)
                hole = data > at
                stop = data if hole else min(os.lseek(file.fileno(), at, os.SEEK_HOLE), end)
            except OSError as error:
                hole = error.errno == errno.ENXIO  # nothing but a hole up to the end of the file
        yield at - start, stop - at, hole
        at = stop
