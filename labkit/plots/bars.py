"""Stacked score bars that can be moved in place, for a figure and for a dial."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from labkit.plots.figure import (
    COLOURS,
    GREY,
    HATCHES,
    SMALL,
    drawable,
    label,
    labels,
    listed,
    minus,
    number,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ZIGZAG = ((0.0, -0.36), (0.03, -0.18), (-0.03, 0.0), (0.03, 0.18), (0.0, 0.36))
STAR = "★ "
HUGE = 50  # a score that many times larger than the rest is cut

# Those that decide most often come first: they get the plainest colours and hatches.
WEIGHERS = (
    "RAMWeigher",
    "CPUWeigher",
    "DiskWeigher",
    "IoOpsWeigher",
    "BuildFailureWeigher",
    "HypervisorVersionWeigher",
    "NumInstancesWeigher",
    "MetricsWeigher",
    "PCIWeigher",
    "ServerGroupSoftAffinityWeigher",
    "ServerGroupSoftAntiAffinityWeigher",
    "CrossCellWeigher",
    "ImagePropertiesWeigher",
)


class Scores(NamedTuple):
    """Scores as lists: ``by_weigher[weigher][i]`` and ``totals[i]`` belong to ``hosts[i]``."""

    hosts: list[str]
    by_weigher: dict[str, list[float]]
    totals: list[float]

    def order(self) -> list[int]:
        """Positions of the hosts, best first, as Nova sorts them: ties and NaN keep their place."""
        return sorted(range(len(self.hosts)), key=self.totals.__getitem__, reverse=True)

    def answer(self) -> str:
        """Who wins, and by how much."""
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
    """Stacked bars for *weighers* in *rows* rows of *ax*; ``show`` moves them in place."""

    def __init__(
        self, ax: Axes, weighers: Sequence[str], rows: int, legend_outside: bool = True
    ) -> None:
        from matplotlib.patches import Rectangle
        from matplotlib.ticker import MaxNLocator

        self.ax, self.rows = ax, range(rows)
        outline = {"edgecolor": "black", "linewidth": 0.7}
        self.bars = {
            name: [
                ax.add_patch(Rectangle((0, row - 0.3), 0, 0.6, **outline, **style))
                for row in self.rows
            ]
            for name, style in styles_of(weighers).items()
        }
        small = {"va": "center", "fontsize": SMALL, "zorder": 5}
        beside = {"transform": ax.get_yaxis_transform(), **small}
        self.names = [ax.text(-0.015, row, "", ha="right", **beside) for row in self.rows]
        self.sums = [ax.text(1.02, row, "", ha="left", **beside) for row in self.rows]
        self.cut_scores = {
            name: [
                ax.text(0, row, "", ha="center", backgroundcolor="white", **small)
                for row in self.rows
            ]
            for name in weighers
        }
        self.band = ax.axhspan(-0.5, 0.5, color=GREY, alpha=0.35, linewidth=0, zorder=0)
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
        handles = [self.diamonds, *(patches[0] for patches in self.bars.values())]
        words = ["weight, the sum", *map(label, weighers)]
        if legend_outside:
            place = {"loc": "outside lower left", "ncols": 3, "frameon": False}
            ax.get_figure(root=True).legend(handles, words, fontsize=SMALL, **place)
        else:
            place = {"loc": "upper left", "bbox_to_anchor": (0, 0), "borderaxespad": 4.5}
            ax.legend(handles, words, fontsize=SMALL, ncols=2, frameon=False, **place)

    def show(
        self, table: Scores, order: Sequence[int], remark: str = "", winner: int | None = None
    ) -> None:
        """Move the bars to the hosts at the positions *order*, from top to bottom.

        The star stands at the position *winner*, or else at the first of *order*.
        """
        winner = order[0] if winner is None and order else winner
        drawn = {name: [0.0] * len(self.rows) for name in self.bars}
        for name in self.bars.keys() & table.by_weigher.keys():
            drawn[name][: len(order)] = drawable([table.by_weigher[name][i] for i in order])
        huge = huge_of(drawn)
        self._stack(drawn, huge)
        hosts = labels(table.hosts[i] for i in order)
        totals = [table.totals[i] for i in order]
        for row in self.rows:
            there = row < len(order)
            wins = there and order[row] == winner
            self.names[row].set_text(f"{STAR * wins}{hosts[row]}" if there else "")
            self.names[row].set_fontweight("bold" if wins else "normal")
            self.sums[row].set_text(minus(number(totals[row])) if there else "")
            if wins:
                self.band.set_y(row - 0.5)
        self.band.set_visible(winner in order)
        low, high = self.ax.get_xlim()
        inside = [total if low <= total <= high else math.nan for total in totals]
        self.diamonds.set_data(inside, range(len(order)))
        self.ax.set_ylim(max(len(order), len(self.rows) / 2) - 0.5, -0.5)
        self.ax.set_xlabel(self._words(table, order, huge, remark), fontsize=SMALL)

    def _stack(self, drawn: dict[str, list[float]], huge: set[str]) -> None:
        """Put the bars end to end, the huge ones last, and set the limits of the axis."""
        ends = {1: [0.0] * len(self.rows), -1: [0.0] * len(self.rows)}
        for name, patches in self.bars.items():
            for row, (patch, score) in enumerate(zip(patches, drawn[name], strict=True)):
                self.cut_scores[name][row].set_visible(False)
                patch.set_visible(score != 0)
                if score and name not in huge:
                    side = ends[1 if score > 0 else -1]
                    patch.set_x(side[row])
                    patch.set_width(score)
                    side[row] += score
        low, high = limits(min(ends[-1]), max(ends[1]))
        self.ax.set_xticks([t for t in self.ticks.tick_values(low, high) if low <= t <= high])
        below, teeth_below = self._cut(drawn, huge, ends[-1], low, 0.4 * (low - high))
        above, teeth_above = self._cut(drawn, huge, ends[1], high, 0.4 * (high - low))
        self.teeth.set_data(*zip(*teeth_below, *teeth_above, (math.nan, 0.0), strict=True))
        self.ax.set_xlim(below, above)

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
                self.bars[name][row].set_x(at)
                self.bars[name][row].set_width(stop - at)
                text = self.cut_scores[name][row]
                text.set_x(stop - 0.55 * room)
                text.set_text(minus(f"{drawn[name][row]:.3g}"))
                text.set_visible(True)
                teeth += [(stop - (0.1 + x) * room, row + y) for x, y in ZIGZAG]
                teeth.append((math.nan, 0.0))
                at = stop
                end = stop if abs(stop) > abs(end) else end
        return end, teeth

    def _words(self, table: Scores, order: Sequence[int], huge: set[str], remark: str) -> str:
        """What stands below the axis: its name, what is not drawn, what is not to scale."""
        lower = len(table.hosts) - len(order)
        idle = len(table.by_weigher.keys() - self.bars.keys())
        missing = [f"{lower} lower host{'s' * (lower > 1)}"] * (lower > 0)
        missing += [f"{idle} weigher{'s' * (idle > 1)} without a score here"] * (idle > 0)
        lines = [f"multiplier × normalized{f' ({remark})' * bool(remark)}"]
        lines.append(f"not drawn: {listed(missing)}" if missing else "")
        lines.append(f"{listed(map(label, sorted(huge)))} cut, not to scale" if huge else "")
        return "\n".join(filter(None, lines))


def size_of(rows: int, weighers: Sequence[str]) -> tuple[float, float]:
    """Width and height, in inches, of a figure of that many bars with its legend below."""
    return 8.4, 0.3 * rows + 1.65 + 0.2 * (len(weighers) // 3 + 1)


def huge_of(scores: dict[str, list[float]]) -> set[str]:
    """Weighers with a score of at least 50, and 50 times larger than those of the rest.

    >>> huge_of({"RAMWeigher": [0.5, 1.0], "BuildFailureWeigher": [-1e6, 0.0]})
    {'BuildFailureWeigher'}
    """
    peaks = sorted((max(map(abs, values), default=0.0), name) for name, values in scores.items())
    peaks = [(peak, name) for peak, name in peaks if peak]
    for position in range(1, len(peaks)):
        if peaks[position][0] > max(HUGE, HUGE * peaks[position - 1][0]):
            return {name for _, name in peaks[position:]}
    return set()


def limits(low: float, high: float) -> tuple[float, float]:
    """Round limits around *low* and *high*, which stay the same for small changes.

    >>> limits(-0.2, 2.75), limits(0, 0), limits(-30, 210)
    ((-1, 3), (0, 1), (-100, 300))
    """
    if low == high:
        return 0, 1
    step = 10 ** math.floor(math.log10(high - low))
    return math.floor(low / step) * step, math.ceil(high / step) * step


def styles_of(weighers: Iterable[str]) -> dict[str, dict[str, str]]:
    """A colour and a hatch for each weigher, Nova's own as a rule always the same ones.

    Where two would share a colour or a hatch, the later one takes one that is free.
    """
    names = list(weighers)
    places = {name: place for place, name in enumerate(WEIGHERS)}
    places |= {n: len(WEIGHERS) + i for i, n in enumerate(n for n in names if n not in places)}
    styles: dict[str, dict[str, str]] = {}
    for name in sorted(names, key=places.__getitem__):
        styles[name] = {}
        for key, all_of in (("facecolor", (*COLOURS, GREY)), ("hatch", HATCHES)):
            own = all_of[places[name] % len(all_of)]
            taken = {style.get(key) for style in styles.values()}
            free = [one for one in (own, *all_of) if one not in taken]
            styles[name][key] = (free or [own])[0]
    return {name: styles[name] for name in names}
