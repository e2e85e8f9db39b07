"""Ask the scheduler once, and read its answer: select_destinations, place, Decision.

In: a Fleet, a RequestSpec, Options. Out: a Decision with its tables, and what would change it.

Uses: fleet, neighbours, nova, tables.
"""

import copy
import functools
import math
import random
from dataclasses import dataclass
from numbers import Real

import numpy as np

from labkit.fleet import Fleet
from labkit.neighbours import arguments, placement
from labkit.neighbours.arguments import digits
from labkit.nova.conf import OPTIONS, Options, multiplier_names
from labkit.nova.exception import NoValidHost
from labkit.nova.objects import RequestSpec
from labkit.nova.scheduler.fast import MULTIPLIERS, FastSchedulerManager
from labkit.nova.scheduler.host_manager import HostManager
from labkit.tables import scheduler as tables

#: The highest value of a multiplier, up and down, that ``flip`` looks at.
LIMIT = 1e9


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

    def __init__(self, fleet, spec_obj, options, seed, record, selections):
        self.fleet = fleet
        self.spec_obj = spec_obj
        self.options = options
        self.seed = seed
        self.record = record
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
        return self.record.filters()

    @functools.cached_property
    def weights(self):
        """What each weigher said of each host, a DataFrame."""
        return self.record.weights()

    @functools.cached_property
    def placements(self):
        """The ranking for each server, a DataFrame."""
        return self.record.placements(self.selections)

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
        removed = self.record.removed_by(host)
        if removed is not None:
            return Sentence(f"{host} was removed by {removed[0]}: {removed[1]}.")
        if not self.record.weighings or not self.selections:
            return Sentence(f"{host} was not removed, but no host was chosen.")
        first = self.record.weighings[0]
        if len(first.hosts) == 1:
            return Sentence(f"{host} was chosen: no other host was left, so nothing was weighed.")
        return Sentence(self._weighed(host, first))

    def _weighed(self, host, weighing):
        ranking = self.placements
        ranking = ranking[ranking.instance == ranking.instance.iloc[0]].set_index("host")
        weight, winner = ranking.weight[host], self.host
        distance = ranking.weight[winner] - weight
        if host == winner:
            lines = [
                f"{host} was chosen with the weight {digits(weight)}, of {len(weighing.hosts)} hosts."
            ]
        elif distance > 0:
            best = f"{winner} ({digits(ranking.weight[winner])})"
            lines = [
                f"{host} was not chosen: its weight {digits(weight)} is {digits(distance)} below that of {best}."
            ]
        else:
            equal = f"its weight {digits(weight)} equals that of {winner} or more"
            decided = "the order of the hosts, or a random pick, decided"
            lines = [f"{host} was not chosen: {equal}; {decided}."]
        for line in self.weights[self.weights.instance == ranking.instance.iloc[0]].itertuples():
            if line.host == host and line.score:
                lines.append(
                    f"  {line.weigher}: raw {digits(line.raw)} -> normalized {line.normalized:.4g}"
                    f" -> times {digits(line.multiplier)} = {line.score:.4g}"
                )
        return "\n".join(lines)

    def flip(self, host: str, option: str) -> "Flip":
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
        if not isinstance(option, str) or option not in multiplier_names():
            known = ", ".join(multiplier_names())
            raise ValueError(f"{arguments.shown(option)} is no multiplier; choose from {known}")
        conf = self.options.filter_scheduler
        if conf.host_subset_size > 1 or conf.shuffle_best_same_weighed_hosts:
            raise ValueError(
                "under random picks (host_subset_size, shuffle) no value settles who wins"
            )
        self.fleet[host]  # a KeyError with the names, if there is no such host
        return Flip(host, option, getattr(self.options, option), _winning(self, host, option))

    def compare(self, other: "Decision"):
        """Return a DataFrame that sets two decisions side by side: weight and rank per host."""
        arguments.of_type(other, Decision, "not a Decision, as select_destinations returns it")
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

        for name in (x_option, y_option):
            arguments.known(name, multiplier_names(), "winners of an unknown multiplier")
        xs, ys = (
            [
                float(arguments.number(name, each))
                for each in arguments.all_of(name, of, Real, "numbers")
            ]
            for name, of in (("xs", xs), ("ys", ys))
        )
        rows = []
        for y in ys:
            for x in xs:
                options = self.options.replace(**{x_option: x, y_option: y})
                rows.append((x, y, winner(self.fleet, self.spec_obj, options)))
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
    options = checked(fleet, [spec_obj], options, seed)
    names = server_names(spec_obj, instance_uuids)
    record = tables.Record(names)
    decision = Decision(fleet, spec_obj, options, seed, record, [])
    client = Claims(fleet)
    manager = tables.RecordedManager(
        _host_manager(options).reading(fleet), record, random.Random(int(seed)), client
    )
    try:
        decision.selections = manager.decide(own_copy(spec_obj, names), names)
    except NoValidHost as error:
        error.decision = decision
        raise
    return decision


