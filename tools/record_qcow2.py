"""Write data/qcow2: small files of the real QEMU, and what it says of them.

    python tools/record_qcow2.py

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

FOLDER = Path(__file__).parent.parent / "data" / "qcow2"
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


def main():
    """Make every file and ask QEMU about it."""
    if not shutil.which("qemu-img"):
        sys.exit("qemu-img is not installed (Debian: apt-get install qemu-utils)")
    FOLDER.mkdir(exist_ok=True)
    recorded = {"version": _run("qemu-img", "--version").splitlines()[0], "files": {}}
    for name, (options, backing, commands) in FILES.items():
        behind = ("-b", backing, "-F", "qcow2") if backing else ()
        _run("qemu-img", "create", "-q", "-f", "qcow2", "-o", options, *behind, name, SIZE)
        for command in commands:
            _run("qemu-io", "-f", "qcow2", "-c", command, name)
        with tempfile.TemporaryDirectory() as folder:
            raw = Path(folder) / "raw"
            _run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", name, raw)
            digest = hashlib.sha256(raw.read_bytes()).hexdigest()
        extents = json.loads(_run("qemu-img", "map", "--output=json", "-f", "qcow2", name))
        recorded["files"][name] = {"sha256": digest, "map": extents}
    text = json.dumps(recorded, indent=1, sort_keys=True)
    (FOLDER / "recorded.json").write_text(text + "\n", encoding="utf-8")
    print(f"{len(FILES)} files of {recorded['version']} in {FOLDER}")


def _run(*command):
    done = subprocess.run(
        [str(word) for word in command], cwd=FOLDER, check=True, capture_output=True, text=True
    )
    return done.stdout


if __name__ == "__main__":
    main()
