"""The answers to the questions of lesson 07: right, wrong, and not checkable."""

import numpy as np
import pandas as pd

from labkit import qcow2
from labkit.exercises import lesson_07
from tests.helpers.asked import Asked

MASK = 0x00FF_FFFF_FFFF_FE00


def find(raw, offset, mask=MASK, bits=None, zeros=1):
    """What the exercise asks for, with what may go wrong as arguments."""

    def number(at, n=8):
        return int.from_bytes(raw[at : at + n])

    size = 1 << (bits or number(20, 4))
    upper, lower = divmod(offset // size, size // 8)
    table = number(number(40) + 8 * upper) & mask
    entry = number(table + 8 * lower) if table else 0
    if entry & zeros or not entry & mask:
        return None
    return (entry & mask) + offset % size


RIGHT = {
    "reach-of-a-table": [[512, 2], pd.Series([512, 2]), np.array([512.0, 2.0])],
    "find-the-byte": [
        find,
        lambda raw, offset: None if find(raw, offset) is None else np.int64(find(raw, offset)),
    ],
}
WRONG = {
    "reach-of-a-table": [
        ([4096, 16], "8 bytes"),
        ([512, 16], "8 bytes"),
        ([512, 512], "Smaller clusters"),
        ([512 * 1024, 2048], "In MiB"),
        ([64, 4], "one cluster of entries"),
        ([512, 2, 1], "3 of 2"),
    ],
    "find-the-byte": [
        (lambda raw, offset: find(raw, offset, mask=2**64 - 1), "their marks"),
        (lambda raw, offset: (find(raw, offset) or 0) | 2**63, "Bit 63"),
        (lambda raw, offset: find(raw, offset, bits=16), "with clusters of 4 KiB"),
        (lambda raw, offset: find(raw, offset, zeros=0), "marked as zeros"),
        (lambda raw, offset: (find(raw, offset) or 0) // 65536 * 65536, "its cluster begins"),
        (lambda raw, offset: None, "have an offset"),
        (lambda raw, offset: 0.5, "Asked"),
        (lambda raw, offset: True, "Asked"),
        (lambda raw: 1, "raises TypeError"),
    ],
}
NOT_CHECKABLE = [
    ("reach-of-a-table", [True, 2], "(bool)"),
    ("find-the-byte", 327680, "without calling it"),
]
SOLUTIONS = {
    "reach-of-a-table": "512, 2. ",
    "find-the-byte": "Read size = 1 << cluster_bits; ",
}


class TestAnswers(Asked):
    lesson = lesson_07


def test_the_function_finds_what_qemu_wrote_where_qemu_says_it_lies(root):
    path = root / "data" / "qcow2" / "overlay.qcow2"
    raw = path.read_bytes()
    with qcow2.Image(path) as image:
        extents = image.map()
    for extent in extents:
        where = extent.offset if extent.data and not extent.depth else None
        assert find(raw, extent.start) == where
