"""A move: which host has what of a server, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from labkit.plots.figure import DPI, TITLE, Figure, checked, listed, title_lines, titled
from labkit.plots.lane_rows import seconds
from labkit.plots.lanes import WIDTH, _pixels, paper
from labkit.plots.move_lanes import MoveLanes
from labkit.plots.move_rows import KINDS, NEAR_S, STATES, Lane, begin_of, lanes_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST = 4  # hosts that are drawn
LEAST = 480  # pixels for axes that are given
STATE_COLUMNS = ("seq", "t_s", "instance", *STATES)
MIGRATION_COLUMNS = (
    "seq t_s instance migration migration_type status source_compute dest_compute".split()
)
HOLDING_COLUMNS = "seq t_s instance host what consumer value".split()


def move(
    states: pd.DataFrame,
    migrations: pd.DataFrame,
    holdings: pd.DataFrame,
    instance: str | None = None,
    from_s: float | None = None,
    until_s: float | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw a move of a server: its states, its migration, and what each host has of it.

    *states*, *migrations* and *holdings* are the tables of a Cloud. Above: vm_state, task_state
    and the status of the migration. Below, for each host: whether the server's row names it, the
    guest with its power_state, and who holds the allocation there, the server or a migration; a
    dotted line: nothing. The first *instance* unless another is given, from *from_s* (seconds;
    else from before its first migration, or its whole life if it has none) until *until_s*, or the
    last change. Changes less than 0.05 s apart are drawn as one, and short times wider than to
    scale; the figure says so. Draws 4 hosts at most. Raises ValueError when there is nothing to
    draw, for a server that is not there, or for times without anything between them.

    >>> import pandas as pd
    >>> states = pd.DataFrame([(0, 1.0, "web-1", "shelved", None)], columns=STATE_COLUMNS)
    >>> rows = [(1, 1.0, "web-1", "cn-1", "row", None, "named"),
    ...         (2, 9.0, "web-1", "cn-1", "row", None, None)]
    >>> move(states, pd.DataFrame(columns=MIGRATION_COLUMNS),
    ...      pd.DataFrame(rows, columns=HOLDING_COLUMNS))
    web-1: the row names cn-1, from 9.00 s no host; at the end shelved/None.
    """
    checked(states, STATE_COLUMNS)
    name = _named(states, instance)
    own = [
        _own(table, columns, name)
        for table, columns in (
            (states, STATE_COLUMNS),
            (migrations, MIGRATION_COLUMNS),
            (holdings, HOLDING_COLUMNS),
        )
    ]
    lanes = lanes_of(*own, name)
    begin = begin_of(*own[:2]) if from_s is None else from_s
    _check_times(lanes, begin, until_s)
    answer, remarks = told(name, lanes, own[1], begin, until_s), []
    hosts = list(dict.fromkeys(lane.host for lane in lanes if lane.host))
    if len(hosts) > MOST:
        lanes = [lane for lane in lanes if lane.host not in hosts[MOST:]]
        remarks = [f"not drawn: {listed(hosts[MOST:])}"]
    width = WIDTH * DPI if ax is None else max(_pixels(ax)[0], LEAST)
    drawing = MoveLanes(lanes, _roles(own[1]), begin, until_s, width)
    if drawing.near:
        remarks.append(f"changes less than {NEAR_S:g} s apart are drawn as one")
    if not drawing.axis.to_scale:
        remarks.append("not to scale: short times are drawn wider; the seconds above are true")
    return _drawn(drawing, answer, remarks, ax)


def _drawn(drawing, answer, remarks, ax):
    title = title_lines(answer, 72 * WIDTH - 16)
    head = 0.0 if ax is not None else 18.0 * len(title) + 12
    if ax is not None:
        needed = drawing.height + 16 * len(remarks) + 4
        if _pixels(ax)[0] < drawing.width or _pixels(ax)[1] < needed:
            raise ValueError(
                f"These axes are too small: the move needs {drawing.width / DPI:.1f} x "
                f"{needed / DPI:.1f} inches; draw without ax, or make the figure larger."
            )
    own = paper(drawing, head, remarks, ax)
    drawing.draw(own, head)
    figure = own.get_figure(root=True)
    if ax is None:
        top = 1 - 6 / own.get_ylim()[0]
        figure.suptitle("\n".join(title), x=0.01, y=top, ha="left", fontsize=TITLE)
    else:
        titled(own, True, answer)
    return Figure(figure, answer, complete=ax is None)


