"""Events as a timeline reads them: how each is marked, what it says, which states they make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from labkit.plots.figure import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION, checked, listed

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("t_s", "service", "instance", "kind", "what")
#: Calls that take away what a build has made.
UNDONE = ("virt destroy", "virt cleanup", "neutron deallocate_for_instance", "placement DELETE")


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


def events_of(events: pd.DataFrame, instance: str | None = None) -> list[Event]:
    """The rows of one server or of all, in order. Raises ValueError for an unknown server."""
    checked(events, COLUMNS, ": nothing has happened")
    rows = [
        Event(float(t_s), str(service), server if isinstance(server, str) else None, kind, what)
        for t_s, service, server, kind, what in events[list(COLUMNS)].itertuples(index=False)
    ]
    if instance is None:
        return rows
    there = list(dict.fromkeys(row.instance for row in rows if row.instance))
    if instance not in there:
        raise ValueError(f"No instance {instance!r} in this table, only {listed(there)}.")
    wanted = (instance, None) if len(there) == 1 else (instance,)
    return [row for row in rows if row.instance in wanted]


def look_of(event: Event) -> str:
    """The key in LOOKS of an event."""
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
    """The vm_state and task_state that an event saved, or None if it saved none."""
    if event.kind != "Save" or look_of(event) == "refused":
        return None
    words = event.what.split(" ")
    if words[0] == "destroy":
        return "deleted", "None"
    vm_state, _, task_state = (words[1] if len(words) > 1 else "").partition("/")
    return (vm_state, task_state) if task_state else None


def under_way(state: tuple[str, str]) -> str:
    """What a bar is called: the task_state, or building without one; empty when all is done."""
    vm_state, task_state = state
    if task_state != "None":
        return task_state
    return "building" if vm_state == "building" else ""


def bars_of(rows: Sequence[Event], end_s: float | None = None) -> list[Bar]:
    """The states on their way, a bar for each stretch; one that nobody ends lasts to *end_s*."""
    last = max((row.t_s for row in rows), default=0.0) if end_s is None else end_s
    begun: dict[str, tuple[Event, str]] = {}
    found = []

    def close(name: str, until_s: float) -> None:
        event, words = begun.pop(name)
        found.append(Bar(event.service, name, words, event.t_s, until_s))

    for row in rows:
        state = state_of(row)
        if state is None or row.instance is None:
            continue
        words, before = under_way(state), begun.get(row.instance)
        if before and (before[0].service, before[1]) == (row.service, words):
            continue
        if before:
            close(row.instance, row.t_s)
        if words:
            begun[row.instance] = row, words
    for name in list(begun):
        close(name, last)
    return sorted(found, key=lambda bar: bar.start_s)


def beside(event: Event) -> str:
    """The words beside a mark; empty where its shape, or the bar that begins, says enough."""
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
            return state[0] if state and not under_way(state) else ""
    return ""
