"""What labkit answers to a scenario, as plain lists, and where two answers differ.

An answer: ``raised`` ([class, text] or None), ``candidates`` (hosts, None for a rebuild),
``rounds`` (one per server: ``filters`` as [name, entered, passed], ``filtered``, ``weighers``,
``totals``, ``sorted``), ``selections`` (chosen host and alternates), ``after`` (the numbers
that a placed server changes). Lists of numbers go along ``filtered``.
"""

import random
import struct

import numpy as np

from labkit.decision import own_copy, server_names
from labkit.nova import exception
from labkit.nova.scheduler import filters, weights
from labkit.nova.scheduler.host_manager import CONSUMED, WeighedHosts
from labkit.nova.scheduler.manager import SchedulerManager
from labkit.tables.scheduler import Trace

#: What happens before the filters and is no filter of Nova's.
_BEFORE = {
    "allocation_candidates", "cell", "requested_destination", "ignore_hosts", "force_hosts",
    "force_nodes", "in_tree", "require_tenant_aggregate", "map_az_to_placement_aggregate",
    "require_image_type_support", "compute_status_filter", "isolate_aggregates",
}  # fmt: skip


def answer(fleet, spec_obj, options, seed=0, names=None):
    """Return labkit's answer; the fleet is unchanged."""
    names = server_names(spec_obj, names)
    trace, later = Trace(fleet, names), fleet.copy()
    found = {"raised": None, "selections": None}
    try:
        selections = SchedulerManager(options).select_destinations(
            later, own_copy(spec_obj, names), names, random.Random(seed), trace=trace
        )
        found["selections"] = [[s.host, *s.alternates] for s in selections]
    except exception.NovaException as error:
        found["raised"] = [type(error).__name__, str(error)]
    except Exception as error:  # NotModelled too: it says that Nova itself fails
        found["raised"] = ["Crash", repr(error)]
    found["candidates"] = None
    for _, name, _, after, _, _ in trace._stages:
        if name == "allocation_candidates":
            found["candidates"] = _names(fleet, after)
    found["rounds"] = [_round(fleet, trace, index) for index in range(len(names))]
    found["rounds"] = [one for one in found["rounds"] if one]
    found["after"] = {
        host: [float(later.columns[name][row]) for name in CONSUMED]
        for host, row in sorted(fleet.rows.items())
    }
    return found


def alone(fleet, spec_obj, options, names):
    """Return what each filter and each weigher says of all hosts, with none removed before it."""
    own, found = own_copy(spec_obj, names), {}
    own.instance_uuid = names[0]
    for filter_ in filters.load(options.replace(enabled_filters=list(filters.MODULES))):
        found[type(filter_).__name__] = _said(
            lambda f=filter_: f.filter_all(fleet.all_hosts, own).names
        )
    hosts = WeighedHosts(fleet, fleet.every_row)
    for weigher in weights.load(options):
        with np.errstate(all="ignore"):
            found[type(weigher).__name__] = _said(lambda w=weigher: w.weigh_objects(hosts, own))
        raw = found[type(weigher).__name__]
        if not isinstance(raw, dict):
            found[type(weigher).__name__] = np.broadcast_to(raw, len(fleet)).tolist()
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


def _names(fleet, rows):
    return [fleet.texts["host"][row] for row in rows.tolist()]


def _round(fleet, trace, index):
    one = {}
    stages = [s for s in trace._stages if s[0] == index and s[1] not in _BEFORE]
    if stages:
        one["filters"] = [
            [name, _names(fleet, before), _names(fleet, after)]
            for _, name, before, after, _, _ in stages
        ]
    for when, hosts, weighers in trace.weighings:
        if when == index:
            one["filtered"] = hosts.names
            one["weighers"] = [_weigher(len(hosts), *weigher) for weigher in weighers]
    for when, hosts, totals, _ in trace._choices:
        if when == index:
            one["sorted"] = hosts.names
            by_name = dict(zip(hosts.names, totals.tolist(), strict=True))
            # a shuffle among NaN can lose a host, in Nova as well
            one["totals"] = [by_name.get(name) for name in one["filtered"]]
    return one


def _weigher(n, name, raw, minval, maxval, normalized, multiplier, score):
    arrays = {"raw": raw, "normalized": normalized, "multiplier": multiplier, "score": score}
    found = {
        key: np.broadcast_to(np.asarray(value, dtype=float), n).tolist()
        for key, value in arrays.items()
    }
    return found | {"weigher": name, "minval": minval, "maxval": maxval}


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
