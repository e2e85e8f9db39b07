"""The rows of a server's states and notifications as the lanes need them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from labkit.plots.figure import checked

if TYPE_CHECKING:
    import pandas as pd

LANES = ("vm_state", "task_state", "power_state")


class State(NamedTuple):
    """One row of the table ``states``."""

    seq: float
    t_s: float
    vm_state: str | None
    task_state: str | None
    power_state: str | None


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


def seconds(t_s: float) -> str:
    """A time as it stands at the axis.

    >>> seconds(0.0504), seconds(123.456), seconds(3600)
    ('0.05', '123.5', '3600')
    """
    return f"{t_s:.{2 if t_s < 100 else 1 if t_s < 1000 else 0}f}"


def states_of(rows: pd.DataFrame) -> list[State]:
    """Rows of the table ``states`` as tuples; what a log leaves out is None."""
    values = rows[["t_s", *LANES]].astype(object)
    values = values.where(values.notna(), None)
    seqs = rows["seq"] if "seq" in rows.columns else range(len(rows))
    return [State(seq, *row) for seq, row in zip(seqs, values.itertuples(index=False), strict=True)]


def marks_of(
    notifications: pd.DataFrame | None, name: str, states: list[State], until_s: float | None
) -> list[Mark]:
    """The notifications of one server as tuples, those that are drawn."""
    if notifications is None or notifications.empty:
        return []
    checked(notifications, ("t_s", "instance", "event_type"))
    own = notifications[notifications["instance"] == name]
    own = own[own["t_s"] >= states[0].t_s]
    own = own if until_s is None else own[own["t_s"] <= until_s]
    # Without seq they come after the states of the same time.
    seqs = own["seq"] if "seq" in own.columns else range(len(states), len(states) + len(own))
    formats = own["format"] if "format" in own.columns else ["legacy"] * len(own)
    columns = seqs, own["t_s"], own["event_type"], formats
    return [Mark(*row) for row in zip(*columns, strict=True)]


def changes(states: Sequence[State]) -> list[State]:
    """Return the rows at which one of the three states becomes another one."""
    found = []
    for state in states:
        if not found or found[-1][2:] != state[2:]:
            found.append(state)
    return found


def grouped(marks: Sequence[Mark]) -> list[list[Mark]]:
    """Put notifications together that are told at once in both formats."""
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
