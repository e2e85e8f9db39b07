"""The dial of one write: what a turn shows, says and leaves behind."""

import html
import re

import pytest

from labkit import dials, qcow2
from tests.helpers import length
from tests.helpers.readable import complaints

CLUSTER = 65536


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A disk of 32 clusters with data in the first four and the sixth."""
    path = tmp_path_factory.mktemp("disk") / "base.qcow2"
    with qcow2.create(path, 32 * CLUSTER) as image:
        image.write(0, b"b" * 4 * CLUSTER)
        image.write(5 * CLUSTER, b"b" * 4096)
    return path


@pytest.fixture(scope="module")
def one(base):
    return dials.overlay(base)


def letters(dial):
    """The letters in the squares of the picture, as the page has them."""
    texts = [html.unescape(text) for text in re.findall("<text[^>]*>([^<]*)<", dial.picture.value)]
    return "".join(text for text in texts if text in "DB0" and text)


def ruler(dial):
    """The texts above the squares: what is asked for and stored, in KiB, and the ruler's numbers."""
    texts = [html.unescape(text) for text in re.findall("<text[^>]*>([^<]*)<", dial.picture.value)]
    above = texts[: texts.index("asked for")]
    return [text for text in texts if re.fullmatch(r"[\d,]+ KiB", text)], [
        text for text in above if re.fullmatch(r"[\d,]+", text)
    ]


def test_a_turn_changes_answer_picture_and_table(dial):
    assert letters(dial).count("D") == 1
    before = dial.picture.value
    dial.value = {"start_kib": 60, "length_kib": 8}
    assert dial.grown == 3 * CLUSTER
    assert str(dial.answer) == (
        "The guest writes 8 KiB at 60 KiB; the overlay grows by 192 KiB: 1 table of level 2,"
        " 2 clusters with data, of which 120 KiB come from below."
    )
    assert dial.table.kind[:6].tolist() == ["data"] * 4 + ["unallocated", "data"]
    assert dial.table.depth[:6].tolist() == [0, 0, 1, 1, 1, 1]
    assert dial.picture.value != before
    assert html.escape(dial.answer) in dial.picture.value


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize(
    ("start", "length", "grown", "words"),
    [
        (256, 64, 128, "1 cluster with data."),  # a whole cluster, nothing below
        (0, 64, 128, "1 cluster with data."),  # a whole cluster is not read first
        (320, 4, 128, "60 KiB come from below"),
        (380, 8, 192, "60 KiB come from below"),  # only one of the two has something below
        (2044, 4, 128, "1 cluster with data."),
    ],
)
def test_what_a_write_takes(dial, start, length, grown, words):
    dial.value = {"start_kib": start, "length_kib": length}
    assert dial.grown == grown * 1024
    assert words in dial.answer


@pytest.mark.usefixtures("unpainted")
def test_zeros_take_no_cluster_where_a_whole_one_is_zeroed(dial):
    dial.value = {"write_zeroes": True, "start_kib": 0, "length_kib": 160}
    assert dial.grown == 2 * CLUSTER
    assert "1 cluster with data, of which 32 KiB come from below, 2 clusters marked" in dial.answer
    assert dial.table.kind[:3].tolist() == ["zero", "zero", "data"]


def test_what_does_not_lie_on_the_disk_is_an_answer(dial):
    dial.value = {"start_kib": 2044, "length_kib": 8}
    assert dial.answer.startswith("Refused: 8192 bytes from 2093056 on")
    assert dial.grown == 0
    assert sorted(letters(dial)) == ["0", *"BBBBB"]  # the disk as it was; 0 is its first line


@pytest.mark.parametrize(
    ("start", "length", "zeroes", "kib", "numbers"),
    [
        (20, 24, False, [24, 20, 24, 20], [0, 64]),  # 20 and 20 copied
        (52, 24, False, [24, 52, 12, 12, 52], [0, 64, 128]),  # a part in each of two clusters
        (256, 64, False, [64, 64], [256, 320]),
        (272, 20, False, [20, 16, 20, 28], [256, 320]),  # nothing is below: zeros
        (0, 160, True, [160, 64, 64, 32, 32], [0, 64, 128, 192]),
        (0, 2048, False, [2048], [0, 256, 512, 768, 1024, 1280, 1536, 1792, 2048]),
        (2044, 8, False, [8], [1984, 2048, 2112]),  # refused: nothing is stored
    ],
)
def test_the_write_and_what_it_copies_are_drawn_on_a_ruler(
    one, start, length, zeroes, kib, numbers
):
    dial = one  # every control is turned: as it was at first need not be drawn
    dial.value = {"start_kib": start, "length_kib": length, "write_zeroes": zeroes}
    assert ruler(dial) == ([f"{n:,} KiB" for n in kib], [f"{n:,}" for n in numbers])
    assert ("the end of the disk" in dial.picture.value) == (start + length > 2048)
    assert complaints(dial.figure) == []


@pytest.mark.parametrize(
    ("cluster", "clusters", "lines"), [(512, 16, True), (4096, length.few(1024, 4), False)]
)
def test_clusters_of_any_size_and_number_have_a_ruler(tmp_path, cluster, clusters, lines):
    qcow2.create(tmp_path / "disk", clusters * cluster, cluster_size=cluster).close()
    dial = dials.overlay(tmp_path / "disk")
    dial.length_kib.value = clusters * cluster // 1024
    assert ("a line at each border" in dial.picture.value) is lines
    assert ruler(dial)[0][0] == f"{clusters * cluster // 1024:,} KiB"
    assert complaints(dial.figure) == []


def test_what_is_copied_is_what_the_overlay_then_has_of_the_base(dial, base, tmp_path):
    dial.value = {"start_kib": 52, "length_kib": 24}
    with qcow2.create(tmp_path / "o", 32 * CLUSTER, str(base), "qcow2", allow_outside=True) as disk:
        disk.write(52 * 1024, b"w" * 24 * 1024)
        own = disk.clusters().query("depth == 0 and kind == 'data'").start
        copied = sum(disk.read(int(start), CLUSTER).count(b"b") for start in own)
    assert copied == (52 + 52) * 1024
    assert ruler(dial)[0].count("52 KiB") == 2
    assert f"{copied // 1024} KiB come from below" in dial.answer


@pytest.mark.usefixtures("unpainted")
def test_the_base_is_not_changed_and_nothing_is_left(base):
    before = base.read_bytes()
    dial = dials.overlay(str(base))
    dial.write_zeroes.value = True
    assert base.read_bytes() == before
    assert [path.name for path in base.parent.iterdir()] == ["base.qcow2"]


def test_a_picture_does_not_depend_on_the_turns_before(dial):
    first = dial.picture.value
    dial.value = {"write_zeroes": True, "start_kib": 0, "length_kib": 2048}
    assert letters(dial).count("0") == 32 + 1 + 1  # and the line, and the ruler's first number
    dial.value = {"write_zeroes": False, "length_kib": 4}
    assert dial.picture.value == first


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"start": 1}, "no 'start', only start_kib"),
        ({"length_kib": 0}, "goes from 4 to 2048, not 0"),
    ],
)
def test_a_wrong_value_gets_a_sentence(dial, value, sentence):
    with pytest.raises(ValueError, match=sentence):
        dial.value = value


@pytest.mark.parametrize("clusters", [0, 1025])
def test_a_disk_that_cannot_be_drawn_gets_a_sentence(tmp_path, clusters):
    qcow2.create(tmp_path / "disk", clusters * CLUSTER).close()
    with pytest.raises(ValueError, match="1 to 1,024 clusters"):
        dials.overlay(tmp_path / "disk")
