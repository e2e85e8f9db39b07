"""The figure of a move: what it draws is what the tables say, and it can be read."""

import functools
import itertools

import pytest

from labkit import Cloud, Fault, Flavor, Fleet, Options, RequestSpec, plots
from labkit.plots.move import KINDS, NEAR_S, Change, Track, turns_of
from tests.helpers import length
from tests.helpers.readable import complaints, the_same, title

SMALL, BIG = Flavor(vcpus=1, memory_mb=512, root_gb=1), Flavor(vcpus=2, memory_mb=1024, root_gb=1)
LONG = "web-production-rack07-0001-$a$-<b>.example.org"
CONFIRM, REVERT = ("resize", "confirmResize"), ("resize", "revertResize")
BACK = ("migrate", "revertResize")
#: Each life: faults, options, what is asked for after the server is built.
LIVES = {
    "confirm": ((), {}, CONFIRM),
    "revert": ((), {}, REVERT),
    "same host": (
        (),
        {
            "allow_resize_to_same_host": True,
            "io_ops_weight_multiplier": 0.0,
            "ram_weight_multiplier": -1.0,
        },
        CONFIRM,
    ),
    "no valid host": ((), {}, ("huge",)),
    "fails": ((Fault("finish_migration"),), {}, ("resize",)),
    "host dies": ((Fault("host_down", at="resize_migrating"),), {}, ("resize",)),
    "live": ((), {}, ("migrateLive",)),
    "live fails": ((Fault("memory_copy"),), {}, ("migrateLive",)),
    "evacuate": ((), {}, ("evacuate", "return")),
    "shelve": ((), {}, ("shelve", "unshelve")),
    "three moves": ((), {}, (*CONFIRM, "migrateLive", *BACK)),
    "long": ((), {}, CONFIRM),
}


@functools.cache
def lived(life):
    """A cloud with one server that lived such a life."""
    faults, options, actions = LIVES[life]
    name = LONG if life == "long" else "web-1"
    fleet = Fleet.read("data/two_hosts")
    if life == "long":
        hosts = fleet.hosts.assign(host=[f"{LONG}-{i}" for i in range(2)])
        fleet = Fleet.from_frame(hosts.drop(columns="hypervisor_hostname", errors="ignore"))
    cloud = Cloud(fleet, Options(**options), seed=5, faults=faults)
    cloud.create(name, RequestSpec(SMALL))
    cloud.settle()
    home = cloud.show(name)["host"]
    for action in actions:
        arguments = {"flavor": BIG} if action == "resize" else {}
        if action == "huge":
            action, arguments = "resize", {"flavor": Flavor(vcpus=1, memory_mb=10**6, root_gb=1)}
        if action == "evacuate":
            cloud.host_down(home, forced=True)
        if action == "return":
            cloud.host_up(home)
        else:
            cloud.act(name, action, **arguments)
        cloud.settle()
    return cloud


def tables(life):
    cloud = lived(life)
    return cloud.states, cloud.migrations, cloud.holdings


def made(life):
    return plots.move(*tables(life))


drawn = functools.cache(made)


def shown(figure):
    return [(text.get_text(), *text.get_position()) for text in figure.figure.axes[0].texts]


def in_lane(figure, place):
    """The names in a lane, from left to right, over all strips; *place* counts from above."""
    found = shown(figure)
    names = {"vm_state", "task_state", "migration", *KINDS}
    lanes = sorted((y, x) for text, x, y in found if text in names and x in (8, 18))
    strips = sum(1 for text, x, _ in found if text == "vm_state" and x == 8)
    height = len(lanes) // strips
    rows = [lanes[strip * height + place][0] for strip in range(strips)]
    return [
        text
        for row in rows
        for text, x, y in sorted(found, key=lambda each: each[1])
        if y == row and x > 50
    ]


def runs(values):
    return [value for value, _ in itertools.groupby(values)]


