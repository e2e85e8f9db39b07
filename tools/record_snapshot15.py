"""Record how Nova 15.1.5 makes a snapshot: data/nova-15/snapshot.json.gz.

    pip download --no-deps nova==15.1.5 -d FOLDER
    python tools/record_snapshot15.py FOLDER/nova-15.1.5-py2.py3-none-any.whl

15.1.5 is the oldest release that can still be had as a package. Its own are
``LibvirtDriver.snapshot`` with what it calls in nova/virt/libvirt/driver.py,
nova/virt/libvirt/utils.py and nova/virt/images.py, and the backends' snapshots; all around them
is the installed Nova's, between the stand-ins of tools/oracle_libvirt.py. What they call under
names of their own release is mapped to today's: qemu-img answers in JSON, ``chown`` is noted as
today's is, there are no PCI devices.
"""

import ast
import gzip
import itertools
import json
import sys
import tempfile
import textwrap
import uuid
import zipfile
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

from oslo_utils import imageutils

from tools import oracle_libvirt
from tools.libvirt_world import exception

OUT = Path(__file__).parents[1] / "data" / "nova-15" / "snapshot.json.gz"
DRIVER = """snapshot _live_snapshot _create_snapshot_metadata _can_quiesce _set_quiesced
_prepare_domain_for_snapshot _snapshot_domain _create_domain suspend""".split()
UTILS = """execute create_cow_image get_disk_size get_disk_backing_file extract_snapshot file_open
find_disk get_disk_type_from_path""".split()
IMAGES = "qemu_img_info convert_image _convert_image".split()
BACKENDS = "Flat Qcow2 Lvm Rbd".split()
OF_A_BACKEND = "snapshot_extract direct_snapshot cleanup_direct_snapshot".split()
FAILING = (
    "convert",
    "killed",
    "upload",
    "image gone",
    "image gone meanwhile",
    "direct_snapshot",
    "parent_info",
    "lvs",
    "lvs finds nothing",
    "guest gone",
    "guest gone at save_memory_state",
    "guest gone at rebase",
    "guest gone after convert",
    "freeze_filesystems",
    "launch",
    "abort_job unsupported",
)
AGENT = (
    {},
    {"hw_qemu_guest_agent": True},
    {"os_require_quiesce": True},
    {"hw_qemu_guest_agent": True, "os_require_quiesce": True},
)


def functions(body, names):
    """Return the source of these functions of a module or class, at the left margin."""
    found = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
    return [found[name] for name in names if name in found]


class Release:
    """The functions of one wheel, each in the namespace that it is given."""

    def __init__(self, wheel, execute):
        self._wheel = zipfile.ZipFile(wheel)
        today = vars(oracle_libvirt.driver) | dict.fromkeys(("_LI", "_LW", "_LE"), str)
        shared = today | {"_": str, "exception": exception}
        run = SimpleNamespace(
            execute=execute, is_neutron=lambda: True, tempdir=today["utils"].tempdir
        )
        shared |= {"utils": run, "MIN_LIBVIRT_FSFREEZE_VERSION": (1, 2, 5)}
        answers = SimpleNamespace(QemuImgInfo=lambda out: imageutils.QemuImgInfo(out, "json"))
        self.images = self.load(
            "images.py", IMAGES, shared | {"imageutils": answers, "QEMU_IMG_LIMITS": None}
        )
        for_utils = shared | {
            "images": self.images,
            "etree": today["etree"],
            "obj_fields": today["fields"],
        }
        self.utils = self.load("libvirt/utils.py", UTILS, for_utils)
        self.utils.chown = lambda path, owner: oracle_libvirt.driver.nova.privsep.path.chown(
            path, uid=owner
        )
        used = {"libvirt_utils": self.utils, "pci_manager": mock.Mock(), "uuid": uuid}
        self.driver = self.load("libvirt/driver.py", DRIVER, shared | used, "LibvirtDriver")
        self.backends = {
            name: self.load(
                "libvirt/imagebackend.py",
                OF_A_BACKEND,
                shared | {"images": self.images, "libvirt_utils": self.utils},
                name,
            )
            for name in BACKENDS
        }

    def load(self, path, names, namespace, cls=None):
        """Run functions of a file, or of a class in it; return them as a namespace."""
        source = self._wheel.read(f"nova/virt/{path}").decode()
        body = ast.parse(source).body
        if cls is not None:
            body = next(node.body for node in body if getattr(node, "name", None) == cls)
        namespace = dict(namespace)
        found = functions(body, names)
        for function in found:
            text = textwrap.dedent(ast.get_source_segment(source, function, padded=True))
            exec(compile(text, path, "exec"), namespace)  # noqa: S102 - the release itself
        return SimpleNamespace(**{each.name: namespace[each.name] for each in found})

    def patches(self):
        """Yield what puts the release's functions into the installed Nova."""
        driver, backends = oracle_libvirt.driver.LibvirtDriver, oracle_libvirt.imagebackend
        nothing = {
            name: lambda *args, **more: None
            for name in (
                "_detach_pci_devices",
                "_attach_pci_devices",
                "_detach_direct_passthrough_ports",
                "_attach_direct_passthrough_ports",
                "_has_uefi_support",
            )
        }
        for name, function in (vars(self.driver) | nothing).items():
            yield mock.patch.object(driver, name, function, create=True)
        for cls, found in self.backends.items():
            for name, function in vars(found).items():
                yield mock.patch.object(getattr(backends, cls), name, function)
        pool = property(lambda rbd: rbd.driver.pool)
        yield mock.patch.object(backends.Rbd, "pool", pool, create=True)


def cases():
    """Yield each snapshot: a disk, a power state, options, an agent or none, what goes wrong."""
    options = itertools.product((None, "qcow2"), (False, True), (False, True))
    well = [(*each, agent, None) for each in options for agent in AGENT]
    wrong = [
        ("qcow2", True, disable, agent, failing)
        for failing in FAILING
        for disable in (False, True)
        for agent in (AGENT[0], AGENT[-1])
    ]
    disks = [
        *itertools.product(("flat", "qcow2", "lvm", "isolate"), ("default",)),
        ("rbd", "rbd"),
        ("rbd", "default"),
    ]
    states = ("running", "paused", "shutdown")
    for (backend, images_type), state, case in itertools.product(disks, states, well + wrong):
        image_format, compress, disable, agent, failing = case
        yield {
            "backend": backend,
            "power_state": state,
            "options": {
                "images_type": images_type,
                "snapshot_image_format": image_format,
                "snapshot_compression": compress,
                "disable_libvirt_livesnapshot": disable,
            },
            "properties": agent,
            "failing": failing,
        }


def main(wheel):
    """Write the file."""
    found = []
    with tempfile.TemporaryDirectory() as folder, oracle_libvirt.Oracle(folder) as oracle:
        release = Release(wheel, oracle.run)
        for patch in release.patches():
            oracle.also(patch)
        for case in cases():
            usual = {"direct_io": True, "polls": 2, "fixes": ""}
            result = oracle.snapshot(SimpleNamespace(**usual, **case))
            if (result["raised"] or [None])[0] in ("NameError", "AttributeError", "TypeError"):
                raise SystemExit(f"the release and its surroundings do not fit: {case} {result}")
            found.append(case | result)
    OUT.parent.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(case, sort_keys=True) for case in found)
    text = f'{{"nova": "15.1.5", "cases": [\n{lines}\n]}}\n'
    OUT.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{OUT}: {len(found)} cases")


if __name__ == "__main__":
    main(sys.argv[1])
