"""What all dials share: words and tips, reset, what a page without panels shows."""

import html
import re

import ipywidgets
import pytest

from labkit import Cloud, Flavor, Fleet, RequestSpec, dials, qcow2
from labkit.dials.panel import FEWER, LIVE, MORE, Buttons, Numbers, Steps

SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512))


def player(folder):
    cloud = Cloud(Fleet.read("data/two_hosts"))
    cloud.create("web-1", SPEC)
    cloud.settle()
    return dials.player(cloud, "web-1")


def overlay(folder):
    with qcow2.create(folder / "base.qcow2", 32 * 65536) as base:
        base.write(0, b"x" * 65536)
    return dials.overlay(folder / "base.qcow2")


DIALS = {
    "context": lambda folder: dials.context(),
    "creation": lambda folder: dials.creation(Fleet.read("data/two_hosts"), SPEC),
    "overcommit": lambda folder: dials.overcommit(),
    "overlay": overlay,
    "player": player,
    "rpc": lambda folder: dials.rpc(),
    "scores": lambda folder: dials.scores(Fleet.read("data/two_hosts"), SPEC),
    "snapshot": lambda folder: dials.snapshot(),
}


@pytest.fixture(params=DIALS, scope="module")
def dial(request, tmp_path_factory):
    return DIALS[request.param](tmp_path_factory.mktemp("dial"))


def all_in(widget):
    return [widget, *(one for child in getattr(widget, "children", ()) for one in all_in(child))]


def test_without_panels_there_are_a_picture_the_words_and_where_it_is_live(dial):
    data, metadata = dial._repr_mimebundle_()
    told = repr(dial)
    assert data["text/plain"] == f"{LIVE}\n{told}"
    assert data["image/png"].startswith("iVBOR")
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == dial.model_id
    assert metadata["image/png"]["alt"] == told


def test_the_words_stand_above_the_picture_and_are_read_aloud(dial):
    label = re.search('<div role="img" aria-label="([^"]*)">', dial.picture.value)[1]
    assert html.unescape(label) == repr(dial)
    assert "<b>" in dial.sentence.value
    assert str(dial.answer) in html.unescape(dial.sentence.value)
    words, pictures = (all_in(dial).index(one) for one in (dial.sentence, dial.picture))
    assert words < pictures
    assert not any(isinstance(one, ipywidgets.Output) for one in all_in(dial))


def test_every_control_has_words_a_tip_and_a_slider_its_ends(dial):
    for name in dial.value:
        control = getattr(dial, name)
        assert control in all_in(dial)
        assert control.description
        assert control.tooltip
        if isinstance(control, (Steps, Numbers)):
            assert f"{control.min:g} to {control.max:g}" in control.description


def test_reset_is_as_it_was_at_first(dial):
    first = dial.value, dial.picture.value, dial.sentence.value
    controls = {name: getattr(dial, name) for name in dial.value}
    dial.value = {
        name: getattr(control, "choices", [getattr(control, "max", True)])[-1]
        for name, control in controls.items()
    }
    assert dial.value != first[0]
    dial.reset.click()
    assert (dial.value, dial.picture.value, dial.sentence.value) == first


def test_a_slider_takes_what_a_browser_sends_for_a_step():
    one = Numbers(0.5, min=-2.0, max=2.0, step=0.1)
    one.value = 0.1 + 0.2
    assert one.value == 0.3


def test_what_is_chosen_less_often_stands_behind_more():
    one = Buttons(["stop", "start", "lock"], often=["stop"], value="stop")
    seen = []
    one.observe(lambda change: seen.append(change.new), "value")
    assert one.options == ("stop", MORE)
    one.value = MORE  # as a press does
    assert one.options == ("stop", "start", "lock", FEWER)
    assert one.value == "stop"
    one.value = "lock"
    one.value = FEWER
    assert one.options == ("stop", "lock", MORE)
    assert one.value == "lock"
    one.value = "start"  # as a cell does
    assert one.options == ("stop", "start", MORE)
    with pytest.raises(ValueError, match="there are stop, start, lock"):
        one.value = "xyz"


def test_a_dial_asks_its_model_once_for_a_press_of_more(tmp_path):
    dial = player(tmp_path)
    shown = []
    dial.picture.observe(shown.append, "value")
    dial.action.value = MORE
    assert shown == []
    assert dial.action.value == "stop"


@pytest.mark.usefixtures("unpainted")
def test_matplotlibs_settings_of_a_learner_reach_no_dial(dial, tmp_path, request):
    import matplotlib

    usual = dial.figure.svg()
    with matplotlib.rc_context({"axes.grid": True, "font.size": 20, "axes.facecolor": "black"}):
        other = DIALS[request.node.callspec.params["dial"]](tmp_path).figure.svg()
    assert re.sub("id=.[^ ]*", "", other) == re.sub("id=.[^ ]*", "", usual)


def test_a_presentation_is_larger(tmp_path):
    from labkit import plots

    usual = dials.rpc()
    plots.size("presentation")
    try:
        large = dials.rpc()
    finally:
        plots.size("page")
    wide = [int(re.search(r"width:(\d+)px", d.picture.value)[1]) for d in (usual, large)]
    assert wide[1] == pytest.approx(1.35 * wide[0], abs=1)


def test_two_dials_of_a_page_share_no_hatch(tmp_path):
    one = overlay(tmp_path)
    other = dials.overlay(tmp_path / "base.qcow2")
    hatches = [set(re.findall(r"url\(#([^)]*)\)", dial.picture.value)) for dial in (one, other)]
    assert hatches[0]
    assert not hatches[0] & hatches[1]


def test_what_is_shown_without_a_kernel_says_how_to_turn_it(dial):
    assert 'class="labkit-gone"' in dial.sentence.value
    assert "run this cell" in dial.sentence.value
