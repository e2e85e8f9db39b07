"""The tools that record the real Nova: what they draw, and what they say of a difference."""

import gzip
import json

import pytest

from labkit.nova.api.openstack import servers

pytestmark = pytest.mark.nova
sequences = pytest.importorskip("tools.record.sequences", reason="a copy without the tools")

from tools import record_all  # noqa: E402
from tools.record import __main__ as recorder  # noqa: E402
from tools.record import compare_random  # noqa: E402

SOME = [sequences.draw("test", number) for number in range(40)]


def test_a_sequence_is_the_same_for_the_same_seed_and_number():
    assert [sequences.draw("test", number) for number in range(40)] == SOME
    assert [sequences.draw("other", number) for number in range(40)] != SOME


def test_a_sequence_is_a_create_and_2_to_5_actions():
    assert {one.actions[0] for one in SOME} == {"create"}
    assert {len(one.actions) for one in SOME} == {3, 4, 5, 6}
    assert {one.fault is None for one in SOME} == {True, False}


def test_what_comes_next_is_known():
    known = {*sequences.ACTIONS, *sequences.OTHERS}
    for name, after in sequences.NEXT.items():
        assert {name, *(each.removesuffix(sequences.AS_USER) for each in after)} <= known


@pytest.mark.parametrize("name", [*sequences.ACTIONS, "delete", "update"])
def test_the_cloud_knows_each_action_by_name(name):
    what, arguments = compare_random.in_the_lab(name)
    action = servers.ACTIONS[what.removeprefix("os-")]
    assert set(arguments) <= set(action.arguments)


@pytest.mark.parametrize("sequence", SOME, ids=lambda one: str(one.number))
def test_a_sequence_plays_in_the_cloud(sequence):
    player = compare_random.play(sequence)
    assert len(player.steps) == len(sequence.actions)


@pytest.fixture
def created(root):
    """A sequence of one create, and what Nova did when it was recorded."""
    file = root / "data" / "nova-34" / "lifecycle.json.gz"
    recording = json.loads(gzip.decompress(file.read_bytes()))["scenarios"]["create"]
    options = (("notifications", "notify_on_state_change", "vm_and_task_state"),)
    return sequences.Sequence(0, ("create",), None, options, "flat"), recording["steps"]


def test_no_difference_is_no_line(created):
    lines, seen = compare_random.compare(*created)
    assert not lines
    assert seen["accepted"] == 1
    assert seen["events"] > 40


@pytest.mark.parametrize("part", ["events", "books", "requests", "hosts"])
def test_a_difference_is_told(created, part):
    sequence, (step,) = created
    parts = list(step[part])
    changed = dict(list(step[part].items())[1:]) if part == "hosts" else parts[:-1]
    lines, _ = compare_random.compare(sequence, [step | {part: changed}])
    assert lines
    assert lines[0].startswith("create: ")


def test_a_difference_names_the_sequence(created, capsys):
    compare_random.tell(created[0], [f"create: line {number}" for number in range(9)])
    told = capsys.readouterr().out
    assert "sequence 0" in told
    assert "actions: create\n" in told
    assert "fault:   none\n" in told
    assert told.endswith("and 3 lines more\n")


@pytest.mark.parametrize(
    ("name", "kept", "now", "told"),
    [
        ("a.log", "one\ntwo", "one\ntwo", None),
        ("a.log", "one\ntwo", "one\n2", "line 2: kept 'two', Nova says '2'"),
        ("a.log", "one", "one\ntwo", "1 lines kept, Nova says 2"),
        ("a.json", '{"a": [1, 2]}', '{"a": [1, 3]}', "at /a/1: kept 2, Nova says 3"),
        ("a.json", '{"a": 1, "c": 1}', '{"b": 1, "c": 1}', 'at /: kept ["a"], Nova says ["b"]'),
        ("a.json", '{"a":1}', '{"a": 1}', "other bytes"),
    ],
)
def test_where_two_recordings_differ(tmp_path, name, kept, now, told):
    paths = tmp_path / "kept" / name, tmp_path / "now" / name
    for path, text in zip(paths, (kept, now), strict=True):
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
    found = record_all.difference(*paths)
    assert found is None if told is None else told in found


def test_a_recording_that_is_not_there_differs(tmp_path):
    (tmp_path / "now.log").write_text("one", encoding="utf-8")
    assert "make record writes it" in record_all.difference(
        tmp_path / "kept.log", tmp_path / "now.log"
    )


def test_a_scenario_that_differs_is_named_at_once(tmp_path):
    content = {"scenarios": {"create": {"steps": [1]}}}
    (tmp_path / "lifecycle.json.gz").write_bytes(recorder.packed(content))
    look = recorder.verdict(["lifecycle"], tmp_path)
    assert look("lifecycle/create", {"steps": [1]}) == ""
    assert "DIFFERS" in look("lifecycle/create", {"steps": [2]})
    assert "DIFFERS" in look("lifecycle/unheard_of", {"steps": [1]})