# -- it can be read ---------------------------------------------------------------------------
@pytest.mark.parametrize("life", [*length.some(list(LIVES)[:-1], 2), "long"])
def test_no_text_is_small_or_cut_off_or_lies_over_another(life):
    figure = drawn(life)
    assert not complaints(figure, least=16)
    assert figure.figure.get_figwidth() * 96 <= 880  # JupyterLab's column at 1280 pixels


@pytest.mark.parametrize("life", LIVES)
def test_the_answer_stands_above_it(life):
    figure = drawn(life)
    if life != "long":
        assert title(figure) == figure.answer


@pytest.mark.parametrize("life", length.some(["three moves", *LIVES], len(LIVES) + 1))
def test_the_picture_is_small_enough_for_a_notebook(life):
    assert len(drawn(life).png()) < 150_000


def test_the_same_tables_give_the_same_bytes():
    the_same(drawn("confirm"), made("confirm"))


def test_rows_in_any_order_give_the_same_figure():
    mixed = [table.sample(frac=1, random_state=1) for table in tables("revert")]
    assert plots.move(*mixed).svg() == drawn("revert").svg()


# -- what it draws ----------------------------------------------------------------------------
@pytest.mark.parametrize("life", ["confirm", "revert", "live", "evacuate", "fails"])
def test_each_lane_shows_what_the_tables_say(life):
    """The lanes of the server by the tables' rows, those of hosts by the books at each moment."""
    states, migrations, holdings = tables(life)
    figure, first = drawn(life), migrations.seq.iloc[0]
    before = states[states.seq < first]
    begin = before[before.task_state.map(str) != str(before.task_state.iloc[-1])].seq.iloc[-1]
    from_there = states[states.seq >= begin]
    assert in_lane(figure, 0) == runs(map(str, from_there.vm_state))
    assert in_lane(figure, 1) == runs(map(str, from_there.task_state))
    assert in_lane(figure, 2) == runs(migrations.status)
    hosts = [text.split(",")[0] for text, x, _ in shown(figure) if x == 8 and ", the " in text]
    assert len(hosts) == 2
    for place, (host, kind) in enumerate(itertools.product(hosts, KINDS), start=3):
        own = holdings[(holdings.host == host) & (holdings.what == kind)]
        seqs = [begin, *own.seq[own.seq > begin]]
        values = [words(own[own.seq <= seq]) for seq in seqs]
        assert in_lane(figure, place) == [value for value in runs(values) if value]


def words(rows):
    """What a host has, by the rows up to a moment."""
    last = rows.groupby("consumer", dropna=False, sort=False).last(skipna=False)
    last = last[last.value.notna()]
    if "allocation" in set(last.what):
        return " + ".join("server" if name == "web-1" else name for name in last.index)
    return "".join(last.value)


def test_source_and_destination_are_named():
    names = {text for text, _, _ in shown(drawn("confirm"))}
    assert {"cn-2, the source", "cn-1, the destination"} <= names
    assert {"cn-1", "cn-2"} <= {text for text, _, _ in shown(drawn("three moves"))}


def test_on_one_host_both_hold():
    lane = in_lane(drawn("same host"), 5)
    assert lane == ["server", "migration 1", "migration 1 + server", "server"]


def test_a_long_life_goes_on_in_a_second_strip():
    lane = in_lane(drawn("three moves"), 0)
    assert lane == ["active", "resized", "active", "active", "resized", "active"]
    assert in_lane(drawn("three moves"), 1).count("migrating") == 2


def test_several_migrations_are_numbered():
    lane = in_lane(drawn("three moves"), 2)
    assert [text.split(":")[0] for text in lane] == sorted(text.split(":")[0] for text in lane)
    assert {"1: confirmed", "2: completed", "3: reverted"} <= set(lane)


def test_the_times_are_those_of_the_changes():
    states, migrations, holdings = tables("confirm")
    ticks = {text for text, _, y in shown(drawn("confirm")) if y == shown_top(drawn("confirm"))}
    known = {f"{t:.2f}" for table in (states, migrations, holdings) for t in table.t_s}
    assert {"seconds"} < ticks <= known | {"seconds"}


def shown_top(figure):
    return next(y for text, _, y in shown(figure) if text == "seconds")


