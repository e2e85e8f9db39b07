"""The dials: what a turn shows, says and leaves behind."""

import html
import itertools
import re

import numpy as np
import pytest

from labkit import BaseHostWeigher, Flavor, Fleet, Options, RequestSpec, dials
from labkit import select_destinations as select
from labkit.decision import winner
from labkit.nova.scheduler.weights.cpu import CPUWeigher
from labkit.nova.scheduler.weights.ram import RAMWeigher
from tests.helpers import length

SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512))
LONG = "compute-rack07-node{:02d}.example.org"


@pytest.fixture(scope="module")
def fleet():
    return Fleet.read("data/mixed_30")


@pytest.fixture(scope="module")
def two():
    return Fleet.read("data/two_hosts")


@pytest.fixture(scope="module")
def one(two):
    return dials.scores(two, SPEC)


@pytest.fixture(scope="module")
def one_of_30(fleet):
    return dials.scores(fleet, SPEC)


@pytest.fixture
def dial_of_30(one_of_30):
    """The dial of thirty hosts, as it was at first."""
    one_of_30.reset.click()
    return one_of_30


def fleet_of(count, names=LONG):
    """Unlike hosts, one of them with a failed build."""
    return Fleet(
        {
            "host": names.format(i),
            "total_usable_ram_mb": 65536,
            "free_ram_mb": 1024 * (i + 1),
            "vcpus_total": 32,
            "vcpus_used": 30 - i,
            "total_usable_disk_gb": 100,
            "free_disk_mb": 102400,
            "failed_builds": int(i == 1),
        }
        for i in range(count)
    )


def in_the_page(dial):
    """The texts of the picture as the page has them."""
    return [html.unescape(text) for text in re.findall("<text[^>]*>([^<]*)<", dial.picture.value)]


def widths(dial):
    """The widths of all bars."""
    bars = dial._bars.bars
    return [bar.get_width() for row in bars.values() for bar in row if bar.get_visible()]


# -- turning ----------------------------------------------------------------------------
def test_a_turn_changes_answer_picture_and_table(dial):
    before = dial.answer, dial.picture.value
    assert dial.answer == "cn-2 wins with 3.00; cn-1 follows 0.25 behind."
    dial.ram_weight_multiplier.value = -1.0
    assert dial.answer == "cn-1 wins with 1.25; cn-2 follows 0.25 behind."
    assert dial.picture.value != before[1]
    ram = dial.table.query("weigher == 'RAMWeigher'")
    assert ram.score.tolist() == [-0.75, -1.0]


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("option", dials.MULTIPLIERS)
@pytest.mark.parametrize("value", [-2.0, 0.0, 1.3])
def test_the_answer_is_the_engines(fleet, dial_of_30, option, value):
    dial = dial_of_30
    dial.value = {option: value}
    decision = select(fleet, SPEC, Options(**{option: value}))
    first, second = decision.placements.weight[:2]
    assert dial.answer == (
        f"{decision.host} wins with {first:.2f}; {decision.placements.host[1]} follows "
        f"{first - second:.2f} behind."
    )


@pytest.mark.usefixtures("unpainted")
def test_the_bars_are_the_scores_in_the_table(fleet):
    dial = dials.scores(fleet.first(8), SPEC)
    dial.value = {"hosts": 6, "ram_weight_multiplier": 0.5}
    scores = dial.table.score[dial.table.score != 0]
    assert sorted(widths(dial)) == sorted(scores)


@pytest.mark.parametrize("control", ["ram_weight_multiplier", "hosts"])
def test_after_fast_turns_the_picture_is_that_of_the_last_value(fleet, dial_of_30, control):
    turned, direct = dial_of_30, dials.scores(fleet, SPEC)
    slider = getattr(turned, control)
    for place in np.random.default_rng(1).permutation(30)[: length.few(30, 10)]:
        slider.value = slider.min + place * slider.step
    getattr(direct, control).value = slider.value
    assert in_the_page(turned) == in_the_page(direct)
    assert turned.answer == direct.answer


def test_turning_there_and_back_gives_the_same_bytes(dial_of_30):
    dial = dial_of_30
    before = dial.picture.value
    for value in (-2.0, 0.5, 1.0):
        dial.ram_weight_multiplier.value = value
    assert dial.picture.value == before


def test_several_controls_are_turned_at_once(dial_of_30):
    dial = dial_of_30
    seen = []
    dial.picture.observe(seen.append, "value")
    dial.value = {"ram_weight_multiplier": -1.0, "hosts": 5, "minval": False}
    assert len(seen) == 1
    assert dial.value | {"ram_weight_multiplier": -1.0, "hosts": 5, "minval": False} == dial.value


@pytest.mark.usefixtures("unpainted")
def test_minval_off_scales_each_list_from_its_own_smallest_value(dial):
    dial.minval.value = False
    assert dial.table.query("weigher == 'RAMWeigher'").normalized.tolist() == [0.0, 1.0]
    dial.minval.value = True
    assert dial.table.query("weigher == 'RAMWeigher'").normalized.tolist() == [0.75, 1.0]


