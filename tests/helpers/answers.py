"""What labkit answers to a scenario, as plain lists, and where two answers differ.

An answer: ``raised`` ([class, text] or None), ``candidates`` (hosts, None for a rebuild),
``rounds`` (one per server: ``filters`` as [name, entered, passed], ``filtered``, ``weighers``,
``totals``, ``sorted``), ``selections`` (chosen host and alternates), ``after`` (the numbers
that a placed server changes). Lists of numbers go along ``filtered``.
"""

import random
import struct

import numpy as np

from labkit.decision import Claims, own_copy, server_names
from labkit.nova import conf, exception
from labkit.nova.scheduler import fast, filters, weights
from labkit.nova.scheduler.host_manager import CONSUMED, HostManager
from labkit.tables.scheduler import Record, RecordedManager

#: What happens before the filters and is no filter of Nova's.
_BEFORE = {
    "allocation_candidates", "cell", "requested_destination", "ignore_hosts", "force_hosts",
    "force_nodes", "in_tree", "require_tenant_aggregate", "map_az_to_placement_aggregate",
    "require_image_type_support", "compute_status_filter", "isolate_aggregates",
}  # fmt: skip


class Noting(RecordedManager):
    """A scheduler that also keeps the hosts' numbers as they are in the end."""

    def _get_all_host_states(self, candidates, spec_obj):
        self.hosts = super()._get_all_host_states(candidates, spec_obj)
        if isinstance(self.hosts, fast.Rows):
            self.hosts = fast.Rows(self.hosts.columns.own(), self.hosts.rows)
        return self.hosts

    def after(self, host):
        """Return the numbers of a host that a placed server changes."""
        fleet = self.host_manager.fleet
        if isinstance(self.hosts, fast.Rows):
            state = self.hosts.columns.host_state(fleet.rows[host])
        else:
            state = {state.host: state for state in self.hosts}.get(host, fleet[host])
        return [float(getattr(state, name)) for name in CONSUMED]


def answer(fleet, spec_obj, options, seed=0, names=None, least=fast.LARGE):
    """Return labkit's answer; the fleet is unchanged. *least* as in FastSchedulerManager."""
    names = server_names(spec_obj, names)
    record, found = Record(names), {"raised": None, "selections": None}
    hosts = HostManager(options).reading(fleet)
    manager = Noting(hosts, record, random.Random(seed), Claims(fleet))
    manager.least, manager.hosts = least, []
    try:
        selections = manager.decide(own_copy(spec_obj, names), names)
        found["selections"] = [[s.host, *s.alternates] for s in selections]
        if isinstance(manager.hosts, fast.Rows) and len(names) == 1:  # nobody asks afterwards
            row = fleet.rows[selections[0].host]
            manager.hosts.columns.consume_from_request(row, spec_obj)
    except exception.NovaException as error:
        found["raised"] = [type(error).__name__, str(error)]
    except Exception as error:  # NotModelled too: it says that Nova itself fails
        found["raised"] = ["Crash", repr(error)]
    found["candidates"] = None
    for stage in record.stages:
        if stage.name == "allocation_candidates":
            found["candidates"] = stage.left
    found["rounds"] = [_round(record, index) for index in range(len(names))]
    found["rounds"] = [one for one in found["rounds"] if one]
    found["after"] = {host: manager.after(host) for host in sorted(fleet.rows)}
    return found


def alone(fleet, spec_obj, options, names):
    """Return what each filter and each weigher says of all hosts, with none removed before it."""
    own, found = own_copy(spec_obj, names), {}
    own.instance_uuid = names[0]
    states = fleet.host_states()
    weighed = [weights.WeighedHost(state, 0.0) for state in states]
    every = [cls.__name__ for cls in filters.all_filters()]
    with conf.using(options):
        hosts = HostManager(options.replace(enabled_filters=every))
        for filter_ in hosts.enabled_filters:
            found[type(filter_).__name__] = _said(
                lambda f=filter_: [state.host for state in f.filter_all(states, own)]
            )
        for weigher in hosts.weighers:
            raw = _said(lambda w=weigher: w.weigh_objects(weighed, own))
            found[type(weigher).__name__] = raw
    return found


def _said(question):
    try:
        return question()
    except exception.NovaException as error:
        return {"raised": [type(error).__name__, str(error)]}
    except Exception as error:
        return {"raised": ["Crash", repr(error)]}


