"""Let the installed Nova say again what data/ keeps of it.

    make record                # writes data/nova-34 and data/logs, the same bytes every time
    make record-check          # writes nothing: compares the bytes, then makes the long runs

Either takes tens of minutes on two cores, most of them for a server's life (tools/record).

The long runs are random sequences of actions (tools/record/compare_random.py) and random decisions
of the scheduler (tools/record_check.py). A difference is told when it is met, the other checks
are made all the same, and the exit code is 1. `--sequences N` and `--decisions N` say how many.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"
#: recorder: the files it writes, below data/. A server's life is recorded by tools/record.
RECORDERS = {
    "tools/record_log.py": ("logs/nova-scheduler-34.log", "logs/nova-scheduler-34.json"),
    "tools/record_requests_log.py": tuple(
        f"logs/one_server/nova-{name}.log" for name in ("api", "conductor", "scheduler", "compute")
    ),
    "tools/record_scheduler.py": ("nova-34/scheduler.json.gz",),
    "tools/record_rpc.py": ("nova-34/rpc.json.gz",),
    "tools/record_page.py": ("nova-34/vm_states_page.json.gz",),
}


def run(*args):
    """Run one of the tools; return whether all was well."""
    print(f"== {' '.join(map(str, args))}", flush=True)
    begun = time.monotonic()
    done = subprocess.run([sys.executable, *args], cwd=ROOT, check=False).returncode == 0
    print(f"   {'done' if done else 'FAILED'} ({time.monotonic() - begun:.0f} s)", flush=True)
    return done


def record(script, folder):
    """Let a recorder write into a folder laid out as data/; return whether all was well."""
    files = [folder / name for name in RECORDERS[script]]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
    return run(script, "--out", files[0])


def write():
    """Write every recording; return the recorders that failed."""
    failed = [script for script in RECORDERS if not record(script, DATA)]
    return failed if run("-m", "tools.record") else [*failed, "tools/record"]


def check(sequences, decisions):
    """Compare fresh recordings with those of data/, then lab and Nova; return what differs."""
    bad = []
    with tempfile.TemporaryDirectory() as folder:
        for script, names in RECORDERS.items():
            if not record(script, Path(folder)):
                bad.append(script)
                continue
            for name in names:
                if not (Path(folder) / name).exists():  # the recorder has said why
                    print(f"   data/{name}: not compared", flush=True)
                    continue
                told = difference((DATA / name), (Path(folder) / name))
                print(f"   data/{name}: {told or 'the same'}", flush=True)
                bad += [f"data/{name}"] if told else []
    for args in (
        ("-m", "tools.record", "--check"),
        ("-m", "tools.record.compare_random", "--count", str(sequences)),
        ("tools/record_check.py", "--decisions", str(decisions)),
    ):
        if not run(*args):
            bad.append(" ".join(args))
    return bad


def difference(old, new):
    """Return where two files first differ, in words; None for the same bytes."""
    if not old.exists():
        return "DIFFERS: there is none; make record writes it"
    before, after = old.read_bytes(), new.read_bytes()
    if before == after:
        return None
    if old.suffix == ".gz":
        before, after = gzip.decompress(before), gzip.decompress(after)
    if ".json" in old.suffixes:
        path, kept, now = first(json.loads(before), json.loads(after))
        kept, now = json.dumps(kept)[:200], json.dumps(now)[:200]
        return f"DIFFERS at {path or '/'}: kept {kept}, Nova says {now}"
    lines = [text.decode().splitlines() for text in (before, after)]
    for number, (kept, now) in enumerate(zip(*lines, strict=False), 1):
        if kept != now:
            return f"DIFFERS in line {number}: kept {kept[:200]!r}, Nova says {now[:200]!r}"
    return f"DIFFERS: {len(lines[0])} lines kept, Nova says {len(lines[1])}"


def first(kept, now, path=""):
    """Return (path, kept, now) where two contents of JSON first differ.

    Of objects with other names the names that only one of them has.
    """
    if isinstance(kept, dict) and isinstance(now, dict):
        if kept.keys() != now.keys():
            only = sorted(kept.keys() - now.keys()), sorted(now.keys() - kept.keys())
            return path, *only
        pairs = [(key, kept[key], now[key]) for key in kept]
    elif isinstance(kept, list) and isinstance(now, list) and len(kept) == len(now):
        pairs = [(k, *pair) for k, pair in enumerate(zip(kept, now, strict=True))]
    else:
        return path, kept, now
    for key, one, other in pairs:
        if one != other:
            return first(one, other, f"{path}/{key}")
    return path, "the same content", "other bytes"


def main():
    """Write, or with --check compare; exit with what was not well."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--sequences", type=int, default=300)
    parser.add_argument("--decisions", type=int, default=50_000)
    args = parser.parse_args()
    bad = check(args.sequences, args.decisions) if args.check else write()
    if bad:
        sys.exit("NOT well: " + "; ".join(bad))
    said = "the recordings are the same byte for byte, and the lab did what Nova did"
    print(said if args.check else "every recording is written")


if __name__ == "__main__":
    main()
