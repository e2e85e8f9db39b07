"""How long the stages of a snapshot take, and how many bytes they move.

The seconds of ``qemu-img convert`` are a fit to measurements (data/snapshot_costs.csv, described
in data/README.md), or to those that ``SnapshotCosts.measure`` makes on this machine; the speeds of
disk and network are what the caller says.
"""

import csv
import math
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from numbers import Real
from pathlib import Path

import numpy as np

from labkit import qcow2

MIB = 1 << 20
COSTS = Path(__file__).parents[2] / "data" / "snapshot_costs.csv"
#: Header, tables and refcounts of an empty qcow2 file with clusters of 64 KiB, measured.
QCOW2_OVERHEAD = int(0.3 * MIB)
#: The disk that is measured, in MiB; each conversion is made so often, the fastest counts.
MEASURED_MIB, ROUNDS = 1024, 2
NO_QEMU_IMG = "qemu-img is not installed; on Debian and Ubuntu: apt-get install qemu-utils"
#: A link of 1 Gbit/s.
GIGABIT_MIB_S = 1e9 / 8 / MIB


@cache
def _measured():
    with COSTS.open(encoding="utf-8", newline="") as file:
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
    and a mirror what writing as much by qemu-img does: nobody measured these.
    """

    table: dict = field(default_factory=dict)
    net_mib_s: float = GIGABIT_MIB_S
    disk_mib_s: float = math.inf

    def __post_init__(self):
        for name in ("net_mib_s", "disk_mib_s"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real) or not value > 0:
                raise ValueError(f"{name} = {value!r}; expected MiB/s, more than 0")

    @classmethod
    def read(cls, net_mib_s=GIGABIT_MIB_S, disk_mib_s=math.inf) -> "SnapshotCosts":
        """Return the measured costs, with these speeds of network and disk."""
        return cls(dict(_measured()), net_mib_s, disk_mib_s)

    @classmethod
    def measure(
        cls, folder=None, sizes_mib=(16, 64, 256), net_mib_s=GIGABIT_MIB_S, disk_mib_s=math.inf
    ) -> "SnapshotCosts":
        """Return what the qemu-img of this machine costs: it converts real disks, and is timed.

        In: a folder on the disk that matters (by default the system's place for temporary files),
        where twice the largest size is written and deleted again; how many MiB are written in the
        disks of 1 GiB, at least two numbers of 2 to 1024. Half of the data can be compressed; in an
        overlay half lies in the backing file. Seconds are fitted to a line, by least squares of the
        relative errors. By default it takes half a minute, and no two answers are the same. Raises
        FileNotFoundError without qemu-img, ValueError for a folder that is none or such
        sizes, CalledProcessError where qemu-img fails.

        Source: the command of ``unprivileged_convert_image`` in nova/privsep/qemu.py, 34.0.0.
        """
        if not shutil.which("qemu-img"):
            raise FileNotFoundError(NO_QEMU_IMG)
        if folder is not None and not Path(folder).is_dir():
            raise ValueError(f"folder = {folder!r} is no folder; make it first, or give none")
        cls({}, net_mib_s, disk_mib_s)  # says at once what is wrong with them
        sizes = list(dict.fromkeys(sizes_mib)) if isinstance(sizes_mib, Iterable) else []
        if len(sizes) < 2 or not all(
            type(size) is int and 2 <= size <= MEASURED_MIB for size in sizes
        ):
            wanted = f"at least two different whole numbers of 2 to {MEASURED_MIB}"
            raise ValueError(f"sizes_mib = {sizes_mib!r}; expected {wanted}")
        table = {}
        with tempfile.TemporaryDirectory(dir=folder) as name:
            for row in _measured():
                seconds = [_converted_s(Path(name), *row, size) for size in sizes]
                table[row] = _fit(sizes, seconds)
        return cls(table, net_mib_s, disk_mib_s)

    def convert(
        self, read, ratio, in_format, out_format, compress=False, backed=False
    ) -> tuple[int, float]:
        """Return (bytes that are stored in the new image, seconds) of a qemu-img convert.

        In: bytes written in the source and its backing file, the share that compression leaves.
        """
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
        fixed_s, s_per_mib = self.table["raw", "qcow2", False]
        return max(fixed_s + s_per_mib * copied / MIB, self.disk_s(copied))

    def disk_s(self, count) -> float:
        """Return the seconds that the disk needs at least."""
        return count / MIB / self.disk_mib_s

    def upload_s(self, count) -> float:
        """Return the seconds until so many bytes are in glance."""
        return count / MIB / self.net_mib_s

    def compression_pays_below(self, ratio, source="raw") -> float:
        """Return the speed of the network, in MiB/s, below which compressing shortens the whole.

        In: the share that compression leaves. 0 when there is nothing to gain. For large disks:
        the fixed seconds are left out.

        >>> round(SnapshotCosts.read().compression_pays_below(0.5))
        21
        """
        more_s = self.table[source, "qcow2", True][1] - self.table[source, "qcow2", False][1]
        return (1 - ratio) / more_s if more_s > 0 else math.inf


# -- measuring ----------------------------------------------------------------------------
def _converted_s(folder, source, target, compress, mib) -> float:
    """Return the seconds in which qemu-img converts a disk of 1 GiB with so many MiB in it."""
    disk, base, out = folder / "disk", folder / "base", folder / "out"
    rng = random.Random(1)
    data = (rng.randbytes(MIB // 2) + b"labkit  " * (MIB // 16) for _ in range(mib))
    below = mib if source == "raw" else mib // 2
    with base.open("wb") as file:
        file.writelines(islice(data, below))
        file.truncate(MEASURED_MIB * MIB)
    if source == "overlay":
        disk.unlink(missing_ok=True)
        with qcow2.create(disk, MEASURED_MIB * MIB, base.name, "raw") as image:
            for number, piece in enumerate(data, below):
                image.write(number * MIB, piece)
    in_format, path = ("raw", base) if source == "raw" else ("qcow2", disk)
    command = ["qemu-img", "convert", "-t", _cache_mode(out), "-O", target, "-f", in_format]
    command += ["-c"] * compress + [path, out]
    found = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        subprocess.run(command, check=True)  # noqa: S603 - the command is made here
        found.append(time.perf_counter() - begun)
    return min(found)


def _cache_mode(path):
    """Return what Nova tells qemu-img: "none" where the file system can do without a cache.

    Source: ``supports_direct_io`` in nova/privsep/utils.py, Nova 34.0.0.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_DIRECT))
    except (AttributeError, OSError):  # not on every system
        return "writeback"
    return "none"


def _fit(mib, seconds) -> tuple[float, float]:
    """Return (seconds, seconds per MiB), neither below 0, of the line through measurements."""
    x, y = np.array(mib, float), np.array(seconds)
    s_per_mib, fixed_s = np.polyfit(x, y, 1, w=1 / y)
    if fixed_s < 0:
        return 0.0, float((x / y).sum() / np.square(x / y).sum())
    return (float(fixed_s), float(s_per_mib)) if s_per_mib > 0 else (float(y.mean()), 0.0)
