"""The dial of a call: what a turn shows, says and leaves behind."""

import ipywidgets
import pytest

from labkit import dials
from labkit.dials.rpc import END_S, SLIDERS
from tests.helpers import length
from tests.helpers.readable import complaints, unnamed

SETTINGS = [
    {},
    {"work_s": 70},
    {"work_s": 0, "latency_s": 0.0},
    {"work_s": 100, "latency_s": 5.0, "timeout_s": 120},
    {"host_up": False},
    {"host_up": False, "timeout_s": 120, "call_monitor_timeout": 10},
    {"work_s": 100, "timeout_s": 120, "call_monitor_timeout": 2},
    {"work_s": 59, "timeout_s": 60},
    {"work_s": 20, "timeout_s": 1, "latency_s": 5.0},
]


@pytest.fixture(scope="module")
def one():
    return dials.rpc()


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize(
    ("setting", "answer"),
    [
        ({}, "The call is answered after 22 s, within its 60 s."),
        (
            {"work_s": 70},
            "MessagingTimeout after 60 s. The host works on until 71 s; its reply finds",
        ),
        (
            {"work_s": 59},
            "MessagingTimeout after 60 s. The host was done at 60 s; its reply comes too",
        ),
        ({"host_up": False}, "MessagingTimeout after 60 s. No host has taken the message."),
        ({"work_s": 70, "timeout_s": 120}, "The call is answered after 72 s, within its 120 s."),
        (
            {"work_s": 70, "timeout_s": 120, "call_monitor_timeout": 60},
            "The call is answered after 72 s, within its 120 s, 2 heartbeats on the way.",
        ),
        (
            {"host_up": False, "timeout_s": 120, "call_monitor_timeout": 10},
            "MessagingTimeout after 10 of 120 s: no sign of life. No host has taken the message.",
        ),
        (
            {"latency_s": 5.0, "call_monitor_timeout": 8},
            "MessagingTimeout after 8 of 60 s: no sign",
        ),
        ({"timeout_s": 3, "latency_s": 5.0}, "MessagingTimeout after 3 s. "),
    ],
)
def test_the_answer_says_what_the_caller_meets_and_what_the_host_did(dial, setting, answer):
    dial.value = setting
    assert dial.answer.startswith(answer)


@pytest.mark.usefixtures("unpainted")
def test_a_host_that_the_message_reaches_too_late_works_all_the_same(dial):
    # no broker throws away what is on its way already
    dial.value = {"timeout_s": 3, "latency_s": 5.0, "work_s": 20}
    assert dial.answer.endswith("The host works on until 25 s; its reply finds nobody waiting.")


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("setting", SETTINGS)
def test_the_figure_can_be_read(dial, setting):
    dial.value = setting
    assert complaints(dial.figure) == []


@pytest.mark.usefixtures("unpainted")
def test_the_figure_is_laid_out_once_and_has_room_for_every_setting(dial):
    figure = dial.figure.figure
    where = figure.axes[0].get_position().bounds
    for setting in SETTINGS:
        dial.value = setting
        assert dial.figure.figure is figure
        assert figure.axes[0].get_position().bounds == where
        assert dial.table.taken_s.max() <= END_S or not dial.host_up.value


@pytest.mark.usefixtures("unpainted")
def test_bars_and_lines_are_what_the_table_says(dial):
    dial.value = {"work_s": 70}
    wait, work, for_nobody = dial.figure.figure.axes[0].patches
    assert wait.get_width() == 60
    assert (work.get_x(), work.get_width()) == (1, 59)
    assert (for_nobody.get_x(), for_nobody.get_width()) == (60, 11)
    call, reply, heartbeat = dial.figure.figure.axes[0].collections
    assert call.get_segments()[0][:, 0].tolist() == [0, 1]
    assert reply.get_segments()[0][:, 0].tolist() == [71, 72]
    assert heartbeat.get_segments() == []
    dial.value = {"call_monitor_timeout": 20, "timeout_s": 120}
    assert len(heartbeat.get_segments()) == (dial.table.kind == "heartbeat").sum() == 6
    assert for_nobody.get_width() == 0
    dial.host_up.value = False
    assert (wait.get_width(), work.get_width()) == (20, 0)


def test_turning_there_and_back_gives_the_same_bytes(dial):
    before = dial.picture.value
    for setting in length.some(SETTINGS[1:], 3):
        dial.value = setting
    first = {name: one[0] for name, one in SLIDERS.items()} | {"host_up": True}
    dial.value = first
    assert dial.picture.value == before
    assert unnamed(before) == unnamed(dials.rpc().picture.value)


def test_a_value_that_a_control_does_not_have_is_refused_and_nothing_turns(dial):
    before = dial.value
    with pytest.raises(ValueError, match="timeout_s goes from 1 to 120, not 0"):
        dial.value = {"work_s": 70, "timeout_s": 0}
    with pytest.raises(ValueError, match="no 'patience', only latency_s"):
        dial.value = {"patience": 1}
    assert dial.value == before


def test_there_is_no_output_widget_in_it(dial):
    found, todo = [], [dial]
    while todo:
        found.append(todo.pop())
        todo += getattr(found[-1], "children", ())
    assert not any(isinstance(widget, ipywidgets.Output) for widget in found)
