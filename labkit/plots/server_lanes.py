"""The states of one server as three lanes on a time axis that can be read, with a cursor."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from labkit.plots.figure import (
    BLUE,
    DPI,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    VERMILLION,
    label,
)
from labkit.plots.lane_rows import LANES, Mark, State, changes, grouped, seconds
from labkit.plots.state_styles import light, style_of
from labkit.plots.stretch import Moment, Stretch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POWER = {"running": GREEN, "paused": SKY, "crashed": VERMILLION, "suspended": PURPLE}
POWER |= {"shutdown": GREY}
LEFT, RIGHT = 94, 24  # beside the lanes, in pixels
LINE = 16  # one line of text
THIN = 24  # a lane whose labels all lie


def wide(text: str) -> float:
    """The width of a text in pixels."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=SMALL)
    return text_to_path.get_text_width_height_descent(text, font, False)[0] * DPI / 72


class ServerLanes:
    """Lanes and notifications of one server, laid out for *width* pixels.

    *moments* are (seq, t_s) of what a cursor can stand at besides, *cursor* leaves room for its
    words, without *upright* no name stands upright, so that some are left out. ``height`` is known
    before anything is drawn; ``draw`` draws.
    """

    def __init__(
        self,
        states: Sequence[State],
        marks: Sequence[Mark] = (),
        moments: Sequence[tuple[float, float]] = (),
        until_s: float | None = None,
        width: float = 800,
        cursor: bool = False,
        upright: bool = True,
    ) -> None:
        self.upright = upright
        self._states, self.top = changes(states), LINE * cursor
        self.width, self._until = width, until_s
        self._groups = grouped(marks)
        self.axis, self._index = self._stretched(states, marks, moments)
        self._values = self._values_of_spans()
        self._pieces = {name: self._merged(lane) for lane, name in enumerate(LANES)}
        self._names = {name: self._shown(pieces) for name, pieces in self._pieces.items()}
        self._lane_heights = {name: self._tall(name) for name in LANES}
        self.tops = self._strip_tops()
        self.height = self.tops[-1]

    @property
    def to_scale(self) -> bool:
        """Whether a second is as long everywhere on the axis."""
        return self.axis.to_scale

    def place(self, seq: float) -> tuple[int, float]:
        """The strip of what happened as number *seq*, and its x within the strip."""
        return self.axis.place(self._index[seq])

    # -- laying out -----------------------------------------------------------------------
    def _stretched(self, states, marks, moments):
        """The axis, and which moment of it each seq is."""
        changes = {state.seq for state in self._states}
        times = [state.t_s for state in self._states]
        if self._until is not None:
            times.append(self._until)
        labels = [wide(seconds(t)) for t in [*times, *times[-1:]]]
        needs = [(a + b) / 2 + 6 for a, b in itertools.pairwise(labels)]
        need_of = {
            state.seq: max(need, self._room_to_lie(place))
            for place, (state, need) in enumerate(zip(self._states, needs, strict=False))
        }
        rooms = {s.seq: 4.0 for s in states} | {seq: 4.0 for seq, _ in moments}
        rooms |= {m.seq: 4.0 for m in marks}
        rooms |= {group[0].seq: 15.0 if group[0].short else 8.0 for group in self._groups}
        known = {s.seq: s.t_s for s in self._states} | {m.seq: m.t_s for m in marks} | dict(moments)
        order = sorted(known, key=lambda seq: (known[seq], seq))
        for seq, after in itertools.pairwise(order):
            if seq in changes and rooms[after] == 8:  # the update of a save stands right at it
                rooms[after] = 4.0 if moments else 0.0
        found = [
            Moment(known[seq], rooms[seq], seq in changes, need_of.get(seq, 0.0)) for seq in order
        ]
        axis = Stretch(found, self.width - LEFT - RIGHT, self._until)
        return axis, {seq: place for place, seq in enumerate(order)}

    def _room_to_lie(self, place):
        """How wide a span must be for a vm_state or power_state that is shown in it alone."""
        near = self._states[max(0, place - 1) : place + 2]
        own = self._states[place]
        room = [30.0]
        for lane in ("vm_state", "power_state"):
            value = getattr(own, lane)
            if sum(getattr(state, lane) == value for state in near) == 1:
                room.append(wide(label(value)) + 12)
        return max(room)

    def _values_of_spans(self):
        """What each lane shows in each span; None before there is a state."""
        before = len(self.axis.spans) - len(self._states)
        return [None] * before + [state[2:] for state in self._states]

    def _merged(self, lane):
        """(strip, left, right, value) of each piece of a lane; a strip breaks pieces in two."""
        pieces = []
        for span, values in zip(self.axis.spans, self._values, strict=True):
            if values is None:
                continue
            new = [span.strip, span.left, span.right, values[lane]]
            old = pieces[-1] if pieces else None
            if old and old[0] == new[0] and old[2] == new[1] and old[3] == new[3]:
                old[2] = new[2]
            else:
                pieces.append(new)
        return pieces

    def _shown(self, pieces):
        """How each piece shows its name: "lies", "stands", or not ("")."""
        fits = [wide(label(value)) + 8 <= right - left for _, left, right, value in pieces]
        shown = []
        for place, (piece, lies) in enumerate(zip(pieces, fits, strict=True)):
            near = [i for i in (place - 1, place + 1) if 0 <= i < len(pieces)]
            twin = any(pieces[i][3] == piece[3] and fits[i] for i in near)  # in the next strip
            stands = self.upright and not twin and piece[2] - piece[1] >= 14
            shown.append("lies" if lies else "stands" if stands else "")
        return shown

    def _tall(self, lane):
        pieces = zip(self._pieces[lane], self._names[lane], strict=True)
        upright = [wide(label(piece[3])) for piece, shown in pieces if shown == "stands"]
        return max([THIN, *(each + 10 for each in upright)])

    def _strip_tops(self):
        """The y of each strip, and of what is below the last."""
        lanes = sum(self._lane_heights.values()) + 4 * (len(LANES) - 1)
        marks = [14 if self._groups else 0] * self.axis.strips
        for group in self._groups:
            strip, _ = self.place(group[0].seq)
            if self.upright:
                marks[strip] = max(marks[strip], 24 + wide(label(group[0].short)))
        heights = [self.top + LINE + 6 + lanes + 4 + mark + 12 for mark in marks]
        return list(itertools.accumulate(heights, initial=0.0))

    # -- drawing --------------------------------------------------------------------------
    def draw(self, ax: Axes, top: float = 0.0) -> None:
        """Draw into *ax*, whose units are pixels with y downwards, from *top* on."""
        from matplotlib.patches import Rectangle

        self.ax, self.y0 = ax, top
        for name, pieces in self._pieces.items():
            for (strip, left, right, value), shown in zip(pieces, self._names[name], strict=True):
                colour, hatch = _style(name, value)
                y, height = self.lane_top(strip, name), self._lane_heights[name]
                style = {"facecolor": colour, "hatch": hatch, "edgecolor": "#555555", "lw": 0.8}
                ax.add_patch(Rectangle((LEFT + left, y), right - left, height, **style))
                if shown:
                    self._write(value, LEFT + (left + right) / 2, y + height / 2, shown, colour)
        for strip in range(self.axis.strips):
            for name in LANES:
                y = self.lane_top(strip, name) + self._lane_heights[name] / 2
                ax.text(8, y, name, ha="left", va="center", fontsize=SMALL)
            self._note(strip)
        self._ticks()
        self._draw_marks()

    def lane_top(self, strip, name):
        """The y of a lane's upper edge."""
        above = LANES[: LANES.index(name)]
        own = sum(self._lane_heights[lane] + 4 for lane in above)
        return self.y0 + self.tops[strip] + self.top + LINE + 6 + own

    def foot(self, strip):
        """The y below the lanes."""
        return self.lane_top(strip, LANES[-1]) + self._lane_heights[LANES[-1]] + 4

    def _write(self, value, x, y, shown, colour):
        style = {"ha": "center", "va": "center", "fontsize": SMALL}
        style["rotation"] = 90 if shown == "stands" else 0
        if value is None:
            style["color"] = "#666666"
        pad = {"facecolor": colour, "edgecolor": "none", "pad": 1.0}
        self.ax.text(x, y, label(value), bbox=pad, **style)

    def _note(self, strip):
        y = self.y0 + self.tops[strip] + self.top + LINE / 2
        self.ax.text(8, y, "seconds", ha="left", va="center", fontsize=SMALL)
        if self._groups:
            y = self.foot(strip) + 7
            self.ax.text(8, y, "notifications", ha="left", va="center", fontsize=SMALL)

    def _ticks(self):
        """A line and its time at each change of states, and at the end where one is given."""
        spans = [s for s, v in zip(self.axis.spans, self._values, strict=True) if v is not None]
        ticks = [(span.strip, span.left, span.start_s) for span in spans]
        if self._until is not None:
            ticks.append((spans[-1].strip, spans[-1].right, self._until))
        ends = {span.strip: span for span in spans}
        for strip, span in ends.items():  # where a strip breaks off, the next one goes on
            if strip + 1 < self.axis.strips:
                follows = self.axis.spans[self.axis.spans.index(span) + 1]
                ticks.append((strip, span.right, follows.start_s))
        lines = []
        for strip, x, t_s in ticks:
            y = self.y0 + self.tops[strip] + self.top + LINE / 2
            self.ax.text(LEFT + x, y, seconds(t_s), ha="center", va="center", fontsize=SMALL)
            lines.append([(LEFT + x, y + LINE / 2 - 1), (LEFT + x, y + LINE / 2 + 6)])
        self._lines(lines, "black", 0.8)

    def _lines(self, lines, colour, width, zorder=1.5):
        from matplotlib.collections import LineCollection

        self.ax.add_collection(
            LineCollection(lines, colors=colour, linewidths=width, zorder=zorder), autolim=False
        )

    def _draw_marks(self):
        points = {}
        lines = []
        for group in self._groups:
            strip, x = self.place(group[0].seq)
            y = self.foot(strip)
            lines.append([(LEFT + x, y - 4), (LEFT + x, y + 4)])
            update = not group[0].short
            for form in {mark.format: None for mark in group}:
                points.setdefault((update, form == "versioned"), []).append((LEFT + x, y + 7))
            if not update and self.upright:
                self.ax.text(
                    LEFT + x,
                    y + 16,
                    label(group[0].short),
                    rotation=90,
                    ha="center",
                    va="top",
                    fontsize=SMALL,
                )
        self._lines(lines, "#555555", 0.8)
        for (update, versioned), at in points.items():
            style = {"marker": "o" if update else "^", "ls": "", "mec": "black"}
            colour = BLUE if update else ORANGE
            style |= {"ms": 9, "mfc": "none"} if versioned else {"ms": 5, "mfc": colour}
            self.ax.plot(*zip(*at, strict=True), **style)


def _style(lane, value):
    colour, hatch = "#FFFFFF", ""
    if lane == "vm_state" and value is not None:
        colour, hatch = style_of(value)
    elif lane == "power_state":
        colour = POWER.get(value, colour)
    elif value is not None:
        colour = SKY
    return light(colour), hatch
