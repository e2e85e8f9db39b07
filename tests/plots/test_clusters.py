"""The cluster map as a picture: what it says and that it can be read."""

import pandas as pd
import pytest

from labkit import plots, qcow2
from tests.helpers import length
from tests.helpers.readable import complaints

CLUSTER = 65536


def table(*kinds):
    rows = [(n * CLUSTER, kind, depth) for n, (kind, depth) in enumerate(kinds)]
    return pd.DataFrame(rows, columns=["start", "kind", "depth"])


def test_it_says_where_the_clusters_are(root):
    with qcow2.Image(root / "data" / "qcow2" / "overlay.qcow2") as image:
        figure = plots.clusters(image.clusters())
    assert figure.answer == (
        "256 clusters: 8 stored in the file itself, 5 stored in a backing file, 3 marked as zeros"
        " and 240 stored nowhere."
    )


def test_each_kind_has_a_letter_or_a_grey_of_its_own():
    kinds = [("data", 0), ("data", 1), ("compressed", 0), ("zero", 0), ("unallocated", 0)]
    ax = plots.clusters(table(*kinds)).figure.axes[0]
    assert [text.get_text() for text in ax.texts] == ["D", "B", "C", "0", ""]
    assert len({patch.get_facecolor() for patch in ax.patches}) == 5
    assert min(text.get_fontsize() for text in ax.texts) >= 9


@pytest.mark.parametrize("count", [1, 40, length.few(1024, 4)])
def test_no_text_is_small_or_cut_off_or_lies_over_another(count):
    assert complaints(plots.clusters(table(*[("data", 0), ("zero", 1)] * count)[:count])) == []


def test_the_same_bytes_each_time():
    rows = table(*[("data", 0)] * 40)
    assert plots.clusters(rows).png() == plots.clusters(rows).png()


@pytest.mark.parametrize(
    ("rows", "sentence"), [((), "no rows"), ([("data", 0)] * 1025, "too many")]
)
def test_nothing_and_too_much_get_a_sentence(rows, sentence):
    with pytest.raises(ValueError, match=sentence):
        plots.clusters(table(*rows))
