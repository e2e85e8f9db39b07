"""Base, overlay, write, zero, flatten, map: small enough to check by hand; and QEMU's own files."""

import hashlib
import json

import pytest

from labkit import qcow2

K = 1024
CLUSTER = 64 * K


@pytest.fixture
def base(tmp_path):
    """A disk of 16 clusters with data in the second and third."""
    with qcow2.create(tmp_path / "base.qcow2", 16 * CLUSTER) as image:
        image.write(CLUSTER, b"b" * (CLUSTER + 5))
    return tmp_path / "base.qcow2"


def kinds(image):
    return " ".join(kind[0] for kind in image.clusters().kind)


def test_nobody_reads_beyond_the_end(base):
    with (
        qcow2.Image(base) as image,
        pytest.raises(ValueError, match="do not lie on a disk"),
    ):
        image.read(2**40, 1)


def test_a_new_disk_reads_as_zeros_and_takes_four_clusters(tmp_path):
    with qcow2.create(tmp_path / "disk", 10**9) as image:
        assert image.read(10**9 - 7) == bytes(7)
        assert image.map() == [qcow2.Extent(0, 10**9, 0, False, True, False, False, None)]
    assert (tmp_path / "disk").stat().st_size == 4 * CLUSTER


def test_what_is_written_is_read_and_only_its_clusters_are_stored(base):
    with qcow2.Image(base) as image:
        assert image.read(CLUSTER - 1, 3) == b"\0bb"
        assert image.read(2 * CLUSTER + 4, 3) == b"b\0\0"
        assert kinds(image) == "u d d u u u u u u u u u u u u u"


def test_an_overlay_hides_its_base_and_does_not_change_it(base, tmp_path):
    before = base.read_bytes()
    with qcow2.create(tmp_path / "top", 16 * CLUSTER, "base.qcow2", "qcow2") as top:
        top.write(2 * CLUSTER + 1, b"over")
        top.write_zeroes(CLUSTER, CLUSTER)
        assert top.read(2 * CLUSTER, 6) == b"boverb"[:1] + b"over" + b"\0"
        assert top.read(CLUSTER, 5) == bytes(5)
        assert [extent.depth for extent in top.map()] == [1, 0, 0, 1]
        assert qcow2.check(top) == []
    assert base.read_bytes() == before


def test_a_flattened_disk_needs_no_base(base, tmp_path):
    with qcow2.create(tmp_path / "top", 20 * CLUSTER, "base.qcow2", "qcow2") as top:
        top.write(19 * CLUSTER, b"end")
        qcow2.flatten(top, tmp_path / "flat")
        whole = top.read()
    base.unlink()
    with qcow2.WritableImage(tmp_path / "flat") as flat:
        assert flat.header.backing_file is None
        assert flat.read() == whole
        assert flat.clusters().kind.value_counts().to_dict() == {"unallocated": 17, "data": 3}
        assert qcow2.check(flat) == []


def test_a_disk_over_a_raw_file(tmp_path):
    (tmp_path / "raw").write_bytes(b"r" * 1000)
    with qcow2.create(tmp_path / "top", 2 * CLUSTER, "raw", "raw") as top:
        top.write(999, b"t")
        assert top.read(998, 4) == b"rt\0\0"


def test_the_header_byte_by_byte(base):
    with qcow2.Image(base) as image:
        fields = {field.name: field for field in image.header.fields()}
    assert fields["magic"].bytes == "51 46 49 fb"
    assert (fields["size"].offset, fields["size"].value) == (24, 16 * CLUSTER)
    assert fields["cluster_bits"].bytes == "00 00 00 10"
    raw = base.read_bytes()
    for field in fields.values():
        there = bytes.fromhex(field.bytes)
        assert raw[field.offset : field.offset + len(there)] == there


