"""Weights: how the scores of the weighers add up, and how each comes from a raw value."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from labkit.plots.figure import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    VERMILLION,
    YELLOW,
    Figure,
    amount,
    canvas,
    finished,
    label,
    labels,
    legend,
    listed,
    minus,
    number,
    plain,
    rows_of,
    titled,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.text import Text

MOST_HOSTS = 12
MOST_WEIGHERS = 6
ALONE = " (Nova weighs two hosts or more)"
STAR = "★ "
HUGE = 50  # a score that many times larger than the rest is cut
TEETH = ((0.0, -0.36), (0.03, -0.18), (-0.03, 0.0), (0.03, 0.18), (0.0, 0.36))  # of a cut
STEPS = {"raw": "raw", "normalized": "normalized", "multiplied": "score"}
COLUMNS = ("host", "weigher", "raw", "minval", "maxval", "normalized", "multiplier", "score")
#: Colour and hatch of each weigher, the same in every figure; no two are alike.
LOOKS = {
    "RAMWeigher": (SKY, ""),
    "CPUWeigher": (ORANGE, "//"),
    "DiskWeigher": (GREEN, "\\\\"),
    "IoOpsWeigher": (YELLOW, "||"),
    "BuildFailureWeigher": (VERMILLION, "--"),
    "HypervisorVersionWeigher": (PURPLE, "xx"),
    "NumInstancesWeigher": (BLUE, "++"),
    "MetricsWeigher": (GREY, "////"),
    "PCIWeigher": (GREY, ""),
    "ServerGroupSoftAffinityWeigher": (ORANGE, "xx"),
    "ServerGroupSoftAntiAffinityWeigher": (GREEN, "++"),
    "CrossCellWeigher": (YELLOW, "\\\\"),
    "ImagePropertiesWeigher": (PURPLE, "||"),
}
WEIGHERS = tuple(LOOKS)  # those that decide most often come first
BESIDE_BARS = {"va": "center", "fontsize": SMALL, "zorder": 5}
#: For a learner's own weighers.
OWN = ((VERMILLION, ""), (BLUE, "xx"), (PURPLE, ""), (SKY, "--"), (BLUE, ""))


@plain()
def scores(weights: pd.DataFrame, instance: object = None) -> Figure:
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
    rows, remark = rows_of("weights", weights, ("host", "weigher", "score"), instance, ALONE)
    table = scores_of(rows)
    order = table.order()[:MOST_HOSTS]
    weighers = [n for n, values in table.by_weigher.items() if any(values[i] for i in order)]
    ax = canvas(*size_of(len(order), weighers)).add_subplot()
    bars = ScoreBars(ax, weighers, len(order))
    bars.show(table, [table.hosts[i] for i in order], remark)
    return finished(ax, table.answer())


@plain()
def weighing(weights: pd.DataFrame, instance: object = None) -> Figure:
    """Draw raw, normalized and multiplied values of every host, a column for each weigher.

    *weights* is the table that ``scores`` takes, all columns. The number stands at each bar;
    below the raw values stand the two ends that become 0 and 1. Drawn are the weighers whose raw
    values differ or that score anything, six at most, and the 12 best hosts.
    Draws the first instance unless *instance* names another; raises ValueError when there is
    nothing to draw.

    >>> import pandas as pd
    >>> columns = "host weigher raw minval maxval normalized multiplier score".split()
    >>> rows = [("cn-1", "RAMWeigher", 3072, 0, 4096, 0.75, 1.0, 0.75),
    ...         ("cn-2", "RAMWeigher", 4096, 0, 4096, 1.0, 1.0, 1.0)]
    >>> print(weighing(pd.DataFrame(rows, columns=columns)))
    cn-2 wins with 1.00; cn-1 follows 0.25 behind. RAMWeigher: raw 3,072 to 4,096 becomes 0.75 to 1.00, times 1.
    """
    rows, remark = rows_of("weights", weights, COLUMNS, instance, ALONE)
    table = scores_of(rows)
    order = table.order()[:MOST_HOSTS]
    by_weigher = {str(name): part for name, part in rows.groupby("weigher", sort=False)}

    def rank(name: str) -> tuple[bool, int]:
        """Before all, those that score the drawn hosts; a learner's own before Nova's."""
        scored = any(table.by_weigher[name][i] for i in order)
        return not scored, WEIGHERS.index(name) if name in WEIGHERS else -1

    live = [n for n, part in by_weigher.items() if part["raw"].nunique() > 1 or any(part["score"])]
    kept = sorted(live or by_weigher, key=rank)[:MOST_WEIGHERS]
    names = [name for name in by_weigher if name in kept]
    hosts = [table.hosts[i] for i in order]
    stars = labels(hosts)
    stars[0] = f"★ {stars[0]}"
    height = 0.2 * max(3, len(order)) + 0.7
    wide = 0.7 + 0.075 * max(map(len, stars)) + 1.4 * max(3, len(names))
    figure = canvas(wide, 3 * height + 0.7)
    grid = figure.add_gridspec(3, len(names))
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
    figure.supxlabel("; ".join(filter(None, notes)), fontsize=SMALL, x=0.99, ha="right")
    titled(figure, table.answer())
    sentences = [table.answer(), *(_sentence(name, by_weigher[name]) for name in names)]
    return Figure(figure, " ".join(sentences))


def styles_of(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return colour and hatch for each weigher; Nova's have the same in every figure."""
    own = [name for name in names if name not in LOOKS]
    looks = LOOKS | {name: OWN[place % len(OWN)] for place, name in enumerate(own)}
    return {name: dict(zip(("facecolor", "hatch"), looks[name], strict=True)) for name in names}


