"""The guards: what they look at, in which order, in which words."""

from types import SimpleNamespace

import pytest

from labkit.nova.compute.api import ANY, GUARDS, Guard, check
from labkit.nova.exception import (
    InstanceInvalidState,
    InstanceIsLocked,
    InstanceNotReady,
    NovaException,
    ServiceUnavailable,
)


def server(**fields):
    """An active server without a task, but for *fields*."""
    usual = {
        "uuid": "u1",
        "vm_state": "active",
        "task_state": None,
        "launched_at": 1.0,
        "locked": False,
        "host": "cn-1",
    }
    return SimpleNamespace(**usual | fields)


def refusal(name, instance, **who):
    """What a guard raises, None if it lets the action begin."""
    try:
        check(GUARDS[name], instance, name, **who)
    except Exception as error:
        return error
    return None


def test_an_action_begins_in_its_states_and_nowhere_else():
    assert refusal("pause", server()) is None
    error = refusal("pause", server(vm_state="stopped"))
    assert type(error) is InstanceInvalidState
    assert str(error) == "Cannot 'pause' instance u1 while it is in vm_state stopped"
    assert error.code == 409


def test_a_task_stands_in_the_way():
    error = refusal("stop", server(task_state="image_snapshot"))
    assert str(error) == "Cannot 'stop' instance u1 while it is in task_state image_snapshot"


def test_the_vm_state_is_looked_at_before_the_task_state():
    error = refusal("pause", server(vm_state="stopped", task_state="powering-on"))
    assert error.kwargs["attr"] == "vm_state"


def test_what_never_was_up_cannot_be_stopped_but_deleted():
    error = refusal("stop", server(vm_state="error", launched_at=None))
    assert str(error) == "Instance u1 is in an invalid state for 'stop'"
    assert refusal("delete", server(vm_state="error", launched_at=None)) is None
    assert refusal("soft_delete", server(vm_state="error", launched_at=None)) is not None


def test_a_lock_holds_all_but_administrators():
    locked = server(locked=True)
    assert type(refusal("stop", locked, is_admin=False)) is InstanceIsLocked
    assert refusal("stop", locked, is_admin=True) is None
    assert refusal("snapshot", locked, is_admin=False) is None  # Nova does not ask there


def test_the_lock_comes_first_then_the_host_then_the_states_then_whether_the_host_is_up():
    worst = {"locked": True, "host": None, "vm_state": "paused", "task_state": "deleting"}
    everything = Guard(("active",), needs_host=True, needs_host_up=True)
    seen = []
    for mended in ({}, {"locked": False}, {"host": "cn-1"}, {"vm_state": "active"}):
        worst |= mended
        with pytest.raises(NovaException) as refused:
            check(everything, server(**worst), "x", is_admin=False, host_is_up=False)
        seen.append(refused.type)
    with pytest.raises(ServiceUnavailable):
        check(everything, server(), "x", is_admin=False, host_is_up=False)
    assert seen == [InstanceIsLocked, InstanceNotReady, InstanceInvalidState, InstanceInvalidState]


def test_a_console_is_refused_in_two_tasks_only():
    assert refusal("get_vnc_console", server(task_state="rebooting")) is None
    error = refusal("get_vnc_console", server(task_state="migrating"))
    assert type(error) is InstanceInvalidState


def test_a_hard_reboot_is_the_way_out_where_a_soft_one_is_refused():
    for instance in (server(vm_state="error"), server(task_state="rebooting")):
        assert refusal("_soft_reboot", instance) is not None
        assert refusal("_hard_reboot", instance) is None
    assert refusal("_hard_reboot", server(task_state="powering-off")) is not None


def test_delete_looks_at_no_state():
    assert GUARDS["delete"].vm_state is ANY
    assert GUARDS["delete"].task_state is ANY
