"""The sequence diagram: every message an arrow, in order, from whom to whom."""

import functools

import pandas as pd
import pytest

from labkit import plots
from labkit.plots.figure import broken, text_width
from labkit.plots.messages import MOST_ROWS, arrows_of, services_of
from tests.helpers import length
from tests.helpers.readable import complaints, texts, the_same, title
from tests.helpers.roads import ROADS, road

COLUMNS = ["t_s", "kind", "sender", "topic", "server", "method", "args", "lost"]
LONG = "a-host-with-a-very-long-name-{}.rack-17.row-3.some-data-centre.example.org"


@pytest.fixture(params=ROADS)
def cloud(request):
    return road(request.param)


def made(name):
    """The figure of a road with what its neighbours are asked."""
    return plots.sequence(road(name).messages, road(name).calls)


drawn = functools.cache(made)


def table(*rows):
    """The table `messages` from (kind, sender, topic, server, method[, args[, lost]])."""
    full = [
        (i / 10, *row[:5], row[5] if len(row) > 5 else "", len(row) > 6 and row[6])
        for i, row in enumerate(rows)
    ]
    return pd.DataFrame(full, columns=COLUMNS)


CALL = ("call", "conductor", "scheduler", None, "select_destinations")
CAST = ("cast", "conductor", "compute", "cn-1", "build_and_run_instance")
REPLY = ("reply", "scheduler", None, None, "select_destinations")


# -- it can be read -----------------------------------------------------------------------
@pytest.mark.parametrize("name", length.some(ROADS, 3))
def test_no_text_overlaps_is_cut_off_or_small(name):
    assert complaints(plots.sequence(road(name).messages)) == []


@pytest.mark.parametrize("name", length.some(["30 on 45", "exhausted", "long names"], 2))
def test_no_text_overlaps_with_neighbours_either(name):
    assert complaints(drawn(name)) == []


def test_very_long_names_can_be_read():
    rows = [("cast", "conductor", "compute", LONG.format(i), "build_instances") for i in range(6)]
    assert complaints(plots.sequence(table(*rows))) == []


@pytest.mark.parametrize("name", length.some(["reschedule", "exhausted", "30 on 4"], 3))
def test_the_same_table_gives_the_same_small_picture(name):
    svg, png = the_same(drawn(name), made(name))
    assert len(png) < 150_000
    assert "<text" in svg
    assert "<dc:date>" not in svg


def test_the_answer_is_the_title():
    figure = plots.sequence(road("plain").messages)
    assert title(figure) == figure.answer


# -- the arrows ---------------------------------------------------------------------------
def test_every_message_is_an_arrow_in_order(cloud):
    messages = cloud.messages
    arrows, orphans = arrows_of(messages)
    assert orphans == 0
    assert [(a.kind, a.sender, a.t_s) for a in arrows] == list(
        messages[["kind", "sender", "t_s"]].itertuples(index=False, name=None)
    )
    asked = [a for a in arrows if a.kind != "reply"]
    where = messages[messages.kind != "reply"]
    assert [a.words for a in asked] == where.method.to_list()
    assert [a.receiver for a in asked] == [
        f"{topic}@{server}" if server else topic
        for topic, server in zip(where.topic, where.server, strict=True)
    ]


def test_a_reply_goes_back_to_the_one_that_called():
    rows = [CALL, ("call", "api", *CALL[2:]), REPLY, (*REPLY, "NoValidHost")]
    arrows, _ = arrows_of(table(*rows))
    assert [(a.receiver, a.words) for a in arrows[2:]] == [
        ("conductor", "reply"),
        ("api", "reply: NoValidHost"),
    ]


def test_neighbours_are_asked_in_between():
    cloud = road("plain")
    arrows, _ = arrows_of(cloud.messages, cloud.calls)
    assert len(arrows) == len(cloud.messages) + len(cloud.calls)
    seqs = {**cloud.messages.set_index("seq").method, **cloud.calls.set_index("seq").call}
    expected = [str(seqs[seq]).split("?")[0] for seq in sorted(seqs)]
    assert [a.words if a.kind != "reply" else "select_destinations" for a in arrows] == expected


def test_each_arrow_is_drawn_from_its_sender_to_its_receiver():
    cloud = road("reschedule")
    axes = plots.sequence(cloud.messages).figure.axes[0]
    arrows, _ = arrows_of(cloud.messages)
    places = dict(
        zip(services_of(n for a in arrows for n in a[2:4]), _lifelines(axes), strict=True)
    )
    drawn = [t for t in axes.texts if t.arrow_patch is not None and t.get_position()[1] % 1 == 0]
    long = [t for t in drawn if abs(t.xy[0] - t.get_position()[0]) > 2]
    assert [(t.get_position(), t.xy) for t in long] == [
        ((places[a.sender], row), (places[a.receiver], row)) for row, a in enumerate(arrows)
    ]


def _lifelines(axes):
    return [line.get_xdata()[0] for line in axes.lines if list(line.get_ydata()) == [0, 1]]