def test_more_hosts_than_can_be_read_are_named():
    cloud = Cloud(Fleet.read("data/mixed_30"), seed=5)
    cloud.create("web-1", RequestSpec(SMALL))
    cloud.settle()
    names = [cloud.show("web-1")["host"]]
    others = [host for host in cloud.site.fleet.rows if host != names[0]]
    for host in others:
        if len(names) == 6:
            break
        try:
            cloud.act("web-1", "migrateLive", host=host)
        except Exception as error:
            pytest.fail(str(error))
        cloud.settle()
        if cloud.show("web-1")["host"] == host:
            names.append(host)
    figure = plots.move(cloud.states, cloud.migrations, cloud.holdings)
    assert not complaints(figure)
    assert any(text.startswith("not drawn: ") for text, _, _ in shown(figure))


# -- what it says -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("life", "says"),
    [
        ("confirm", "migration 1 (resize from cn-2 to cn-1) is confirmed; the row names cn-2, "),
        ("revert", "is reverted; the row names cn-2, from 16.64 s cn-1, from 20.97 s cn-2; alloc"),
        ("no valid host", "migration 1 (resize from cn-2) is error; the row names cn-2; at the "),
        ("host dies", "allocations on two hosts from 5.87 s on; at the end active/resize_migrat"),
        (
            "three moves",
            "on two hosts from 5.87 s to 20.97 s, from 21.07 s to 54.12 s and from 54.22 s to 67.99 s;",
        ),
        ("three moves", "is confirmed; migration 2 (live-migration from cn-1 to cn-2) is comple"),
    ],
)
def test_the_answer_tells_the_move(life, says):
    assert says in drawn(life).answer


def test_two_servers_are_told_apart():
    cloud = Cloud(Fleet.read("data/two_hosts"), seed=5)
    for name in ("web-1", "web-2"):
        cloud.create(name, RequestSpec(SMALL))
    cloud.settle()
    for name in ("web-1", "web-2"):
        cloud.act(name, "migrateLive")
    cloud.settle()
    three = cloud.states, cloud.migrations, cloud.holdings
    assert plots.move(*three).answer.startswith("web-1: migration 1 (")
    assert plots.move(*three, instance="web-2").answer.startswith("web-2: migration 2 (")
    with pytest.raises(ValueError, match="No instance 'web-3' in this table, only web-1 and"):
        plots.move(*three, instance="web-3")


# -- mistakes ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s, m, h: (s.iloc[:0], m, h), "nothing to draw: the table has no rows"),
        (lambda s, m, h: (s.drop(columns="vm_state"), m, h), "no column vm_state"),
        (lambda s, m, h: (s, m.drop(columns="status"), h), "no column status"),
        (lambda s, m, h: (s, m, h.drop(columns="what")), "no column what"),
    ],
)
def test_a_mistake_gets_a_sentence(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        plots.move(*change(*tables("confirm")))


def test_no_migrations_and_no_holdings_are_no_mistake():
    states, migrations, holdings = tables("shelve")
    assert migrations.empty
    assert "no host" in plots.move(states, migrations, holdings.iloc[:0]).answer


def test_names_are_only_text():
    assert "<b>" not in drawn("long").svg()


# -- moments ----------------------------------------------------------------------------------
def test_changes_near_each_other_begin_together_but_never_two_of_a_lane():
    one = Track(None, "vm_state", [Change(0, 0, "a"), Change(1, 1, "b"), Change(1.01, 3, "c")])
    two = Track(None, "task_state", [Change(0, 0, "x"), Change(1 + NEAR_S / 2, 2, "y")])
    three = Track(None, "migration", [Change(0, 0, "u"), Change(1.01 + NEAR_S, 4, "v")])
    found = turns_of([one, two, three], 0)
    assert found == [
        (0, ("a", "x", "u"), False),
        (1, ("b", "x", "u"), False),
        (1.01, ("c", "y", "u"), True),
        (1.01 + NEAR_S, ("c", "y", "v"), False),
    ]
