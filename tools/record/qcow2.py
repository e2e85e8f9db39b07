"""Write data/qcow2: small files of the real QEMU, and what it says of them.

Needs qemu-img and qemu-io (Debian: qemu-utils). Each file is made by QEMU alone; recorded.json
holds for each what ``qemu-img map`` says and the SHA-256 of the bytes that a guest reads.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.record import write

SIZE = "1M"
#: Options of create, backing file, and what qemu-io does then.
FILES = {
    "base.qcow2": ("cluster_size=4k", None, ["write -P 17 20k 30k", "write -z 100k 8k"]),
    "overlay.qcow2": (
        "cluster_size=4k",
        "base.qcow2",
        ["write -P 34 30k 5k", "write -z 40k 4k", "write -P 51 1000k 24k"],
    ),
    "compressed.qcow2": (
        "cluster_size=4k",
        "base.qcow2",
        ["write -c -P 68 64k 4k", "write -c -P 85 72k 4k", "write -P 102 80k 3k"],
    ),
    "version2.qcow2": ("cluster_size=4k,compat=0.10", None, ["write -P 119 5k 6k"]),
    "wide_refcounts.qcow2": ("cluster_size=512,refcount_bits=64", None, ["write -P 136 9k 40k"]),
}


def record(folder):
    """Make every file and ask QEMU about it."""
    if not shutil.which("qemu-img"):
        sys.exit("qemu-img is not installed (Debian: apt-get install qemu-utils)")
    folder /= "qcow2"
    folder.mkdir(parents=True, exist_ok=True)

    def run(*command):
        done = subprocess.run(
            [str(word) for word in command], cwd=folder, check=True, capture_output=True, text=True
        )
        return done.stdout

    recorded = {"version": run("qemu-img", "--version").splitlines()[0], "files": {}}
    for name, (options, backing, commands) in FILES.items():
        behind = ("-b", backing, "-F", "qcow2") if backing else ()
        run("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, *behind, name, SIZE)
        for command in commands:
            run("qemu-io", "-f", "qcow2", "-c", command, name)
        with tempfile.TemporaryDirectory() as elsewhere:
            raw = Path(elsewhere) / "raw"
            run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", name, raw)
            digest = hashlib.sha256(raw.read_bytes()).hexdigest()
        extents = json.loads(run("qemu-img", "map", "--output=json", "-f", "qcow2", name))
        recorded["files"][name] = {"sha256": digest, "map": extents}
    write(folder / "recorded.json", json.dumps(recorded, indent=1, sort_keys=True) + "\n")
