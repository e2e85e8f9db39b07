"""Messages: who sends what to whom, from top to bottom; and under which request id, on a strip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from labkit.neighbours import arguments
from labkit.plots.figure import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SKY,
    SMALL,
    VERMILLION,
    Figure,
    broken,
    canvas,
    checked,
    finished,
    label,
    legend,
    listed,
    note,
    pixel_axes,
    plain,
    text_width,
    wide,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

CONTROLLER = ("api", "conductor", "scheduler")
NEIGHBOURS = ("placement", "glance", "neutron", "virt")
MESSAGES = ("t_s", "kind", "sender", "topic", "server", "method", "args", "lost")
CALLS = ("seq", "t_s", "service", "system", "call")
MOST_ROWS = 60
MOST_COMPUTES = 6
MOST_BESIDE_NEIGHBOURS = 4  # computes, where neighbours take room
WIDTH = 8.6  # inches
ROW = 0.29  # inches that one arrow takes, its name above it
SIDES = 56  # points left and right of the lifelines: the times, the margins
#: kind: the line, the head of the arrow, its mark in the legend, and what the legend says.
KINDS = {
    "call": ("-", "-|>", ">", "call: waits for its reply"),
    "cast": ("-", "->", "4", "cast: waits for nothing"),
    "fanout": ("-.", "->", "4", "fanout: a cast to all of them"),
    "reply": ("--", "->", "4", "reply"),
    "heartbeat": (":", "->", "4", "heartbeat: still at work"),
    "ask": ("-", "-|>", ">", "asks a neighbour or the hypervisor"),
}
REQUEST_COLUMNS = ("sender", "request_id", "instance")
#: For each kind of service a letter, a colour, the colour of the letter, and what it means.
SENDERS = {
    "api": ("A", ORANGE, "black", "the API"),
    "conductor": ("C", SKY, "black", "the conductor"),
    "scheduler": ("S", GREEN, "black", "the scheduler"),
    "compute": ("H", BLUE, "white", "a host"),
}
OTHER = ("?", "white", "black", "")
CELL, HIGH, FOOT, WIDE = 16, 26, 34, 820  # pixels
MOST_MESSAGES, MOST_REQUESTS = 60, 30


def services_of(names: Iterable[str]) -> list[str]:
    """Return names in the order of a request: controller, computes as they come, neighbours.

    >>> services_of(["virt", "compute@cn-2", "scheduler", "api", "compute@cn-1", "api"])
    ['api', 'scheduler', 'compute@cn-2', 'compute@cn-1', 'virt']
    """
    there = dict.fromkeys(names)
    first = [name for name in CONTROLLER if name in there]
    last = [name for name in NEIGHBOURS if name in there]
    return [*first, *(name for name in there if name not in (*first, *last)), *last]


@plain()
def sequence(messages: pd.DataFrame, calls: pd.DataFrame | None = None) -> Figure:
    """Draw who sends what to whom: a lifeline for each service, an arrow for each message.

    *messages* is the table ``Cloud.messages``; read are t_s (seconds), kind, sender, topic,
    server, method, args and lost, and seq where *calls*, the table ``Cloud.calls``, is drawn in
    between, with a lifeline for each neighbour and for the hypervisor (virt).
    A call is solid with a full head and its reply dashed, a cast has an open head, a fanout two;
    what is lost ends in a cross. Draws the first 60 arrows and the first 6 computes (4 beside
    neighbours); the answer says what is left out. Raises ValueError when there is nothing to draw.

    >>> import pandas as pd
    >>> rows = [(0.05, "cast", "api", "conductor", None, "schedule_and_build_instances", "", False)]
    >>> sequence(pd.DataFrame(rows, columns=list(MESSAGES)))
    1 message until 0.05 s between api and conductor: 1 cast.
    """
    checked("messages", messages, MESSAGES, ": nobody has sent anything")
    arrows, orphans = arrows_of(messages, calls)
    kept, left_out = _fitting_in(arrows)
    answer = _said(arrows, left_out, orphans)
    if not kept:
        raise ValueError(f"There is nothing to draw. {answer}")
    ax = canvas(WIDTH, ROW * len(kept) + 1.75).add_subplot()
    _draw(ax, kept)
    return finished(ax, answer)


# -- the arrows ---------------------------------------------------------------------------
class Arrow(NamedTuple):
    """One arrow of the diagram; *kind* is one of KINDS."""

    t_s: float
    kind: str
    sender: str
    receiver: str
    words: str
    lost: bool = False
    again: bool = False  # the same message, taken by another


def arrows_of(messages: pd.DataFrame, calls: pd.DataFrame | None = None) -> tuple[list[Arrow], int]:
    """Return the arrows in order, and the number of replies whose call is not in the table."""
    found: list[tuple[float, Arrow]] = []
    waiting: list[Arrow] = []
    orphans, last = 0, None
    places = messages["seq"] if "seq" in messages.columns else range(len(messages))
    for place, row in zip(places, messages[list(MESSAGES)].itertuples(index=False), strict=True):
        if row.kind in ("reply", "heartbeat"):
            answers = (row.sender, row.method)
            asked = next((a for a in waiting if (a.receiver, a.words) == answers), None)
            if asked is None:
                orphans += 1
                continue
            if row.kind == "reply":
                waiting.remove(asked)
            words = f"{row.kind}: {row.args}" if row.args else row.kind
            arrow = Arrow(row.t_s, row.kind, row.sender, asked.sender, words)
        else:
            one = isinstance(row.server, str) and row.server != ""
            receiver = f"{row.topic}@{row.server}" if one else str(row.topic)
            lost, again = bool(row.lost), place == last
            arrow = Arrow(row.t_s, row.kind, row.sender, receiver, row.method, lost, again)
            if row.kind == "call":
                waiting.append(arrow)
        found.append((place, arrow))
        last = place
    if calls is not None and not arguments.table("calls", calls).empty:
        checked("messages", messages, ("seq",))
        checked("calls", calls, CALLS)
        for row in calls[list(CALLS)].itertuples(index=False):
            words = str(row.call).split("?")[0]
            found.append((row.seq, Arrow(row.t_s, "ask", row.service, row.system, words)))
        found.sort(key=lambda one: one[0])
    return [arrow for _, arrow in found], orphans


def _ends(arrows: Sequence[Arrow]) -> list[str]:
    return services_of(name for arrow in arrows for name in (arrow.sender, arrow.receiver))


def _fitting_in(arrows: list[Arrow]) -> tuple[list[Arrow], str]:
    ends = _ends(arrows)
    computes = [name for name in ends if name not in (*CONTROLLER, *NEIGHBOURS)]
    room = MOST_COMPUTES if set(ends).isdisjoint(NEIGHBOURS) else MOST_BESIDE_NEIGHBOURS
    hidden = computes[room:]
    kept = [arrow for arrow in arrows if not {arrow.sender, arrow.receiver} & set(hidden)]
    words = []
    if hidden:
        words.append(f"{len(arrows) - len(kept)} to or from {listed(hidden)}")
    if len(kept) > MOST_ROWS:
        later = kept[MOST_ROWS:]
        words.append(f"{len(later)} later ones, from {later[0].t_s:.2f} s on")
        kept = kept[:MOST_ROWS]
    if not words:
        return kept, ""
    return kept, f"Drawn are {len(kept)}; left out are {' and '.join(words)}."


def _said(arrows: list[Arrow], left_out: str, orphans: int) -> str:
    drawn = [arrow for arrow in arrows if arrow.kind != "ask"]
    sent = [arrow for arrow in drawn if not arrow.again]
    if not sent:
        return "The table has only replies, and not what they answer."
    count = Counter(arrow.kind for arrow in sent)
    plural = {"reply": "replies"}
    kinds = [f"{n} {plural.get(kind, f'{kind}s') if n > 1 else kind}" for kind, n in count.items()]
    many = f"{len(sent)} message{'s' if len(sent) > 1 else ''}"
    span = max(arrow.t_s for arrow in arrows)
    words = [f"{many} until {span:.2f} s between {listed(_ends(drawn), 5)}: {listed(kinds, 5)}."]
    lost = [arrow.words for arrow in sent if arrow.lost]
    if lost:
        words.append(f"{listed(lost)} {'is' if len(lost) == 1 else 'are'} lost.")
    words += [
        f"{arrow.sender} answers {arrow.receiver} with {arrow.words.removeprefix('reply: ')}."
        for arrow in sent
        if arrow.kind == "reply" and arrow.words != "reply"
    ][:3]
    asked = len(arrows) - len(drawn)
    if asked:
        times = f"{asked} time{'s' if asked > 1 else ''}"
        words.append(f"Neighbours and hypervisors are asked {times}.")
    if orphans == 1:
        words.append("1 reply is not drawn: its call is not in this table.")
    elif orphans:
        words.append(f"{orphans} replies are not drawn: their calls are not in this table.")
    return " ".join([*words, left_out]).strip()


# -- the drawing --------------------------------------------------------------------------
def _draw(ax: Axes, arrows: Sequence[Arrow]) -> None:
    width = 72 * WIDTH - SIDES
    texts, points = _heads(_ends(arrows), width)
    right, places = 0.0, {}
    for name, room in points.items():
        places[name] = right + room / 2
        right += room
    ax.set(xlim=(0, right), ylim=(len(arrows) - 0.3, -0.75))
    above = {"xycoords": ax.get_xaxis_transform(), "ha": "center", "va": "bottom"}
    for name, x in places.items():
        thin = name in NEIGHBOURS
        ax.axvline(x, color=GREY, lw=0.8 if thin else 1.2, ls=":" if thin else "-", zorder=1)
        edge = {"edgecolor": GREY, "linewidth": 0.8} if thin else {"edgecolor": "black"}
        box = {"boxstyle": "round,pad=0.3", "facecolor": "white", **edge}
        note(ax, texts[name], (x, 1), (0, 5), bbox=box, **above)
    for row, arrow in enumerate(arrows):
        _draw_arrow(ax, row, arrow, places, width / right, right)
    times = [f"{arrow.t_s:.2f}" for arrow in arrows]
    shown = [time if row == 0 or times[row - 1] != time else "" for row, time in enumerate(times)]
    ax.set_yticks(range(len(arrows)), shown, fontsize=SMALL)
    note(ax, "t_s", (0, 1), (-4, 8), xycoords="axes fraction", ha="right", va="bottom")
    ax.set_xticks([])
    ax.tick_params(axis="y", length=0)
    ax.spines[:].set_visible(False)
    _draw_legend(ax, arrows)


def _heads(names: Sequence[str], width: float) -> tuple[dict[str, str], dict[str, float]]:
    """The names of the lifelines, in lines, and the points that each takes of *width*."""
    for longest in (84, 64, 54):
        texts = {name: broken(name, longest) for name in names}
        needed = {
            name: max(map(text_width, text.split("\n"))) + (10 if name in NEIGHBOURS else 14)
            for name, text in texts.items()
        }
        spare = max(0.0, width - sum(needed.values()))
        if spare:
            break
    shares = {name: 1 if name in NEIGHBOURS else 2 for name in names}
    share = spare / sum(shares.values())
    return texts, {name: room + share * shares[name] for name, room in needed.items()}


def _draw_arrow(
    ax: Axes, row: int, arrow: Arrow, places: dict[str, float], scale: float, right: float
) -> None:
    """Draw an arrow at *row*, its words above it; *scale* is points per unit of x."""
    start, end = places[arrow.sender], places[arrow.receiver]
    colour = BLUE if arrow.kind == "ask" else "black"
    if start == end:
        end = start + 26 / scale
    if arrow.lost:
        end = start + (end - start) * 0.6
    line, head, *_ = KINDS[arrow.kind]
    style = {"color": colour, "lw": 1.1, "ls": line, "shrinkA": 0, "shrinkB": 0}
    style["arrowstyle"] = "-" if arrow.lost else head
    ax.annotate("", (end, row), (start, row), arrowprops=style, zorder=3)
    if arrow.kind == "fanout" and not arrow.lost:
        way = (1 if end > start else -1) / scale  # a second head
        ax.annotate("", (end - way * 6, row), (end - way * 7, row), arrowprops=style | {"ls": "-"})
    if arrow.lost:
        ax.plot([end], [row], "X", ms=9, mfc=VERMILLION, mec="black", mew=0.7, zorder=4)
    ax.plot([start], [row], "o", ms=3.5, color=colour, zorder=4)
    words = label(arrow.words, 60) + (" (lost)" if arrow.lost else "")
    half = (text_width(words) / 2 + 2) / scale
    middle = min(max((start + end) / 2, half), max(right - half, half))  # inside the diagram
    box = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
    above = {"ha": "center", "va": "bottom", "color": colour, "zorder": 2}
    note(ax, words, (middle, row), (0, 3), bbox=box, **above)


def _draw_legend(ax: Axes, arrows: Sequence[Arrow]) -> None:
    from matplotlib.lines import Line2D

    handles = []
    there = {arrow.kind for arrow in arrows}
    for kind in [kind for kind in KINDS if kind in there]:
        line, _, marker, words = KINDS[kind]
        style = {"color": BLUE if kind == "ask" else "black", "ls": line, "lw": 1.1, "ms": 6}
        handles.append(Line2D([], [], marker=marker, markevery=[1], label=words, **style))
        handles[-1].set_data([0, 1], [0, 0])
    if any(arrow.lost for arrow in arrows):
        style = {"ls": "", "marker": "X", "ms": 9, "mfc": VERMILLION, "mec": "black"}
        handles.append(Line2D([], [], label="lost", **style))
    legend(ax, handles, handlelength=3.2)


# -- the strip of requests --------------------------------------------------------------------
@plain()
def requests(messages: pd.DataFrame) -> Figure:
    """Draw messages in their order from left to right, each in the row of its request id.

    *messages* is the table ``Cloud.messages``; read are sender, request_id and instance. A square
    has the letter of the service that sends: A the API, C the conductor, S the scheduler, H the
    nova-compute of a host. Draws the first 60 messages and 30 request ids; the answer says what is
    left out. Raises ValueError when there is nothing to draw.

    >>> import pandas as pd
    >>> rows = [("api", "req-1", "web-1"), ("api", "req-2", "db-1"), ("conductor", "req-1", "web-1")]
    >>> requests(pd.DataFrame(rows, columns=["sender", "request_id", "instance"]))
    2 request ids in 3 messages: req-1 (web-1) in 2, of api and conductor; req-2 (db-1) in 1, of api.
    """
    checked("messages", messages, REQUEST_COLUMNS, ": nobody has sent anything")
    rows = [tuple(row) for row in messages[list(REQUEST_COLUMNS)].itertuples(index=False)]
    rows = [row for row in rows if isinstance(row[1], str)]
    if not rows:
        raise ValueError("There is nothing to draw: no message has a request id.")
    ids = list(dict.fromkeys(row[1] for row in rows))
    answer = _requests_said(rows, ids)
    drawn = [row for row in rows if row[1] in ids[:MOST_REQUESTS]][:MOST_MESSAGES]
    if len(drawn) < len(rows):
        answer += f" {len(rows) - len(drawn)} messages are not drawn."
    shown = list(dict.fromkeys(row[1] for row in drawn))
    names = [_name(one, rows) for one in shown]
    left = max(map(wide, names)) + 16
    width = max(left + CELL * len(drawn) + 12, WIDE)
    box = {"left": left, "right": width - left - CELL * len(drawn), "foot": FOOT}
    ax = pixel_axes(width, HIGH * len(names), title=answer, **box)
    _draw_strip(ax, drawn, shown, names)
    return Figure(ax.figure, answer)


def _requests_said(rows: Sequence[tuple], ids: Sequence[str]) -> str:
    parts = []
    for one in ids[:4]:
        mine = [row for row in rows if row[1] == one]
        senders = listed(services_of(row[0] for row in mine), 5)
        parts.append(f"{_name(one, rows)} in {len(mine)}, of {senders}")
    if len(ids) > 4:
        parts.append(f"and {len(ids) - 4} more")
    plural = "s" if len(ids) > 1 else ""
    return f"{len(ids)} request id{plural} in {len(rows)} messages: {'; '.join(parts)}."


def _name(one: str, rows: Sequence[tuple]) -> str:
    """A request id, cut as people say it, and the servers that it is about."""
    servers = dict.fromkeys(row[2] for row in rows if row[1] == one and isinstance(row[2], str))
    short = one if len(one) <= 14 else f"{one[:12]}…"
    return label(f"{short} ({listed(servers, 2)})" if servers else short)


def _draw_strip(ax: Axes, rows: Sequence[tuple], ids: Sequence[str], names: Sequence[str]) -> None:
    looks = [SENDERS.get(row[0].partition("@")[0], OTHER) for row in rows]
    for place, ((_, request_id, _), look) in enumerate(zip(rows, looks, strict=True)):
        letter, colour, ink, _ = look
        y = ids.index(request_id)
        ax.bar(place, 0.84, 0.92, y - 0.42, color=colour)
        ax.text(place, y, letter, color=ink, ha="center", va="center", fontsize=SMALL)
    ax.set(xlim=(-0.5, len(rows) - 0.5), ylim=(len(ids) - 0.5, -0.5), xticks=[])
    ax.set_yticks(range(len(ids)), names, fontsize=SMALL)
    ax.tick_params(axis="y", length=0)
    ax.spines[:].set_visible(False)
    for y in range(1, len(ids)):
        ax.axhline(y - 0.5, color="#DDDDDD", linewidth=0.8, zorder=0)
    meaning = ", ".join(f"{look[0]} {look[3]}" for look in SENDERS.values() if look in looks)
    words = f"Each square is a message, sent by {meaning}; the first is on the left."
    note(ax, words, (0.01, 0), (0, -8), va="top", xycoords=("figure fraction", "axes fraction"))
