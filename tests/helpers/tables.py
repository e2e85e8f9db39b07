"""Tables to draw: weights, filters, placements and winners of as many hosts as wanted."""

import math

import numpy as np
import pandas as pd

from labkit.plots.scores import WEIGHERS

LONG = "compute-rack07-node{:02d}.example.org"
SHORT = "cn-{}"
STAGES = (
    "map_az_to_placement_aggregate",
    "compute_status_filter",
    "allocation_candidates",
    "ComputeFilter",
    "ImagePropertiesFilter",
    "AggregateImagePropertiesIsolation",
    "IoOpsFilter",
)


def weights(raw, multiplier=1.0, instance="server-1"):
    """The table `weights` from {weigher: one raw value per host}, without any fixed minval."""
    rows = []
    for weigher, values in raw.items():
        low, high = min(values), max(values)
        times = multiplier.get(weigher, 1.0) if isinstance(multiplier, dict) else multiplier
        for number, value in enumerate(values, start=1):
            norm = (value - low) / (high - low) if high > low else 0.0
            row = (0, instance, SHORT.format(number), weigher, float(value), math.nan, math.nan)
            rows.append((*row, norm, times, times * norm))
    columns = "request instance host weigher raw minval maxval normalized multiplier score"
    table = pd.DataFrame(rows, columns=columns.split())
    return table.assign(seq=range(len(table)))


def filters(count, names=LONG):
    """The table `filters` in which each stage removes every fifth host that enters."""
    hosts, rows = [names.format(i) for i in range(1, count + 1)], []
    for stage in STAGES:
        for place_, host in enumerate(hosts, start=1):
            reason = f"num_io_ops {place_} >= max_io_ops_per_host 8" if place_ % 5 == 0 else ""
            rows.append((0, "server-1", stage, host, not reason, reason))
        hosts = [host for place_, host in enumerate(hosts, start=1) if place_ % 5]
    table = pd.DataFrame(rows, columns="request instance filter host passed reason".split())
    return table.assign(seq=range(len(table)))


def many(count, names=LONG, weighers=WEIGHERS):
    """Weights of so many hosts under so many weighers, all of them with scores."""
    rng = np.random.default_rng(count)
    table = weights({name: rng.integers(0, 10_000, count).tolist() for name in weighers})
    hosts = {SHORT.format(i): names.format(i) for i in range(1, count + 1)}
    return table.assign(host=table["host"].map(hosts))


def filled(count, names=LONG):
    """A fleet of so many hosts, and 40 requests, every tenth without a valid host."""
    hosts = [names.format(i) for i in range(count)]
    frame = pd.DataFrame({"host": hosts, "total_usable_ram_mb": 65536.0, "free_ram_mb": 61440.0})
    chosen = [None if i % 10 == 9 else hosts[i * i % count] for i in range(40)]
    placed = pd.DataFrame({"request": range(40), "host": chosen, "memory_mb": 1024})
    return frame, placed.astype({"host": object})


def winners(count, names=LONG):
    values = np.linspace(-2, 2, 11)
    rows = [(x, y, names.format(int(abs(5 * x * y)) % count)) for x in values for y in values]
    return pd.DataFrame(rows, columns=["ram_weight_multiplier", "cpu_weight_multiplier", "winner"])
