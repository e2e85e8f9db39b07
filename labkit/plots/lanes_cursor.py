"""A cursor that moves over the lanes of a server; what lies ahead of it is dimmed."""

from __future__ import annotations

import itertools

from labkit.plots.figure import SMALL
from labkit.plots.server_lanes import LANES, LEFT, ServerLanes, wide


class Cursor:
    """The artists of a cursor over *lanes*, which are drawn already; ``move`` moves them."""

    def __init__(self, lanes: ServerLanes) -> None:
        from matplotlib.patches import Rectangle

        self._lanes = lanes
        self._shades = []
        style = {"facecolor": "white", "alpha": 0.68, "lw": 0, "zorder": 6}
        for strip in range(lanes.axis.strips):
            top, end = lanes.y0 + lanes.tops[strip], lanes.y0 + lanes.tops[strip + 1]
            edges = top + lanes.top, lanes.lane_top(strip, LANES[0]), lanes.foot(strip), end
            boxes = [Rectangle((0, a), 0, b - a, **style) for a, b in itertools.pairwise(edges)]
            self._shades.append([lanes.ax.add_patch(box) for box in boxes])
        (self._line,) = lanes.ax.plot([], [], color="black", lw=1.6, zorder=2.5)
        (self._head,) = lanes.ax.plot([], [], "v", color="black", ms=6, zorder=7)
        self._words = lanes.ax.text(0, 0, "", va="center", fontsize=SMALL, zorder=7)

    def move(self, seq: float, words: str) -> None:
        """Put the cursor, with *words* beside its head, at what happened as number *seq*."""
        lanes = self._lanes
        strip, x = lanes.place(seq)
        spans = [span for span in lanes.axis.spans if span.strip == strip and span.left <= x]
        # The present states stay bright to their end, so that their names can be read.
        left, right = spans[-1][1:3]
        now = min(left + 20, right - 18), right, x + 6  # of seconds, lanes, notifications
        for other, shades in enumerate(self._shades):
            whole = (-23, -1, -7) if other > strip else (lanes.width,) * 3
            for shade, start in zip(shades, now if other == strip else whole, strict=True):
                shade.set_x(LEFT + start)
                shade.set_width(max(0, lanes.width - LEFT - start))
        top = lanes.y0 + lanes.tops[strip] + lanes.top / 2
        self._line.set_data([LEFT + x] * 2, [top, lanes.foot(strip) + 6])
        self._head.set_data([LEFT + x], [top])
        rightward = LEFT + x + 10 + wide(words) < lanes.width
        self._words.set(text=words, ha="left" if rightward else "right")
        self._words.set_position((LEFT + x + (8 if rightward else -8), top))
