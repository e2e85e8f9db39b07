"""Raw, normalized, multiplied: each weigher's three steps side by side."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from labkit.plots.bars import WEIGHERS, styles_of
from labkit.plots.figure import (
    SMALL,
    Figure,
    amount,
    canvas,
    drawable,
    label,
    labels,
    listed,
    minus,
    number,
    rows_of,
    titled,
)
from labkit.plots.scores import ALONE, MOST_HOSTS, scores_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_WEIGHERS = 6
STEPS = {"raw": "raw", "normalized": "normalized", "multiplied": "score"}
COLUMNS = ("host", "weigher", "raw", "minval", "maxval", "normalized", "multiplier", "score")


def weighing(
    weights: pd.DataFrame,
    ax: Axes | None = None,
    instance: object = None,
    weighers: Sequence[str] | None = None,
) -> Figure:
    """Draw raw, normalized and multiplied values of every host, a column for each weigher.

    *weights* is the table that ``scores`` takes, all columns. The number stands at each bar;
    below the raw values stand the two ends that become 0 and 1. Drawn are the weighers whose raw
    values differ or that score anything, or else those named in *weighers*, six at most, and the
    12 best hosts. With *ax*, the small multiples take its place in its figure.
    Draws the first instance unless *instance* names another; raises ValueError when there is
    nothing to draw.

    >>> import pandas as pd
    >>> columns = "host weigher raw minval maxval normalized multiplier score".split()
    >>> rows = [("cn-1", "RAMWeigher", 3072, 0, 4096, 0.75, 1.0, 0.75),
    ...         ("cn-2", "RAMWeigher", 4096, 0, 4096, 1.0, 1.0, 1.0)]
    >>> print(weighing(pd.DataFrame(rows, columns=columns)))
    cn-2 wins with 1.00; cn-1 follows 0.25 behind. RAMWeigher: raw 3,072 to 4,096 becomes 0.75 to 1.00, times 1.
    """
    rows, remark = rows_of(weights, COLUMNS, instance, ALONE)
    table = scores_of(rows)
    order = table.order()[:MOST_HOSTS]
    by_weigher = {str(name): part for name, part in rows.groupby("weigher", sort=False)}
    for name in weighers or ():
        if name not in by_weigher:
            raise ValueError(f"No weigher {name!r} in this table, only {listed(by_weigher, 13)}.")

    def rank(name: str) -> tuple[bool, int]:
        """Before all, those that score the drawn hosts; a learner's own before Nova's."""
        scored = any(table.by_weigher[name][i] for i in order)
        return not scored, WEIGHERS.index(name) if name in WEIGHERS else -1

    live = [n for n, part in by_weigher.items() if part["raw"].nunique() > 1 or any(part["score"])]
    names = sorted(live or by_weigher, key=rank)[:MOST_WEIGHERS]
    names = list(weighers or [name for name in by_weigher if name in names])[:MOST_WEIGHERS]
    hosts = [table.hosts[i] for i in order]
    stars = labels(hosts)
    stars[0] = f"★ {stars[0]}"
    height = 0.2 * max(3, len(order)) + 0.7
    if ax is None:
        wide = 0.7 + 0.075 * max(map(len, stars)) + 1.4 * max(3, len(names))
        figure = canvas(wide, 3 * height + 0.7)
        grid = figure.add_gridspec(3, len(names))
    else:
        figure = ax.get_figure(root=True)
        grid = ax.get_subplotspec().subgridspec(3, len(names))
        ax.remove()

    styles = styles_of(names)
    for column, name in enumerate(names):
        part = by_weigher[name].drop_duplicates("host")
        part = part.set_index(part["host"].astype(str)).loc[hosts]
        below = (_ends(by_weigher[name]), "", _times(by_weigher[name]))
        for row, step in enumerate(STEPS):
            panel = figure.add_subplot(grid[row, column])
            _bars(panel, part[STEPS[step]].tolist(), styles[name], amount if row == 0 else _short)
            panel.set_xlabel(below[row], fontsize=SMALL)
            panel.set_yticks(range(len(hosts)), stars if column == 0 else [], fontsize=SMALL)
            if column == 0:
                panel.set_ylabel(step, fontweight="bold")
            if row == 0:
                panel.set_title(_broken(name), fontsize=SMALL, fontweight="bold")
    lower = len(table.hosts) - len(order)
    notes = [remark, f"{lower} lower hosts are not drawn" if lower else ""]
    other = len(by_weigher) - len(names)
    notes.append(f"{other} weigher{'s are' if other > 1 else ' is'} not drawn" if other else "")
    if ax is None:
        figure.supxlabel("; ".join(filter(None, notes)), fontsize=SMALL, x=0.99, ha="right")
        titled(figure.axes[0], False, table.answer())
    sentences = [table.answer(), *(_sentence(name, by_weigher[name]) for name in names)]
    return Figure(figure, " ".join(sentences), complete=ax is None)


def _bars(panel: Axes, values: list[float], style: dict[str, str], say: Callable) -> None:
    """One panel: a bar per host, its number beside it, no axis."""
    lengths = drawable(values)
    panel.barh(range(len(values)), lengths, 0.62, edgecolor="black", linewidth=0.7, **style)
    low, high = min(0.0, *lengths), max(0.0, *lengths)
    span = high - low or 1.0
    for row, (value, length) in enumerate(zip(values, lengths, strict=True)):
        at = max(length, 0.0) + 0.05 * span
        panel.text(at, row, minus(say(value)), va="center", fontsize=SMALL)
    panel.set_xlim(low, high + span)
    panel.set_ylim(len(values) - 0.4, -0.6)
    panel.set_xticks([])
    panel.axvline(0, color="black", lw=0.8)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)


def _ends(part: pd.DataFrame) -> str:
    """The two raw values that become 0 and 1: the weigher's own, or else those of the hosts.

    Nothing, where these do not lead to the normalized values: a log tells no minval.
    """
    low, high = part["minval"].iloc[0], part["maxval"].iloc[0]
    low = part["raw"].min() if math.isnan(low) else low
    high = part["raw"].max() if math.isnan(high) else high
    if low == high:
        told = (part["normalized"] == 0).all()
        return f"all {minus(amount(low))},\nno spread: 0" if told else ""
    scaled = (part["raw"] - low) / (high - low)
    if (abs(scaled - part["normalized"]) > 1e-9).any():
        return ""
    return f"{minus(amount(low))} → 0\n{minus(amount(high))} → 1"


def _times(part: pd.DataFrame) -> str:
    """The multiplier, or the range of them where aggregates set their own."""
    low, high = part["multiplier"].min(), part["multiplier"].max()
    return minus(f"× {amount(low)}" + ("" if low == high else f" to {amount(high)}"))


def _short(value: float) -> str:
    return number(value) if not abs(value) >= 1000 else f"{value:,.0f}"


def _sentence(name: str, part: pd.DataFrame) -> str:
    """What one weigher made of the raw values."""
    raw, normalized = (
        f"{say(part[column].min())} to {say(part[column].max())}"
        for column, say in (("raw", amount), ("normalized", number))
    )
    times = _times(part).replace("× ", "times ").replace("\N{MINUS SIGN}", "-")
    return f"{name}: raw {raw} becomes {normalized}, {times}."


def _broken(name: str) -> str:
    """A class name in lines of at most 15 characters, broken before capitals if possible."""
    lines = [""]
    for word in re.findall(r"[A-Z]*[^A-Z]{0,14}", label(name, 60)):
        if lines[-1] and len(lines[-1] + word) > 15:
            lines.append("")
        lines[-1] += word
    return "\n".join(lines)
