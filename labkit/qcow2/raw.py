"""A raw disk as a backing file, and the pieces that a map of any disk consists of."""

import os
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
        self.size = os.fstat(self._file.fileno()).st_size

    def read_into(self, offset, view):
        """Fill *view* from *offset* on."""
        self._file.seek(offset)
        fill(self._file, view)

    def extents(self, start, length, depth):
        """Yield the whole of it: a raw file holds every byte."""
        yield Extent(start, length, depth, True, False, True, False, start)

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
