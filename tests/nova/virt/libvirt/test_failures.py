"""What a snapshot leaves behind when something happens in its middle: image, task, guest, files.

Nova's manager and driver were asked themselves: test_same_failures.py; what a nova-compute does
with what it finds at its start is in tests/nova/compute/test_periodic.py.
"""

import pytest

from labkit import Fault, RequestSpec
from labkit.nova.compute import power_state
from tests.nova.virt.libvirt.test_driver import FLAVOR, cloud_of, host_of, images, snapshot

RUNNING, SHUTDOWN = power_state.RUNNING, power_state.SHUTDOWN


def left(cloud):
    """The server's task, the images' states, the guests' power states, how many files."""
    host = host_of(cloud)
    statuses = [image["status"] for image in images(cloud)]
    return cloud.show("web-1")["task_state"], statuses, [*host.guests.values()], len(host.files)


@pytest.mark.parametrize(
    ("images_type", "at", "died", "status"),
    [
        ("lvm", "suspend", ("image_snapshot", ["queued"], [RUNNING], 0), "ACTIVE"),
        ("lvm", "extract", ("image_pending_upload", ["queued"], [SHUTDOWN], 1), "SHUTOFF"),
        ("lvm", "resume", ("image_pending_upload", ["queued"], [SHUTDOWN], 2), "SHUTOFF"),
        ("lvm", "upload", ("image_uploading", ["queued"], [RUNNING], 2), "ACTIVE"),
        ("qcow2", "extract", ("image_pending_upload", ["queued"], [RUNNING], 2), "ACTIVE"),
        ("qcow2", "upload", ("image_uploading", ["queued"], [RUNNING], 2), "ACTIVE"),
        ("rbd", "direct_snapshot", ("image_uploading", ["queued"], [RUNNING], 0), "ACTIVE"),
    ],
)
def test_a_start_clears_the_task_and_nothing_else(root, images_type, at, died, status):
    cloud = cloud_of(root, images_type, faults=[Fault("host_down", at=at)])
    cloud.act("web-1", "createImage")
    cloud.run(until_s=cloud.now + 200)
    assert left(cloud) == died
    cloud.host_up(cloud.show("web-1")["host"])
    cloud.settle()
    assert left(cloud) == (None, *died[1:])
    cloud.run(until_s=cloud.now + 700)  # a guest that was not resumed is taken for stopped
    cloud.settle()
    assert cloud.show("web-1")["status"] == status


def test_a_stopped_server_that_is_started_has_lost_its_memory(root):
    cloud = cloud_of(root, "lvm", faults=[Fault("host_down", at="extract")])
    cloud.act("web-1", "createImage")
    cloud.run(until_s=cloud.now + 200)
    cloud.host_up(cloud.show("web-1")["host"])
    cloud.run(until_s=cloud.now + 700)
    cloud.settle()
    assert list(host_of(cloud).saved.values()) == [RUNNING]
    cloud.act("web-1", "start")
    cloud.settle()
    assert not host_of(cloud).saved
    assert left(cloud)[2] == [RUNNING]


def test_what_a_dead_snapshot_left_does_not_disturb_the_next_one(root):
    cloud = cloud_of(root, "qcow2", faults=[Fault("host_down", at="upload")])
    cloud.act("web-1", "createImage")
    cloud.run(until_s=cloud.now + 200)
    cloud.host_up(cloud.show("web-1")["host"])
    cloud.settle()
    assert left(snapshot(cloud)) == (None, ["queued", "active"], [RUNNING], 2)


def test_a_nova_compute_that_dies_while_mirroring_leaves_the_domain_undefined(root):
    cloud = cloud_of(root, "qcow2")
    cloud.act("web-1", "createImage")
    while not any(what.startswith("rebase") for what in cloud.host_log.what):
        cloud.run(until_s=cloud.now + 0.1)
    cloud.host_down(cloud.show("web-1")["host"])
    cloud.settle()
    done = [what.split(" ")[0] for what in cloud.host_log.query("kind == 'guest'").what]
    assert "delete_configuration" in done
    assert "write_instance_config" not in done
    assert left(cloud)[2:] == ([RUNNING], 2)


