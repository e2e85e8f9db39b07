"""The strip of request ids: what it shows, whether it can be read, what it refuses."""

import pandas as pd
import pytest

from labkit import plots
from tests.helpers import length
from tests.helpers.readable import complaints

SENDERS = ("api", "conductor", "scheduler", "compute@cn-1", "compute@cn-2")


def table(ids, each=4, name="req-{}-0000-0000"):
    """That many request ids with some messages each, mixed."""
    rows = [
        (SENDERS[k % 5], name.format(one), f"web-{one}" if k == 3 else None)
        for k in range(each)
        for one in range(ids)
    ]
    return pd.DataFrame(rows, columns=["sender", "request_id", "instance"])


def letters(figure):
    axes = figure.figure.axes[0]
    return [text.get_text() for text in axes.texts if len(text.get_text()) == 1]


@pytest.mark.parametrize(
    ("ids", "each"), length.some([(1, 1), (3, 5), (30, 2), (40, 3), (2, 40)], 2)
)
def test_no_text_overlaps_another_or_is_cut_off(ids, each):
    assert complaints(plots.requests(table(ids, each))) == []


def test_long_names_can_be_read():
    long = table(3, name="req-" + "x" * 90 + "{}").assign(instance="server-" * 30)
    assert complaints(plots.requests(long)) == []


def test_a_square_stands_in_the_row_of_its_id_and_has_the_senders_letter():
    messages = table(2)
    figure = plots.requests(messages)
    assert "".join(letters(figure)) == "AACCSSHH"
    heights = [text.get_position()[1] for text in figure.figure.axes[0].texts[:8]]
    assert heights == [0, 1] * 4
    ticks = [tick.get_text() for tick in figure.figure.axes[0].get_yticklabels()]
    assert ticks == ["req-0-0000-0… (web-0)", "req-1-0000-0… (web-1)"]


def test_the_answer_says_who_sent_how_many():
    assert plots.requests(table(1)).answer == (
        "1 request id in 4 messages: req-0-0000-0… (web-0) in 4, of api, conductor, scheduler and"
        " compute@cn-1."
    )
    assert "and 1 more." in plots.requests(table(5)).answer


def test_what_is_left_out_is_said():
    figure = plots.requests(table(40, 3))
    assert len(letters(figure)) == 60
    assert figure.answer.endswith("60 messages are not drawn.")


def test_messages_without_a_request_id_are_left_out():
    messages = table(2)
    messages.loc[0, "request_id"] = None
    assert len(letters(plots.requests(messages))) == 7


def test_the_same_bytes_every_time():
    assert plots.requests(table(3)).png() == plots.requests(table(3)).png()


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        (table(1).drop(columns="sender"), "no column sender"),
        (table(1)[:0], "nobody has sent anything"),
        (table(2).assign(request_id=None), "no message has a request id"),
    ],
)
def test_what_cannot_be_drawn_is_said(messages, sentence):
    with pytest.raises(ValueError, match=sentence):
        plots.requests(messages)
