"""The lanes: what they draw is what the table says, and it can be read."""

import functools
import itertools
import math

import pytest

from labkit import Cloud, Fault, Flavor, Fleet, Options, RequestSpec, plots
from labkit.plots.figure import VM_STATES, seconds
from labkit.plots.lanes import LANES, Mark, grouped
from tests.helpers import length
from tests.helpers.readable import complaints, the_same, title

SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))
LONG = "web-production-rack07-0001-$a$-<b>.example.org"
MORE = ("stop", "start", "reboot HARD", "createImage", "delete")
DOTS = {"o": "update", "^": "other"}
#: Each life: the server's name, the faults, what is asked of it after it is built, the format.
LIVES = {
    "create": ("web-1", (), (), "unversioned"),
    "more": ("web-1", (), MORE, "unversioned"),
    "both formats": ("web-1", (), MORE, "both"),
    "a host fails": ("web-1", (Fault("spawn"),), (), "unversioned"),
    "all hosts fail": ("web-1", (Fault("spawn", times=9),), (), "unversioned"),
    "long name": (LONG, (Fault("image"),), ("delete",), "unversioned"),
}


@functools.cache
def lived(life):
    """A cloud with one server that lived such a life, and the server's name."""
    name, faults, actions, form = LIVES[life]
    options = Options(notify_on_state_change="vm_and_task_state", notification_format=form)
    cloud = Cloud(Fleet.read("data/four_hosts"), options, seed=17, faults=faults)
    cloud.create(name, SPEC)
    cloud.settle()
    for action in actions:
        word, _, kind = action.partition(" ")
        cloud.act(name, word, **({"reboot_type": kind} if kind else {}))
        cloud.settle()
    return cloud, name


def made(life):
    cloud, _ = lived(life)
    return plots.lanes(cloud.states, cloud.notifications)


drawn = functools.cache(made)


@functools.cache
def states_of(life):
    """The figure without notifications."""
    return plots.lanes(lived(life)[0].states)


def words(figure):
    """The texts of the figure, from left to right within each line of it."""
    found = [(text.get_text(), text.get_position()) for text in figure.figure.axes[0].texts]
    return [text for text, (x, y) in sorted(found, key=lambda each: (each[1][1], each[1][0]))]


def markers(figure):
    """How many marks of each kind are drawn."""
    found = {}
    for line in figure.figure.axes[0].lines:
        hollow = line.get_markerfacecolor() == "none"
        key = DOTS[line.get_marker()], "versioned" if hollow else "legacy"
        found[key] = found.get(key, 0) + len(line.get_xdata())
    return found


# -- one server -------------------------------------------------------------------------
@pytest.mark.parametrize("life", length.some(reversed(LIVES), 3))
def test_no_text_is_small_or_cut_off_or_lies_over_another(life):
    assert complaints(drawn(life)) == []


def in_lane(figure, lane):
    """The names in a lane, over all its strips."""
    shown = [(text.get_text(), *text.get_position()) for text in figure.figure.axes[0].texts]
    rows = [y for text, _, y in shown if text == lane]
    return [
        t for row in rows for t, x, y in sorted(shown, key=lambda e: e[1]) if y == row and x > 90
    ]


def runs(values):
    return [value for value, _ in itertools.groupby(map(str, values))]


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("life", LIVES)
def test_the_states_of_the_table_are_named_in_order(life, lane):
    cloud, _ = lived(life)
    # Where a strip breaks off a state may be named twice.
    assert runs(in_lane(states_of(life), lane)) == runs(cloud.states[lane])


@pytest.mark.parametrize("life", LIVES)
def test_the_seconds_of_every_change_stand_at_the_axis(life):
    cloud, _ = lived(life)
    figure = states_of(life)
    rows = cloud.states[["t_s", *LANES]].astype(object).itertuples(index=False, name=None)
    rows = [(t_s, *map(str, values)) for t_s, *values in rows]
    changes = [seconds(next(own)[0]) for _, own in itertools.groupby(rows, lambda row: row[1:])]
    shown = [text for text in words(figure) if text.replace(".", "").isdigit()]
    strips = words(figure).count("vm_state")
    assert len(shown) == len(changes) + strips - 1  # where a strip breaks off it is said twice
    assert sorted(set(shown), key=float) == sorted(set(changes), key=float)


