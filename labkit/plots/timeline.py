"""The timeline of one create: what each service does, and when, from left to right."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
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
    broken,
    label,
    legend,
    note,
    text_width,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

#: Calls that take away what a build has made.
UNDONE = ("virt destroy", "virt cleanup", "neutron deallocate_for_instance", "placement DELETE")
WIDTH = 8.6  # inches
NAMES = 130  # points at the left for the services' names
ROOM = 72 * WIDTH - NAMES - 20  # points of the axis of time
LINE = 12.5  # points that a line of words takes
PITCH = 8.5  # points from one line of marks of a service to the next
BAR = 9.0  # points that a bar takes


class Look(NamedTuple):
    """How one kind of event is marked, and in which line of its service's row."""

    name: str
    marker: str
    colour: str
    line: int = 0


LOOKS = {
    "refused": Look("refused", "P", VERMILLION),
    "error": Look("InstanceFault", "X", VERMILLION),
    "Request": Look("Request", "*", "black"),
    "Message": Look("Message", ">", BLUE),
    "Reply": Look("Reply", "<", "white"),
    "undo": Look("Call that cleans up", "v", PURPLE, 1),
}
#: Colour and hatch of each state on its way: a task_state, or building without one.
STATES = {
    "scheduling": (SKY, ""),
    "building": (GREY, ""),
    "networking": (ORANGE, "//"),
    "block_device_mapping": (GREEN, "\\\\"),
    "spawning": (YELLOW, "||"),
    "deleting": (VERMILLION, "--"),
}


# -- the events ---------------------------------------------------------------------------
class Event(NamedTuple):
    """One row of the table ``events``."""

    t_s: float
    service: str
    kind: str
    what: str


class Bar(NamedTuple):
    """A state that a service saved, until the server's next save."""

    service: str
    state: str
    start_s: float
    end_s: float


def events_of(events: pd.DataFrame) -> list[Event]:
    """Return the rows of the table ``events``, in order."""
    return [Event(*row) for row in events[list(Event._fields)].itertuples(index=False)]


def look_of(event: Event) -> str:
    """Return the key in LOOKS of an event; "Save" for a save, "" for one that is not marked."""
    match event.kind:
        case "Save" | "BuildRequest" if "_refused" in event.what:
            return "refused"
        case "InstanceFault":
            return "error"
        case "Call" if event.what.startswith(UNDONE):
            return "undo"
        case "Save" | "Request" | "Message" | "Reply":
            return event.kind
    return ""


def _saved(event: Event) -> tuple[str, str] | None:
    if look_of(event) != "Save":
        return None
    words = event.what.split(" ")
    if words[0] == "destroy":
        return "deleted", "None"
    vm_state, _, task_state = (words[1] if len(words) > 1 else "").partition("/")
    return (vm_state, task_state) if task_state else None


def _under_way(state: tuple[str, str]) -> str:
    """What a bar is called: the task_state, or building without one; empty when all is done."""
    vm_state, task_state = state
    if task_state != "None":
        return task_state
    return "building" if vm_state == "building" else ""


def bars_of(rows: Sequence[Event], end_s: float) -> list[Bar]:
    """Return a bar for each state of one server on its way; one that is not ended lasts to *end_s*."""
    found: list[Bar] = []
    begun = None
    for row in rows:
        state = _saved(row)
        if state is None:
            continue
        words = _under_way(state)
        if begun and (begun.service, begun.state) == (row.service, words):
            continue
        if begun:
            found.append(begun._replace(end_s=row.t_s))
        begun = Bar(row.service, words, row.t_s, end_s) if words else None
    return [*found, begun] if begun else found


def beside(event: Event) -> str:
    """Return the words beside a mark, or beside the save of a state that is not on its way."""
    words = event.what.split(" ")
    match look_of(event):
        case "Message":
            return " ".join([words[1], *(word for word in words[2:] if word == "(lost)")])
        case "Reply":
            return " ".join(["reply", *words[3:]])
        case "refused":
            return words[-1]
    state = _saved(event)
    return state[0] if state and not _under_way(state) else ""


# -- the drawing --------------------------------------------------------------------------
class Words(NamedTuple):
    """Words beside a mark: their time, and in points the mark, left and right; and their level."""

    t_s: float
    text: str
    mark: float
    left: float
    right: float
    level: int  # from the marks upwards


def _clash(one: Words, other: Words) -> bool:
    """Whether words lie over words, or the line up from a mark runs through words below."""
    if one.level == other.level:
        return one.left < other.right and other.left < one.right
    low, high = sorted((one, other), key=lambda words: words.level)
    return low.left + 1 < high.mark < low.right - 1


