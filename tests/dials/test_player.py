"""The player: what each step shows and says, and what the API answers there."""

import html
import re

import numpy as np
import pytest

from labkit import Cloud, Fault, Flavor, Fleet, Options, RequestSpec, dials
from labkit.dials.player import TRIES
from tests.helpers import length
from tests.helpers.readable import complaints, unnamed

SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))
OPTIONS = Options(notify_on_state_change="vm_and_task_state")


def lived(*actions, name="web-1", **more):
    cloud = Cloud(Fleet.read("data/four_hosts"), OPTIONS, seed=17, **more)
    cloud.create(name, SPEC)
    cloud.settle()
    for action in actions:
        cloud.act(name, action)
        cloud.settle()
    return cloud


@pytest.fixture(scope="module")
def cloud():
    return lived("stop", "start", "createImage", "delete")


@pytest.fixture(scope="module")
def one(cloud):
    return dials.player(cloud, "web-1")


def in_the_page(dial):
    """The texts of the picture as the page has them."""
    return [html.unescape(text) for text in re.findall("<text[^>]*>([^<]*)<", dial.picture.value)]


def step_of(dial, what):
    """The first step at which that happens."""
    return int(dial.events.index[dial.events["what"] == what][0])


# -- stepping ---------------------------------------------------------------------------
@pytest.mark.usefixtures("unpainted")
def test_every_event_of_a_lone_server_is_a_step(cloud, dial):
    assert dial.step.max == len(cloud.events)
    columns = ["t_s", "service", "instance", "kind", "what"]
    assert dial.events[columns].to_numpy().tolist() == cloud.events[columns].to_numpy().tolist()


@pytest.mark.usefixtures("unpainted")
def test_a_step_says_who_does_what_and_where_it_is_in_nova(dial):
    step = step_of(dial, "update active/powering-off")
    dial.step.value = step
    assert dial.happens == (
        f"Step {step} of {dial.step.max}, {dial.events.t_s[step]:.2f} s: api, Save: update "
        "active/powering-off (compute/api.py:force_stop). The API shows ACTIVE: "
        "active/powering-off."
    )


@pytest.mark.usefixtures("unpainted")
def test_before_and_after_its_life_the_api_shows_no_server(dial):
    assert dial.happens.endswith("The API shows no such server.")
    dial.step.value = dial.step.max
    assert dial.happens.endswith("The API shows no such server.")


@pytest.mark.usefixtures("unpainted")
def test_the_table_ends_at_the_step(cloud, dial):
    dial.step.value = step_of(dial, "update building/spawning")
    assert dial.table.task_state.iloc[-1] == "spawning"
    assert len(dial.table) == 7
    dial.step.value = dial.step.max
    assert dial.table.equals(cloud.states)


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize(
    ("start", "word", "goal"),
    [(5, "back", 4), (5, "forward", 6), (5, "first", 1), (1, "back", 1), (1, "first", 1)],
)
def test_buttons_move_the_step(dial, start, word, goal):
    dial.step.value = start
    getattr(dial, word).click()
    assert dial.step.value == goal


@pytest.mark.usefixtures("unpainted")
def test_the_last_button_goes_to_the_end_and_not_beyond(dial):
    dial.last.click()
    assert dial.step.value == dial.step.max
    dial.forward.click()
    assert dial.step.value == dial.step.max


@pytest.mark.usefixtures("unpainted")
def test_every_step_moves_the_cursor_onward(dial):
    before = None
    for seq, _ in dial._records:
        dial._cursor.move(seq, "")
        line = dial._cursor._line
        place = (line.get_ydata()[0], line.get_xdata()[0])
        assert before is None or place > before
        before = place


