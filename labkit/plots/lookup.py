"""The way to a byte of a qcow2: from the header through its tables, and where each lies in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.plots.figure import (
    GREEN,
    GREY,
    ORANGE,
    SKY,
    SMALL,
    Figure,
    checked,
    label,
    light,
    pixel_axes,
    plain,
    region,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

COLUMNS = ("part", "offset", "length", "entry", "value")
#: Pixels: a box for each part, the gap for its arrow, and the file below them.
BOX, GAP, TOP, BOTTOM, FILE, FILE_END, HEIGHT = 148, 52, 24, 92, 138, 162, 184
MOST = 4
THINNEST = 4
KIB = 1024


@plain()
def lookup(lookup: pd.DataFrame) -> Figure:
    """Draw what is read for a byte of a disk, part by part, and where in the file each part lies.

    *lookup* is the table of ``qcow2.Image.lookup()``: part, offset, length, entry, value; each
    value is the place of the next part, the last one the place of the byte, in bytes of the file.
    Raises ValueError for a table without rows, or with more than four.

    >>> import pandas as pd
    >>> rows = [("header", 0, 65536, "l1_table_offset", 196608), ("L1 table", 196608, 8, "entry 0", 0)]
    >>> lookup(pd.DataFrame(rows, columns=["part", "offset", "length", "entry", "value"]))
    The way, in KiB of the file: header at 0, L1 table at 192; its entry 0 leads to no data in this file.
    """
    checked("lookup", lookup, COLUMNS)
    if len(lookup) > MOST:
        raise ValueError(f"{len(lookup)} parts; the way to a byte has at most {MOST}.")
    answer = _said(lookup)
    width = MOST * BOX + (MOST - 1) * GAP
    ax = pixel_axes(width + 16, HEIGHT, 8, 8, title=answer)
    ax.set(xlim=(-1, width + 1), ylim=(HEIGHT, 0), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    _draw(ax, list(lookup.itertuples(index=False)), width)
    return Figure(ax.figure, answer)


def _said(table: pd.DataFrame) -> str:
    parts = [f"{row.part} at {_kib(row.offset)}" for row in table.itertuples()]
    way = f"The way, in KiB of the file: {', '.join(parts)}"
    last = table.iloc[-1]
    if last["value"]:
        return f"{way}, the byte at {_kib(last['value'])}."
    return f"{way}; its {last.entry} leads to no data in this file."


def _draw(ax: Axes, rows: list, width: int) -> None:
    end = max(row.offset + row.length for row in rows)
    edge = {"edgecolor": "black", "linewidth": 0.7}
    words = {"fontsize": SMALL, "va": "center"}
    region(ax, [(0, width, FILE, FILE_END)], facecolor="white", **edge)
    for place, (row, colour) in enumerate(zip(rows, (GREY, SKY, ORANGE, GREEN), strict=False)):
        left, fill = place * (BOX + GAP), light(colour)
        region(ax, [(left, left + BOX, TOP, BOTTOM)], facecolor=fill, **edge)
        ax.text(left, TOP / 2, label(row.part), fontweight="bold", **words)
        ax.text(left + BOX, TOP / 2, f"at {_kib(row.offset)} KiB", ha="right", **words)
        says = f"{row.value:,}" if row.value else "no data"
        middle = (TOP + BOTTOM) / 2
        ax.text(left + BOX / 2, middle, f"{label(row.entry)}:\n{says}", ha="center", **words)
        if place + 1 < len(rows):
            tip = (left + BOX + GAP, middle)
            ax.annotate("", tip, (left + BOX, middle), arrowprops={"arrowstyle": "->"})
        x = row.offset / end * width
        thick = max(row.length / end * width, THINNEST)
        region(ax, [(x, x + thick, FILE, FILE_END)], facecolor=fill, **edge)
        ax.plot([left + BOX / 2, x + thick / 2], [BOTTOM, FILE], color="#666666", linewidth=0.8)
    ends = f"the file, 0 to {_kib(end)} KiB"
    ax.text(0, (FILE_END + HEIGHT) / 2, ends, **words)


def _kib(count: float) -> str:
    return f"{count / KIB:,.1f}".removesuffix(".0")
