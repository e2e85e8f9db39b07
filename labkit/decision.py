"""Ask the scheduler, and read its answer: select_destinations, place, Decision."""

import copy
import functools
import random

from labkit import flip as flipping
from labkit.fleet import Fleet
from labkit.nova.conf import Options
from labkit.nova.exception import NoValidHost
from labkit.nova.objects import RequestSpec
from labkit.nova.scheduler.manager import SchedulerManager
from labkit.tables import scheduler as tables


class Sentence(str):
    """A text that a notebook shows as it is, without quotes."""

    def __repr__(self):
        return str(self)


class Decision:
    """One answer of the scheduler, and everything that led to it.

    ``host`` is the chosen host (of the first server), ``hosts`` those of all servers,
    ``selections`` adds the alternates. The tables ``filters``, ``weights`` and ``placements``
    are built when they are read; labkit/tables/__init__.py describes their columns.
    """

    def __init__(self, fleet, spec_obj, options, seed, trace, selections):
        self.fleet = fleet
        self.spec_obj = spec_obj
        self.options = options
        self.seed = seed
        self.trace = trace
        self.selections = selections

    @property
    def hosts(self) -> list[str]:
        """The chosen hosts, one per server."""
        return [selection.host for selection in self.selections]

    @property
    def host(self) -> str | None:
        """The chosen host of the first server; None when there was no valid host."""
        return self.hosts[0] if self.selections else None

    @functools.cached_property
    def filters(self):
        """Who entered each stage and who passed, a DataFrame."""
        return self.trace.filters()

    @functools.cached_property
    def weights(self):
        """What each weigher said of each host, a DataFrame."""
        return self.trace.weights()

    @functools.cached_property
    def placements(self):
        """The ranking for each server, a DataFrame."""
        return self.trace.placements(self.selections)

    def explain(self, host: str) -> Sentence:
        """Say why a host was chosen, beaten or removed, for the first server.

        In: a host's name. Out: sentences. Raises KeyError for a host the fleet has not.

        >>> from labkit import Flavor
        >>> fleet = Fleet.read("data/two_hosts")
        >>> decision = select_destinations(fleet, RequestSpec(Flavor(vcpus=1, memory_mb=512)))
        >>> print(decision.explain("cn-1").splitlines()[0])
        cn-1 was not chosen: its weight 2.75 is 0.25 below that of cn-2 (3).

        Source: the steps of nova/scheduler/manager.py and nova/weights.py, Nova 34.0.0.
        """
        self.fleet[host]  # a KeyError with the names, if there is no such host
        removed = self.trace.removed_by(host)
        if removed is not None:
            return Sentence(f"{host} was removed by {removed[0]}: {removed[1]}.")
        weighed = next((w for w in self.trace.weighings if w[0] == 0), None)
        if weighed is None or not self.selections:
            return Sentence(f"{host} was not removed, but no host was chosen.")
        _, hosts, weighers = weighed
        if len(hosts) == 1:
            return Sentence(f"{host} was chosen: no other host was left, so nothing was weighed.")
        return Sentence(self._weighed(host, hosts.names, weighers))

    def _weighed(self, host, names, weighers):
        ranking = self.placements
        ranking = ranking[ranking.instance == ranking.instance.iloc[0]].set_index("host")
        weight, winner = ranking.weight[host], self.host
        distance = ranking.weight[winner] - weight
        if host == winner:
            lines = [f"{host} was chosen with the weight {weight:g}, of {len(names)} hosts."]
        elif distance > 0:
            best = f"{winner} ({ranking.weight[winner]:g})"
            lines = [
                f"{host} was not chosen: its weight {weight:g} is {distance:g} below that of {best}."
            ]
        else:
            lines = [
                f"{host} was not chosen: its weight {weight:g} equals that of {winner} or more;"
            ]
            lines[0] += " the order of the hosts, or a random pick, decided."
        place = names.index(host)
        for name, raw, _, _, normalized, multiplier, score in weighers:
            raw, normalized, multiplier, score = (
                float(value if not hasattr(value, "shape") or not value.shape else value[place])
                for value in (raw, normalized, multiplier, score)
            )
            if score:
                lines.append(
                    f"  {name}: raw {raw:g} -> normalized {normalized:.4g}"
                    f" -> times {multiplier:g} = {score:.4g}"
                )
        return "\n".join(lines)

    def flip(self, host: str, option: str) -> flipping.Flip:
        """Find the values of one multiplier with which a host wins, all else as it is.

        In: a host's name and a multiplier's name. Out: a Flip with ``intervals`` (both ends
        belong to it, as the engine itself settles them to the last bit) and its sentence.
        Raises ValueError under random picks, and for an option that is no multiplier.

        >>> from labkit import Flavor
        >>> fleet = Fleet.read("data/two_hosts")
        >>> decision = select_destinations(fleet, RequestSpec(Flavor(vcpus=1, memory_mb=512)))
        >>> decision.flip("cn-1", "ram_weight_multiplier")
        cn-1 wins with ram_weight_multiplier up to 6.66133814775e-16 (now 1.0).

        Source: total = base + multiplier * normalized, nova/weights.py, Nova 34.0.0.
        """
        return flipping.flip(self, host, option)

    def compare(self, other: "Decision"):
        """Return a DataFrame that sets two decisions side by side: weight and rank per host."""
        pairs = []
        for decision in (self, other):
            ranking = decision.placements.groupby("host", sort=False).first()
            pairs.append(ranking[["weight", "rank", "chosen"]])
        joined = pairs[0].merge(
            pairs[1], how="outer", left_index=True, right_index=True, suffixes=("", "_other")
        )
        return joined.sort_values(["rank", "rank_other"]).reset_index()

    def winners(self, x_option, xs, y_option, ys):
        """Return who wins over a grid of two multipliers: a DataFrame x_option, y_option, winner.

        ``winner`` is None where no host is valid.
        """
        import pandas as pd

        rows = []
        for y in ys:
            for x in xs:
                options = self.options.replace(**{x_option: float(x), y_option: float(y)})
                rows.append((float(x), float(y), winner(self.fleet, self.spec_obj, options)))
        return pd.DataFrame(rows, columns=[x_option, y_option, "winner"])

    def __repr__(self):
        if not self.selections:
            return "<Decision: no valid host>"
        return f"<Decision: {', '.join(self.hosts)}>"


