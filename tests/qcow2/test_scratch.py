"""A folder for files that nobody keeps: new, empty, and gone with its Python."""

import subprocess
import sys
from pathlib import Path

from labkit import qcow2


def test_each_is_new_and_empty():
    first, second = qcow2.scratch(), qcow2.scratch()
    assert first != second
    assert [*first.iterdir(), *second.iterdir()] == []


def test_it_is_gone_when_python_ends(root):
    code = "from labkit import qcow2; f = qcow2.scratch(); (f / 'x').touch(); print(f)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()).name.startswith("labkit-")
    assert not Path(done.stdout.strip()).exists()
