"""Snapshots in a cloud of LibvirtDrivers beside what the real Nova 34.0.0 did, case by case.

The evidence that a reader without Nova has: inputs and answers come from the file alone.
"""

import gzip
import json
import re
from pathlib import Path

import pytest

from labkit import ImageMeta, SnapshotCosts
from labkit.nova.clock import Call
from labkit.nova.compute import power_state
from labkit.nova.image import glance as image
from tests.helpers import length, lives, replay, snapshots

pytestmark = pytest.mark.nova
RECORDED = Path(__file__).parents[4] / "data" / "nova-34" / "snapshots.json.gz"
DISKS = json.loads(gzip.decompress(RECORDED.read_bytes()))["scenarios"] if RECORDED.exists() else {}
#: As libvirt would call the servers.
NAMES = ["instance-00000001", "instance-00000002"]
BEFORE = {"paused": "pause", "shutdown": "stop"}
#: As long as somebody waits at a hold; a mirror is over in a second.
SLOW = SnapshotCosts(
    snapshots.A_SECOND.table
    | {
        ("raw", "raw", False): (lives.HOLD_S, 0.0),
        ("overlay", "raw", False): (lives.HOLD_S, 0.0),
        ("overlay", "qcow2", False): (lives.HOLD_S, 0.0),
    }
)


class Glance(image.API):
    """A glance that refuses what the driver asks, once; an image that is gone is gone for all."""

    refuses = ()

    def get(self, name, image_id=None, by=None):
        self._gone("get", by, image_id)
        return super().get(name, image_id, by)

    def update(self, name, image_id, *args, by=None, **kwargs):
        self._gone("update", by, image_id)
        if "update" in self.refuses:
            self._service.note(Call, name, "glance", "update", by=by)
            raise self.refuses.pop("update")
        super().update(name, image_id, *args, by=by, **kwargs)

    def _gone(self, call, by, image_id):
        error = self.refuses.get(call) if by and "driver" in by else None
        if type(error).__name__ == "ImageNotFound":
            del self.refuses[call], self._service.site.glance.images[image_id]


def play(case):
    """Play a case; return the player and what is left after each step."""
    options = snapshots.HAVE | case.options | {"max_concurrent_snapshots": 1}
    player = lives.Player([(None, *item) for item in options.items()], ("host1",), None)
    costs = SLOW if case.meanwhile else snapshots.A_SECOND
    player.driver = lambda options: snapshots.driver_of(case, options, costs)
    player.cloud.site.glance.registered = "queued"
    (compute,) = player.cloud.site.computes.values()
    glance = compute.image_api = Glance(compute)
    player.names = NAMES if case.meanwhile == "second" else NAMES[:1]
    for name in reversed(player.names):
        player.current = name
        player.boot(image=ImageMeta(snapshots.BASE_IMAGE, properties=case.properties))
        if case.power_state in BEFORE:
            player.do(BEFORE[case.power_state])
    driver, uuid = player.cloud.driver("host1"), player.cloud.show(NAMES[0])["id"]
    glance.refuses = snapshots.Bench.wrong(case, driver, uuid)
    lefts = []
    for label, work in steps(player, case):
        with player.step(label):
            work()
        lefts.append(left(player, driver, uuid))
    return player, lefts


def steps(player, case):
    """Yield the steps of a case: a label, and what is done."""
    cloud = player.cloud

    def ask():
        player.act("createImage")
        if case.meanwhile is None:
            return
        player.arrive()
        if case.meanwhile == "delete":
            player.act("delete")
        elif case.meanwhile == "second":
            player.current = NAMES[1]
            player.act("createImage")
        elif case.meanwhile == "dies":
            cloud.host_down("host1")

    if case.meanwhile and case.backend == "rbd" and not case.failing:
        player.hold("uploading")
    yield "createImage", ask
    if case.meanwhile == "dies":
        yield "nova-compute starts again", lambda: cloud.host_up("host1")
    yield "sync_power_states", lambda: cloud.periodic("_sync_power_states", "host1")


def left(player, driver, uuid):
    """Return what is left: the row, the guest, the images, the temporary files."""
    row = player.cloud.books(NAMES[0])["row"]
    states = ("vm_state", "task_state", "power_state")
    images = player.cloud.site.glance.images.values()
    return {
        "row": None if row["deleted"] else {name: row[name] for name in states},
        "guest": power_state.STATE_MAP.get(driver.guests.get(uuid)),
        "saved": uuid in driver.host.saved,
        "files": sorted(driver.host.files),
        "images": [
            {n: each.get(n) for n in ("status", "disk_format", "container_format", "location")}
            for each in images
        ],
    }


def masked(value):
    """Return a value without what differs from run to run."""
    text = replay.masked(json.dumps(value))
    text = re.sub(r"snapshots/tmp\d+", "snapshots/{tmp}", text)
    text = re.sub(r"\bimage-\d+", "{uuid}", text)
    return json.loads(re.sub(r"\b[0-9a-f]{32}\b", "{snapshot}", text))


def _cut(event):
    """Return an event without what Nova's limit of 255 characters leaves of a command in a fault."""
    if event["kind"] == "fault":
        event["message"] = event["message"].partition("\nCommand")[0]
    return event


def differences(case):
    """Return lines that tell where a case differs; none if it does not."""
    asked = {name: value for name, value in case.items() if name != "nova"}
    player, lefts = play(snapshots.Case(**asked))
    found = []
    if [step["label"] for step in case["nova"]] != [step[0] for step in player.steps]:
        return ["other steps"]
    for theirs, (label, _, records, _, _), rest in zip(
        case["nova"], player.steps, lefts, strict=True
    ):
        ours = replay.events(records, player.names)
        happened = [_cut(event) for event in masked([event for _, event in ours])]
        threads = [(thread, event) for (thread, _), event in zip(ours, happened, strict=True)]
        if not replay.interleaves(theirs["events"], threads):
            found += replay._diff(label, theirs["events"], happened) or [f"{label}: another order"]
        found += replay._diff(label, [theirs["left"]], [masked(rest)])
    return found and [str(asked), *found]


def test_there_is_something_to_compare():
    assert len(DISKS) == 15
    cases = [case for found in DISKS.values() for case in found]
    assert len(cases) >= 500
    ends = {(case["failing"], case["meanwhile"]) for case in cases}
    assert len(ends) >= 20


def test_the_snapshot_that_turns_its_server_off_is_among_them():
    """The guest of a whole disk is suspended, not resumed, and then taken for stopped."""
    first = DISKS["isolate_running"][0]
    after, later = (step["left"] for step in first["nova"])
    assert after["row"]["vm_state"] == "active"
    assert (after["guest"], after["saved"], after["images"]) == ("shutdown", True, [])
    assert later["row"]["vm_state"] == "stopped"


@pytest.mark.parametrize("name", DISKS)
def test_every_event_is_the_same_and_the_same_is_left(name):
    cases = length.some(DISKS[name], 3)
    wrong = [found for found in map(differences, cases) if found]
    text = "\n".join(line for found in wrong[:3] for line in found)
    assert not wrong, f"{len(wrong)} of {len(cases)} differ\n{text}"
