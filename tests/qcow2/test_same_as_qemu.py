"""Random disks, written in turns by the lab and by the real QEMU, read by both."""

import json
import random
import shutil
import subprocess

import pytest

from labkit import qcow2
from tests.helpers import length

pytestmark = pytest.mark.skipif(not shutil.which("qemu-io"), reason="qemu-utils is not installed")
SIZES = (512, 4096, 65536, 2 * 1024**2)


def run(folder, *command):
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def make(folder, rng, name, backing, by_qemu):
    cluster_size = rng.choice(SIZES)
    size = rng.randint(1, 40) * rng.choice((512, 4096, 65536))
    if not by_qemu:
        behind = (backing, "qcow2") if backing else ()
        qcow2.create(folder / name, size, *behind, cluster_size=cluster_size).close()
        return size
    options = f"cluster_size={cluster_size}"
    if rng.random() < 0.2:
        options += ",compat=0.10"
    elif rng.random() < 0.3:
        options += f",refcount_bits={rng.choice((8, 16, 32, 64))}"
    behind = ("-b", backing, "-F", "qcow2") if backing else ()
    run(folder, "qemu-img", "create", "-q", "-f", "qcow2", "-o", options, *behind, name, size)
    return size


def change(folder, rng, name, size):
    offset = rng.randrange(size // 512) * 512
    length = min(rng.randint(1, 300) * 512, size - offset)
    zeros, byte = rng.random() < 0.25, rng.randint(1, 255)
    if rng.random() < 0.5:
        what = "-z" if zeros else f"-P {byte}"
        run(folder, "qemu-io", "-f", "qcow2", "-c", f"write {what} {offset} {length}", name)
        return
    with qcow2.WritableImage(folder / name) as image:
        if zeros:
            image.write_zeroes(offset, length)
        else:
            image.write(offset + rng.randint(0, 5), bytes([byte]) * (length - 5))
        assert qcow2.check(image) == []


@pytest.mark.parametrize("seed", length.some(range(25), 2))
def test_both_read_what_both_wrote(tmp_path, seed):
    rng = random.Random(seed)
    name = None
    for depth in range(rng.randint(1, 3)):
        backing, name = name, f"disk-{depth}"
        size = make(tmp_path, rng, name, backing, by_qemu=rng.random() < 0.5)
        for _ in range(rng.randint(0, 6)):
            change(tmp_path, rng, name, size)
        run(tmp_path, "qemu-img", "check", "-q", name)
    with qcow2.Image(tmp_path / name) as image:
        run(tmp_path, "qemu-img", "convert", "-f", "qcow2", "-O", "raw", name, "raw")
        assert image.read() == (tmp_path / "raw").read_bytes()[:size]
        ours = [extent._asdict() for extent in image.map()]
        qcow2.flatten(image, tmp_path / "flat")
    theirs = json.loads(run(tmp_path, "qemu-img", "map", "-f", "qcow2", "--output=json", name))
    keys = ("start", "length", "depth", "present", "zero", "data", "offset")
    assert [{key: extent.get(key) for key in keys} for extent in theirs] == [
        {key: extent[key] for key in keys} for extent in ours
    ]
    run(tmp_path, "qemu-img", "check", "-q", "flat")
    run(tmp_path, "qemu-img", "compare", "-q", "flat", name)


@pytest.mark.parametrize("cluster_size", SIZES)
def test_a_table_stands_before_its_clusters_as_qemu_writes_them(tmp_path, cluster_size):
    rng, size = random.Random(cluster_size), 200 * cluster_size
    options = f"cluster_size={cluster_size}"
    run(tmp_path, "qemu-img", "create", "-q", "-f", "qcow2", "-o", options, "theirs", size)
    with qcow2.create(tmp_path / "ours", size, cluster_size=cluster_size) as ours:
        for _ in range(8):
            start = rng.randrange(size // 512) * 512
            count = min(rng.randint(1, 100) * 512, size - start)
            ours.write(start, b"x" * count)
            write = f"write -P 120 {start} {count}"
            run(tmp_path, "qemu-io", "-f", "qcow2", "-c", write, "theirs")
        with qcow2.Image(tmp_path / "theirs") as theirs:
            assert [e.offset for e in ours.map()] == [e.offset for e in theirs.map()]


def test_a_compressed_disk_is_read_the_same(tmp_path):
    with qcow2.create(tmp_path / "plain", 50 * 65536) as image:
        image.write(70_000, random.Random(1).randbytes(100_000) + b"easy" * 300_000)
        whole = image.read()
    run(tmp_path, "qemu-img", "convert", "-c", "-f", "qcow2", "-O", "qcow2", "plain", "small")
    with qcow2.WritableImage(tmp_path / "small") as image:
        assert image.read() == whole
        assert "compressed" in set(image.clusters().kind)
        image.write(100_000, b"changed")
        assert qcow2.check(image) == []
    run(tmp_path, "qemu-img", "check", "-q", "small")


def test_holes_in_the_file_are_listed_as_by_qemu(tmp_path):
    """A raw and a qcow2 file with holes, each with an overlay above it."""
    (tmp_path / "d.raw").write_bytes((b"x" * 4096 + bytes(61440)) * 8)
    run(tmp_path, "qemu-img", "convert", "-O", "qcow2", "-S", "0", "d.raw", "dense.qcow2")
    for name in ("d.raw", "dense.qcow2"):
        run(tmp_path, "cp", "--sparse=always", name, f"sparse-{name}")
        kind = name.rpartition(".")[2]
        behind = ("-b", f"sparse-{name}", "-F", kind)
        run(tmp_path, "qemu-img", "create", "-q", "-f", "qcow2", *behind, f"top-{kind}", "1M")
    for name in ("dense.qcow2", "sparse-dense.qcow2", "top-raw", "top-qcow2"):
        asked = ("qemu-img", "map", "-f", "qcow2", "--output=json", name)
        with qcow2.Image(tmp_path / name) as image:
            ours = [(e.start, e.length, e.depth, e.zero, e.data, e.offset) for e in image.map()]
        keys = "start length depth zero data".split()
        theirs = json.loads(run(tmp_path, *asked))
        assert ours == [(*(e[key] for key in keys), e.get("offset")) for e in theirs]


@pytest.mark.parametrize(
    "options", ["compat=1.1", *(f"preallocation={how}" for how in ("metadata", "falloc", "full"))]
)
def test_a_file_that_was_written_into_is_listed_as_by_qemu(tmp_path, options):
    """Its holes are seen where it was preallocated, and not where a cluster is half written."""
    run(tmp_path, "qemu-img", "create", "-q", "-f", "qcow2", "-o", options, "d", "4M")
    writes = "write -P 1 0 64k", "write -P 2 1000k 300k", "write -z 2M 128k", "discard 64k 0"
    given = [word for each in writes for word in ("-c", each)]
    run(tmp_path, "qemu-io", "-f", "qcow2", *given, "d")
    theirs = json.loads(run(tmp_path, "qemu-img", "map", "-f", "qcow2", "--output=json", "d"))
    with qcow2.Image(tmp_path / "d") as image:
        ours = [(e.start, e.length, e.zero, e.data) for e in image.map()]
    assert ours == [tuple(e[key] for key in ("start", "length", "zero", "data")) for e in theirs]


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 64])
def test_refcounts_of_any_width_are_checked(tmp_path, bits):
    run(
        tmp_path,
        "qemu-img",
        "create",
        "-q",
        "-f",
        "qcow2",
        "-o",
        f"refcount_bits={bits}",
        "d",
        "1M",
    )
    run(tmp_path, "qemu-io", "-f", "qcow2", "-c", "write -P 7 0 300k", "d")
    assert qcow2.check(tmp_path / "d") == []
