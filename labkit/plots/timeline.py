"""The timeline: what each service did, and when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from labkit.plots.events import Event, events_of, state_of
from labkit.plots.figure import Figure, axes_of, listed, titled
from labkit.plots.services import services_of
from labkit.plots.timeline_rows import WIDTH, Drawing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_SERVICES = 40
MOST_NAMED = 3  # servers whose marks get words


def timeline(events: pd.DataFrame, instance: str | None = None, ax: Axes | None = None) -> Figure:
    """Draw what each service did, and when: a row for each service, seconds from left to right.

    *events* is the table ``Cloud.events``: t_s (seconds), service, instance, kind and what. A bar
    is a state on its way (a task_state, or building), in the row of the service that saved it,
    until the next save of that server; a mark is an event, its shape says which kind. Words
    stand beside them for up to 3 servers. With *instance* that server alone, and what names no
    server only where the table knows of no other. Draws 40 services at most. Raises ValueError
    when there is nothing to draw, or for a server that is not there.

    >>> import pandas as pd
    >>> rows = [(0.1, "api", "web-1", "Request", "create: 202"),
    ...         (0.2, "conductor", "web-1", "Save", "create building/scheduling"),
    ...         (6.5, "compute@cn-2", "web-1", "Save", "update active/None")]
    >>> timeline(pd.DataFrame(rows, columns=["t_s", "service", "instance", "kind", "what"]))
    web-1 is active after 6.50 s: 3 events in api, conductor and compute@cn-2.
    """
    rows = events_of(events, instance)
    servers = list(dict.fromkeys(row.instance for row in rows if row.instance))
    services = services_of(row.service for row in rows)
    answer = said(rows, servers, services)
    if len(services) > MOST_SERVICES:
        answer += f" {len(services) - MOST_SERVICES} more services are not drawn."
    drawing = Drawing(services[:MOST_SERVICES], few=len(servers) <= MOST_NAMED)
    drawing.take(rows)
    drawing.arrange()
    if ax is not None and 72 * ax.bbox.height / ax.get_figure(root=True).dpi < drawing.height:
        drawing.take(rows, words=lambda row, state: "")  # no room for words
        drawing.arrange()
    own = axes_of(ax, WIDTH, drawing.height / 72 + 1.7)
    drawing.frame(own, drawing.looks(), drawing.states(), legend_outside=ax is None)
    drawing.show(own)
    titled(own, ax is not None, answer)
    return Figure(own.get_figure(root=True), answer, complete=ax is None)


def said(rows: Sequence[Event], servers: Sequence[str], services: Sequence[str]) -> str:
    """What became of the servers, after how long, and who had to do with it."""
    last = {row.instance: (row, state_of(row)) for row in rows if state_of(row)}
    many = f"{len(rows):,} event{'' if len(rows) == 1 else 's'}"
    span = f"after {rows[-1].t_s:.2f} s"
    if len(servers) == 1:
        name, where = servers[0], f"{many} in {listed(services, 5)}"
        if name not in last:
            return f"{name} has no row {span}: {where}."
        row, (vm_state, task_state) = last[name]
        words = vm_state if task_state == "None" else f"{vm_state}/{task_state}"
        verb = "ends in" if vm_state == "error" else "is"
        return f"{name} {verb} {words} after {row.t_s:.2f} s: {where}."
    if not last:
        return f"{many} in {listed(services, 5)} {span}."
    ends: dict[str, int] = {}
    for _, (vm_state, _) in last.values():
        ends[vm_state] = ends.get(vm_state, 0) + 1
    states = listed([f"{count} {state}" for state, count in sorted(ends.items())], 5)
    hosts = len({row.service for row in rows if row.service.startswith("compute@")})
    on = f"{hosts} host{'' if hosts == 1 else 's'}"
    return f"{len(servers)} servers on {on} {span}: {states}; {many}."
