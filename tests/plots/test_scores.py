"""The scores that add up, and the steps from a raw value to a score."""

import math

import numpy as np
import pandas as pd
import pytest

from labkit import Flavor, Fleet, RequestSpec, plots
from labkit import select_destinations as select
from labkit.plots.scores import WEIGHERS
from tests.helpers.tables import SHORT, many, weights


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
    assert "not drawn: 18 other hosts" in figure.figure.axes[0].get_xlabel()


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


def test_weighing_says_that_a_weigher_tells_no_hosts_apart():
    figure = plots.weighing(weights({"PCIWeigher": [100, 100]}))
    assert "no spread" in figure.figure.axes[0].get_xlabel()


def test_weighing_shows_a_learners_weigher_before_novas():
    table = many(3, SHORT, [*WEIGHERS, "MyWeigher"])
    assert "MyWeigher" in {name for name, _ in panels(plots.weighing(table))}


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
