"""Flattening an overlay beside qemu-img: the ratio of both times in one run, and the memory.

The overlay of 1 GiB is half full: a quarter in its base, a quarter in itself. Both write a qcow2
without compression; then qemu-img compares the two. Skipped where qemu-img is not installed.
"""

import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from labkit import qcow2

GIB, MIB = 1024**3, 1024**2
ROUNDS = 5
MOST_TIMES, MOST_MIB = 5, 200


def main():
    """Measure, compare, and fail beyond five times qemu-img's time or 200 MB."""
    if not shutil.which("qemu-img"):
        print("qemu-img is not installed: skipped (Debian: apt-get install qemu-utils)")
        return
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        _make(folder)
        ratios = [_ratio(folder) for _ in range(ROUNDS)]
        _qemu(folder, "compare", "-q", "theirs", "ours")
        _qemu(folder, "check", "-q", "ours")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    times = statistics.median(ratios)
    spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
    print(f"flatten 1 GiB, half full: {times:.1f} times qemu-img ({spread}), {peak:.0f} MiB")
    sys.exit(times > MOST_TIMES or peak > MOST_MIB)


def _make(folder):
    rng = random.Random(1)
    with qcow2.create(folder / "base", GIB) as base:
        for at in range(0, GIB // 4, MIB):
            base.write(at, rng.randbytes(MIB))
    with qcow2.create(folder / "top", GIB, "base", "qcow2") as top:
        for at in range(GIB // 2, 3 * GIB // 4, MIB):
            top.write(at, rng.randbytes(MIB))


def _ratio(folder):
    for name in ("theirs", "ours"):
        (folder / name).unlink(missing_ok=True)
    start = time.perf_counter()
    _qemu(folder, "convert", "-t", "writeback", "-f", "qcow2", "-O", "qcow2", "top", "theirs")
    between = time.perf_counter()
    with qcow2.Image(folder / "top") as image:
        qcow2.flatten(image, folder / "ours")
    return (time.perf_counter() - between) / (between - start)


def _qemu(folder, *words):
    subprocess.run([shutil.which("qemu-img"), *words], cwd=folder, check=True)


if __name__ == "__main__":
    main()
