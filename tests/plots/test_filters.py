"""The funnel: who enters, who falls where and why."""

import pytest

from labkit import Flavor, Fleet, NoValidHost, RequestSpec, plots
from labkit import select_destinations as select
from tests.helpers.tables import SHORT, STAGES, filters


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
