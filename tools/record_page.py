"""Take from Nova's source what its page about vm_states says: data/nova-34/vm_states_page.json.gz.

    python tools/record_page.py --out data/nova-34/vm_states_page.json.gz

The page is in Nova's source archive alone, never in what is installed. pip fetches the archive of the
installed release, and its sha256 must be in requirements-test.lock. Kept are the table of commands, the arrows
of the diagram, the sentence below it, and the texts in the picture of a create. Where the archive
cannot be had, a sentence says so and nothing is written. The same bytes in every run.
"""

import argparse
import gzip
import hashlib
import importlib.util
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = "doc/source/reference/vm-states.rst"
PICTURE = "doc/source/_static/images/create-vm-states.svg"


def fetched(release, folder):
    """The source archive of *release* in *folder*, or None when pip cannot get it."""
    # An environment made by uv has no pip.
    pip = [sys.executable, "-m", "pip"] if importlib.util.find_spec("pip") else ["uvx", "pip"]
    wanted = ["--no-deps", "--no-binary", ":all:", "-d", folder, f"nova=={release}"]
    try:
        done = subprocess.run([*pip, "download", "-q", *wanted], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return next(Path(folder).glob("*.tar.gz")) if done.returncode == 0 else None


def table(page, title):
    """The rows of the table below *title*; a line whose first field is empty belongs to the one above."""
    lines = page.split(f"\n{title}\n")[1].splitlines()
    rules = [number for number, line in enumerate(lines) if re.fullmatch(r"=+( +=+)+", line)]
    spans = [match.span() for match in re.finditer("=+", lines[rules[0]])]
    ends = [start for start, _ in spans[1:]] + [None]
    rows = []
    for line in lines[rules[1] + 1 : rules[2]]:
        fields = [line[start:end].strip() for (start, _), end in zip(spans, ends, strict=True)]
        if fields[0]:
            rows.append(fields)
        else:
            rows[-1] = [f"{old} {new}".strip() for old, new in zip(rows[-1], fields, strict=True)]
    return rows


def main():
    """Fetch the archive and write what is kept of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    release = version("nova")
    with tempfile.TemporaryDirectory() as folder:
        archive = fetched(release, folder)
        if archive is None:
            print(f"The source of Nova {release} cannot be had here; nothing is written.")
            return
        if hashlib.sha256(archive.read_bytes()).hexdigest() not in (
            ROOT / "requirements-test.lock"
        ).read_text("utf-8"):
            sys.exit(f"{archive.name} is not the archive that requirements-test.lock names.")
        with tarfile.open(archive) as files:
            page, picture = (
                files.extractfile(f"nova-{release}/{name}").read().decode()
                for name in (PAGE, PICTURE)
            )
    told = {
        "nova": release,
        "page": PAGE,
        "requirements": table(page, "Requirements for Commands"),
        "arrows": re.findall(r"^ +(\w+) +-> +(\w+)", page, re.MULTILINE),
        "label": re.search(r'^ +label="(.*)";', page, re.MULTILINE)[1],
        "picture": re.findall(r"<text[^>]*>([^<]*)</text>", picture),
    }
    text = json.dumps(told, separators=(",", ":")).encode()
    out.write_bytes(gzip.compress(text, mtime=0))
    print(f"{len(told['requirements'])} commands, {len(told['arrows'])} arrows in {out}")


if __name__ == "__main__":
    main()
