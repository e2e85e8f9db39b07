"""A time axis on which short states are drawn as wide as they must be to be read."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Sequence
from typing import NamedTuple

GAP = 9  # pixels from the last moment before a change to the change


class Moment(NamedTuple):
    """When something happens; *room* is how far it stays from what happened before, in pixels.

    *need* is how wide the time after it must at least be; it counts for a *change* of states.
    """

    t_s: float
    room: float = 0.0
    change: bool = False
    need: float = 0.0


class Span(NamedTuple):
    """The time between two changes: in which strip it lies, from where to where, in pixels."""

    strip: int
    left: float
    right: float
    start_s: float


class Stretch:
    """Where each moment lies on an axis of *width* pixels, broken into strips like lines of text.

    The axis is to scale where everything can be read on it (``to_scale``). Otherwise each span gets
    what it needs, and the rest is shared out by the square root of the seconds, so that longer
    spans stay wider. *moments* are in order; *end_s* is None for an axis with an open end.
    """

    def __init__(self, moments: Sequence[Moment], width: float, end_s: float | None) -> None:
        starts = [i for i, moment in enumerate(moments) if moment.change or i == 0]
        self._members = [list(range(a, b)) for a, b in itertools.pairwise([*starts, len(moments)])]
        last = moments[-1].t_s if end_s is None else end_s
        self._times = [*(moments[i].t_s for i in starts), max(last, moments[starts[-1]].t_s)]
        crowds = [sum(moments[i].room for i in own[1:]) + GAP for own in self._members]
        needs = [
            min(width, max(moments[own[0]].need, crowd))
            for own, crowd in zip(self._members, crowds, strict=True)
        ]
        # What would fill more than a strip is put closer together.
        self._squeeze = [min(1.0, (width - GAP) / crowd) for crowd in crowds]
        seconds = [b - a for a, b in itertools.pairwise(self._times)]
        lines = _broken(needs, width)
        linear = [width * each / (sum(seconds) or 1) for each in seconds]
        alone = len(needs) == 1
        self.to_scale = alone or (len(lines) == 1 and all(map(operator.ge, linear, needs)))
        self.spans: list[Span] = []
        self.strips = len(lines)
        for strip, line in enumerate(lines):
            widths = (
                linear if self.to_scale and sum(linear) else _shared(needs, seconds, line, width)
            )
            left = 0.0
            for span, wide in zip(line, widths, strict=True):
                self.spans.append(Span(strip, left, left + wide, self._times[span]))
                left += wide
        self._places = self._placed(moments)

    def place(self, moment: int) -> tuple[int, float]:
        """The strip and the x of a moment, by its position in *moments*."""
        return self._places[moment]

    def _placed(self, moments: Sequence[Moment]) -> list[tuple[int, float]]:
        places = []
        for span, own in enumerate(self._members):
            strip, left, right, start = self.spans[span]
            seconds = self._times[span + 1] - start
            scale = (right - left) / seconds if seconds else 0.0
            rooms = [moments[i].room * self._squeeze[span] for i in own]
            at = [left]
            for i, room in zip(own[1:], rooms[1:], strict=True):
                at.append(max(left + (moments[i].t_s - start) * scale, at[-1] + room))
            most = right - GAP
            for j in range(len(at) - 1, 0, -1):
                at[j] = min(at[j], most)
                most = at[j] - rooms[j]
            places += [(strip, x) for x in at]
        return places


def _shared(
    needs: Sequence[float], seconds: Sequence[float], line: Sequence[int], width: float
) -> list[float]:
    """The widths of the spans of one strip."""
    shares = [math.sqrt(seconds[i]) for i in line]
    if not sum(shares):
        shares = [1.0] * len(line)
    spare = width - sum(needs[i] for i in line)
    return [needs[i] + spare * share / sum(shares) for i, share in zip(line, shares, strict=True)]


def _broken(needs: Sequence[float], width: float) -> list[list[int]]:
    """Break spans into as few strips as hold them, filled alike.

    >>> _broken([40, 40, 40], 100)
    [[0, 1], [2]]
    """
    lines = _filled(needs, width)
    low, high = 0.0, float(width)
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if len(_filled(needs, middle)) <= len(lines) else (middle, high)
    return _filled(needs, high)


def _filled(needs: Sequence[float], width: float) -> list[list[int]]:
    lines: list[list[int]] = [[]]
    used = 0.0
    for i, need in enumerate(needs):
        if lines[-1] and used + need > width:
            lines.append([])
            used = 0.0
        lines[-1].append(i)
        used += need
    return lines
