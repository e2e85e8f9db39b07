"""A snapshot by the lab's LibvirtDriver, put in the form of tools/oracle/libvirt.py."""

import contextlib
import inspect
import itertools
import json
import re
from dataclasses import dataclass, field
from types import SimpleNamespace
from unittest import mock

from labkit import Cloud, Fleet, Options, nova13
from labkit.cloud.durations import SnapshotCosts
from labkit.neighbours.processutils import ProcessExecutionError
from labkit.nova import exception
from labkit.nova.clock import HostEvent
from labkit.nova.compute import power_state
from labkit.nova.compute import utils as compute_utils
from labkit.nova.compute.manager import ComputeManager, delete_image_on_error
from labkit.nova.objects import ImageMeta
from labkit.nova.virt import images
from labkit.nova.virt.libvirt.driver import LibvirtDriver
from labkit.nova.virt.libvirt.guest import (
    VIR_ERR_CONFIG_UNSUPPORTED,
    RootDisk,
    libvirtError,
)
from labkit.nova.virt.libvirt.imagebackend import Image
from labkit.nova.virt.libvirt.utils import get_disk_type_from_path

UUID = "5e51a4a1-3f0c-5d54-9b1b-2a6f2bd0a001"
IMAGE, BASE_IMAGE = "image-1", "6ba0a1c0-7c5e-4d0a-8f0a-000000000000"
INSTANCES = "/var/lib/nova/instances"
DISK, BASE = f"{INSTANCES}/{UUID}/disk", f"{INSTANCES}/_base/0a1b2c"
DISKS = {
    "flat": RootDisk("file", DISK, "raw"),
    "qcow2": RootDisk("file", DISK, "qcow2", backing_file=BASE, backing_mb=256),
    "lvm": RootDisk("block", f"/dev/vg0/{UUID}_disk"),
    "rbd": RootDisk("network", source_protocol="rbd", source_name=f"vms/{UUID}_disk"),
    "isolate": RootDisk("block", "/dev/sdb"),
}
STATES = {
    "running": power_state.RUNNING,
    "paused": power_state.PAUSED,
    "shutdown": power_state.SHUTDOWN,
}
#: What each host has.
HAVE = {"images_rbd_pool": "vms", "images_volume_group": "vg0"}
#: Every command lasts a second: a mirror is asked for three times.
A_SECOND = SnapshotCosts(dict.fromkeys(SnapshotCosts.read().table, (1.0, 0.0)))


@dataclass
class Case:
    """One snapshot: disk, power state, Nova's options, the image's properties, what goes wrong.

    *failing* is one of the oracle's FAILURES, *polls* how often the mirror is not complete yet,
    *fixes* the steps that somebody took to mend the isolate backend, by their letters;
    *freeze_first* as until 24.0.0; *meanwhile*, in a cloud, what happens in the middle: "delete",
    "dies" (the nova-compute), "second" (a snapshot of another server); *then* is a driver of
    nova13; *refused* the number of a save and why it is refused.
    """

    backend: str = "qcow2"
    power_state: str = "running"
    options: dict = field(default_factory=dict)
    properties: dict = field(default_factory=dict)
    direct_io: bool = True
    failing: str | None = None
    polls: int = 2
    fixes: str = ""
    freeze_first: bool = False
    meanwhile: str | None = None
    then: bool = False
    refused: tuple[int, str] | None = None


#: Why a save is refused.
REFUSALS = {
    "deleting": lambda: exception.UnexpectedDeletingTaskStateError(_CONFLICT),
    "gone": lambda: exception.InstanceNotFound(instance_id=UUID),
    "other task": lambda: exception.UnexpectedTaskStateError(_CONFLICT),
}
_CONFLICT = f"Conflict updating instance {UUID}. Expected: {{}}. Actual: {{}}"


class GlanceConnectionFailed(exception.NovaException):
    """Glance is out of reach."""

    msg_fmt = "Connection to glance host %(server)s failed: %(reason)s"


class Isolate(Image):
    """A whole disk of the host, which cannot be extracted yet."""

    def __init__(self, host, instance=None, path=None):
        super().__init__(host, path, "block", "raw", is_block_dev=True)

    def snapshot_extract(self, target, out_format):
        raise NotImplementedError


