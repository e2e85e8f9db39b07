"""A guest as libvirt knows it (nova/virt/libvirt/guest.py)."""

from dataclasses import dataclass
from types import SimpleNamespace

from labkit.neighbours import arguments
from labkit.nova import exception
from labkit.nova.compute import power_state

VIR_ERR_NO_DOMAIN = 42
VIR_ERR_CONFIG_UNSUPPORTED = 67
VIR_ERR_AGENT_UNRESPONSIVE = 86


class libvirtError(Exception):  # noqa: N801 - libvirt's name
    """libvirt refuses; ``code`` says why."""

    home = "libvirt"

    def __init__(self, text, code=1):
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class RootDisk:
    """The first ``<disk>`` of a domain's XML, and what lies behind it.

    In: *source_type* "file", "block" or "network"; *source_path*, or for rbd *source_protocol* and
    *source_name* ("pool/volume"); *driver_format*, what QEMU reads it as. Sizes in MiB: what the
    guest sees, what is written in the disk itself and in its *backing_file*. *ratio*: what
    compression leaves of it, 1.0 for random data. Raises ValueError for a value that makes no
    sense, NotModelled for an encrypted disk and for ploop.

    >>> RootDisk("block", "/dev/sdb").path
    '/dev/sdb'
    >>> RootDisk("network", source_protocol="rbd", source_name="vms/web-1_disk").path
    'rbd:vms/web-1_disk'

    Source: ``LibvirtConfigGuestDisk`` in nova/virt/libvirt/config.py, Nova 34.0.0.
    """

    source_type: str = "file"
    source_path: str | None = None
    driver_format: str = "raw"
    source_protocol: str | None = None
    source_name: str | None = None
    size_mb: float = 1024
    allocated_mb: float = 512
    backing_file: str | None = None
    backing_mb: float = 0
    ratio: float = 0.5

    def __post_init__(self):
        for name in ("source_type", "driver_format"):
            arguments.of_type(getattr(self, name), str, "not text", name)
        if self.source_type not in ("file", "block", "network"):
            raise ValueError(
                f"source_type {arguments.shown(self.source_type)}; there are 'file', 'block' and 'network'"
            )
        if self.driver_format in ("luks", "ploop", "parallels"):
            raise exception.NotModelled(
                f"Unlike Nova, the lab has no {self.driver_format} disks (driver_format)"
            )
        for name in ("size_mb", "allocated_mb", "backing_mb"):
            value = getattr(self, name)
            arguments.number(name, value, "a number of MiB from 0", 0)
        if not arguments.is_number(self.ratio) or not 0 < self.ratio <= 1:
            raise ValueError(
                f"ratio = {arguments.shown(self.ratio)}; expected more than 0, at most 1"
            )

    @property
    def path(self):
        """How qemu-img is told of it."""
        return self.source_path or f"rbd:{self.source_name}"


class Guest:
    """A domain; each thing done to it is noted, and fails when the domain is gone."""

    def __init__(self, host, uuid):
        self.host = host
        self.uuid = uuid
        self.name = host.instance.name
        self.options = host.options

    def do(self, name, *words):
        """Note what is done to the domain. Raises libvirtError when it has gone."""
        self.host.note("guest", name, *words)
        self.host.strike(name)
        self._alive()

    def _alive(self):
        if self.uuid not in self.host.guests:
            raise libvirtError("Domain not found", VIR_ERR_NO_DOMAIN)

    def get_config(self):
        """Return the domain's XML, as far as it tells of disks."""
        return SimpleNamespace(devices=[self.host.disks[self.uuid]])

    def get_power_state(self) -> int:
        """Return the power state. Raises InstanceNotFound when the domain is gone."""
        if self.uuid not in self.host.guests:
            raise exception.InstanceNotFound(instance_id=self.uuid)
        return self.host.guests[self.uuid]

    def save_memory_state(self):
        """Write the memory to disk and stop: libvirt's managedSave, which remembers a pause."""
        self.do("save_memory_state")
        self.host.saved[self.uuid] = self.host.guests[self.uuid]
        self.host.guests[self.uuid] = power_state.SHUTDOWN

    def launch(self, pause=False):
        """Start, from the saved memory if there is some."""
        self.do("launch", bool(pause))
        state = power_state.PAUSED if pause else power_state.RUNNING
        self.host.guests[self.uuid] = self.host.saved.pop(self.uuid, state)

    def get_block_device(self, disk):
        """Return the block device of a path."""
        return BlockDevice(self, disk)

    def delete_configuration(self):
        """Undefine the domain: blockRebase wants one that is not persistent."""
        self.host.note("guest", "delete_configuration")

    def freeze_filesystems(self):
        """Let the agent in the guest flush and hold all writes."""
        self.do("freeze_filesystems")

    def thaw_filesystems(self):
        """Let the guest write again."""
        self.host.note("guest", "thaw_filesystems")


class BlockDevice:
    """A disk of a running guest."""

    def __init__(self, guest, disk):
        self._guest = guest
        self._disk = disk

    def abort_job(self):
        """End the job; a mirror stays where it is."""
        self._guest.do("abort_job", self._disk)

    def rebase(self, base):
        """Begin to mirror the disk into *base*, which is there already, without its backing file."""
        self._guest.do("rebase", self._disk, base)
        self._guest.host.mirror(self._disk, base)

    def is_job_complete(self) -> bool:
        """Return whether all is copied."""
        self._guest.do("is_job_complete", self._disk)
        return self._guest.host.mirrored
