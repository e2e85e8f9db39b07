"""The dial of multipliers: turn them, and see who wins."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from labkit.decision import Decision, checked, select_destinations
from labkit.dials.panel import Numbers, Panel, Steps, tick
from labkit.fleet import Fleet
from labkit.neighbours.arguments import all_of
from labkit.nova.conf import OPTIONS, Options
from labkit.nova.exception import NoValidHost
from labkit.nova.objects import RequestSpec
from labkit.nova.scheduler import fast
from labkit.nova.scheduler.host_manager import HostManager
from labkit.plots.figure import SMALL, canvas, labels, number, settle
from labkit.plots.filters import said, stages_of
from labkit.plots.scores import MOST_HOSTS, STAR, ScoreBars, Scores, huge_of, size_of

if TYPE_CHECKING:
    import pandas as pd

MULTIPLIERS = (
    "ram_weight_multiplier",
    "cpu_weight_multiplier",
    "disk_weight_multiplier",
    "io_ops_weight_multiplier",
)
WEIGHED = "How much this weigher's normalized weight counts; below 0 its order is turned round."
WORDS = {
    "minval": ("minval", "Off: each weigher scales its list from the list's own smallest value."),
    "hosts": ("hosts", "How many hosts the fleet has, the first ones."),
    "memory_mb": ("RAM asked, MiB", "The flavor's memory_mb."),
    "vcpus": ("CPUs asked", "The flavor's vcpus."),
}
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
    of them together are ``dial.value``, a dict; ``dial.answer`` is the sentence above the figure
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
        self._bars: ScoreBars | None = None
        self._room = len("-10.00")
        self._begin(
            self._make_controls(multipliers), {n: (n, WEIGHED) for n in multipliers} | WORDS
        )

    @property
    def table(self) -> pd.DataFrame:
        """The table ``weights`` for what the controls say now; empty when no two hosts are left."""
        try:
            return self._ask().weights
        except NoValidHost as error:
            return error.decision.weights

    # -- turning ------------------------------------------------------------------------
    def _turned(self) -> None:
        nobody = Scores([], {}, [])
        try:
            decision = self._ask()
        except NoValidHost as error:
            stages = stages_of(error.decision.filters)
            words = said(stages) if stages else str(error)
            self._redraw(nobody, None, _fallen(error.decision), words)
        except Exception as error:
            # A learner's weigher may fail; the figure before it must not stand as the answer.
            self._redraw(nobody, None, {}, f"{type(error).__name__}: {error}")
        else:
            table = _scores_of(decision)
            answer, best = table.answer(), table.hosts[table.order()[0]]
            if decision.host != best:
                answer += f" Chosen is {decision.host}: the options leave it to chance."
            all_there = len(table.hosts) == len(self._fleet)
            self._redraw(table, decision.host, {} if all_there else _fallen(decision), answer)

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

    # -- drawing ------------------------------------------------------------------------
    def _lay_out(self) -> None:
        """Choose the hosts that have a row, and how far the axis must go."""
        hosts = list(self._fleet.rows)
        try:
            begun = _scores_of(self._ask())
        except Exception:  # which the first turn says
            begun = Scores(hosts, {}, [0.0] * len(hosts))
        if len(hosts) > MOST_HOSTS:
            hosts = [begun.hosts[i] for i in begun.order()[:MOST_HOSTS]]
        self._hosts = hosts
        reach = {}
        for cls, name in self._weighers_of.items():
            own = self._controls.get(name)
            now = getattr(self._options, name)
            reach[cls] = [own.min, own.max] if own else [min(now, 0), max(now, 0)]
        scored = {*self._sliders, *(n for n, v in begun.by_weigher.items() if any(v))}
        ends = {cls: reach.get(cls, [0, 1]) for cls in self._sliders | begun.by_weigher.keys()}
        ends = {cls: pair for cls, pair in ends.items() if cls in scored}
        counting = ends.keys() - huge_of(ends)
        low, high = (sum(ends[cls][side] for cls in counting) for side in (0, 1))
        self._limits = (low, high) if low < high else None

    def _redraw(self, table: Scores, winner: str | None, out: dict[str, str], answer: str) -> None:
        out = dict.fromkeys([*self._fleet.rows][self.hosts.value :], "not in this fleet") | out
        rows = self._hosts
        if winner is not None and winner not in rows:
            rows = [*rows[:-1], winner]
        places = [table.hosts.index(host) for host in rows if host in table.hosts]
        needed = {
            name for name, values in table.by_weigher.items() if any(values[i] for i in places)
        }
        room = max([len(number(table.totals[i])) for i in places], default=0)
        if self._bars is None or room > self._room or not needed <= self._bars.bars.keys():
            self._draw_axes(needed, room)
            self._bars.show(table, rows, winner=winner, out=out)
            self._bars.keep()
        self._bars.show(table, rows, winner=winner, out=out)
        self._nobody.set_visible(not table.hosts)
        self._show(self._bars.ax.figure, answer)

    def _draw_axes(self, needed: set[str], room: int) -> None:
        """Make the figure with room for every host's name and for sums of *room* characters.

        After this nothing moves but bars and texts: laying out again at every turn would cost
        more than all the rest. It happens again only when another weigher begins to count, or
        when a sum is longer than any before.
        """
        drawn = needed | (self._bars.bars.keys() if self._bars else self._sliders)
        names = [cls.__name__ for cls in self._weighers if cls.__name__ in drawn]
        figure = canvas(*size_of(len(self._hosts), names))
        self._bars = ScoreBars(figure.add_subplot(), names, len(self._hosts), limits=self._limits)
        self._room = max(room, self._room)
        self._nobody = self._bars.ax.text(
            0.5, 1.0, "NoValidHost", transform=self._bars.ax.transAxes, ha="center", fontsize=14
        )
        self._bars.ax.set_xlabel("\n" * 2, fontsize=SMALL)
        longest = sorted(labels(list(self._fleet.rows)), key=len)[-len(self._hosts) :]
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
            controls[name] = Numbers(now, min=least, max=most, step=most / 20)
        self._weighers_of = {cls: name for name, cls in of.items()}
        self._sliders = {of[name] for name in multipliers}
        flavor, count = self._spec.flavor, len(self._fleet)
        ram, vcpus = (
            int(np.nanmax([getattr(state, name) for state in self._fleet], initial=1.0))
            for name in ("total_usable_ram_mb", "vcpus_total")
        )
        step = 2 ** max(0, ram.bit_length() - 6)  # 32 to 64 steps to the largest host
        controls["minval"] = tick(True)
        controls["hosts"] = Steps(count, min=1, max=count)
        controls["memory_mb"] = Steps(
            flavor.memory_mb,
            min=min(step, flavor.memory_mb),
            max=max(ram, flavor.memory_mb),
            step=step,
        )
        controls["vcpus"] = Steps(
            flavor.vcpus, min=min(1, flavor.vcpus), max=max(vcpus + 1, flavor.vcpus)
        )  # one more than any host has: the slider ends where nobody is left
        return controls


def _scores_of(decision: Decision) -> Scores:
    weighing = decision.record.weighings[0]
    names, totals = weighing.hosts, np.zeros(len(weighing.hosts))
    by_weigher = {}
    for step in weighing.weighers:
        totals += step.score  # in Nova's order, so that the sums are Nova's to the last bit
        by_weigher[step.weigher] = np.broadcast_to(step.score, len(names)).tolist()
    return Scores(names, by_weigher, totals.tolist())


def _fallen(decision: Decision) -> dict[str, str]:
    stages = [stage for stage in decision.record.stages if stage.index == 0]
    return {host: f"out: {stage.name}" for stage in stages for host in stage.reasons}