def _named(states, instance):
    names = list(states["instance"].unique())
    if instance is None:
        return names[0]
    if instance not in names:
        raise ValueError(f"No instance {instance!r} in this table, only {listed(names)}.")
    return instance


def _own(table, columns, name):
    """The rows of one server, in order; an empty table is none."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(f"This table has no column {listed(missing)}.")
    return table[table["instance"] == name].sort_values(["t_s", "seq"], kind="stable")


def _check_times(lanes, from_s, until_s):
    times = [change.t_s for lane in lanes for change in lane.changes]
    if not from_s <= max(times) or (until_s is not None and not until_s > from_s):
        raise ValueError(
            f"There is nothing to draw: from_s = {from_s!r}, until_s = {until_s!r}, and the last "
            f"change is at {max(times):g} s."
        )


def _roles(migrations: pd.DataFrame) -> dict[str, str]:
    """What stands behind a host's name: where from, where to, if it is always the same."""
    roles: dict[str, set] = {}
    for column, word in (("source_compute", "the source"), ("dest_compute", "the destination")):
        for host in migrations[column].dropna():
            roles.setdefault(host, set()).add(word)
    return {host: f", {words.pop()}" for host, words in roles.items() if len(words) == 1}


# -- in words -----------------------------------------------------------------------------
def told(
    name: str,
    lanes: Sequence[Lane],
    migrations: pd.DataFrame,
    from_s: float,
    until_s: float | None,
) -> str:
    """The move in a sentence: how it ended, which host the row names, who holds allocations."""
    parts = _moves(migrations, until_s)
    rows = [lane for lane in lanes if lane.name == KINDS[0]]
    held = [lane for lane in lanes if lane.name == KINDS[2]]
    parts.append("the row names " + _over_time(rows, from_s, until_s, _host))
    both = _over_time(held, from_s, until_s, _count)
    if both:
        parts.append(f"allocations on two hosts {both}")
    end = max(change.t_s for lane in lanes for change in lane.changes)
    end = end if until_s is None else until_s
    vm_state, task_state = (lane.at(end) for lane in lanes[:2])
    return f"{name}: {'; '.join(parts)}; at the end {vm_state}/{task_state}."


def _moves(migrations, until_s):
    found = []
    rows = migrations if until_s is None else migrations[migrations["t_s"] <= until_s]
    for number, own in rows.groupby("migration"):
        last = own.iloc[-1]
        to = f" to {last.dest_compute}" if isinstance(last.dest_compute, str) else ""
        way = f"{last.migration_type} from {last.source_compute}{to}"
        found.append(f"migration {number} ({way}) is {last.status}")
    return found if len(found) < 4 else [f"{len(found)} migrations", found[-1]]


def _over_time(lanes, from_s, until_s, words):
    """What *words* says of the lanes' values, whenever it says something else."""
    times = {from_s}
    for lane in lanes:
        times |= {change.t_s for change in lane.runs(from_s, until_s)}
    return words([(t_s, [lane.host for lane in lanes if lane.at(t_s)]) for t_s in sorted(times)])


def _host(over_time):
    found: list[str] = []
    old = None
    for t_s, hosts in over_time:
        new = listed(hosts) or "no host"
        if new != old:
            found.append(f"from {seconds(t_s)} s {new}" if found else new)
        old = new
    return ", ".join(found)


def _count(over_time):
    spans: list[list] = []
    for t_s, hosts in over_time:
        if len(hosts) > 1 and (not spans or len(spans[-1]) == 2):
            spans.append([t_s])
        elif len(hosts) < 2 and spans and len(spans[-1]) == 1:
            spans[-1].append(t_s)
    return listed(
        [f"from {seconds(a)} s" + (f" to {seconds(b[0])} s" if b else " on") for a, *b in spans]
    )
