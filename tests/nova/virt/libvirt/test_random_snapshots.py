"""Servers with disks under random actions and faults: nothing is left that Nova would not leave."""

import contextlib
import random

import pytest

from labkit import (
    Cloud,
    Fault,
    Flavor,
    Fleet,
    ImageMeta,
    LibvirtDriver,
    Options,
    RequestSpec,
    nova13,
)
from labkit.cloud.faults import ERRORS
from labkit.nova.exception import NovaException
from tests.helpers import length
from tests.helpers.mistakes import mistakes

ACTIONS = """stop start pause unpause suspend resume reboot createImage createImage createImage
rescue unrescue createBackup delete migrate migrateLive confirmResize revertResize shelve unshelve
shelveOffload rebuild""".split()
STEPS = "suspend resume extract upload direct_snapshot snapshot destroy".split()
MOMENTS = (
    "image_snapshot image_pending_upload image_uploading extract upload suspend resume".split()
)


def fault(rng):
    if rng.random() < 0.3:
        return Fault("delete", at=rng.choice(MOMENTS))
    return Fault(rng.choice(STEPS), error=rng.choice([None, *ERRORS]), times=rng.randint(1, 2))


def played(root, seed):
    """A cloud in which one server was asked for eight things, and all is over."""
    rng = random.Random(seed)
    options = Options(
        images_type=rng.choice("qcow2 raw lvm rbd".split()),
        images_volume_group="vg0",
        snapshot_compression=rng.random() < 0.5,
        snapshot_image_format=rng.choice([None, "qcow2", "raw"]),
    )
    faults = [fault(rng) for _ in range(rng.randint(0, 3))]
    fleet = Fleet.read(root / "data" / "two_hosts")
    driver = nova13.LibvirtDriver if seed % 4 == 3 else LibvirtDriver
    cloud = Cloud(fleet, options, seed=seed, faults=faults, driver=driver)
    image = ImageMeta(properties={"hw_qemu_guest_agent": rng.random() < 0.5})
    cloud.create("web-1", RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1), image=image))
    cloud.settle()
    for _ in range(8):
        with contextlib.suppress(NovaException):  # refused: it is in no state for that
            cloud.act("web-1", rng.choice(ACTIONS))
        cloud.run(until_s=cloud.now + rng.choice((0.1, 1, 5, 60)))
    cloud.settle()
    cloud.run(until_s=cloud.now + 700)
    cloud.settle()
    return cloud


@pytest.mark.parametrize("start", length.some(range(0, 400, 100), 4))
def test_no_file_and_no_disk_is_left_and_the_books_agree(root, start):
    snapshots = 0
    for seed in range(start, start + 100):
        cloud = played(root, seed)
        assert not mistakes(cloud), seed
        for driver in cloud.drivers.values():
            assert not driver.host.files, seed
            assert set(driver.host.disks) == set(driver.guests), seed
        if "shelve" not in set(cloud.actions.action):  # a shelve that fails leaves its image
            assert set(cloud.images.status) <= {"active"}, seed
        assert (cloud.stages.end_s >= cloud.stages.start_s).all()
        snapshots += (cloud.stages.stage == "upload").sum()
    assert snapshots > 20
