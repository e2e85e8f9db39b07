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
    finished,
    label,
    listed,
    note,
    pixel_axes,
    plainly,
    wide,
)
from labkit.plots.services import services_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

COLUMNS = ("sender", "request_id", "instance")
#: For each kind of service a letter, a colour, the colour of the letter, and what it means.
LOOKS = {
    "api": ("A", ORANGE, "black", "the API"),
    "conductor": ("C", SKY, "black", "the conductor"),
    "scheduler": ("S", GREEN, "black", "the scheduler"),
    "compute": ("H", BLUE, "white", "a host"),
}
OTHER = ("?", "white", "black", "")
CELL, ROW, FOOT, WIDTH = 16, 26, 34, 820  # pixels
MOST, MOST_ROWS = 60, 30


@plainly
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
    checked("messages", messages, COLUMNS, ax, ": nobody has sent anything")
    rows = [tuple(row) for row in messages[list(COLUMNS)].itertuples(index=False)]
    rows = [row for row in rows if isinstance(row[1], str)]
    if not rows:
        raise ValueError("There is nothing to draw: no message has a request id.")
    ids = list(dict.fromkeys(row[1] for row in rows))
    answer = _said(rows, ids)
    drawn = [row for row in rows if row[1] in ids[:MOST_ROWS]][:MOST]
    if len(drawn) < len(rows):
        answer += f" {len(rows) - len(drawn)} messages are not drawn."
    shown = list(dict.fromkeys(row[1] for row in drawn))
    names = [_name(one, rows) for one in shown]
    own = ax
    if own is None:
        left = max(map(wide, names)) + 16
        width = max(left + CELL * len(drawn) + 12, WIDTH)
        box = {"left": left, "right": width - left - CELL * len(drawn), "foot": FOOT}
        own = pixel_axes(width, ROW * len(names), title=answer, **box)
    _draw(own, drawn, shown, names, ax is None)
    return finished(own, answer, ax)


def _said(rows: Sequence[tuple], ids: Sequence[str]) -> str:
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


def _draw(
    ax: Axes, rows: Sequence[tuple], ids: Sequence[str], names: Sequence[str], whole: bool
) -> None:
    looks = [LOOKS.get(row[0].partition("@")[0], OTHER) for row in rows]
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
    meaning = ", ".join(f"{look[0]} {look[3]}" for look in LOOKS.values() if look in looks)
    words = f"Each square is a message, sent by {meaning}; the first is on the left."
    below = {"xycoords": ("figure fraction" if whole else "axes fraction", "axes fraction")}
    note(ax, words, (0.01 if whole else 0, 0), (0, -8), va="top", **below)
