"""Run the tests that do not ask Nova in a copy of the project without data/nova-34.

    python -m tools.record.alone [argument of pytest ...]

So the lab does by itself what it does: nothing of it is read from the recordings. `make test` holds the same
with less work: there a test that opens the folder without being marked nova fails (tests/conftest.py).
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: They look at what is not copied, or need a browser.
LEFT_OUT = ("test_environment.py", "test_notebooks.py", "browser", "site")


def main(more):
    """Make the copy and run the tests in it."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "copy"
        out = "__pycache__ nova-34 .git .venv .hypothesis build work".split()
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*out))
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile"]
        command += ["-p", "no:cacheprovider", "-m", "not nova and not browser and not site", *more]
        command += [f"--ignore=tests/{name}" for name in LEFT_OUT]
        command += ["tests", "labkit"]
        env = os.environ | {"PYTHONPATH": "."}
        return subprocess.run(command, cwd=folder, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
