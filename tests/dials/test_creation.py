"""The dial of faults: what a turn shows, says and leaves behind."""

import html
import itertools
import re

import pytest

from labkit import Cloud, Fault, Flavor, Fleet, Options, RequestSpec, dials
from labkit.dials.creation import FAULTS
from tests.helpers import length
from tests.helpers.readable import complaints
from tests.helpers.roads import LONG, SPEC, fleet_of

STEPS = list(FAULTS)
UUID = r"[0-9a-f]{8}…"


@pytest.fixture(scope="module")
def one():
    return dials.creation(fleet_of(4), SPEC)


def in_the_page(dial):
    """The texts of the picture as the page has them."""
    return [html.unescape(text) for text in re.findall("<text[^>]*>([^<]*)<", dial.picture.value)]


def rows(dial):
    """The names beside the rows, in one line each."""
    ticks = dial.figure.figure.axes[0].get_yticklabels()
    return [tick.get_text().replace("\n", "") for tick in ticks]


# -- turning ------------------------------------------------------------------------------
def test_a_turn_changes_answer_picture_table_and_cloud(dial):
    before = dial.picture.value, dial.cloud
    assert re.fullmatch(
        r"web-1 is ACTIVE on cn-1 after \d\.\d s and 1 attempt of 3\.", str(dial.answer)
    )
    dial.fault.value = "spawn"
    assert re.fullmatch(
        r"spawn fails on the first host: web-1 is ACTIVE on cn-2 after \d\d\.\d s and 2 attempts "
        r"of 3; compute@cn-1 cleans up \(virt destroy, neutron deallocate_for_instance and "
        r"placement DELETE /allocations\)\.",
        str(dial.answer),
    )
    assert dial.picture.value != before[0]
    assert dial.cloud is not before[1]
    assert dial.cloud.show("web-1")["host"] == "cn-2"
    assert dial.table.iloc[-1][["vm_state", "service"]].to_list() == ["active", "compute@cn-2"]


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("every_host", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_the_answer_is_the_clouds(dial, step, every_host):
    """The same cloud made by hand says what the dial says."""
    dial.value = {"fault": step, "every_host": every_host}
    times = 99 if every_host else 1
    faults = [] if step == "none" else [Fault(step, at=FAULTS[step].at, times=times)]
    cloud = Cloud(fleet_of(4), Options(), seed=0, faults=faults)
    cloud.create("web-1", SPEC)
    cloud.settle()
    shown = cloud.show("web-1")
    answer = str(dial.answer)
    attempts = (cloud.messages.method == "build_and_run_instance").sum()
    assert f"{attempts} attempt{'s' if attempts > 1 else ''} of 3" in answer
    assert dial.table.equals(cloud.states)
    if shown is None:
        assert "web-1 is gone" in answer
        return
    assert shown["status"] in answer
    assert f"on {shown['host'] or 'no host'} after" in answer
    if len(cloud.faults):
        short = re.sub(
            r"(\b[0-9a-f]{8})-[0-9a-f-]{27}", r"\1…", cloud.faults.message.iloc[-1]
        ).strip()
        assert answer.endswith(f"The API shows 500: {short}")
    held = cloud.books("web-1")["allocations"]
    stays = shown["status"] != "ACTIVE" and bool(held)
    assert ("nobody cleans up, its allocation on cn-1 stays" in answer) == stays


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("step", ["claim", "network", "spawn", "database"])
def test_where_another_host_may_do_better_all_attempts_are_made(dial, step):
    dial.value = {"fault": step, "every_host": True, "max_attempts": 2}
    assert "web-1 is ERROR on no host" in dial.answer
    assert "2 attempts of 2; compute@cn-1 and compute@cn-2 clean up" in dial.answer
    assert "Exceeded max scheduling attempts 2" in dial.answer
    assert "conductor cleans up (neutron deallocate_for_instance)" in dial.answer


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("step", ["image", "block_device_mapping"])
def test_where_no_host_would_do_better_there_is_one_attempt(dial, step):
    dial.value = {"fault": step, "every_host": True}
    assert "web-1 is ERROR on no host" in dial.answer
    assert "1 attempt of 3; compute@cn-1 cleans up" in dial.answer
    assert re.search(f"The API shows 500: Build of instance {UUID} aborted: ", dial.answer)


@pytest.mark.usefixtures("unpainted")
def test_after_a_lost_message_nobody_ever_comes(dial):
    dial.fault.value = "message"
    assert dial.answer.startswith(
        "build_and_run_instance to the first host is lost: web-1 stays BUILD, task_state "
        "scheduling, on no host after 60."
    )


def test_turning_there_and_back_gives_the_same_bytes(dial):
    before = dial.picture.value
    for step in length.some(STEPS, 3)[1:]:
        dial.fault.value = step
    dial.value = {"fault": "none", "every_host": False}
    assert dial.picture.value == before


@pytest.mark.parametrize("order", [1, -1])
def test_the_picture_does_not_depend_on_the_way_to_it(dial, order):
    turned, direct = dial, dials.creation(fleet_of(4), SPEC)
    steps = length.some(STEPS, 3)[::order]
    for step, every in zip(steps, itertools.cycle([True, False]), strict=False):
        turned.value = {"fault": step, "every_host": every}
    last = turned.value
    direct.value = last
    assert in_the_page(turned) == in_the_page(direct)
    assert turned.answer == direct.answer


def test_several_controls_are_turned_at_once(dial):
    seen = []
    dial.picture.observe(seen.append, "value")
    dial.value = {"fault": "claim", "every_host": True, "max_attempts": 2}
    assert len(seen) == 1
    assert dial.value == {"fault": "claim", "every_host": True, "max_attempts": 2}


@pytest.mark.usefixtures("unpainted")
def test_fleet_and_request_stay_as_they_were():
    fleet = fleet_of(3)
    before = fleet.hosts
    dials.creation(fleet, SPEC).value = {"fault": "spawn", "every_host": True}
    assert fleet.hosts.equals(before)
    assert SPEC.num_instances == 1


# -- no valid host, refusals, mistakes ------------------------------------------------------
def test_a_flavor_that_fits_nowhere_is_an_answer():
    dial = dials.creation(fleet_of(2), SPEC.replace(flavor=Flavor(vcpus=1, memory_mb=10**7)))
    assert dial.answer == (
        "web-1 is ERROR on no host after 0.1 s and 0 attempts of 3; its row is in cell0. "
        "The API shows 500: No valid host was found."
    )
    dial.fault.value = "spawn"
    assert dial.answer.startswith("spawn fails on the first host: web-1 is ERROR on no host")
    assert "reply NoValidHost" in in_the_page(dial)


@pytest.mark.usefixtures("unpainted")
def test_a_create_that_the_api_refuses_is_an_answer():
    dial = dials.creation(fleet_of(2), SPEC.replace(availability_zone="az-9"))
    assert dial.answer == (
        "The API refuses the create: 400 The requested availability zone is not available"
    )
    assert dial.table.empty


def test_a_weigher_that_fails_leaves_no_old_picture(monkeypatch, dial):
    def fail(self):
        raise ZeroDivisionError("by nobody")

    monkeypatch.setattr(Cloud, "settle", fail)
    dial.fault.value = "spawn"
    assert dial.answer == "ZeroDivisionError: by nobody"
    assert "cleans up" not in in_the_page(dial)
    monkeypatch.undo()
    dial.fault.value = "claim"
    assert "web-1 is ACTIVE on cn-2" in dial.answer


@pytest.mark.usefixtures("unpainted")
def test_mistakes_get_a_sentence_and_nothing_turns(dial):
    before = dial.value, dial.answer
    with pytest.raises(ValueError, match="No fault 'spwan' in this dial; did you mean 'spawn'"):
        dial.value = {"fault": "spwan"}
    with pytest.raises(ValueError, match="did you mean 'spawn'"):
        dial.fault.value = "spwan"
    with pytest.raises(ValueError, match="there are none, message, claim"):
        dial.fault.value = "?"
    with pytest.raises(ValueError, match="max_attempts goes from 1 to 4, not 9"):
        dial.value = {"fault": "spawn", "max_attempts": 9}
    with pytest.raises(ValueError, match="no 'step', only fault, every_host, max_attempts"):
        dial.value = {"step": "spawn"}
    assert (dial.value, dial.answer) == before


def test_what_is_no_fleet_or_request_gets_a_sentence():
    with pytest.raises(ValueError, match="a fleet of one host or more"):
        dials.creation(Fleet([]), SPEC)
    with pytest.raises(TypeError, match="'four_hosts' is not a Fleet"):
        dials.creation("four_hosts", SPEC)
    with pytest.raises(TypeError, match="is not a RequestSpec"):
        dials.creation(fleet_of(2), SPEC.flavor)
    with pytest.raises(ValueError, match="creates one server, not 2"):
        dials.creation(fleet_of(2), RequestSpec(SPEC.flavor, num_instances=2))


# -- what stands in it ------------------------------------------------------------------------
@pytest.mark.usefixtures("unpainted")
def test_the_hosts_with_the_fault_have_a_sign(dial):
    dial.fault.value = "spawn"
    struck = [name for name in rows(dial) if "\N{BALLOT X} spawn" in name]
    assert struck == ["compute@cn-1\N{BALLOT X} spawn"]
    dial.every_host.value = True
    assert sum("\N{BALLOT X} spawn" in name for name in rows(dial)) == 3
    dial.fault.value = "none"
    assert not any("\N{BALLOT X}" in name for name in rows(dial))


@pytest.mark.usefixtures("unpainted")
def test_the_tick_box_rests_while_nothing_fails(dial):
    assert dial.every_host.disabled
    dial.fault.value = "spawn"
    assert not dial.every_host.disabled


def test_the_scheduler_names_as_many_hosts_as_there_may_be_attempts(dial):
    for attempts, words in ((1, "cn-1"), (2, "cn-1, cn-2"), (4, "cn-1, cn-2, cn-3, cn-4")):
        dial.max_attempts.value = attempts
        assert f"reply {words}" in in_the_page(dial)
        assert dial.answer.endswith(f"1 attempt of {attempts}.")


@pytest.mark.usefixtures("unpainted")
def test_the_slider_begins_at_the_option():
    dial = dials.creation(fleet_of(2), SPEC, Options(max_attempts=7))
    assert (dial.max_attempts.value, dial.max_attempts.max) == (7, 7)


def test_what_cleans_up_is_marked_once_per_host(dial):
    dial.value = {"fault": "spawn", "every_host": True}
    assert in_the_page(dial).count("cleans up") == 4  # three computes and the conductor


def test_names_from_a_file_are_only_text():
    name = '<script>alert("x")</script>&\'$a$'
    fleet = fleet_of(2, name + "{}")
    dial = dials.creation(fleet, SPEC)
    dial.fault.value = "spawn"
    assert "<script" not in dial.picture.value
    label = re.search('<div role="img" aria-label="([^"]*)">', dial.picture.value)[1]
    assert html.unescape(label) == dial.answer


# -- the figure ---------------------------------------------------------------------------------
@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize(("count", "names"), [(1, "cn-{}"), (4, "cn-{}"), (30, LONG)])
def test_every_turn_can_be_read(count, names):
    dial = dials.creation(fleet_of(count, names), SPEC)
    for step, every in length.some(itertools.product(STEPS, [False, True]), 5):
        dial.value = {"fault": step, "every_host": every}
        assert complaints(dial.figure) == []


@pytest.mark.usefixtures("unpainted")
def test_the_figure_is_laid_out_once(dial):
    figure = dial.figure.figure
    where = figure.axes[0].get_position().bounds
    for step, every in length.some(itertools.product(STEPS, [False, True]), 3):
        dial.value = {"fault": step, "every_host": every}
    assert dial.figure.figure is figure
    assert figure.axes[0].get_position().bounds == where
    assert figure.get_size_inches()[1] < 7.5


@pytest.mark.usefixtures("unpainted")
def test_more_attempts_than_rows_get_a_row_each(dial):
    dial.value = {"fault": "spawn", "every_host": True, "max_attempts": 4}
    assert [name.split("\N{BALLOT X}")[0] for name in rows(dial)[3:]] == [
        f"compute@cn-{i}" for i in range(1, 5)
    ]
    assert complaints(dial.figure) == []


# -- in a notebook ----------------------------------------------------------------------------
@pytest.mark.usefixtures("unpainted")
def test_the_answer_is_shown_without_quotes(dial):
    assert repr(dial.answer).startswith("web-1 is ACTIVE")
