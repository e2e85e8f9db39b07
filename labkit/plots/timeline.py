"""The timeline: what each service did, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
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
    Figure,
    axes_of,
    broken,
    checked,
    finished,
    label,
    legend,
    listed,
    note,
    one_of,
    plainly,
    styles_of,
    text_width,
)
from labkit.plots.services import services_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

COLUMNS = ("t_s", "service", "instance", "kind", "what")
#: Calls that take away what a build has made.
UNDONE = ("virt destroy", "virt cleanup", "neutron deallocate_for_instance", "placement DELETE")
MOST_SERVICES = 40
MOST_NAMED = 3  # servers whose marks get words
MOST_LEVELS = 8  # lines of words above the marks of one service
WIDTH = 8.6  # inches
NAMES = 130  # points at the left for the services' names
LINE = 12.5  # points that a line of words takes
MOST_BARS = 60  # points that the bars of many servers take in a row


@plainly
def timeline(events: pd.DataFrame, instance: str | None = None, ax: Axes | None = None) -> Figure:
    """Draw what each service did, and when: a row for each service, seconds from left to right.

    *events* is the table ``Cloud.events``: t_s (seconds), service, instance, kind and what. A bar
    is a state on its way (a task_state, or building), in the row of the service that saved it,
    until the next save of that server; a mark is an event, its shape says which kind. Words
    stand beside them for up to 3 servers. With *instance* that server alone, and what names no
    server only where the table knows of no other. Draws 40 services at most. Raises ValueError
    when there is nothing to draw, or for a server that is not there.

    >>> import pandas as pd
    >>> rows = [(0.1, "api", "web-1", "Request", "create: 202"),
    ...         (0.2, "conductor", "web-1", "Save", "create building/scheduling"),
    ...         (6.5, "compute@cn-2", "web-1", "Save", "update active/None")]
    >>> timeline(pd.DataFrame(rows, columns=["t_s", "service", "instance", "kind", "what"]))
    web-1 is active after 6.50 s: 3 events in api, conductor and compute@cn-2.
    """
    rows = events_of(events, instance, ax)
    servers = list(dict.fromkeys(row.instance for row in rows if row.instance))
    services = services_of(row.service for row in rows)
    answer = _said(rows, servers, services)
    if len(services) > MOST_SERVICES:
        answer += f" {len(services) - MOST_SERVICES} more services are not drawn."
    drawing = Drawing(services[:MOST_SERVICES], few=len(servers) <= MOST_NAMED)
    drawing.take(rows)
    drawing.arrange()
    if ax is not None and 72 * ax.bbox.height / ax.figure.dpi < drawing.height:
        drawing.take(rows, words=lambda row, state: "")  # no room for words
        drawing.arrange()
    own = axes_of(ax, WIDTH, drawing.height / 72 + 1.7)
    looks = {look_of(row) for row in drawing.rows}
    states = dict.fromkeys(bar.state for bar in drawing.bars)
    drawing.frame(own, [name for name in LOOKS if name in looks], states, ax is None)
    drawing.show(own)
    return finished(own, answer, ax)


def _said(rows: Sequence[Event], servers: Sequence[str], services: Sequence[str]) -> str:
    last = {row.instance: (row, state_of(row)) for row in rows if state_of(row)}
    many = f"{len(rows):,} event{'' if len(rows) == 1 else 's'}"
    span = f"after {rows[-1].t_s:.2f} s"
    if len(servers) == 1:
        name, where = servers[0], f"{many} in {listed(services, 5)}"
        if name not in last:
            return f"{name} has no row {span}: {where}."
        row, (vm_state, task_state) = last[name]
        words = vm_state if task_state == "None" else f"{vm_state}/{task_state}"
        verb = "ends in" if vm_state == "error" else "is"
        return f"{name} {verb} {words} after {row.t_s:.2f} s: {where}."
    if not last:
        return f"{many} in {listed(services, 5)} {span}."
    ends = Counter(vm_state for _, (vm_state, _) in last.values())
    states = listed([f"{count} {state}" for state, count in sorted(ends.items())], 5)
    hosts = len({row.service for row in rows if row.service.startswith("compute@")})
    on = f"{hosts} host{'' if hosts == 1 else 's'}"
    return f"{len(servers)} servers on {on} {span}: {states}; {many}."


# -- the events ---------------------------------------------------------------------------
class Look(NamedTuple):
    """How one kind of event is marked, and in which lane of its service's row."""

    name: str
    marker: str
    colour: str
    lane: int


