"""Lanes: what a server's states are over time, on an axis on which also short ones are read."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from labkit.neighbours import arguments
from labkit.plots.figure import (
    BLUE,
    DPI,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    UNKNOWN,
    VERMILLION,
    VM_STATES,
    YELLOW,
    Figure,
    checked,
    label,
    light,
    listed,
    one_of,
    pixel_axes,
    plain,
    seconds,
    wide,
)
from labkit.plots.time_axis import Moment, TimeAxis, needed_widths, runs

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LANES = ("vm_state", "task_state", "power_state")
COLUMNS = ("t_s", "instance", *LANES)
HOLDING_COLUMNS = "seq t_s instance host what consumer value".split()
WIDTH = 8.6 * DPI  # pixels
LEFT, RIGHT = 94, 24  # pixels beside the lanes
ROOM = WIDTH - LEFT - RIGHT
LINE = 16  # pixels of a line of text
TICKS = LINE + 6  # pixels above the lanes: the seconds, and the lines down to the lanes
HOST = LINE + 6  # pixels above the lanes of a host: its name
MARKS = 14  # pixels of the notifications, without their names
FOOT = 12  # pixels below a strip
UPRIGHT = 14  # pixels, the least width of a piece for an upright name
#: Pixels that a mark keeps from what is before it: any, a circle, one with an upright name.
APART, CIRCLE, NAME = 4.0, 8.0, 15.0
NOTHING = ""  # the value of a lane while there is nothing; it is drawn as a dotted line
POWER = {"running": GREEN, "paused": SKY, "crashed": VERMILLION, "suspended": PURPLE}
POWER |= {"shutdown": GREY}
GOOD = ("finished", "confirmed", "reverted", "completed", "done")
BAD = ("error", "failed", "cancelled")
NOT_TO_SCALE = "not to scale: short {} are drawn wider; the seconds above are true"


@plain()
def lanes(
    states: pd.DataFrame,
    notifications: pd.DataFrame | None = None,
    holdings: pd.DataFrame | None = None,
    instance: str | None = None,
) -> Figure:
    """Draw the states of a server over time: vm_state, task_state and power_state, a lane each.

    *states* has one row per write of a server: seq, t_s (seconds), instance, vm_state, task_state,
    power_state, as ``Cloud.states``. Each state stands in its lane with its name, the seconds
    above, and below the server's *notifications* (seq, t_s, instance, event_type, format, as
    ``Cloud.notifications``): a circle is an update, a triangle with its name another one, hollow
    when versioned. With *holdings* (``Cloud.holdings``) a lane for each host that had its guest:
    the power state that the hypervisor knows, which may differ from power_state, the one that Nova
    wrote last; a dotted line: no guest. States too short to be read are drawn wider than to scale;
    the figure says so, and a long life goes on in a second strip.
    The first server unless *instance* names another. Raises ValueError when there is nothing to
    draw, and for a server that is not there.

    >>> import pandas as pd
    >>> rows = [(0.1, "web-1", "building", "scheduling", None), (5.7, "web-1", "active", None, "running")]
    >>> columns = ["t_s", "instance", "vm_state", "task_state", "power_state"]
    >>> lanes(pd.DataFrame(rows, columns=columns))
    web-1 is building from 0.10 s and active from 5.70 s; at the end active/None/running.
    """
    checked("states", states, COLUMNS)
    rows = states.sort_values(["t_s", "seq"] if "seq" in states else ["t_s"], kind="stable")
    name = one_of(rows["instance"].unique(), instance)
    rows = rows[rows["instance"] == name]
    life = states_of(rows)
    marks = marks_of(notifications, name, life)
    guests = _guests_of(holdings, name)
    answer = _life(name, life, marks) + _guests_said(guests)
    life, hosts = _with_guests(life, guests), [track.host for track in guests]
    return lanes_of_server(life, marks, hosts=hosts).figure(answer)


# -- what a server did ----------------------------------------------------------------------
class State(NamedTuple):
    """One row of the table ``states``; *guests*: what the hosts of other lanes have then."""

    seq: float
    t_s: float
    vm_state: str | None
    task_state: str | None
    power_state: str | None
    guests: tuple[str, ...] = ()


class Mark(NamedTuple):
    """One row of the table ``notifications``."""

    seq: float
    t_s: float
    event_type: str
    format: str = "legacy"

    @property
    def short(self) -> str:
        """The name without what all of them begin with; empty for an update."""
        name = self.event_type.removeprefix("compute.").removeprefix("instance.")
        return "" if name == "update" else name


def states_of(rows: pd.DataFrame) -> list[State]:
    """Return rows of the table ``states`` as tuples; what a log leaves out is None."""
    values = rows[["t_s", *LANES]].astype(object)
    values = values.where(values.notna(), None)
    seqs = rows["seq"] if "seq" in rows.columns else range(len(rows))
    return [State(seq, *row) for seq, row in zip(seqs, values.itertuples(index=False), strict=True)]


def marks_of(notifications: pd.DataFrame | None, name: str, states: list[State]) -> list[Mark]:
    """Return the notifications of one server as tuples, those that are drawn."""
    if notifications is None or arguments.table("notifications", notifications).empty:
        return []
    checked("notifications", notifications, ("t_s", "instance", "event_type"))
    own = notifications[notifications["instance"] == name]
    own = own[own["t_s"] >= states[0].t_s]
    # Without seq they come after the states of the same time.
    seqs = own["seq"] if "seq" in own.columns else range(len(states), len(states) + len(own))
    formats = own["format"] if "format" in own.columns else ["legacy"] * len(own)
    columns = seqs, own["t_s"], own["event_type"], formats
    return [Mark(*row) for row in zip(*columns, strict=True)]


class Change(NamedTuple):
    """A value from a time on."""

    t_s: float
    seq: float
    value: str | None


class Track(NamedTuple):
    """What one lane shows: its values over time, of a host or (None) of the server itself."""

    host: str | None
    name: str
    changes: list[Change]

    def at(self, t_s: float) -> str | None:
        """Return the value at a time; nothing before the first."""
        found = [change.value for change in self.changes if change.t_s <= t_s]
        return found[-1] if found else NOTHING

    def since(self, from_s: float) -> list[Change]:
        """Return the values from a time on, each with its begin, none twice in a row."""
        found = [Change(from_s, -1, self.at(from_s))]
        for change in self.changes:
            if change.t_s > from_s and change.value != found[-1].value:
                found.append(change)
        return found


def held(rows: pd.DataFrame, name: str) -> list[Change]:
    """Return what a host has of one kind over time; of allocations, who holds them."""
    found: list[Change] = []
    there: dict = {}
    for row in rows.itertuples():
        if isinstance(row.value, str):
            there[row.consumer] = row.value
        else:
            there.pop(row.consumer, None)
        words = [*map(str, there)] if row.what == "allocation" else [*there.values()]
        value = " + ".join("server" if word == name else word for word in words)
        if found and found[-1].seq == row.seq:  # one consumer gives it to another
            found.pop()
        found.append(Change(row.t_s, row.seq, value or NOTHING))
    return found


def _guests_of(holdings: pd.DataFrame | None, name: str) -> list[Track]:
    if holdings is None:
        return []
    checked("holdings", holdings, HOLDING_COLUMNS, rows=False)
    own = holdings[(holdings["instance"] == name) & (holdings["what"] == "guest")]
    own = own.sort_values(["t_s", "seq"], kind="stable").groupby("host", sort=False)
    return [Track(host, "guest", held(rows, name)) for host, rows in own]


def _with_guests(states: list[State], guests: Sequence[Track]) -> list[State]:
    """The states with the guests of that time; a guest that changes alone makes one more."""
    known = {state.t_s for state in states}
    times = {change.t_s for track in guests for change in track.since(states[0].t_s)}
    # A guest's change is no record: it has no number of its own.
    alone = [State(-1 - i, t_s, None, None, None) for i, t_s in enumerate(times - known)]
    found: list[State] = []
    for state in sorted([*states, *alone], key=lambda state: (state.t_s, state.seq)):
        values = state[2:5] if state.t_s in known else found[-1][2:5]
        found.append(State(*state[:2], *values, tuple(track.at(state.t_s) for track in guests)))
    return found


def _guests_said(guests: Sequence[Track]) -> str:
    words = ""
    for track in guests:
        parts = [f"{value or 'gone'} from {seconds(t_s)} s" for t_s, _, value in track.changes]
        words += f" The guest at {track.host} is {listed(parts, most=6)}."
    return words


def grouped(marks: Sequence[Mark]) -> list[list[Mark]]:
    """Put together what is notified at once in both formats."""
    groups: list[list[Mark]] = []
    last: dict[tuple, list[Mark]] = {}
    for mark in marks:
        group = last.get((mark.t_s, mark.short))
        if group and mark.format not in {other.format for other in group}:
            group.append(mark)
        else:
            groups.append([mark])
            last[mark.t_s, mark.short] = groups[-1]
    return sorted(groups, key=lambda group: (group[0].t_s, group[0].seq))


def _life(name: str, states: list[State], marks: list[Mark]) -> str:
    lives = [next(own) for _, own in itertools.groupby(states, lambda state: state.vm_state)]
    parts = listed([f"{state.vm_state} from {seconds(state.t_s)} s" for state in lives], most=6)
    now = "/".join(str(value) for value in states[-1][2:5])
    answer = f"{name} is {parts}; at the end {now}."
    if marks:
        names = Counter(mark.event_type for mark in marks if not mark.short)
        count = f"{len(marks)} notification{'s' * (len(marks) > 1)}"
        updates = listed([f"{number} of them {name}" for name, number in names.items()])
        answer += f" {count}, {updates}." if names else f" {count}."
    return answer


def lanes_of_server(
    states: Sequence[State],
    marks: Sequence[Mark] = (),
    moments: Sequence[tuple[float, float]] = (),
    hosts: Sequence[str] = (),
) -> Lanes:
    """Lay out the three lanes of a server, with its notifications below.

    *moments* are (seq, t_s) of what a cursor can stand at besides; they leave room for its words.
    *hosts* get a lane each for the guest that they have, which the states know.
    """
    changes = [next(own) for _, own in itertools.groupby(states, lambda state: state[2:])]
    times = {state.seq: state.t_s for state in changes}
    values = list(zip(*((*state[2:5], *state.guests) for state in changes), strict=True))
    # What lasts one span alone gets the room to lie in it, but for a task_state.
    lying = (values[0], *values[2:])
    alone = [run for lane in lying for run in runs(lane) if run[1] - run[0] == 1]
    widths = needed_widths(list(times.values()), alone)
    need = dict(zip(times, widths, strict=True))
    groups = grouped(marks)
    room = {group[0].seq: NAME if group[0].short else CIRCLE for group in groups}
    known = times | {mark.seq: mark.t_s for mark in marks} | dict(moments)
    order = sorted(known, key=lambda seq: (known[seq], seq))
    for seq, after in itertools.pairwise(order):
        if seq in times and room.get(after) == CIRCLE:
            # The update that a save sends stands right at it, but for a cursor between them.
            room[after] = APART if moments else 0.0
    found = [
        Moment(known[seq], room.get(seq, APART), seq in times, need.get(seq, 0.0)) for seq in order
    ]
    names, places = [*LANES, *["guest"] * len(hosts)], [*[None] * len(LANES), *hosts]
    remarks = []
    if groups:
        remarks.append("● compute.instance.update   ▲ another notification")
        if any(mark.format == "versioned" for mark in marks):
            remarks[0] += "   ○ △ versioned, instance.update"
    return Lanes(
        [Lane(*lane) for lane in zip(names, values, places, strict=True)],
        TimeAxis(found, ROOM),
        [*remarks, NOT_TO_SCALE.format("states")],
        index={seq: place for place, seq in enumerate(order)},
        groups=groups,
        cursor=bool(moments),
    )


# -- the drawing ----------------------------------------------------------------------------
class Lane(NamedTuple):
    """A lane: its name, its value in each span of the axis, and the host whose it is, if any."""

    name: str
    values: Sequence[str | None]
    host: str | None = None


class Piece(NamedTuple):
    """A value as it is drawn; its name "lies", "stands", or is not shown ("")."""

    strip: int
    left: float
    right: float
    value: str | None
    name: str = ""


class Lanes:
    """Lanes on a time axis of ROOM pixels.

    *remarks* stand below; the last one, that times are not to scale, only where there are several.
    *roles* says what stands behind the name of a host, *groups* are notifications, *index* says
    which moment of the axis a seq is, and *cursor* leaves a line above.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        axis: TimeAxis,
        remarks: Sequence[str],
        roles: Mapping[str, str] | None = None,
        index: Mapping[float, int] | None = None,
        groups: Sequence[list[Mark]] = (),
        cursor: bool = False,
        thin: float = 24,  # pixels of a lane without upright names
        gap: float = 4,  # pixels between two lanes
    ) -> None:
        self.lanes, self.axis = list(lanes), axis
        self.groups = groups
        self._remarks = remarks if len(axis.spans) > 1 else remarks[:-1]
        self._roles, self._index = roles or {}, index or {}
        self.above = LINE * cursor
        # An axis may begin before a server has a state.
        self._spans = axis.spans[len(axis.spans) - len(self.lanes[0].values) :]
        self._pieces = [self._pieces_of(lane.values) for lane in self.lanes]
        self._heights = [
            max([thin, *(wide(label(p.value)) + 10 for p in pieces if p.name == "stands")])
            for pieces in self._pieces
        ]
        self._lane_tops = []
        self._foot = self.above + TICKS
        for place, height in enumerate(self._heights):
            self._lane_tops.append(self._foot + HOST * self._opens(place))
            self._foot = self._lane_tops[-1] + height + gap
        marks = [MARKS if groups else 0] * axis.strips
        for group in groups:
            strip, _ = self.place(group[0].seq)
            marks[strip] = max(marks[strip], MARKS + 10 + wide(label(group[0].short)))
        self.tops = [0, *itertools.accumulate(self._foot + mark + FOOT for mark in marks)]

    def place(self, seq: float) -> tuple[int, float]:
        """Return the strip of what happened as number *seq*, and its x within the strip."""
        return self.axis.place(self._index[seq])

    def first_lane(self, strip: int) -> float:
        """Return the y of the upper edge of the first lane."""
        return self.tops[strip] + self._lane_tops[0]

    def foot(self, strip: int) -> float:
        """Return the y below the lanes."""
        return self.tops[strip] + self._foot

    def _opens(self, place: int) -> bool:  # whether the lanes of a host begin here
        host = self.lanes[place].host
        return host is not None and (place == 0 or self.lanes[place - 1].host != host)

    def _pieces_of(self, values: Sequence) -> list[Piece]:
        pieces: list[Piece] = []
        for span, value in zip(self._spans, values, strict=True):
            if pieces and (pieces[-1].strip, pieces[-1].value) == (span.strip, value):
                pieces[-1] = pieces[-1]._replace(right=span.right)
            else:
                pieces.append(Piece(span.strip, span.left, span.right, value))
        return [piece._replace(name=self._shown(piece)) for piece in pieces]

    def _shown(self, piece: Piece) -> str:
        width = piece.right - piece.left
        if piece.value == NOTHING:
            return ""
        if wide(label(piece.value)) + 8 <= width:
            return "lies"
        return "stands" if width >= UPRIGHT else ""

    def figure(self, answer: str) -> Figure:
        """Draw with the answer above."""
        return Figure(self.draw(answer).figure, answer)

    def draw(self, title: str = "") -> Axes:
        """Draw a figure below a *title*, in pixels with y downwards."""
        height = self.tops[-1] + LINE * len(self._remarks) + 4
        self.ax = ax = pixel_axes(WIDTH, height, title=title)
        ax.set(xlim=(0, WIDTH), ylim=(height, 0))
        ax.set_axis_off()
        for line, words in enumerate(self._remarks):
            y = self.tops[-1] + LINE * line + 4
            # Above the veil that a cursor lays over what is still to come: that ends where these begin.
            right = {"ha": "right", "va": "center", "fontsize": SMALL, "zorder": 8}
            ax.text(WIDTH - 14, y, words, **right)
        small = {"ha": "left", "va": "center", "fontsize": SMALL}
        for place, lane in enumerate(self.lanes):
            for piece in self._pieces[place]:
                self._draw_piece(lane, piece, self._lane_tops[place], self._heights[place])
        for strip, top in enumerate(self.tops[:-1]):
            for place, lane in enumerate(self.lanes):
                y = top + self._lane_tops[place]
                inset = 8 if lane.host is None else 18
                ax.text(inset, y + self._heights[place] / 2, lane.name, **small)
                if self._opens(place):
                    words = label(lane.host) + self._roles.get(lane.host, "")
                    ax.text(8, y - LINE / 2 - 2, words, weight="bold", **small)
                    ax.plot([8, WIDTH - RIGHT], [y - LINE - 4] * 2, color="#999999", lw=0.8)
            ax.text(8, top + self.above + LINE / 2, "seconds", **small)
            if self.groups:
                ax.text(8, self.foot(strip) + 7, "notifications", **small)
        self._draw_ticks()
        self._draw_marks()
        return ax

    def _draw_piece(self, lane: Lane, piece: Piece, top: float, height: float) -> None:
        from matplotlib.patches import Rectangle

        top += self.tops[piece.strip]
        left, right, y = LEFT + piece.left, LEFT + piece.right, top + height / 2
        if piece.value == NOTHING:
            self.ax.plot([left + 3, right - 3], [y, y], color="#999999", lw=1, ls=":")
            return
        colour, hatch = _style(lane.name, piece.value)
        style = {"facecolor": colour, "hatch": hatch, "edgecolor": "#555555", "lw": 0.8}
        self.ax.add_patch(Rectangle((left, top), right - left, height, **style))
        if piece.name:
            words = {"ha": "center", "va": "center", "fontsize": SMALL}
            words["rotation"] = 90 if piece.name == "stands" else 0
            words["color"] = "#666666" if piece.value is None else "black"
            pad = {"facecolor": colour, "edgecolor": "none", "pad": 1.0}
            self.ax.text((left + right) / 2, y, label(piece.value), bbox=pad, **words)

    def _draw_ticks(self) -> None:
        ticks = [(span.strip, span.left, span.start_s) for span in self._spans]
        for span, after in itertools.pairwise(self._spans):
            if span.strip != after.strip:  # where a strip breaks off, the next one goes on
                ticks.append((span.strip, span.right, after.start_s))
        lines = []
        for strip, x, t_s in ticks:
            y = self.tops[strip] + self.above + LINE / 2
            middle = {"ha": "center", "va": "center", "fontsize": SMALL}
            self.ax.text(LEFT + x, y, seconds(t_s), **middle)
            lines.append([(LEFT + x, y + LINE / 2 - 1), (LEFT + x, y + LINE / 2 + 6)])
        self._draw_lines(lines, "black")

    def _draw_lines(self, lines: list, colour: str) -> None:
        from matplotlib.collections import LineCollection

        style = {"colors": colour, "linewidths": 0.8, "zorder": 1.5}
        self.ax.add_collection(LineCollection(lines, **style), autolim=False)

    def _draw_marks(self) -> None:
        points: dict[tuple, list] = {}
        lines = []
        for group in self.groups:
            strip, x = self.place(group[0].seq)
            x, y, name = LEFT + x, self.foot(strip), group[0].short
            lines.append([(x, y - 4), (x, y + 4)])
            for form in {mark.format: None for mark in group}:
                points.setdefault((name == "", form == "versioned"), []).append((x, y + 7))
            if name:
                style = {"rotation": 90, "ha": "center", "va": "top", "fontsize": SMALL}
                self.ax.text(x, y + 16, label(name), **style)
        self._draw_lines(lines, "#555555")
        for (update, versioned), at in points.items():
            style = {"marker": "o" if update else "^", "ls": "", "mec": "black"}
            colour = BLUE if update else ORANGE
            style |= {"ms": 9, "mfc": "none"} if versioned else {"ms": 5, "mfc": colour}
            self.ax.plot(*zip(*at, strict=True), **style)