class Claims:
    """Placement as it is asked outside of a cloud: at once, and with claims of its own.

    In: a Fleet. With *keep* the claims stay in the fleet's inventories.
    """

    def __init__(self, fleet, keep=False):
        self._providers = fleet.providers
        if not keep:
            inventories = {name: each.copy() for name, each in fleet.inventories.items()}
            self._providers = fleet.providers.copy(inventories)
        self._claimed = {}

    def get_allocation_candidates(self, request):
        """Return the hosts that can hold a request."""
        return self._providers.allocation_candidates(request)

    def claim_resources(self, name, uuid, row, resources) -> bool:
        """Claim what a server needs on one host; return whether it fitted."""
        self._claimed[name] = row, resources
        return placement.claim(self._providers.inventories, row, resources)

    def delete_allocation_for_instance(self, name, uuid, force):
        """Give back what a server holds."""
        row, resources = self._claimed.pop(name)
        for resource_class, amount in resources.items():
            self._providers.inventories[resource_class].used[row] -= amount


def winner(fleet, spec_obj, options) -> str | None:
    """Return only the host that a request's first server gets, or None; no tables."""
    names = server_names(spec_obj, None)
    manager = FastSchedulerManager(
        _host_manager(options).reading(fleet), random.Random(0), Claims(fleet)
    )
    manager.least = 0
    try:
        return manager.decide(own_copy(spec_obj, names), names, return_alternates=False)[0].host
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
    specs = arguments.all_of("specs", specs, object, "RequestSpecs")
    options = checked(fleet, specs, options, seed)
    arguments.truth("building", building)
    later = fleet.copy()
    manager = FastSchedulerManager(
        _host_manager(options).reading(later), random.Random(int(seed)), Claims(later, keep=True)
    )
    manager.least = 0
    rows, groups = [], {}
    for number, spec_obj in enumerate(specs):
        size = (spec_obj.vcpus, spec_obj.memory_mb, spec_obj.root_gb + spec_obj.ephemeral_gb)
        first = len(rows) + 1
        names = [f"server-{first + k}" for k in range(spec_obj.num_instances)]
        own = own_copy(spec_obj, names, groups)
        group = own.instance_group
        before = group.copy() if group else None
        try:
            chosen = manager.decide(own, names, return_alternates=False)
        except NoValidHost:
            if group:
                group.members, group.hosts = before.members, before.hosts
            rows += [(number, name, None, float("nan"), *size) for name in names]
            continue
        for selection in chosen:
            row = later.rows[selection.host]
            later.consume_from_request(row, spec_obj, building)
            later.add_instance(
                row,
                selection.instance,
                image_meta=spec_obj.image,
                flavor=spec_obj.flavor,
                project_id=spec_obj.project_id,
                user_id=spec_obj.user_id,
            )
            rows.append((number, selection.instance, selection.host, selection.weight, *size))
    return later, tables.placed(rows)


@functools.lru_cache(maxsize=64)
def _host_manager(options):
    return HostManager(options)


