"""All measurements, one after the other; ratios are taken in one run.

    make bench                 # or: python tools/bench.py scheduler

The scheduler is measured against the installed Nova, the dial against ipywidgets.interact in
the real browser (skipped with a sentence where there is no Chromium), qcow2 files against qemu-img
(skipped likewise). The cloud is measured in seconds, MB and events; beside what qemu-img takes on
this machine stands what data/snapshot_costs.csv foresees.
"""

import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).parent


def main(names):
    """Run the named benchmarks, or all of them; the worst exit code is kept."""
    found = sorted(path.stem.removeprefix("bench_") for path in TOOLS.glob("bench_*.py"))
    for name in names:
        if name not in found:
            sys.exit(f"no benchmark {name!r}; there are {', '.join(found)}")
    worst = 0
    for name in names or found:
        print(f"== {name}", flush=True)
        run = subprocess.run([sys.executable, TOOLS / f"bench_{name}.py"], check=False)
        worst = max(worst, run.returncode)
    sys.exit(worst)


if __name__ == "__main__":
    main(sys.argv[1:])
