"""Lesson 07: how far a table reaches, and where in the file a byte lies."""

import reprlib
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from labkit import qcow2
from labkit.exercises.answers import each, function, result
from labkit.exercises.judging import Question, Wrong
from labkit.qcow2.image import IS_ZERO, OFFSET

KIB, MIB = 1024, 1024**2
#: The sizes of clusters whose tables are asked for.
SIZES = (64 * KIB, 4 * KIB)


@cache
def reach():
    """Return how many MiB of a disk one table of level 2 describes, for each of SIZES."""
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for size in SIZES:
            with qcow2.create(Path(folder) / f"{size}", 1024 * MIB, cluster_size=size) as image:
                found.append(image.size // image.header.l1_size // MIB)
    return found


@cache
def places():
    """Return (words, the file's bytes, offset, where it lies) for bytes of two disks."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            path = Path(folder) / f"{size}"
            with qcow2.create(path, 4096 * size, cluster_size=size) as image:
                image.write(size + 6 * KIB % size, b"first")
                image.write(3 * size, b"x" * 2 * size)
                image.write(1030 * size + 100, b"far")
            _mark_as_zeros(path, 4)
            with qcow2.Image(path) as image:
                clusters, raw = image.clusters(), path.read_bytes()
            for cluster, within in ((1, 7), (0, 0), (3, size - 1), (4, 5), (1030, 100), (4000, 1)):
                row, at = clusters.loc[cluster], cluster * size + within
                where = int(row.offset) + within if row.kind == "data" else None
                rows.append((f"byte {at} with clusters of {size // KIB} KiB", raw, at, where))
    return rows


def _mark_as_zeros(path, number):
    # Mark a cluster that keeps its place in the file, as QEMU may.
    raw = bytearray(path.read_bytes())
    upper = int.from_bytes(raw[40:48])
    lower = int.from_bytes(raw[upper : upper + 8]) & OFFSET
    raw[lower + 8 * number + 7] |= IS_ZERO
    path.write_bytes(raw)


def _reach_slip(size, one, exact):
    if one == exact * 8:
        return "An entry has 8 bytes, not one."
    if one in (exact * MIB, exact * KIB):
        return "In MiB, please."
    if one == reach()[0]:
        return "Smaller clusters: fewer entries fit, and each describes less."
    return "A table is one cluster of entries; each entry describes one cluster."


def _judge_find(answer):
    asked = "a function of content and offset that returns a position in the file, or None"
    judged = function(answer, asked)
    for words, raw, offset, where in places():
        one = result(judged, raw, offset, of=words)
        if one is not None and (isinstance(one, bool) or not isinstance(one, (int, np.integer))):
            raise Wrong(f"For {words} you gave {reprlib.repr(one)}. Asked: {asked}.")
        if one != where:
            raise Wrong(f"For {words} you gave {one}. {_slip(one, where, raw, offset)}")


def _slip(one, where, raw, offset):
    size = 1 << raw[23]
    if where is None:
        return "This file holds no byte for it: an entry without an offset, or marked as zeros."
    if one is None:
        return "Its entries in both tables have an offset, once their marks are taken off."
    if one < 0 or one >= len(raw):
        return "That is beyond the end of the file. Bit 63 of an entry is a mark, no offset."
    if one % size != offset % size and one % size == 0:
        return "That is where its cluster begins."
    return "Which entry of level 1, and which of level 2? Both depend on the size of a cluster."


QUESTIONS = (
    Question(
        "reach-of-a-table",
        "How many MiB of a disk does one table of level 2 describe, with clusters of 64 KiB and "
        "of 4 KiB? Give a list of two numbers.",
        each(
            {f"clusters of {size // KIB} KiB": size for size in SIZES},
            reach,
            "two numbers in MiB, for clusters of 64 KiB and of 4 KiB",
            _reach_slip,
        ),
        (
            "How many entries of 8 bytes fit into one cluster?",
            "Entries in a table, times the bytes that each describes: one cluster.",
        ),
        lambda: (
            "{}, {}. ".format(*reach())
            + "Clusters 16 times as small: 256 times as many tables for the same disk."
        ),
    ),
    Question(
        "find-the-byte",
        "Where in a file does a byte of the guest's disk lie? Give a function of the file's bytes "
        "(content) and the guest's offset that returns the position in the file, or None where this "
        "file stores nothing for it. No cluster is compressed.",
        _judge_find,
        (
            "Byte 20 of the header gives cluster_bits, byte 40 the place of level 1.",
            "divmod(offset // size, size // 8) gives the entry of level 1 and that of level 2.",
        ),
        lambda: (
            "Read size = 1 << cluster_bits; the entry of level 1, masked, is the table of level "
            "2; its entry, masked, plus offset % size is the answer. None where an entry has no "
            f"offset or has bit 0 set. The check asks for {len(places())} bytes."
        ),
    ),
)