def select_destinations(fleet, spec_obj, options=None, seed=0, instance_uuids=None) -> Decision:
    """Let the scheduler choose a host for each server of a request; the fleet is unchanged.

    In: a Fleet, a RequestSpec, Options (Nova's defaults), a seed for random picks, and names
    for the servers ("server-1", ... by default). Out: a Decision.
    Raises NoValidHost, whose ``decision`` carries the tables up to the end.

    >>> from labkit import Flavor
    >>> decision = select_destinations(
    ...     Fleet.read("data/four_hosts"), RequestSpec(Flavor(vcpus=2, memory_mb=4096, root_gb=20)))
    >>> decision.host
    'cn-2'

    Source: ``SchedulerManager.select_destinations`` in nova/scheduler/manager.py, Nova 34.0.0.
    Unlike Nova, whose hosts come in the order of a hash, hosts keep the fleet's order, which
    decides ties.
    """
    options = _checked(fleet, spec_obj, options)
    names = server_names(spec_obj, instance_uuids)
    trace = tables.Trace(fleet, names)
    decision = Decision(fleet, spec_obj, options, seed, trace, [])
    try:
        decision.selections = _manager(options).select_destinations(
            fleet.copy(), own_copy(spec_obj, names), names, random.Random(seed), trace=trace
        )
    except NoValidHost as error:
        error.decision = decision
        raise
    return decision


