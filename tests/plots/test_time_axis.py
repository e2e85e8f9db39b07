"""The time axis: in order, with room for each moment, as wide as it must be."""

import itertools
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.plots.time_axis import Moment, TimeAxis
from tests.helpers import length

MOMENTS = st.lists(
    st.tuples(
        st.floats(0, 100), st.sampled_from([0.0, 4.0, 15.0]), st.booleans(), st.floats(10, 120)
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=length.few(100, 4))
@given(MOMENTS)
def test_the_axis_keeps_the_order_and_gives_each_its_room(rows):
    moments = [Moment(*row) for row in sorted(rows, key=lambda row: row[0])]
    axis = TimeAxis(moments, 700.0)
    strips = itertools.groupby(axis.spans, key=lambda span: span.strip)
    for _, spans in strips:
        spans = list(spans)
        assert spans[0].left == 0
        assert math.isclose(spans[-1].right, 700.0)
        assert all(a.right == b.left for a, b in itertools.pairwise(spans))
    places = [axis.place(i) for i in range(len(moments))]
    assert [strip for strip, _ in places] == sorted(strip for strip, _ in places)
    for (strip, left), (other, right) in itertools.pairwise(places):
        assert other > strip or right >= left - 1e-6
    starts = [i for i, moment in enumerate(moments) if moment.change or i == 0]
    for span, i in zip(axis.spans, starts, strict=True):
        assert places[i] == (span.strip, span.left)
        assert span.right - span.left >= min(700, moments[i].need) - 1e-6
