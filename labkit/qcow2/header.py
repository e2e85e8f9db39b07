"""The first bytes of a qcow2 file: what its header says, field by field."""

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

MAGIC = b"QFI\xfb"
V2_LENGTH, V3_LENGTH = 72, 104
#: Name, first byte, number of bytes and release of each field. Source: docs/interop/qcow2.txt of QEMU.
FIELDS = (
    ("magic", 0, 4),
    ("version", 4, 4),
    ("backing_file_offset", 8, 8),
    ("backing_file_size", 16, 4),
    ("cluster_bits", 20, 4),
    ("size", 24, 8),
    ("crypt_method", 32, 4),
    ("l1_size", 36, 4),
    ("l1_table_offset", 40, 8),
    ("refcount_table_offset", 48, 8),
    ("refcount_table_clusters", 56, 4),
    ("nb_snapshots", 60, 4),
    ("snapshots_offset", 64, 8),
    ("incompatible_features", 72, 8),
    ("compatible_features", 80, 8),
    ("autoclear_features", 88, 8),
    ("refcount_order", 96, 4),
    ("header_length", 100, 4),
)
#: Header extensions: what follows the header, each with its type and length.
END, BACKING_FORMAT = 0, 0xE2792ACA
#: Incompatible features by bit. Whoever does not know one must not touch the file.
DIRTY, CORRUPT, DATA_FILE, COMPRESSION, EXTENDED_L2 = range(5)
_REFUSED = {
    CORRUPT: "is marked as corrupt",
    DATA_FILE: "keeps its data in another file",
    COMPRESSION: "is compressed with zstd",
    EXTENDED_L2: "has subclusters",
}
#: The same bounds as QEMU's, so that a hostile header cannot ask for more memory than this.
MOST_L1_BYTES = 32 * 1024**2
MOST_REFCOUNT_TABLE_BYTES = 8 * 1024**2
#: Bytes in the name of a backing file.
LONGEST_NAME = 1023


class Qcow2Error(ValueError):
    """A file that is no qcow2, is damaged, or uses what the lab does not read."""


class Field(NamedTuple):
    """One field of a header, with the bytes as they stand in the file."""

    name: str
    offset: int
    bytes: str
    value: int