def winner(fleet, spec_obj, options) -> str | None:
    """Return only the host that a request's first server gets, or None; no tables."""
    names = server_names(spec_obj, None)
    try:
        return (
            _manager(options)
            .select_destinations(
                fleet.copy(), own_copy(spec_obj, names), names, return_alternates=False
            )[0]
            .host
        )
    except NoValidHost:
        return None


def place(fleet, specs, options=None, seed=0, building=False):
    """Place many requests one after the other, each on what the former ones left; no tables.

    In: a Fleet (unchanged), a sequence of RequestSpecs, Options, a seed. Each server counts as
    built before the next request, unless *building*: then all of them stay in num_io_ops.
    Out: (the fleet afterwards, the table ``placed``). A request that finds no valid host gets
    one row per server with host None, and the next one goes on.

    >>> from labkit import Flavor
    >>> later, placed = place(Fleet.read("data/four_hosts"), [RequestSpec(Flavor(1, 1024))] * 3)
    >>> placed.host.tolist()
    ['cn-2', 'cn-2', 'cn-2']

    Source: ``SchedulerManager.select_destinations`` in nova/scheduler/manager.py, Nova 34.0.0.
    """
    specs = list(specs)
    for spec_obj in specs:
        options = _checked(fleet, spec_obj, options)
    manager, rng, later = _manager(options or Options()), random.Random(seed), fleet.copy()
    rows, groups = [], {}
    for number, spec_obj in enumerate(specs):
        size = (spec_obj.vcpus, spec_obj.memory_mb, spec_obj.root_gb + spec_obj.ephemeral_gb)
        first = len(rows) + 1
        names = [f"server-{first + k}" for k in range(spec_obj.num_instances)]
        own = own_copy(spec_obj, names, groups)
        attempt = later if len(names) == 1 else later.copy()  # all servers or none
        group = own.instance_group
        before = group.copy() if group else None
        try:
            chosen = manager.select_destinations(attempt, own, names, rng, return_alternates=False)
        except NoValidHost:
            if group:
                group.members, group.hosts = before.members, before.hosts
            rows += [(number, name, None, float("nan"), *size) for name in names]
            continue
        later = attempt
        for selection in chosen:
            row = later.rows[selection.host]
            later.add_instance(row, selection.instance, _properties(spec_obj))
            if not building:
                later.columns["num_io_ops"][row] = fleet.columns["num_io_ops"][row]
            rows.append((number, selection.instance, selection.host, selection.weight, *size))
    return later, tables.placed(rows)


def _properties(spec_obj):
    return spec_obj.image.properties if spec_obj.image else {}


@functools.lru_cache(maxsize=64)
def _manager(options):
    return SchedulerManager(options)


def server_names(spec_obj, instance_uuids):
    if instance_uuids is None:
        first = [spec_obj.instance_uuid] if spec_obj.instance_uuid else ["server-1"]
        return first + [f"server-{k}" for k in range(2, spec_obj.num_instances + 1)]
    names = list(instance_uuids)
    if len(names) != spec_obj.num_instances:
        raise ValueError(
            f"{len(names)} names for a request of num_instances = {spec_obj.num_instances}"
        )
    return names


def own_copy(spec_obj, names, groups=None):
    """Copy what a decision changes; the group knows its new members, as the API sees to it."""
    own = copy.copy(spec_obj)
    group = spec_obj.instance_group
    if group is not None:
        copied = group.copy() if groups is None else groups.setdefault(id(group), group.copy())
        copied.members += [name for name in names if name not in copied.members]
        own.instance_group = copied
    return own


def _checked(fleet, spec_obj, options):
    if not isinstance(fleet, Fleet):
        raise TypeError(f"{fleet!r} is not a Fleet; make one with Fleet.read or Fleet.from_frame")
    if not isinstance(spec_obj, RequestSpec):
        raise TypeError(f"{spec_obj!r} is not a RequestSpec; write RequestSpec(Flavor(...))")
    if options is None:
        return Options()
    if not isinstance(options, Options):
        raise TypeError(f"{options!r} is not Options; write Options(ram_weight_multiplier=-1.0)")
    return options
