"""A timeline while it is drawn: where bars, marks and words stand, and their artists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from labkit.plots.events import LOOKS, Event, Look, bars_of, beside, look_of, state_of
from labkit.plots.figure import COLOURS, GREY, HATCHES, SMALL, broken, label, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LEVELS = 8  # lines of words above the marks of one service
WIDTH = 9.6  # inches
NAMES = 130  # points at the left for the services' names
LINE = 12.5  # points that a line of words takes
MOST_BARS = 60  # points that the bars of many servers take in a row


class Words(NamedTuple):
    """Words beside a mark: where the mark is, on which level the words stand, on which side."""

    t_s: float
    text: str
    level: int
    align: str


class Drawing:
    """A timeline while it is drawn; lengths up and down, and from left to right, are points.

    ``take`` reads the events, ``arrange`` finds the height of each row, ``frame`` draws what
    stays, and ``show`` the events, as often as others are taken.
    """

    def __init__(
        self, services: Sequence[str], few: bool, lanes: Mapping[str, int] | None = None
    ) -> None:
        self.services, self.few = list(services), few
        # The lane of each look that is marked; the look itself says, if nobody else does.
        self.lanes = {name: look.lane for name, look in LOOKS.items()} if lanes is None else lanes
        self.pitch, self.thick = (8.5, 9.0) if few else (4.5, 3.4)
        self.artists: list = []
        self.levels: Mapping[str, int] = {}

    def take(
        self,
        rows: Sequence[Event],
        end_s: float = 0.1,
        words: Callable[[Event, str], str] | None = None,
    ) -> None:
        """Read events, and find room for what is said beside them; time goes on to *end_s*.

        *words* says what, of an event and the state that begins with it ("" if none does).
        """
        self._say = words or (lambda row, state: beside(row) or state)
        self.rows = [row for row in rows if row.service in self.services]
        times = [row.t_s for row in self.rows] or [0.0]
        self.start_s = min(times) if min(times) > 5 else 0.0
        self.end_s = max(*times, end_s)
        self.bars = [bar for bar in bars_of(rows, self.end_s) if bar.service in self.services]
        wanted = {name: self._wanted(name) if self.few else [] for name in self.services}
        room = 72 * WIDTH - NAMES - 20
        duration = max(self.end_s - self.start_s, 0.1)
        # Words stand right of their mark, so the last ones need room there.
        needed = [
            (t_s - self.start_s) * room / (room - min(text_width(text) + 14, room / 3))
            for words in wanted.values()
            for t_s, text in words
        ]
        self.span = max([1.02 * duration, *needed])
        self.scale = room / self.span
        self.tracks = {name: self._tracks(name) for name in self.services}
        self.words = {
            name: self._words(wanted[name], self.levels.get(name, MOST_LEVELS))
            for name in self.services
        }

    def arrange(self, levels: Mapping[str, int] | None = None) -> None:
        """Find the height of each row; *levels* keeps room for so many lines of words in it."""
        self.tops, self.base, self.height = {}, {}, 0.0
        self.levels = levels or {}
        for name in self.services:
            used = max((words.level for words in self.words[name]), default=-1) + 1
            used = self.levels.get(name, used)
            self.tops[name] = self.height
            self.base[name] = self.height + used * LINE + 4
            bars = self._pitch_of_bars(name) * (1 if levels else self._most(name))
            self.height = self.base[name] + self.marked + bars + 5

    @property
    def marked(self) -> float:
        """The height of the lanes of one row."""
        return (max(self.lanes.values()) + 1) * self.pitch

    def looks(self) -> list[str]:
        """The looks that are there."""
        there = {look_of(row) for row in self.rows}
        return [name for name in LOOKS if name in there]

    def states(self) -> list[str]:
        """The states of the bars."""
        return list(dict.fromkeys(bar.state for bar in self.bars))

    # -- where everything stands ----------------------------------------------------------
    def _most(self, service: str) -> int:
        return max(self.tracks[service].values(), default=-1) + 1

    def _pitch_of_bars(self, service: str) -> float:
        return min(self.thick + 1, MOST_BARS / max(1, self._most(service)))

    def _tracks(self, service: str) -> dict[str, int]:
        """The line on which each server's bars stand: bars at the same time below each other."""
        spans: dict[str, list[float]] = {}
        for bar in self.bars:
            if bar.service == service:
                span = spans.setdefault(bar.instance, [bar.start_s, bar.end_s])
                span[1] = max(span[1], bar.end_s)
        ends: list[float] = []
        found: dict[str, int] = {}
        for name, (start, end) in spans.items():
            track = next((i for i, free in enumerate(ends) if free <= start), len(ends))
            ends[track : track + 1] = [end]
            found[name] = track
        return found

    def _wanted(self, service: str) -> list[tuple[float, str]]:
        """What is to be said in a row: the states that begin and the marks, the latest first."""
        begin = {(bar.start_s, bar.instance): bar.state for bar in self.bars}
        wanted = []
        for row in self.rows:
            if row.service == service:
                state = begin.get((row.t_s, row.instance), "") if state_of(row) else ""
                words = self._say(row, state if state != "building" else "")
                wanted.append((row.t_s, label(words, 44)))
        return [one for one in reversed(dict.fromkeys(wanted)) if one[1]]

    def _words(self, wanted: Sequence[tuple[float, str]], levels: int) -> list[Words]:
        """A place for all words of a row, none over another; some may find no room."""
        placed: list[tuple[float, float, float, Words]] = []  # left, right, mark
        for t_s, text in wanted:
            wide, x = text_width(text) + 8, (t_s - self.start_s) * self.scale
            align = "left" if x + wide <= self.span * self.scale else "right"
            left, right = (x, x + wide) if align == "left" else (x - wide, x)
            for level in range(levels):
                free = all(
                    # no words over words, no line through words
                    (right <= a or b <= left or other.level != level)
                    and not (left < mark - 1 and mark + 1 < right and other.level > level)
                    and not (a < x - 1 and x + 1 < b and other.level < level)
                    for a, b, mark, other in placed
                )
                if free:
                    placed.append((left, right, x, Words(t_s, text, level, align)))
                    break
        return [words for *_, words in placed]

    # -- artists --------------------------------------------------------------------------
    def frame(
        self, ax: Axes, looks: Sequence[str], states: Iterable[str], legend_outside: bool = True
    ) -> None:
        """Draw what stays: the rows with their names, the axis of time, the legend."""
        self.styles = styles_of(states)
        bottoms = [*list(self.tops.values())[1:], self.height]
        for number, (top, bottom) in enumerate(zip(self.tops.values(), bottoms, strict=True)):
            ax.axhline(bottom, color=GREY, lw=0.7, zorder=0)
            if number % 2 == 0:
                ax.axhspan(top, bottom, color="#F5F5F5", lw=0, zorder=0)
        middles = [
            (top + bottom) / 2 for top, bottom in zip(self.tops.values(), bottoms, strict=True)
        ]
        ax.set_yticks(middles, [broken(name, NAMES - 12) for name in self.services], fontsize=SMALL)
        ax.set_ylim(self.height, 0)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("t_s (seconds)", fontsize=SMALL)
        ax.tick_params(axis="x", labelsize=SMALL)
        ax.spines[["top", "right", "left"]].set_visible(False)
        self._legend(ax, looks, legend_outside)

    def show(self, ax: Axes) -> None:
        """Draw the events, in place of those that were drawn before."""
        for artist in self.artists:
            artist.remove()
        self.artists = []
        ax.set_xlim(self.start_s - 0.01 * self.span, self.start_s + self.span)
        for service in self.services:
            self._show_bars(ax, service)
            self._show_marks(ax, service)
            for words in self.words[service]:
                self._show_words(ax, words, self.base[service])

    def _show_bars(self, ax: Axes, service: str) -> None:
        top = self.base[service] + self.marked
        pitch, shrink = self._pitch_of_bars(service), 1.0 if self.few else 0.8
        edge = {"edgecolor": "black", "linewidth": 0.6} if self.few else {"linewidth": 0}
        for state, style in self.styles.items():
            mine = [bar for bar in self.bars if bar.service == service and bar.state == state]
            if not mine:
                continue
            tracks = [self.tracks[service][bar.instance] for bar in mine]
            self.artists += ax.barh(
                [top + track * pitch for track in tracks],
                [bar.end_s - bar.start_s for bar in mine],
                left=[bar.start_s for bar in mine],
                height=(pitch - 1 if self.few else pitch * shrink),
                align="edge",
                zorder=2,
                **(style if self.few else {"facecolor": style["facecolor"]}),
                **edge,
            )

    def _show_marks(self, ax: Axes, service: str) -> None:
        by_look: dict[str, set[float]] = {}
        for row in self.rows:
            if row.service == service:
                by_look.setdefault(look_of(row), set()).add(row.t_s)
        for name, look in LOOKS.items():
            if name in by_look and name in self.lanes:
                y = self.base[service] + (self.lanes[name] + 0.5) * self.pitch
                times = sorted(by_look[name])
                self.artists += ax.plot(times, [y] * len(times), **_marked(look, self.few))

    def _show_words(self, ax: Axes, words: Words, base: float) -> None:
        y, bottom = base - (words.level + 0.5) * LINE, base + self.marked
        line = {"color": "#888888", "lw": 0.6, "zorder": 1}
        self.artists += ax.plot([words.t_s, words.t_s], [y - 4, bottom], **line)
        text = ax.annotate(
            words.text,
            (words.t_s, y),
            xytext=(3 if words.align == "left" else -3, 0),
            textcoords="offset points",
            ha=words.align,
            va="center",
            fontsize=SMALL,
            zorder=5,
        )
        self.artists.append(text)

    def _legend(self, ax: Axes, looks: Sequence[str], outside: bool) -> None:
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        handles: list = [
            Line2D([], [], label=LOOKS[name].name, **_marked(LOOKS[name], True)) for name in looks
        ]
        for state, style in self.styles.items():
            shown = style if self.few else {"facecolor": style["facecolor"]}
            handles.append(Patch(label=state, edgecolor="black", linewidth=0.6, **shown))
        style = {"ncols": 4, "frameon": False, "fontsize": SMALL}
        if outside:
            ax.get_figure(root=True).legend(handles=handles, loc="outside lower left", **style)
        else:
            place = {"loc": "upper left", "bbox_to_anchor": (0, 0), "borderaxespad": 4.0}
            ax.legend(handles=handles, **style | place | {"ncols": 2})


def styles_of(states: Iterable[str]) -> dict[str, dict]:
    """A colour and a hatch for each state; building without a task_state is grey."""
    states = list(dict.fromkeys(states))
    others = [state for state in states if state != "building"]
    styles = {
        state: {"facecolor": COLOURS[i % len(COLOURS)], "hatch": HATCHES[i % len(HATCHES)]}
        for i, state in enumerate(others)
    }
    return {state: styles.get(state, {"facecolor": GREY, "hatch": ""}) for state in states}


def _marked(look: Look, few: bool) -> dict:
    """How marks are drawn: thinner where there are many."""
    size = (7.5 if look.marker in "*|" else 5.5) if few else (4 if look.marker in "*|" else 2.6)
    return {
        "ls": "",
        "marker": look.marker,
        "ms": size,
        "mfc": look.colour,
        "mec": "black",
        "mew": 0.6 if few else 0.25,
        "zorder": 3,
    }
