"""Snapshots by the real LibvirtDriver below the real ComputeManager, for data/nova-34/snapshots.

The whole Nova of tools/record/lives/cloud.py; but the hypervisor makes its snapshots as
tools/oracle/libvirt.py does: with LibvirtDriver.snapshot and all below it, between a domain, disks
and commands that only note what they are asked. A unit is a backend in a power state.
"""

import dataclasses
import tempfile
from unittest import mock

from tools.record.lives import backend  # noqa: F401 - Nova's test package comes first

# isort: split
from nova import context as nova_context
from nova import exception
from nova.compute import power_state
from nova.db.main import api as db_api
from nova.image import glance
from nova.tests import fixtures as nova_fixtures

from tools.oracle import libvirt, libvirt_world
from tools.record.lives import books
from tools.record.lives import cloud as nova_cloud
from tools.record.lives.driver import RecordDriver
from tools.record.lives.faults import FAULTS, Fault
from tools.record.lives.hooks_rows import power_name
from tools.record.lives.recorder import REC, mask
from tools.record.lives.snapshot_cases import FIELDS, cases
from tools.record.lives.trace import Trace

POWER = {
    "running": power_state.RUNNING,
    "paused": power_state.PAUSED,
    "shutdown": power_state.SHUTDOWN,
}
#: What brings a new server into a power state.
BEFORE = {"running": None, "paused": "pause", "shutdown": "os-stop"}
OPTIONS = ((None, "max_concurrent_snapshots", 1),)
EVENTS_LEFT_OUT = ("request", "response")
IMAGE_FIELDS = ("status", "disk_format", "container_format", "location")


def record(unit):
    """What was recorded of a backend in a power state: each case with what Nova did."""
    disk, state = unit.split("_")
    found = []

    def body(cloud):
        try:
            found.extend(Site(cloud).record(disk, state))
        finally:  # somebody may still wait
            FAULTS.clear()

    nova_cloud.run(body, OPTIONS, ("host1",))
    return found


class World(libvirt_world.World):
    """A world whose guest is the one that the rest of Nova sees too."""

    def __init__(self, case, root, driver, uuid):
        self._driver, self._uuid, self._guest = driver, uuid, driver.instances[uuid]
        super().__init__(case, root)

    @property
    def state(self):
        """The power state of the guest."""
        return next(name for name, state in POWER.items() if state == self._guest.state)

    @state.setter
    def state(self, name):
        self._guest.state = POWER[name]

    @property
    def gone(self):
        """Whether there is no such guest any more."""
        return self._uuid not in self._driver.instances

    @gone.setter
    def gone(self, is_gone):
        if is_gone:
            self._driver.instances.pop(self._uuid, None)

    def note(self, *event):
        """Note an event among all others."""
        kind, *words = event
        words = [mask(self.masked(word)) if isinstance(word, str) else word for word in words]
        REC.add("host", self._uuid, what=kind, words=words)

    def passes(self, step):
        """Wait, if the case wants somebody to wait here."""
        FAULTS.at(step, "host1")


