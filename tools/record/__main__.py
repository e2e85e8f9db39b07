"""Let the installed Nova say again what data/ keeps of it.

    python -m tools.record [PART ...]            # writes data/, the same bytes every time
    python -m tools.record --check [PART ...]    # writes nothing: compares, then lab and Nova at length

Without a part: all but *qcow2* and *older*, which need QEMU 7.2 and wheels of older releases. --check has
five parts more: *random_lives* (sequences of actions through a whole Nova), *random_clouds* (the same of
several servers), *random_decisions* (of the scheduler), *alone* (the tests without data/nova-34), and
*length* (all cases of the tests of which `make test` takes a part). A part that fails is told when it is
met, the others run all the same; the last lines say how each went, and the exit code is 1 if one was not
well.
On two cores that also did other things --check took two and a half hours, most of it for *lives* and
*random_clouds*.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools.record.differences import difference

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "data"
SERVICES = ("api", "conductor", "scheduler", "compute")
QCOW2 = ("base", "overlay", "compressed", "version2", "wide_refcounts")
#: part, a module of this package: the files that it writes, below data/.
FILES = {
    "log": ("logs/nova-scheduler-34.log", "logs/nova-scheduler-34.json"),
    "requests_log": tuple(f"logs/one_server/nova-{name}.log" for name in SERVICES),
    "scheduler": ("nova-34/scheduler.json.gz",),
    "rpc": ("nova-34/rpc.json.gz",),
    "page": ("nova-34/vm_states_page.json.gz",),
    "lives": (),  # compares by itself, life by life
    "clouds": (),  # so too
    "qcow2": ("qcow2/recorded.json", *(f"qcow2/{name}.qcow2" for name in QCOW2)),
    "older": (
        "nova-15/hosts.json.gz",
        "nova-15/snapshot.json.gz",
        "nova-21/weights.json",
        "nova-24/live_snapshot.json",
    ),
}
#: Tests that take a part of their cases in `make test`.
AT_LENGTH = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "tests").rglob("test_*.py")
    if "length." in path.read_text(encoding="utf-8")
)
BY_NAME_ALONE = ("qcow2", "older")
LIVES = ("api_states", "contexts", "deployed", "lifecycle", "moves", "snapshots")


def run(*args, **environment):
    """Run a module; return whether all was well."""
    print(f"== {' '.join(map(str, args))}", flush=True)
    return (
        subprocess.run(
            [sys.executable, "-m", *args], cwd=ROOT, env=os.environ | environment, check=False
        ).returncode
        == 0
    )


def record(part, folder):
    """Let a part write into a folder laid out as data/, in a process of its own."""
    return run("tools.record.one", part, folder)


def compare(part):
    """Record a part again and compare; return whether all is the same."""
    with tempfile.TemporaryDirectory() as folder:
        if not record(part, folder):
            return False
        well = True
        for name in FILES[part]:
            if not (Path(folder) / name).exists():  # the recorder has said why
                print(f"   data/{name}: not compared", flush=True)
                continue
            told = difference(DATA / name, Path(folder) / name)
            print(f"   data/{name}: {told or 'the same'}", flush=True)
            well = well and told is None
    return well


def main():
    """Write, or with --check compare; exit with what was not well."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.record", description=__doc__.splitlines()[0]
    )
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--check", action="store_true", help="compare and write nothing")
    parser.add_argument("--lives", default="120", help="random sequences of actions")
    parser.add_argument("--clouds", default="200", help="random clouds of several servers")
    parser.add_argument("--decisions", default="30000", help="random decisions of the scheduler")
    args = parser.parse_args()
    if args.check:
        steps = {part: lambda part=part: compare(part) for part in FILES}
        steps["lives"] = lambda: run("tools.record.lives", "--check", *LIVES)
        steps["clouds"] = lambda: run("tools.record.lives", "--check", "clouds")
        steps["random_lives"] = lambda: run("tools.record.random_lives", "--count", args.lives)
        steps["random_clouds"] = lambda: run("tools.record.random_clouds", "--count", args.clouds)
        steps["random_decisions"] = lambda: run(
            "tools.record.random_decisions", "--count", args.decisions
        )
        steps["alone"] = lambda: run("tools.record.alone")
        steps["length"] = lambda: run("pytest", "-q", *AT_LENGTH, LENGTH="all")
    else:
        steps = {part: lambda part=part: record(part, DATA) for part in FILES}
        steps["lives"] = lambda: run("tools.record.lives", *LIVES)
        steps["clouds"] = lambda: run("tools.record.lives", "clouds")
    wanted = args.parts or [part for part in steps if part not in BY_NAME_ALONE]
    if unknown := sorted(set(wanted) - set(steps)):
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(steps)}")
    told, bad = [], []
    for part in wanted:
        begun = time.monotonic()
        well = steps[part]()
        bad += [] if well else [part]
        told.append(
            f"{part:17}{'well' if well else 'NOT WELL':10}{time.monotonic() - begun:5.0f} s"
        )
        print(f"   {told[-1]}", flush=True)
    print("\n".join(["==", *told]))
    sys.exit("NOT well: " + ", ".join(bad) if bad else 0)


if __name__ == "__main__":
    main()
