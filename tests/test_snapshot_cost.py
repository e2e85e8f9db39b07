"""What the stages of a snapshot cost, and when compression pays."""

import csv
import shutil

import pytest

from labkit import SnapshotCosts
from labkit.cloud import snapshot_cost

MIB = 1 << 20


@pytest.fixture
def costs():
    return SnapshotCosts.read(net_mib_s=100)


def test_the_table_is_the_file(root, costs):
    with (root / "data" / "snapshot_costs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(costs.table) == 6
    for row in rows:
        fixed_s, s_per_mib = costs.table[row["source"], row["target"], row["compressed"] == "yes"]
        assert (fixed_s, s_per_mib) == (float(row["fixed_s"]), float(row["s_per_mib"]))


def test_seconds_follow_what_is_written_not_the_size_of_the_disk(costs):
    _stored, empty = costs.convert(0, 0.5, "raw", "raw")
    _stored, full = costs.convert(1024 * MIB, 0.5, "raw", "raw")
    assert empty == 0.02
    assert full == pytest.approx(0.02 + 1024 * 0.00076)


def test_compressing_shrinks_by_the_ratio_and_takes_the_processor(costs):
    plain = costs.convert(1024 * MIB, 0.5, "raw", "qcow2")
    small = costs.convert(1024 * MIB, 0.5, "raw", "qcow2", compress=True)
    assert small[0] == pytest.approx(plain[0] / 2, rel=0.001)
    assert small[1] == pytest.approx(25.6, rel=0.05)  # measured, for half-compressible data
    assert small[1] > 25 * plain[1]


def test_a_slow_disk_is_the_limit(costs):
    slow = SnapshotCosts.read(disk_mib_s=50)
    assert slow.convert(1024 * MIB, 0.5, "raw", "raw")[1] == pytest.approx(20.48)
    assert slow.mirror_s(1024 * MIB) == pytest.approx(20.48)
    assert costs.mirror_s(1024 * MIB) < 1


@pytest.mark.parametrize("ratio", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_compression_pays_on_a_slow_network_alone(ratio, factor):
    limit = SnapshotCosts.read().compression_pays_below(ratio)
    costs = SnapshotCosts.read(net_mib_s=limit * factor)

    def total(compress):
        stored, seconds = costs.convert(100_000 * MIB, ratio, "raw", "qcow2", compress)
        return seconds + costs.upload_s(stored)

    assert (total(True) < total(False)) == (factor < 1)


def test_compression_never_pays_where_nothing_shrinks(costs):
    assert costs.compression_pays_below(1.0) == 0
    assert costs.compression_pays_below(0.5, "overlay") > costs.compression_pays_below(0.5)


needs_qemu = pytest.mark.skipif(not shutil.which("qemu-img"), reason="qemu-img is not installed")


@needs_qemu
def test_a_measured_table_foresees_what_was_measured(tmp_path, monkeypatch):
    """The line of each row comes close to every time that it was fitted to."""
    timed = {}

    def noted(folder, *row):
        timed[row] = convert(folder, *row)
        return timed[row]

    convert = snapshot_cost._converted_s
    monkeypatch.setattr(snapshot_cost, "_converted_s", noted)
    costs = SnapshotCosts.measure(tmp_path, (2, 8, 16), net_mib_s=50)
    assert list(costs.table) == list(SnapshotCosts.read().table)
    assert costs.net_mib_s == 50
    assert len(timed) == 3 * len(costs.table)
    for (*row, mib), seconds in timed.items():
        fixed_s, s_per_mib = costs.table[tuple(row)]
        assert seconds / 4 < fixed_s + s_per_mib * mib < seconds * 4, (row, mib)
    plain, small = (costs.convert(64 * MIB, 0.5, "raw", "qcow2", c)[1] for c in (False, True))
    assert small > plain  # compressing takes the processor, here as everywhere
    assert not list(tmp_path.iterdir())


@needs_qemu
def test_what_is_converted_is_the_disk_that_is_meant(tmp_path, monkeypatch):
    """Raw and overlay hold the same data, half of it compressible; qemu-img says how large."""
    monkeypatch.setattr(snapshot_cost, "ROUNDS", 1)
    begin = {}
    for row in (("raw", "raw", False), ("overlay", "raw", False), ("overlay", "qcow2", True)):
        assert snapshot_cost._converted_s(tmp_path, *row, 8) > 0
        out = tmp_path / "out"
        with out.open("rb") as file:
            begin[row] = file.read(9 * MIB)
        size = out.stat().st_size
        out.unlink()
    raw, overlay, _small = begin.values()
    assert raw == overlay
    assert len(raw.rstrip(b"\0")) == 8 * MIB
    assert 4 * MIB < size < 5 * MIB  # of the last, which is compressed


def test_without_qemu_img_a_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="apt-get install qemu-utils"):
        SnapshotCosts.measure()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        *(
            ({"sizes_mib": sizes}, "at least two different whole numbers of 2 to 1024")
            for sizes in ((16,), (16, 16), (2.5, 16), (1, 16), (16, 2048), 16, "16", (True, 16))
        ),
        ({"folder": "/nowhere"}, "is no folder"),
        ({"net_mib_s": 0}, "expected MiB/s"),
    ],
)
def test_measuring_refuses_what_it_cannot_measure(arguments, sentence, monkeypatch):
    monkeypatch.setattr(snapshot_cost.shutil, "which", lambda name: name)
    with pytest.raises(ValueError, match=sentence):
        SnapshotCosts.measure(**arguments)


@pytest.mark.parametrize("line", [(0.0, 0.5), (0.25, 0.5), (2.0, 0.0)])
def test_a_line_is_found_again(line):
    fixed_s, s_per_mib = line
    found = snapshot_cost._fit([16, 64, 256], [fixed_s + s_per_mib * x for x in (16, 64, 256)])
    assert found == pytest.approx(line, abs=1e-9)


@pytest.mark.parametrize("seconds", [[1, 2, 9], [3, 2, 1]])
def test_no_cost_is_below_zero(seconds):
    assert min(snapshot_cost._fit([1, 2, 4], seconds)) >= 0