@pytest.mark.parametrize("cluster_size", [512, 4 * K, 64 * K, 2048 * K])
def test_a_file_that_outgrows_its_refcount_table(tmp_path, cluster_size):
    size = 12 * K * K if cluster_size == 512 else 3 * cluster_size
    data = bytes(range(1, 252)) * (size // 251 + 1)
    with qcow2.create(tmp_path / "disk", size, cluster_size=cluster_size) as image:
        image.write(0, data[:size])
        assert qcow2.check(image) == []
        assert image.header.refcount_table_clusters == (2 if cluster_size == 512 else 1)
    with qcow2.Image(tmp_path / "disk") as image:
        assert image.read() == data[:size]


def test_a_lookup_ends_at_the_byte_that_is_read(root, base):
    for path in (base, root / "data/qcow2/base.qcow2", root / "data/qcow2/overlay.qcow2"):
        raw = path.read_bytes()
        with qcow2.Image(path) as image:
            for start, kind, depth, offset in image.clusters().itertuples(index=False):
                way = image.lookup(start + 7)
                last = way.iloc[-1]
                if depth == 0 and kind == "data":
                    assert (last.part, last.value) == ("cluster", offset + 7)
                    assert raw[last.value :][:9] == image.read(start + 7, 9)
                else:
                    assert last.value == 0
                for row in way.itertuples():
                    place = 40 if row.part == "header" else row.offset + 8 * number(row.entry)
                    if row.part != "cluster":
                        assert int.from_bytes(raw[place:][:8]) & qcow2.image.OFFSET == row.value


def number(words):
    return int(words.split()[1]) if " " in words else 0


def test_a_byte_of_a_compressed_cluster_has_no_place_of_its_own(root):
    with (
        qcow2.Image(root / "data/qcow2/compressed.qcow2") as image,
        pytest.raises(ValueError, match="is compressed"),
    ):
        image.lookup(int(image.clusters().query("kind == 'compressed'").start.iloc[0]))


def test_a_wrong_count_is_found(base):
    with qcow2.WritableImage(base) as image:
        image._count(5, 1, 1)
        assert qcow2.check(image) == ["cluster 5 is leaked: refcount 2, references 1"]
        image._count(5, 1, -2)
        assert qcow2.check(image) == ["cluster 5 is not counted: refcount 0, references 1"]


def test_what_qemu_wrote_is_read_the_same(root):
    folder = root / "data" / "qcow2"
    recorded = json.loads((folder / "recorded.json").read_text(encoding="utf-8"))["files"]
    assert len(recorded) == 5
    for name, theirs in recorded.items():
        with qcow2.Image(folder / name) as image:
            assert hashlib.sha256(image.read()).hexdigest() == theirs["sha256"], name
            ours = [extent._asdict() for extent in image.map()]
        for extent, wanted in zip(ours, theirs["map"], strict=True):
            compressed = extent.pop("compressed")
            if extent["offset"] is None:
                del extent["offset"]
            assert extent == wanted
            assert compressed <= (name == "compressed.qcow2")


def test_a_compressed_cluster_is_read_and_may_be_written_over(root, tmp_path):
    for name in ("base.qcow2", "compressed.qcow2"):
        (tmp_path / name).write_bytes((root / "data" / "qcow2" / name).read_bytes())
    with qcow2.WritableImage(tmp_path / "compressed.qcow2") as image:
        assert image.read(64 * K, 2) == bytes([68, 68])
        image.write(64 * K + 1, b"new")
        assert image.read(64 * K, 5) == b"\x44new\x44"
        assert qcow2.check(image) == []


@pytest.mark.parametrize(
    ("ask", "error", "sentence"),
    [
        (lambda at: qcow2.create(at / "base.qcow2", K), FileExistsError, "base.qcow2"),
        (
            lambda at: qcow2.create(at / "x", -1),
            ValueError,
            "size = -1 is not a whole number of bytes",
        ),
        (lambda at: qcow2.create(at / "x", K, cluster_size=1000), ValueError, "power of two"),
        (lambda at: qcow2.create(at / "x", K, "base.qcow2"), ValueError, "or neither"),
        (
            lambda at: qcow2.create(at / "x", 2**62),
            ValueError,
            "so small that clusters of 65536 bytes",
        ),
        (lambda at: qcow2.Image(at / "none"), FileNotFoundError, "none"),
    ],
)
def test_a_mistake_gets_a_sentence(base, tmp_path, ask, error, sentence):
    before = base.read_bytes()
    with pytest.raises(error, match=sentence):
        ask(tmp_path)
    assert base.read_bytes() == before


def test_check_needs_no_writing(base):
    assert qcow2.check(base) == qcow2.check(str(base)) == []
    with qcow2.Image(base) as image:
        assert qcow2.check(image) == []
    with pytest.raises(TypeError, match="image = 5 is not a path"):
        qcow2.check(5)


@pytest.mark.parametrize(
    ("data", "offset", "error", "sentence"),
    [
        (5, 0, TypeError, "data = 5 is not bytes"),
        ("text", 0, TypeError, "is not bytes"),
        (None, 0, TypeError, "is not bytes"),
        (b"x", "0", ValueError, "offset = '0' is not a whole number"),
        (b"x", None, ValueError, "offset = None"),
        (b"x", 1.0, ValueError, "offset = 1.0"),
        (b"x", True, ValueError, "offset = True"),
    ],
)
def test_only_bytes_are_written_and_only_to_a_place(base, data, offset, error, sentence):
    with qcow2.WritableImage(base) as image, pytest.raises(error, match=sentence):
        image.write(offset, data)


@pytest.mark.parametrize("cluster_size", [0, None, "64k", -512, 100, 4 * 1024**2])
def test_a_cluster_size_that_no_qcow2_has(tmp_path, cluster_size):
    with pytest.raises(ValueError, match="is not a power of two"):
        qcow2.create(tmp_path / "disk", 4096, cluster_size=cluster_size)


def test_a_name_too_long_for_a_backing_file_leaves_no_file_behind(tmp_path):
    with pytest.raises(ValueError, match="is not a name that fits the header"):
        qcow2.create(tmp_path / "disk", 4096, "x" * 1024, "raw")
    assert not (tmp_path / "disk").exists()


@pytest.mark.parametrize("path", [True, 1, None])
def test_a_path_that_is_none_is_never_opened(path):
    with pytest.raises(TypeError, match="is not a path"):
        qcow2.create(path, 4096)
    with pytest.raises(TypeError, match="is not a path"):
        qcow2.WritableImage(path)


def test_an_image_that_nobody_has_any_more_closes_its_files(tmp_path):
    with qcow2.create(tmp_path / "base", 1 << 20) as base:
        base.write(0, b"x")
    qcow2.create(tmp_path / "top", 1 << 20, "base", "qcow2")  # a file left open would warn
    with qcow2.Image(tmp_path / "top") as top:
        assert top.read(0, 1) == b"x"
