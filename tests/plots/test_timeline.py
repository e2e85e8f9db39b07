"""The timeline: every event a mark, every state on its way a bar, in the row of who did it."""

import bisect

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.patches import Rectangle

from labkit import Flavor, plots
from labkit.plots.figure import GREY
from labkit.plots.services import services_of
from labkit.plots.timeline import LOOKS, MOST_SERVICES, bars_of, beside, events_of, look_of
from tests.helpers.readable import complaints, texts
from tests.helpers.roads import ROADS, SPEC, created, fleet_of, road

COLUMNS = ["t_s", "service", "instance", "kind", "what"]


@pytest.fixture(params=ROADS)
def cloud(request):
    return road(request.param)


@pytest.fixture(params=ROADS, scope="module")
def drawn(request):
    """A cloud and its timeline."""
    return road(request.param), plots.timeline(road(request.param).events)


def table(*rows):
    """The table `events` from (t_s, service, what[, instance]), all of them saves."""
    full = [(t_s, who, *(name or ["web-1"]), "Save", what) for t_s, who, what, *name in rows]
    return pd.DataFrame(full, columns=COLUMNS)


def bars(figure):
    """(left, right) of every bar that is drawn."""
    axes = figure.figure.axes[0]
    found = [p for c in axes.containers for p in c.patches if isinstance(p, Rectangle)]
    return sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in found)


# -- it can be read -----------------------------------------------------------------------
def test_no_text_overlaps_is_cut_off_or_small(drawn):
    assert complaints(drawn[1]) == []


def test_no_line_runs_through_words(drawn):
    _, figure = drawn
    words = [box for text, box in texts(figure) if text in figure.figure.axes[0].texts]
    for line in figure.figure.axes[0].lines:
        if line.get_color() == "#888888":
            box = line.get_window_extent()
            for other in words:
                beside_it = other.x1 <= box.x0 + 1 or box.x1 - 1 <= other.x0
                assert beside_it or other.y0 >= box.y1 - 1 or other.y1 <= box.y0 + 1


@pytest.mark.parametrize("name", ["exhausted", "30 on 30"])
def test_the_same_table_gives_the_same_small_picture(name):
    events = road(name).events
    one, other = plots.timeline(events), plots.timeline(events)
    svg, png = one.svg(), one.png()
    assert svg == other.svg() == one.svg()
    assert png == other.png()
    assert len(png) < 150_000
    assert "<text" in svg
    assert "<dc:date>" not in svg


def test_many_servers_are_thinner_and_have_no_words():
    few, many = (plots.timeline(road(name).events) for name in ("plain", "30 on 30"))
    sizes = [
        max(
            line.get_markersize()
            for line in figure.figure.axes[0].lines
            if line.get_marker() == "s"
        )
        for figure in (few, many)
    ]
    assert sizes[1] < sizes[0] / 2
    assert few.figure.axes[0].texts
    assert not many.figure.axes[0].texts


def test_the_answer_is_the_text_and_the_title():
    figure = plots.timeline(road("plain").events)
    data, metadata = figure._repr_mimebundle_()
    assert data["text/plain"] == f"A figure:\n{figure.answer}"
    assert metadata["image/png"]["alt"] == figure.answer
    title = figure.figure.get_suptitle().replace("\N{NO-BREAK SPACE}", " ").replace("\n", " ")
    assert title == figure.answer


# -- bars ---------------------------------------------------------------------------------
def test_a_bar_is_a_state_on_its_way(cloud):
    """The same from the table `states`, which the figure does not read."""
    expected = []
    end = cloud.events.t_s.iloc[-1]
    saved = cloud.states[cloud.states.power_state.notna()]
    for name, states in saved.groupby("instance"):
        times = [*states.t_s, end]
        before = None
        for i, row in enumerate(states.itertuples()):
            state = row.task_state or ("building" if row.vm_state == "building" else None)
            state = None if row.vm_state == "deleted" else state
            if before == (state, row.service) and expected:
                expected[-1] = (*expected[-1][:4], times[i + 1])
            elif state:
                expected.append((row.service, name, state, times[i], times[i + 1]))
            before = (state, row.service) if state else None
    found = bars_of(events_of(cloud.events))
    assert sorted(map(tuple, found)) == sorted(expected)


def test_the_bars_are_drawn_from_start_to_end():
    events = road("reschedule").events
    expected = sorted((bar.start_s, bar.end_s) for bar in bars_of(events_of(events)))
    assert np.allclose(bars(plots.timeline(events)), expected)


def test_bars_of_servers_at_the_same_time_do_not_cover_each_other(drawn):
    _, figure = drawn
    found = [p.get_bbox() for c in figure.figure.axes[0].containers for p in c.patches]
    for i, one in enumerate(found):
        for other in found[i + 1 :]:
            apart_in_time = one.x1 <= other.x0 + 1e-9 or other.x1 <= one.x0 + 1e-9
            assert apart_in_time or one.y1 <= other.y0 + 1e-6 or other.y1 <= one.y0 + 1e-6


def test_a_state_that_nobody_ends_lasts_to_the_end():
    rows = table((1, "compute@cn-1", "update building/spawning"), (3, "api", "x", "web-2"))
    assert [(bar.start_s, bar.end_s) for bar in bars_of(events_of(rows))] == [(1, 3)]
    assert bars_of(events_of(rows), 8.0)[0].end_s == 8.0