@pytest.mark.usefixtures("unpainted")
def test_fewer_hosts_are_the_first_ones(dial_of_30):
    dial = dial_of_30
    dial.hosts.value = 4
    assert list(dial.table.host.unique()) == ["cn-01", "cn-02", "cn-03", "cn-04"]


@pytest.mark.usefixtures("unpainted")
def test_the_size_of_the_request_counts(dial):
    dial.value = {"memory_mb": 3500, "vcpus": 2}
    assert dial.answer == "cn-2 is the only host and wins with 0.00."
    assert dial.table.empty


@pytest.mark.usefixtures("unpainted")
def test_the_fleet_and_the_request_stay_as_they_were(two):
    before = two.hosts
    dials.scores(two, SPEC).value = {"memory_mb": 1024, "ram_weight_multiplier": -1.0}
    assert two.hosts.equals(before)
    assert SPEC.memory_mb == 512


# -- no valid host, bad values, learners' mistakes --------------------------------------
def test_a_request_that_fits_nowhere_is_an_answer_and_the_dial_goes_on(dial):
    before = dial.answer, dial.picture.value
    dial.memory_mb.value = dial.memory_mb.max
    assert dial.answer == (
        "2 hosts enter; allocation_candidates removes cn-1 and cn-2; none is left: NoValidHost."
    )
    assert "NoValidHost" in in_the_page(dial)
    assert in_the_page(dial).count("out: allocation_candidates") == 2
    assert widths(dial) == []
    assert dial.table.empty
    dial.memory_mb.value = 512
    assert (dial.answer, dial.picture.value) == before


@pytest.mark.usefixtures("unpainted")
def test_a_dial_may_begin_without_a_valid_host(two):
    dial = dials.scores(two, RequestSpec(Flavor(vcpus=1, memory_mb=10**6)))
    assert "NoValidHost" in dial.answer
    dial.memory_mb.value = 1024
    assert dial.answer.startswith("cn-2 wins")


@pytest.mark.usefixtures("unpainted")
def test_a_value_beyond_its_slider_is_refused_and_nothing_turns(dial):
    before = dial.value
    with pytest.raises(ValueError, match=r"ram_weight_multiplier goes from -2.0 to 2.0, not 9"):
        dial.value = {"vcpus": 2, "ram_weight_multiplier": 9}
    with pytest.raises(ValueError, match="no 'ram', only ram_weight_multiplier, cpu_weight"):
        dial.value = {"ram": 1}
    assert dial.value == before


def test_an_option_that_is_no_multiplier_is_refused_by_name(two):
    with pytest.raises(ValueError, match="'ram_multiplier' is the multiplier of no weigher"):
        dials.scores(two, SPEC, multipliers=["ram_multiplier"])


def test_a_fleet_without_hosts_is_refused():
    with pytest.raises(ValueError, match="a fleet of one host or more"):
        dials.scores(Fleet([]), SPEC)


@pytest.mark.usefixtures("unpainted")
def test_a_weigher_that_fails_leaves_no_old_picture(two):
    class Fragile(BaseHostWeigher):
        def _weigh_object(self, host_state, weight_properties):
            return 1 / (weight_properties.vcpus - 2)

    dial = dials.scores(two, SPEC, Options(weight_classes=[RAMWeigher, CPUWeigher, Fragile]), [])
    dial.vcpus.value = 2
    assert dial.answer == "ZeroDivisionError: division by zero"
    assert widths(dial) == []
    dial.vcpus.value = 1
    assert "wins" in dial.answer


# -- what stands in it ------------------------------------------------------------------
@pytest.mark.usefixtures("unpainted")
def test_each_multiplier_asked_for_has_a_slider(two):
    options = Options(build_failure_weight_multiplier=10.0)
    names = ["build_failure_weight_multiplier", "pci_weight_multiplier"]
    dial = dials.scores(two, SPEC, options, names)
    assert list(dial.value) == [*names, "minval", "hosts", "memory_mb", "vcpus"]
    slider = dial.build_failure_weight_multiplier
    assert (slider.min, slider.value, slider.max) == (-20.0, 10.0, 20.0)
    assert dial.pci_weight_multiplier.min == 0.0  # Nova accepts nothing below


def test_a_learners_weigher_has_bars_of_its_own(two):
    class FewServers(BaseHostWeigher):
        def _weigh_object(self, host_state, weight_properties):
            return -host_state.num_instances

    two = two.replace("cn-1", num_instances=3)
    dial = dials.scores(two, SPEC, Options(weight_classes=[RAMWeigher, CPUWeigher, FewServers]), [])
    assert "FewServers" in in_the_page(dial)


