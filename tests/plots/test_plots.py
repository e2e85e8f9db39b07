"""The figures: what they draw, what they say, and that it can be read."""

import itertools
import math
import subprocess
import sys
import warnings

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure as MatplotlibFigure

from labkit import Flavor, Fleet, NoValidHost, Options, RequestSpec, place, plots
from labkit import select_destinations as select
from labkit.plots.bars import WEIGHERS
from tests.readable import texts

LONG = "compute-rack07-node{:02d}.example.org"
SHORT = "cn-{}"
STAGES = (
    "map_az_to_placement_aggregate",
    "compute_status_filter",
    "allocation_candidates",
    "ComputeFilter",
    "ImagePropertiesFilter",
    "AggregateImagePropertiesIsolation",
    "IoOpsFilter",
)


def weights(raw, multiplier=1.0, instance="server-1"):
    """The table `weights` from {weigher: one raw value per host}, without any fixed minval."""
    rows = []
    for weigher, values in raw.items():
        low, high = min(values), max(values)
        times = multiplier.get(weigher, 1.0) if isinstance(multiplier, dict) else multiplier
        for number, value in enumerate(values, start=1):
            norm = (value - low) / (high - low) if high > low else 0.0
            row = (0, instance, SHORT.format(number), weigher, float(value), math.nan, math.nan)
            rows.append((*row, norm, times, times * norm))
    columns = "request instance host weigher raw minval maxval normalized multiplier score"
    table = pd.DataFrame(rows, columns=columns.split())
    return table.assign(seq=range(len(table)))


def filters(count, names=LONG):
    """The table `filters` in which each stage removes every fifth host that enters."""
    hosts, rows = [names.format(i) for i in range(1, count + 1)], []
    for stage in STAGES:
        for place_, host in enumerate(hosts, start=1):
            reason = f"num_io_ops {place_} >= max_io_ops_per_host 8" if place_ % 5 == 0 else ""
            rows.append((0, "server-1", stage, host, not reason, reason))
        hosts = [host for place_, host in enumerate(hosts, start=1) if place_ % 5]
    table = pd.DataFrame(rows, columns="request instance filter host passed reason".split())
    return table.assign(seq=range(len(table)))


def many(count, names=LONG, weighers=WEIGHERS):
    """Weights of so many hosts under so many weighers, all of them with scores."""
    rng = np.random.default_rng(count)
    table = weights({name: rng.integers(0, 10_000, count).tolist() for name in weighers})
    hosts = {SHORT.format(i): names.format(i) for i in range(1, count + 1)}
    return table.assign(host=table["host"].map(hosts))


def filled(count, names=LONG):
    """A fleet of so many hosts, and 40 requests, every tenth without a valid host."""
    hosts = [names.format(i) for i in range(count)]
    frame = pd.DataFrame({"host": hosts, "total_usable_ram_mb": 65536.0, "free_ram_mb": 61440.0})
    chosen = [None if i % 10 == 9 else hosts[i * i % count] for i in range(40)]
    placed = pd.DataFrame({"request": range(40), "host": chosen, "memory_mb": 1024})
    return frame, placed.astype({"host": object})


def winners(count, names=LONG):
    values = np.linspace(-2, 2, 11)
    rows = [(x, y, names.format(int(abs(5 * x * y)) % count)) for x in values for y in values]
    return pd.DataFrame(rows, columns=["ram_weight_multiplier", "cpu_weight_multiplier", "winner"])


def drawn(kind, count, names=LONG):
    return {
        "funnel": lambda: plots.funnel(filters(count, names)),
        "weighing": lambda: plots.weighing(many(count, names)),
        "scores": lambda: plots.scores(many(count, names)),
        "winner_map": lambda: plots.winner_map(winners(count, names)),
        "fill": lambda: plots.fill(*filled(count, names)),
    }[kind]()


KINDS = ["funnel", "weighing", "scores", "winner_map", "fill"]