def test_a_refused_save_changes_no_bar():
    rows = table(
        (1, "compute@cn-1", "update building/spawning"),
        (2, "compute@cn-1", "update_refused active/None UnexpectedTaskStateError"),
        (3, "compute@cn-1", "update error/None"),
    )
    assert [(bar.state, bar.end_s) for bar in bars_of(events_of(rows))] == [("spawning", 3)]


# -- marks --------------------------------------------------------------------------------
def test_every_event_is_a_mark_in_the_row_of_its_service(drawn):
    cloud, figure = drawn
    axes = figure.figure.axes[0]
    marks = [line for line in axes.lines if line.get_marker() in {m.marker for m in LOOKS.values()}]
    bottoms = [line.get_ydata()[0] for line in axes.lines if line.get_color() == GREY]
    marked = {(*mark, bisect.bisect(bottoms, y)) for line in marks for *mark, y in _marked(line)}
    rows = events_of(cloud.events)
    shown = services_of(row.service for row in rows)[:MOST_SERVICES]
    looks = [(LOOKS[look_of(row)], row) for row in rows if row.service in shown]
    assert marked == {
        (look.marker, look.colour, row.t_s, shown.index(row.service)) for look, row in looks
    }


def _marked(line):
    look = line.get_marker(), line.get_markerfacecolor()
    return [(*look, t, y) for t, y in zip(line.get_xdata(), line.get_ydata(), strict=True)]


def test_each_kind_has_a_shape_or_colour_of_its_own_and_stands_in_the_legend():
    events = road("exhausted").events
    there = {LOOKS[look_of(row)].name for row in events_of(events)}
    legend = plots.timeline(events).figure.legends[0]
    assert there < {text.get_text() for text in legend.get_texts()}
    assert len({(look.marker, look.colour) for look in LOOKS.values()}) == len(LOOKS)


def test_what_cleans_up_is_marked():
    rows = events_of(road("reschedule").events)
    assert [row.what.split("?")[0] for row in rows if look_of(row) == "undo"] == [
        "virt destroy",
        "neutron deallocate_for_instance",
        "placement DELETE /allocations/{uuid}",
    ]
    assert "create.error" in [beside(row) for row in rows if look_of(row) == "failed"]


# -- the answer ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "starts"),
    [
        ("plain", "web-1 is active after 6."),
        ("exhausted", "web-1 ends in error after "),
        ("delete", "web-1 is deleted after "),
        ("host down", "web-1 is building/spawning after 0.80 s: "),
        ("30 on 4", "30 servers on 4 hosts after "),
    ],
)
def test_the_answer_says_what_became_of_it(name, starts):
    cloud = road(name)
    answer = plots.timeline(cloud.events).answer
    assert answer.startswith(starts)
    assert f"{len(cloud.events):,} events" in answer


def test_the_answer_counts_how_the_servers_ended():
    spec = SPEC.replace(flavor=Flavor(vcpus=1, memory_mb=20_000))
    cloud = created(fleet_of(2), servers=8, spec=spec)
    assert ": 6 active and 2 error; " in plots.timeline(cloud.events).answer


def test_a_server_before_its_row():
    cloud = created(fleet_of(2), servers=0)
    cloud.create("web-1", SPEC)
    assert plots.timeline(cloud.events).answer == "web-1 has no row after 0.06 s: 7 events in api."


# -- one of many --------------------------------------------------------------------------
def test_one_server_of_many():
    events = road("three servers").events
    figure = plots.timeline(events, "web-2")
    assert figure.answer.startswith("web-2 is active after ")
    count = (events.instance == "web-2").sum()
    assert f"{count} events" in figure.answer
    with pytest.raises(ValueError, match=r"No instance 'web-9' in this table, only web-1"):
        plots.timeline(events, "web-9")


def test_more_services_than_fit_are_told():
    figure = plots.timeline(road("30 on 45").events)
    ticks = figure.figure.axes[0].get_yticklabels()
    assert len(ticks) == MOST_SERVICES
    assert figure.answer.endswith("8 more services are not drawn.")


# -- odd tables ---------------------------------------------------------------------------
def test_an_empty_table_and_a_missing_column_get_a_sentence():
    events = road("plain").events
    with pytest.raises(ValueError, match="no rows: nothing has happened"):
        plots.timeline(events.iloc[:0])
    with pytest.raises(ValueError, match="no column what"):
        plots.timeline(events.drop(columns="what"))


def test_the_table_stays_as_it_was():
    events = road("plain").events
    before = events.copy()
    plots.timeline(events)
    pd.testing.assert_frame_equal(events, before)


def test_a_life_that_begins_late_begins_at_the_left():
    rows = table(
        (3600, "compute@cn-1", "update active/powering-off"),
        (3603, "compute@cn-1", "update stopped/None"),
    )
    left, right = plots.timeline(rows).figure.axes[0].get_xlim()
    assert 3599 < left <= 3600
    assert 3603 < right < 3606


def test_a_single_moment_can_be_drawn():
    figure = plots.timeline(table((0.0, "api", "create building/scheduling")))
    assert complaints(figure) == []


def test_dollars_and_tags_in_a_name_are_only_text():
    rows = table((1, "compute@$a_1$ <b>&", "update building/spawning", "$x$"))
    assert complaints(plots.timeline(rows)) == []


def test_it_draws_on_given_axes_without_overlap():
    figure = MatplotlibFigure((16, 8), layout="constrained")
    axes = figure.subplots(1, 2)
    drawn = plots.timeline(road("exhausted").events, ax=axes[0])
    assert drawn.figure is figure
    assert complaints(drawn) == []
