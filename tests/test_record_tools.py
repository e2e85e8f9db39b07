"""The tools that record the real Nova: what they draw, and what they say of a difference."""

import gzip
import json

import pytest

from labkit.nova.api.openstack import servers
from tests.helpers import clouds, lives

pytestmark = pytest.mark.nova
sequences = pytest.importorskip("tools.record.lives.sequences", reason="a copy without the tools")

from tools.record import differences, random_lives  # noqa: E402
from tools.record.lives import __main__ as recorder  # noqa: E402
from tools.record.lives import cloud_cases, cloud_draws, cloud_steps  # noqa: E402

SOME = [sequences.draw("test", number) for number in range(40)]
STAY, MOVE = SOME[::2], SOME[1::2]


def test_a_sequence_is_the_same_for_the_same_seed_and_number():
    assert [sequences.draw("test", number) for number in range(40)] == SOME
    assert [sequences.draw("other", number) for number in range(40)] != SOME


def test_a_sequence_is_a_create_and_2_to_5_actions():
    assert {one.actions[0] for one in SOME} == {"create"}
    assert {len(one.actions) for one in STAY} == {3, 4, 5, 6}
    assert {one.fault is None for one in STAY} == {True, False}
    assert not {name.removesuffix(sequences.AS_USER) for one in STAY for name in one.actions} & set(
        sequences.MOVES
    )


def test_in_every_other_sequence_the_server_moves():
    assert {len(one.actions) for one in MOVE} <= {4, 5, 6, 7, 8}
    for one in MOVE:
        assert one.fault is None or 1 <= one.fault_from < len(one.actions)
    many = [sequences.draw("test", number) for number in range(1, 2000, 2)]
    drawn = {name.removesuffix(sequences.AS_USER) for one in many for name in one.actions}
    assert {*sequences.MOVES, *sequences.OF_MIGRATIONS, *sequences.IN_THE_MIDDLE} <= drawn
    faults = {one.fault[0] for one in many if one.fault}
    assert faults == {step for steps in sequences.FAULTS_OF_MOVES.values() for step in steps}


def test_a_host_that_returns_is_not_made_to_fail():
    for one in (sequences.draw("test", number) for number in range(1, 400, 2)):
        evacuated = any(name.startswith("evacuate") for name in one.actions)
        assert not (evacuated and one.fault and one.fault[0] == "destroy")


def test_what_comes_next_is_known():
    known = {*sequences.BODIES, *sequences.OF_MIGRATIONS, *sequences.IN_THE_MIDDLE}
    known |= {*sequences.OTHERS}
    for name, after in [*sequences.NEXT.items(), *sequences.NEXT_OF_MOVES.items()]:
        assert {name, *(each.removesuffix(sequences.AS_USER) for each in after)} <= known


@pytest.mark.parametrize("name", [*sequences.BODIES, *sequences.OF_MIGRATIONS, "delete", "update"])
def test_the_cloud_knows_each_action_by_name(name):
    what, arguments = random_lives.in_the_lab(name)
    action = servers.ACTIONS[what.removeprefix("os-")]
    assert set(arguments) <= set(action.arguments)


@pytest.mark.parametrize("sequence", SOME, ids=lambda one: str(one.number))
def test_a_sequence_plays_in_the_cloud(sequence):
    player = random_lives.play(sequence)
    returns = sum(name.startswith("evacuate") for name in sequence.actions)
    assert len(player.steps) == len(sequence.actions) + returns


def test_an_evacuate_is_of_a_host_that_is_down_and_returns():
    sequence = sequences.Sequence(1, ("create", "evacuate"), None, (), "flat")
    player = random_lives.play(sequence)
    assert [step[0] for step in player.steps] == ["create", "evacuate", lives.AGAIN]
    assert [step[1] for step in player.steps[1:]] == [[("evacuate", 200, None)], []]
    assert list(player.steps[1][3][0]["guests"]) == ["host1", "host2"]
    assert list(player.steps[2][3][0]["guests"]) == ["host2"]


@pytest.mark.parametrize(("fault_from", "ends"), [(1, "ERROR"), (2, "ACTIVE")])
def test_a_fault_is_there_from_its_action_on(fault_from, ends):
    fault = "migrate_disk_and_power_off", "ValueError", None, 1
    actions = "create", "resize", "revertResize"
    sequence = sequences.Sequence(1, actions, fault, (), "flat", fault_from)
    assert random_lives.play(sequence).cloud.show("web")["status"] == ends
    assert f"once, from action {fault_from} on" in str(sequence)


@pytest.fixture
def created(root):
    """A sequence of one create, and what Nova did when it was recorded."""
    file = root / "data" / "nova-34" / "lifecycle.json.gz"
    recording = json.loads(gzip.decompress(file.read_bytes()))["scenarios"]["create"]
    options = (("notifications", "notify_on_state_change", "vm_and_task_state"),)
    sequence = sequences.Sequence(0, ("create",), None, options, "flat")
    return sequence, recording["steps"], recording["hosts"]


def test_no_difference_is_no_line(created):
    lines, seen = random_lives.compare(*created)
    assert not lines
    assert seen["accepted"] == 1
    assert seen["events"] > 40


