"""Which snapshots are recorded: of each disk, in each power state of the guest, live and cold.

Every format with and without compression; no direct I/O; what the image says of an agent in the
guest; each failure; the steps that mend the isolate backend; what may happen meanwhile.
"""

from dataclasses import replace

from tests.helpers.snapshots import Case
from tools.oracle.libvirt_world import FAILURES

#: What is told of a case.
FIELDS = """backend power_state options properties direct_io failing fixes meanwhile""".split()
AGENT = (
    {"hw_qemu_guest_agent": True},
    {"hw_qemu_guest_agent": True, "os_require_quiesce": True},
    {"os_require_quiesce": True},
)
#: What goes wrong; today's Nova has no rule of its own for a job that cannot be aborted.
FAILING = [name for name in FAILURES if name != "abort_job unsupported"]
#: What is done while a snapshot is under way.
MEANWHILE = ("delete", "dies", "second")
#: What somebody who repairs the isolate backend has done so far.
FIXES = ("A", "AB", "ABC")


def cases(disk, state):
    """Every snapshot that is tried.

    Not kept are those whose failure strikes nowhere, and that are over before anything can happen
    meanwhile. A case without a failure comes before the same with one.
    """
    for cold in (False, True):
        case = Case(disk, state, {"disable_libvirt_livesnapshot": cold})
        yield case
        yield with_options(case, snapshot_compression=True)
        for image_format in ("raw", "qcow2"):
            asked = with_options(case, snapshot_image_format=image_format)
            yield asked
            yield with_options(asked, snapshot_compression=True)
        yield replace(case, direct_io=False)
        agents = [replace(case, properties=each) for each in AGENT]
        yield from agents
        for failing in FAILING:
            if failing == "freeze_filesystems":
                yield from (replace(each, failing=failing) for each in agents)
            else:
                yield replace(case, failing=failing)
        for fixes in FIXES if disk == "isolate" else ():
            yield replace(case, fixes=fixes)
            yield with_options(replace(case, fixes=fixes), snapshot_image_format="raw")
        for meanwhile in MEANWHILE:
            yield replace(case, meanwhile=meanwhile)
            if disk == "rbd":  # it has two roads
                yield replace(case, meanwhile=meanwhile, failing="parent_info")


def with_options(case, **options):
    """The same case with further options."""
    return replace(case, options=case.options | options)
