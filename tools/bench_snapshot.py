"""How long qemu-img converts on this machine, in the form of data/snapshot_costs.csv.

    python tools/bench_snapshot.py            # prints; a minute or two, 2 GB of disk

A disk of 1 GiB is written to a part, the data half compressible; each command as Nova gives it.
The seconds are fitted as fixed_s + s_per_mib * MiB, by least squares; beside them stands what the
file has. Other work on the machine shows: run it when the machine is idle.
"""

import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

from labkit import SnapshotCosts

MIB = 1 << 20
SIZES_MIB = {False: (16, 64, 256, 1024), True: (8, 32, 128)}


def main():
    """Measure each row of the table."""
    if not shutil.which("qemu-img"):
        print("qemu-img is not installed: skipped (Debian: apt-get install qemu-utils)")
        return
    print("source,target,compressed,fixed_s,s_per_mib   # in the file")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        for (source, target, compress), known in SnapshotCosts.read().table.items():
            sizes = SIZES_MIB[compress]
            seconds = [_measure(Path(name), source, target, compress, size) for size in sizes]
            s_per_mib, fixed_s = np.polyfit(sizes, seconds, 1)
            answer = f"{max(fixed_s, 0):.2f},{s_per_mib:.5f}"
            print(f"{source},{target},{'yes' if compress else 'no'},{answer}   # {known}")


def _measure(folder, source, target, compress, mib):
    """Return the seconds of one conversion of so many MiB; in an overlay half lies in the base."""
    disk, base, out = folder / "disk", folder / "base", folder / "out"
    _fill(base, mib if source == "raw" else mib // 2)
    if source == "raw":
        disk = base
    else:
        disk.unlink(missing_ok=True)
        _fill(folder / "own", mib // 2)
        _qemu("create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", disk)
        at = f"write -q -s {folder / 'own'} 512M {mib // 2}M"
        _run("qemu-io", "-f", "qcow2", "-c", at, disk)
    options = ("-c",) if compress else ()
    in_format = "raw" if source == "raw" else "qcow2"
    begun = time.perf_counter()
    _qemu("convert", "-t", "none", "-O", target, "-f", in_format, *options, disk, out)
    return time.perf_counter() - begun


def _fill(path, mib):
    """Write random and repeated data by turns into a file of 1 GiB."""
    rng = random.Random(1)
    with path.open("wb") as file:
        for _ in range(mib):
            file.write(rng.randbytes(MIB // 2) + b"labkit  " * (MIB // 16))
        file.truncate(1024 * MIB)


def _qemu(*command):
    _run("qemu-img", *command)


def _run(*command):
    subprocess.run([str(word) for word in command], check=True)


if __name__ == "__main__":
    main()
