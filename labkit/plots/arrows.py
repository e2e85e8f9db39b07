"""Messages as a sequence diagram reads them: arrows from whom to whom, and what they come to."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from labkit.plots.figure import checked, listed
from labkit.plots.services import CONTROLLER, NEIGHBOURS, services_of

if TYPE_CHECKING:
    import pandas as pd

MESSAGES = ("t_s", "kind", "sender", "topic", "server", "method", "args", "lost")
CALLS = ("t_s", "service", "system", "call")
MOST_COMPUTES = 6  # beside their neighbours there is room for 4


class Arrow(NamedTuple):
    """One arrow of the diagram; *kind* is call, cast, fanout, reply, heartbeat, or ask for a neighbour."""

    t_s: float
    kind: str
    sender: str
    receiver: str
    words: str
    lost: bool = False
    again: bool = False  # the same message, taken by another


def arrows_of(messages: pd.DataFrame, calls: pd.DataFrame | None = None) -> tuple[list[Arrow], int]:
    """The arrows in order, and the number of replies whose call is not in the table."""
    found: list[tuple[float, Arrow]] = []
    waiting: list[Arrow] = []
    orphans, last = 0, None
    places = messages["seq"] if "seq" in messages.columns else range(len(messages))
    for place, row in zip(places, messages[list(MESSAGES)].itertuples(index=False), strict=True):
        if row.kind in ("reply", "heartbeat"):
            asked = next(
                (a for a in waiting if (a.receiver, a.words) == (row.sender, row.method)), None
            )
            if asked is None:
                orphans += 1
                continue
            if row.kind == "reply":
                waiting.remove(asked)
            raised = f": {row.args}" if row.args else ""
            arrow = Arrow(row.t_s, row.kind, row.sender, asked.sender, f"{row.kind}{raised}")
        else:
            receiver = f"{row.topic}@{row.server}" if _is_name(row.server) else str(row.topic)
            lost, again = bool(row.lost), place == last
            arrow = Arrow(row.t_s, row.kind, row.sender, receiver, row.method, lost, again)
            if row.kind == "call":
                waiting.append(arrow)
        found.append((place, arrow))
        last = place
    if calls is not None and len(calls):
        checked(messages, ("seq",))
        checked(calls, ("seq", *CALLS))
        for row in calls[["seq", *CALLS]].itertuples(index=False):
            words = str(row.call).split("?")[0]
            found.append((row.seq, Arrow(row.t_s, "ask", row.service, row.system, words)))
        found.sort(key=lambda one: one[0])
    return [arrow for _, arrow in found], orphans


def _is_name(server: object) -> bool:
    return isinstance(server, str) and server != ""


def fitting_in(arrows: list[Arrow], most: int) -> tuple[list[Arrow], str]:
    """The arrows that are drawn, and what is left out in words."""
    ends = services_of(name for arrow in arrows for name in (arrow.sender, arrow.receiver))
    others = [name for name in ends if name not in (*CONTROLLER, *NEIGHBOURS)]
    room = MOST_COMPUTES if set(ends).isdisjoint(NEIGHBOURS) else MOST_COMPUTES - 2
    hidden = set(others[room:])
    kept = [arrow for arrow in arrows if not hidden & {arrow.sender, arrow.receiver}]
    words = []
    if hidden:
        names = listed(others[room:])
        words.append(f"{len(arrows) - len(kept)} to or from {names}")
    if len(kept) > most:
        words.append(f"{len(kept) - most} later ones, from {kept[most].t_s:.2f} s on")
        kept = kept[:most]
    if not words:
        return kept, ""
    return kept, f"Drawn are {len(kept)}; left out are {' and '.join(words)}."


def said(arrows: list[Arrow], left_out: str, orphans: int) -> str:
    """How many messages of which kind, what was lost, who was refused, what is left out."""
    drawn = [arrow for arrow in arrows if arrow.kind != "ask"]
    sent = [arrow for arrow in drawn if not arrow.again]
    if not sent:
        return "The table has only replies, and not what they answer."
    ends = services_of(name for arrow in drawn for name in (arrow.sender, arrow.receiver))
    count = Counter(arrow.kind for arrow in sent)
    plural = {"reply": "replies"}
    kinds = [f"{n} {plural.get(kind, f'{kind}s') if n > 1 else kind}" for kind, n in count.items()]
    many = f"{len(sent)} message{'s' if len(sent) > 1 else ''}"
    span = max(arrow.t_s for arrow in arrows)
    words = [f"{many} until {span:.2f} s between {listed(ends, 5)}: {listed(kinds, 5)}."]
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
        words.append(
            f"Neighbours and hypervisors are asked {asked} time{'s' if asked > 1 else ''}."
        )
    if orphans:
        replies = "1 reply is" if orphans == 1 else f"{orphans} replies are"
        its = "its call is" if orphans == 1 else "their calls are"
        words.append(f"{replies} not drawn: {its} not in this table.")
    return " ".join([*words, left_out]).strip()
