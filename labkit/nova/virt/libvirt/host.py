"""The machine under a libvirt driver: what it has, its guests and disks, and the commands run there.

In Nova this is nova/virt/libvirt/host.py, oslo.concurrency and the operating system.
"""

import copy
import itertools
import json
import os
from dataclasses import dataclass, field, replace

from labkit.neighbours.processutils import ProcessExecutionError
from labkit.nova import exception
from labkit.nova.clock import HostEvent, Stage
from labkit.nova.compute import power_state
from labkit.nova.virt import event as virtevent
from labkit.nova.virt.libvirt.guest import Guest

MIB = 1 << 20
GI = 1 << 30
#: Seconds that Nova waits before it tells of a guest that has stopped: a reboot stops it too.
STOPPED_DELAY_S = 15
#: What qemu-img can write, of what Nova's option snapshot_image_format may name.
FORMATS = ("raw", "qcow2", "vmdk", "vdi")
SNAPSHOTS = "/var/lib/nova/instances/snapshots"


@dataclass
class Domain:
    """What libvirt says of one guest: memory in KiB, and the bytes its disks may still grow by.

    ``vcpus`` None: libvirt cannot tell. ``over`` has a number for each disk, or the error that Nova
    meets there: "ENOENT".
    """

    uuid: str
    running: bool = True
    vcpus: int | None = 1
    memory_kb: int = 524288
    over: list | str = ()


@dataclass
class Hypervisor:
    """What libvirt, /proc/meminfo and the file system say of a machine, not rounded.

    ``cpus``: 1 for each CPU that is online. ``memory_mb`` in MiB, ``avail_kb`` in KiB (free,
    buffers and cache), ``disk`` in bytes: total, free, used. ``guests`` are Domains.
    ``capabilities``: for each kind of guest the architecture, the domain types, the mode.
    """

    hostname: str = "localhost"
    cpus: list = (1, 1, 1, 1)
    memory_mb: int = 16384
    avail_kb: int = 16384 * 1024
    disk: dict = field(default_factory=lambda: {"total": 100 * GI, "free": 100 * GI, "used": 0})
    type: str = "QEMU"
    version: int = 8000000
    uuid: str = ""
    host_ip: str | None = None
    uptime: str = ""
    guests: list = ()
    capabilities: list = (("x86_64", ("kvm",), "hvm"),)
    cpu: dict = field(default_factory=dict)

    def online_cpus(self) -> set:
        """Return the numbers of the CPUs that are online."""
        return {number for number, online in enumerate(self.cpus) if online}


class Guests(dict):
    """Maps a server's uuid to its guest's power state; ``on_change`` is called with both at each change.

    The state of a guest that has gone is None. ``on_event`` is called with a uuid and each transition
    that libvirt tells of.
    """

    def __init__(self):
        super().__init__()
        self.on_change = self.on_event = lambda uuid, what: None

    def __setitem__(self, uuid, state):
        before = self.get(uuid)
        super().__setitem__(uuid, state)
        self._changed(uuid, before, state)

    def pop(self, uuid, *default):
        """Remove a guest and return its state, as dict does."""
        before = super().pop(uuid, *default)
        self._changed(uuid, before, None)
        return before

    def _changed(self, uuid, before, state):
        if state != before:
            self.on_change(uuid, state)
            for transition in transitions(before, state):
                self.on_event(uuid, transition)


def transitions(before, state) -> tuple:
    """Return what libvirt tells of a guest whose power state changes; None: there is no guest.

    Of a domain that is only defined or undefined, and of one that sleeps (pmsuspended), Nova's
    ``_event_lifecycle_callback`` hears nothing.
    """
    ran = before in _AT_WORK
    if state in _AT_WORK:
        if not ran:
            paused = (virtevent.EVENT_LIFECYCLE_PAUSED,) if state == power_state.PAUSED else ()
            return (virtevent.EVENT_LIFECYCLE_STARTED, *paused)
        if state == power_state.PAUSED:
            return (virtevent.EVENT_LIFECYCLE_PAUSED,)
        return (virtevent.EVENT_LIFECYCLE_RESUMED,)
    off = state != power_state.SUSPENDED
    return (virtevent.EVENT_LIFECYCLE_STOPPED,) if ran and off else ()


_AT_WORK = (power_state.RUNNING, power_state.PAUSED)


@dataclass(frozen=True)
class DiskImage:
    """A disk image as qemu-img sees it: bytes, as the guest sees it and as they are stored."""

    format: str
    virtual_size: int
    stored: int
    backing_file: str | None = None
    ratio: float = 1.0

    @property
    def length(self) -> int:
        """The bytes that are read from end to end, as an upload does: a raw file's holes too."""
        return self.virtual_size if self.format == "raw" else self.stored


