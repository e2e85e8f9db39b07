"""Take from Nova's source what its page about vm_states says: data/nova-34/vm_states_page.json.gz.

The page is in Nova's source archive alone, never in what is installed. pip fetches the archive of the
installed release, and its sha256 must be in requirements-test.lock. Kept are the table of commands, the arrows
of the diagram, the sentence below it, and the texts in the picture of a create. Where the archive
cannot be had, a sentence says so and nothing is written. The same bytes in every run.
"""

import hashlib
import json
import re
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

from tools.record import write
from tools.record.archives import fetched

ROOT = Path(__file__).resolve().parents[2]
PAGE = "doc/source/reference/vm-states.rst"
PICTURE = "doc/source/_static/images/create-vm-states.svg"


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


def record(folder):
    """Fetch the archive and write what is kept of it."""
    release = version("nova")
    with tempfile.TemporaryDirectory() as fresh:
        archive = fetched(release, fresh, binary=False)
        known = (ROOT / "requirements-test.lock").read_text("utf-8")
        if hashlib.sha256(archive.read_bytes()).hexdigest() not in known:
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
    text = json.dumps(told, separators=(",", ":"))
    write(folder / "nova-34/vm_states_page.json.gz", text)
