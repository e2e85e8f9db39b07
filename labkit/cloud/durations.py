"""How long things take in a cloud: the steps of a server's life, and the stages of a snapshot.

The seconds of a step are those of data/durations.csv. Those of ``qemu-img convert`` are a fit to
measurements (data/snapshot_costs.csv, described in data/README.md); the speeds of disk and network
are what the caller says.
"""

import csv
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from numbers import Real
from pathlib import Path

from labkit.neighbours.arguments import is_number, known, number, shown, text, truth

_DATA = Path(__file__).parents[2] / "data"
DURATIONS = _DATA / "durations.csv"
SNAPSHOT_COSTS = _DATA / "snapshot_costs.csv"
MIB = 1 << 20
#: Header, tables and refcounts of an empty qcow2 file with clusters of 64 KiB, measured.
QCOW2_OVERHEAD = int(0.3 * MIB)
#: A link of 1 Gbit/s.
GIGABIT_MIB_S = 1e9 / 8 / MIB
#: How fast a volume of Ceph is copied object by object, unless the caller says it: stated, not measured.
RBD_MIB_S = 100.0


@cache
def _durations():
    with DURATIONS.open(encoding="utf-8", newline="") as file:
        return {
            row["step"]: (float(row["seconds"]), float(row["jitter"]))
            for row in csv.DictReader(file)
        }


def steps() -> dict:
    """Return ``{step: (seconds, jitter)}``: the steps that take time, as data/durations.csv says."""
    return dict(_durations())


@cache
def actions() -> dict:
    """Return ``{step: the actions of a server that come to it}``, texts, of data/durations.csv."""
    with DURATIONS.open(encoding="utf-8", newline="") as file:
        return {row["step"]: row["actions"] for row in csv.DictReader(file)}


def with_changes(changes) -> dict:
    """Return ``steps()`` with the changes over it. Raises ValueError for a bad one."""
    table = steps()
    if changes is not None and not isinstance(changes, Mapping):
        raise ValueError(f"durations = {shown(changes)} is not a dict; write {{'spawn': (3, 0.1)}}")
    for step, value in (changes or {}).items():
        known(step, table, "durations: duration of an unknown step")
        pair = tuple(value) if isinstance(value, tuple | list) else (value, 0.0)
        right = len(pair) == 2 and all(is_number(each) for each in pair)
        if not (right and pair[0] >= 0 and 0 <= pair[1] <= 1):
            raise ValueError(
                f"duration of {step!r}: {shown(value)} is neither seconds from 0 nor (seconds, jitter)"
                " with a jitter from 0 to 1"
            )
        table[step] = float(pair[0]), float(pair[1])
    return table


class Durations:
    """How long each step takes: seconds, give or take a share of them, from one seeded generator.

    In: ``{step: (seconds, jitter)}`` with jitter between 0 and 1. A draw is uniform.
    """

    def __init__(self, table, seed=0):
        self.table = dict(table)
        self._random = random.Random(seed).random

    def draw(self, step) -> float:
        """Return the seconds that the step takes this time."""
        seconds, jitter = self.table[step]
        if not jitter:
            return seconds
        return seconds * (1 + jitter * (2 * self._random() - 1))


@cache
def _costs():
    with SNAPSHOT_COSTS.open(encoding="utf-8", newline="") as file:
        return {
            (row["source"], row["target"], row["compressed"] == "yes"): (
                float(row["fixed_s"]),
                float(row["s_per_mib"]),
            )
            for row in csv.DictReader(file)
        }


