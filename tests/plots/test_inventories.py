"""The figure of inventories: what it shows, whether it can be read, what it refuses."""

import pandas as pd
import pytest

from labkit import Fleet, plots
from labkit.tables.hosts import inventory_table
from tests.helpers import length
from tests.helpers.readable import complaints, the_same

LONG = "compute-rack07-node{:02d}.example.org"


def fleet(count, names="cn-{}"):
    """Hosts of 4 CPUs, 16 GiB and 100 GiB; the first is empty, each next one a server fuller."""
    rows = [
        {
            "host": names.format(number + 1),
            "total_usable_ram_mb": 16384,
            "free_ram_mb": 16384 - 4096 * (number % 5),
            "total_usable_disk_gb": 100,
            "free_disk_mb": 102400,
            "vcpus_total": 4,
            "vcpus_used": number % 5,
        }
        for number in range(count)
    ]
    return Fleet(rows)


def drawn(count, names="cn-{}", asked=None):
    return plots.inventories(inventory_table(fleet(count, names), asked))


@pytest.mark.parametrize(
    ("asked", "count", "names"),
    length.some(
        [
            (asked, *hosts)
            for hosts in [(1, "cn-{}"), (3, LONG), (1, LONG), (10, LONG)]
            for asked in (None, {"VCPU": 2, "MEMORY_MB": 16384})
        ],
        3,
    ),
)
def test_no_text_overlaps_another_or_is_cut_off(asked, count, names):
    assert complaints(drawn(count, names, asked)) == []


def test_a_bar_is_as_long_as_the_table_says():
    figure = drawn(3, asked={"MEMORY_MB": 4096})
    has, _, free, used, asked, too_much = figure.figure.axes[0].patches[6 * 7 : 6 * 8]
    assert (has.get_width(), free.get_width(), used.get_width()) == (1.0, 1.0, 0.5)
    assert (asked.get_x(), asked.get_width()) == (0.5, 0.25)
    assert not too_much.get_visible()


def test_a_row_is_as_long_as_the_longest_that_is_in_it():
    figure = drawn(1)  # 4 CPUs, of which 16 may be given away
    has, _, free = figure.figure.axes[0].patches[:3]
    assert (has.get_width(), free.get_width()) == (0.25, 1.0)


def test_what_does_not_fit_has_another_look():
    figure = drawn(1, asked={"MEMORY_MB": 20480})
    *_, asked, too_much = figure.figure.axes[0].patches[6:12]
    assert not asked.get_visible()
    assert too_much.get_width() == 1.0
    assert asked.get_hatch() != too_much.get_hatch()


def test_the_words_beside_the_bars():
    words = [text.get_text() for text in drawn(2, asked={"VCPU": 2}).figure.axes[0].texts]
    assert words[:2] == ["4 CPUs, 0 reserved, ratio 4", "0 + 2 of 16"]
    assert words[8:10] == ["16,384 MiB, 0 reserved, ratio 1", "4,096 of 16,384"]


@pytest.mark.parametrize(
    ("count", "asked", "answer"),
    [
        (1, None, "cn-1 may still give away 16 CPUs of VCPU, 16,384 MiB of MEMORY_MB and"),
        (2, None, "2 hosts: cn-1 and cn-2."),
        (1, {"VCPU": 4}, "The request fits on cn-1."),
        (1, {"VCPU": 5}, "The request does not fit on cn-1: VCPU 5 > max_unit 4."),
        (3, {"MEMORY_MB": 12288}, "The request fits on 2 of 3 hosts: cn-1 and cn-2."),
        (3, {"MEMORY_MB": 16385}, "The request fits on none of 3 hosts."),
    ],
)
def test_the_answer_says_whether_and_where_it_fits(count, asked, answer):
    assert drawn(count, asked=asked).answer.startswith(answer)


def test_the_same_table_gives_the_same_bytes():
    the_same(drawn(2), drawn(2))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (inventory_table(fleet(1)).iloc[:0], "no rows"),
        (pd.DataFrame({"host": ["cn-1"]}), "no column resource_class"),
        (inventory_table(fleet(21)), "63 rows are too many"),
    ],
)
def test_what_cannot_be_drawn_gets_a_sentence(table, words):
    with pytest.raises(ValueError, match=words):
        plots.inventories(table)
