"""The messages of a real Nova 34.0.0 as deployed: the same between its services, with all they carry.

There each write of a nova-compute is a call to the conductor (object_action); the lab does not model
those, a nova-compute has the database.
"""

import gzip
import json
from pathlib import Path

import pytest

from labkit.nova import clock
from tests.helpers import lives, lives_moves  # noqa: F401 - the latter registers its own

pytestmark = pytest.mark.nova
RECORDED = Path(__file__).parents[2] / "data" / "nova-34" / "deployed.json.gz"
NOVA = json.loads(gzip.decompress(RECORDED.read_bytes()))["scenarios"] if RECORDED.exists() else {}
#: What Nova may not have read by then; of which class they are is seen in other messages.
LAZY = {"flavor", "migration_context", "requested_resources"}


def play(name):
    recorded = NOVA[name]
    options = [tuple(option) for option in recorded["options"]]
    return lives.play(name, options, recorded["hosts"])


def ours(records):
    """The messages of a step by sender, in the form of the recording."""
    found = {}
    for _, record in records:
        if isinstance(record, clock.Message):
            row = record.style, record.topic, record.server, record.method, record.version
            found.setdefault(record.service, []).append(row)
    return found


def theirs(messages):
    found = {}
    for one in messages:
        if "object" not in one:
            row = tuple(one.get(key) for key in ("style", "topic", "server", "method", "version"))
            found.setdefault(one["service"], []).append(row)
    return found


def test_there_is_something_to_compare():
    asked = [m for s in NOVA.values() for step in s["steps"] for m in step["messages"]]
    saves = [m for m in asked if m.get("object") == "Instance.save"]
    assert len(NOVA) >= 19
    assert len(asked) >= 480
    assert len(saves) >= 115


@pytest.mark.parametrize("name", NOVA)
def test_each_service_sends_the_same_in_the_same_order(name):
    player = play(name)
    for step, (label, _, records, *_) in zip(NOVA[name]["steps"], player.steps, strict=True):
        assert ours(records) == theirs(step["messages"]), label


def sent(name, wire):
    """The envelope of the lab's first message of a method, in a scenario's steps."""
    player = play(name)
    seqs = [
        record
        for _, _, records, *_ in player.steps
        for _, record in records
        if isinstance(record, clock.Message) and record.method == wire
    ]
    seq = player.cloud.site.clock.records.index(seqs[0])
    return player.cloud.envelope(seq)


def objects(value, path=()):
    """The objects in a message, with the way to each."""
    if isinstance(value, list):
        for number, each in enumerate(value):
            yield from objects(each, (*path, number))
    elif isinstance(value, dict):
        if "nova_object.name" in value:
            yield path, value
        for key, each in value.items():
            yield from objects(each, (*path, key))


def kind(value):
    return "number" if isinstance(value, int | float) else type(value).__name__


WIRES = [
    (name, method)
    for name in NOVA
    for method in NOVA[name]["wires"]
    if not method.startswith("object_")
]


@pytest.mark.parametrize(("name", "method"), WIRES)
def test_a_message_carries_what_the_real_one_does(name, method):
    """The same keys but for the objects' fields that the lab does not model; the same kinds."""
    wire = NOVA[name]["wires"][method]
    envelope, real = sent(name, method), wire["message"]
    ours = envelope.message
    own = {"_msg_id", "_reply_q", "_timeout", "_unique_id"}
    assert ours.keys() - own == real.keys()
    assert ours["args"].keys() == real["args"].keys()
    assert (ours["version"], ours.get("namespace")) == (real["version"], real.get("namespace"))
    patience = wire["timeout"] and str(wire["timeout"] * 1000)
    watched = ours.get("_timeout"), wire["call_monitor_timeout"]
    assert (envelope.expiration, watched[0]) == (patience, watched[1])
    theirs = dict(objects(real["args"]))
    for path, ours_one in objects(ours["args"]):
        real_one = theirs.get(path)
        if real_one is None:
            continue
        keys = [key for key in ours_one if not key.endswith((".data", ".changes"))]
        assert [ours_one[key] for key in keys] == [real_one[key] for key in keys], path
        data, real_data = ours_one["nova_object.data"], real_one["nova_object.data"]
        assert data.keys() - real_data.keys() <= LAZY, path
        for key, value in data.items():
            if value is not None and real_data.get(key) is not None:
                assert kind(value) == kind(real_data[key]), (path, key)
