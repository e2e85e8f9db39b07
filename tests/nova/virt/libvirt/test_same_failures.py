"""What the manager makes of a snapshot that fails, beside the installed Nova's, event by event."""

import itertools

import pytest

from tests.helpers import length
from tests.helpers.snapshots import REFUSALS, Case
from tests.nova.virt.libvirt.test_same_snapshot import BACKENDS, FAILURES, STATES

pytestmark = pytest.mark.nova
#: A snapshot has eight saves at most; the server may be on its way out at each.
REFUSED = tuple(itertools.product(range(1, 9), REFUSALS))
ONE = [*((failing, None) for failing in FAILURES), *((None, refused) for refused in REFUSED)]
#: Of two things that go wrong in one snapshot every 13th pair: all of them took a minute.
TWO = list(itertools.product(FAILURES[1:], REFUSED))[::13]


@pytest.mark.parametrize("power_state", STATES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_image_task_and_guest_are_left_alike(managed_nova, managed_lab, backend, power_state):
    cases = length.some(itertools.product((False, True), ONE + TWO), 3)
    for disable, (failing, refused) in cases:
        options = {"disable_libvirt_livesnapshot": disable}
        case = Case(backend, power_state, options, failing=failing, refused=refused)
        assert managed_lab.snapshot(case) == managed_nova.snapshot(case), case
    assert len(ONE + TWO) == 68
