"""The messages of several requests on one strip: which service goes on under which request id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from labkit.plots.figure import (
    BLUE,
    GREEN,
    ORANGE,
    SKY,
    SMALL,
    Figure,
    checked,
    label,
    listed,
    pixel_axes,
    titled,
    wide,
)
from labkit.plots.services import services_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

COLUMNS = ("sender", "request_id", "instance")
#: A letter, a colour and a colour of the letter for each kind of service.
LOOKS = {
    "api": ("A", ORANGE, "black"),
    "conductor": ("C", SKY, "black"),
    "scheduler": ("S", GREEN, "black"),
    "compute": ("H", BLUE, "white"),
}
OTHER = ("?", "white", "black")
CELL, ROW, FOOT, WIDTH = 16, 26, 34, 820  # pixels
MOST, MOST_ROWS = 60, 30


def requests(messages: pd.DataFrame, ax: Axes | None = None) -> Figure:
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
    checked(messages, COLUMNS, ": nobody has sent anything")
    rows = [tuple(row) for row in messages[list(COLUMNS)].itertuples(index=False)]
    rows = [row for row in rows if isinstance(row[1], str)]
    if not rows:
        raise ValueError("There is nothing to draw: no message has a request id.")
    ids = list(dict.fromkeys(row[1] for row in rows))
    answer = said(rows, ids)
    drawn = [row for row in rows if row[1] in ids[:MOST_ROWS]][:MOST]
    left_out = len(rows) - len(drawn)
    if left_out:
        answer += f" {left_out} messages are not drawn."
    shown = [one for one in ids if one in {row[1] for row in drawn}]
    names = [_name(one, rows) for one in shown]
    own = _paper(answer, names, len(drawn), ax)
    _draw(own, drawn, shown, names, ax is None)
    return Figure(own.get_figure(root=True), answer, complete=ax is None)


def said(rows: Sequence[tuple], ids: Sequence[str]) -> str:
    """How many messages each request id has, and of which services."""
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
    """A request id, cut as people say it, and the servers it is about."""
    servers = dict.fromkeys(row[2] for row in rows if row[1] == one and isinstance(row[2], str))
    short = one if len(one) <= 14 else f"{one[:12]}…"
    return label(f"{short} ({listed(servers, 2)})" if servers else short)


def _paper(answer, names, count, ax):
    """Axes with their title; every place is known in pixels."""
    if ax is not None:
        titled(ax, True, answer)
        return ax
    left = max(map(wide, names)) + 16
    width = max(left + CELL * count + 12, WIDTH)
    box = {"left": left, "right": width - left - CELL * count, "foot": FOOT, "title": answer}
    return pixel_axes(width, ROW * len(names), **box)


def _draw(ax, rows, ids, names, whole):
    """A square for each message, and below them what the letters mean."""
    for place, (sender, request_id, _) in enumerate(rows):
        letter, colour, ink = LOOKS.get(sender.partition("@")[0], OTHER)
        y = ids.index(request_id)
        ax.bar(place, 0.84, 0.92, y - 0.42, color=colour)
        ax.text(place, y, letter, color=ink, ha="center", va="center", fontsize=SMALL)
    ax.set(xlim=(-0.5, len(rows) - 0.5), ylim=(len(ids) - 0.5, -0.5), xticks=[])
    ax.set_yticks(range(len(ids)), names, fontsize=SMALL)
    ax.tick_params(axis="y", length=0)
    ax.spines[:].set_visible(False)
    for y in range(1, len(ids)):
        ax.axhline(y - 0.5, color="#DDDDDD", linewidth=0.8, zorder=0)
    meaning = {"A": "the API", "C": "the conductor", "S": "the scheduler", "H": "a host"}
    there = {LOOKS.get(row[0].partition("@")[0], OTHER)[0] for row in rows}
    words = ", ".join(f"{letter} {name}" for letter, name in meaning.items() if letter in there)
    ax.annotate(
        f"Each square is a message, sent by {words}; the first is on the left.",
        (0.01 if whole else 0, 0),
        xycoords=("figure fraction" if whole else "axes fraction", "axes fraction"),
        xytext=(0, -8),
        textcoords="offset points",
        va="top",
        fontsize=SMALL,
    )