# -- the sums -----------------------------------------------------------------------------
def scores_of(rows: pd.DataFrame) -> Scores:
    """Return the scores, hosts and weighers in table order, added up in that order as Nova does."""
    hosts = {host: i for i, host in enumerate(dict.fromkeys(map(str, rows["host"])))}
    totals = [0.0] * len(hosts)
    by_weigher: dict[str, list[float]] = {}
    columns = (rows["host"], rows["weigher"], rows["score"])
    for host, weigher, score in zip(*columns, strict=True):
        position = hosts[str(host)]
        by_weigher.setdefault(str(weigher), [0.0] * len(hosts))[position] = float(score)
        totals[position] += float(score)
    return Scores(list(hosts), by_weigher, totals)


class Scores(NamedTuple):
    """Scores as lists: ``by_weigher[weigher][i]`` and ``totals[i]`` belong to ``hosts[i]``."""

    hosts: list[str]
    by_weigher: dict[str, list[float]]
    totals: list[float]

    def order(self) -> list[int]:
        """Return the hosts' positions, best first; ties and NaN keep their place, as in Nova."""
        return sorted(range(len(self.hosts)), key=self.totals.__getitem__, reverse=True)

    def answer(self) -> str:
        """Say who wins, and by how much."""
        best, *others = self.order()
        winner, weight = self.hosts[best], self.totals[best]
        if not others:
            return f"{winner} is the only host and wins with {number(weight)}."
        equal = [self.hosts[i] for i in others if self.totals[i] == weight]
        if equal:
            names = listed([winner, *equal])
            return f"{names} tie with {number(weight)}; {winner} comes first and wins."
        second = others[0]
        if math.isnan(weight) or math.isnan(self.totals[second]):
            return (
                f"{winner} comes first with {number(weight)}, but NaN leaves the order undefined."
            )
        behind = number(weight - self.totals[second])
        return f"{winner} wins with {number(weight)}; {self.hosts[second]} follows {behind} behind."


