"""The lanes of a move, of the server and of each host, on a time axis that can be read."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from labkit.plots.figure import BLUE, GREEN, ORANGE, SKY, SMALL, VERMILLION, YELLOW, label
from labkit.plots.lane_rows import seconds
from labkit.plots.move_rows import NOBODY, Lane, moments_of
from labkit.plots.server_lanes import POWER, wide
from labkit.plots.state_styles import light, style_of
from labkit.plots.stretch import Moment, Stretch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEFT, RIGHT = 94, 24  # beside the lanes, in pixels
LINE = 16  # one line of text
THIN = 22  # a lane whose labels all lie
GOOD = ("finished", "confirmed", "reverted", "completed", "done")
BAD = ("error", "failed", "cancelled")


class MoveLanes:
    """The lanes, laid out for *width* pixels; ``height`` is known before anything is drawn.

    *roles* says what stands behind a host's name.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        roles: dict[str, str],
        from_s: float,
        until_s: float | None,
        width: float,
    ) -> None:
        self.lanes, self.roles, self.width = list(lanes), roles, width
        self._until = until_s
        self._moments = moments_of(lanes, from_s, until_s)
        self.near = any(
            change.t_s != moment.t_s
            for lane in lanes
            for change in lane.runs(from_s, until_s)[1:]
            for moment in [self._moment_of(change.t_s)]
        )
        self.axis = min(map(self._stretched, (True, False)), key=lambda axis: axis.strips)
        self._pieces = [self._merged(place) for place in range(len(self.lanes))]
        self._names = [self._shown(pieces) for pieces in self._pieces]
        self._heights = [self._tall(place) for place in range(len(self.lanes))]
        self._tops = list(itertools.accumulate(self._steps(), initial=0.0))
        self.strip = LINE + 6 + self._tops[-1] + 12
        self.height = self.strip * self.axis.strips

    def _moment_of(self, t_s):
        return [moment for moment in self._moments if moment.t_s <= t_s][-1]

    # -- laying out -----------------------------------------------------------------------
    def _stretched(self, lying):
        """The axis; *lying*: with room for every name to lie."""
        times = [moment.t_s for moment in self._moments]
        ends = [*times[1:], times[-1] if self._until is None else self._until]
        labels = [wide(seconds(t_s)) for t_s in times + ends[-1:]]
        needs = [max(30.0, (a + b) / 2 + 6) for a, b in itertools.pairwise(labels)]
        for first, end, value in self._values() if lying else ():
            lacking = wide(label(value)) + 12 - sum(needs[first:end])
            for place in range(first, end):
                needs[place] += max(0.0, lacking / (end - first))
        found = [Moment(t_s, 0.0, True, need) for t_s, need in zip(times, needs, strict=True)]
        return Stretch(found, self.width - LEFT - RIGHT, self._until)

    def _values(self):
        """(first moment, moment after the last, value) of all that is shown, short ones first."""
        found = []
        for lane in range(len(self.lanes)):
            starts = [i for i, moment in enumerate(self._moments) if lane in moment.values]
            for first, end in itertools.pairwise([*starts, len(self._moments)]):
                found.append((first, end, self._moments[first].values[lane]))
        return sorted(found, key=lambda each: each[1] - each[0])

    def _merged(self, lane):
        """[strip, left, right, value] of each piece of a lane; a strip breaks pieces in two."""
        pieces: list[list] = []
        value = None
        for span, moment in zip(self.axis.spans, self._moments, strict=True):
            value = moment.values.get(lane, value)
            old = pieces[-1] if pieces else None
            if old and old[0] == span.strip and lane not in moment.values:
                old[2] = span.right
            else:
                pieces.append([span.strip, span.left, span.right, value])
        return pieces

    def _shown(self, pieces):
        """How each piece shows its name: "lies", "stands", or not ("")."""
        return [
            ""
            if value == NOBODY
            else "lies"
            if wide(label(value)) + 8 <= right - left
            else "stands"
            for _, left, right, value in pieces
        ]

    def _tall(self, lane):
        pieces = zip(self._pieces[lane], self._names[lane], strict=True)
        upright = [wide(label(piece[3])) for piece, shown in pieces if shown == "stands"]
        return max([THIN, *(each + 10 for each in upright)])

    def _steps(self):
        """The height of each lane with what stands above it."""
        for place, height in enumerate(self._heights):
            yield height + 3 + (LINE + 6 if self._opens(place) else 0)

    def _opens(self, place):
        """Whether a host's lanes begin with this one."""
        own = self.lanes[place].host
        return own is not None and (place == 0 or self.lanes[place - 1].host != own)

    # -- drawing --------------------------------------------------------------------------
    def draw(self, ax: Axes, top: float = 0.0) -> None:
        """Draw into *ax*, whose units are pixels with y downwards, from *top* on."""
        self.ax, self.y0 = ax, top
        for place, lane in enumerate(self.lanes):
            for piece, shown in zip(self._pieces[place], self._names[place], strict=True):
                self._piece(place, lane, piece, shown)
        for strip in range(self.axis.strips):
            for place in range(len(self.lanes)):
                self._name(strip, place)
        self._ticks()

    def _top_of(self, strip, place):
        """The y of a lane's upper edge."""
        gap = LINE + 6 if self._opens(place) else 0
        return self.y0 + strip * self.strip + LINE + 6 + self._tops[place] + gap

    def _piece(self, place, lane, piece, shown):
        from matplotlib.patches import Rectangle

        strip, left, right, value = piece
        y, height = self._top_of(strip, place), self._heights[place]
        if value == NOBODY:
            middle = y + height / 2
            line = [LEFT + left + 3, LEFT + right - 3], [middle, middle]
            self.ax.plot(*line, color="#999999", lw=1, ls=":")
            return
        colour, hatch = _style(lane.name, value)
        style = {"facecolor": colour, "hatch": hatch, "edgecolor": "#555555", "lw": 0.8}
        self.ax.add_patch(Rectangle((LEFT + left, y), right - left, height, **style))
        words = {"ha": "center", "va": "center", "fontsize": SMALL}
        words["rotation"] = 90 if shown == "stands" else 0
        pad = {"facecolor": colour, "edgecolor": "none", "pad": 1.0}
        at = LEFT + (left + right) / 2, y + height / 2
        self.ax.text(
            *at, label(value), bbox=pad, color="#666666" if value is None else "black", **words
        )

    def _name(self, strip, place):
        lane, y = self.lanes[place], self._top_of(strip, place)
        style = {"ha": "left", "va": "center", "fontsize": SMALL}
        inset = 8 if lane.host is None else 18
        self.ax.text(inset, y + self._heights[place] / 2, lane.name, **style)
        if self._opens(place):
            words = label(lane.host) + self.roles.get(lane.host, "")
            self.ax.text(8, y - LINE / 2 - 2, words, weight="bold", **style)
            line = [8, self.width - RIGHT], [y - LINE - 4, y - LINE - 4]
            self.ax.plot(*line, color="#999999", lw=0.8)

    def _ticks(self):
        """A line and its time at each moment, and at the end where one is given."""
        spans = self.axis.spans
        ticks = [(span.strip, span.left, span.start_s) for span in spans]
        for one, after in itertools.pairwise(spans):
            if one.strip != after.strip:  # where a strip breaks off, the next one goes on
                ticks.append((one.strip, one.right, after.start_s))
        if self._until is not None:
            ticks.append((spans[-1].strip, spans[-1].right, self._until))
        for strip in range(self.axis.strips):
            y = self.y0 + strip * self.strip + LINE / 2
            self.ax.text(8, y, "seconds", ha="left", va="center", fontsize=SMALL)
        for strip, x, t_s in ticks:
            y = self.y0 + strip * self.strip + LINE / 2
            self.ax.text(LEFT + x, y, seconds(t_s), ha="center", va="center", fontsize=SMALL)
            line = [LEFT + x] * 2, [y + LINE / 2 - 1, y + LINE / 2 + 6]
            self.ax.plot(*line, color="black", lw=0.8)


def _style(lane, value):
    """Colour and hatch of a piece of a lane."""
    if value is None:
        return light("#FFFFFF"), ""
    if lane == "vm_state":
        colour, hatch = style_of(value)
    elif lane == "task_state":
        colour, hatch = SKY, ""
    elif lane == "migration":
        status = value.rpartition(" ")[2]
        colour, hatch = (GREEN, "") if status in GOOD else (YELLOW, "")
        colour, hatch = (VERMILLION, "xxx") if status in BAD else (colour, hatch)
    elif lane == "guest":
        colour, hatch = POWER.get(value, "#FFFFFF"), ""
    elif lane == "row":
        colour, hatch = BLUE, ""
    elif value == "server":
        colour, hatch = SKY, ""
    else:
        colour, hatch = (YELLOW, "xx") if " + " in value else (ORANGE, "//")
    return light(colour), hatch
