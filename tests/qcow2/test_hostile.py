"""Files that lie: cut off, damaged, in a circle, of absurd sizes. Each ends in a clear error."""

import os
import random

import pytest

from labkit import qcow2
from tests.helpers import length


@pytest.fixture
def disk(tmp_path):
    with qcow2.create(tmp_path / "disk", 64 * 4096, cluster_size=4096) as image:
        image.write(5000, b"x" * 50_000)
    return tmp_path / "disk"


def refusal(path):
    try:
        with qcow2.Image(path) as image:
            image.map()
            image.read()
    except qcow2.Qcow2Error as error:
        return str(error)
    pytest.fail("it was read")


def patched(path, at, value):
    raw = bytearray(path.read_bytes())
    raw[at : at + len(value)] = value
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    ("at", "value", "sentence"),
    [
        (0, b"MZ", "is no qcow2"),
        (4, b"\0\0\0\1", "of version 1"),
        (20, b"\0\0\0\x40", "cluster_bits is 64"),
        (24, b"\xff" * 8, "but its l1_size reaches"),
        (32, b"\0\0\0\1", "is encrypted"),
        (36, b"\xff" * 4, "more than 32 MiB of entries"),
        (40, b"\0\0\0\0\0\0\0\1", "not the start of a cluster"),
        (40, b"\0\0\x7f\0\0\0\0\0", "beyond the end of the file"),
        (56, b"\xff" * 4, "refcount table of"),
        (72, b"\0\0\0\0\0\0\0\2", "marked as corrupt"),
        (72, b"\0\0\0\0\0\0\0\4", "keeps its data in another file"),
        (72, b"\0\0\0\0\0\0\0\x08", "zstd"),
        (72, b"\0\0\0\0\0\0\0\x10", "subclusters"),
        (72, b"\0\0\0\0\1\0\0\0", "incompatible_features"),
        (100, b"\xff" * 4, "header_length"),
    ],
)
def test_a_header_that_lies(disk, at, value, sentence):
    assert sentence in refusal(patched(disk, at, value))


def test_a_file_that_was_cut_off_is_never_read_as_zeros(disk):
    raw = disk.read_bytes()
    for kept in range(0, len(raw) - 4096, 997):
        disk.write_bytes(raw[:kept])
        assert "disk" in refusal(disk)


def test_a_table_or_a_cluster_outside_of_the_file(disk):
    with qcow2.Image(disk) as image:
        l1, l2 = image.header.l1_table_offset, int(image._l1[0]) & (2**56 - 1)
    raw = disk.read_bytes()
    assert "level 2 table" in refusal(patched(disk, l1, (2**50).to_bytes(8)))
    disk.write_bytes(raw)
    assert "beyond the end" in refusal(patched(disk, l2 + 8, (2**50).to_bytes(8)))
    disk.write_bytes(raw)
    assert "not the start of a cluster" in refusal(
        patched(disk, l2 + 8, (4096 * 5 + 512).to_bytes(8))
    )
    disk.write_bytes(raw)
    assert "compressed cluster" in refusal(patched(disk, l2 + 8, (2**62 + 4096).to_bytes(8)))


