"""How long the stages of a snapshot take, and when compression pays."""

import csv

import pytest

from labkit import SnapshotCosts

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


def test_flattening_takes_as_long_as_there_is_to_copy(costs):
    assert costs.flatten_s(0) == 0
    assert costs.flatten_s(1024 * MIB) == pytest.approx(10.24)
    assert SnapshotCosts.read(rbd_mib_s=512).flatten_s(1024 * MIB) == 2
    with pytest.raises(ValueError, match="rbd_mib_s = 0; expected MiB/s"):
        SnapshotCosts.read(rbd_mib_s=0)