LOOKS = {
    "Save": Look("Save", "o", SKY, 0),
    "record": Look("BuildRequest, InstanceMapping", "o", "white", 0),
    "refused": Look("refused", "P", VERMILLION, 0),
    "error": Look("InstanceFault", "X", VERMILLION, 0),
    "Request": Look("Request", "*", "black", 1),
    "Message": Look("Message", ">", BLUE, 1),
    "Reply": Look("Reply", "<", "white", 1),
    "Call": Look("Call", "s", ORANGE, 2),
    "undo": Look("Call that cleans up", "v", PURPLE, 2),
    "Notification": Look("Notification", "D", GREEN, 3),
    "failed": Look("Notification of an error", "D", VERMILLION, 3),
    "action": Look("Action, ActionEvent", "|", "black", 3),
}


class Event(NamedTuple):
    """One row of the table ``events``."""

    t_s: float
    service: str
    instance: str | None
    kind: str
    what: str


class Bar(NamedTuple):
    """A state that a service saved, until the next save of that server."""

    service: str
    instance: str
    state: str
    start_s: float
    end_s: float


def events_of(
    events: pd.DataFrame, instance: str | None = None, ax: Axes | None = None
) -> list[Event]:
    """Return the rows of one server or of all, in order; ValueError for an unknown server."""
    checked("events", events, COLUMNS, ax, ": nothing has happened")
    rows = [
        Event(float(t_s), str(service), server if isinstance(server, str) else None, kind, what)
        for t_s, service, server, kind, what in events[list(COLUMNS)].itertuples(index=False)
    ]
    if instance is None:
        return rows
    there = list(dict.fromkeys(row.instance for row in rows if row.instance))
    one_of(there, instance)
    wanted = (instance, None) if len(there) == 1 else (instance,)
    return [row for row in rows if row.instance in wanted]


def look_of(event: Event) -> str:
    """Return the key in LOOKS of an event."""
    match event.kind:
        case "Save" | "BuildRequest" if "_refused" in event.what:
            return "refused"
        case "BuildRequest" | "InstanceMapping":
            return "record"
        case "InstanceFault":
            return "error"
        case "Notification" if event.what.endswith(".error"):
            return "failed"
        case "Call" if event.what.startswith(UNDONE):
            return "undo"
    return event.kind if event.kind in LOOKS else "action"


def state_of(event: Event) -> tuple[str, str] | None:
    """Return the vm_state and task_state that an event saved, or None if it saved none."""
    if event.kind != "Save" or look_of(event) == "refused":
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


def bars_of(rows: Sequence[Event], end_s: float | None = None) -> list[Bar]:
    """Return a bar for each state on its way; one that is not ended lasts to *end_s*."""
    last = max((row.t_s for row in rows), default=0.0) if end_s is None else end_s
    found = []
    begun: dict[str, Bar] = {}
    for row in rows:
        state = state_of(row)
        if state is None or row.instance is None:
            continue
        words, before = _under_way(state), begun.get(row.instance)
        if before and (before.service, before.state) == (row.service, words):
            continue
        if before:
            found.append(begun.pop(row.instance)._replace(end_s=row.t_s))
        if words:
            begun[row.instance] = Bar(row.service, row.instance, words, row.t_s, last)
    return sorted([*found, *begun.values()], key=lambda bar: bar.start_s)


def beside(event: Event) -> str:
    """Return the words beside a mark; none where its shape, or the bar that begins, says enough."""
    words = event.what.split(" ")
    match look_of(event):
        case "Message":
            return " ".join([words[1], *(word for word in words[2:] if word == "(lost)")])
        case "Reply":
            return " ".join(["reply", *words[3:]])
        case "Request":
            return " ".join(words[:2])
        case "refused":
            return words[-1]
        case "undo":
            return event.what.partition(" ")[2].replace("/{uuid}", "")
        case "error":
            return "InstanceFault"
        case "failed":
            return event.what.removeprefix("compute.instance.")
        case "Save":
            state = state_of(event)
            return state[0] if state and not _under_way(state) else ""
    return ""


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