class ScoreBars:
    """Stacked bars for *weighers* in *rows* rows of *ax*; ``show`` moves them in place.

    The axis goes from one of *limits* to the other, or as far as the bars.
    """

    def __init__(
        self,
        ax: Axes,
        weighers: Sequence[str],
        rows: int,
        limits: tuple[float, float] | None = None,
    ) -> None:
        from matplotlib.patches import Rectangle
        from matplotlib.ticker import MaxNLocator

        self.ax, self.rows, self.limits = ax, range(rows), limits
        outline = {"edgecolor": "black", "linewidth": 0.7}
        self.bars = {
            name: [
                ax.add_patch(Rectangle((0, row - 0.3), 0, 0.6, **outline, **style))
                for row in self.rows
            ]
            for name, style in styles_of(weighers).items()
        }
        beside = {"transform": ax.get_yaxis_transform(), **BESIDE_BARS}
        self.names = [ax.text(-0.015, row, "", ha="right", **beside) for row in self.rows]
        self.sums = [ax.text(1.02, row, "", ha="left", **beside) for row in self.rows]
        self.reasons = [ax.text(0, row, "", color="#767676", **BESIDE_BARS) for row in self.rows]
        self.cut_scores: dict[tuple[str, int], Text] = {}
        across = {"transform": ax.get_yaxis_transform(), "color": GREY, "alpha": 0.35}
        self.band = ax.add_patch(Rectangle((0, -0.5), 1, 1, linewidth=0, zorder=0, **across))
        (self.diamonds,) = ax.plot(
            [], [], "D", ms=6, mfc="white", mec="black", zorder=4, clip_on=False
        )
        self.diamonds.set_in_layout(False)  # while it is empty it would pull in the page's corner
        (self.teeth,) = ax.plot([], [], color="white", lw=3, zorder=4)
        self.ticks = MaxNLocator(6, steps=[1, 2, 5, 10])
        ax.axvline(0, color="black", lw=0.8)
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.set_yticks([])
        ax.set(xlim=(0, 1), ylim=(rows - 0.5, -0.5))
        self.diamonds.set_label("weight, the sum")
        for name, patches in self.bars.items():
            patches[0].set_label(label(name))
        handles = [self.diamonds, *(patches[0] for patches in self.bars.values())]
        longest = max(len(handle.get_label()) for handle in handles)
        ncols = 4 if longest < 22 else 3  # as many as the page is wide
        legend(ax, handles, ncols=ncols)

    def show(
        self,
        table: Scores,
        hosts: Sequence[str],
        remark: str = "",
        winner: str | None = None,
        out: Mapping[str, str] | None = None,
    ) -> None:
        """Move the bars to these *hosts*, from top to bottom; the star stands at the *winner*.

        The first of *hosts* wins unless another is given. Those that are in *out* and not in the
        table have the reason in the place of their bars.
        """
        winner = hosts[0] if winner is None and out is None else winner
        places = {host: place for place, host in enumerate(table.hosts)}
        there = [places.get(host) for host in hosts] + [None] * (len(self.rows) - len(hosts))
        drawn = {
            name: _lengths(
                [
                    0.0 if i is None or name not in table.by_weigher else table.by_weigher[name][i]
                    for i in there
                ]
            )
            for name in self.bars
        }
        huge = huge_of(drawn)
        self._stack(drawn, huge)
        shown = labels(hosts) + [""] * len(self.rows)
        totals = [math.nan if i is None else table.totals[i] for i in there]
        for row, place in enumerate(there):
            wins = place is not None and hosts[row] == winner
            ink = "black" if place is not None else "#767676"
            self.names[row].set(text=STAR * wins + shown[row], color=ink)
            self.names[row].set_fontweight("bold" if wins else "normal")
            self.sums[row].set_text("" if place is None else minus(number(totals[row])))
            why = (out or {}).get(hosts[row], "") if row < len(hosts) and place is None else ""
            self.reasons[row].set_text(why)
            if wins:
                self.band.set_y(row - 0.5)
        self.band.set_visible(winner in hosts)
        low, high = self.ax.get_xlim()
        inside = [total if low <= total <= high else math.nan for total in totals]
        self.diamonds.set_data(inside, self.rows)
        self.ax.set_xlabel(self._words(table, len(hosts), huge, remark), fontsize=SMALL)

    def keep(self) -> None:
        """Leave an outline where the bars are now, for the turns to come."""
        from matplotlib.collections import PolyCollection

        boxes = [
            [(low, row - 0.38), (high, row - 0.38), (high, row + 0.38), (low, row + 0.38)]
            for row, low, high in zip(self.rows, self.ends[-1], self.ends[1], strict=True)
            if high > low
        ]
        style = {"facecolors": "none", "edgecolors": "#555555", "linestyles": ":", "zorder": 3}
        self.ax.add_collection(PolyCollection(boxes, linewidths=1.1, **style), autolim=False)

    def _stack(self, drawn: dict[str, list[float]], huge: set[str]) -> None:
        """Put the bars end to end, the huge ones last, and set the limits of the axis."""
        ends = {1: [0.0] * len(self.rows), -1: [0.0] * len(self.rows)}
        for text in self.cut_scores.values():
            text.remove()
        self.cut_scores = {}
        for name, patches in self.bars.items():
            for row, (patch, score) in enumerate(zip(patches, drawn[name], strict=True)):
                patch.set_visible(score != 0)
                if score and name not in huge:
                    side = ends[1 if score > 0 else -1]
                    patch.set(x=side[row], width=score)
                    side[row] += score
                elif score:
                    self.cut_scores[name, row] = self._cut_score(row)
        self.ends = ends
        low, high = self.limits or _limits(min(ends[-1]), max(ends[1]))
        self.ax.set_xticks([t for t in self.ticks.tick_values(low, high) if low <= t <= high])
        below, teeth_below = self._cut(drawn, huge, ends[-1], low, 0.4 * (low - high))
        above, teeth_above = self._cut(drawn, huge, ends[1], high, 0.4 * (high - low))
        self.teeth.set_data(*zip(*teeth_below, *teeth_above, (math.nan, 0.0), strict=True))
        self.ax.set_xlim(below, above)

    def _cut_score(self, row: int) -> Text:
        style = {"ha": "center", "backgroundcolor": "white", **BESIDE_BARS}
        return self.ax.text(0, row, "", **style)

    def _cut(
        self,
        drawn: dict[str, list[float]],
        huge: set[str],
        starts: list[float],
        edge: float,
        room: float,
    ) -> tuple[float, list[tuple[float, float]]]:
        """Let huge bars run beyond *edge*, each through its own *room*, where its score stands.

        Returns the new edge and the white teeth that show where the bars are cut.
        """
        end, teeth = edge, []
        for row, start in enumerate(starts):
            at = start
            names = [name for name in self.bars if name in huge and drawn[name][row] * room > 0]
            for place, name in enumerate(names, start=1):
                stop = edge + room * place
                self.bars[name][row].set(x=at, width=stop - at)
                words = minus(f"{drawn[name][row]:.3g}")
                self.cut_scores[name, row].set(x=stop - 0.55 * room, text=words)
                teeth += [(stop - (0.1 + x) * room, row + y) for x, y in TEETH]
                teeth.append((math.nan, 0.0))
                at = stop
                end = stop if abs(stop) > abs(end) else end
        return end, teeth

    def _words(self, table: Scores, rows: int, huge: set[str], remark: str) -> str:
        lower = len(table.hosts) - rows
        idle = len(table.by_weigher.keys() - self.bars.keys())
        missing = [f"{lower} other host{'s' * (lower > 1)}"] * (lower > 0)
        missing += [f"{idle} weigher{'s' * (idle > 1)} without a score here"] * (idle > 0)
        lines = [f"multiplier × normalized{f' ({remark})' * bool(remark)}"]
        lines.append(f"not drawn: {listed(missing)}" if missing else "")
        lines.append(f"{listed(map(label, sorted(huge)))} cut, not to scale" if huge else "")
        return "\n".join(filter(None, lines))


