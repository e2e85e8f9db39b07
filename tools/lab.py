"""Open the lessons in JupyterLab: what `make lab` does once everything is set up."""

import argparse
import os
import socket
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Says no to "official Jupyter news?"; all other settings are the learner's.
SETTINGS = ROOT / "tools" / "jupyter"


def port(text):
    """Return a port that a server may have; end with a sentence for anything else."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        sys.exit(f"PORT={text}: expected a number from 1 to 65535, as in: make lab PORT=9000")
    return int(text)


def is_free(number):
    """Return whether nobody listens on a port of this machine."""
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex(("127.0.0.1", number)) != 0


def main():
    """Check the port, then become JupyterLab."""
    parser = argparse.ArgumentParser(prog="make lab", allow_abbrev=False)
    parser.add_argument("--port", default="8888")
    parser.add_argument("--lesson")
    arguments, more = parser.parse_known_args()
    number = port(arguments.port)
    if not is_free(number):
        print(f"Port {number} is in use; JupyterLab takes the next free one.", flush=True)
    paths = [str(SETTINGS), os.environ.get("JUPYTER_CONFIG_PATH")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    command = [sys.executable, "-m", "jupyterlab", "--log-level=WARN"]
    command += [
        f"--ServerApp.port={number}",
        f"--LabApp.default_url=/lab/tree/{arguments.lesson}",
    ]
    os.execv(sys.executable, command + more)  # noqa: S606 - JupyterLab, with what make handed over


if __name__ == "__main__":
    main()