@pytest.mark.parametrize("part", ["events", "books", "requests", "hosts"])
def test_a_difference_is_told(created, part):
    sequence, (step,), hosts = created
    parts = list(step[part])
    changed = dict(list(step[part].items())[1:]) if part == "hosts" else parts[:-1]
    lines, _ = random_lives.compare(sequence, [step | {part: changed}], hosts)
    assert lines
    assert lines[0].startswith("create: ")


def test_a_difference_names_the_sequence(created, capsys):
    random_lives.tell(created[0], [f"create: line {number}" for number in range(9)])
    told = capsys.readouterr().out
    assert "sequence 0" in told
    assert "actions: create\n" in told
    assert "fault:   none\n" in told
    assert told.endswith("and 3 lines more\n")


def test_of_what_both_have_only_the_difference_is_told():
    lines = [
        "resize: @@ -1 +1 @@",
        'resize: -{"row": {"host": "host1", "node": "host1"}}',
        'resize: +{"row": {"host": "host1", "node": "host2"}}',
        "resize: @@ -3 +3,2 @@",
        'resize: -{"kind": "db"}',
    ]
    assert random_lives.shorter(lines) == [
        'resize: /row/node: -"host1" +"host2"',
        'resize: -{"kind": "db"}',
    ]


@pytest.mark.parametrize(
    ("name", "kept", "now", "told"),
    [
        ("a.log", "one\ntwo", "one\ntwo", None),
        ("a.log", "one\ntwo", "one\n2", "line 2: kept 'two', now '2'"),
        ("a.log", "one", "one\ntwo", "1 lines kept, now 2"),
        ("a.json", '{"a": [1, 2]}', '{"a": [1, 3]}', "at /a/1: kept 2, now 3"),
        ("a.json", '{"a": 1, "c": 1}', '{"b": 1, "c": 1}', 'at /: kept ["a"], now ["b"]'),
        ("a.json", '{"a":1}', '{"a": 1}', "other bytes"),
    ],
)
def test_where_two_recordings_differ(tmp_path, name, kept, now, told):
    paths = tmp_path / "kept" / name, tmp_path / "now" / name
    for path, text in zip(paths, (kept, now), strict=True):
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
    found = differences.difference(*paths)
    assert found is None if told is None else told in found


def test_a_recording_that_is_not_there_differs(tmp_path):
    (tmp_path / "now.log").write_text("one", encoding="utf-8")
    assert "make record writes it" in differences.difference(
        tmp_path / "kept.log", tmp_path / "now.log"
    )


def test_a_scenario_that_differs_is_named_at_once(tmp_path):
    content = {"scenarios": {"create": {"steps": [1]}}}
    (tmp_path / "lifecycle.json.gz").write_bytes(recorder.packed(content))
    look = recorder.verdict(["lifecycle"], tmp_path)
    assert look("lifecycle/create", {"steps": [1]}) == ""
    assert "DIFFERS" in look("lifecycle/create", {"steps": [2]})
    assert "DIFFERS" in look("lifecycle/unheard_of", {"steps": [1]})


# -- clouds of several servers ------------------------------------------------------------
CLOUDS = [cloud_draws.draw("test", number) for number in range(80)]


def test_a_random_cloud_is_the_same_for_the_same_seed_and_number():
    assert [cloud_draws.draw("test", number) for number in range(80)] == CLOUDS
    assert cloud_draws.draw("other", 0) != CLOUDS[0]


def test_a_random_cloud_has_several_servers_and_is_of_every_kind():
    assert {case["note"] for case in CLOUDS} == {f"random, {kind}" for kind in cloud_draws.KINDS}
    assert all(sum(step["do"] == "create" for step in case["steps"]) >= 2 for case in CLOUDS)
    assert {step["user"] for case in CLOUDS for step in case["steps"] if "user" in step} == {
        "admin",
        "owner",
        "manager",
        "colleague",
        "reader",
        "other",
    }


@pytest.mark.parametrize("case", [*CLOUDS, *cloud_cases.CASES.values()], ids=lambda c: c["note"])
def test_a_cloud_is_plain_data_and_names_what_there_is(case):
    assert json.loads(json.dumps(case)) == case
    known = {*servers.ACTIONS, *clouds.OTHERS, "create"}
    assert {step["do"] for step in case["steps"]} <= known
    assert {step["flavor"] for step in case["steps"] if "flavor" in step} == {*case["flavors"]}
    named = {step.get("image", "image") for step in case["steps"]} - {"image"}
    assert named == {*case["images"]}
    assert {step["group"] for step in case["steps"] if "group" in step} <= {*case["groups"]}


def test_the_words_say_where_a_cloud_differs():
    case = {"note": "", "hosts": {"host1": cloud_steps.HOST}, "options": [], "aggregates": []}
    case |= {"flavors": {"small": [1, 512, 1, {}]}, "images": {}, "groups": {}, "quota": {}}
    case["steps"] = [{"do": "create", "server": "a", "flavor": "small", "user": "owner"}]
    played = clouds.Player(case).step(case["steps"][0])
    case["nova"] = [json.loads(json.dumps(played))]
    assert not clouds.differences(case)
    assert clouds.counts(case) == {"steps": 1, "servers": 1, "accepted": 1}
    case["nova"][0]["after"]["servers"]["a"]["host"] = "host2"
    case["nova"][0]["answer"] = [403, "no"]
    assert clouds.differences(case) == [
        "step 0, create a: answer: nova [403, 'no'], lab [202, '']",
        'step 0, create a: servers a host: nova "host2", lab "host1"',
    ]