# -- every figure -----------------------------------------------------------------------
@pytest.mark.parametrize(("count", "names"), [(2, LONG), (3, LONG), (30, LONG), (8, SHORT)])
@pytest.mark.parametrize("kind", KINDS)
def test_no_text_overlaps_another_or_is_cut_off(kind, count, names):
    figure = drawn(kind, count, names)
    seen = texts(figure)
    width, height = figure.figure.get_size_inches() * figure.figure.dpi
    for text, box in seen:
        whole = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
        assert whole, f"{text.get_text()!r} is cut off"
    for (one, a), (other, b) in itertools.combinations(seen, 2):
        apart = a.x1 <= b.x0 + 1 or b.x1 <= a.x0 + 1 or a.y1 <= b.y0 + 2 or b.y1 <= a.y0 + 2
        assert apart, f"{one.get_text()!r} and {other.get_text()!r} overlap"


@pytest.mark.parametrize("count", [2, 30])
@pytest.mark.parametrize("kind", KINDS)
def test_no_text_is_smaller_than_9_points(kind, count):
    assert min(text.get_fontsize() for text, _ in texts(drawn(kind, count))) >= 9


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_table_gives_the_same_bytes(kind):
    one, other = drawn(kind, 8), drawn(kind, 8)
    assert one.svg() == other.svg() == one.svg()
    assert one.png() == other.png() == one.png()


@pytest.mark.parametrize("kind", KINDS)
def test_the_picture_is_small_enough_for_a_notebook(kind):
    assert len(drawn(kind, 30, SHORT).png()) < 100_000


@pytest.mark.parametrize("kind", KINDS)
def test_svg_keeps_its_texts_and_no_date(kind):
    svg = drawn(kind, 3).svg()
    assert svg.startswith("<svg")
    assert "<text" in svg
    assert "<dc:date>" not in svg
    assert matplotlib.__version__ not in svg


@pytest.mark.parametrize("kind", KINDS)
def test_shows_itself_as_a_picture_and_as_its_answer(kind):
    figure = drawn(kind, 3)
    data, metadata = figure._repr_mimebundle_()
    assert set(data) == {"image/png", "text/plain"}
    assert data["text/plain"] == figure.answer == repr(figure)
    assert metadata["image/png"]["alt"] == figure.answer
    assert figure.answer.endswith(".")


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_stands_in_the_figure(kind):
    figure = drawn(kind, 3, SHORT)
    title = figure.figure.get_suptitle().replace("\N{NO-BREAK SPACE}", " ").replace("\n", " ")
    assert title
    assert figure.answer.startswith(title)


def test_the_figures_load_matplotlib_and_pandas_only_when_they_draw():
    code = "import sys, labkit.plots; print({'matplotlib', 'pandas', 'IPython'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_pyplot_knows_of_no_figure():
    from matplotlib import _pylab_helpers

    drawn("scores", 3).png()
    assert not _pylab_helpers.Gcf.figs


@pytest.mark.parametrize("table", [filters(3), many(3), winners(3)])
def test_an_empty_table_is_refused_in_a_sentence(table):
    draw = {"filter": plots.funnel, "raw": plots.scores, "winner": plots.winner_map}
    function = next(draw[column] for column in draw if column in table)
    with pytest.raises(ValueError, match="nothing to draw: the table has no rows"):
        function(table.iloc[:0])


def test_nothing_placed_is_refused_in_a_sentence():
    hosts, placed = filled(3)
    with pytest.raises(ValueError, match="nothing to draw"):
        plots.fill(hosts, placed.iloc[:0])


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="no column score"):
        plots.scores(many(3).drop(columns="score"))


def test_dollars_and_tags_in_a_name_are_only_text():
    table = weights({"RAMWeigher": [1, 2]})
    table["host"] = table["host"].map({"cn-1": "$a_1$ <b>&", "cn-2": "$x$"})
    figure = plots.scores(table)
    assert "$a_1$ &lt;b&gt;&amp;" in figure.svg()
    assert figure.answer.startswith("$x$ wins")


