"""The measuring of qemu-img: the disks are the ones that are meant, a line is found again."""

import shutil

import pytest

from labkit import SnapshotCosts
from tools.bench import snapshot

MIB = 1 << 20

needs_qemu = pytest.mark.skipif(not shutil.which("qemu-img"), reason="qemu-img is not installed")


@needs_qemu
def test_a_measured_table_foresees_what_was_measured(tmp_path, monkeypatch):
    """The line of each row comes close to every time that it was fitted to."""
    timed = {}

    def noted(folder, *row):
        timed[row] = convert(folder, *row)
        return timed[row]

    convert = snapshot.converted_s
    monkeypatch.setattr(snapshot, "converted_s", noted)
    costs = SnapshotCosts(snapshot.measure(tmp_path, (2, 8, 16)))
    assert list(costs.table) == list(SnapshotCosts.read().table)
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
    monkeypatch.setattr(snapshot, "ROUNDS", 1)
    begin = {}
    for row in (("raw", "raw", False), ("overlay", "raw", False), ("overlay", "qcow2", True)):
        assert snapshot.converted_s(tmp_path, *row, 8) > 0
        out = tmp_path / "out"
        with out.open("rb") as file:
            begin[row] = file.read(9 * MIB)
        size = out.stat().st_size
        out.unlink()
    raw, overlay, _small = begin.values()
    assert raw == overlay
    assert len(raw.rstrip(b"\0")) == 8 * MIB
    assert 4 * MIB < size < 5 * MIB  # of the last, which is compressed


@pytest.mark.parametrize("line", [(0.0, 0.5), (0.25, 0.5), (2.0, 0.0)])
def test_a_line_is_found_again(line):
    fixed_s, s_per_mib = line
    found = snapshot.fit([16, 64, 256], [fixed_s + s_per_mib * x for x in (16, 64, 256)])
    assert found == pytest.approx(line, abs=1e-9)


@pytest.mark.parametrize("seconds", [[1, 2, 9], [3, 2, 1]])
def test_no_cost_is_below_zero(seconds):
    assert min(snapshot.fit([1, 2, 4], seconds)) >= 0