class Timeline:
    """A row for each service; *levels* says how many lines of words have room above its marks.

    ``frame`` draws what stays, and ``show`` events, as often as others are to be seen. Lengths up
    and down are points.
    """

    def __init__(self, levels: Mapping[str, int]) -> None:
        self.levels = dict(levels)
        self.tops: list[float] = [0.0]
        self._marks: dict[str, float] = {}  # where the marks of each service begin
        self._high = PITCH * (1 + max(look.line for look in LOOKS.values()))
        for name, level in self.levels.items():
            self._marks[name] = self.tops[-1] + level * LINE + 4
            self.tops.append(self._marks[name] + self._high + BAR + 6)
        self.height = self.tops[-1]
        self._artists: list = []

    def frame(self, ax: Axes) -> None:
        """Draw what stays: the rows with their names, the axis of time, the legend."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        self.ax = ax
        edges = list(itertools.pairwise(self.tops))
        for number, (top, bottom) in enumerate(edges):
            ax.axhline(bottom, color=GREY, lw=0.7, zorder=0)
            if number % 2 == 0:
                ax.axhspan(top, bottom, color="#F5F5F5", lw=0, zorder=0)
        middles = [(top + bottom) / 2 for top, bottom in edges]
        ax.set_yticks(middles, [broken(name, NAMES - 12) for name in self.levels], fontsize=SMALL)
        ax.set_ylim(self.height, 0)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("t_s (seconds)", fontsize=SMALL)
        ax.tick_params(axis="x", labelsize=SMALL)
        ax.spines[["top", "right", "left"]].set_visible(False)
        handles: list = [Line2D([], [], label=one.name, **_marked(one)) for one in LOOKS.values()]
        handles += [Patch(label=state, **_filled(state)) for state in STATES]
        legend(ax, handles, ncols=4)

    def show(self, rows: Sequence[Event], words: Mapping[Event, str], end_s: float) -> None:
        """Draw the events of one server, with *words* beside some, in place of others.

        Time goes from 0 to *end_s* or to the last event, and on where words need the room.
        """
        for artist in self._artists:
            artist.remove()
        self._artists = []
        last = max([end_s, *(row.t_s for row in rows)])
        wanted = {
            name: [
                (row.t_s, label(words[row], 44))
                for row in rows
                if row.service == name and words.get(row)
            ]
            for name in self.levels
        }
        # Words stand right of their mark, so the last ones need room there.
        needed = [
            t_s * ROOM / (ROOM - min(text_width(text) + 14, ROOM / 3))
            for own in wanted.values()
            for t_s, text in own
        ]
        span = max([1.02 * last, *needed])
        self.ax.set_xlim(-0.01 * span, span)
        bars = bars_of(rows, last)
        for name, level in self.levels.items():
            self._show_bars([bar for bar in bars if bar.service == name])
            self._show_marks([row for row in rows if row.service == name])
            for one in _placed(wanted[name], level, ROOM / span):
                self._show_words(one, self._marks[name])

    def _show_bars(self, bars: Sequence[Bar]) -> None:
        for state in STATES:
            mine = [bar for bar in bars if bar.state == state]
            if mine:
                self._artists += self.ax.barh(
                    [self._marks[bar.service] + self._high for bar in mine],
                    [bar.end_s - bar.start_s for bar in mine],
                    left=[bar.start_s for bar in mine],
                    height=BAR,
                    align="edge",
                    zorder=2,
                    **_filled(state),
                )

    def _show_marks(self, rows: Sequence[Event]) -> None:
        for name, look in LOOKS.items():
            mine = [row for row in rows if look_of(row) == name]
            if mine:
                times = sorted({row.t_s for row in mine})
                y = self._marks[mine[0].service] + (look.line + 0.5) * PITCH
                self._artists += self.ax.plot(times, [y] * len(times), **_marked(look))

    def _show_words(self, words: Words, base: float) -> None:
        y, bottom = base - (words.level + 0.5) * LINE, base + self._high
        line = {"color": "#888888", "lw": 0.6, "zorder": 1}
        self._artists += self.ax.plot([words.t_s, words.t_s], [y - 4, bottom], **line)
        rightward = words.left == words.mark
        style = {"ha": "left" if rightward else "right", "va": "center", "zorder": 5}
        shift = (3 if rightward else -3), 0
        self._artists.append(note(self.ax, words.text, (words.t_s, y), shift, **style))


def _placed(wanted: Sequence[tuple[float, str]], levels: int, scale: float) -> list[Words]:
    """Find a place for the words of a row, the latest first; some may find no room."""
    placed: list[Words] = []
    for t_s, text in reversed(dict.fromkeys(wanted)):
        width, x = text_width(text) + 8, t_s * scale
        left = x if x + width <= ROOM else x - width
        places = (Words(t_s, text, x, left, left + width, level) for level in range(levels))
        free = [one for one in places if not any(_clash(one, other) for other in placed)]
        placed += free[:1]
    return placed


def _filled(state: str) -> dict:
    colour, hatch = STATES[state]
    return {"facecolor": colour, "hatch": hatch, "edgecolor": "black", "linewidth": 0.6}


def _marked(look: Look) -> dict:
    size = 7.5 if look.marker == "*" else 5.5
    style = {"ls": "", "marker": look.marker, "ms": size, "zorder": 3}
    return style | {"mfc": look.colour, "mec": "black", "mew": 0.6}
