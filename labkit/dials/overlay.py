"""The dial of one write: where it lands, how long it is, and what an overlay stores for it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from labkit import qcow2
from labkit.dials.panel import Panel, Steps, tick
from labkit.neighbours import arguments
from labkit.plots.clusters import MOST, SQUARE, Squares, draw_legend, kinds_of, size_of
from labkit.plots.figure import (
    BLUE,
    ORANGE,
    SMALL,
    VERMILLION,
    canvas,
    legend,
    patches,
    settle,
    wide,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

KIB = 1024
KINDS = ("data", "backing", "zero", "unallocated")
#: What a part of a cluster is filled with: colour, hatch.
PARTS = {
    "written or zeroed by the guest": (BLUE, ""),
    "copied from below": (ORANGE, "//"),
    "filled with zeros: nothing is below": ("#DDDDDD", ""),
    "not stored: marked as zeros": ("white", ""),
}
ASKED, COPIED, FILLED, MARKED = PARTS
MOST_TICKS = 10
RULER = 680  # pixels of the ruler, at least
WORDS = {
    "start_kib": ("write begins at, KiB", "Where on the guest's disk the write begins."),
    "length_kib": ("length, KiB", "How much the guest writes."),
    "write_zeroes": ("zeroes instead", "The guest asks for zeros in place of writing data."),
}


def overlay(base: str | Path) -> OverlayDial:
    """Let a guest write once into a new overlay over *base*; see what it takes.

    In: the path of a qcow2 file of at most 1,024 clusters; it is only read. Out: a panel: what the
    overlay then stores of the clusters that are touched, above a ruler in KiB, and all clusters. Each
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
        start = self.value["start_kib"] * KIB
        end = start + self.value["length_kib"] * KIB
        _draw_parts(self._ruler, self._parts, (start, end), self._cluster, self._size)
        self._show(self._figure, answer)

    def _ask(self) -> tuple[pd.DataFrame, int, str]:
        # The clusters, the growth and the answer: a real file is made, and deleted again.
        value = self.value
        self._parts: list[Part] = []
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
        self._parts = list(self._parts_of(before, after, start, start + length))
        own = after[(after.depth == 0) & (after.kind == "data")]
        marked = int(((after.depth == 0) & (after.kind == "zero")).sum())
        below = sum(part.end - part.start for part in self._parts if part.what == COPIED)
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

    def _parts_of(self, before, after, start, end) -> Iterator[Part]:
        for number, kind in after.kind[after.depth == 0].items():
            begin = number * self._cluster
            stop = min(begin + self._cluster, self._size)
            if kind == "zero":
                yield Part(begin, stop, MARKED)
            elif kind == "data":
                below = before.kind[number] in ("data", "compressed")
                low, high = max(start, begin), min(end, stop)
                rest = COPIED if below else FILLED
                parts = (begin, low, rest), (low, high, ASKED), (high, stop, rest)
                yield from (Part(*part) for part in parts if part[0] < part[1])

    # -- drawing ------------------------------------------------------------------------
    def _lay_out(self) -> None:
        columns, lines = size_of(self._count)
        self._figure = canvas(0.9 + columns * SQUARE, 3.0 + lines * SQUARE)
        heights = {"height_ratios": [1.1, lines * SQUARE]}
        self._ruler, ax = self._figure.subplots(2, 1, gridspec_kw=heights)
        self._squares = Squares(ax, self._count)
        draw_legend(ax, KINDS)
        self._squares.show([KINDS[-1]] * self._count)
        _draw_parts(self._ruler, [], (0, self._size), self._cluster, self._size)
        legend(self._ruler, patches(PARTS), ncols=2, loc="outside upper left")
        settle(self._figure)

    def _make_controls(self) -> dict[str, Any]:
        whole = max(4, self._size // KIB)
        return {
            "start_kib": Steps(0, min=0, max=max(4, whole - 4), step=4),
            "length_kib": Steps(4, min=4, max=whole, step=4),
            "write_zeroes": tick(),
        }


class Part(NamedTuple):
    """Bytes of the guest's disk, and what the overlay has of them after a write."""

    start: int
    end: int
    what: str


def _draw_parts(ax: Axes, parts: list[Part], asked: tuple, cluster: int, size: int) -> None:
    from matplotlib.patches import Rectangle

    first, last = asked[0] // cluster, -(-asked[1] // cluster)
    left, right = first * cluster, last * cluster
    ax.clear()
    for top, begin, end, (colour, hatch) in (
        (0.1, *asked, PARTS[ASKED] if asked[1] <= size else (VERMILLION, "xx")),
        *((1.1, part.start, part.end, PARTS[part.what]) for part in parts),
    ):
        style = {"facecolor": colour, "hatch": hatch, "edgecolor": "black", "lw": 0.6}
        ax.add_patch(Rectangle((begin, top), end - begin, 0.8, **style))
        words = f"{_kib(end - begin)} KiB"
        if wide(words) + 10 < (end - begin) / (right - left) * RULER:
            pad = {"facecolor": colour, "edgecolor": "none", "pad": 1.0}
            ink = {"color": "white" if colour == BLUE else "black", "fontsize": SMALL, "bbox": pad}
            ax.text((begin + end) / 2, top + 0.4, words, ha="center", va="center", **ink, zorder=4)
    step = -(-(last - first) // MOST_TICKS)
    borders = [number * cluster for number in range(first, last + 1)]
    ticks, scale = borders[::step], "KiB of the guest's disk"
    if step <= 4:
        ax.vlines(borders, 0, 2, color="black", lw=1)
        scale += "; a line at each border of a cluster"
    if left < size < right:
        ax.vlines([size], 0, 2, color=VERMILLION, lw=3)
        scale += "; thick: the end of the disk"
    ax.set(xlim=(left, right), ylim=(2, 0))
    ax.set_xticks(ticks, list(map(_kib, ticks)), fontsize=SMALL)
    ax.set_yticks([0.5, 1.5], ["asked for", "stored"], fontsize=SMALL)
    ax.set_xlabel(scale, fontsize=SMALL)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "left", "right"]].set_visible(False)


def _kib(count: int) -> str:
    return f"{count / KIB:,.1f}".removesuffix(".0")


def _counted(count: int, noun: str, what: str) -> str:
    return f"{count} {noun}{'s' if count > 1 else ''} {what}" if count else ""
