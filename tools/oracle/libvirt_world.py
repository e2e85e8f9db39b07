"""What surrounds the real LibvirtDriver in tools/oracle/libvirt.py: domain, host, glance, Ceph,
commands; all of it notes what it is asked, and goes wrong where a case says so."""

import json
import re
import warnings
from pathlib import Path
from types import SimpleNamespace

from tools.oracle.installed import CONF, exception

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nova.storage import rbd_utils
    from nova.virt.libvirt import guest
    from oslo_concurrency import processutils


class libvirtError(Exception):  # noqa: N801 - libvirt's name
    """An error as python-libvirt raises it."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code

    def get_error_code(self):
        return self.code


#: Of python-libvirt, which needs a hypervisor's libraries, what a snapshot asks for.
LIBVIRT = SimpleNamespace(
    libvirtError=libvirtError,
    VIR_ERR_NO_DOMAIN=42,
    VIR_ERR_CONFIG_UNSUPPORTED=67,
    VIR_ERR_AGENT_UNRESPONSIVE=86,
    VIR_DOMAIN_START_PAUSED=1,
    VIR_DOMAIN_XML_SECURE=1,
    VIR_DOMAIN_XML_INACTIVE=2,
    VIR_DOMAIN_BLOCK_REBASE_SHALLOW=1,
    VIR_DOMAIN_BLOCK_REBASE_REUSE_EXT=2,
    VIR_DOMAIN_BLOCK_REBASE_COPY=8,
    VIR_DOMAIN_UNDEFINE_MANAGED_SAVE=1,
    VIR_DOMAIN_UNDEFINE_NVRAM=4,
    VIR_DOMAIN_UNDEFINE_KEEP_NVRAM=8,
    VIR_DOMAIN_UNDEFINE_KEEP_TPM=64,
)
UUID = "5e51a4a1-3f0c-5d54-9b1b-2a6f2bd0a001"
IMAGE, BASE_IMAGE = "image-1", "6ba0a1c0-7c5e-4d0a-8f0a-000000000000"
INSTANCES = "/var/lib/nova/instances"
DISK = f"{INSTANCES}/{UUID}/disk"
BASE = f"{INSTANCES}/_base/0a1b2c"
SIZE = 1 << 30
#: What the libvirt domain holds for each backend: XML of the disk, format that qemu-img tells.
_FILE = "<disk type='file'><driver name='qemu' type='{0}'/><source file='{1}'/><target dev='vda'/></disk>"
_BLOCK = "<disk type='block'><driver name='qemu' type='raw'/><source dev='{1}'/><target dev='vda'/></disk>"
_RBD = (
    "<disk type='network'><driver name='qemu' type='raw'/><source protocol='rbd' name='{1}'/>"
    "<target dev='vda'/></disk>"
)
BACKENDS = {
    "flat": (_FILE, "raw", DISK),
    "qcow2": (_FILE, "qcow2", DISK),
    "lvm": (_BLOCK, "raw", f"/dev/vg0/{UUID}_disk"),
    "rbd": (_RBD, "raw", f"vms/{UUID}_disk"),
    "isolate": (_BLOCK, "raw", "/dev/sdb"),
}
_STATES = {"running": 1, "paused": 3, "shutdown": 5}


#: What goes wrong: step -> (where, the exception or what the command answers).
FAILURES = {
    "convert": ("qemu-img convert", (1, "qemu-img: error while writing at byte 0: No space left on device\n")),
    "killed": ("qemu-img convert", (-9, "")),
    "upload": ("glance.update", lambda: exception.GlanceConnectionFailed(server="glance", reason="by request")),
    "image gone": ("glance.get", lambda: exception.ImageNotFound(image_id=IMAGE)),
    "image gone meanwhile": ("glance.update", lambda: exception.ImageNotFound(image_id=IMAGE)),
    "direct_snapshot": ("rbd.clone", lambda: exception.Forbidden("no write permission on storage pool images")),
    "parent_info": ("rbd.parent_info", lambda: exception.ImageUnacceptable("no usable parent snapshot for volume disk")),
    "lvs": ("lvs", (5, '  Volume group "vg0" not found\n  Cannot process volume group vg0\n')),
    "lvs finds nothing": ("lvs", (0, "")),
    "guest gone": ("get_guest", None),
    "guest gone at save_memory_state": ("save_memory_state", None),
    "guest gone at rebase": ("rebase", None),
    "guest gone after convert": ("convert", None),
    "freeze_filesystems": ("freeze_filesystems", lambda: libvirtError(86, "Guest agent is not responding")),
    "abort_job unsupported": ("abort_job", lambda: libvirtError(67, "unsupported configuration")),
    "launch": ("launch", lambda: libvirtError(1, "internal error: qemu unexpectedly closed the monitor")),
}  # fmt: skip


class World:
    """What surrounds the driver, and what happened in it."""

    def __init__(self, case, root):
        self.case, self.root = case, str(root)
        self.events, self.state, self.saved = [], case.power_state, None
        self.gone, self.root_user, self.polls = False, False, case.polls
        self.where, self.wrong = FAILURES[case.failing] if case.failing else (None, None)

    def note(self, *event):
        self.events.append(json.loads(self.masked(json.dumps(event))))

    def files(self):
        """Return the temporary files that there are now."""
        found = Path(self.root + INSTANCES, "snapshots").rglob("*")
        return sorted(self.masked(str(path)) for path in found)

    def masked(self, text):
        text = text.replace(self.root, "")
        text = re.sub(r"snapshots/tmp[a-z0-9_]+", "snapshots/{tmp}", text)
        return re.sub(r"\b[0-9a-f]{32}\b", "{snapshot}", text)

    def fails(self, where):
        """Raise what was asked for at this place."""
        if where == self.where and callable(self.wrong):
            raise self.wrong()

    def passes(self, step):
        """Take the time that a step takes in the lab: none here."""

    def vanishes(self, where):
        if where == self.where and self.wrong is None:
            self.gone = True
        if self.gone:
            raise libvirtError(LIBVIRT.VIR_ERR_NO_DOMAIN, "Domain not found")

    # -- commands --------------------------------------------------------------------------
    def execute(self, *cmd, **kwargs):
        words = " ".join(str(word) for word in cmd)
        self.note("execute", words, self.root_user)
        name = next((n for n in ("qemu-img convert", "lvs") if words.startswith(n)), None)
        code, stderr = 0, ""
        if name == "qemu-img convert":
            code, stderr = self.convert(cmd)
        wanted = name is not None and name == self.where and not code
        if wanted and (name != "lvs" or self.case.backend == "lvm"):
            code, stderr = self.wrong
        elif name == "lvs" and not cmd[-1].startswith("/dev/vg0/"):
            group = cmd[-1].split("/")[2]
            text = f'  Volume group "{group}" not found\n  Cannot process volume group {group}\n'
            code, stderr = 5, text
        if code:
            self.note("returned", code, stderr)
            raise processutils.ProcessExecutionError("", stderr, code, words)
        if name == "lvs":
            return ("  Fmt|VG|LV\n  lvm2|vg0|disk\n" if self.where != "lvs" else ""), ""
        return self.info(words), ""

    def convert(self, cmd):
        if cmd[cmd.index("-O") + 1] not in ("raw", "qcow2", "vmdk", "vdi"):
            return 1, f"qemu-img: Unknown file format '{cmd[cmd.index('-O') + 1]}'\n"
        Path(cmd[-1]).touch()
        self.passes("convert")
        if self.where == "convert":
            self.gone = self.gone or self.wrong is None
        return 0, ""

    def info(self, words):
        if "qemu-img create" in words:
            last = words.split(" ")
            Path(last[-2] if last[-1].isdigit() else last[-1]).touch()
        if "qemu-img info" not in words:
            return ""
        path = words.split("info ")[1].split(" ")[0]
        if path.endswith("/_base/0a1b2c"):
            return json.dumps({"format": "raw", "virtual-size": SIZE // 2, "filename": path})
        told = {"format": BACKENDS[self.case.backend][1], "virtual-size": SIZE, "filename": path}
        if self.case.backend == "qcow2":
            told |= {
                "cluster-size": 65536,
                "backing-filename": self.root + BASE,
                "full-backing-filename": self.root + BASE,
            }
        return json.dumps(told)


class Domain:
    """A libvirt domain, as far as a snapshot asks it."""

    def __init__(self, world):
        self._world = world

    def ID(self):  # noqa: N802 - libvirt's name
        return 1

    def UUIDString(self):  # noqa: N802
        return UUID

    def XMLDesc(self, flags=0):  # noqa: N802
        xml, kind, path = BACKENDS[self._world.case.backend]
        path = self._world.root + path if kind and path.startswith(INSTANCES) else path
        return (
            f"<domain type='kvm'><name>instance-00000001</name><uuid>{UUID}</uuid>"
            f"<os><type>hvm</type></os><devices>{xml.format(kind, path)}</devices></domain>"
        )

    def info(self):
        self._world.vanishes("get_power_state")
        return [_STATES[self._world.state], 0, 0, 1, 0]

    def managedSave(self, flags):  # noqa: N802
        self._world.note("guest", "save_memory_state")
        self._world.vanishes("save_memory_state")
        self._world.saved, self._world.state = self._world.state, "shutdown"

    def createWithFlags(self, flags):  # noqa: N802
        self._world.note("guest", "launch", bool(flags))
        self._world.vanishes("launch")
        self._world.fails("launch")
        self._world.state, self._world.saved = self._world.saved or "running", None

    def blockJobAbort(self, disk, flags=0):  # noqa: N802
        self._world.note("guest", "abort_job", disk)
        self._world.vanishes("abort_job")
        self._world.fails("abort_job")

    def blockRebase(self, disk, base, bandwidth, flags=0):  # noqa: N802
        wanted = "SHALLOW", "REUSE_EXT", "COPY"
        if flags != sum(getattr(LIBVIRT, f"VIR_DOMAIN_BLOCK_REBASE_{name}") for name in wanted):
            raise ValueError(f"blockRebase with other flags than {wanted}: {flags}")
        self._world.note("guest", "rebase", disk, base)
        self._world.vanishes("rebase")

    def blockJobInfo(self, disk, flags=0):  # noqa: N802
        self._world.note("guest", "is_job_complete", disk)
        self._world.vanishes("is_job_complete")
        self._world.polls -= 1
        if self._world.polls < 0:
            return {}
        return {"type": 2, "bandwidth": 0, "cur": 1, "end": 2}

    def isPersistent(self):  # noqa: N802
        return True

    def undefineFlags(self, flags):  # noqa: N802
        self._world.note("guest", "delete_configuration")

    def fsFreeze(self):  # noqa: N802
        self._world.note("guest", "freeze_filesystems")
        self._world.vanishes("freeze_filesystems_gone")
        self._world.fails("freeze_filesystems")

    def fsThaw(self):  # noqa: N802
        self._world.note("guest", "thaw_filesystems")


class Host:
    def __init__(self, world):
        self._world = world

    def get_guest(self, instance):
        if self._world.where == "get_guest":
            self._world.gone = True
        if self._world.gone:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        return guest.Guest(Domain(self._world))

    def has_min_version(self, *args, **kwargs):
        return True

    def write_instance_config(self, xml):
        self._world.note("guest", "write_instance_config")


class RBDDriver(rbd_utils.RBDDriver):
    """The RBD driver without a Ceph cluster."""

    def __init__(self, world):
        self.world = world
        self.pool, self.rbd_user, self.ceph_conf = CONF.libvirt.images_rbd_pool, None, None

    def get_fsid(self):
        self.world.passes("direct_snapshot")
        return "fsid"

    def _call(self, name, *args):
        self.world.note("rbd", name, *args)
        self.world.fails(f"rbd.{name}")

    def parent_info(self, volume, pool=None):
        self._call("parent_info", volume)
        return "images", BASE_IMAGE, "snap"

    def create_snap(self, volume, name, pool=None, protect=False):
        self._call("create_snap", volume, name, pool, protect)

    def clone(self, image_location, dest_name, dest_pool=None):
        self._call("clone", image_location["url"], dest_name, dest_pool)

    def flatten(self, volume, pool=None):
        self._call("flatten", volume, pool)

    def remove_snap(self, volume, name, ignore_errors=False, pool=None, force=False):
        self._call("remove_snap", volume, name, pool, force)

    def destroy_volume(self, volume, pool=None):
        self._call("destroy_volume", volume, pool)