class Drawing:
    """A row for each service; lengths up and down, and from left to right, are points.

    ``take`` reads the events, ``arrange`` finds the height of each row, ``frame`` draws what
    stays, and ``show`` the events, as often as others are taken. *few* servers are drawn thicker,
    and with words; *lanes* says in which lane of a row each look is marked, others are not.
    """

    def __init__(
        self, services: Sequence[str], few: bool, lanes: Mapping[str, int] | None = None
    ) -> None:
        self.services, self.few = list(services), few
        self.lanes = {name: look.lane for name, look in LOOKS.items()} if lanes is None else lanes
        self.pitch, self.thick = (8.5, 9.0) if few else (4.5, 3.4)
        self.marked = (max(self.lanes.values()) + 1) * self.pitch  # the height of the marks
        self.artists: list = []
        self.levels: Mapping[str, int] = {}

    def take(
        self,
        rows: Sequence[Event],
        end_s: float = 0.1,
        words: Callable[[Event, str], str] | None = None,
    ) -> None:
        """Read events, and find room for the words beside them; time goes on to *end_s*.

        *words* are called with an event and the state that begins with it ("" if none does).
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

    # -- where everything stands ----------------------------------------------------------
    def _most(self, service: str) -> int:
        return max(self.tracks[service].values(), default=-1) + 1

    def _pitch_of_bars(self, service: str) -> float:
        return min(self.thick + 1, MOST_BARS / max(1, self._most(service)))

    def _tracks(self, service: str) -> dict[str, int]:
        """The line of each server's bars: bars at the same time stand below each other."""
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
        """Find a place for the words of a row; some may find no room."""
        placed: list[Words] = []
        for t_s, text in wanted:
            width, x = text_width(text) + 8, (t_s - self.start_s) * self.scale
            left = x if x + width <= self.span * self.scale else x - width
            places = (Words(t_s, text, x, left, left + width, level) for level in range(levels))
            free = [one for one in places if not any(_clash(one, other) for other in placed)]
            placed += free[:1]
        return placed

    # -- artists --------------------------------------------------------------------------
    def frame(
        self, ax: Axes, looks: Sequence[str], states: Iterable[str], legend_outside: bool = True
    ) -> None:
        """Draw what stays: the rows with their names, the axis of time, the legend."""
        plain = {"facecolor": GREY, "hatch": ""}  # building, without a task_state
        styles = styles_of(state for state in states if state != "building")
        self.styles = {state: styles.get(state, plain) for state in states}
        if not self.few:
            self.styles = {state: style | {"hatch": ""} for state, style in self.styles.items()}
        bottoms = [*list(self.tops.values())[1:], self.height]
        edges = list(zip(self.tops.values(), bottoms, strict=True))
        for number, (top, bottom) in enumerate(edges):
            ax.axhline(bottom, color=GREY, lw=0.7, zorder=0)
            if number % 2 == 0:
                ax.axhspan(top, bottom, color="#F5F5F5", lw=0, zorder=0)
        middles = [(top + bottom) / 2 for top, bottom in edges]
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
        pitch = self._pitch_of_bars(service)
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
                height=pitch - 1 if self.few else pitch * 0.8,
                align="edge",
                zorder=2,
                **style,
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
        rightward = words.left == words.mark
        style = {"ha": "left" if rightward else "right", "va": "center", "zorder": 5}
        shift = (3 if rightward else -3), 0
        self.artists.append(note(ax, words.text, (words.t_s, y), shift, **style))

    def _legend(self, ax: Axes, looks: Sequence[str], outside: bool) -> None:
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        handles: list = [
            Line2D([], [], label=LOOKS[name].name, **_marked(LOOKS[name], True)) for name in looks
        ]
        for state, style in self.styles.items():
            handles.append(Patch(label=state, edgecolor="black", linewidth=0.6, **style))
        legend(ax, handles, outside, ncols=4, pad=4.0)


def _marked(look: Look, few: bool) -> dict:
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
