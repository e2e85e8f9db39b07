"""What LibvirtDriver does in a snapshot, rule by rule; small enough to check by hand."""

import pytest

from labkit import (
    Cloud,
    Fault,
    Flavor,
    Fleet,
    ImageMeta,
    LibvirtDriver,
    NotModelled,
    Options,
    RequestSpec,
    RootDisk,
    SnapshotCosts,
)
from labkit.nova.compute import power_state

MIB = 1 << 20
FLAVOR = Flavor(vcpus=1, memory_mb=512, root_gb=1)
#: A disk of 1 GiB, half written; 100 MiB/s to glance.
DISK = RootDisk("file", "/var/lib/nova/instances/web-1/disk", size_mb=1024, allocated_mb=512)
OVERLAP = {"cpu_shared_set": "0-2", "cpu_dedicated_set": "2-3"}
COSTS = SnapshotCosts.read(net_mib_s=100)


def cloud_of(root, images_type="qcow2", faults=(), disk=None, image=None, **options):
    """A cloud with one server; its disk as *images_type* makes it, or *disk*."""
    options = Options(images_type=images_type, images_volume_group="vg0", **options)

    def driver(options):
        return LibvirtDriver(options, disk and (lambda instance: disk), COSTS)

    cloud = Cloud(Fleet.read(root / "data" / "two_hosts"), options, faults=faults, driver=driver)
    cloud.create("web-1", RequestSpec(FLAVOR, image=image or ImageMeta()))
    cloud.settle()
    return cloud


def snapshot(cloud, *before):
    for action in before:
        cloud.act("web-1", action)
        cloud.settle()
    cloud.act("web-1", "createImage")
    cloud.settle()
    return cloud


def converts(cloud):
    commands = cloud.host_log.query("kind == 'execute'").what
    return [command for command in commands if command.startswith("qemu-img convert")]


def images(cloud):
    return cloud.images.to_dict("records")


def host_of(cloud):
    return next(d.host for d in cloud.drivers.values() if d.guests or d.host.files)


@pytest.mark.parametrize(
    ("images_type", "before", "compressed"),
    [
        ("qcow2", [], True),  # live: the mirror is a qcow2 file, whatever the disk is
        ("qcow2", ["stop"], True),
        ("raw", [], True),
        ("raw", ["stop"], False),  # cold, a raw file and a volume are never compressed,
        ("lvm", [], False),  # though the image is asked for as qcow2
        ("lvm", ["stop"], False),
    ],
)
def test_compression_applies_to_qcow2_and_to_what_is_live(root, images_type, before, compressed):
    options = {"snapshot_compression": True, "snapshot_image_format": "qcow2"}
    cloud = snapshot(cloud_of(root, images_type, **options), *before)
    (command,) = converts(cloud)
    assert (" -c " in command) is compressed
    assert " -O qcow2 " in command


def test_an_image_that_stays_raw_is_never_compressed(root):
    cloud = snapshot(cloud_of(root, "raw", snapshot_compression=True))
    assert " -c " not in converts(cloud)[0]
    assert images(cloud)[0]["disk_format"] == "raw"


@pytest.mark.parametrize(
    ("images_type", "live"), [("qcow2", True), ("raw", True), ("lvm", False), ("rbd", True)]
)
def test_a_logical_volume_is_never_live(root, images_type, live):
    log = snapshot(cloud_of(root, images_type)).host_log
    assert ("save_memory_state" not in set(log.what)) is live
    assert f"INFO Beginning {'live' if live else 'cold'} snapshot process" in set(log.what)


def test_a_workaround_makes_all_cold(root):
    stages = snapshot(cloud_of(root, "qcow2", disable_libvirt_livesnapshot=True)).stages
    assert list(stages.stage) == ["suspend", "convert", "resume", "upload"]


def test_rbd_needs_no_file_and_no_upload_but_the_time_to_copy_what_is_written(root):
    cloud = snapshot(cloud_of(root, "rbd"))
    (stage,) = cloud.stages.itertuples()
    assert (stage.stage, stage.bytes_in) == ("direct_snapshot", stage.bytes_out)
    flattening_s = COSTS.flatten_s(stage.bytes_out)
    assert stage.bytes_out == 512 * MIB
    assert 0.3 < stage.end_s - stage.start_s - flattening_s < 0.7
    assert not converts(cloud)
    assert images(cloud)[0]["location"] == "rbd://fsid/images/image-1/snap"


def test_the_dip_of_the_task_state_is_the_attempt_of_a_direct_snapshot(root):
    def seen(images_type):
        states = snapshot(cloud_of(root, images_type)).states.task_state.iloc[-8:]
        return [a for a, b in zip(states, [*states[1:], ""], strict=True) if a != b]

    assert seen("rbd")[-4:] == [
        "image_snapshot",
        "image_pending_upload",
        "image_uploading",
        None,
    ]
    assert seen("qcow2")[-6:] == [
        "image_snapshot",
        "image_pending_upload",
        "image_uploading",
        "image_pending_upload",
        "image_uploading",
        None,
    ]