def test_a_choice_by_chance_is_told():
    fleet, options = fleet_of(8, "cn-{}"), Options(host_subset_size=8)
    dial = dials.scores(fleet, SPEC, options, seed=1)
    chosen = select(fleet, SPEC, options, seed=1).host
    assert chosen != winner(fleet, SPEC, Options())
    assert dial.answer.endswith(f"Chosen is {chosen}: the options leave it to chance.")
    assert f"★ {chosen}" in in_the_page(dial)


def test_names_from_a_file_are_only_text():
    name = '<script>alert("x")</script>&\''
    dial = dials.scores(Fleet([{"host": name, "free_ram_mb": 9}, {"host": "cn-2"}]), SPEC)
    dial.value = {"memory_mb": 1}
    assert "<script" not in dial.picture.value
    label = re.search('<div role="img" aria-label="([^"]*)">', dial.picture.value)[1]
    assert html.unescape(label) == dial.answer


# -- the figure -------------------------------------------------------------------------
@pytest.mark.usefixtures("unpainted")
def test_the_figure_is_laid_out_once(dial_of_30):
    dial = dial_of_30
    figure = dial.figure.figure
    where = figure.axes[0].get_position().bounds
    for value in (-2.0, 0.0, 2.0):
        dial.value = {"ram_weight_multiplier": value, "hosts": 12 + int(value)}
    assert dial.figure.figure is figure
    assert figure.axes[0].get_position().bounds == where


@pytest.mark.usefixtures("unpainted")
def test_axis_and_rows_stay_and_a_weigher_keeps_its_colour(fleet):
    dial = dials.scores(fleet.first(8), SPEC)
    axes = dial._bars.ax
    limits, rows = axes.get_xlim(), [text.get_text().strip("★ ") for text in dial._bars.names]
    colours = {name: bars[0].get_facecolor() for name, bars in dial._bars.bars.items()}
    for name in dials.MULTIPLIERS:
        for end in ("min", "max"):
            dial.value = {name: getattr(getattr(dial, name), end)}
            assert dial._bars.ax.get_xlim() == limits
            assert [text.get_text().strip("★ ") for text in dial._bars.names] == rows
            assert (
                colours.items()
                <= {name: bars[0].get_facecolor() for name, bars in dial._bars.bars.items()}.items()
            )
    low, high = limits
    assert all(
        low <= bar.get_x() and bar.get_x() + bar.get_width() <= high
        for bars in dial._bars.bars.values()
        for bar in bars
    )


def test_a_host_that_leaves_says_so(fleet):
    dial = dials.scores(fleet.first(8), SPEC)
    dial.hosts.value = 3
    assert in_the_page(dial).count("not in this fleet") == 5


@pytest.mark.usefixtures("unpainted")
def test_a_winner_without_a_row_gets_the_last_one(dial_of_30):
    dial = dial_of_30
    rows = [text.get_text() for text in dial._bars.names][:-1]
    for value in (-2.0, -1.0, 2.0):
        dial.value = {"ram_weight_multiplier": value, "disk_weight_multiplier": -value}
        winner = str(dial.answer).split()[0]
        assert f"★ {winner}" in [text.get_text() for text in dial._bars.names]
    assert [text.get_text().strip("★ ") for text in dial._bars.names][:-1] == [
        row.strip("★ ") for row in rows
    ]


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("count", length.some([3, 2, 30, 8], 2))
def test_names_and_sums_fit_and_do_not_overlap(count):
    dial = dials.scores(fleet_of(count), SPEC)
    dial.value = {"ram_weight_multiplier": -2.0, "hosts": max(2, count - 1)}
    figure = dial.figure.figure
    width, height = figure.get_size_inches() * figure.dpi
    for column in (dial._bars.names, dial._bars.sums):
        boxes = [text.get_window_extent() for text in column if text.get_text()]
        assert boxes
        assert all(box.x0 >= 0 and box.x1 <= width for box in boxes)
        assert all(box.y0 >= 0 and box.y1 <= height for box in boxes)
        assert all(upper.y0 >= lower.y1 for upper, lower in itertools.pairwise(boxes))
    assert all(text.get_fontsize() >= 9 for text in figure.axes[0].texts)


@pytest.mark.usefixtures("unpainted")
def test_a_sum_longer_than_any_before_is_not_cut_off():
    dial = dials.scores(fleet_of(3), SPEC, multipliers=["build_failure_weight_multiplier"])
    for value in (0.0, 2e6, -2e6):
        dial.build_failure_weight_multiplier.value = value
        figure = dial.figure.figure
        width = figure.get_size_inches()[0] * figure.dpi
        assert all(text.get_window_extent().x1 <= width for text in dial._bars.sums)


# -- in a notebook ----------------------------------------------------------------------
@pytest.mark.usefixtures("unpainted")
def test_the_answer_is_shown_without_quotes(dial):
    assert repr(dial.answer).startswith("cn-2 wins")


@pytest.mark.usefixtures("unpainted")
def test_the_slider_of_vcpus_ends_where_no_host_is_left(dial):
    dial.vcpus.value = dial.vcpus.max
    assert "none is left" in dial.answer