@pytest.mark.usefixtures("unpainted")
def test_what_lies_ahead_is_dimmed(dial):
    dial.step.value = step_of(dial, "update stopped/None")
    shades = dial._cursor._shades
    assert len(shades) == 2
    _, lanes, marks = shades[0]
    x = dial._cursor._line.get_xdata()[0]
    assert marks.get_x() - x == pytest.approx(6)
    assert lanes.get_x() > x  # the present states stay bright
    assert all(shade.get_width() > 600 for shade in shades[1])
    dial.step.value = dial.step.max
    assert all(shade.get_width() == 0 for shade in shades[0])


# -- trying an action -------------------------------------------------------------------
@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize(
    ("what", "action", "answer"),
    [
        ("glance get", "stop", "404 Instance {} could not be found."),
        ("update building/networking", "stop", "409 Cannot 'stop' instance {} while it is in vm_state building"),
        ("update building/networking", "delete", "204, accepted."),
        ("update active/None", "pause", "202, accepted."),
        ("update active/powering-off", "pause", "409 Cannot 'pause' instance {} while it is in task_state powering-off"),
        ("update stopped/None", "reboot", "409 Cannot 'reboot' instance {} while it is in vm_state stopped"),
        ("update stopped/None", "reboot HARD", "202, accepted."),
        ("update active/image_uploading", "createImage", "409 Cannot 'createImage' instance {} while it is in task_state image_uploading"),
    ],
)  # fmt: skip
def test_the_answer_is_novas_at_this_moment(cloud, dial, what, action, answer):
    dial.value = {"step": step_of(dial, what), "action": action}
    assert dial.answer == answer.format(cloud.site.uuid_of("web-1"))


@pytest.mark.usefixtures("unpainted")
def test_the_answers_of_all_steps_are_those_of_each(dial):
    dial.action.value = "pause"
    answers = dial.answers
    for step in range(1, dial.step.max + 1, 11):
        dial.step.value = step
        assert answers.answer[step] == dial.answer
        assert dial.answer.startswith(str(answers.status[step]))
        assert answers.t_s[step] == dial.events.t_s[step]


@pytest.mark.usefixtures("unpainted")
def test_a_try_changes_nothing_in_the_cloud(cloud, dial):
    before = len(cloud.events)
    for action in TRIES:
        dial.action.value = action
    assert len(cloud.events) == before


@pytest.mark.usefixtures("unpainted")
def test_at_the_end_the_answers_are_the_clouds():
    cloud = lived("lock", "createImage")
    for is_admin in (True, False):
        dial = dials.player(cloud, "web-1", is_admin=is_admin)
        dial.step.value = dial.step.max
        for action, arguments in TRIES.items():
            dial.action.value = action
            status, words = cloud.answer("web-1", action.split()[0], is_admin=is_admin, **arguments)
            assert dial.answer == (f"{status} {words}" if words else f"{status}, accepted.")
    assert set(TRIES) == set(dial.action.choices)


@pytest.mark.usefixtures("unpainted")
def test_of_two_servers_each_is_played_alone():
    cloud = lived()
    cloud.create("web-2", SPEC)
    cloud.settle()
    dial = dials.player(cloud, "web-2")
    assert set(dial.events["instance"]) == {"web-2"}
    assert set(dial.table["instance"]) <= {"web-2"}


# -- mistakes ---------------------------------------------------------------------------
@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("step", [0, -1, 9999])
def test_a_step_outside_is_refused_in_a_sentence(dial, step):
    with pytest.raises(ValueError, match=rf"step goes from 1 to {dial.step.max}, not {step}"):
        dial.step.value = step
    assert dial.step.value == 1


@pytest.mark.usefixtures("unpainted")
def test_an_unknown_action_is_refused_in_a_sentence(dial):
    with pytest.raises(ValueError, match="unknown action 'pauze'; did you mean 'pause'"):
        dial.action.value = "pauze"
    with pytest.raises(ValueError, match="unknown action 'fly'; there are delete, forceDelete"):
        dial.action.value = "fly"


