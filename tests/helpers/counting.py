"""Count what a run of scenarios has seen, so that a comparison that compares nothing fails."""

import math
from collections import Counter

from labkit.nova.scheduler.fast import MULTIPLIERS
from labkit.nova.scheduler.filters import all_filters
from labkit.nova.scheduler.weights import all_weighers

FILTERS = [cls.__name__ for cls in all_filters()]
WEIGHERS = [cls.__name__ for cls in all_weighers()]

#: These two let every host pass what the lab models.
NEVER_REJECT = {"AllHostsFilter", "NUMATopologyFilter"}
AT_LEAST = (
    {f"{name}: passes": 50 for name in FILTERS}
    | {f"{name}: rejects": 50 for name in FILTERS if name not in NEVER_REJECT}
    | {f"{name}: raw weights differ": 50 for name in WEIGHERS}
    | {f"{name}: an aggregate's multiplier matters": 50 for name in WEIGHERS}
    | dict.fromkeys(
        (
            "several servers", "exact ties", "a random pick of several", "alternates",
            "a shuffle", "not all hosts are candidates", "a claim refused",
        ),
        100,
    )
    | dict.fromkeys(("NaN", "infinite", "negative", "no hypervisor version"), 50)
    | dict.fromkeys(("rebuild", "a missing metric", "other cells"), 50)
    | {"a refusal": 100, "a server placed": 500}
)  # fmt: skip


def count(counts: Counter, fleet, spec_obj, options, nova):
    """Add what one of Nova's answers shows to *counts*."""
    counts["decisions"] += 1
    if nova["raised"]:
        counts["a refusal" if nova["raised"][0] != "Crash" else "a crash"] += 1
        counts[f"refused: {nova['raised'][0]}"] += 1
    counts["a server placed"] += bool(nova["selections"])
    counts["alternates"] += any(len(one) > 1 for one in nova["selections"] or [])
    counts["rebuild"] += spec_obj.scheduler_hints.get("_nova_check_type") == ["rebuild"]
    candidates = nova["candidates"]
    counts["not all hosts are candidates"] += bool(candidates) and len(candidates) < len(fleet)
    for one in nova["rounds"]:
        for name, entered, passed in one.get("filters", ()):
            counts[f"{name}: passes"] += bool(passed)
            counts[f"{name}: rejects"] += len(passed) < len(entered)
        if one.get("weighers") and "totals" in one:
            _weighing(counts, options, one)
    if nova["selections"]:
        counts["several servers"] += len(nova["selections"]) > 1
        taken = zip(nova["selections"], nova["rounds"], strict=False)
        counts["a claim refused"] += any(s[0] != r["sorted"][0] for s, r in taken)
    counts["no hypervisor version"] += bool(
        any(state.hypervisor_version is None for state in fleet)
    )


def _weighing(counts, options, one):
    counts["rounds weighed"] += 1
    totals = one["totals"]
    tied = len(set(totals)) < len(totals)
    counts["exact ties"] += tied
    counts["a random pick of several"] += options.host_subset_size > 1
    counts["a shuffle"] += tied and options.shuffle_best_same_weighed_hosts
    raws = [value for step in one["weighers"] for value in step["raw"]]
    counts["NaN"] += any(value != value for value in raws)
    counts["infinite"] += any(math.isinf(value) for value in raws)
    counts["negative"] += any(value < 0 for value in raws)
    for step in one["weighers"]:
        name, multipliers = step["weigher"], step["multiplier"]
        differ = len(set(step["raw"])) > 1
        counts[f"{name}: raw weights differ"] += differ
        usual = _usual(options, name)
        counts[f"{name}: an aggregate's multiplier matters"] += any(
            multiplier != usual and normalized
            for multiplier, normalized in zip(multipliers, step["normalized"], strict=True)
        )
        if name == "MetricsWeigher":
            counts["a missing metric"] += options.weight_of_unavailable in step["raw"]
        if name == "CrossCellWeigher":
            counts["other cells"] += differ


def _usual(options, name):
    return getattr(options, MULTIPLIERS[name]) * (-1 if name == "BuildFailureWeigher" else 1)


def report(counts: Counter) -> str:
    """Return the counts as lines, the asked-for ones first."""
    names = [*AT_LEAST, *sorted(set(counts) - set(AT_LEAST))]
    return "\n".join(f"{counts[name]:7d}  {name}" for name in names)


def too_few(counts: Counter, share=1.0) -> list[str]:
    """Return what was seen too rarely; a *share* of the decisions need see a share of each."""
    return [
        f"{name}: {counts[name]} < {n}" for name, n in AT_LEAST.items() if counts[name] < share * n
    ]