def server_names(spec_obj, instance_uuids):
    if instance_uuids is None:
        first = [spec_obj.instance_uuid] if spec_obj.instance_uuid else ["server-1"]
        return first + [f"server-{k}" for k in range(2, spec_obj.num_instances + 1)]
    names = arguments.all_of("instance_uuids", instance_uuids, str, "names of servers")
    if len(names) != spec_obj.num_instances:
        raise ValueError(
            f"instance_uuids: {len(names)} names for a request of num_instances = {spec_obj.num_instances}"
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


def checked(fleet, specs, options, seed=0) -> Options:
    """Return the options, Nova's defaults for None.

    Raises TypeError or ValueError for what ``select_destinations`` does not take.
    """
    of_type = arguments.of_type
    of_type(fleet, Fleet, "not a Fleet; make one with Fleet.read or Fleet.from_frame")
    for spec_obj in specs:
        of_type(spec_obj, RequestSpec, "not a RequestSpec; write RequestSpec(Flavor(...))")
    arguments.whole("seed", seed, ", as in seed=17")
    options = Options() if options is None else options
    return of_type(options, Options, "not Options; write Options(ram_weight_multiplier=-1.0)")


# -- for which values of one multiplier does a host win? -----------------------------------
@dataclass(frozen=True)
class Flip:
    """The values of one multiplier with which a host wins; both ends of each interval belong.

    ``intervals`` is a list of (low, high); an end at 1e9 or -1e9 is the last value looked at.
    """

    host: str
    option: str
    now: float
    intervals: list[tuple[float, float]]

    def __repr__(self):
        if not self.intervals:
            return f"{self.host} never wins, whatever {self.option} is (now {self.now})."
        parts = [_words(low, high) for low, high in self.intervals]
        return f"{self.host} wins with {self.option} {' or '.join(parts)} (now {self.now})."


def _winning(decision, host, option):
    # A host's weight is base + value * slope, so that between two hosts one value at most changes
    # who is ahead. Below 0, at 0 and above 0 are looked at one by one: with the sign of a multiplier
    # its ties change. Each end is the engine's own answer.
    tiny = math.nextafter(0.0, 1.0)
    least = next(opt.min for opt in OPTIONS if opt.name == option)
    lowest = -LIMIT if least is None else least
    wins, lines, found = _engine(decision, host, option), _lines(decision, host, option), []
    for low, high in ((lowest, -tiny), (0.0, 0.0), (tiny, LIMIT)):
        if low > high:
            continue
        inside = next((value for value in _candidates(*lines, low, high) if wins(value)), None)
        if inside is None:
            continue
        first, last = _edge(wins, inside, low), _edge(wins, inside, high)
        if found and math.nextafter(found[-1][1], math.inf) >= first:
            first = found.pop()[0]
        found.append((first, last))
    return [(low + 0.0, high + 0.0) for low, high in found]  # no -0.0


def _engine(decision, host, option):
    @functools.cache
    def wins(value):
        options = decision.options.replace(**{option: value})
        return winner(decision.fleet, decision.spec_obj, options) == host

    return wins


def _lines(decision, host, option):
    # How far a host is ahead of each other one, and how fast that grows.
    options, nothing = decision.options.replace(**{option: 1.0}), (np.zeros(0), np.zeros(0))
    try:
        record = select_destinations(decision.fleet, decision.spec_obj, options).record
    except NoValidHost:
        return nothing
    weighing = record.weighings[0]
    if host not in weighing.hosts or not weighing.weighers:
        return nothing
    base, slope = np.zeros(len(weighing.hosts)), np.zeros(len(weighing.hosts))
    for step in weighing.weighers:
        score, normalized, multiplier = map(
            np.asarray, (step.score, step.normalized, step.multiplier)
        )
        if MULTIPLIERS.get(step.weigher) == option:
            sign = -1.0 if step.weigher == "BuildFailureWeigher" else 1.0
            moves = multiplier == sign  # where no aggregate has a multiplier of its own
            slope = slope + np.where(moves, sign * normalized, 0.0)
            score = np.where(moves, 0.0, score)
        base = base + score
    place = weighing.hosts.index(host)
    return base[place] - base, slope[place] - slope


def _candidates(base, slope, low, high):
    # A few values in [low, high] of which one wins, if any value does. The host is ahead of another
    # where base + value * slope > 0: from -base / slope on where the slope rises, up to there where
    # it falls.
    with np.errstate(all="ignore"):
        meets = -base / slope
    least = float(np.fmax.reduce(meets[slope > 0], initial=low))
    most = float(np.fmin.reduce(meets[slope < 0], initial=high))
    gap = most - least
    near = [math.nextafter(end, way) for end in (least, most) for way in (-math.inf, math.inf)]
    inside = [(least + most) / 2, most, low, high, *near, least * (1 + 1e-12), most * (1 - 1e-12)]
    inside += [least + 1e-9 * gap, most - 1e-9 * gap, least]
    return [value for value in inside if low <= value <= high]


def _edge(wins, inside, outside):
    if wins(outside):
        return outside
    while True:
        middle = (inside + outside) / 2
        if middle in (inside, outside):
            return inside
        if wins(middle):
            inside = middle
        else:
            outside = middle


def _words(low, high):
    if low <= -LIMIT and high >= LIMIT:
        return "at any value"
    if low == high:
        return f"at {low:.12g} exactly"
    if low <= -LIMIT:
        return f"up to {high:.12g}"
    if high >= LIMIT:
        return f"from {low:.12g} up"
    return f"from {low:.12g} to {high:.12g}"
