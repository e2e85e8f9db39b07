"""Why nobody may guess the format of a backing file: the lab refuses, the real QEMU guesses."""

import shutil
import subprocess

import pytest

from labkit import qcow2

SECRET = b"password of the host".ljust(65536)
BACKING_FORMAT = b"\xe2\x79\x2a\xca"


@pytest.fixture
def nameless(tmp_path):
    """An overlay over a raw disk whose guest wrote a qcow2 header that names a file of the host."""
    (tmp_path / "secret.txt").write_bytes(SECRET)
    qcow2.create(tmp_path / "disk.raw", len(SECRET), "secret.txt", "raw").close()
    path = tmp_path / "over.qcow2"
    qcow2.create(path, len(SECRET), "disk.raw", "raw").close()
    path.write_bytes(path.read_bytes().replace(BACKING_FORMAT, bytes(4)))
    return path


def test_the_lab_does_not_guess(nameless):
    with pytest.raises(qcow2.Qcow2Error, match="does not say the format"):
        qcow2.Image(nameless)
    with qcow2.Image(nameless, backing_format="raw") as image:
        assert image.read(0, 4) == b"QFI\xfb"
    with qcow2.Image(nameless, backing_format="qcow2") as image:
        assert image.read() == SECRET


@pytest.mark.skipif(not shutil.which("qemu-img"), reason="qemu-utils is not installed")
def test_qemu_guesses_and_gives_the_secret_away_but_makes_no_such_file(nameless):
    def run(*command):
        return subprocess.run(
            command, cwd=nameless.parent, capture_output=True, text=True, check=False
        )

    assert (
        run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", "over.qcow2", "out").returncode == 0
    )
    assert (nameless.parent / "out").read_bytes() == SECRET
    made = run("qemu-img", "create", "-f", "qcow2", "-b", "disk.raw", "new.qcow2")
    assert made.returncode != 0
    assert "without backing format" in made.stderr
