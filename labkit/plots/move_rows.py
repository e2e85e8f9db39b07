"""What happens in a move, as lanes: each a list of values and when they begin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

NEAR_S = 0.05  # changes of different lanes that are less than this apart begin together
STATES = ("vm_state", "task_state")
KINDS = ("row", "guest", "allocation")
NOBODY = ""  # what a host's lane shows while the host has nothing


class Change(NamedTuple):
    """A lane's value from a time on."""

    t_s: float
    seq: float
    value: str | None


class Lane(NamedTuple):
    """A lane: the host whose it is (None: the server's own), what it shows, and its values."""

    host: str | None
    name: str
    changes: list[Change]

    def at(self, t_s: float) -> str | None:
        """The value at a time; nothing before the first."""
        found = [change.value for change in self.changes if change.t_s <= t_s]
        return found[-1] if found else NOBODY

    def runs(self, from_s: float, until_s: float | None) -> list[Change]:
        """The values from a time on, each with its begin, none twice in a row."""
        runs = [Change(from_s, -1, self.at(from_s))]
        for change in self.changes:
            inside = change.t_s > from_s and (until_s is None or change.t_s <= until_s)
            if inside and change.value != runs[-1].value:
                runs.append(change)
        return runs


class Moment(NamedTuple):
    """When some lanes change, and to what: ``values`` by the place of the lane."""

    t_s: float
    values: dict


def lanes_of(
    states: pd.DataFrame, migrations: pd.DataFrame, holdings: pd.DataFrame, name: str
) -> list[Lane]:
    """The lanes of a server: its states, its migrations, and three for each host it had to do with."""
    lanes = [Lane(None, state, _changes(states, states[state])) for state in STATES]
    if not migrations.empty:
        several = migrations["migration"].nunique() > 1
        words = [
            f"{number}: {status}" if several else status
            for number, status in zip(migrations["migration"], migrations["status"], strict=True)
        ]
        lanes.append(Lane(None, "migration", _changes(migrations, words)))
    for host in hosts_of(migrations, holdings):
        own = holdings[holdings["host"] == host]
        lanes += [Lane(host, kind, _held(own[own["what"] == kind], name)) for kind in KINDS]
    return lanes


def hosts_of(migrations: pd.DataFrame, holdings: pd.DataFrame) -> list[str]:
    """The hosts of a server: sources and destinations in their order, then what else it was on."""
    pairs = zip(migrations["source_compute"], migrations["dest_compute"], strict=True)
    moved = [host for pair in pairs for host in pair if isinstance(host, str)]
    return list(dict.fromkeys([*moved, *holdings["host"]]))


def _changes(table: pd.DataFrame, values: Iterable) -> list[Change]:
    values = [value if isinstance(value, str) else None for value in values]
    return [Change(*row) for row in zip(table["t_s"], table["seq"], values, strict=True)]


def _held(rows: pd.DataFrame, name: str) -> list[Change]:
    """The values of a host's lane; of allocations who holds them."""
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
        found.append(Change(row.t_s, row.seq, value or NOBODY))
    return found


def begin_of(states: pd.DataFrame, migrations: pd.DataFrame) -> float:
    """When to begin: with the row before the task in which the first migration was made."""
    if migrations.empty:
        return states["t_s"].iloc[0]
    first = migrations["seq"].iloc[0]
    rows = states[states["seq"] < first]
    if rows.empty:
        return states["t_s"].iloc[0]
    tasks = rows["task_state"].map(str)
    before = rows[tasks != tasks.iloc[-1]]
    return rows["t_s"].iloc[0] if before.empty else before["t_s"].iloc[-1]


def moments_of(lanes: Sequence[Lane], from_s: float, until_s: float | None) -> list[Moment]:
    """All changes in order; those that are near each other begin together, each lane once."""
    runs = [lane.runs(from_s, until_s) for lane in lanes]
    moments = [Moment(from_s, {i: own[0].value for i, own in enumerate(runs)})]
    later = [(change, i) for i, own in enumerate(runs) for change in own[1:]]
    for change, i in sorted(later, key=lambda each: (each[0].t_s, each[0].seq)):
        last = moments[-1]
        if i in last.values or change.t_s - last.t_s >= NEAR_S:
            moments.append(Moment(change.t_s, {}))
        moments[-1].values[i] = change.value
    return moments
