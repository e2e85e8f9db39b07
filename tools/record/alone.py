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
#: They look at the project's other files, or are marked nova as a whole.
LEFT_OUT = ("test_environment.py", "test_notebooks.py")


def main(more):
    """Make the copy and run the tests in it."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("labkit", "data", "tests"):
            out = shutil.ignore_patterns("__pycache__", "nova-34", "browser")
            shutil.copytree(ROOT / name, Path(folder) / name, ignore=out)
        shutil.copy(ROOT / "pyproject.toml", folder)
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile"]
        command += ["-p", "no:cacheprovider", "-m", "not nova and not browser and not site", *more]
        command += [f"--ignore=tests/{name}" for name in LEFT_OUT]
        env = os.environ | {"PYTHONPATH": "."}
        return subprocess.run(command, cwd=folder, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
