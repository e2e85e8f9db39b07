"""What is still wrong with a repair of the backend of whole disks: played, step by step."""

import itertools

from labkit.cloud.faults import Fault
from labkit.exercises import read
from labkit.exercises.checks import Uncheckable, Wrong
from labkit.exercises.whole_disk import DISK, STATES, Outcome
from labkit.nova.conf import Options
from labkit.nova.virt.libvirt.driver import LibvirtDriver

#: Whole disks have many names: by their driver, over several cables, by their serial number.
OTHER_DISKS = ("/dev/sdc", "/dev/vdb", "/dev/nvme1n1")
DEEPER_DISKS = ("/dev/mapper/mpatha", "/dev/disk/by-id/wwn-0x5000c500a0b1c2d3")
#: Volume groups are called as somebody likes.
GROUPS, MISLEADING_GROUP = ("vg0", "nova"), "sd-guests"
VOLUME = "5e51a4a1-3f0c-5d54-9b1b-2a6f2bd0a001_disk"
FORMATS = (None, "raw", "qcow2")
#: What the other backends need of nova.conf.
OTHERS = {
    "flat": {"images_type": "raw"},
    "qcow2": {"images_type": "qcow2"},
    "lvm": {"images_type": "lvm", "images_volume_group": "vg0"},
    "rbd": {"images_type": "rbd", "images_rbd_pool": "vms"},
}


def repaired(repair, driver):
    """Return the driver after the learner's function."""
    try:
        given = repair(driver)
    except Exception as error:  # whatever a learner's function raises
        raised = f"{type(error).__name__}: {error}"
        raise Wrong(f"The function that you gave raises {raised}.") from None
    if given is not None and not isinstance(given, LibvirtDriver):
        shown = read.shown(given)
        raise Uncheckable(f"The function that you gave returns {shown}. Asked: the driver.")
    return driver if given is None else given


def judge_repair(answer):
    """Raise Wrong with what is wrong first: the type, a state, a failure, or another backend."""
    asked = "a function of a LibvirtDriver that changes it"
    repair = read.function(answer, asked)
    for judge in (_types, _each_state, _failing, _other_backends):
        judge(repair)


def _played(repair, **situation):
    """Play one snapshot with the learner's function."""
    try:
        return Outcome(lambda driver: repaired(repair, driver), **situation)
    except (Wrong, Uncheckable):
        raise
    except Exception as error:  # so broken a driver that there is no snapshot
        raised = f"{type(error).__name__}: {error}"
        raise Wrong(f"With what you gave, it does not even come to a snapshot: {raised}.") from None


def _types(repair):
    """The disk is no logical volume, and each logical volume still is one."""
    _type(repair, DISK, None)
    first = _type(repair, DISK)
    if first == "lvm":
        raise Wrong(f"With what you gave, {DISK} still has the type 'lvm'{_still(repair)}")
    for group in GROUPS:
        _a_volume(repair, group, "Nova made that path itself.")
    for path, right in (("rbd:vms/" + VOLUME, "rbd"), ("/var/lib/nova/instances/1/disk", None)):
        given = _type(repair, path)
        if given != right:
            raise Wrong(f"For {path} you gave {given!r}; it was {right!r}, and rightly.")
    for path in (*OTHER_DISKS, *DEEPER_DISKS):
        given = _type(repair, path)
        if given != first:
            words = "What do you know of the names of logical volumes?"
            if path in OTHER_DISKS[1:]:
                words = "Not every disk is called sd."
            raise Wrong(f"{DISK} is {first!r}, but for {path} you gave {given!r}. {words}")
    _a_volume(repair, MISLEADING_GROUP, "A volume group may have such a name.")


def _still(repair):
    """Say what comes of a disk that is taken for a logical volume."""
    seen = _played(repair)
    if not seen.raised:
        return ": the image arrives, and from now on every logical volume is treated like a disk."
    return (
        f": the snapshot ends with {seen.why}, and the guest, running before, is "
        f"{seen.power_state} after it."
    )


def _a_volume(repair, group, words):
    path = f"/dev/{group}/{VOLUME}"
    given = _type(repair, path, group)
    if given != "lvm":
        raise Wrong(
            f"{DISK} is no 'lvm' any more, but for {path}, a logical volume in the group {group}, "
            f"you gave {given!r}. {words}"
        )


