"""The way to a byte of a qcow2 as a picture: what it says, and where it ends."""

import pytest

from labkit import plots, qcow2
from tests.helpers.readable import complaints

SIZE = 1 << 16


@pytest.fixture
def image():
    with qcow2.create(qcow2.scratch() / "base.qcow2", 32 * SIZE) as image:
        image.write(70 * 1024, b"hello")
        yield image


def test_it_names_each_part_and_its_place(image):
    figure = plots.lookup(image.lookup(70 * 1024))
    assert figure.answer == (
        "The way, in KiB of the file: header at 0, L1 table at 192, L2 table at 256, cluster at"
        " 320, the byte at 326."
    )
    words = [text.get_text() for text in figure.figure.axes[0].texts]
    assert "at 256 KiB" in words
    assert "entry 1:\n327,680" in words
    assert image.path.read_bytes()[333824:][:5] == b"hello"


@pytest.mark.parametrize("offset", [0, 70 * 1024])
def test_no_text_is_small_or_cut_off_or_lies_over_another(image, offset):
    assert complaints(plots.lookup(image.lookup(offset))) == []


@pytest.mark.parametrize(("offset", "entry"), [(0, "entry 0"), (5 * SIZE, "entry 5")])
def test_it_ends_where_nothing_is_stored(image, offset, entry):
    figure = plots.lookup(image.lookup(offset))
    assert figure.answer.endswith(f"its {entry} leads to no data in this file.")


def test_the_same_bytes_each_time_and_a_sentence_for_what_is_no_way(image):
    rows = image.lookup(70 * 1024)
    assert plots.lookup(rows).png() == plots.lookup(rows).png()
    with pytest.raises(ValueError, match="5 parts; the way to a byte has at most 4"):
        plots.lookup(rows.loc[[0, 1, 2, 3, 3]])
