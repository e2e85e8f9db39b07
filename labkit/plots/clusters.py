"""The cluster map of a disk: each cluster a square, its colour and letter say where it is stored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from labkit.plots.figure import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SMALL,
    Figure,
    canvas,
    checked,
    finished,
    legend,
    listed,
    patches,
    plain,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

SQUARE = 0.28  # inches, enough for a letter
MOST = 1024
COLUMNS = 32
#: kind: letter, colour, hatch, words.
KINDS = {
    "data": ("D", BLUE, "", "stored in the file itself"),
    "backing": ("B", ORANGE, "//", "stored in a backing file"),
    "compressed": ("C", GREEN, "\\\\", "stored compressed"),
    "zero": ("0", "white", "", "marked as zeros"),
    "unallocated": ("", GREY, "", "stored nowhere"),
}


@plain()
def clusters(clusters: pd.DataFrame) -> Figure:
    """Draw the clusters of a disk in reading order, 32 in a line.

    *clusters* is the table of ``qcow2.Image.clusters()``: start, kind, depth. Raises ValueError
    for a table without rows, and for more than 1,024 clusters, which no eye can follow.

    >>> import pandas as pd
    >>> rows = [(0, "data", 0), (65536, "data", 1), (131072, "unallocated", 0)]
    >>> clusters(pd.DataFrame(rows, columns=["start", "kind", "depth"]))
    3 clusters: 1 stored in the file itself, 1 stored in a backing file and 1 stored nowhere.
    """
    checked("clusters", clusters, ("start", "kind", "depth"))
    count = len(clusters)
    if count > MOST:
        raise ValueError(f"{count} clusters are too many to draw; at most {MOST}.")
    kinds = kinds_of(clusters)
    columns, lines = size_of(count)
    ax = canvas(0.9 + columns * SQUARE, 1.3 + lines * SQUARE).add_subplot()
    Squares(ax, count).show(kinds)
    draw_legend(ax, kinds)
    return finished(ax, _said(kinds))


def size_of(count: int) -> tuple[int, int]:
    """Return for how many squares beside and below each other *count* of them need room."""
    return max(min(COLUMNS, count), 26), -(-count // COLUMNS)


def kinds_of(clusters: pd.DataFrame) -> list[str]:
    """Return the kind of each square; data below the file itself is "backing"."""
    pairs = zip(clusters.kind, clusters.depth, strict=True)
    return ["backing" if deep and kind in ("data", "compressed") else kind for kind, deep in pairs]


def _said(kinds: list[str]) -> str:
    there = [f"{kinds.count(kind)} {KINDS[kind][3]}" for kind in KINDS if kind in kinds]
    return f"{len(kinds):,} clusters: {listed(there, most=5)}."


class Squares:
    """A square for each of *count* clusters, which can be given other kinds in their places."""

    def __init__(self, ax: Axes, count: int) -> None:
        from matplotlib.patches import Rectangle

        self.squares, self.letters = [], []
        for number in range(count):
            x, y = number % COLUMNS, number // COLUMNS
            square = Rectangle((x + 0.06, y + 0.06), 0.88, 0.88, edgecolor="black", linewidth=0.5)
            self.squares.append(ax.add_patch(square))
            where = {"ha": "center", "va": "center", "fontsize": SMALL}
            self.letters.append(ax.text(x + 0.5, y + 0.5, "", **where))
        columns, lines = size_of(count)
        ax.set(xlim=(0, columns), ylim=(lines, 0))
        ax.set_aspect("equal", anchor="W")
        firsts = [str(line * COLUMNS) for line in range(lines)]
        ax.set_yticks([line + 0.5 for line in range(lines)], firsts, fontsize=SMALL)
        ax.set_xticks([])
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set_ylabel("cluster", fontsize=SMALL)

    def show(self, kinds: list[str]) -> None:
        """Give each square the colour, hatch and letter of its kind."""
        for square, text, kind in zip(self.squares, self.letters, kinds, strict=True):
            letter, colour, hatch, _ = KINDS[kind]
            square.set(facecolor=colour, hatch=hatch)
            text.set(text=letter, color="white" if colour == BLUE else "black")
            box = {"facecolor": colour, "edgecolor": "none", "pad": 0.6}
            text.set_bbox(box if hatch else None)


def draw_legend(ax: Axes, kinds: Iterable[str]) -> None:
    """Say below the figure what the letters of these kinds mean."""
    looks = {
        f"{letter or ' '}  {words}": (colour, hatch)
        for kind, (letter, colour, hatch, words) in KINDS.items()
        if kind in kinds
    }
    legend(ax, patches(looks))
