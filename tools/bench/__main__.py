"""All measurements, one after the other; ratios are taken in one run.

    python -m tools.bench [NAME ...]      # make bench: all of them, about ten minutes

The scheduler is measured against the installed Nova, the dial against ipywidgets.interact in
the real browser (skipped with a sentence where there is no Chromium), qcow2 files against qemu-img
(skipped likewise). The lab in a browser alone is timed where there is a build/site. The cloud is measured in seconds, MB and events; beside what qemu-img takes on
this machine stands what data/snapshot_costs.csv foresees.
"""

import subprocess
import sys

NAMES = ("cloud", "dials", "qcow2", "rpc", "scheduler", "site", "snapshot")


def main(names):
    """Run the named benchmarks, or all of them; the worst exit code is kept."""
    if unknown := set(names) - set(NAMES):
        sys.exit(f"no benchmark {min(unknown)!r}; there are {', '.join(NAMES)}")
    worst = 0
    for name in names or NAMES:
        print(f"== {name}", flush=True)
        run = subprocess.run([sys.executable, "-m", f"tools.bench.{name}"], check=False)
        worst = max(worst, run.returncode)
    sys.exit(worst)


if __name__ == "__main__":
    main(sys.argv[1:])