@dataclass
class Header:
    """What the header of a qcow2 file says, named as in QEMU's docs/interop/qcow2.txt."""

    size: int
    l1_size: int
    l1_table_offset: int
    refcount_table_offset: int
    refcount_table_clusters: int
    cluster_bits: int = 16
    version: int = 3
    backing_file: str | None = None
    backing_format: str | None = None
    nb_snapshots: int = 0
    snapshots_offset: int = 0
    incompatible_features: int = 0
    compatible_features: int = 0
    autoclear_features: int = 0
    refcount_order: int = 4
    crypt_method: int = 0
    raw: bytes = field(default=b"", repr=False)

    @property
    def cluster_size(self) -> int:
        """Bytes in a cluster."""
        return 1 << self.cluster_bits

    def fields(self) -> list[Field]:
        """Return every field with its offset, its bytes in hexadecimal and its value."""
        length = V3_LENGTH if self.version >= 3 else V2_LENGTH
        return [
            Field(name, at, self.raw[at : at + n].hex(" "), int.from_bytes(self.raw[at : at + n]))
            for name, at, n in FIELDS
            if at < length
        ]

    def pack(self) -> bytes:
        """Return the header, its extensions and the backing file's name as bytes, version 3."""
        extensions = b""
        if self.backing_format:
            text = self.backing_format.encode()
            extensions += struct.pack(">II", BACKING_FORMAT, len(text))
            extensions += text.ljust(-(-len(text) // 8) * 8, b"\0")
        extensions += struct.pack(">II", END, 0)
        name = (self.backing_file or "").encode()
        values = {
            "magic": int.from_bytes(MAGIC),
            "backing_file_offset": V3_LENGTH + len(extensions) if name else 0,
            "backing_file_size": len(name),
            "header_length": V3_LENGTH,
        }
        packed = b"".join(
            (values[each] if each in values else getattr(self, each)).to_bytes(n)
            for each, _, n in FIELDS
        )
        self.raw = packed + extensions + name
        return self.raw


def parse(raw: bytes, where, file_size: int) -> Header:
    """Read a header from the first bytes of a file; *where* names the file in what is refused.

    Raises Qcow2Error for everything that is not a plain qcow2 of version 2 or 3, and for sizes
    and offsets that no sound file has.
    """
    if len(raw) < V2_LENGTH or not raw.startswith(MAGIC):
        raise Qcow2Error(f"{where} is no qcow2: it begins with {raw[:4]!r}, not {MAGIC!r}")
    value = {name: int.from_bytes(raw[at : at + n]) for name, at, n in FIELDS}
    version = value["version"]
    if version not in (2, 3):
        raise Qcow2Error(f"{where} is a qcow2 of version {version}; the lab reads 2 and 3")
    length = V2_LENGTH
    if version == 2:
        for name, at, _ in FIELDS:
            if at >= V2_LENGTH:
                value[name] = 0
        value["refcount_order"] = 4
    else:
        length = value["header_length"]
    _check(value, where, file_size, len(raw), length)
    cluster_size = 1 << value["cluster_bits"]
    backing = None
    if value["backing_file_offset"]:
        start, n = value["backing_file_offset"], value["backing_file_size"]
        if n > LONGEST_NAME or start + n > min(cluster_size, len(raw)):
            raise Qcow2Error(f"{where}: the name of its backing file lies outside of the header")
        backing = raw[start : start + n].decode("utf-8", "surrogateescape") or None
    kept = {name: value[name] for name in Header.__dataclass_fields__ if name in value}
    end = value["backing_file_offset"] if backing else cluster_size
    backing_format = _extensions(raw, length, min(end, len(raw)), where)
    return Header(**kept, backing_file=backing, backing_format=backing_format, raw=raw)


def _check(value, where, file_size, available, length):
    def need(fine, words):
        if not fine:
            raise Qcow2Error(f"{where}: {words}")

    bits = value["cluster_bits"]
    need(9 <= bits <= 21, f"cluster_bits is {bits}, expected 9 to 21")
    cluster_size = 1 << bits
    need(V2_LENGTH <= length <= min(cluster_size, available), f"header_length is {length}")
    need(value["version"] == 2 or length >= V3_LENGTH, f"header_length is {length}")
    for bit, words in _REFUSED.items():
        need(
            not value["incompatible_features"] >> bit & 1,
            f"it {words}, which the lab does not read",
        )
    known = (1 << (EXTENDED_L2 + 1)) - 1
    need(
        not value["incompatible_features"] & ~known,
        f"incompatible_features is {value['incompatible_features']:#x}; the lab knows {known:#x}",
    )
    need(value["crypt_method"] == 0, "it is encrypted, which the lab does not read")
    need(value["refcount_order"] <= 6, f"refcount_order is {value['refcount_order']}, at most 6")
    l1_bytes = value["l1_size"] * 8
    need(l1_bytes <= MOST_L1_BYTES, f"l1_size is {value['l1_size']}, more than 32 MiB of entries")
    reach = value["l1_size"] * (cluster_size // 8) * cluster_size
    need(value["size"] <= reach, f"size is {value['size']}, but its l1_size reaches {reach} bytes")
    table = value["refcount_table_clusters"] * cluster_size
    need(0 < table <= MOST_REFCOUNT_TABLE_BYTES, f"refcount table of {table} bytes, 1 to 8 MiB")
    for name, n in (("l1_table_offset", l1_bytes), ("refcount_table_offset", table)):
        at = value[name]
        need(at % cluster_size == 0, f"{name} is {at:#x}, not the start of a cluster")
        need(at >= cluster_size or not n, f"{name} is {at:#x}, inside of the header")
        need(at + n <= file_size, f"{name} is {at:#x}, beyond the end of the file: it is cut off")


def _extensions(raw, at, end, where):
    found = None  # the backing file's format, if an extension names it
    while at + 8 <= end:
        kind, n = struct.unpack_from(">II", raw, at)
        if kind == END:
            break
        at += 8
        if n > end - at:
            raise Qcow2Error(f"{where}: a header extension of {n} bytes does not fit the header")
        if kind == BACKING_FORMAT:
            found = raw[at : at + n].decode("utf-8", "replace")
        at += -(-n // 8) * 8
    return found
