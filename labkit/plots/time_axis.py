"""A time axis on which a short span is as wide as it must be to be read; never to scale."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from labkit.plots.figure import label, seconds, wide

#: Pixels that stay free before a change: half of the largest mark (6), and a bit.
GAP = 9
LEAST = 30  # pixels of a span that names a state
BETWEEN_TIMES, AROUND_NAME = 6, 12  # pixels that keep the texts apart


class Moment(NamedTuple):
    """When something happens; *room* is how many pixels it keeps from the moment before it.

    *need* is the least width of the span that begins here; it counts for a *change* of states.
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


class TimeAxis:
    """An axis of *width* pixels, broken into strips as a text is into lines.

    Each span gets what it needs, and the rest is shared out by the square root of the seconds, so
    that longer spans stay wider. *moments* are in order; the last span has an open end.
    """

    def __init__(self, moments: Sequence[Moment], width: float) -> None:
        starts = [i for i, moment in enumerate(moments) if moment.change or i == 0]
        members = [moments[a:b] for a, b in itertools.pairwise([*starts, len(moments)])]
        begins = [own[0].t_s for own in members]
        lengths = [b - a for a, b in itertools.pairwise([*begins, moments[-1].t_s])]
        crowds = [sum(moment.room for moment in own[1:]) + GAP for own in members]
        needs = [
            min(width, max(own[0].need, crowd)) for own, crowd in zip(members, crowds, strict=True)
        ]
        strips = _strips(needs, width)
        self.strips = len(strips)
        self.spans: list[Span] = []
        for strip, spans in enumerate(strips):
            left = 0.0
            widths = _shared([needs[i] for i in spans], [lengths[i] for i in spans], width)
            for i, own in zip(spans, widths, strict=True):
                self.spans.append(Span(strip, left, left + own, begins[i]))
                left += own
        self._places: list[tuple[int, float]] = []
        for span, own, crowd, length in zip(self.spans, members, crowds, lengths, strict=True):
            # What would fill more than a strip is put closer together.
            squeeze = min(1.0, (width - GAP) / crowd)
            self._places += [(span.strip, x) for x in _places(span, own, length, squeeze)]

    def place(self, moment: int) -> tuple[int, float]:
        """Return the strip and the x of a moment, by its position in *moments*."""
        return self._places[moment]


def _places(span: Span, moments: Sequence[Moment], length: float, squeeze: float) -> list[float]:
    width = span.right - span.left
    rooms = [moment.room * squeeze for moment in moments]
    at = [span.left]
    for moment, room in zip(moments[1:], rooms[1:], strict=True):
        share = (moment.t_s - span.start_s) / length if length else 0.0
        at.append(max(span.left + share * width, at[-1] + room))
    most = span.right - GAP
    for i in range(len(at) - 1, 0, -1):  # and back from the end, where they do not fit
        at[i] = min(at[i], most)
        most = at[i] - rooms[i]
    return at


def _shared(needs: Sequence[float], lengths: Sequence[float], width: float) -> list[float]:
    shares = [math.sqrt(length) for length in lengths]
    if not sum(shares):
        shares = [1.0] * len(needs)
    spare = width - sum(needs)
    return [need + spare * share / sum(shares) for need, share in zip(needs, shares, strict=True)]


def _strips(needs: Sequence[float], width: float) -> list[list[int]]:
    """Break spans into as few strips as hold them, filled alike.

    >>> _strips([40, 40, 40], 100)
    [[0, 1], [2]]
    """
    fewest = len(_filled(needs, width))
    low, high = 0.0, float(width)
    for _ in range(30):  # the least width that takes no more strips
        middle = (low + high) / 2
        low, high = (low, middle) if len(_filled(needs, middle)) <= fewest else (middle, high)
    return _filled(needs, high)


def _filled(needs: Sequence[float], width: float) -> list[list[int]]:
    strips: list[list[int]] = [[]]
    used = 0.0
    for i, need in enumerate(needs):
        if strips[-1] and used + need > width:
            strips.append([])
            used = 0.0
        strips[-1].append(i)
        used += need
    return strips


def needed_widths(times: Sequence[float], names: Iterable[tuple[int, int, object]]) -> list[float]:
    """Return the least width of each span: room for the seconds at its ends, and for *names*.

    A name is (first span, span after the last, name); what it lacks is shared by its spans.
    """
    labels = [wide(seconds(t_s)) for t_s in [*times, times[-1]]]
    needs = [max(LEAST, (a + b) / 2 + BETWEEN_TIMES) for a, b in itertools.pairwise(labels)]
    for first, end, name in names:
        lacking = wide(label(name)) + AROUND_NAME - sum(needs[first:end])
        for i in range(first, end):
            needs[i] += max(0.0, lacking / (end - first))
    return needs


def runs(values: Sequence) -> list[tuple[int, int, object]]:
    """Return (first, end, value) of each run of equal values.

    >>> runs(["a", "a", "b"])
    [(0, 2, 'a'), (2, 3, 'b')]
    """
    starts = [i for i, value in enumerate(values) if i == 0 or value != values[i - 1]]
    return [(a, b, values[a]) for a, b in itertools.pairwise([*starts, len(values)])]