def size_of(rows: int, weighers: Sequence[str]) -> tuple[float, float]:
    """Return width and height, in inches, of a figure of so many bars with its legend below."""
    return 8.4, 0.27 * rows + 1.6 + 0.2 * (len(weighers) // 3 + 1)


def huge_of(scores: dict[str, list[float]]) -> set[str]:
    """Return weighers with a score of at least 50, and 50 times larger than those of the rest.

    >>> huge_of({"RAMWeigher": [0.5, 1.0], "BuildFailureWeigher": [-1e6, 0.0]})
    {'BuildFailureWeigher'}
    """
    peaks = sorted((max(map(abs, values), default=0.0), name) for name, values in scores.items())
    peaks = [(peak, name) for peak, name in peaks if peak]
    for position in range(1, len(peaks)):
        if peaks[position][0] > max(HUGE, HUGE * peaks[position - 1][0]):
            return {name for _, name in peaks[position:]}
    return set()


def _limits(low: float, high: float) -> tuple[float, float]:
    """Return round limits around *low* and *high*, which stay the same for small changes.

    >>> _limits(-0.2, 2.75), _limits(0, 0), _limits(-30, 210)
    ((-1, 3), (0, 1), (-100, 300))
    """
    if low == high:
        return 0, 1
    step = 10 ** math.floor(math.log10(high - low))
    return math.floor(low / step) * step, math.ceil(high / step) * step


def _lengths(values: Sequence[float]) -> list[float]:
    """Values as lengths: NaN and infinities become 0 (their label says what they are)."""
    return [value if math.isfinite(value) else 0.0 for value in values]


# -- the steps ----------------------------------------------------------------------------
def _bars(panel: Axes, values: list[float], style: dict[str, str], say: Callable) -> None:
    lengths = _lengths(values)
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