def three(root, limit):
    """A cloud with three servers on one host, all asked for a snapshot at once."""
    cloud = cloud_of(root, max_concurrent_snapshots=limit, ram_weight_multiplier=-10.0)
    for name in ("web-2", "web-3"):
        cloud.create(name, RequestSpec(FLAVOR))
        cloud.settle()
    start_s = cloud.now + 1
    for name in ("web-1", "web-2", "web-3"):
        cloud.at(start_s, name, "createImage")
    cloud.run(until_s=start_s + 2)
    return cloud


def waiting(cloud):
    """The servers whose snapshot has not begun."""
    names = ("web-1", "web-2", "web-3")
    return [name for name in names if cloud.show(name)["task_state"] == "image_snapshot"]


@pytest.mark.parametrize(("limit", "begun"), [(1, 1), (2, 2), (5, 3), (0, 3)])
def test_more_than_max_concurrent_snapshots_wait_in_image_snapshot(root, limit, begun):
    cloud = three(root, limit)
    assert 3 - len(waiting(cloud)) == begun
    assert set(cloud.images.status) == {"queued"}
    cloud.settle()
    spans = cloud.stages.groupby("instance", observed=True)
    spans = list(zip(spans.start_s.min(), spans.end_s.max(), strict=True))
    assert max(sum(a <= start < b for a, b in spans) for start, _end in spans) == begun
    assert cloud.images.status.tolist() == ["active"] * 3


def test_a_server_that_is_deleted_while_it_waits_takes_its_image_along(root):
    cloud = three(root, 1)
    name = waiting(cloud)[0]
    cloud.act(name, "delete")
    cloud.settle()
    assert cloud.show(name) is None
    assert name not in set(cloud.images.instance)
    assert name not in set(cloud.stages.instance)
    assert cloud.images.status.tolist() == ["active"] * 2
    assert not len(cloud.faults)


def test_who_waits_when_the_nova_compute_dies_is_never_served(root):
    cloud = three(root, 1)
    names, host = waiting(cloud), cloud.show("web-1")["host"]
    cloud.host_down(host)
    cloud.settle()
    assert waiting(cloud) == names
    cloud.host_up(host)
    cloud.settle()
    assert [cloud.show(name)["task_state"] for name in names] == [None, None]
    assert cloud.images.status.tolist() == ["queued"] * 3


@pytest.mark.parametrize(
    ("at", "status"),
    [
        ("image_snapshot", None),
        ("image_pending_upload", None),
        ("extract", None),
        ("upload", "active"),  # it is complete, and stays
    ],
)
@pytest.mark.parametrize(("images_type", "stood_still"), [("qcow2", False), ("lvm", True)])
def test_a_server_deleted_meanwhile_takes_along_what_is_not_complete(
    root, images_type, stood_still, at, status
):
    cloud = snapshot(cloud_of(root, images_type, faults=[Fault("delete", at=at)]))
    assert cloud.show("web-1") is None
    assert [image["status"] for image in images(cloud)] == [s for s in (status,) if s]
    assert all(not driver.host.files for driver in cloud.drivers.values())
    assert all(not driver.host.disks for driver in cloud.drivers.values())
    # who comes to resume the guest and finds none, gets libvirt's word for it
    assert set(cloud.faults.message) == ({"libvirtError"} if stood_still and not status else set())


@pytest.mark.parametrize("images_type", ["qcow2", "raw", "lvm"])
def test_a_full_disk_ends_like_any_failure_of_the_conversion(root, images_type):
    full = Fault("extract", error="ProcessExecutionError")
    cloud = snapshot(cloud_of(root, images_type, faults=[full]))
    assert left(cloud) == (None, [], [RUNNING], 0)
    assert "Unable to convert image" in cloud.faults.message.iloc[0]
    assert left(snapshot(cloud))[:2] == (None, ["active"])


def test_a_server_whose_guest_is_gone_hangs_in_its_task(root):
    cloud = cloud_of(root, "qcow2")
    host_of(cloud).guests.clear()
    snapshot(cloud)
    assert cloud.show("web-1")["task_state"] == "image_snapshot"
    assert not images(cloud)
    assert not len(cloud.faults)
    cloud.host_up(cloud.show("web-1")["host"])  # a new start of its nova-compute
    cloud.settle()
    assert cloud.show("web-1")["task_state"] is None