class IsolateExtracts(Isolate):
    """The same, which extracts as a logical volume does."""

    def snapshot_extract(self, target, out_format):
        images.convert_image(
            self.host, self.path, target, self.driver_format, out_format, run_as_root=True
        )


def _classify(path):
    return "isolate" if path == "/dev/sdb" else get_disk_type_from_path(path)


class Glance:
    """A glance that notes what it is told, and may refuse."""

    def __init__(self, note, failing, files):
        self._note = note
        self._files = files
        self._failing = failing

    def get(self, name, image_id=None, by=None):
        if image_id is None:  # asked for the locations of the base image
            self._note("glance", "get", BASE_IMAGE)
            return {}
        self._note("glance", "get", image_id)
        if "get" in self._failing:
            raise self._failing["get"]
        return {"name": "snap"}

    def update(self, name, image_id, metadata, data=None, purge_props=True, by=None):
        self._note("glance", "update", image_id, dict(metadata), data is not None, purge_props)
        self._note("files", *sorted(self._files))
        if "update" in self._failing:
            raise self._failing["update"]


class OneImage(Glance):
    """A glance that keeps one image: queued, active, or None when it is gone."""

    status = "queued"

    def get(self, name, image_id=None, by=None):
        with self._gone_if_not_found():
            found = super().get(name, image_id, by)
            self._there(image_id)
            return found | {"status": self.status}

    def update(self, name, image_id, *args, **kwargs):
        with self._gone_if_not_found():
            super().update(name, image_id, *args, **kwargs)
            self._there(image_id)

    def upload(self, image_id):
        self.status = "active"

    def delete(self, name, image_id):
        self._note("glance", "delete", image_id)
        self._there(image_id)
        self.status = None

    def _there(self, image_id):
        if self.status is None and image_id == IMAGE:
            raise exception.ImageNotFound(image_id=image_id)

    @contextlib.contextmanager
    def _gone_if_not_found(self):
        try:
            yield
        except exception.ImageNotFound:
            self.status = None
            raise


class Bench:
    """One host on which snapshot after snapshot is made."""

    def __init__(self, root):
        self._cloud = Cloud(Fleet.read(root / "data" / "two_hosts"))
        self.site = self._cloud.site
        self._service = next(iter(self.site.computes.values()))

    def snapshot(self, case):
        """Return {"events", "raised", "left"} as the oracle does."""
        driver, instance = self.driver(case), _instance(case)
        del self.site.clock.records[:]
        self._service.image_api = Glance(self._note, self.wrong(case, driver), driver.host.files)
        raised = []
        work = self._work(case, driver, instance)
        process = self.site.clock.env.process(_noting(work, raised))
        self.site.clock.env.run(until=process)
        return {
            "events": [
                _masked([e.kind, *e.words])
                for e in self.site.clock.records
                if type(e) is HostEvent and e.kind != "raised"
            ],
            "raised": [type(raised[0]).__name__, _masked(str(raised[0]))] if raised else None,
            "left": {
                "power_state": {v: k for k, v in STATES.items()}.get(driver.guests.get(UUID)),
                "saved": UUID in driver.host.saved,
                "files": sorted(_masked(path) for path in driver.host.files),
            },
        }

    def _work(self, case, driver, instance):
        return driver.snapshot(self._service, instance, self._update, image_id=IMAGE)

    def driver(self, case):
        driver = driver_of(case, Options(**HAVE, **case.options), A_SECOND)
        driver.guests[UUID] = STATES[case.power_state]
        driver.host.define(UUID, DISKS[case.backend])
        return driver

    def _note(self, *words):
        self._service.note(HostEvent, "instance-00000001", words[0], words[1:])

    def _update(self, task_state, expected_state="image_snapshot"):
        self._note("task_state", task_state, expected_state)

    @staticmethod
    def wrong(case, driver, uuid=UUID):
        """Let go wrong what the case says; return what glance refuses."""
        host = driver.host

        def vanish():
            host.guests.pop(uuid, None)
            host.saved.pop(uuid, None)

        full = "qemu-img: error while writing at byte 0: No space left on device\n"
        missing = '  Volume group "vg0" not found\n  Cannot process volume group vg0\n'
        host.failing |= {
            "convert": {"qemu-img convert": ProcessExecutionError("", full, 1)},
            "killed": {"qemu-img convert": ProcessExecutionError("", "", -9)},
            "direct_snapshot": {
                "clone": exception.Forbidden("no write permission on storage pool images")
            },
            "parent_info": {
                "parent_info": exception.ImageUnacceptable(
                    "no usable parent snapshot for volume disk"
                )
            },
            "guest gone": {"get_guest": vanish},
            "guest gone at save_memory_state": {"save_memory_state": vanish},
            "guest gone at rebase": {"rebase": vanish},
            "guest gone after convert": {"qemu-img convert": vanish},
            "freeze_filesystems": {
                "freeze_filesystems": libvirtError("Guest agent is not responding", 86)
            },
            "abort_job unsupported": {
                "abort_job": libvirtError("unsupported configuration", VIR_ERR_CONFIG_UNSUPPORTED)
            },
            "launch": {
                "launch": libvirtError("internal error: qemu unexpectedly closed the monitor")
            },
        }.get(case.failing, {})
        if case.backend == "lvm" and case.failing == "lvs":
            host.failing["lvs"] = ProcessExecutionError("", missing, 5)
        if case.backend == "lvm" and case.failing == "lvs finds nothing":
            host.lvs[DISKS["lvm"].source_path] = None
        return {
            "upload": {"update": GlanceConnectionFailed(server="glance", reason="by request")},
            "image gone": {"get": exception.ImageNotFound(image_id=IMAGE)},
            "image gone meanwhile": {"update": exception.ImageNotFound(image_id=IMAGE)},
        }.get(case.failing, {})


