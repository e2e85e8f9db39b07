"""The dial of one write: where it lands, how long it is, and what an overlay stores for it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit import qcow2
from labkit.dials.panel import Panel, Steps, tick
from labkit.neighbours import arguments
from labkit.plots.clusters import MOST, SQUARE, Squares, draw_legend, kinds_of
from labkit.plots.figure import canvas, settle

if TYPE_CHECKING:
    import pandas as pd

KIB = 1024
COLUMNS = 32
KINDS = ("data", "backing", "zero", "unallocated")
WORDS = {
    "start_kib": ("write begins at, KiB", "Where on the guest's disk the write begins."),
    "length_kib": ("length, KiB", "How much the guest writes."),
    "write_zeroes": ("zeroes instead", "The guest asks for zeros in place of writing data."),
}


def overlay(base: str | Path) -> OverlayDial:
    """Let a guest write once into a new overlay over *base*; see which clusters it takes.

    In: the path of a qcow2 file of at most 1,024 clusters; it is only read. Out: a panel. Each
    control is an attribute (``dial.start_kib.value = 60``), all of them together are
    ``dial.value``, a dict with ``start_kib``, ``length_kib`` and ``write_zeroes`` (whether the guest
    zeroes instead of writing); ``dial.answer`` is the sentence above the figure, ``dial.table`` the clusters
    of the overlay and ``dial.grown`` the bytes that its file grew by. What does not lie on the
    disk is an answer too. Raises ValueError for a disk without clusters, one that is too large to
    draw, or a value outside of a slider.

    >>> folder = qcow2.scratch()
    >>> with qcow2.create(folder / "base.qcow2", 32 * 65536) as base:
    ...     base.write(0, b"x" * 65536)
    >>> dial = overlay(folder / "base.qcow2")
    >>> dial.answer
    The guest writes 4 KiB at 0 KiB; the overlay grows by 128 KiB: 1 table of level 2, 1 cluster \
with data, of which 60 KiB come from below.
    >>> dial.start_kib.value = 64
    >>> dial.answer
    The guest writes 4 KiB at 64 KiB; the overlay grows by 128 KiB: 1 table of level 2, 1 cluster \
with data.
    """
    return OverlayDial(Path(arguments.path("base", base)))


class OverlayDial(Panel):
    """The panel that ``overlay`` makes."""

    def __init__(self, base: Path) -> None:
        with qcow2.Image(base) as image:
            self._size, self._cluster = image.size, image.cluster_size
        count = -(-self._size // self._cluster)
        if not 0 < count <= MOST:
            raise ValueError(f"A dial needs a disk of 1 to {MOST:,} clusters, not {count:,}.")
        self._base = base.resolve()
        self._count = count
        self._begin(self._make_controls(), WORDS)

    # -- turning ------------------------------------------------------------------------
    def _turned(self) -> None:
        self.table, self.grown, answer = self._ask()
        self._squares.show(kinds_of(self.table))
        self._show(self._figure, answer)

    def _ask(self) -> tuple[pd.DataFrame, int, str]:
        # The clusters, the growth and the answer: a real file is made, and deleted again.
        value = self.value
        start, length = value["start_kib"] * KIB, value["length_kib"] * KIB
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "overlay.qcow2"
            behind = str(self._base), "qcow2"
            with qcow2.create(
                path, self._size, *behind, cluster_size=self._cluster, allow_outside=True
            ) as image:
                before, size = image.clusters(), path.stat().st_size
                try:
                    if value["write_zeroes"]:
                        image.write_zeroes(start, length)
                    else:
                        image.write(start, b"\1" * length)
                except ValueError as error:
                    return before, 0, f"Refused: {error}."
                after, grown = image.clusters(), path.stat().st_size - size
        return after, grown, self._said(before, after, start, length, grown)

    def _said(self, before, after, start, length, grown) -> str:
        own = after[(after.depth == 0) & (after.kind == "data")]
        marked = int(((after.depth == 0) & (after.kind == "zero")).sum())
        end = start + length
        below = 0
        for number in own.index:
            at = number * self._cluster
            stop = min(at + self._cluster, self._size)
            if before.kind[number] in ("data", "compressed"):
                below += stop - at - max(0, min(end, stop) - max(start, at))
        tables = grown // self._cluster - len(own)
        parts = [
            _counted(tables, "table", "of level 2"),
            _counted(len(own), "cluster", "with data"),
        ]
        if below:
            parts[-1] += f", of which {below // KIB} KiB come from below"
        parts.append(_counted(marked, "cluster", "marked as zeros"))
        verb = "zeroes" if self.value["write_zeroes"] else "writes"
        return (
            f"The guest {verb} {length // KIB} KiB at {start // KIB} KiB; the overlay grows by"
            f" {grown // KIB} KiB: {', '.join(filter(None, parts))}."
        )

    # -- drawing ------------------------------------------------------------------------
    def _lay_out(self) -> None:
        lines = -(-self._count // COLUMNS)
        wide = max(min(COLUMNS, self._count), 26)
        self._figure = canvas(0.9 + wide * SQUARE, 1.1 + lines * SQUARE)
        ax = self._figure.add_subplot()
        self._squares = Squares(ax, self._count, COLUMNS)
        draw_legend(ax, KINDS)
        self._squares.show([KINDS[-1]] * self._count)
        settle(self._figure)

    def _make_controls(self) -> dict[str, Any]:
        whole = max(4, self._size // KIB)
        return {
            "start_kib": Steps(0, min=0, max=max(4, whole - 4), step=4),
            "length_kib": Steps(4, min=4, max=whole, step=4),
            "write_zeroes": tick(),
        }


def _counted(count: int, noun: str, what: str) -> str:
    return f"{count} {noun}{'s' if count > 1 else ''} {what}" if count else ""