def test_backing_files_in_a_circle(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    for name, behind in (("a", "b"), ("b", "a")):
        (tmp_path / behind).touch()
        (tmp_path / name).unlink()
        header = qcow2.Header(
            4096, 1, 12288, 4096, 1, 12, backing_file=behind, backing_format="qcow2"
        )
        (tmp_path / name).write_bytes(header.pack().ljust(16384, b"\0"))
    assert "comes back to itself" in refusal(tmp_path / "a")


def test_a_backing_file_that_is_not_there_or_has_no_format(tmp_path):
    header = qcow2.Header(4096, 1, 12288, 4096, 1, 12, backing_file="gone", backing_format="raw")
    (tmp_path / "top").write_bytes(header.pack().ljust(16384, b"\0"))
    assert "'gone' is not there" in refusal(tmp_path / "top")
    header.backing_format = None
    (tmp_path / "top").write_bytes(header.pack().ljust(16384, b"\0"))
    assert "a guess may be abused" in refusal(tmp_path / "top")


def test_a_small_compressed_cluster_cannot_grow_without_bound(root, tmp_path):
    for name in ("base.qcow2", "compressed.qcow2"):
        (tmp_path / name).write_bytes((root / "data" / "qcow2" / name).read_bytes())
    with qcow2.Image(tmp_path / "compressed.qcow2") as image:
        assert image.header.cluster_size == len(
            image._decompressed(int(image.table(0)[16]) & 2**62 - 1)
        )


@pytest.mark.parametrize("name", ["base.qcow2", "overlay.qcow2", "compressed.qcow2"])
def test_damage_anywhere_ends_in_an_error_of_its_own(root, tmp_path, name):
    folder = root / "data" / "qcow2"
    (tmp_path / "base.qcow2").write_bytes((folder / "base.qcow2").read_bytes())
    good, refused = (folder / name).read_bytes(), 0
    seeds = length.few(300, 2)
    for seed in range(seeds):
        rng = random.Random(seed)
        raw = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(112) if rng.random() < 0.5 else rng.randrange(len(raw))
            raw[at] = rng.choice([0, 1, 128, 255, rng.randrange(256)])
        (tmp_path / "x").write_bytes(raw)
        try:
            with qcow2.WritableImage(tmp_path / "x") as image:
                image.map()
                image.read(0, min(image.size, 2**22))
                image.write(0, b"y" * min(image.size, 9000))
                qcow2.check(image)
        except qcow2.Qcow2Error:
            refused += 1
    assert 0.1 < refused / seeds < 0.9, refused


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(qcow2.Qcow2Error, match="no regular file"):
            qcow2.Image(path)


@pytest.mark.parametrize("name", ['json:{"driver": "raw"}', "file:base", "nbd://host/disk"])
def test_a_backing_file_by_protocol_is_refused_by_its_name(tmp_path, name):
    (tmp_path / "base").write_bytes(bytes(4096))
    header = qcow2.Header(4096, 1, 12288, 4096, 1, 12, backing_file=name, backing_format="raw")
    (tmp_path / "top").write_bytes(header.pack().ljust(16384, b"\0"))
    assert "QEMU's json:, file: and other protocols" in refusal(tmp_path / "top")


def test_a_backing_file_outside_of_the_folder_is_opened_only_when_asked(tmp_path):
    (tmp_path / "secret").write_bytes(b"secret".ljust(4096))
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "link").symlink_to(tmp_path / "secret")
    for number, name in enumerate(("../secret", str(tmp_path / "secret"), "link")):
        path = tmp_path / "inside" / f"top{number}"
        qcow2.create(path, 4096, name, "raw", allow_outside=True).close()
        assert "only with allow_outside=True" in refusal(path)
        with qcow2.Image(path, allow_outside=True) as image:
            assert image.read(0, 6) == b"secret"


def test_a_small_file_that_claims_much_is_read_in_parts_only(tmp_path):
    with qcow2.create(tmp_path / "huge", 2**50, cluster_size=2**21) as image:
        with pytest.raises(ValueError, match="too much to read at once"):
            image.read()
        with pytest.raises(ValueError, match="too many for a table"):
            image.clusters()
        assert len(image.map()) == 1


def test_more_tables_than_the_file_has_room_for(tmp_path):
    with qcow2.create(tmp_path / "disk", 2**30, cluster_size=512) as image:
        image.write(0, b"x")
        at, table = image.header.l1_table_offset, next(image.tables())[1]
        entries = image.header.l1_size
    patched(tmp_path / "disk", at, table.to_bytes(8) * entries)
    assert "more than the file has room for" in refusal(tmp_path / "disk")


def test_clusters_used_twice_are_not_flattened(disk, tmp_path):
    with qcow2.Image(disk) as image:
        offset = next(image.tables())[1]
        entry = image.table(0)[1:2].astype(">u8").tobytes()
    patched(disk, offset, entry * 64)
    with qcow2.Image(disk) as image:
        with pytest.raises(qcow2.Qcow2Error, match="clusters are used twice"):
            qcow2.flatten(image, tmp_path / "flat")
        with pytest.raises(qcow2.Qcow2Error, match="with most="):
            qcow2.flatten(image, tmp_path / "flat", most=4096)
    assert not (tmp_path / "flat").exists()


def test_a_disk_in_too_many_pieces_is_not_listed(disk, monkeypatch):
    monkeypatch.setattr("labkit.qcow2.image.MOST_PIECES", 2)
    assert "more than 2 pieces" in refusal(disk)
