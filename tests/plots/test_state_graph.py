"""The graph of the vm_states: what it draws, what it says, and that it can be read."""

import pandas as pd
import pytest
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from labkit import plots
from labkit.nova.compute import vm_states as vm
from labkit.plots.figure import settle
from labkit.plots.state_graph import ANY, PLACES
from labkit.studies import transitions
from tests.helpers.readable import complaints, texts, the_same, title

COLUMNS = ["action", "how", "vm_state", "to_vm_state", "played"]
THERE_AND_BACK = [
    ("stop", "", "active", "stopped", True),
    ("start", "", "stopped", "active", True),
    ("reboot", "HARD", "stopped", "active", True),
    ("createImage", "", "active", "active", True),
    ("resize", "", "active", "", False),
]


def graph(rows):
    return plots.state_graph(pd.DataFrame(rows, columns=COLUMNS))


@pytest.fixture(scope="module")
def table():
    return transitions.transitions()


@pytest.fixture(scope="module")
def whole(table):
    return plots.state_graph(table)


def words(figure):
    return {text.get_text() for text in figure.figure.axes[0].texts}


def arrows(figure):
    patches = figure.figure.axes[0].patches
    return [patch for patch in patches if isinstance(patch, FancyArrowPatch)]


def nodes(figure):
    """{name: (box, is its border dashed)}"""
    axes, found = figure.figure.axes[0], {}
    boxes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    for box in boxes:
        middle = box.get_x() + box.get_width() / 2, box.get_y() + box.get_height() / 2
        name = next(n for n, place in PLACES.items() if middle == pytest.approx(place))
        found[name] = box, box.get_linestyle() == "--"
    return found


# -- it can be read ---------------------------------------------------------------------------
def test_no_text_is_small_or_cut_off_or_lies_over_another(whole):
    assert not complaints(whole, least=31)


def test_no_label_lies_on_a_node_and_no_arrow_runs_through_one(whole):
    names = set(PLACES)
    settle(whole.figure)
    boxes = {name: box.get_window_extent() for name, (box, _) in nodes(whole).items()}
    for text, box in texts(whole):
        if text.get_text() not in names:
            assert not any(box.overlaps(node) for node in boxes.values()), text.get_text()
    transform = whole.figure.axes[0].transData
    for arrow in arrows(whole):
        path = arrow._path_original
        passed = {
            name
            for name, box in boxes.items()
            for point in transform.transform(path.vertices)
            if box.contains(*point)
        }
        assert not passed


def test_the_same_table_gives_the_same_bytes_and_it_fits_the_page(table, whole):
    svg, png = the_same(whole, plots.state_graph(table))
    assert "<dc:date>" not in svg
    assert len(png) < 150_000
    assert whole.figure.get_figwidth() <= 10


def test_the_answer_stands_above_it(whole):
    assert whole.answer == title(whole)
    assert whole.answer == (
        "12 of 12 vm_states are reached; 12 actions lead back to active, and from any vm_state"
        " delete and forceDelete lead to deleted."
    )


# -- what it draws ----------------------------------------------------------------------------
def test_every_played_change_is_drawn_and_nothing_else(table, whole):
    """All labels of edges, from the table by another way."""
    drawn = {line for text in words(whole) for line in text.split("\n")}
    played = table[table.played & (table.vm_state != table.to_vm_state)]
    labels = (played.action + " " + played.how).str.strip()
    assert {each.removesuffix(" *") for each in drawn} >= set(labels)
    plain = played[~played.action.isin(["delete", "forceDelete", "resetState"])]
    plain = plain[(plain.vm_state == vm.ACTIVE) | ~plain.action.isin(["shelve", "rescue"])]
    assert len(arrows(whole)) == len(set(zip(plain.vm_state, plain.to_vm_state, strict=True))) + 4


def test_what_leads_there_from_active_and_two_others_is_drawn_once(whole):
    rows = [("shelve", "", begin, "shelved", True) for begin in ("active", "stopped", "paused")]
    figure = graph(rows)
    assert len(arrows(figure)) == 1
    assert {"shelve *", "* Alike from others: shelve (stopped and paused)."} <= words(figure)
    assert len(arrows(graph(rows[:2]))) == 2
    assert len(arrows(graph([*rows[1:], ("shelve", "", "suspended", "shelved", True)]))) == 3
    assert (
        "* Alike from others: rescue (stopped and error); shelve, shelve kept (stopped, paused"
        in (" ".join(words(whole)))
    )


def test_actions_with_the_same_ends_share_an_edge():
    figure = graph(THERE_AND_BACK)
    assert len(arrows(figure)) == 2
    assert {"stop", "start\nreboot HARD"} <= words(figure)


def test_what_stays_and_what_is_not_played_stands_in_the_notes():
    notes = words(graph(THERE_AND_BACK))
    assert "Ends where it began: createImage (active)." in notes
    assert "Answered, not played: resize (active)." in notes


def test_a_vm_state_that_nothing_leads_to_has_a_dashed_border(whole):
    dashed = {name for name, (_, is_dashed) in nodes(whole).items() if is_dashed}
    assert dashed == {ANY}  # there is none in Nova
    rows = [row for row in THERE_AND_BACK if row[0] == "stop"]
    dashed = {name for name, (_, is_dashed) in nodes(graph(rows)).items() if is_dashed}
    assert dashed == {ANY, *vm.ALL} - {vm.ACTIVE, vm.STOPPED}
    assert set(nodes(whole)) == {ANY, *vm.ALL}


def test_what_begins_anywhere_is_drawn_once_and_its_exceptions_are_said(table, whole):
    figure = plots.state_graph(table[table.action == "delete"])
    assert len(arrows(figure)) == 2
    notes = " ".join(words(figure))
    assert "delete soft in building ends deleted" in notes
    assert "delete soft in shelved_offloaded ends deleted" in notes
    assert all(arrow.get_linestyle() == "--" for arrow in arrows(figure))
    assert {arrow.get_linestyle() for arrow in arrows(whole)} == {"-", "--"}


# -- mistakes ---------------------------------------------------------------------------------
def test_a_mistake_gets_a_sentence():
    with pytest.raises(ValueError, match="nothing to draw: the table has no rows"):
        graph([])
    with pytest.raises(ValueError, match="no column played"):
        plots.state_graph(pd.DataFrame(THERE_AND_BACK, columns=COLUMNS).drop(columns="played"))
    with pytest.raises(ValueError, match="No vm_state 'ACTIVE', only active, building, "):
        graph([("stop", "", "ACTIVE", "stopped", True)])


def test_dollars_are_only_text():
    figure = graph([("$a_1$", "", "active", "stopped", True), ("$b$", "", "active", "", False)])
    assert "$a_1$" in figure.svg()
    assert "Answered, not played: $b$ (active)." in figure.svg()
