"""The dial of multipliers: turn them, and see who wins."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np

from labkit.decision import Decision, checked, select_destinations
from labkit.dials.panel import Panel
from labkit.fleet import Fleet
from labkit.neighbours.arguments import all_of
from labkit.nova.conf import OPTIONS, Options
from labkit.nova.exception import NoValidHost
from labkit.nova.objects import RequestSpec
from labkit.nova.scheduler import fast
from labkit.nova.scheduler.host_manager import HostManager
from labkit.plots.figure import SMALL, canvas, labels, number, settle
from labkit.plots.filters import said, stages_of
from labkit.plots.scores import MOST_HOSTS, STAR, ScoreBars, Scores, size_of

if TYPE_CHECKING:
    import pandas as pd

MULTIPLIERS = (
    "ram_weight_multiplier",
    "cpu_weight_multiplier",
    "disk_weight_multiplier",
    "io_ops_weight_multiplier",
)
LEAST = {opt.name: opt.min for opt in OPTIONS}


def scores(
    fleet: Fleet,
    spec_obj: RequestSpec,
    options: Options | None = None,
    multipliers: Iterable[str] = MULTIPLIERS,
    seed: int = 0,
) -> ScoresDial:
    """Turn multipliers, minval, the number of hosts and the size of the request; see who wins.

    In: what ``select_destinations`` takes; *multipliers* names the options that get a slider.
    Out: a panel. Each control is an attribute (``dial.ram_weight_multiplier.value = -1.0``), all
    of them together are ``dial.value``, a dict; ``dial.answer`` is the sentence below the figure
    and ``dial.table`` the table ``weights`` behind it. ``dial.minval`` off takes the fixed minval
    from every weigher, and each list is scaled from its own smallest value.
    A request that no host can take is an answer too. Raises ValueError for a fleet without
    hosts, an option that is no multiplier, or a value outside of a slider.

    >>> from labkit import Fleet, Flavor, RequestSpec
    >>> fleet = Fleet.read("data/two_hosts")
    >>> dial = scores(fleet, RequestSpec(Flavor(vcpus=1, memory_mb=512)))
    >>> dial.answer
    cn-2 wins with 3.00; cn-1 follows 0.25 behind.
    >>> dial.ram_weight_multiplier.value = -1.0
    >>> dial.answer
    cn-1 wins with 1.25; cn-2 follows 0.25 behind.

    Unlike Nova, whose options are read at start, a dial's options change with every turn.
    """
    return ScoresDial(fleet, spec_obj, options, multipliers, seed)


class ScoresDial(Panel):
    """The panel that ``scores`` makes."""

    def __init__(
        self,
        fleet: Fleet,
        spec_obj: RequestSpec,
        options: Options,
        multipliers: Sequence[str],
        seed: int,
    ) -> None:
        options = checked(fleet, [spec_obj], options, seed)
        multipliers = all_of("multipliers", multipliers, str, "multipliers, by their names")
        if not len(fleet):
            raise ValueError("A dial needs a fleet of one host or more.")
        self._fleets = {len(fleet): fleet}
        self._fleet, self._spec, self._options, self._seed = fleet, spec_obj, options, seed
        self._weighers = [type(weigher) for weigher in HostManager(options).weighers]
        self._loose = [type(cls.__name__, (cls,), {"minval": None}) for cls in self._weighers]
        self._begin(self._make_controls(multipliers))
        self._bars: ScoreBars | None = None
        self._room = 0
        self._redraw(self._decide())
        super().__init__([self._arranged(len(multipliers)), self.picture])

    @property
    def table(self) -> pd.DataFrame:
        """The table ``weights`` for what the controls say now; empty when no two hosts are left."""
        try:
            return self._ask().weights
        except NoValidHost as error:
            return error.decision.weights

    # -- turning ------------------------------------------------------------------------
    def _turned(self) -> None:
        try:
            decided = self._decide()
        except Exception as error:
            # A learner's weigher may fail; the figure before it must not stand as the answer.
            decided = Scores([], {}, []), None, f"{type(error).__name__}: {error}"
        self._redraw(decided)

    def _ask(self) -> Decision:
        value = self.value
        count = value.pop("hosts")
        if count not in self._fleets:
            self._fleets[count] = self._fleet.first(count)
        size = {"memory_mb": value.pop("memory_mb"), "vcpus": value.pop("vcpus")}
        flavor = dataclasses.replace(self._spec.flavor, **size)
        weighers = self._weighers if value.pop("minval") else self._loose
        options = self._options.replace(weight_classes=weighers, **value)
        return select_destinations(
            self._fleets[count], self._spec.replace(flavor=flavor), options, self._seed
        )

    def _decide(self) -> tuple[Scores, int | None, str]:
        # The scores, the position of the chosen host, and the answer; no tables on the way.
        try:
            decision = self._ask()
        except NoValidHost as error:
            stages = stages_of(error.decision.filters)
            return Scores([], {}, []), None, said(stages) if stages else str(error)
        weighing = decision.record.weighings[0]
        names, totals = weighing.hosts, np.zeros(len(weighing.hosts))
        by_weigher = {}
        for step in weighing.weighers:
            totals += step.score  # in Nova's order, so that the sums are Nova's to the last bit
            by_weigher[step.weigher] = np.broadcast_to(step.score, len(names)).tolist()
        table = Scores(names, by_weigher, totals.tolist())
        answer = table.answer()
        if decision.host != names[table.order()[0]]:
            answer += f" Chosen is {decision.host}: the options leave it to chance."
        return table, names.index(decision.host), answer

    # -- drawing ------------------------------------------------------------------------
    def _redraw(self, decided: tuple[Scores, int | None, str]) -> None:
        table, winner, answer = decided
        order = table.order()[:MOST_HOSTS]
        needed = {
            name for name, values in table.by_weigher.items() if any(values[i] for i in order)
        }
        room = max([len(number(table.totals[i])) for i in order], default=0)
        if self._bars is None or room > self._room or not needed <= self._bars.bars.keys():
            self._lay_out(needed, room)
        self._bars.show(table, order, winner=winner)
        self._nobody.set_visible(not order)
        self._show(self._bars.ax.figure, answer)

    def _lay_out(self, needed: set[str], room: int) -> None:
        """Make the figure with room for every host's name and for sums of *room* characters.

        After this nothing moves but bars and texts: laying out again at every turn would cost
        more than all the rest. It happens again only when another weigher begins to count, or
        when a sum is longer than any before.
        """
        drawn = needed | (self._bars.bars.keys() if self._bars else self._shown)
        names = [cls.__name__ for cls in self._weighers if cls.__name__ in drawn]
        rows = min(len(self._fleet), MOST_HOSTS)
        figure = canvas(*size_of(rows, names))
        self._bars = ScoreBars(figure.add_subplot(), names, rows)
        self._room = max(room, len("-10.00"))
        self._nobody = self._bars.ax.text(
            0.5, 0.5, "NoValidHost", transform=self._bars.ax.transAxes, ha="center", fontsize=14
        )
        self._bars.ax.set_xlabel("\n" * 2, fontsize=SMALL)
        longest = sorted(labels(list(self._fleet.rows)), key=len)[-rows:]
        for text, name in zip(self._bars.names, longest, strict=True):
            text.set(text=f"{STAR}{name}", fontweight="bold")
        self._bars.sums[0].set_text("0" * self._room)
        settle(figure)

    def _make_controls(self, multipliers: Sequence[str]) -> dict[str, Any]:
        of = {
            fast.MULTIPLIERS[base.__name__]: cls.__name__
            for cls in self._weighers
            for base in cls.__mro__
            if base.__name__ in fast.MULTIPLIERS
        }
        controls: dict[str, Any] = {}
        for name in multipliers:
            if name not in of:
                known = ", ".join(of)
                raise ValueError(
                    f"{name!r} is the multiplier of no weigher here; there are {known}."
                )
            now = getattr(self._options, name)
            most = max(2.0, 2 * abs(now))
            least = -most if LEAST[name] is None else LEAST[name]
            controls[name] = ipywidgets.FloatSlider(now, min=least, max=most, step=most / 20)
        self._shown = {of[name] for name in multipliers}
        flavor, count = self._spec.flavor, len(self._fleet)
        ram, vcpus = (
            int(np.nanmax([getattr(state, name) for state in self._fleet], initial=1.0))
            for name in ("total_usable_ram_mb", "vcpus_total")
        )
        step = 2 ** max(0, ram.bit_length() - 7)  # 64 to 128 steps to the largest host
        controls["minval"] = ipywidgets.Checkbox(True)
        controls["hosts"] = ipywidgets.IntSlider(count, min=1, max=count)
        controls["memory_mb"] = ipywidgets.IntSlider(
            flavor.memory_mb,
            min=min(step, flavor.memory_mb),
            max=max(ram, flavor.memory_mb),
            step=step,
        )
        controls["vcpus"] = ipywidgets.IntSlider(
            flavor.vcpus, min=min(1, flavor.vcpus), max=max(vcpus + 1, flavor.vcpus)
        )  # one more than any host has: the slider ends where nobody is left
        return controls

    def _arranged(self, multipliers: int) -> ipywidgets.Box:
        controls = list(self._controls.values())
        columns = []
        for column in (controls[:multipliers], controls[multipliers:]):
            longest = max((len(control.description) for control in column), default=0)
            for control in column:
                control.style.description_width = f"{longest * 0.62 + 2:.0f}em"
                control.layout.width = f"{longest * 0.62 + 19:.0f}em"
            columns.append(ipywidgets.VBox(column))
        return ipywidgets.HBox(columns, layout=ipywidgets.Layout(flex_flow="row wrap"))
