"""A move: which host has what of a server, and since when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from labkit.plots.figure import (
    Figure,
    checked,
    listed,
    one_of,
    plain,
    seconds,
)
from labkit.plots.lanes import (
    HOLDING_COLUMNS,
    NOT_TO_SCALE,
    ROOM,
    Change,
    Lane,
    Lanes,
    Track,
    held,
)
from labkit.plots.time_axis import Moment, TimeAxis, needed_widths, runs

if TYPE_CHECKING:
    import pandas as pd

MOST = 4  # hosts that are drawn
NEAR_S = 0.05  # changes of different lanes that are less than this apart begin together
STATES = ("vm_state", "task_state")
KINDS = ("row", "guest", "allocation")
STATE_COLUMNS = ("seq", "t_s", "instance", *STATES)
MIGRATION_COLUMNS = (
    "seq t_s instance migration migration_type status source_compute dest_compute".split()
)


@plain()
def move(
    states: pd.DataFrame,
    migrations: pd.DataFrame,
    holdings: pd.DataFrame,
    instance: str | None = None,
) -> Figure:
    """Draw a move of a server: its states, its migration, and what each host has of it.

    *states*, *migrations* and *holdings* are the tables of a Cloud. Above: vm_state, task_state
    and the status of the migration. Below, for each host: whether the server's row names it, the
    guest with its power_state, and who holds the allocation there, the server or a migration; a
    dotted line: nothing. The first *instance* unless another is given, from before its first
    migration, or its whole life if it has none. Changes less than 0.05 s apart are drawn as one, and short times wider than to
    scale; the figure says so. Draws 4 hosts at most. Raises ValueError when there is nothing to
    draw, or for a server that is not there.

    >>> import pandas as pd
    >>> states = pd.DataFrame([(0, 1.0, "web-1", "shelved", None)], columns=STATE_COLUMNS)
    >>> rows = [(1, 1.0, "web-1", "cn-1", "row", None, "named"),
    ...         (2, 9.0, "web-1", "cn-1", "row", None, None)]
    >>> move(states, pd.DataFrame(columns=MIGRATION_COLUMNS),
    ...      pd.DataFrame(rows, columns=HOLDING_COLUMNS))
    web-1: the row names cn-1, from 9.00 s no host; at the end shelved/None.
    """
    checked("states", states, STATE_COLUMNS)
    name = str(one_of(states["instance"].unique(), instance))
    states = _of_server("states", states, STATE_COLUMNS, name)
    migrations = _of_server("migrations", migrations, MIGRATION_COLUMNS, name)
    holdings = _of_server("holdings", holdings, HOLDING_COLUMNS, name)
    tracks = tracks_of(states, migrations, holdings, name)
    begin = begin_of(states, migrations)
    answer = _said(name, tracks, migrations, begin)
    remarks = []
    hosts = list(dict.fromkeys(track.host for track in tracks if track.host))
    if len(hosts) > MOST:
        tracks = [track for track in tracks if track.host not in hosts[MOST:]]
        remarks.append(f"not drawn: {listed(hosts[MOST:])}")
    turns = turns_of(tracks, begin)
    if any(turn.joined for turn in turns):
        remarks.append(f"changes less than {NEAR_S:g} s apart are drawn as one")
    remarks.append(NOT_TO_SCALE.format("times"))
    return _laid_out(tracks, turns, remarks, _roles(migrations)).figure(answer)


def _of_server(what: str, table: pd.DataFrame, columns: Iterable[str], name: str) -> pd.DataFrame:
    checked(what, table, columns, rows=False)
    return table[table["instance"] == name].sort_values(["t_s", "seq"], kind="stable")


def _roles(migrations: pd.DataFrame) -> dict[str, str]:
    """What stands behind a host's name: where from, where to, if it is always the same."""
    roles: dict[str, set] = {}
    for column, word in (("source_compute", "the source"), ("dest_compute", "the destination")):
        for host in migrations[column].dropna():
            roles.setdefault(host, set()).add(word)
    return {host: f", {words.pop()}" for host, words in roles.items() if len(words) == 1}


def _laid_out(
    tracks: Sequence[Track],
    turns: Sequence[Turn],
    remarks: Sequence[str],
    roles: Mapping[str, str],
) -> Lanes:
    times = [turn.t_s for turn in turns]
    values = list(zip(*(turn.values for turn in turns), strict=True))
    names = [run for lane in values for run in runs(lane)]
    names.sort(key=lambda run: run[1] - run[0])  # short ones first
    axes = []
    for lying in (names, []):  # with room for every name to lie, or without
        needs = needed_widths(times, lying)
        moments = [Moment(t_s, 0.0, True, need) for t_s, need in zip(times, needs, strict=True)]
        axes.append(TimeAxis(moments, ROOM))
    lanes = [Lane(track.name, own, track.host) for track, own in zip(tracks, values, strict=True)]
    fewest = min(axes, key=lambda axis: axis.strips)
    return Lanes(lanes, fewest, remarks, roles, thin=22, gap=3)