@pytest.mark.parametrize(("images_type", "model"), [("qcow2", "flat"), ("rbd", "direct")])
@pytest.mark.parametrize("before", [[], ["stop"], ["pause"]])
def test_nova_notes_the_same_with_disks_and_without(root, images_type, model, before):
    with_disks = snapshot(cloud_of(root, images_type), *before)
    without = Cloud(Fleet.read(root / "data" / "two_hosts"), snapshot_model=model)
    without.create("web-1", RequestSpec(FLAVOR))
    without.settle()
    snapshot(without, *before)
    for table in ("states", "saves", "messages", "notifications", "actions", "faults"):
        left_out = ["seq", "t_s"]
        ours, theirs = (
            getattr(cloud, table).drop(columns=left_out) for cloud in (with_disks, without)
        )
        assert ours.equals(theirs), table


def test_a_raw_file_is_uploaded_with_its_holes(root):
    raw = snapshot(cloud_of(root, "raw", disk=DISK), "stop").stages.set_index("stage")
    assert raw.bytes_in["convert"] == 512 * MIB
    assert raw.bytes_out["upload"] == 1024 * MIB
    assert raw.end_s["upload"] - raw.start_s["upload"] == pytest.approx(10.24)
    options = {"snapshot_image_format": "qcow2"}
    qcow2 = snapshot(cloud_of(root, "raw", disk=DISK, **options), "stop").stages
    assert qcow2.set_index("stage").bytes_out["upload"] == pytest.approx(512 * MIB, rel=0.001)


def test_stages_are_in_order_and_their_seconds_are_measured_ones(root):
    stages = snapshot(cloud_of(root, "raw", disk=DISK), "stop").stages
    assert list(stages.columns) == (
        "seq instance stage start_s end_s bytes_in bytes_out command".split()
    )
    convert, upload = stages.itertuples()
    assert convert.end_s - convert.start_s == pytest.approx(0.02 + 512 * 0.00076)
    assert convert.end_s == upload.start_s


def test_the_guest_is_frozen_for_the_cut_alone(root):
    image = ImageMeta(properties={"hw_qemu_guest_agent": True})
    log = snapshot(cloud_of(root, image=image)).host_log.set_index("what").t_s
    mirror = log[[what.startswith("rebase") for what in log.index]].iloc[0]
    assert mirror < log["freeze_filesystems"] == log["thaw_filesystems"]


def test_until_nova_24_it_was_frozen_for_the_whole_mirror(root):
    image = ImageMeta(properties={"hw_qemu_guest_agent": True})
    cloud = cloud_of(root, image=image)
    cloud.driver(cloud.show("web-1")["host"]).freeze_first = True
    snapshot(cloud)
    log, mirror = (
        cloud.host_log.set_index("what").t_s,
        cloud.stages.set_index("stage").loc["mirror"],
    )
    assert log["freeze_filesystems"] == mirror.start_s < mirror.end_s == log["thaw_filesystems"]


def test_without_an_agent_a_required_freeze_refuses_the_snapshot(root):
    cloud = snapshot(cloud_of(root, image=ImageMeta(properties={"os_require_quiesce": True})))
    assert list(cloud.faults.message) == ["QEMU guest agent is not enabled"]
    assert not images(cloud)
    assert not host_of(cloud).files


def test_a_paused_guest_is_paused_again(root):
    cloud = snapshot(cloud_of(root, "lvm"), "pause")
    assert list(cloud.stages.stage) == ["suspend", "convert", "resume", "upload"]
    assert list(host_of(cloud).guests.values()) == [power_state.PAUSED]


@pytest.mark.parametrize("images_type", ["qcow2", "raw", "lvm"])
@pytest.mark.parametrize("step", ["extract", "upload"])
def test_what_fails_leaves_a_running_guest_and_nothing_else(root, images_type, step):
    cloud = snapshot(cloud_of(root, images_type, faults=[Fault(step)]))
    assert not images(cloud)
    assert not host_of(cloud).files
    assert list(host_of(cloud).guests.values()) == [power_state.RUNNING]
    assert cloud.show("web-1")["task_state"] is None
    assert len(cloud.faults) == 1


def test_a_guest_that_is_not_resumed_is_found_off(root):
    cloud = snapshot(cloud_of(root, "lvm", faults=[Fault("resume")]))
    assert list(host_of(cloud).guests.values()) == [power_state.SHUTDOWN]
    cloud.run(until_s=650)
    assert cloud.show("web-1")["status"] == "SHUTOFF"


def test_a_delete_in_the_middle_takes_the_image_along(root):
    cloud = cloud_of(root, "lvm", faults=[Fault("delete", at="extract")])
    snapshot(cloud)
    assert cloud.show("web-1") is None
    assert not images(cloud)
    assert all(not driver.host.files for driver in cloud.drivers.values())


