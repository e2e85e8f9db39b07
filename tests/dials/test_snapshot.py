"""The dial of snapshots: what a turn shows, says and leaves behind."""

import html
import itertools
import re

import ipywidgets
import pytest

from labkit import Cloud, Flavor, Fleet, LibvirtDriver, Options, RequestSpec, RootDisk, dials
from labkit import SnapshotCosts as Costs
from labkit.cloud.durations import steps
from labkit.dials.snapshot import CHOICES
from labkit.plots.stages import LOOKS, TASKS
from tests.helpers import length
from tests.helpers.readable import complaints, unnamed

SETTINGS = [
    dict(zip([*CHOICES, "snapshot_compression"], values, strict=True))
    for values in itertools.product(*CHOICES.values(), (False, True))
]


@pytest.fixture(scope="module")
def one():
    return dials.snapshot()


def in_the_page(dial):
    """The texts of the picture as the page has them."""
    return [html.unescape(text) for text in re.findall("<text[^>]*>([^<]*)<", dial.picture.value)]


def seconds_of(dial):
    return float(re.search(r": ([\d.]+) s,", str(dial.answer))[1])


def test_a_turn_changes_answer_picture_and_table(dial):
    before = dial.picture.value, dial.cloud
    assert list(dial.table.stage) == ["mirror", "convert", "upload"]
    dial.images_type.value = "lvm"
    assert list(dial.table.stage) == ["suspend", "convert", "resume", "upload"]
    assert dial.answer.startswith("lvm, cold: ")
    assert "No -c: the image is not qcow2." in dial.answer
    assert dial.picture.value != before[0]
    assert dial.cloud is not before[1]


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("setting", length.some(SETTINGS, 5))
def test_the_answer_says_what_the_commands_do(dial, setting):
    dial.value = setting
    commands = [c for c in dial.table.command if "qemu-img convert" in c]
    compressed = [c for c in commands if " -c " in c]
    assert ("No -c" in dial.answer) is (not compressed and "With -c" not in dial.answer)
    if compressed:
        assert "Without -c" in dial.answer
    if not commands:
        assert "qemu-img does not run" in dial.answer
    uploaded = dial.table.query("stage == 'upload'").bytes_out
    assert ("nothing is sent" in dial.answer) is uploaded.empty


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize(
    ("images_type", "net_mib_s", "pays"),
    [("raw", 20, True), ("raw", 40, False), ("qcow2", 20, True), ("qcow2", 40, False)],
)
def test_compression_pays_on_a_slow_network(dial, images_type, net_mib_s, pays):
    dial.value = {"images_type": images_type, "net_mib_s": net_mib_s}
    dial.value = {"snapshot_image_format": "qcow2", "allocated_percent": 100}
    without = seconds_of(dial)
    assert ("compression pays" in dial.answer) is pays
    dial.snapshot_compression.value = True
    assert (seconds_of(dial) < without) is pays
    assert ("compression pays" in dial.answer) is pays


@pytest.mark.usefixtures("unpainted")
def test_the_stages_are_those_of_a_cloud_made_by_hand(dial):
    dial.value = {"images_type": "lvm", "allocated_percent": 20, "net_mib_s": 50}
    disk = RootDisk("block", "/dev/vg0/web-1_disk", size_mb=1024, allocated_mb=204.8)
    cloud = Cloud(
        Fleet.read("data/two_hosts"),
        Options(images_type="lvm", images_volume_group="vg0"),
        durations={step: (length, 0.0) for step, (length, _) in steps().items()},
        driver=lambda o: LibvirtDriver(o, lambda instance: disk, Costs.read(net_mib_s=50)),
    )
    cloud.create("web-1", RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1)))
    cloud.settle()
    cloud.act("web-1", "createImage")
    cloud.settle()
    columns = ["stage", "seconds", "bytes_in", "bytes_out"]
    mine = dial.table.assign(seconds=(dial.table.end_s - dial.table.start_s).round(9))
    theirs = cloud.stages.assign(seconds=(cloud.stages.end_s - cloud.stages.start_s).round(9))
    assert mine[columns].equals(theirs[columns])


@pytest.mark.usefixtures("unpainted")
def test_more_written_means_more_bytes(dial):
    dial.images_type.value = "qcow2"
    sent = []
    for share in (0, 50, 100):
        dial.allocated_percent.value = share
        sent.append(dial.table.bytes_out.iloc[-1])
    assert sent[0] < sent[1] < sent[2]


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("setting", length.some(SETTINGS[::3], 2))
@pytest.mark.parametrize("more", [{"net_mib_s": 5}, {"allocated_percent": 0, "net_mib_s": 250}])
def test_the_figure_can_be_read(dial, setting, more):
    dial.value = setting | more
    assert complaints(dial.figure) == []


@pytest.mark.usefixtures("unpainted")
def test_the_figure_is_laid_out_once(dial):
    figure = dial.figure.figure
    where = figure.axes[0].get_position().bounds
    for images_type in CHOICES["images_type"]:
        dial.images_type.value = images_type
        assert dial.figure.figure is figure
        assert figure.axes[0].get_position().bounds == where
        ticks = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
        assert ticks == [*LOOKS, "guest", *TASKS]


def test_turning_there_and_back_gives_the_same_bytes(dial):
    before = dial.picture.value
    for images_type in ("lvm", "rbd", "raw"):
        dial.images_type.value = images_type
    assert dial.picture.value == before
    assert unnamed(before) == unnamed(dials.snapshot().picture.value)


def test_several_controls_are_turned_at_once(dial):
    seen = []
    dial.picture.observe(seen.append, "value")
    wanted = {"images_type": "qcow2", "snapshot_compression": True, "net_mib_s": 10}
    dial.value = wanted
    assert len(seen) == 1
    assert dial.value | wanted == dial.value


@pytest.mark.usefixtures("unpainted")
def test_a_value_that_a_control_does_not_have_is_refused_and_nothing_turns(dial):
    before = dial.value
    with pytest.raises(ValueError, match="net_mib_s goes from 5 to 250, not 900"):
        dial.value = {"images_type": "lvm", "net_mib_s": 900}
    with pytest.raises(ValueError, match="images_type is not 'qcow' in this dial; did you mean"):
        dial.value = {"images_type": "qcow"}
    with pytest.raises(ValueError, match="there are unset, raw, qcow2"):
        dial.snapshot_image_format.value = "iso"
    with pytest.raises(ValueError, match="no 'backend', only images_type"):
        dial.value = {"backend": "lvm"}
    assert dial.value == before


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [({"size_mb": 0}, "size_mb = 0"), ({"size_mb": "big"}, "'big'"), ({"ratio": 2}, "ratio = 2")],
)
def test_a_disk_that_makes_no_sense_is_refused(bad, sentence):
    with pytest.raises(ValueError, match=sentence):
        dials.snapshot(**bad)


@pytest.mark.usefixtures("unpainted")
def test_there_is_no_output_widget_in_it(dial):
    found, todo = [], [dial]
    while todo:
        found.append(todo.pop())
        todo += getattr(found[-1], "children", ())
    assert not any(isinstance(widget, ipywidgets.Output) for widget in found)
    assert not any(isinstance(widget, ipywidgets.Dropdown) for widget in found)