def _style(lane: str, value: str | None) -> tuple[str, str]:
    if value is None:
        return light("#FFFFFF"), ""
    colour, hatch = BLUE, ""  # the row of a server, at a host
    match lane:
        case "vm_state":
            colour, hatch = VM_STATES.get(value, UNKNOWN)
        case "power_state" | "guest":
            colour = POWER.get(value, "#FFFFFF")
        case "task_state":
            colour = SKY
        case "migration":
            status = value.rpartition(" ")[2]
            colour, hatch = (VERMILLION, "xxx") if status in BAD else (YELLOW, "")
            colour = GREEN if status in GOOD else colour
        case "allocation" if value == "server":
            colour = SKY
        case "allocation":
            colour, hatch = (YELLOW, "xx") if " + " in value else (ORANGE, "//")
    return light(colour), hatch


class Cursor:
    """A cursor over lanes that are drawn; ``move`` moves it, what lies ahead of it is dimmed."""

    def __init__(self, lanes: Lanes) -> None:
        from matplotlib.patches import Rectangle

        self._lanes = lanes
        self._shades = []
        style = {"facecolor": "white", "alpha": 0.68, "lw": 0, "zorder": 6}
        for strip, (top, end) in enumerate(itertools.pairwise(lanes.tops)):
            edges = top + lanes.above, lanes.first_lane(strip), lanes.foot(strip), end
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
        left, right = spans[-1].left, spans[-1].right
        now = min(left + 20, right - 18), right, x + 6  # of seconds, lanes, notifications
        for other, shades in enumerate(self._shades):
            whole = (-23, -1, -7) if other > strip else (WIDTH,) * 3
            for shade, start in zip(shades, now if other == strip else whole, strict=True):
                shade.set_x(LEFT + start)
                shade.set_width(max(0, WIDTH - LEFT - start))
        top = lanes.tops[strip] + lanes.above / 2
        numbers = lanes.tops[strip] + lanes.above  # over these no line is drawn
        ends = [top, numbers, math.nan, numbers + LINE, lanes.foot(strip) + 6]
        self._line.set_data([LEFT + x] * len(ends), ends)
        self._head.set_data([LEFT + x], [top])
        rightward = LEFT + x + 10 + wide(words) < WIDTH
        self._words.set(text=words, ha="left" if rightward else "right")
        self._words.set_position((LEFT + x + (8 if rightward else -8), top))