def test_of_a_wrong_pair_nothing_turns(dial):
    before = dial.value, dial.picture.value
    with pytest.raises(ValueError, match="unknown action"):
        dial.value = {"step": 7, "action": "fly"}
    with pytest.raises(ValueError, match="has no 'steps', only step, action"):
        dial.value = {"steps": 7}
    assert (dial.value, dial.picture.value) == before


def test_an_unknown_server_or_cloud_is_refused_in_a_sentence(cloud):
    with pytest.raises(KeyError, match="no server 'web-9' was created; did you mean 'web-1'"):
        dials.player(cloud, "web-9")
    with pytest.raises(TypeError, match="'web-1' is not a Cloud"):
        dials.player("web-1", "web-1")


# -- the picture ------------------------------------------------------------------------
def test_a_turn_changes_picture_and_words_and_draws_once(dial):
    seen = []
    dial.picture.observe(seen.append, "value")
    before = dial.picture.value
    dial.value = {"step": 20, "action": "pause"}
    assert len(seen) == 1
    assert dial.picture.value != before
    assert any(text.endswith(" s, pause: 409") for text in in_the_page(dial))
    dial.value = {"step": 1, "action": "stop"}
    assert dial.picture.value == before


def test_after_fast_turns_the_picture_is_that_of_the_last_value(cloud, dial):
    turned, direct = dial, dials.player(cloud, "web-1")
    for step in np.random.default_rng(1).integers(1, turned.step.max, length.few(20, 3)).tolist():
        turned.step.value = step
    direct.step.value = turned.step.value
    assert unnamed(turned.picture.value) == unnamed(direct.picture.value)
    assert turned.figure.png() == direct.figure.png()


@pytest.mark.usefixtures("unpainted")
def test_the_figure_is_laid_out_once(dial):
    figure = dial.figure.figure
    limits = figure.axes[0].get_xlim(), figure.axes[0].get_ylim()
    for step in (1, 40, dial.step.max):
        dial.step.value = step
    assert dial.figure.figure is figure
    assert (figure.axes[0].get_xlim(), figure.axes[0].get_ylim()) == limits


def test_the_words_are_said_for_who_cannot_see_the_picture(dial):
    dial.value = {"step": 30, "action": "pause"}
    label = re.search('<div role="img" aria-label="([^"]*)">', dial.picture.value)[1]
    assert html.unescape(label) == repr(dial)
    assert repr(dial) == f"{dial.happens} Try pause here: {dial.answer}"


def test_names_are_only_text():
    name = '<script>alert("x")</script>&\''
    dial = dials.player(lived(name=name, faults=[Fault("spawn", times=9)]), name)
    for step in length.some(range(1, dial.step.max + 1, 7), 4):
        dial.step.value = step
        assert "<script" not in dial.picture.value


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("action", ["stop", "trigger_crash_dump"])
def test_no_text_overlaps_another_or_is_cut_off(dial, action):
    dial.action.value = action
    for step in length.some(range(1, dial.step.max + 1, 9), 3):
        dial.step.value = step
        assert complaints(dial.figure) == []


# -- in a notebook ----------------------------------------------------------------------
@pytest.mark.usefixtures("unpainted")
def test_the_answer_is_shown_without_quotes(dial):
    assert repr(dial.answer).startswith("404 Instance")


@pytest.mark.usefixtures("unpainted")
def test_the_veil_over_what_is_still_to_come_covers_no_remark(dial):
    dial.step.value = 1
    (axes,) = dial.figure.figure.axes
    remarks = [text for text in axes.texts if text.get_text().startswith(("●", "not to scale"))]
    veils = [patch for patch in axes.patches if patch.get_alpha() and patch.get_width()]
    boxes = [remark.get_window_extent() for remark in remarks]
    assert any(veil.get_window_extent().overlaps(box) for veil in veils for box in boxes)
    assert min(r.zorder for r in remarks) > max(veil.zorder for veil in veils)
