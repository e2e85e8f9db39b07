"""Which updates Nova sends, and what they say: cases small enough to check by hand."""

import pytest

from labkit import Cloud, Flavor, Fleet, Options, RequestSpec
from labkit.nova.notifications.base import MODES, send_update, send_update_with_states

SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))
UPDATE = "compute.instance.update"


def pair(vm_state, task_state=None):
    return {"vm_state": vm_state, "task_state": task_state}


def said(old, new, mode):
    """(old_state, state, old_task_state, new_task_state) of an update, None if there is none."""
    payload = send_update(pair(*old), pair(*new), mode)
    return payload and tuple(payload.values())


SPAWNING, ACTIVE = ("building", "spawning"), ("active",)
STOPPING = ("active", "powering-off")


@pytest.mark.parametrize(
    ("mode", "old", "new", "payload"),
    [
        # nothing without the option, whatever changes
        (None, SPAWNING, ACTIVE, None),
        # both modes tell a new vm_state with all four
        ("vm_state", SPAWNING, ACTIVE, ("building", "active", "spawning", None)),
        ("vm_and_task_state", SPAWNING, ACTIVE, ("building", "active", "spawning", None)),
        # a new task alone: vm_state does not keep silent, it blanks the task
        ("vm_state", ("building", "networking"), SPAWNING, ("building", *SPAWNING, "spawning")),
        (
            "vm_and_task_state",
            ("building", "networking"),
            SPAWNING,
            ("building", "building", "networking", "spawning"),
        ),
        # a task that begins at None is hidden in both
        ("vm_state", ACTIVE, STOPPING, ("active", *STOPPING, "powering-off")),
        ("vm_and_task_state", ACTIVE, STOPPING, ("active", *STOPPING, "powering-off")),
        # its end is not
        (
            "vm_and_task_state",
            STOPPING,
            ("stopped",),
            ("active", "stopped", "powering-off", None),
        ),
        # nothing changed: sent all the same
        ("vm_state", ACTIVE, ACTIVE, ("active", "active", None, None)),
        ("vm_and_task_state", ACTIVE, ACTIVE, ("active", "active", None, None)),
    ],
)
def test_what_an_update_says(mode, old, new, payload):
    assert said(old, new, mode) == payload


def test_the_first_update_of_a_server_hides_that_there_was_none_before():
    payload = send_update_with_states(
        pair("building", "scheduling"), None, "building", None, "scheduling", "vm_state"
    )
    assert list(payload.values()) == ["building", "building", "scheduling", "scheduling"]


def test_an_unknown_mode_is_named():
    with pytest.raises(ValueError, match="notify_on_state_change = 'task_state'"):
        send_update(pair("active"), pair("active"), "task_state")


# -- a boot in the cloud ----------------------------------------------------------------------
def boot(root, mode, notification_format="unversioned"):
    """The notifications of one create."""
    options = Options(notify_on_state_change=mode, notification_format=notification_format)
    cloud = Cloud(Fleet.read(root / "data" / "two_hosts"), options)
    cloud.create("web-1", SPEC)
    cloud.settle()
    return cloud.notifications


@pytest.mark.parametrize(
    ("mode", "updates", "new_vm_state", "new_task_state"),
    [(None, 0, 0, 0), ("vm_state", 7, 1, 1), ("vm_and_task_state", 7, 1, 4)],
)
def test_how_many_updates_a_boot_sends(root, mode, updates, new_vm_state, new_task_state):
    table = boot(root, mode).query("event_type == @UPDATE")
    assert len(table) == updates
    assert sum(table.old_state != table.state) == new_vm_state
    tasks = zip(table.old_task_state, table.new_task_state, strict=True)
    assert sum(old != new for old, new in tasks) == new_task_state


@pytest.mark.parametrize("mode", MODES)
def test_start_and_end_are_told_in_every_mode(root, mode):
    table = boot(root, mode)
    others = table[table.event_type != UPDATE].event_type.tolist()
    assert [name for name in others if name.startswith("compute.instance.")] == [
        "compute.instance.create.start",
        "compute.instance.create.end",
    ]


@pytest.mark.parametrize(
    ("wanted", "formats"),
    [("unversioned", {"legacy"}), ("versioned", {"versioned"}), ("both", {"legacy", "versioned"})],
)
def test_the_format_leaves_out_the_other_one(root, wanted, formats):
    assert set(boot(root, "vm_state", wanted).format) == formats
    both = boot(root, "vm_state", "both")
    mine = boot(root, "vm_state", wanted)
    kept = both[both.format.isin(formats)].event_type.tolist()
    assert mine.event_type.tolist() == kept
