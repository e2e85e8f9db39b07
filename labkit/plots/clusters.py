"""The cluster map of a disk: each cluster a square, its colour and letter say where it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.plots.figure import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SMALL,
    Figure,
    axes_of,
    checked,
    listed,
    titled,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

SQUARE = 0.28  # inches, enough for a letter
MOST = 1024
#: kind: letter, colour, hatch, words.
KINDS = {
    "data": ("D", BLUE, "", "stored in the file itself"),
    "backing": ("B", ORANGE, "//", "stored in a backing file"),
    "compressed": ("C", GREEN, "\\\\", "stored compressed"),
    "zero": ("0", "white", "", "marked as zeros"),
    "unallocated": ("", GREY, "", "stored nowhere"),
}


def clusters(clusters: pd.DataFrame, ax: Axes | None = None, columns: int = 32) -> Figure:
    """Draw the clusters of a disk in reading order, *columns* in a line.

    *clusters* is the table of ``qcow2.Image.clusters()``: start, kind, depth. Raises ValueError
    for a table without rows, and for more than 1,024 clusters, which no eye can follow.

    >>> import pandas as pd
    >>> rows = [(0, "data", 0), (65536, "data", 1), (131072, "unallocated", 0)]
    >>> clusters(pd.DataFrame(rows, columns=["start", "kind", "depth"]))
    3 clusters: 1 stored in the file itself, 1 stored in a backing file and 1 stored nowhere.
    """
    checked(clusters, ("start", "kind", "depth"))
    count = len(clusters)
    if count > MOST:
        raise ValueError(f"{count} clusters are too many to draw; at most {MOST}.")
    kinds = [_kind(kind, depth) for kind, depth in zip(clusters.kind, clusters.depth, strict=True)]
    wide = min(columns, count)
    lines = -(-count // columns)
    own = axes_of(ax, 0.9 + max(wide, 26) * SQUARE, 1.3 + lines * SQUARE)
    for number, kind in enumerate(kinds):
        _square(own, number % columns, number // columns, kind)
    own.set_xlim(0, max(wide, 26))
    own.set_ylim(lines, 0)
    own.set_aspect("equal", anchor="W")
    own.set_yticks([line + 0.5 for line in range(lines)])
    own.set_yticklabels([str(line * columns) for line in range(lines)], fontsize=SMALL)
    own.set_xticks([])
    own.tick_params(length=0)
    own.spines[:].set_visible(False)
    own.set_ylabel("cluster", fontsize=SMALL)
    _legend(own, kinds)
    there = [f"{kinds.count(kind)} {KINDS[kind][3]}" for kind in KINDS if kind in kinds]
    answer = f"{count:,} clusters: {listed(there, most=5)}."
    titled(own, ax is not None, answer)
    return Figure(own.get_figure(root=True), answer, complete=ax is None)


def _kind(kind, depth):
    """Return what a square says: data that is not in the file itself is another thing."""
    return "backing" if depth and kind in ("data", "compressed") else kind


def _square(ax, x, y, kind):
    from matplotlib.patches import Rectangle

    letter, colour, hatch, _ = KINDS[kind]
    style = {"facecolor": colour, "edgecolor": "black", "linewidth": 0.5, "hatch": hatch}
    ax.add_patch(Rectangle((x + 0.06, y + 0.06), 0.88, 0.88, **style))
    box = {"facecolor": colour, "edgecolor": "none", "pad": 0.6} if hatch else None
    ink = "white" if colour == BLUE else "black"
    where = {"ha": "center", "va": "center", "fontsize": SMALL, "color": ink, "bbox": box}
    ax.text(x + 0.5, y + 0.5, letter, **where)


def _legend(ax, kinds):
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=colour, hatch=hatch, edgecolor="black", label=f"{letter or ' '}  {words}")
        for kind, (letter, colour, hatch, words) in KINDS.items()
        if kind in kinds
    ]
    figure = ax.get_figure(root=True)
    figure.legend(handles=handles, loc="outside lower left", ncols=3, fontsize=SMALL, frameon=False)
