"""Which request each message, action, save and notification belongs to, as in Nova 34.0.0."""

import gzip
import json
from pathlib import Path

import pytest

from labkit.nova import clock
from tests.helpers import lives, lives_moves  # noqa: F401 - the latter registers its own

pytestmark = pytest.mark.nova
RECORDED = Path(__file__).parents[2] / "data" / "nova-34" / "contexts.json.gz"
NOVA = json.loads(gzip.decompress(RECORDED.read_bytes()))["scenarios"] if RECORDED.exists() else {}
#: Kind and name of what is compared, in the words of the recording.
KINDS = {
    clock.Message: lambda r: ("rpc", r.method),
    clock.Action: lambda r: ("action", r.action),
    clock.ActionEvent: lambda r: ("action_event", r.event),
    clock.Notification: lambda r: ("notify", r.event_type),
    clock.Save: lambda r: ("db", r.op),
}


def rows(records, seen):
    """Return rows in the form of the recording; *seen* are the request ids so far, in order."""
    for _, record in records:
        if type(record) not in KINDS:
            continue
        if record.request_id not in seen:
            seen.append(record.request_id)
        is_admin = record.is_admin if isinstance(record, clock.Message) else None
        number = seen.index(record.request_id) + 1
        kind, name = KINDS[type(record)](record)
        yield [kind, record.service, name, number, is_admin]


def test_there_is_something_to_compare():
    numbers = [{row[3] for row in step["events"]} for s in NOVA.values() for step in s["steps"]]
    assert len(NOVA) >= 45
    assert sum(len(each) for each in numbers) >= 60


@pytest.mark.parametrize("name", NOVA)
def test_the_same_things_share_a_request_id(name):
    recorded, seen = NOVA[name], []
    options = [tuple(option) for option in recorded["options"]]
    player = lives.play(name, options, recorded["hosts"], is_admin=recorded["is_admin"])
    for theirs, (label, _, records, *_) in zip(recorded["steps"], player.steps, strict=True):
        ours = sorted(rows(records, seen), key=str)
        assert ours == sorted(theirs["events"], key=str), label
    assert None not in seen
