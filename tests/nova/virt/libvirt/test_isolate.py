"""The backend of whole disks: what a snapshot did to the guest, and what each repair changes."""

from functools import partial

import pytest

from labkit import Cloud, Flavor, Fleet, LibvirtDriver, Options, RequestSpec, RootDisk
from tests.helpers.snapshots import (
    Case,
    IsolateExtracts,
    _classify,
)

SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))


def whole_disk(instance):
    return RootDisk("block", "/dev/sdb", size_mb=1024, allocated_mb=1024)


def cloud_with(root, driver):
    cloud = Cloud(Fleet.read(root / "data" / "two_hosts"), driver=driver)
    cloud.create("web-1", SPEC)
    cloud.settle()
    return cloud


def snapshot(cloud):
    cloud.act("web-1", "createImage")
    cloud.settle()
    return cloud.driver(cloud.show("web-1")["host"]).guests[cloud.show("web-1")["id"]]


def mended(options, extract=True, formats=True, live=False, disk=whole_disk):
    driver = LibvirtDriver(options, disk)
    driver.get_disk_type_from_path = _classify
    if extract:
        driver.image_backend.BACKEND["isolate"] = IsolateExtracts
    if formats:
        driver.image_formats["isolate"] = "raw"
    if not live:
        driver.never_live.add("isolate")
    return driver


def test_a_failed_snapshot_turns_the_server_off(root):
    cloud = cloud_with(root, partial(LibvirtDriver, root_disk=whole_disk))
    assert snapshot(cloud) == 4  # suspended, and nobody resumed it
    events = cloud.host_log
    assert list(events.what[:-1]) == [
        "save_memory_state",
        "lvs -o vg_all,lv_all --separator | /dev/sdb (as root)",
        'exit code 5: Volume group "sdb" not found\n  Cannot process volume group sdb',
    ]
    assert events.what.iloc[-1].startswith("ProcessExecutionError: Unexpected error")
    server = cloud.show("web-1")
    assert (server["status"], server["task_state"]) == ("ACTIVE", None)  # all seems well
    assert list(cloud.faults.message) == ["ProcessExecutionError"]
    assert cloud.actions.result.iloc[-1] == "Success"
    assert not len(cloud.images)
    cloud.run(until_s=650)  # the power states are compared every ten minutes
    assert cloud.show("web-1")["status"] == "SHUTOFF"


def test_a_guest_that_is_off_takes_no_harm(root):
    cloud = cloud_with(root, partial(LibvirtDriver, root_disk=whole_disk))
    cloud.act("web-1", "stop")
    cloud.settle()
    snapshot(cloud)
    assert "save_memory_state" not in set(cloud.host_log.what)
    assert cloud.show("web-1")["status"] == "SHUTOFF"
    assert not len(cloud.images)


def test_the_type_alone_is_not_in_the_table(root):
    cloud = cloud_with(root, partial(mended, extract=False, formats=False, live=True))
    assert snapshot(cloud) == 1  # not suspended: it is no lvm any more
    assert list(cloud.faults.message) == ["RuntimeError"]  # no more than that for users
    assert cloud.host_log.what.iloc[-1] == "RuntimeError: Unknown image_type=isolate"


def test_the_two_places_of_the_notes_are_not_enough(root):
    cloud = cloud_with(root, partial(mended, formats=False))
    assert snapshot(cloud) == 1  # resumed: the constructor did not fail
    convert, returned = list(cloud.host_log.query("kind in ('execute', 'returned')").what)
    assert convert.startswith("qemu-img convert -t none -O isolate -f raw /dev/sdb")
    assert returned == "exit code 1: qemu-img: Unknown file format 'isolate'"
    assert cloud.faults.message.iloc[0].startswith("Image /dev/sdb is unacceptable")
    assert not len(cloud.images)


def test_with_the_format_the_image_arrives(root):
    cloud = cloud_with(root, mended)
    assert snapshot(cloud) == 1
    (image,) = cloud.images.to_dict("records")
    assert (image["status"], image["disk_format"]) == ("active", "raw")
    assert image["size"] == 1 << 30
    assert list(cloud.stages.stage) == ["suspend", "convert", "resume", "upload"]
    assert not cloud.driver(cloud.show("web-1")["host"]).host.files


def test_a_logical_volume_is_still_one(root):
    options = Options(images_type="lvm", images_volume_group="vg0")
    cloud = Cloud(
        Fleet.read(root / "data" / "two_hosts"),
        options,
        driver=partial(mended, disk=None),
    )
    cloud.create("web-1", SPEC)
    cloud.settle()
    snapshot(cloud)
    assert any(what.startswith("lvs") for what in cloud.host_log.what)
    assert [image["disk_format"] for image in cloud.images.to_dict("records")] == ["raw"]


@pytest.mark.nova
@pytest.mark.parametrize("power_state", ["running", "paused", "shutdown"])
@pytest.mark.parametrize("image_format", [None, "raw", "qcow2"])
@pytest.mark.parametrize("fixes", ["", "A", "AB", "ABC"])
@pytest.mark.parametrize("failing", [None, "convert", "upload", "guest gone after convert"])
def test_each_repair_does_what_it_does_in_nova(
    nova, lab, fixes, image_format, power_state, failing
):
    options = {"snapshot_image_format": image_format}
    case = Case("isolate", power_state, options, failing=failing, fixes=fixes)
    assert lab.snapshot(case) == nova.snapshot(case)


@pytest.mark.nova
@pytest.mark.parametrize("power_state", ["running", "paused", "shutdown"])
def test_the_map_of_formats_does_what_the_option_does(nova, lab, power_state):
    by_map = lab.snapshot(Case("isolate", power_state, fixes="ABCD"))
    option = {"snapshot_image_format": "raw"}
    assert by_map == nova.snapshot(Case("isolate", power_state, option, fixes="ABC"))
    assert by_map["raised"] is None
