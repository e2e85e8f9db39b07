"""What ``qemu-img convert`` takes on this machine, beside data/snapshot_costs.csv.

Per row of the table the fit of both, and the seconds that both foresee for 256 MiB. Other work on
the machine shows: run it when the machine is idle. Skipped where qemu-img is not installed.
"""

import os
import random
import shutil
import subprocess
import tempfile
import time
from itertools import islice
from pathlib import Path

import numpy as np

from labkit import SnapshotCosts, qcow2

MIB = 1 << 20
SIZES_MIB = (16, 64, 256)
#: The disk that is measured, in MiB; each conversion is made so often, the fastest counts.
MEASURED_MIB, ROUNDS = 1024, 2


def main():
    """Measure each row of the table."""
    if not shutil.which("qemu-img"):
        print(
            "skipped: qemu-img is not installed; on Debian and Ubuntu: apt-get install qemu-utils"
        )
        return
    found = measure(Path.cwd(), SIZES_MIB)
    print("source,target,compressed,fixed_s,s_per_mib   # 256 MiB: measured, in the file")
    for row, known in SnapshotCosts.read().table.items():
        (fixed_s, s_per_mib), (source, target, compress) = found[row], row
        here, there = (each[0] + each[1] * SIZES_MIB[-1] for each in (found[row], known))
        measured = f"{source},{target},{'yes' if compress else 'no'},{fixed_s:.2f},{s_per_mib:.5f}"
        print(f"{measured}   # {here:.2f} s, {there:.2f} s")


def measure(folder, sizes_mib) -> dict:
    """Return the table of SnapshotCosts as the qemu-img of this machine has it.

    In: a folder on the disk that matters, where twice the largest size is written and deleted
    again; how many MiB are written in the disks of 1 GiB, at least two numbers of 2 to 1024. Half
    of the data can be compressed; in an overlay half lies in the backing file. Seconds are fitted
    to a line, by least squares of the relative errors. No two answers are the same.

    Source: the command of ``unprivileged_convert_image`` in nova/privsep/qemu.py, 34.0.0.
    """
    table = {}
    with tempfile.TemporaryDirectory(dir=folder) as name:
        for row in SnapshotCosts.read().table:
            seconds = [converted_s(Path(name), *row, size) for size in sizes_mib]
            table[row] = fit(sizes_mib, seconds)
    return table


def converted_s(folder, source, target, compress, mib) -> float:
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
        subprocess.run(command, check=True)
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


def fit(mib, seconds) -> tuple[float, float]:
    """Return (seconds, seconds per MiB), neither below 0, of the line through measurements."""
    x, y = np.array(mib, float), np.array(seconds)
    s_per_mib, fixed_s = np.polyfit(x, y, 1, w=1 / y)
    if fixed_s < 0:
        return 0.0, float((x / y).sum() / np.square(x / y).sum())
    return (float(fixed_s), float(s_per_mib)) if s_per_mib > 0 else (float(y.mean()), 0.0)


if __name__ == "__main__":
    main()