def test_names_alike_but_for_their_middle_keep_labels_of_their_own():
    table = weights({"RAMWeigher": [1, 2]})
    long = {f"cn-{i}": f"{'a' * 60}{i}{'z' * 60}" for i in (1, 2)}
    figure = plots.scores(table.assign(host=table["host"].map(long)))
    names = [text.get_text() for text in figure.figure.axes[0].texts if "aaa" in text.get_text()]
    assert len(set(names)) == 2


def test_other_axes_of_the_same_figure_can_be_drawn_later():
    figure = MatplotlibFigure((14, 9), layout="constrained")
    axes = figure.subplots(2, 2)
    first = plots.scores(many(3, SHORT, WEIGHERS[:3]), ax=axes[0, 0])
    before = first.png()
    plots.winner_map(winners(3, SHORT), ax=axes[0, 1])
    plots.fill(*filled(3, SHORT), ax=axes[1, 0])
    plots.weighing(many(3, SHORT, WEIGHERS[:2]), ax=axes[1, 1])
    assert first.figure is figure
    assert first.png() != before


# -- funnel -----------------------------------------------------------------------------
def test_funnel_bars_are_the_hosts_that_stay_and_fall():
    axes = plots.funnel(filters(30)).figure.axes[0]
    stay, fall = axes.containers
    assert [bar.get_width() for bar in stay] == [24, 20, 16, 13, 11, 9, 8]
    assert [bar.get_width() for bar in fall] == [6, 4, 4, 3, 2, 2, 1]
    assert [bar.get_x() for bar in fall] == [bar.get_width() for bar in stay]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(STAGES)


def test_funnel_says_who_fell_for_which_reason():
    shown = {text.get_text() for text in plots.funnel(filters(5, SHORT)).figure.axes[0].texts}
    assert {"5 → 4", "cn-5: num_io_ops 5 >= max_io_ops_per_host 8"} <= shown


def test_funnel_puts_hosts_that_fell_alike_on_one_line():
    table = filters(30, SHORT).query("filter == 'map_az_to_placement_aggregate'")
    shown = [text.get_text() for text in plots.funnel(table).figure.axes[0].texts]
    words = " ".join(" ".join(shown).split())
    assert "likewise cn-10, cn-15, cn-20 and 2 more" in words


def test_funnel_counts_where_names_would_be_too_many():
    assert "map_az_to_placement_aggregate removes 6;" in plots.funnel(filters(30)).answer


def test_funnel_without_a_last_host_says_so():
    figure = plots.funnel(filters(1).assign(passed=False).head(1))
    assert figure.answer.endswith("none is left: NoValidHost.")


def test_funnel_keeps_the_order_of_seq():
    table = filters(5).iloc[::-1]
    labels = plots.funnel(table).figure.axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == list(STAGES)


def test_funnel_of_a_request_that_fails():
    fleet = Fleet.read("data/four_hosts")
    with pytest.raises(NoValidHost) as refused:
        select(fleet, RequestSpec(Flavor(vcpus=1, memory_mb=10**7)))
    assert "NoValidHost" in plots.funnel(refused.value.decision.filters).answer


# -- scores -----------------------------------------------------------------------------
def bars(figure):
    """(weigher's place in the legend, x, width) of each bar that can be seen."""
    patches = figure.figure.axes[0].patches
    return [(round(p.get_x(), 6), round(p.get_width(), 6)) for p in patches if p.get_visible()][
        :-1
    ]  # the last one is the grey band of the winner


def test_scores_stack_positives_to_the_right_and_negatives_to_the_left():
    table = weights(
        {"RAMWeigher": [0, 4, 2], "CPUWeigher": [3, 3, 0], "IoOpsWeigher": [0, 2, 1]},
        {"IoOpsWeigher": -1.0},
    )
    figure = plots.scores(table)
    # cn-1: CPU 1; cn-2: RAM 1, CPU 1, io -1; cn-3: RAM 0.5, io -0.5; ties keep their order
    assert figure.answer == "cn-1 and cn-2 tie with 1.00; cn-1 comes first and wins."
    assert bars(figure) == [(0, 1), (0, 0.5), (0, 1), (1, 1), (0, -1), (0, -0.5)]