@pytest.mark.parametrize("life", LIVES)
def test_every_notification_of_the_server_is_marked(life):
    cloud, name = lived(life)
    own = cloud.notifications[cloud.notifications["instance"] == name]
    update = own["event_type"].isin(["compute.instance.update", "instance.update"])
    expected = {}
    for kind, form in zip(update.map({True: "update", False: "other"}), own["format"], strict=True):
        expected[kind, form] = expected.get((kind, form), 0) + 1
    figure = drawn(life)
    assert markers(figure) == expected
    shown = words(figure)
    for event_type in own["event_type"][~update]:
        assert event_type.removeprefix("compute.").removeprefix("instance.") in shown
    updates = int((own["event_type"] == "compute.instance.update").sum())
    assert f"{len(own)} notifications, {updates} of them compute.instance.update" in figure.answer


def test_times_that_are_not_to_scale_say_so():
    assert "not to scale" in " ".join(words(drawn("create")))
    alone = lived("create")[0].states.iloc[-1:]
    assert "not to scale" not in " ".join(words(plots.lanes(alone)))


def test_the_answer_tells_the_life():
    cloud, _ = lived("create")
    began, active = cloud.states["t_s"].iloc[[0, -1]]
    assert states_of("create").answer == (
        f"web-1 is building from {began:.2f} s and active from {active:.2f} s; "
        "at the end active/None/running."
    )


@pytest.mark.parametrize("life", LIVES)
def test_the_answer_stands_in_the_figure(life):
    figure = drawn(life)
    above = title(figure)
    assert figure.answer.endswith(above[above.index(" is ") :])


def test_the_same_table_gives_the_same_bytes():
    _, png = the_same(drawn("more"), made("more"))
    assert len(png) < 150_000


def test_rows_in_any_order_give_the_same_figure():
    cloud, _ = lived("more")
    mixed = cloud.states.sample(frac=1, random_state=1)
    told = cloud.notifications.sample(frac=1, random_state=2)
    assert plots.lanes(mixed, told).svg() == drawn("more").svg()


def test_a_log_that_tells_less_is_drawn_too():
    states = lived("create")[0].states
    less = states[["t_s", "instance", "vm_state", "task_state"]].assign(power_state=math.nan)
    figure = plots.lanes(less)
    assert figure.answer.endswith("active/None/None.")
    assert "nan" not in " ".join(words(figure))


