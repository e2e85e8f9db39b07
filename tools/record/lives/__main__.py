"""Record a server's life in the real Nova.

    python -m tools.record.lives [FILE ...]                # writes data/nova-34, the same bytes each time
    python -m tools.record.lives --check [FILE ...]        # records again and compares, writes nothing
    python -m tools.record.lives --only create stop_start  # these alone, compared

A difference is told as soon as the scenario is through; the exit code is then 1.
"""

import argparse
import collections
import gzip
import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
import time

PROJECT = pathlib.Path(__file__).parents[3]
FOLDER = PROJECT / "data" / "nova-34"
FILES = ("api_states", "contexts", "deployed", "lifecycle", "moves", "snapshots", "clouds")
ABOUT = {
    "backend": "eventlet",
    "database": "sqlite, one file per cell; nova-compute reaches it without the conductor",
    "driver": "Nova's fake driver with libvirt's power states and snapshot steps",
    "nova": "34.0.0",
    "placement": "16.0.0",
}
LIBVIRT = "as in lifecycle.json.gz, but its snapshots are those of Nova's LibvirtDriver"


class Worker:
    """A process that records units."""

    def __init__(self):
        command = [sys.executable, "-W", "ignore", "-m", "tools.record.lives.worker"]
        self.process = subprocess.Popen(
            command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def record(self, unit):
        """What was recorded of a unit, or why it was not."""
        self.process.stdin.write(unit + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"unit": unit, "failed": "the worker died"}

    def close(self):
        """Let the process end."""
        self.process.stdin.close()
        self.process.wait()


def record_all(units, workers, look):
    """What was recorded of each unit; what failed is said and missing.

    *look* is asked, with a unit and what was found of it, for a word to print beside its name.
    """
    waiting, found = queue.SimpleQueue(), {}
    for unit in units:
        waiting.put(unit)

    def work(worker):
        while True:
            try:
                unit = waiting.get_nowait()
            except queue.Empty:
                return
            begun = time.monotonic()
            answer = worker.record(unit)
            took = f"{time.monotonic() - begun:6.1f} s"
            if "failed" in answer:
                print(f"{took}  {unit} FAILED: {answer['failed']}", file=sys.stderr, flush=True)
            else:
                word = look(unit, answer["found"])
                print(f"{took}  {unit}{word}", file=sys.stderr, flush=True)
                found[unit] = answer["found"]

    threads = [threading.Thread(target=work, args=[worker]) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def assemble(file, found):
    """The content of a file from what was recorded of its units."""
    parts = collections.defaultdict(dict)
    for unit, value in found.items():
        part, _, name = unit.partition("/")
        parts[part][name] = value
    if file == "api_states":
        actions = {}
        for value in parts["rest"].values():
            actions |= value
        content = parts["facts"]["all"] | {"guards": parts["guards"]["all"], "actions": actions}
    else:
        content = {"scenarios": parts[file]} | parts.get("tables", {})
    about = ABOUT | {"driver": LIBVIRT} if file == "snapshots" else ABOUT
    return content | {"about": about}


def verdict(files, out):
    """A function that tells of a unit whether it is what the files in a folder hold."""
    contents = {file: read(out / f"{file}.json.gz") for file in files}

    def look(unit, value):
        part = unit.partition("/")[0]
        file = part if part in contents else {"tables": "lifecycle"}.get(part, "api_states")
        return "  DIFFERS" if differing(file, {unit: value}, contents[file]) else ""

    return look


def packed(content):
    """The bytes of a file: the same for the same content."""
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    return gzip.compress(text.encode(), mtime=0)


def read(path):
    """The content of a file; nothing if there is none."""
    return json.loads(gzip.decompress(path.read_bytes())) if path.exists() else {}


def differing(file, found, content):
    """The units that the content of a file does not hold as they were found."""
    bad = []
    for unit, value in found.items():
        part, _, name = unit.partition("/")
        if part == "facts":
            same = all(content.get(key) == value[key] for key in value)
        elif part == "rest":
            same = content.get("actions", {}).get(name) == value[name]
        elif part == file:
            same = content.get("scenarios", {}).get(name) == value
        else:
            same = content.get("guards" if part == "guards" else name) == value
        if not same:
            bad.append(unit)
    return bad


def main():
    """Record the files, or with --check or --only compare with what is there."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.record.lives", description=__doc__.splitlines()[0]
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help=f"of {', '.join(FILES)}")
    parser.add_argument("--check", action="store_true", help="compare and write nothing")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="compare these scenarios only")
    parser.add_argument("--jobs", type=int, default=min(4, 2 * os.cpu_count()), help="processes")
    parser.add_argument("--out", type=pathlib.Path, default=FOLDER, help="the folder")
    args = parser.parse_args()
    files = args.files or FILES
    workers = [Worker() for _ in range(args.jobs)]
    units = {file: workers[0].record(f"units/{file}")["found"] for file in files}
    if args.only:
        for file, names in units.items():
            units[file] = [unit for unit in names if unit.partition("/")[2] in args.only]
    wanted = [unit for file in files for unit in units[file]]
    compares = args.check or args.only
    print(f"{len(wanted)} units, {args.jobs} at a time", file=sys.stderr, flush=True)
    look = verdict(files, args.out) if compares else lambda unit, value: ""
    found = record_all(wanted, workers, look)
    for worker in workers:
        worker.close()
    bad = sum(finish(args, file, units[file], found) for file in files if units[file])
    return 1 if bad else 0


def finish(args, file, units, found):
    """Write a file or compare with it; true if that is not well."""
    path = args.out / f"{file}.json.gz"
    ours = {unit: found[unit] for unit in units if unit in found}
    if args.check or args.only:
        bad = differing(file, ours, read(path)) + [unit for unit in units if unit not in ours]
        if not bad and not args.only and path.read_bytes() != packed(assemble(file, ours)):
            bad = ["other bytes, or scenarios that are no more"]
        print(f"{path.name}: {'DIFFERS: ' + ', '.join(bad) if bad else 'the same'}")
        return bool(bad)
    if len(ours) < len(units):
        print(f"{path.name}: not complete, not written", file=sys.stderr)
        return True
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed(assemble(file, ours)))
    print(f"{path.name}: {path.stat().st_size:,} bytes")
    return False


if __name__ == "__main__":
    sys.exit(main())
