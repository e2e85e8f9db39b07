"""How the scores of the weighers add up to one weight per host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.plots.bars import ScoreBars, Scores, size_of
from labkit.plots.figure import Figure, axes_of, rows_of, titled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_HOSTS = 12
ALONE = " (Nova weighs two hosts or more)"


def scores_of(rows: pd.DataFrame) -> Scores:
    """The scores in *rows*, hosts and weighers in table order, added up in that order as Nova does."""
    hosts = {host: i for i, host in enumerate(dict.fromkeys(map(str, rows["host"])))}
    totals = [0.0] * len(hosts)
    by_weigher: dict[str, list[float]] = {}
    columns = (rows["host"], rows["weigher"], rows["score"])
    for host, weigher, score in zip(*columns, strict=True):
        position = hosts[str(host)]
        by_weigher.setdefault(str(weigher), [0.0] * len(hosts))[position] = float(score)
        totals[position] += float(score)
    return Scores(list(hosts), by_weigher, totals)


def scores(weights: pd.DataFrame, ax: Axes | None = None, instance: object = None) -> Figure:
    """Stack the scores of every host, best host first, the winner marked with a star.

    *weights* has one row per host and weigher: seq, request, instance, host, weigher, raw,
    minval, maxval, normalized, multiplier, score; here host, weigher and score are read.
    Negative scores stack to the left; the diamond is the sum, which also stands at the right.
    Drawn are weighers that score anything and the 12 best hosts; the figure says what is not
    drawn. A weigher over 50 times larger than the rest would hide them: its bars are cut.
    Draws the first instance unless *instance* names another; raises ValueError when there is
    nothing to draw, as with a single host, which Nova does not weigh.

    >>> import pandas as pd
    >>> rows = [("cn-1", "RAMWeigher", 0.75), ("cn-2", "RAMWeigher", 1.0)]
    >>> scores(pd.DataFrame(rows, columns=["host", "weigher", "score"]))
    cn-2 wins with 1.00; cn-1 follows 0.25 behind.
    """
    rows, remark = rows_of(weights, ("host", "weigher", "score"), instance, ALONE)
    table = scores_of(rows)
    order = table.order()[:MOST_HOSTS]
    weighers = [n for n, values in table.by_weigher.items() if any(values[i] for i in order)]
    own = axes_of(ax, *size_of(len(order), weighers))
    bars = ScoreBars(own, weighers, len(order), legend_outside=ax is None)
    bars.show(table, order, remark)
    titled(own, ax is not None, table.answer())
    return Figure(own.get_figure(root=True), table.answer(), complete=ax is None)