def test_a_nova_compute_that_dies_leaves_guest_and_file_as_they_are(root):
    cloud = cloud_of(root, "lvm", faults=[Fault("host_down", at="upload")])
    cloud.act("web-1", "createImage")
    cloud.run(until_s=200)
    assert len(host_of(cloud).files) == 2  # the directory and the image in it
    assert [image["status"] for image in images(cloud)] == ["queued"]
    cloud.host_up(cloud.show("web-1")["host"])
    cloud.settle()
    assert cloud.show("web-1")["task_state"] is None
    assert len(host_of(cloud).files) == 2


def test_a_forbidden_direct_snapshot_of_a_live_volume_becomes_cold(root):
    fault = Fault("direct_snapshot", error="Forbidden")
    cloud = snapshot(cloud_of(root, "rbd", faults=[fault]))
    assert list(cloud.stages.stage) == [
        "direct_snapshot",
        "suspend",
        "convert",
        "resume",
        "upload",
    ]
    warning = cloud.host_log.query("kind == 'log'").what.iloc[1]
    assert warning.startswith("WARNING Performing standard snapshot because direct snapshot failed")


def test_a_full_disk_is_told_in_qemu_imgs_words(root):
    cloud = snapshot(
        cloud_of(root, "lvm", faults=[Fault("extract", error="ProcessExecutionError")])
    )
    assert "No space left on device" in cloud.host_log.query("kind == 'returned'").what.iloc[0]
    assert "is unacceptable: Unable to convert image to raw" in cloud.faults.message.iloc[0]


@pytest.mark.parametrize("images_type", ["qcow2", "rbd"])
def test_an_image_deleted_meanwhile_is_no_fault(root, images_type):
    cloud = cloud_of(root, images_type)
    cloud.act("web-1", "createImage")
    cloud.run(until_s=cloud.now + 0.6)
    assert list(cloud.images.status) == ["queued"]
    cloud.image_deleted(cloud.images.image[0])
    cloud.settle()
    assert cloud.stages.stage.iloc[-1] in ("upload", "direct_snapshot")
    assert cloud.show("web-1")["task_state"] is None
    assert not len(cloud.images)
    assert not len(cloud.faults)
    assert not host_of(cloud).files


def test_two_snapshots_at_once_do_not_disturb_each_other(root):
    multipliers = {"ram_weight_multiplier": -1.0, "io_ops_weight_multiplier": 0.0}
    cloud = cloud_of(root, "qcow2", **multipliers)  # both on one host
    cloud.create("web-2", RequestSpec(FLAVOR))
    cloud.settle()
    assert cloud.show("web-1")["host"] == cloud.show("web-2")["host"]
    for name in ("web-1", "web-2"):
        cloud.at(cloud.now + 1, name, "createImage")
    cloud.settle()
    assert [image["status"] for image in images(cloud)] == ["active", "active"]
    first, second = (cloud.stages.query(f"instance == 'web-{n}'") for n in (1, 2))
    assert list(first.stage) == list(second.stage) == ["mirror", "convert", "upload"]
    assert second.start_s.iloc[0] < first.end_s.iloc[-1]
    assert len({command.split(" ")[-1] for command in converts(cloud)}) == 2
    assert all(not driver.host.files for driver in cloud.drivers.values())


def test_of_the_section_libvirt_few_options_are_read(tmp_path):
    conf = tmp_path / "nova.conf"
    conf.write_text("[libvirt]\nimages_type = lvm\ncpu_mode = host-passthrough\n")
    options = Options.read(conf)
    assert options.libvirt.images_type == "lvm"
    assert options.ignored == ("[libvirt] cpu_mode",)


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda f: Cloud(f, driver="libvirt"), TypeError, "driver = 'libvirt'"),
        (lambda f: Cloud(f).image_deleted("image-9"), KeyError, "no image 'image-9'"),
        (lambda f: LibvirtDriver(root_disk=DISK), TypeError, "a function of an instance"),
        (lambda f: LibvirtDriver(Options(images_type="lvm")), ValueError, "images_volume_group"),
        (lambda f: LibvirtDriver(Options(cpu_shared_set="^0")), ValueError, "leaves no CPU"),
        (
            lambda f: LibvirtDriver(Options(**OVERLAP)),
            ValueError,
            "both name the CPUs 2: nova-comp",
        ),
        (lambda f: RootDisk(driver_format="luks"), NotModelled, "no luks disks"),
        (lambda f: Options(images_type="ploop"), NotModelled, "no ploop disks"),
        (lambda f: RootDisk("tape"), ValueError, "source_type 'tape'"),
        (lambda f: RootDisk(ratio=0), ValueError, "ratio = 0"),
        (lambda f: RootDisk(allocated_mb=-1), ValueError, "allocated_mb = -1"),
        (lambda f: RootDisk(size_mb="big"), ValueError, "size_mb = 'big'"),
        (lambda f: SnapshotCosts.read(net_mib_s=0), ValueError, "net_mib_s = 0"),
        (
            lambda f: Cloud(f, driver=LibvirtDriver, snapshot_model="direct"),
            ValueError,
            "snapshot_model",
        ),
    ],
)
def test_a_mistake_gets_a_sentence(make, error, sentence):
    with pytest.raises(error, match=sentence):
        make(Fleet([]))