def test_scores_say_how_far_the_second_is_behind():
    table = weights({"RAMWeigher": [0, 10, 5]}, 2.75)
    assert plots.scores(table).answer == "cn-2 wins with 2.75; cn-3 follows 1.38 behind."


def test_scores_mark_the_winner_and_write_every_sum():
    figure = plots.scores(weights({"RAMWeigher": [0, 10, 5]}))
    shown = [text for text in figure.figure.axes[0].texts if text.get_text()]
    assert [t.get_text() for t in shown] == ["★ cn-2", "cn-3", "cn-1", "1.00", "0.50", "0.00"]
    assert [t.get_fontweight() for t in shown[:2]] == ["bold", "normal"]


def test_scores_draw_the_best_twelve_and_count_the_rest():
    figure = plots.scores(many(30, SHORT, WEIGHERS[:3]))
    assert "not drawn: 18 lower hosts" in figure.figure.axes[0].get_xlabel()


def test_scores_leave_out_weighers_that_score_nothing():
    figure = plots.scores(weights({"RAMWeigher": [0, 1], "PCIWeigher": [100, 100]}))
    shown = [text.get_text() for text in figure.figure.legends[0].get_texts()]
    assert shown == ["weight, the sum", "RAMWeigher"]
    assert "1 weigher without a score" in figure.figure.axes[0].get_xlabel()


def test_scores_cut_a_huge_score_and_keep_the_others_to_scale():
    raw = {"RAMWeigher": [0, 4, 2], "BuildFailureWeigher": [0, 0, 1]}
    figure = plots.scores(weights(raw, {"BuildFailureWeigher": -1e6}))
    axes = figure.figure.axes[0]
    assert bars(figure)[:2] == [(0, 1), (0, 0.5)]  # RAM: cn-2 and cn-3, to scale
    assert axes.get_xlim()[0] > -1
    assert "BuildFailureWeigher cut, not to scale" in axes.get_xlabel()
    shown = [text.get_text() for text in axes.texts]
    assert "\N{MINUS SIGN}1e+06" in shown
    assert "\N{MINUS SIGN}999,999.50" in shown
    assert min(axes.get_xticks()) >= 0  # no tick where nothing is to scale


def test_scores_of_one_huge_weigher_alone_are_to_scale():
    figure = plots.scores(weights({"BuildFailureWeigher": [0, 1]}, -1e6))
    assert bars(figure) == [(0, -1e6)]


def test_colours_and_hatches_differ_between_the_weighers_of_one_figure():
    figure = plots.scores(many(3, SHORT, WEIGHERS[:8]))
    patches = figure.figure.legends[0].get_patches()
    assert len({patch.get_facecolor() for patch in patches}) == 8
    assert len({patch.get_hatch() for patch in patches}) == 8


def test_a_weigher_of_nova_keeps_its_colour_among_others():
    alone = plots.scores(many(3, SHORT, ["RAMWeigher"])).figure.legends[0].get_patches()
    among = plots.scores(many(3, SHORT, WEIGHERS[:6])).figure.legends[0].get_patches()
    assert alone[0].get_facecolor() == among[0].get_facecolor()


def test_nan_is_said_and_does_not_stop_the_figure():
    table = weights({"RAMWeigher": [0, 4, 2]})
    table.loc[1, ["raw", "normalized", "score"]] = math.nan
    figure = plots.scores(table)
    assert "NaN" in [text.get_text() for text in figure.figure.axes[0].texts]
    assert "NaN leaves the order undefined" in figure.answer
    assert "NaN" in plots.weighing(table).svg()


