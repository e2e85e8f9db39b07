"""The commands that the driver notes, given to the real qemu-img: accepted, and with the same result."""

import json
import random
import shutil
import subprocess

import pytest

from labkit import Options, RootDisk, SnapshotCosts
from labkit.neighbours.processutils import ProcessExecutionError
from labkit.nova.clock import HostEvent
from labkit.nova.virt import images
from labkit.nova.virt.libvirt import utils
from labkit.nova.virt.libvirt.host import Host

pytestmark = pytest.mark.skipif(not shutil.which("qemu-img"), reason="qemu-utils is not installed")
MIB = 1 << 20
#: Half random, half a short text again and again: compression leaves a little more than half.
HALF = random.Random(1).randbytes(MIB) + b"labkit  " * (MIB // 8)


class Noting:
    """A service that remembers what is noted."""

    def __init__(self):
        self.events = []

    def note(self, kind, name, *words):
        if kind is HostEvent:
            self.events.append(words)


def qemu(*command):
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.fixture
def disks(tmp_path):
    """A raw disk of 16 MiB, half written, and an overlay over it, with 4 MiB of its own."""
    raw, overlay = tmp_path / "raw", tmp_path / "overlay"
    with raw.open("wb") as file:
        file.truncate(16 * MIB)
        file.write(HALF * 4)
    assert not qemu(
        "qemu-img", "create", "-q", "-f", "qcow2", "-b", raw, "-F", "raw", overlay
    ).returncode
    writes = [part for at in range(8, 12) for part in ("-c", f"write -P 7 {at}M 1M")]
    assert not qemu("qemu-io", "-f", "qcow2", *writes, overlay).returncode
    return raw, overlay


@pytest.fixture
def host(disks):
    raw, overlay = map(str, disks)
    host = Host(Options(), costs=SnapshotCosts.read(), supports_direct_io=False)
    over = RootDisk("file", overlay, "qcow2", None, None, 16, 4, raw, 8, 0.5)
    host.define("2", over)
    host.define("1", RootDisk("file", raw, "raw", None, None, 16, 8, ratio=0.51))
    view = host.at_work(Noting(), type("Instance", (), {"name": "web-1"}))
    view.raw, view.overlay = raw, overlay
    return view


@pytest.mark.parametrize("name", ["raw", "overlay"])
def test_info_is_told_as_by_qemu_img(host, name):
    path = getattr(host, name)
    ours = json.loads(host._info(path))
    theirs = json.loads(qemu("qemu-img", "info", "--output=json", path).stdout)
    assert ours.items() <= theirs.items()
    assert ("backing-filename" in theirs) == ("backing-filename" in ours)
    assert ("cluster-size" in theirs) == ("cluster-size" in ours)


@pytest.mark.parametrize("source", ["raw", "overlay"])
@pytest.mark.parametrize(
    ("target", "compress"), [("raw", False), ("qcow2", False), ("qcow2", True)]
)
def test_a_conversion_is_accepted_and_as_large_as_foreseen(
    host, tmp_path, source, target, compress
):
    path, dest = getattr(host, source), str(tmp_path / "image")
    in_format = "raw" if source == "raw" else "qcow2"
    images.convert_image(host, path, dest, in_format, target, compress=compress)
    kind, (words, run_as_root) = host.service.events[-1]
    assert (kind, run_as_root) == ("execute", False)
    done = qemu(*words.split(" "))
    assert done.returncode == 0, done.stderr
    assert qemu("qemu-img", "compare", path, dest).returncode == 0
    told = json.loads(qemu("qemu-img", "info", "--output=json", dest).stdout)
    made = host.images[dest]
    assert told["format"] == made.format
    assert told["virtual-size"] == made.virtual_size
    assert told["actual-size"] == pytest.approx(made.stored, abs=MIB if not compress else 2.5 * MIB)


def test_an_overlay_is_created_as_noted(host, tmp_path):
    dest = str(tmp_path / "delta")
    utils.create_image(host, dest, "qcow2", 16 * MIB, backing_file=host.raw)
    (words, _root) = host.service.events[-1][1]
    done = qemu(*words.split(" "))
    assert done.returncode == 0, done.stderr
    told = json.loads(qemu("qemu-img", "info", "--output=json", dest).stdout)
    assert json.loads(host._info(dest)).items() <= told.items()


def test_an_unknown_format_is_refused_in_the_same_words(host, tmp_path):
    command = ["qemu-img", "convert", "-t", "writeback", "-O", "isolate", "-f", "raw", host.raw]
    command.append(str(tmp_path / "image"))
    with pytest.raises(ProcessExecutionError) as refused:
        host.execute(*command)
    done = qemu(*command)
    assert (refused.value.exit_code, refused.value.stderr) == (done.returncode, done.stderr)