@dataclass(frozen=True)
class SnapshotCosts:
    """What moving bytes costs on a host.

    In: *table* {(source "raw" or "overlay", target "raw" or "qcow2", compressed): (seconds,
    seconds per MiB that is written in the source)}; *net_mib_s* of the network to glance,
    *disk_mib_s* of the disk (no limit unless given), both in MiB/s. Raises ValueError for a speed
    that is not above 0.

    >>> costs = SnapshotCosts.read()
    >>> size, seconds = costs.convert(512 * MIB, 0.5, "raw", "qcow2", compress=True)
    >>> size // MIB, round(seconds, 1)
    (256, 12.5)

    Source: ``qemu-img convert`` as nova/privsep/qemu.py, Nova 34.0.0, calls it, measured with
    QEMU 7.2. Unlike a real host, nothing else is going on; vmdk and vdi are taken to cost what qcow2 does,
    and a mirror what writing as much by qemu-img does: nobody measured these. Unlike Ceph, objects
    of a volume in which nothing is written cost no time.
    """

    table: dict = field(default_factory=dict)
    net_mib_s: float = GIGABIT_MIB_S
    disk_mib_s: float = math.inf
    rbd_mib_s: float = RBD_MIB_S

    def __post_init__(self):
        for name in ("net_mib_s", "disk_mib_s", "rbd_mib_s"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real) or not value > 0:
                raise ValueError(f"{name} = {shown(value)}; expected MiB/s, more than 0")

    @classmethod
    def read(
        cls, net_mib_s=GIGABIT_MIB_S, disk_mib_s=math.inf, rbd_mib_s=RBD_MIB_S
    ) -> "SnapshotCosts":
        """Return the measured costs, with these speeds of network, disk and Ceph."""
        return cls(dict(_costs()), net_mib_s, disk_mib_s, rbd_mib_s)

    def convert(
        self, read, ratio, in_format, out_format, compress=False, backed=False
    ) -> tuple[int, float]:
        """Return (bytes that are stored in the new image, seconds) of a qemu-img convert.

        In: bytes written in the source and its backing file, the share that compression leaves.
        """
        for name, value in {"read": read, "ratio": ratio}.items():
            number(name, value, "a number of 0 or more", 0)
        for name, value in {"compress": compress, "backed": backed}.items():
            truth(name, value)
        for name, value in {"in_format": in_format, "out_format": out_format}.items():
            text(name, value)
        source = "overlay" if backed or in_format == "qcow2" else "raw"
        target = "raw" if out_format == "raw" else "qcow2"
        fixed_s, s_per_mib = self.table[source, target, compress]
        stored = int(read * ratio) if compress else read
        if target == "qcow2":
            stored += QCOW2_OVERHEAD
        mib = read / MIB
        return stored, max(fixed_s + s_per_mib * mib, self.disk_s(max(read, stored)))

    def mirror_s(self, copied) -> float:
        """Return the seconds until a running guest's disk is mirrored into an overlay."""
        number("copied", copied, "a number of bytes", 0)
        fixed_s, s_per_mib = self.table["raw", "qcow2", False]
        return max(fixed_s + s_per_mib * copied / MIB, self.disk_s(copied))

    def flatten_s(self, copied) -> float:
        """Return the seconds until a clone in Ceph holds so many bytes of its parent itself."""
        return number("copied", copied, "a number of bytes", 0) / MIB / self.rbd_mib_s

    def disk_s(self, count) -> float:
        """Return the seconds that the disk needs at least."""
        return number("count", count, "a number of bytes", 0) / MIB / self.disk_mib_s

    def upload_s(self, count) -> float:
        """Return the seconds until so many bytes are in glance."""
        return number("count", count, "a number of bytes", 0) / MIB / self.net_mib_s

    def compression_pays_below(self, ratio, source="raw") -> float:
        """Return the speed of the network, in MiB/s, below which compressing shortens the whole.

        In: the share that compression leaves. 0 when there is nothing to gain. For large disks:
        the fixed seconds are left out.

        >>> round(SnapshotCosts.read().compression_pays_below(0.5))
        21
        """
        number("ratio", ratio)
        known(source, ("raw", "overlay"), "unknown source")
        more_s = self.table[source, "qcow2", True][1] - self.table[source, "qcow2", False][1]
        return (1 - ratio) / more_s if more_s > 0 else math.inf