class Managed(Bench):
    """One host on which a manager has snapshot after snapshot made; see tools/oracle/snapshot.py."""

    def snapshot(self, case):
        """Return what the oracle does: also the image's status and the server's task_state."""
        with mock.patch.object(compute_utils, "notify_about_instance"):
            found = super().snapshot(case)
        return found | {
            "image": self._service.image_api.status,
            "task_state": self._instance.task_state,
        }

    def _work(self, case, driver, instance):
        self._instance, saves = instance, itertools.count(1)
        instance.task_state, instance.vm_state = "image_snapshot", "active"

        def save(expected_task_state="any"):
            self._note("save", instance.task_state, expected_task_state)
            number = next(saves)
            if case.refused is not None and number == case.refused[0]:
                raise REFUSALS[case.refused[1]]()

        instance.save = save
        self._service.driver = driver
        self._service.image_api = OneImage(self._note, self.wrong(case, driver), driver.host.files)
        snapshot = delete_image_on_error(inspect.unwrap(ComputeManager._snapshot_instance))
        return snapshot(self._service, instance, IMAGE, "image_snapshot")


def _instance(case):
    """A server with its image."""
    image = ImageMeta(id=BASE_IMAGE, properties=case.properties)
    return SimpleNamespace(
        name="instance-00000001",
        uuid=UUID,
        project_id="project",
        spec=SimpleNamespace(image=image),
    )


def driver_of(case, options, costs):
    """Return a driver, with the steps that somebody took to mend it."""
    disk = DISKS[case.backend]
    make = nova13.LibvirtDriver if case.then else LibvirtDriver
    driver = make(options, lambda instance: disk, costs, case.direct_io)
    driver.freeze_first = case.freeze_first or case.then
    driver.never_live = {"lvm"}  # 15.1.5 took a live snapshot of rbd
    if "A" in case.fixes:
        driver.get_disk_type_from_path = _classify
    if "B" in case.fixes:
        driver.image_backend.BACKEND["isolate"] = Isolate
    if "C" in case.fixes:
        driver.image_backend.BACKEND["isolate"] = IsolateExtracts
    if "D" in case.fixes:
        driver.image_formats["isolate"] = "raw"
    return driver


def _noting(work, raised):
    try:
        yield from work
    except Exception as error:
        raised.append(error)


def _masked(value):
    text = re.sub(r"snapshots/tmp\d+", "snapshots/{tmp}", json.dumps(value))
    return json.loads(re.sub(r"\b[0-9a-f]{32}\b", "{snapshot}", text))
