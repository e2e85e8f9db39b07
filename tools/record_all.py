"""Let the installed Nova say again what data/ keeps of it.

make record                # writes data/nova-34 and data/logs, the same bytes every time
make record-check          # writes nothing: compares the bytes, then makes the long run
"""

import subprocess
import sys
import tempfile
from pathlib import Path

TOOLS = Path(__file__).parent
DATA = TOOLS.parent / "data"
#: recorder: the files it writes, below data/.
RECORDERS = {
    "record_scheduler.py": ("nova-34/scheduler.json.gz",),
    "record_log.py": ("logs/nova-scheduler-34.log", "logs/nova-scheduler-34.json"),
}


def run(script, *args):
    """Run one of the tools; an error ends it all."""
    print(f"== {script} {' '.join(map(str, args))}", flush=True)
    subprocess.run([sys.executable, TOOLS / script, *args], check=True)


def record(folder):
    """Write every recording into a folder laid out as data/."""
    for script, files in RECORDERS.items():
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        run(script, "--out", (folder / files[0]))


def check():
    """Compare fresh recordings with those of data/, then compare lab and Nova at length."""
    with tempfile.TemporaryDirectory() as folder:
        record(Path(folder))
        for files in RECORDERS.values():
            for name in files:
                if (Path(folder) / name).read_bytes() != (DATA / name).read_bytes():
                    sys.exit(f"data/{name} is not what the installed Nova says now")
    print("every recording is the same, byte for byte")
    run("record_check.py")


if __name__ == "__main__":
    check() if "--check" in sys.argv[1:] else record(DATA)