def _type(repair, path, group="vg0"):
    driver = repaired(repair, LibvirtDriver(Options(images_volume_group=group)))
    try:
        return driver.get_disk_type_from_path(path)
    except Exception as error:
        raised = f"{type(error).__name__}: {error}"
        where = f"{path}, with images_volume_group = {group}"
        raise Wrong(f"For {where}, the function that you gave raises {raised}.") from None


def _each_state(repair):
    """The image arrives, in the format that is asked for, and the guest is as it was."""
    for wanted, state in itertools.product(FORMATS, STATES):
        seen = _played(repair, state=state, snapshot_image_format=wanted)
        begin = f"With what you gave, {seen.where}"
        if seen.raised:
            off = seen.power_state != state
            left = f"is {seen.power_state} after it" if off else f"is {state}, as before"
            raise Wrong(f"{begin}: {seen.why}. The guest {left}. {_advice(seen)}")
        for command in seen.commands:
            _look_at(command, begin)
        called = seen.images[0]["disk_format"]
        if called not in ([wanted] if wanted else ["raw", "qcow2"]):
            raise Wrong(f"{begin}: the image is called {called!r}. Which format was asked for?")
        wrote = next((c[c.index("-O") + 1] for c in seen.commands[::-1] if "-O" in c), "nothing")
        if wrote != called:
            raise Wrong(
                f"{begin}: the image is called {called!r}, but qemu-img wrote {wrote}. Who hands "
                "it the format?"
            )
        if seen.power_state != state:
            raise Wrong(f"{begin}: the image arrives, and the guest is {seen.power_state}.")


def _look_at(command, begin):
    """A line that reads the disk itself does so as root, and takes it for what it is."""
    if DISK not in command:
        return
    line = " ".join(command[command.index("qemu-img") : command.index(DISK) + 1])
    if "info" in command:
        raise Wrong(
            f"{begin}: a live snapshot runs {line} ... without root. Where the user nova may not "
            "read the disk, it has to be cold, as for lvm."
        )
    if command[command.index("-f") + 1] != "raw":
        raise Wrong(f"{begin}: {line} ... A whole disk has no format but raw.")
    if command[-1] != "root)":
        raise Wrong(f"{begin}: {line} ... without root. May the user nova read {DISK}?")


def _advice(seen):
    if "Unknown image_type" in seen.raised:
        return "The type is there, but the table of backends has no class for it."
    if "Unknown file format" in seen.why:
        return "qemu-img was handed a word of Nova's and not a format. Who turns lvm into raw?"
    if "abstract" in seen.raised or seen.raised.startswith("NotImplementedError"):
        return "A backend has to say how its disk is written into a file."
    if seen.raised.startswith("TypeError") and "__init__" in seen.raised:
        return "A backend is made with (host, instance=..., path=...)."
    return "Look at host_log: how far did it get?"


def _failing(repair):
    """When qemu-img fails, the guest goes on and nothing is left behind."""
    for state in STATES:
        full = Fault("extract", error="ProcessExecutionError")
        seen = _played(repair, state=state, fault=full)
        begin = f"With what you gave, {seen.where} and qemu-img convert failing"
        if not seen.raised:
            raise Wrong(f"{begin}: nobody hears of it. An error has to go on to the manager.")
        if seen.images or seen.files or seen.task_state is not None:
            raise Wrong(f"{begin}: something is left behind: {seen.images or seen.files}.")
        if seen.power_state != state:
            raise Wrong(f"{begin}: the guest is {seen.power_state} after it.")


def _other_backends(repair):
    """For the disks that Nova knows nothing changes."""
    for name, options in OTHERS.items():
        for state in STATES:
            now = _played(repair, disk=None, state=state, **options)
            usual = Outcome(lambda driver: driver, None, state, **options)
            if now.stages != usual.stages:
                raise Wrong(
                    f"With what you gave, a server on {name}, {state}, is treated otherwise than "
                    f"before: {', '.join(now.stages) or 'no stage'}, not {', '.join(usual.stages)}."
                )
            if (now.log, now.images) != (usual.log, usual.images):
                row = next(
                    (pair for pair in zip(now.log, usual.log, strict=False) if pair[0] != pair[1]),
                    (("", now.images), ("", usual.images)),
                )
                raise Wrong(
                    f"With what you gave, a server on {name}, {state}, is treated otherwise than "
                    f"before: {row[0][1]}, not {row[1][1]}."
                )
