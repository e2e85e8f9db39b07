"""The figure of a snapshot's stages: what it shows, whether it can be read, what it refuses."""

import functools
import math

import pandas as pd
import pytest

from labkit import Cloud, Fault, Flavor, Fleet, LibvirtDriver, Options, RequestSpec, plots
from labkit.plots.stages import LOOKS, TASKS, Stage, still, still_s, tasks_of
from tests.helpers import length
from tests.helpers.readable import complaints, the_same, title

KINDS = ("qcow2", "raw", "lvm", "rbd", "stopped", "forbidden", "fails")
MIB = 1 << 20


@functools.cache
def taken(kind):
    """A cloud in which web-1 was made into an image."""
    faults = {
        "forbidden": [Fault("direct_snapshot", error="Forbidden")],
        "fails": [Fault("extract", error="ProcessExecutionError")],
    }
    backend = {"stopped": "raw", "forbidden": "rbd", "fails": "lvm"}.get(kind, kind)
    options = Options(images_type=backend, images_volume_group="vg0")
    cloud = Cloud(
        Fleet.read("data/two_hosts"),
        options,
        seed=5,
        faults=faults.get(kind, ()),
        driver=LibvirtDriver,
    )
    cloud.create("web-1", RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1)))
    cloud.settle()
    if kind == "stopped":
        cloud.act("web-1", "stop")
        cloud.settle()
    cloud.run(20)
    cloud.act("web-1", "createImage")
    cloud.settle()
    return cloud


def made(kind):
    cloud = taken(kind)
    return plots.stages(cloud.stages, cloud.states)


drawn = functools.cache(made)


def rows(figure):
    return [tick.get_text() for tick in figure.figure.axes[0].get_yticklabels()]


def words(figure):
    return [text.get_text() for text in figure.figure.axes[0].texts]


@pytest.mark.parametrize("kind", length.some(KINDS, 2))
def test_no_text_overlaps_another_or_is_cut_off(kind):
    assert complaints(drawn(kind)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_bar_is_where_and_as_long_as_the_table_says(kind):
    cloud, figure = taken(kind), drawn(kind)
    zero = cloud.states.query("task_state == 'image_snapshot_pending'").t_s.iloc[0]
    bars = figure.figure.axes[0].patches
    for stage, bar in zip(cloud.stages.itertuples(), bars, strict=False):
        assert math.isclose(bar.get_x(), stage.start_s - zero, abs_tol=1e-9)
        assert math.isclose(bar.get_width(), stage.end_s - stage.start_s, abs_tol=1e-9)
    assert len(bars) == len(cloud.stages) + ("suspend" in set(cloud.stages.stage))


@pytest.mark.parametrize("kind", KINDS)
def test_each_stage_and_each_task_state_has_its_row(kind):
    cloud, shown = taken(kind), rows(drawn(kind))
    stages = set(cloud.stages.stage)
    tasks = set(cloud.states.query("t_s >= 20").task_state.dropna())
    assert shown == [s for s in LOOKS if s in stages] + ["guest"] + [t for t in TASKS if t in tasks]


@pytest.mark.parametrize(("kind", "dots"), [("qcow2", 2), ("rbd", 1), ("lvm", 2)])
def test_a_task_state_without_duration_is_a_dot(kind, dots):
    lines = drawn(kind).figure.axes[0].lines
    assert sum(line.get_marker() == "o" for line in lines) == dots


def test_the_answer_says_seconds_bytes_and_guest():
    cloud, figure = taken("lvm"), drawn("lvm")
    stages = cloud.stages.set_index("stage")
    zero = cloud.states.query("task_state == 'image_snapshot_pending'").t_s.iloc[0]
    upload = stages.end_s["upload"] - stages.start_s["upload"]
    pause = stages.end_s["resume"] - stages.start_s["suspend"]
    assert figure.answer == (
        f"The snapshot of web-1 takes {stages.end_s['upload'] - zero:.2f} s, the longest stage is "
        f"upload with {upload:.2f} s; 1,024 MiB are uploaded, and the guest stands still for "
        f"{pause:.2f} s."
    )
    assert f"stands still for {pause:.2f} s" in words(figure)
    assert title(figure) == figure.answer


@pytest.mark.parametrize(
    ("kind", "guest", "ends"),
    [
        ("qcow2", "runs all the time", "the guest never stands still."),
        ("stopped", "is shutdown", "the guest never stands still."),
        ("fails", None, "nothing is uploaded, and the guest stands still for"),
    ],
)
def test_the_guest(kind, guest, ends):
    figure = drawn(kind)
    assert guest is None or guest in words(figure)
    assert ends in figure.answer


def test_bytes_stand_beside_the_seconds():
    rows = [("web-1", "convert", 0.0, 4.0, 512 * MIB, 256 * MIB)]
    columns = ["instance", "stage", "start_s", "end_s", "bytes_in", "bytes_out"]
    assert words(plots.stages(pd.DataFrame(rows, columns=columns))) == [
        "4.00 s, 512 to 256 MiB",
        "runs all the time",
    ]


def test_without_states_the_axis_begins_with_the_first_stage():
    figure = plots.stages(taken("lvm").stages)
    assert rows(figure)[-1] == "guest"
    assert figure.figure.axes[0].patches[0].get_x() == 0
    assert complaints(figure) == []


def test_a_guest_that_is_not_resumed_stands_still_to_the_end():
    stages = [Stage("suspend", 1.0, 3.0, 0, 0), Stage("convert", 3.0, 4.0, 1, 1)]
    assert still(stages, 9.0) == (1.0, 9.0)
    assert still_s([*stages, Stage("resume", 4.0, 6.0, 0, 0)], 9.0) == 5.0
    assert still_s(stages[1:], 9.0) == 0.0


def test_equal_states_are_one_span_and_none_is_left_out():
    found = tasks_of([(0.0, "a"), (1.0, "a"), (1.0, "b"), (1.0, "a"), (5.0, None)])
    assert [tuple(task) for task in found] == [("a", 0.0, 1.0), ("b", 1.0, 1.0), ("a", 1.0, 5.0)]


def test_the_same_table_gives_the_same_bytes():
    _, png = the_same(drawn("lvm"), made("lvm"))
    assert len(png) < 150_000


def test_rows_in_any_order_give_the_same_figure():
    cloud = taken("qcow2")
    mixed = [table.sample(frac=1, random_state=1) for table in (cloud.stages, cloud.states)]
    assert plots.stages(*mixed).svg() == drawn("qcow2").svg()


def twice():
    stages = taken("qcow2").stages
    return pd.concat([stages, stages.assign(instance="web-2")])


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: plots.stages(taken("qcow2").stages.iloc[:0]), "the table has no rows"),
        (lambda: plots.stages(taken("qcow2").stages.drop(columns="stage")), "no column stage"),
        (lambda: plots.stages(twice()), "more than one snapshot, of web-1 and web-2; choose one"),
    ],
)
def test_a_mistake_gets_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