def test_the_first_instance_is_drawn_unless_another_is_named():
    table = pd.concat(
        [weights({"RAMWeigher": [0, 1]}), weights({"RAMWeigher": [1, 0]}, instance="server-2")]
    )
    assert plots.scores(table).answer.startswith("cn-2 wins")
    assert plots.scores(table, instance="server-2").answer.startswith("cn-1 wins")
    assert "server-1, one of 2" in plots.scores(table).figure.axes[0].get_xlabel()
    with pytest.raises(ValueError, match="No instance 'server-9'"):
        plots.scores(table, instance="server-9")


@pytest.mark.parametrize("folder", ["two_hosts", "four_hosts", "mixed_30", "small_and_large"])
def test_the_winner_in_the_figure_is_the_chosen_host(folder):
    decision = select(Fleet.read(f"data/{folder}"), RequestSpec(Flavor(vcpus=1, memory_mb=512)))
    best = decision.placements.iloc[0]
    assert plots.scores(decision.weights).answer.startswith(
        f"{decision.host} wins with {best['weight']:.2f};"
    )


# -- weighing ---------------------------------------------------------------------------
def panels(figure):
    """{(weigher, row): widths of the bars}."""
    axes = figure.figure.axes
    return {
        (axes[place - place % 3].get_title(), place % 3): [b.get_width() for b in one.patches]
        for place, one in enumerate(axes)
    }


def test_weighing_shows_raw_normalized_and_multiplied():
    table = weights({"RAMWeigher": [1000, 3000, 2000]}, -2.0)
    shown = panels(plots.weighing(table))
    # best first: cn-1 scores 0, cn-3 -1, cn-2 -2
    assert shown["RAMWeigher", 0] == [1000, 2000, 3000]
    assert shown["RAMWeigher", 1] == [0, 0.5, 1]
    assert shown["RAMWeigher", 2] == [0, -1, -2]


def test_weighing_says_what_becomes_0_and_1():
    axes = plots.weighing(weights({"RAMWeigher": [1000, 3000]})).figure.axes
    assert axes[0].get_xlabel() == "1,000 → 0\n3,000 → 1"
    fixed = weights({"RAMWeigher": [1000, 3000]}).assign(minval=0.0, normalized=[1 / 3, 1.0])
    assert plots.weighing(fixed).figure.axes[0].get_xlabel() == "0 → 0\n3,000 → 1"


def test_weighing_leaves_out_what_is_the_same_everywhere():
    table = weights({"RAMWeigher": [1, 2], "PCIWeigher": [100, 100]})
    assert {name for name, _ in panels(plots.weighing(table))} == {"RAMWeigher"}


def test_weighing_draws_the_weighers_it_is_told():
    table = weights({"RAMWeigher": [1, 2], "PCIWeigher": [100, 100]})
    figure = plots.weighing(table, weighers=["PCIWeigher"])
    assert {name for name, _ in panels(figure)} == {"PCIWeigher"}
    assert "no spread" in figure.figure.axes[0].get_xlabel()
    with pytest.raises(ValueError, match="No weigher 'RamWeigher'"):
        plots.weighing(table, weighers=["RamWeigher"])


def test_weighing_shows_a_learners_weigher_before_novas():
    table = many(3, SHORT, [*WEIGHERS, "MyWeigher"])
    assert "MyWeigher" in {name for name, _ in panels(plots.weighing(table))}


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


def test_weighing_claims_no_ends_that_a_log_does_not_tell():
    log = pd.DataFrame(
        {
            "seq": [0, 1],
            "request": 0,
            "instance": "server-1",
            "host": ["cn-1", "cn-2"],
            "weigher": "RAMWeigher",
            "raw": [3072.0, 4096.0],
            "minval": np.nan,
            "maxval": np.nan,
            "normalized": [0.75, 1.0],
            "multiplier": 1.0,
            "score": [0.75, 1.0],
        }
    )
    for minval, ends in (
        (np.nan, ""),
        (0.0, "0 \N{RIGHTWARDS ARROW} 0\n4,096 \N{RIGHTWARDS ARROW} 1"),
    ):
        figure = plots.weighing(log.assign(minval=minval)).figure
        assert figure.axes[0].get_xlabel() == ends
