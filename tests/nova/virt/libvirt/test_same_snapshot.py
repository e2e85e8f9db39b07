"""Snapshots by the lab's LibvirtDriver beside those by the installed Nova's, event by event."""

import itertools

import pytest

from tests.helpers import length
from tests.helpers.snapshots import Case

pytestmark = pytest.mark.nova
BACKENDS = "flat qcow2 lvm rbd isolate".split()
STATES = "running paused shutdown".split()
FORMATS = (None, "raw", "qcow2")
FAILURES = (
    None,
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
)
#: What the image says of an agent in the guest that can freeze its file systems.
AGENT = (
    {},
    {"hw_qemu_guest_agent": True, "os_require_quiesce": True},
    {"os_require_quiesce": True},
)
SWITCHES = tuple(itertools.product((False, True), repeat=3))


def cases(backend, power_state):
    """Return every snapshot of a disk: formats, switches, what the image says, what goes wrong."""
    for image_format, switches, agent, failing in itertools.product(
        FORMATS, SWITCHES, AGENT, FAILURES
    ):
        compress, disable, direct_io = switches
        options = {
            "snapshot_image_format": image_format,
            "snapshot_compression": compress,
            "disable_libvirt_livesnapshot": disable,
        }
        yield Case(backend, power_state, options, agent, direct_io, failing)


@pytest.mark.parametrize("power_state", STATES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_event_is_the_same(nova, lab, backend, power_state):
    every = list(cases(backend, power_state))
    # Another part for each disk and state: together they have each pair of values.
    turn = list(itertools.product(BACKENDS, STATES)).index((backend, power_state))
    some = length.some(every[turn:] + every[:turn], 20)
    for case in some:
        assert lab.snapshot(case) == nova.snapshot(case), case
    assert len(some) >= length.few(1000, 20)
