"""The dial of one host's ratios: what a turn shows and says, and what it refuses."""

import html

import pytest

from labkit import Flavor, dials
from tests.helpers.readable import complaints


@pytest.fixture(scope="module")
def one():
    return dials.overcommit()


@pytest.mark.usefixtures("unpainted")
def test_the_beginning_is_nova_s_own(dial):
    assert dial.value == {
        "cpu_allocation_ratio": 4.0,
        "ram_allocation_ratio": 1.0,
        "disk_allocation_ratio": 1.0,
        "reserved_host_memory_mb": 512,
    }
    assert dial.servers == 3
    assert dial.table.used.tolist() == [6, 12288, 60]


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize(
    ("value", "servers", "full"),
    [
        # memory: (16384 - 512) * 1.5 = 23808 holds 5 of 4096
        ({"ram_allocation_ratio": 1.5}, 5, "MEMORY_MB: used 20480 + 4096 > capacity 23808"),
        # disk: 100 GiB hold 5 of 20
        ({"ram_allocation_ratio": 3.0}, 5, "DISK_GB: used 100 + 20 > capacity 100"),
        ({"cpu_allocation_ratio": 0.5}, 2, "VCPU: used 4 + 2 > capacity 4 = (8 - 0) * 0.5"),
        ({"reserved_host_memory_mb": 16384}, 0, "MEMORY_MB: used 0 + 4096 > capacity 0"),
        ({"reserved_host_memory_mb": 0}, 4, "MEMORY_MB: used 16384 + 4096 > capacity 16384"),
    ],
)
def test_how_many_servers_fit_and_what_stops_the_next(dial, value, servers, full):
    before = dial.picture.value
    dial.value = value
    assert dial.servers == servers
    assert f"{servers} servers fit. The next one: NoValidHost; {full}" in dial.answer
    assert html.escape(dial.answer) in dial.picture.value
    assert dial.picture.value != before


@pytest.mark.usefixtures("unpainted")
def test_the_row_s_free_memory_knows_no_ratio(dial):
    dial.ram_allocation_ratio.value = 1.5
    assert dial.host_state.free_ram_mb == 16384 - 512 - 5 * 4096 == -4608
    assert dial.answer.endswith("The scheduler sees free_ram_mb -4608.")


@pytest.mark.usefixtures("unpainted")
def test_a_ratio_of_0_is_none(dial):
    dial.cpu_allocation_ratio.value = 0.0
    assert dial.table.allocation_ratio[0] == 4.0


@pytest.mark.usefixtures("unpainted")
def test_what_a_slider_in_a_browser_gives_back_is_what_it_got(dial):
    """It keeps percent of its range: what is not the same number then is another turn."""
    for name in list(dial.value)[:3]:
        slider = getattr(dial, name)
        for step in range(round(slider.max / slider.step) + 1):
            value = step * slider.step
            percent = value / slider.max * 100
            assert percent * slider.max / 100 == value


@pytest.mark.usefixtures("unpainted")
def test_the_words_beside_the_bars_have_room():
    dial = dials.overcommit(vcpus=256, memory_mb=1048576, disk_gb=99999.5)
    dial.value = {"ram_allocation_ratio": 3.75, "reserved_host_memory_mb": 1048576 - 16384}
    assert complaints(dial.figure) == []


@pytest.mark.usefixtures("unpainted")
def test_no_ratio_makes_room_for_a_server_larger_than_the_host():
    dial = dials.overcommit(flavor=Flavor(vcpus=9, memory_mb=512, root_gb=1))
    dial.cpu_allocation_ratio.value = 16.0
    assert dial.answer.startswith("0 servers fit. The next one: NoValidHost; VCPU 9 > max_unit 8.")


@pytest.mark.usefixtures("unpainted")
def test_a_flavor_of_nothing_is_refused_by_placement():
    dial = dials.overcommit(flavor=Flavor(vcpus=0, memory_mb=0))
    assert dial.answer.startswith("0 servers fit. The next one: NoValidHost; placement refuses")


def test_a_picture_does_not_depend_on_the_turns_before(dial):
    first = dial.picture.value
    dial.value = {"cpu_allocation_ratio": 0.5, "reserved_host_memory_mb": 8192}
    dial.value = {"cpu_allocation_ratio": 4.0, "reserved_host_memory_mb": 512}
    assert dial.picture.value == first


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"ratio": 1}, "no 'ratio', only cpu_allocation_ratio"),
        ({"cpu_allocation_ratio": 17}, "goes from 0.0 to 16.0, not 17"),
        ({"reserved_host_memory_mb": -1}, "goes from 0 to 16384, not -1"),
    ],
)
def test_a_wrong_value_gets_a_sentence(dial, value, sentence):
    with pytest.raises(ValueError, match=sentence):
        dial.value = value


@pytest.mark.parametrize(
    ("size", "sentence"),
    [
        ({"vcpus": 0}, "vcpus = 0; expected a number of 1 or more"),
        ({"memory_mb": 0.5}, "memory_mb = 0.5"),
        ({"disk_gb": "100"}, "disk_gb = '100'"),
    ],
)
def test_a_host_that_is_none_gets_a_sentence(size, sentence):
    with pytest.raises(ValueError, match=sentence):
        dials.overcommit(**size)