# -- what happened -------------------------------------------------------------------------
class Turn(NamedTuple):
    """When some tracks change, and what all of them show then; *joined*: not all at that time."""

    t_s: float
    values: tuple
    joined: bool = False


def tracks_of(
    states: pd.DataFrame, migrations: pd.DataFrame, holdings: pd.DataFrame, name: str
) -> list[Track]:
    """Return the tracks of a server: its states, its migrations, and three for each host."""
    tracks = [Track(None, state, _changes(states, states[state])) for state in STATES]
    if not migrations.empty:
        several = migrations["migration"].nunique() > 1
        words = [
            f"{number}: {status}" if several else status
            for number, status in zip(migrations["migration"], migrations["status"], strict=True)
        ]
        tracks.append(Track(None, "migration", _changes(migrations, words)))
    # Sources and destinations in their order, then the other hosts that had something of it.
    pairs = zip(migrations["source_compute"], migrations["dest_compute"], strict=True)
    moved = [host for pair in pairs for host in pair if isinstance(host, str)]
    for host in dict.fromkeys([*moved, *holdings["host"]]):
        own = holdings[holdings["host"] == host]
        tracks += [Track(host, kind, held(own[own["what"] == kind], name)) for kind in KINDS]
    return tracks


def _changes(table: pd.DataFrame, values: Iterable) -> list[Change]:
    values = [value if isinstance(value, str) else None for value in values]
    return [Change(*row) for row in zip(table["t_s"], table["seq"], values, strict=True)]


def begin_of(states: pd.DataFrame, migrations: pd.DataFrame) -> float:
    """Return when to begin: the row before the task in which the first migration was made."""
    start_s = states["t_s"].iloc[0]
    if migrations.empty:
        return start_s
    rows = states[states["seq"] < migrations["seq"].iloc[0]]
    if rows.empty:
        return start_s
    tasks = rows["task_state"].map(str)
    before = rows[tasks != tasks.iloc[-1]]
    return start_s if before.empty else before["t_s"].iloc[-1]


def turns_of(tracks: Sequence[Track], from_s: float) -> list[Turn]:
    """Return all changes in order; near ones begin together, but never two of one track."""
    changes = [track.since(from_s) for track in tracks]
    turns = [Turn(from_s, tuple(own[0].value for own in changes))]
    changed = set(range(len(tracks)))
    later = [(change, i) for i, own in enumerate(changes) for change in own[1:]]
    for change, i in sorted(later, key=lambda each: (each[0].t_s, each[0].seq)):
        t_s, values, joined = turns[-1]
        if i in changed or change.t_s - t_s >= NEAR_S:
            t_s, joined, changed = change.t_s, False, set()
            turns.append(turns[-1])
        changed.add(i)
        values = (*values[:i], change.value, *values[i + 1 :])
        turns[-1] = Turn(t_s, values, joined or change.t_s != t_s)
    return turns


# -- in words -----------------------------------------------------------------------------
def _said(name: str, tracks: Sequence[Track], migrations: pd.DataFrame, from_s: float) -> str:
    rows = [track for track in tracks if track.name == "row"]
    held = [track for track in tracks if track.name == "allocation"]
    parts = _migrations(migrations)
    parts.append("the row names " + _over_time(rows, from_s, _hosts))
    both = _over_time(held, from_s, _two_hosts)
    if both:
        parts.append(f"allocations on two hosts {both}")
    vm_state, task_state = (track.changes[-1].value for track in tracks[:2])
    return f"{name}: {'; '.join(parts)}; at the end {vm_state}/{task_state}."


def _migrations(migrations: pd.DataFrame) -> list[str]:
    found = []
    for number, own in migrations.groupby("migration"):
        last = own.iloc[-1]
        to = f" to {last.dest_compute}" if isinstance(last.dest_compute, str) else ""
        way = f"{last.migration_type} from {last.source_compute}{to}"
        found.append(f"migration {number} ({way}) is {last.status}")
    return found if len(found) < 4 else [f"{len(found)} migrations", found[-1]]


def _over_time(tracks: Sequence[Track], from_s: float, words: Callable[[list], str]) -> str:
    """What *words* says of (time, hosts that have something then), at each change of the tracks."""
    times = {from_s}
    for track in tracks:
        times |= {change.t_s for change in track.since(from_s)}
    return words([(t, [track.host for track in tracks if track.at(t)]) for t in sorted(times)])


def _hosts(over_time: list) -> str:
    found: list[str] = []
    old = None
    for t_s, hosts in over_time:
        new = listed(hosts) or "no host"
        if new != old:
            found.append(f"from {seconds(t_s)} s {new}" if found else new)
        old = new
    return ", ".join(found)


def _two_hosts(over_time: list) -> str:
    spans: list[list] = []
    for t_s, hosts in over_time:
        if len(hosts) > 1 and (not spans or len(spans[-1]) == 2):
            spans.append([t_s])
        elif len(hosts) < 2 and spans and len(spans[-1]) == 1:
            spans[-1].append(t_s)
    return listed(
        [f"from {seconds(a)} s" + (f" to {seconds(b[0])} s" if b else " on") for a, *b in spans]
    )
