"""Who wins under which setting, and how a fleet fills."""

import warnings

import pandas as pd
import pytest

from labkit import Flavor, Fleet, Options, RequestSpec, place, plots
from labkit import select_destinations as select
from tests.helpers.tables import SHORT, filled, winners


# -- winner map -------------------------------------------------------------------------
def test_winner_map_says_who_wins_how_often():
    rows = [(0, 0, "cn-1"), (0, 1, "cn-1"), (1, 0, "cn-2"), (1, 1, None)]
    figure = plots.winner_map(pd.DataFrame(rows, columns=["a", "b", "winner"]))
    assert figure.answer == (
        "Of 4 settings, cn-1 wins 50 %, cn-2 wins 25 %, 25 % end in NoValidHost."
    )


def test_winner_map_fills_the_cells_of_each_winner():
    rows = [(0, 0, "cn-1"), (0, 1, "cn-1"), (1, 0, "cn-2"), (1, 1, "cn-1")]
    axes = plots.winner_map(pd.DataFrame(rows, columns=["a", "b", "winner"])).figure.axes[0]
    first, second = (patch.get_path() for patch in axes.patches)
    assert second.contains_point((1, 0))
    assert not second.contains_point((1, 1))
    assert all(first.contains_point(point) for point in [(0, 0), (0, 1), (1, 1)])
    assert axes.get_xlabel() == "a"
    assert axes.get_ylabel() == "b"


def test_winner_map_groups_the_rare_winners():
    figure = plots.winner_map(winners(12, SHORT))
    shown = [text.get_text() for text in figure.figure.axes[0].get_legend().get_texts()]
    assert len(shown) == 9
    assert "others" in shown[-1]


def test_winner_map_needs_a_full_grid():
    with pytest.raises(ValueError, match="each pair of values exactly once"):
        plots.winner_map(winners(3).iloc[1:])


def test_winner_map_of_a_decision():
    decision = select(Fleet.read("data/two_hosts"), RequestSpec(Flavor(vcpus=1, memory_mb=512)))
    table = decision.winners("ram_weight_multiplier", [-1, 1], "cpu_weight_multiplier", [-1, 1])
    assert plots.winner_map(table).answer == "Of 4 settings, cn-1 wins 50 %, cn-2 wins 50 %."


# -- fill -------------------------------------------------------------------------------
def test_fill_follows_each_host():
    hosts = pd.DataFrame(
        {"host": ["cn-1", "cn-2"], "total_usable_ram_mb": 4096.0, "free_ram_mb": [4096.0, 2048.0]}
    )
    placed = pd.DataFrame({"host": ["cn-1", None, "cn-1"], "memory_mb": [1024, 9999, 2048]})
    figure = plots.fill(hosts, placed)
    upper, lower = figure.figure.axes[:2]
    assert upper.images[0].get_array().tolist() == [[0, 25, 25, 75], [50, 50, 50, 50]]
    assert lower.lines[0].get_ydata().tolist() == [25, 12.5, 12.5, 12.5]
    assert lower.lines[1].get_xdata().tolist() == [2]
    assert figure.answer == (
        "2 of 3 requests placed, NoValidHost for 1. RAM fill at the end: 62 % on average, "
        "standard deviation 12.5 points, from 50 % (cn-2) to 75 % (cn-1)."
    )


def test_fill_leaves_the_tables_as_they_were():
    hosts, placed = filled(3)
    before = hosts.copy(), placed.copy()
    plots.fill(hosts, placed)
    pd.testing.assert_frame_equal(hosts, before[0])
    pd.testing.assert_frame_equal(placed, before[1])


def test_fill_draws_the_thirty_fullest_of_more():
    figure = plots.fill(*filled(40))
    assert figure.figure.axes[0].images[0].get_array().shape[0] == 30
    assert "10 less full hosts are not drawn" in figure.figure.axes[1].get_xlabel()


def test_fill_counts_a_request_for_several_servers_once():
    hosts, placed = filled(2)
    placed["request"] = [i // 2 for i in range(40)]
    assert plots.fill(hosts, placed).answer.startswith("16 of 20 requests placed")


@pytest.mark.parametrize("resource", ["memory_mb", "vcpus", "disk_gb"])
def test_fill_of_a_placed_fleet_ends_where_the_engine_ends(resource):
    fleet = Fleet.read("data/four_hosts")
    spec = RequestSpec(Flavor(vcpus=1, memory_mb=1024, root_gb=10))
    later, placed = place(fleet, [spec] * 30, Options(ram_weight_multiplier=-1.0))
    columns = later.hosts.reset_index(drop=True)
    used, total = {
        "memory_mb": (columns.total_usable_ram_mb - columns.free_ram_mb, "total_usable_ram_mb"),
        "vcpus": (columns.vcpus_used, "vcpus_total"),
        "disk_gb": (
            columns.total_usable_disk_gb - columns.free_disk_mb / 1024,
            "total_usable_disk_gb",
        ),
    }[resource]
    image = plots.fill(fleet.hosts, placed, resource=resource).figure.axes[0].images[0]
    assert image.get_array()[:, -1].tolist() == pytest.approx(
        (100 * used / columns[total]).tolist()
    )


def test_fill_refuses_what_it_does_not_know():
    hosts, placed = filled(3)
    with pytest.raises(ValueError, match="No resource 'gpus'"):
        plots.fill(hosts, placed, resource="gpus")
    with pytest.raises(ValueError, match="not among the hosts"):
        plots.fill(hosts.iloc[:1], placed)


def test_a_long_run_is_drawn_in_steps():
    hosts, placed = filled(3)
    long = pd.concat([placed] * 50, ignore_index=True).assign(request=range(2000))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plots.fill(hosts, long)
    assert figure.figure.axes[0].images[0].get_array().shape[1] == 800