def test_names_are_only_text():
    figure = states_of("long name")
    assert "<b>" not in figure.svg()
    assert figure.answer.startswith(LONG)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda states: {"states": states.iloc[:0]}, "nothing to draw: the table has no rows"),
        (lambda states: {"states": states.drop(columns="vm_state")}, "no column vm_state"),
    ],
)
def test_a_mistake_gets_a_sentence(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        plots.lanes(**change(lived("create")[0].states))


def test_no_notifications_are_no_mistake():
    cloud, _ = lived("create")
    empty = cloud.notifications.iloc[:0]
    assert plots.lanes(cloud.states, empty).svg() == states_of("create").svg()


def test_the_first_server_is_drawn_or_the_one_that_is_named():
    cloud = Cloud(Fleet.read("data/two_hosts"), seed=5)
    for name in ("web-1", "web-2"):
        cloud.create(name, SPEC)
        cloud.settle()
    figure = plots.lanes(cloud.states, cloud.notifications)
    assert figure.answer.startswith("web-1 is building from ")
    other = plots.lanes(cloud.states, cloud.notifications, instance="web-2")
    assert other.answer.startswith("web-2 is building from ")
    alone = cloud.states.query("instance == 'web-2'")
    assert plots.lanes(alone, cloud.notifications).svg() == other.svg()
    with pytest.raises(ValueError, match="No instance 'web-3' in this table, only web-1 and"):
        plots.lanes(cloud.states, instance="web-3")


# -- the guest of a server -----------------------------------------------------------------
def with_guests(act, until_s=40):
    """The figure of a server whose guest something happens to, and the cloud's tables."""
    cloud = Cloud(Fleet.read("data/two_hosts"), seed=5)
    cloud.create("web-1", SPEC)
    cloud.run(until_s=12)
    act(cloud)
    cloud.run(until_s=until_s)
    figure = plots.lanes(cloud.states, holdings=cloud.holdings)
    assert complaints(figure) == []
    return figure, cloud


def begins(figure, lane):
    """The left edge and the colour of each piece of a lane."""
    ax = figure.figure.axes[0]
    (y,) = [text.get_position()[1] for text in ax.texts if text.get_text() == lane]
    own = [box for box in ax.patches if box.get_y() < y < box.get_y() + box.get_height()]
    return [(box.get_x(), box.get_facecolor()) for box in own]


def ticks(figure):
    """{seconds: x} of the times above the lanes; of one that is said twice, the first."""
    found = [(text.get_text(), text.get_position()[0]) for text in figure.figure.axes[0].texts]
    return dict(reversed([each for each in found if each[0].replace(".", "").isdigit()]))


def test_a_guest_that_stops_by_itself_is_off_before_nova_says_so():
    figure, cloud = with_guests(lambda cloud: cloud.guest_stops("web-1"))
    guest = cloud.holdings.query("what == 'guest'")
    assert in_lane(figure, "guest") == guest["value"].tolist() == ["running", "shutdown"]
    off_s = guest["t_s"].iloc[-1]
    assert off_s not in cloud.states["t_s"].tolist()  # no row of Nova's says it
    assert f"The guest at cn-2 is running from 5.75 s and shutdown from {off_s:.2f} s." in (
        figure.answer
    )
    at = ticks(figure)
    noticed_s = cloud.states.query("power_state == 'shutdown'")["t_s"].iloc[0]
    assert noticed_s > off_s + 14
    assert [x for x, _ in begins(figure, "guest")] == [at["5.75"], at[seconds(off_s)]]
    assert begins(figure, "power_state")[-1][0] == at[seconds(noticed_s)]
    assert begins(figure, "guest")[-1][1] == begins(figure, "power_state")[-1][1]
    assert in_lane(figure, "vm_state") == ["building", "active", "stopped"]


def test_each_host_that_had_the_guest_has_a_lane():
    figure, cloud = with_guests(lambda cloud: cloud.act("web-1", "migrateLive"))
    guest = cloud.holdings.query("what == 'guest'")
    assert guest["value"].isna().sum() == 1  # gone from the source
    assert words(figure).count("guest") == 2
    assert in_lane(figure, "guest") == ["running", "running"]
    assert "gone from" in figure.answer


def test_a_guest_from_before_the_first_row_adds_none():
    _, cloud = with_guests(lambda cloud: cloud.guest_stops("web-1"))
    last = cloud.states.iloc[-1:]
    figure = plots.lanes(last, holdings=cloud.holdings)
    assert in_lane(figure, "guest") == ["shutdown"]
    assert len(ticks(figure)) == 1


def test_holdings_without_a_column_get_a_sentence():
    cloud, _ = lived("create")
    with pytest.raises(ValueError, match="no column host: holdings"):
        plots.lanes(cloud.states, holdings=cloud.holdings.drop(columns="host"))


def test_notifications_told_in_both_formats_stand_together():
    twice = [
        Mark(0, 1.0, "compute.instance.create.start"),
        Mark(1, 1.0, "instance.create.start", "versioned"),
    ]
    again = Mark(2, 1.0, "compute.instance.create.start")
    assert grouped([*twice, again]) == [twice, [again]]


# -- colours ------------------------------------------------------------------------------
def test_every_vm_state_has_a_colour_and_a_hatch_of_its_own():
    from labkit.nova.compute import vm_states

    assert tuple(VM_STATES) == vm_states.ALL
    assert len(set(VM_STATES.values())) == len(VM_STATES)
