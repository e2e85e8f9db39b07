"""The dial of hosts: change a number in the table, and see the decision follow."""

from __future__ import annotations

import dataclasses
import html
import math
from typing import TYPE_CHECKING, Any

import ipywidgets

from labkit.decision import Decision, checked, select_destinations
from labkit.dials.panel import Panel, Typed, tick
from labkit.nova.exception import NoValidHost
from labkit.plots.figure import settle
from labkit.plots.filters import funnel, said, stages_of
from labkit.plots.scores import scores

if TYPE_CHECKING:
    from labkit.fleet import Fleet
    from labkit.nova.conf import Options
    from labkit.nova.objects import RequestSpec

MOST_HOSTS = 8
#: The columns of the table: what stands in its head, and the column that holds the most of it.
COLUMNS = {
    "free_ram_mb": ("free RAM, MiB", "total_usable_ram_mb"),
    "free_disk_mb": ("free disk, MiB", "total_usable_disk_gb"),
    "vcpus_used": ("vCPUs used", None),
    "num_io_ops": ("builds, copies", None),
    "failed_builds": ("failed builds", None),
}
#: Of a name, a size in MiB, a count, a tick, what became of it: 832 pixels at least.
WIDTHS = ("72px", "92px", "64px", "62px", "minmax(240px, 1fr)")


def fleet(hosts: Fleet, spec_obj: RequestSpec, options: Options | None = None) -> FleetDial:
    """Change numbers of hosts in a table; each host says what became of it, and the bars follow.

    In: what ``select_destinations`` takes, with a fleet of at most eight hosts. Out: a panel. The
    control of a number is called by its host and column: ``dial.value = {"cn-1 free_ram_mb": 512}``;
    "cn-1 disabled" is True or False, "memory_mb" is the RAM that the request asks for.
    ``dial.decision`` is the decision behind the figure, of a request without a host too. Raises
    ValueError for a larger fleet.

    >>> from labkit import Fleet, Flavor, RequestSpec
    >>> dial = fleet(Fleet.read("data/two_hosts"), RequestSpec(Flavor(vcpus=1, memory_mb=512)))
    >>> dial.answer
    cn-2 wins with 3.00; cn-1 follows 0.25 behind.
    >>> dial.value = {"cn-2 disabled": True}
    >>> dial.answer
    2 hosts enter; compute_status_filter removes cn-2; cn-1 is left.

    Unlike Nova, whose hosts report their numbers, a host of the dial has those of the table.
    """
    return FleetDial(hosts, spec_obj, options)


class FleetDial(Panel):
    """The panel that ``fleet`` makes."""

    def __init__(self, hosts: Fleet, spec_obj: RequestSpec, options: Options | None) -> None:
        options = checked(hosts, [spec_obj], options, 0)
        if not 1 <= len(hosts) <= MOST_HOSTS:
            raise ValueError(f"{len(hosts)} hosts; the table has room for 1 to {MOST_HOSTS}.")
        self._hosts, self._spec, self._options = hosts, spec_obj, options
        columns = [*COLUMNS, *filter(None, (most for _, most in COLUMNS.values())), "disabled"]
        table = hosts.hosts.set_index("host").reindex(columns=columns, fill_value=0).fillna(0)
        self._begun = table[[*COLUMNS, "disabled"]].to_dict("index")
        controls: dict[str, Any] = {
            "memory_mb": _number(spec_obj.flavor.memory_mb, 0, 2 * table.total_usable_ram_mb.max())
        }
        for host, row in table.iterrows():
            for column, (_, most) in COLUMNS.items():
                top = math.inf if most is None else row[most]
                top = {"free_disk_mb": top * 1024, "free_ram_mb": top}.get(column, 1000)
                controls[f"{host} {column}"] = _number(row[column], -top, top)
            controls[f"{host} disabled"] = tick(bool(row.disabled))
        self._told_of = {host: ipywidgets.HTML() for host in table.index}
        self._begin(controls, {name: ("", name) for name in controls})

    def _turned(self) -> None:
        try:
            self.decision = self._ask()
        except NoValidHost as error:
            self.decision = error.decision
        weights = self.decision.weights
        if self.decision.host is not None and len(weights):
            drawn = scores(weights)
            told = drawn.answer
        else:  # nobody was weighed: the stages say why
            drawn, told = funnel(self.decision.filters), said(stages_of(self.decision.filters))
        drawn.figure.suptitle("")  # the same sentence stands above the figure
        settle(drawn.figure)
        self._show(drawn.figure, told)
        for host, words in self._told_of.items():
            words.value = self._became(host)

    def _ask(self) -> Decision:
        now, value = self._hosts, self.value
        for host in self._told_of:
            given = {name: value[f"{host} {name}"] for name in (*COLUMNS, "disabled")}
            changed = {name: one for name, one in given.items() if one != self._begun[host][name]}
            now = now.replace(host, **changed) if changed else now
        flavor = dataclasses.replace(self._spec.flavor, memory_mb=value["memory_mb"])
        return select_destinations(now, self._spec.replace(flavor=flavor), self._options)

    def _became(self, host: str) -> str:
        words = self.decision.explain(host).splitlines()[0]
        sign = "★" if host == self.decision.host else "✗" if " removed by " in words else "✓"
        short = words.removeprefix(f"{host} ").removeprefix("was ")
        return f'<div style="line-height:1.3" title="{html.escape(words)}">{sign} {html.escape(short)}</div>'

    def _arranged(self) -> list[ipywidgets.Widget]:
        name, size, count, tick, told = WIDTHS
        columns = [name, *(size if most else count for _, most in COLUMNS.values()), tick, told]
        heads = ["host", *(head for head, _ in COLUMNS.values()), "disabled", "what became of it"]
        cells = [
            ipywidgets.HTML(f'<div style="line-height:1.2"><b>{head}</b></div>') for head in heads
        ]
        for host in self._told_of:
            cells.append(ipywidgets.HTML(f"<b>{html.escape(host)}</b>"))
            cells += [self._controls[f"{host} {column}"] for column in (*COLUMNS, "disabled")]
            cells.append(self._told_of[host])
        layout = ipywidgets.Layout(grid_template_columns=" ".join(columns), grid_gap="2px 8px")
        for cell in cells:
            cell.layout.width = "auto"
        asked = [
            ipywidgets.HTML("<b>The request asks for RAM, MiB:</b>"),
            self._controls["memory_mb"],
        ]
        self._controls["memory_mb"].layout.width = size
        return [ipywidgets.HBox(asked), ipywidgets.GridBox(cells, layout=layout)]


def _number(value: float, least: float, most: float) -> Typed:
    return Typed(int(value), min=int(least), max=int(most))