class Site:
    """A cloud with one host, on which snapshot after snapshot is made."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.servers = {}
        self.case = self.world = self.oracle = None
        self.too_late = False
        create = cloud.glance.create
        # As the real one: an image without data is not active.
        cloud.glance.create = lambda context, metadata, data=None: create(
            context, {"status": "queued"} | metadata, data
        )

    def record(self, disk, state):
        """Yield each case, and what Nova did."""
        with tempfile.TemporaryDirectory() as folder:
            self.oracle = libvirt.Oracle(folder, glance.API())
            snapshot = mock.patch.object(RecordDriver, "snapshot_by", self.snapshot_of)
            with self.oracle, snapshot:
                plain = {}
                for case in cases(disk, state):
                    key = repr(dataclasses.replace(case, failing=None, meanwhile=None))
                    found = self.play(case)
                    if found is None or found == plain.get(key):
                        continue
                    if case.failing is None and case.meanwhile is None:
                        plain[key] = found
                    yield {name: getattr(case, name) for name in FIELDS} | {"nova": found}

    @property
    def snapshot_of(self):
        """A method for the driver."""

        def snapshot(driver, context, instance, *args):
            self.world = World(self.case, self.oracle.folder, driver, instance.uuid)
            self.refuse(args[0])
            try:
                self.oracle.with_driver(
                    self.world, lambda made: made.snapshot(context, instance, *args)
                )
            except Exception as error:
                self.world.note("raised", type(error).__name__, str(error))
                if isinstance(error, exception.NovaException):  # as long as it would be elsewhere
                    error.args = (str(error).replace(self.oracle.folder, ""),)
                raise

        return snapshot

    def refuse(self, image_id):
        """Let glance do what the case says."""

        def gone():
            self.cloud.glance.images.pop(image_id)
            return exception.ImageNotFound(image_id=image_id)

        call, raises = {
            "image gone": ("get", gone),
            "image gone meanwhile": ("update", gone),
            "upload": (
                "update",
                lambda: exception.GlanceConnectionFailed(server="glance", reason="by request"),
            ),
        }.get(self.case.failing, (None, None))
        if call:
            FAULTS.append(Fault(f"glance {call}", raises=raises, times=1))

    # -- one case -----------------------------------------------------------------------
    def play(self, case):
        """Make a snapshot as a case says, then compare the power states; what Nova did.

        None if the snapshot was over before anything could happen meanwhile.
        """
        self.case, self.too_late, cloud = case, False, self.cloud
        uuid = self.server(case)
        second = self.server(case, "second") if case.meanwhile == "second" else None
        cloud.server_id = uuid
        cloud.server_ids = [uuid, second] if second else [uuid]
        driver = cloud.computes["host1"].driver
        guests = {each: driver.instances[each] for each in cloud.server_ids}
        known = set(cloud.glance.images)
        REC.forget()
        steps = []
        for label, work in self.steps(case, second):
            REC.start()
            work()
            cloud.quiet()
            events = [self.kept(e) for e in REC.stop() if e["kind"] not in EVENTS_LEFT_OUT]
            steps.append({"label": label, "events": events, "left": self.left(known)})
        self.mend(case, guests, known)
        return None if self.too_late else steps

    def kept(self, event):
        """What is kept of an event."""
        del event["seq"]
        if event["kind"] == "fault":  # Nova cuts it off somewhere in the command
            event["message"] = self.world.masked(event["message"].partition("\nCommand")[0])
        return event

    def steps(self, case, second):
        """The steps of a case: a label, and what is done."""
        trace, cloud = Trace(self.cloud), self.cloud

        def ask():
            trace.act("createImage", value={"name": "snap"})

        def other():
            cloud.server_id = second
            ask()
            cloud.server_id = cloud.server_ids[0]

        def between():
            direct = case.backend == "rbd" and not case.failing
            held = cloud.hold("direct_snapshot" if direct else "convert", "host1")
            ask()
            cloud.stalled()
            if not held.arrived.is_set():
                self.too_late = True
                return
            if case.meanwhile == "delete":
                trace.delete()
                cloud.quiet()
                held.let_go()
            elif case.meanwhile == "second":
                other()
                cloud.stalled()  # it waits for its turn
                held.let_go()

        def again():
            cloud.crash("host1")
            cloud.start_again("host1")

        yield "createImage", ask if case.meanwhile is None else between
        if case.meanwhile == "dies":
            yield "nova-compute starts again", again
        yield "sync_power_states", lambda: cloud.periodic("_sync_power_states", "host1")

    def left(self, known):
        """What is left: the row, the guest, the images, the temporary files."""
        images = self.cloud.glance.images
        guests = self.cloud.computes["host1"].driver.instances
        here = self.cloud.server_id in guests
        return {
            "row": self.row(),
            "guest": power_name(guests[self.cloud.server_id].state) if here else None,
            "saved": here and self.world is not None and self.world.saved is not None,
            "files": self.world.files() if self.world else [],
            "images": [
                {name: mask(image.get(name)) for name in IMAGE_FIELDS}
                for key, image in images.items()
                if key not in known
            ],
        }

    def row(self):
        """The states of the server; None if it is deleted."""
        context = nova_context.get_admin_context(read_deleted="yes")
        row = books.row(self.cloud, context, self.cloud.server_id)
        if row["deleted"]:
            return None
        return {name: row[name] for name in ("vm_state", "task_state", "power_state")}

    # -- servers ------------------------------------------------------------------------
    def server(self, case, role="first"):
        """The uuid of a server whose image has the properties, in the power state."""
        for key in list(self.servers):
            if key[1] != repr(case.properties) or (key[0] != role and case.meanwhile != "second"):
                self.cloud.request("DELETE", f"/servers/{self.servers.pop(key)}")
                self.cloud.quiet()
        key = role, repr(case.properties)
        if key not in self.servers:
            image = nova_fixtures.GlanceFixture.image1 | {
                "id": None,
                "container_format": "bare",
                "properties": {name: str(value) for name, value in case.properties.items()},
            }
            del image["id"]
            made = self.cloud.glance.create(None, image)
            self.cloud.boot(imageRef=made["id"])
            if BEFORE[case.power_state]:
                self.cloud.act(BEFORE[case.power_state])
            self.servers[key] = self.cloud.server_id
        return self.servers[key]

    def mend(self, case, guests, known):
        """Let all be as it was before, but for a server that was deleted."""
        FAULTS.clear()
        self.cloud.quiet()
        if self.world:
            self.oracle.files()
        self.world = None
        for key in set(self.cloud.glance.images) - known:
            del self.cloud.glance.images[key]
        if case.meanwhile == "delete" and self.row() is None:
            self.servers = {k: v for k, v in self.servers.items() if v != self.cloud.server_id}
            guests.pop(self.cloud.server_id)
        driver = self.cloud.computes["host1"].driver
        states = {"running": "active", "paused": "paused", "shutdown": "stopped"}
        state = POWER[case.power_state]
        values = {"vm_state": states[case.power_state], "task_state": None, "power_state": state}
        for uuid, guest in guests.items():
            driver.instances[uuid], guest.state = guest, state
            with self.cloud.cell_context() as context:
                db_api.instance_update(context, uuid, values)