def alone_differences(nova, lab):
    """Return sentences: where a filter or weigher of labkit's says something else than Nova's."""
    found = []
    for name, theirs in nova.items():
        ours = lab[name]
        same = ours == theirs
        if isinstance(theirs, dict) or isinstance(ours, dict):
            crashes = [one["raised"][0] for one in (ours, theirs) if isinstance(one, dict)]
            same = same or crashes == ["Crash", "Crash"]
        elif not same and not any(isinstance(value, str) for value in [*ours, *theirs]):
            same = bits(ours) == bits(theirs)
        if not same:
            found.append(f"{name} alone: labkit {ours!r}, Nova {theirs!r}")
    return found


def _round(record, index):
    one = {}
    stages = [s for s in record.stages if s.index == index and s.name not in _BEFORE]
    if stages:
        one["filters"] = [[stage.name, stage.hosts, stage.left] for stage in stages]
    for weighing in record.weighings:
        if weighing.index == index:
            one["filtered"] = weighing.hosts
            one["weighers"] = [_weigher(len(weighing.hosts), step) for step in weighing.weighers]
    if index in record.choices:
        choice = record.choices[index]
        one["sorted"] = choice.hosts
        by_name = dict(zip(choice.hosts, map(float, choice.weights), strict=True))
        # a shuffle among NaN can lose a host, in Nova as well
        one["totals"] = [by_name.get(name) for name in one["filtered"]]
    return one


def _weigher(n, step):
    size = len(step.raw) if np.ndim(step.raw) else n
    found = {
        key: np.broadcast_to(np.asarray(getattr(step, key), dtype=float), size).tolist()
        for key in ("raw", "normalized", "multiplier", "score")
    }
    return found | {"weigher": step.weigher, "minval": step.minval, "maxval": step.maxval}


def bits(values):
    """Return the bit patterns of numbers; all NaN count as one."""
    return [struct.pack("<d", float("nan") if v != v else float(v)) for v in values]


def differences(nova, lab, compare_after=True):
    """Return sentences: where labkit's answer differs from Nova's."""
    found = []

    def check(what, ours, theirs):
        if ours != theirs:
            found.append(f"{what}: labkit {ours!r}, Nova {theirs!r}")

    def check_bits(what, ours, theirs):
        if bits(ours) != bits(theirs):
            found.append(f"{what}: labkit {ours!r}, Nova {theirs!r}")

    if nova["raised"] or lab["raised"]:
        both = [one["raised"] or ["nothing"] for one in (lab, nova)]
        crashed = both[0][0] == both[1][0] == "Crash"  # each in its own words
        if not crashed:
            check("raised", *both)
    else:
        check("selections", lab["selections"], nova["selections"])
        if compare_after:
            for host, values in nova["after"].items():
                check_bits(f"{host} afterwards", lab["after"][host], values)
    if nova["raised"] and nova["raised"][0] == "Crash":
        return found
    check("candidates", lab["candidates"], nova["candidates"])
    for number, theirs in enumerate(nova["rounds"]):
        ours = lab["rounds"][number] if number < len(lab["rounds"]) else {}
        where = f"server {number}"
        if "filters" not in theirs:  # a filter raised; what it did is not known
            break
        check(f"{where}: filters", ours.get("filters", []), theirs["filters"])
        if not theirs["filtered"]:
            continue
        check(f"{where}: filtered", ours.get("filtered"), theirs["filtered"])
        if "sorted" not in theirs or "sorted" not in ours:
            continue
        weighers = theirs["weighers"]
        check(
            f"{where}: weighers",
            [w["weigher"] for w in ours["weighers"]],
            [w["weigher"] for w in weighers],
        )
        for mine, step in zip(ours["weighers"], weighers, strict=False):
            what = f"{where}: {step['weigher']}"
            # of a list that is too short only so many multipliers are asked for
            step["multiplier"] = step["multiplier"][: len(step["normalized"])]
            score = [m * n for m, n in zip(step["multiplier"], step["normalized"], strict=True)]
            for key in ("raw", "normalized", "multiplier"):
                check_bits(f"{what} {key}", mine[key], step[key])
            check_bits(f"{what} score", mine["score"], score)
            for key in ("minval", "maxval"):
                check(f"{what} {key}", mine[key], step[key])
        pairs = zip(ours["totals"], theirs["totals"], strict=True)
        kept = [pair for pair in pairs if pair[0] is not None]
        check_bits(f"{where}: weight", [pair[0] for pair in kept], [pair[1] for pair in kept])
        check(f"{where}: order", ours["sorted"], theirs["sorted"])
    return found
