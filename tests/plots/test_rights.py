"""The figure of rights: what it shows, whether it can be read, what it refuses."""

import pytest

from labkit import plots, rights
from labkit.nova.context import RequestContext, get_admin_context, get_context
from labkit.plots.rights import MAY, MAY_NOT, NO, YES
from tests.helpers import length
from tests.helpers.readable import complaints

THREE = {
    "alice": RequestContext("alice", "physics", roles=["member"]),
    "get_admin_context": get_admin_context(),
    "get_context": get_context(),
}
MANY = {f"user {k}": RequestContext(f"user {k}", "physics", roles=["reader"]) for k in range(30)}
ONE_SERVER = "server == 'physics up'"


def words(figure):
    return [text.get_text() for text in figure.figure.axes[0].texts]


@pytest.mark.parametrize(
    "table",
    length.some(
        [
            rights(THREE).query(ONE_SERVER),
            rights(THREE),
            rights(MANY).query(ONE_SERVER),
            rights({"alice": THREE["alice"]}),
            rights({"x" * 200: get_context(), "$a_b$": get_context()}),
        ],
        2,
    ),
)
def test_no_text_overlaps_another_or_is_cut_off(table):
    assert complaints(plots.rights(table)) == []


def test_a_square_says_what_the_table_says():
    table = rights(THREE).query(ONE_SERVER)
    figure = plots.rights(table)
    bars = figure.figure.axes[0].patches
    shown = [text for text in words(figure) if text.startswith((YES, NO))]
    assert len(shown) == len(bars) == len(table) == 15
    for row, bar, text in zip(table.itertuples(), bars, shown, strict=True):
        error = row.answer.partition(":")[0]
        assert text == (YES if row.allowed else f"{NO} {error}")
        hexed = "#" + "".join(f"{round(255 * part):02X}" for part in bar.get_facecolor()[:3])
        assert hexed == (MAY if row.allowed else MAY_NOT)


def test_rows_are_what_there_are_several_of():
    def ticks(table):
        axes = plots.rights(table).figure.axes[0]
        return [tick.get_text() for tick in axes.get_yticklabels()]

    table = rights(THREE)
    assert ticks(table.query(ONE_SERVER)) == list(THREE)
    assert ticks(table.query("context == 'alice'"))[1] == "physics deleted"
    assert ticks(table)[4] == "get_admin_context, physics up"
    assert ticks(table.query("context == 'alice' and server == 'physics up'")) == ["alice"]


def test_the_answer_counts_what_is_allowed():
    assert plots.rights(rights(THREE).query(ONE_SERVER)).answer == (
        "Allowed, of 5 questions: alice 3; get_admin_context 2; get_context 0."
    )
    assert plots.rights(rights(MANY).query(ONE_SERVER)).answer.endswith("; and 22 more rows.")


def test_what_nobody_asked_is_left_empty():
    table = rights(THREE).query(ONE_SERVER).iloc[:-1]
    figure = plots.rights(table)
    assert words(figure)[-1] == ""
    assert not figure.figure.axes[0].patches[-1].get_visible()


def test_the_same_bytes_every_time():
    table = rights(THREE).query(ONE_SERVER)
    assert plots.rights(table).png() == plots.rights(table).png()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda table: table.drop(columns="asked"), "no column asked"),
        (lambda table: table[:0], "nothing to draw"),
        (lambda table: table, "120 rows are too many"),
    ],
)
def test_what_cannot_be_drawn_is_said(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        plots.rights(change(rights(MANY)))
