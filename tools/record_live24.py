"""Record when the live snapshot of Nova 24.0.0 freezes its guest: data/nova-24/live_snapshot.json.

    pip download --no-deps nova==24.0.0 -d FOLDER
    python tools/record_live24.py FOLDER/nova-24.0.0-py3-none-any.whl

``_live_snapshot`` is that of the wheel, all around it the installed Nova's, between the stand-ins
of tools/oracle_libvirt.py. What it calls under names of its own release is mapped to today's:
``create_cow_image`` to ``create_image``, ``delete_configuration`` without arguments.
"""

import ast
import json
import sys
import tempfile
import textwrap
import zipfile
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script

from tools import oracle_libvirt

OUT = Path(__file__).parents[1] / "data" / "nova-24" / "live_snapshot.json"
FAILING = (None, "convert", "upload", "freeze_filesystems", "guest gone at rebase", "guest gone after convert")  # fmt: skip
AGENT = (
    {},
    {"hw_qemu_guest_agent": True},
    {"hw_qemu_guest_agent": True, "os_require_quiesce": True},
    {"os_require_quiesce": True},
)
#: What is kept of the events: what was done to the guest, and what the log says of it.
KEPT = ("guest", "log", "task_state", "files")


def load(wheel):
    """Return ``_live_snapshot`` of the wheel, in the namespace of today's driver."""
    source = zipfile.ZipFile(wheel).read("nova/virt/libvirt/driver.py").decode()
    found = next(
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name == "_live_snapshot"
    )
    driver = oracle_libvirt.driver
    names = dict(vars(driver))
    today = driver.libvirt_utils
    names["libvirt_utils"] = SimpleNamespace(
        get_disk_size=today.get_disk_size,
        get_disk_backing_file=today.get_disk_backing_file,
        create_cow_image=lambda backing, path, size: today.create_image(
            path, "qcow2", size, backing_file=backing
        ),
        extract_snapshot=today.extract_snapshot,
    )
    text = textwrap.dedent(ast.get_source_segment(source, found, padded=True))
    exec(compile(text, "driver.py", "exec"), names)  # noqa: S102 - the release itself
    return names["_live_snapshot"]


def cases():
    """Return each snapshot of a running guest with a file for a disk."""
    for backend in ("flat", "qcow2"):
        for properties in AGENT:
            for failing in FAILING:
                yield {"backend": backend, "properties": properties, "failing": failing}


def main(wheel):
    """Write the file."""
    driver = oracle_libvirt.driver.LibvirtDriver
    uefi = mock.patch.object(driver, "_check_uefi_support", lambda *args: False, create=True)
    found = []
    with (
        tempfile.TemporaryDirectory() as folder,
        oracle_libvirt.Oracle(folder) as oracle,
        mock.patch.object(driver, "_live_snapshot", load(wheel)),
        uefi,
    ):
        for case in cases():
            usual = {"power_state": "running", "options": {}, "direct_io": True, "polls": 2}
            result = oracle.snapshot(SimpleNamespace(**usual, **case, fixes=""))
            result["events"] = [event for event in result["events"] if event[0] in KEPT]
            found.append(case | result)
    OUT.parent.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(case, sort_keys=True) for case in found)
    OUT.write_text(f'{{"nova": "24.0.0", "cases": [\n{lines}\n]}}\n', encoding="utf-8")
    print(f"{OUT}: {len(found)} cases")


if __name__ == "__main__":
    main(sys.argv[1])
