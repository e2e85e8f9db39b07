"""A server on a whole disk of its host: the repair of its backend, and a snapshot with it."""

import itertools

from labkit.cloud.cloud import Cloud
from labkit.exercises.host import HOST
from labkit.fleet import Fleet
from labkit.nova.compute import power_state
from labkit.nova.conf import Options
from labkit.nova.objects import Flavor, RequestSpec
from labkit.nova.virt import images
from labkit.nova.virt.libvirt.driver import LibvirtDriver
from labkit.nova.virt.libvirt.guest import RootDisk
from labkit.nova.virt.libvirt.imagebackend import Image
from labkit.nova.virt.libvirt.utils import get_disk_type_from_path

DISK = "/dev/sdb"
STATES = ("running", "paused", "shutdown")
PLACES = ("type", "class", "format", "cold")
_ACTIONS = {"running": (), "paused": ("pause",), "shutdown": ("stop",)}
_SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))


class Isolate(Image):
    """A whole disk of the host, as the solution has it."""

    def __init__(self, host, instance=None, path=None):
        super().__init__(host, path, "block", "raw", is_block_dev=True)

    def snapshot_extract(self, target, out_format):
        """Convert the disk, as root."""
        images.convert_image(
            self.host, self.path, target, self.driver_format, out_format, run_as_root=True
        )


def whole_disk(instance):
    """Return the root disk of a server that has a disk of the host for itself."""
    return RootDisk("block", DISK, size_mb=1024, allocated_mb=1024)


def mend(driver, places=PLACES):
    """Repair a driver at some of the PLACES, and return it."""
    if "type" in places:
        driver.get_disk_type_from_path = _by_group(driver.options.images_volume_group)
    if "class" in places:
        driver.image_backend.BACKEND["isolate"] = Isolate
    if "format" in places:
        driver.image_formats["isolate"] = "raw"
    if "cold" in places:
        driver.never_live.add("isolate")
    return driver


def _by_group(group):
    def disk_type(path):
        if path.startswith("/dev/") and not path.startswith(f"/dev/{group}/"):
            return "isolate"
        return get_disk_type_from_path(path)

    return disk_type


class Outcome:
    """One snapshot of a server, web-1, on the only host, and what it left."""

    def __init__(self, repair, disk=whole_disk, state="running", fault=None, **options):
        def made(options):
            driver = LibvirtDriver(options, disk)
            return repair(driver) or driver

        faults = [] if fault is None else [fault]
        cloud = Cloud(Fleet([HOST]), Options(**options), faults=faults, driver=made)
        cloud.create("web-1", _SPEC)
        cloud.settle()
        for action in (*_ACTIONS[state], "createImage"):
            cloud.act("web-1", action)
            cloud.settle()
        host = cloud.driver("cn-1").host
        log = cloud.host_log
        self.options, self.state = options, state
        self.power_state = power_state.STATE_MAP[host.guests[cloud.show("web-1")["id"]]]
        self.images = cloud.images[["status", "disk_format", "size"]].to_dict("records")
        self.files = sorted(host.files)
        self.log = list(zip(log.kind, log.what, strict=True))
        self.raised = next((what for kind, what in self.log if kind == "raised"), None)
        self.stages = list(cloud.stages.stage)
        self.task_state = cloud.show("web-1")["task_state"]

    @property
    def where(self):
        """The situation in words."""
        wanted = self.options.get("snapshot_image_format")
        return f"web-1 {self.state}" + (f" and snapshot_image_format = {wanted}" if wanted else "")

    @property
    def commands(self):
        """What was run, as lists of words; the last word is "root)" if root did it."""
        return [what.split() for kind, what in self.log if kind == "execute"]

    @property
    def why(self):
        """What the snapshot ended with, and the last words of a command that failed."""
        said = [what for kind, what in self.log if kind == "returned"]
        name, _, text = self.raised.partition(": ")
        text = said[-1] if said else text
        return f"{name} ({' '.join(text.split())})" if text else name.rstrip(": ")


def arrives(places, **options):
    """Whether the image arrives, and the guest is as it was, with a repair at these places."""
    for state in STATES:
        seen = Outcome(lambda driver: mend(driver, places), state=state, **options)
        if seen.raised or seen.power_state != state:
            return False
    return True


def smallest():
    """The fewest PLACES with which the image arrives."""
    for number in range(len(PLACES) + 1):
        for places in itertools.combinations(PLACES, number):
            if arrives(places):
                return places
    raise AssertionError("no repair does it")
