"""What hosts have and what is given away of it: two bars per resource class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.plots.figure import (
    BLUE,
    GREY,
    ORANGE,
    SMALL,
    VERMILLION,
    Figure,
    amount,
    canvas,
    checked,
    finished,
    labels,
    legend,
    listed,
    patches,
    plain,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

WIDTH = 8.4
MOST = 60
ROW = 0.62  # inches for the two bars of a resource class
UNITS = {"MEMORY_MB": "MiB", "DISK_GB": "GiB", "VCPU": "CPUs", "PCPU": "CPUs"}
#: part: colour, hatch, words.
PARTS = {
    "has": ("white", "", "the host has"),
    "reserved": (GREY, "//", "of this reserved"),
    "free": ("#DDEEF7", "", "may give away"),
    "used": (BLUE, "", "given away"),
    "asked": (ORANGE, "\\\\", "asked for"),
    "too much": (VERMILLION, "xx", "asked for, and too much"),
}
NEEDED = "host resource_class total reserved allocation_ratio capacity used asked reason".split()


@dataclass(frozen=True)
class Row:
    """One resource class of one host; ``reason`` is why what is asked for does not fit, or ""."""

    host: str
    resource_class: str
    total: float
    reserved: float
    allocation_ratio: float
    capacity: float
    used: float
    asked: float
    reason: str

    @property
    def unit(self) -> str:
        """The unit of its numbers."""
        return UNITS.get(self.resource_class, "")

    @property
    def longest(self) -> float:
        """What the row's scale ends with."""
        return max(self.total, self.capacity, self.used + self.asked, 1)

    @property
    def words(self) -> tuple[str, str]:
        """What stands beside the two bars."""
        has = f"{amount(self.total)} {self.unit}, {amount(self.reserved)} reserved"
        has += f", ratio {self.allocation_ratio:g}"
        gives = f"{amount(self.used)} + {amount(self.asked)}" if self.asked else amount(self.used)
        return has, f"{gives} of {amount(self.capacity)}"


@plain()
def inventories(inventories: pd.DataFrame) -> Figure:
    """Draw for each resource class of each host what there is, and below it what may be given away.

    *inventories* is the table of ``labkit.tables.hosts.inventory_table``: host, resource_class, total,
    reserved, allocation_ratio, capacity = (total - reserved) * allocation_ratio, used, asked and
    reason. Each pair of bars has a scale of its own. Raises ValueError for a table without rows.

    >>> import pandas as pd
    >>> row = ("cn-1", "MEMORY_MB", 16384, 512, 1.0, 15872.0, 12288, 4096, "too little")
    >>> inventories(pd.DataFrame([row], columns=NEEDED))
    The request does not fit on cn-1: too little.
    """
    checked("inventories", inventories, NEEDED)
    rows = rows_of(inventories)
    if len(rows) > MOST:
        raise ValueError(f"{len(rows)} rows are too many to draw; at most {MOST}.")
    ax = canvas(WIDTH, 1.2 + ROW * len(rows)).add_subplot()
    bars = InventoryBars(ax, [(row.host, row.resource_class) for row in rows])
    bars.show(rows)
    draw_legend(ax)
    return finished(ax, _said(rows))


def rows_of(table: pd.DataFrame) -> list[Row]:
    """Return the table's rows, in its order."""
    return [Row(*values) for values in table[NEEDED].itertuples(index=False)]


def _said(rows: Sequence[Row]) -> str:
    hosts = list(dict.fromkeys(row.host for row in rows))
    if not any(row.asked for row in rows):
        left = [
            f"{amount(row.capacity - row.used)} {row.unit} of {row.resource_class}" for row in rows
        ]
        if len(hosts) == 1:
            return f"{hosts[0]} may still give away {listed(left, most=5)}."
        return f"{len(hosts)} hosts: {listed(hosts)}."
    fits = [host for host in hosts if not any(row.reason for row in rows if row.host == host)]
    if len(hosts) > 1:
        if not fits:
            return f"The request fits on none of {len(hosts)} hosts."
        return f"The request fits on {len(fits)} of {len(hosts)} hosts: {listed(fits)}."
    if fits:
        return f"The request fits on {hosts[0]}."
    reason = next(row.reason for row in rows if row.reason)
    return f"The request does not fit on {hosts[0]}: {reason}."


class InventoryBars:
    """Two bars for each (host, resource class); ``show`` gives them other lengths."""

    def __init__(self, ax: Axes, names: Sequence[tuple[str, str]]) -> None:
        self.ax = ax
        hosts = list(dict.fromkeys(host for host, _ in names))
        short = dict(zip(hosts, labels(hosts), strict=True))
        self.bars = []
        for place in range(len(names)):
            parts = {}
            for part, (colour, hatch, _) in PARTS.items():
                y = place - 0.2 if part in ("has", "reserved") else place + 0.2
                style = {"facecolor": colour, "hatch": hatch, "edgecolor": "black"}
                (parts[part],) = ax.barh(y, 0, 0.34, linewidth=0.8, **style)
            where = {"transform": ax.get_yaxis_transform(), "va": "center", "fontsize": SMALL}
            texts = [ax.text(1.01, place + shift, "", **where) for shift in (-0.2, 0.2)]
            self.bars.append((parts, texts))
        several = len(hosts) > 1
        words = [f"{short[host]}  {name}" if several else name for host, name in names]
        ax.set_yticks(range(len(names)), words, fontsize=SMALL)
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.set_xlim(0, 1.004)
        ax.set_xticks([])
        ax.tick_params(length=0)
        ax.spines[["top", "right", "bottom"]].set_visible(False)

    def show(self, rows: Sequence[Row]) -> None:
        """Give each pair of bars the lengths and the words of its row."""
        for row, (parts, texts) in zip(rows, self.bars, strict=True):
            ends = {
                "has": (0, row.total),
                "reserved": (row.total - row.reserved, row.total),
                "free": (0, row.capacity),
                "used": (0, row.used),
                "asked": (row.used, row.used + (0 if row.reason else row.asked)),
                "too much": (row.used, row.used + (row.asked if row.reason else 0)),
            }
            for part, (start, end) in ends.items():
                left, right = (max(0.0, value / row.longest) for value in (start, end))
                parts[part].set(x=left, width=right - left, visible=right > left)
            for text, words in zip(texts, row.words, strict=True):
                text.set_text(words)


def draw_legend(ax: Axes, **style: Any) -> None:
    """Say below the figure what the parts of the bars mean."""
    legend(ax, patches({words: look for *look, words in PARTS.values()}), **style)