class Host:
    """One compute host.

    In: Options, a Hypervisor, SnapshotCosts, and *lifecycle_event_handler*, which is called with
    a LifecycleEvent for each guest that starts, stops or is paused.
    ``hypervisor`` is what the machine has. ``guests`` maps a uuid to its power state, ``disks`` to
    its RootDisk, ``saved`` to the power state of a guest whose memory was saved; ``images`` a path
    to a DiskImage; ``lvs`` a path to (volume group, logical volume), or to None when lvs does not
    list it; ``files`` are the temporary files. ``failing`` maps what is done ("qemu-img convert",
    "lvs", "rebase", "launch", "clone") to the exception that it ends with once, or to a function
    that is called before it. ``costs`` says how long commands take; see SnapshotCosts.
    """

    def __init__(
        self,
        options,
        hypervisor=None,
        costs=None,
        supports_direct_io=True,
        lifecycle_event_handler=None,
    ):
        self.options = options
        self.hypervisor = hypervisor or Hypervisor()
        self.costs = costs
        self.supports_direct_io = supports_direct_io
        self.guests, self.disks, self.saved = Guests(), {}, {}
        self.images, self.lvs, self.files, self.failing = {}, {}, set(), {}
        self.rbd_parent = ("images", "image", "snap")
        self.service = self.instance = None
        self._tempdirs = itertools.count(1)
        self._lifecycle_event_handler = lifecycle_event_handler
        self._events_delayed = {}

    # -- what libvirt tells ------------------------------------------------------------------
    def initialize(self, env):
        """Begin to hear of guests, on a simpy environment; what was to be told before is forgotten."""
        self._events_delayed.clear()

        def event_lifecycle_callback(uuid, transition):
            self._event_emit_delayed(env, virtevent.LifecycleEvent(uuid, transition))

        self.guests.on_event = event_lifecycle_callback

    def _event_emit_delayed(self, env, event):
        """Tell of a guest that has stopped later, and only if nothing else comes of it until then.

        Source: the method of that name in nova/virt/libvirt/host.py, Nova 34.0.0.
        """
        self._events_delayed.pop(event.uuid, None)
        if event.transition == virtevent.EVENT_LIFECYCLE_STOPPED:
            self._events_delayed[event.uuid] = event
            env.process(self._emit_later(env, event))
        else:
            self._event_emit(event)

    def _emit_later(self, env, event):
        yield env.timeout(STOPPED_DELAY_S)
        if self._events_delayed.get(event.uuid) is event:
            del self._events_delayed[event.uuid]
            self._event_emit(event)

    def _event_emit(self, event):
        if self._lifecycle_event_handler is not None:
            self._lifecycle_event_handler(event)

    def at_work(self, service, instance) -> "Host":
        """Return this host as one snapshot sees it: what is noted is noted for that server."""
        view = copy.copy(self)
        view.service, view.instance = service, instance
        view.failing = dict(self.failing)
        view.spent, view.mirror_until = (0.0, 0, 0, ""), 0.0
        return view

    def define(self, uuid, disk):
        """Give a guest its disk."""
        self.disks[uuid] = disk
        size, stored = int(disk.size_mb * MIB), int(disk.allocated_mb * MIB)
        image = DiskImage(disk.driver_format, size, stored, disk.backing_file, disk.ratio)
        self.images[disk.path] = image
        if disk.backing_file:
            stored = int(disk.backing_mb * MIB)
            self.images[disk.backing_file] = DiskImage("raw", size, stored, None, disk.ratio)
        if disk.source_path and disk.source_path.startswith("/dev/"):
            group = self.options.images_volume_group
            if group and disk.source_path.startswith(f"/dev/{group}/"):
                self.lvs[disk.source_path] = group, disk.source_path.split("/")[3]

    def undefine(self, uuid):
        """Forget a guest's disk, and the memory that was saved."""
        disk = self.disks.pop(uuid, None)
        if disk is not None:
            self.images.pop(disk.path, None)
            self.lvs.pop(disk.source_path, None)
        self.saved.pop(uuid, None)

    def get_guest(self, instance) -> Guest:
        """Return a guest. Raises InstanceNotFound when there is none."""
        self.strike("get_guest")
        if instance.uuid not in self.guests:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        return Guest(self, instance.uuid)

    # -- what is noted, and what goes wrong -------------------------------------------------
    def note(self, kind, *words):
        """Note what is done: kind "guest", "execute", "returned" (the exit code, if it is not 0),
        "rbd", "file", "log" or "raised", what the whole ended with."""
        self.service.note(HostEvent, self.instance.name, kind, words)

    def log(self, level, text):
        """Note a line of the log."""
        self.note("log", level, text)

    def strike(self, name):
        """Let something go wrong here, if a fault says so."""
        error = self.failing.pop(name, None)
        if isinstance(error, Exception):
            raise error
        if error is not None:
            error()

    def staged(self, stage, start_s):
        """Note a stage that is over, with what its command moved."""
        _seconds, bytes_in, bytes_out, command = self.spent
        self.spent = (0.0, 0, 0, "")
        now = self.service.site.clock.env.now
        self.service.note(
            Stage, self.instance.name, stage, start_s, now, bytes_in, bytes_out, command
        )

    # -- commands --------------------------------------------------------------------------
    def execute(self, *cmd, run_as_root=False) -> tuple[str, str]:
        """Run a command as qemu-img and lvs would; return (stdout, stderr).

        Raises ProcessExecutionError when it ends with another code than 0.
        """
        words = " ".join(cmd)
        self.note("execute", words, run_as_root)
        try:
            return self._answer(cmd, words)
        except ProcessExecutionError as error:
            self.note("returned", error.exit_code, error.stderr)
            raise

    def _answer(self, cmd, words):
        name = "lvs" if cmd[0] == "lvs" else " ".join(cmd[cmd.index("qemu-img") :][:2])
        if name == "qemu-img convert":
            self._convert(cmd, words)
        error = self.failing.get(name)
        if isinstance(error, ProcessExecutionError):
            del self.failing[name]
            raise ProcessExecutionError(error.stdout, error.stderr, error.exit_code, words)
        self.strike(name)
        if name == "lvs":
            return self._lvs(cmd[-1], words), ""
        if name == "qemu-img info":
            return self._info(cmd[5]), ""
        if name == "qemu-img create":
            self._create(cmd)
        return "", ""

    def _lvs(self, path, words):
        if path not in self.lvs:
            group = path.split("/")[2]
            text = f'  Volume group "{group}" not found\n  Cannot process volume group {group}\n'
            raise ProcessExecutionError("", text, 5, words)
        if self.lvs[path] is None:
            return ""
        return "  Fmt|VG|LV\n  lvm2|{}|{}\n".format(*self.lvs[path])

    def _info(self, path):
        image = self.images[path]
        told = {"virtual-size": image.virtual_size, "filename": path, "format": image.format}
        if image.format == "qcow2":
            told["cluster-size"] = 65536
        if image.backing_file:
            told["backing-filename"] = image.backing_file
        return json.dumps(told)

    def _create(self, cmd):
        """Make an empty image; its size is the last word, or, as once, an option."""
        words = cmd[cmd.index("create") + 1 :]
        told = words[words.index("-o") + 1] if "-o" in words else ""
        options = dict(pair.split("=") for pair in told.split(",") if pair)
        path, size = (words[-1], options["size"]) if "size" in options else words[-2:]
        backing = options.get("backing_file")
        ratio = self.images[backing].ratio if backing else 1.0
        self.images[path] = DiskImage(words[1], int(size), 0, backing, ratio)
        self.files.add(path)

    def _convert(self, cmd, words):
        out_format, in_format = cmd[cmd.index("-O") + 1], cmd[cmd.index("-f") + 1]
        source, dest, compress = cmd[-2], cmd[-1], "-c" in cmd
        if out_format not in FORMATS:
            text = f"qemu-img: Unknown file format '{out_format}'\n"
            raise ProcessExecutionError("", text, 1, words)
        image = self.images[source]
        backed = self.images[image.backing_file].stored if image.backing_file else 0
        read = min(image.stored + backed, image.virtual_size)
        stored, seconds = self.costs.convert(
            read, image.ratio, in_format, out_format, compress, bool(backed)
        )
        new = DiskImage(out_format, image.virtual_size, stored, None, image.ratio)
        self.images[dest] = new
        self.files.add(dest)
        self.spent = seconds, read, stored, words

    # -- files -----------------------------------------------------------------------------
    def tempdir(self) -> str:
        """Make a directory for one snapshot; return its path."""
        path = os.path.join(SNAPSHOTS, f"tmp{next(self._tempdirs)}")
        self.files.add(path)
        return path

    def remove(self, path):
        """Remove a file, or a directory with all that is in it."""
        for file in [file for file in self.files if f"{file}/".startswith(f"{path}/")]:
            self.files.discard(file)
            self.images.pop(file, None)

    def image_locations(self, image_id) -> list[dict]:
        """Return where glance keeps an image."""
        by = "virt/libvirt/imagebackend.py:_get_parent_pool"
        image = self.service.image_api.get(self.instance.name, by=by)
        return image.get("locations", []) if image_id else []

    # -- the mirror of a running guest's disk ----------------------------------------------
    def mirror(self, disk, base):
        """Begin to copy what the disk itself holds; what lies in its backing file is shared."""
        copied = self.images[disk].stored
        seconds = self.costs.mirror_s(copied)
        self.images[base] = replace(self.images[base], stored=copied, ratio=self.images[disk].ratio)
        self.mirror_until = self.service.site.clock.env.now + seconds
        self.spent = seconds, copied, copied, f"blockRebase {disk} {base}"

    def flatten(self, volume):
        """Copy what is written in a volume of Ceph into its clone; it takes the time of that."""
        copied = self.images[volume].stored if volume in self.images else 0  # it may have gone
        self.spent = self.costs.flatten_s(copied), copied, copied, ""

    @property
    def mirrored(self) -> bool:
        """Whether the copy is complete."""
        return self.service.site.clock.env.now >= self.mirror_until
