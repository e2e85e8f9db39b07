"""For which values of one multiplier does a host win? Algebra first, the engine last."""

import math
from dataclasses import dataclass

import numpy as np

from labkit.nova.conf import OPTIONS, multiplier_names

#: The highest value, up and down, that is looked at.
LIMIT = 1e9
#: Which weigher a multiplier belongs to.
WEIGHER = {
    "ram_weight_multiplier": "RAMWeigher",
    "cpu_weight_multiplier": "CPUWeigher",
    "disk_weight_multiplier": "DiskWeigher",
    "hypervisor_version_weight_multiplier": "HypervisorVersionWeigher",
    "num_instances_weight_multiplier": "NumInstancesWeigher",
    "io_ops_weight_multiplier": "IoOpsWeigher",
    "image_props_weight_multiplier": "ImagePropertiesWeigher",
    "pci_weight_multiplier": "PCIWeigher",
    "soft_affinity_weight_multiplier": "ServerGroupSoftAffinityWeigher",
    "soft_anti_affinity_weight_multiplier": "ServerGroupSoftAntiAffinityWeigher",
    "build_failure_weight_multiplier": "BuildFailureWeigher",
    "cross_cell_move_weight_multiplier": "CrossCellWeigher",
    "weight_multiplier": "MetricsWeigher",
}


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


def flip(decision, host, option) -> Flip:
    """Find where a host wins; see ``Decision.flip``."""
    if option not in multiplier_names():
        raise ValueError(
            f"{option!r} is no multiplier; choose from {', '.join(multiplier_names())}"
        )
    conf = decision.options.filter_scheduler
    if conf.host_subset_size > 1 or conf.shuffle_best_same_weighed_hosts:
        raise ValueError("under random picks (host_subset_size, shuffle) no value settles who wins")
    decision.fleet[host]
    wins = _engine(decision, host, option)
    lowest = max(-LIMIT, next(o.min for o in OPTIONS if o.name == option) or -LIMIT)
    if next(o.min for o in OPTIONS if o.name == option) == 0.0:
        lowest = 0.0
    found = []
    tiny = math.nextafter(0.0, 1.0)
    base, slope = _lines(decision, host, option)
    for low, high in ((lowest, -tiny), (0.0, 0.0), (tiny, LIMIT)):
        if low > high:
            continue
        interval = _settle(wins, low, high, _candidates(base, slope, low, high))
        if interval is not None:
            if found and math.nextafter(found[-1][1], math.inf) >= interval[0]:
                found[-1] = (found[-1][0], interval[1])
            else:
                found.append(interval)
    found = [(low + 0.0, high + 0.0) for low, high in found]  # no -0.0
    return Flip(host, option, getattr(decision.options, option), found)


def _engine(decision, host, option):
    from labkit.decision import winner

    seen = {}

    def wins(value):
        if value not in seen:
            options = decision.options.replace(**{option: value})
            seen[value] = winner(decision.fleet, decision.spec_obj, options) == host
        return seen[value]

    return wins


def _lines(decision, host, option):
    """Return (what the others give, slope) of every host, relative to *host*."""
    from labkit.decision import select_destinations
    from labkit.nova.exception import NoValidHost

    options = decision.options.replace(**{option: 1.0})
    try:
        trace = select_destinations(decision.fleet, decision.spec_obj, options).trace
    except NoValidHost:
        return np.zeros(0), np.zeros(0)
    _, hosts, weighers = trace.weighings[0]
    if host not in hosts.names or not weighers:
        return np.zeros(0), np.zeros(0)
    base, slope = np.zeros(len(hosts)), np.zeros(len(hosts))
    for name, _, _, _, normalized, multiplier, score in weighers:
        if name == WEIGHER[option]:
            sign = -1.0 if name == "BuildFailureWeigher" else 1.0
            moves = np.broadcast_to(multiplier == sign, len(hosts))
            slope = slope + np.where(moves, sign * normalized, 0.0)
            base = base + np.where(moves, 0.0, score)
        else:
            base = base + score
    place = hosts.names.index(host)
    return base[place] - base, slope[place] - slope


def _candidates(base, slope, low, high):
    """Return a few values inside [low, high] of which one wins, if any value does."""
    least, most = low, high
    with np.errstate(all="ignore"):
        ends = np.where(slope != 0, -base / slope, np.nan)
    for end, rise in zip(ends, slope, strict=True):
        if rise > 0:
            least = max(least, float(end))
        elif rise < 0:
            most = min(most, float(end))
    inside = [least, (least + most) / 2, most, low, high]
    near = [math.nextafter(end, way) for end in (least, most) for way in (-math.inf, math.inf)]
    inside += [*near, least * (1 + 1e-12), most * (1 - 1e-12)]
    inside += [least + 1e-9 * (most - least), most - 1e-9 * (most - least)]
    return [value for value in inside if low <= value <= high]


def _settle(wins, low, high, candidates):
    """Return the widest (first, last) winning values around a winning candidate, or None."""
    inside = next((value for value in candidates[1:] + candidates[:1] if wins(value)), None)
    if inside is None:
        return None
    return _edge(wins, inside, low), _edge(wins, inside, high)


def _edge(wins, inside, outside):
    """Halve the gap between a winning and a losing value until no float lies between them."""
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