def test_kinds_look_different():
    rows = [
        CALL,
        REPLY,
        CAST,
        ("fanout", "compute@cn-1", "scheduler", None, "update_instance_info"),
    ]
    axes = plots.sequence(table(*rows)).figure.axes[0]
    patches = [text.arrow_patch for text in axes.texts if text.arrow_patch is not None]
    looks = [(type(p.get_arrowstyle()).__name__, p.get_linestyle()) for p in patches]
    assert len(patches) == 5  # two heads for the fanout
    assert len(set(looks[:4])) == 4


def test_what_is_lost_ends_in_a_cross_and_is_told():
    figure = plots.sequence(table((*CAST, "", True)))
    axes = figure.figure.axes[0]
    assert [line for line in axes.lines if line.get_marker() == "X"]
    assert "build_and_run_instance (lost)" in [text.get_text() for text in axes.texts]
    assert figure.answer.endswith("build_and_run_instance is lost.")


# -- the answer ---------------------------------------------------------------------------
def test_the_answer_counts_kinds():
    assert plots.sequence(table(CALL, (*REPLY, "NoValidHost"), CAST)).answer == (
        "3 messages until 0.20 s between conductor, scheduler and compute@cn-1: 1 call, 1 reply and "
        "1 cast. scheduler answers conductor with NoValidHost."
    )


def test_a_message_that_several_take_is_drawn_for_each_and_counted_once():
    rows = [("fanout", "api", "compute", f"cn-{i}", "refresh") for i in range(2, 32)]
    fanout = table(CAST, *rows).assign(seq=[0] + [1] * 30)
    figure = plots.sequence(fanout)
    assert figure.answer.startswith(
        "2 messages until 3.00 s between api, conductor, compute@cn-1, comp"
    )
    assert ": 1 cast and 1 fanout. Drawn are 6; left out are 25 to or from" in figure.answer
    assert complaints(figure) == []


def test_a_heartbeat_is_an_arrow_back_and_the_call_still_waits():
    beat = ("heartbeat", *REPLY[1:])
    figure = plots.sequence(table(CALL, beat, beat, REPLY))
    assert figure.answer.endswith("1 call, 2 heartbeats and 1 reply.")
    arrows, orphans = arrows_of(table(CALL, beat, REPLY, beat))
    assert [(a.kind, a.receiver) for a in arrows[1:]] == [
        ("heartbeat", "conductor"),
        ("reply", "conductor"),
    ]
    assert orphans == 1


def test_more_than_fits_is_left_out_and_told():
    figure = plots.sequence(table(*[CAST] * (MOST_ROWS + 5)))
    assert figure.answer.endswith("Drawn are 60; left out are 5 later ones, from 6.00 s on.")
    words = [text.get_text() for text, _ in texts(figure)]
    assert words.count("build_and_run_instance") == MOST_ROWS


def test_more_computes_than_fit_are_left_out_and_told():
    rows = [("cast", "conductor", "compute", f"cn-{i}", "stop_instance") for i in range(1, 9)]
    figure = plots.sequence(table(*rows))
    assert figure.answer.endswith(
        "Drawn are 6; left out are 2 to or from compute@cn-7 and compute@cn-8."
    )
    assert "compute@\ncn-7" not in [text.get_text() for text, _ in texts(figure)]


def test_a_reply_to_a_call_that_is_not_there_is_told():
    assert plots.sequence(table(CAST, REPLY)).answer.endswith(
        "1 reply is not drawn: its call is not in this table."
    )
    with pytest.raises(ValueError, match="nothing to draw"):
        plots.sequence(table(REPLY))


# -- odd tables ---------------------------------------------------------------------------
def test_an_empty_table_and_a_missing_column_get_a_sentence():
    messages = road("plain").messages
    with pytest.raises(ValueError, match="nothing to draw: the table has no rows: nobody has sent"):
        plots.sequence(messages.iloc[:0])
    with pytest.raises(ValueError, match="no column seq"):
        plots.sequence(messages.drop(columns="seq"), road("plain").calls)
    with pytest.raises(ValueError, match="no column sender"):
        plots.sequence(messages.drop(columns="sender"))


def test_the_tables_stay_as_they_were():
    cloud = road("plain")
    messages, calls = cloud.messages, cloud.calls
    before = messages.copy(), calls.copy()
    plots.sequence(messages, calls)
    pd.testing.assert_frame_equal(messages, before[0])
    pd.testing.assert_frame_equal(calls, before[1])


def test_without_calls_the_neighbours_have_no_lifeline():
    cloud = road("plain")
    assert plots.sequence(cloud.messages, cloud.calls.iloc[:0]).answer == (
        plots.sequence(cloud.messages).answer
    )


def test_dollars_and_tags_in_a_name_are_only_text():
    figure = plots.sequence(table(("cast", "conductor", "compute", "$a_1$ <b>&", "stop_instance")))
    assert complaints(figure) == []
    assert "&lt;b&gt;&amp;" in figure.svg()


# -- names --------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [LONG.format(1), "x" * 70, "compute@cn-1", "-", "api"])
@pytest.mark.parametrize("width", [54, 84, 118])
def test_a_name_is_broken_into_lines_that_fit(name, width):
    lines = broken(name, width).split("\n")
    assert len(lines) <= 6
    assert all(text_width(line) <= max(width, text_width(line[:14])) for line in lines)
    if len(name) < 40:
        assert "".join(lines) == name
