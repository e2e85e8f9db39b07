"""Lesson 08: the backend of whole disks, repaired by the learner, and what is still wrong."""

import functools
import itertools
import re

from labkit.cloud.faults import Fault
from labkit.exercises.answers import function, listed, names, raised, result, shown, text
from labkit.exercises.judging import Question, Uncheckable, Wrong
from labkit.nova.compute import power_state
from labkit.nova.conf import Options
from labkit.nova.virt import images
from labkit.nova.virt.libvirt.driver import LibvirtDriver
from labkit.nova.virt.libvirt.guest import RootDisk
from labkit.nova.virt.libvirt.imagebackend import Image
from labkit.nova.virt.libvirt.utils import get_disk_type_from_path
from labkit.studies.one_server import ACTIONS, act, one_server

DISK = "/dev/sdb"
STATES = tuple(ACTIONS)
PLACES = ("type", "class", "format", "cold")
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


# -- playing a repair ----------------------------------------------------------------------
class Isolate(Image):
    """A whole disk of the host, as the solution has it."""

    def __init__(self, host, instance=None, path=None):
        super().__init__(host, path, "block", "raw", is_block_dev=True)

    def snapshot_extract(self, target, out_format):
        """Convert the disk, as root."""
        images.convert_image(
            self.host, self.path, target, self.driver_format, out_format, run_as_root=True
        )


def whole_disk(instance):
    """Return the root disk of a server that has a disk of the host for itself."""
    return RootDisk("block", DISK, size_mb=1024, allocated_mb=1024)


def mend(driver, places=PLACES):
    """Repair a driver at some of the PLACES, and return it."""
    if "type" in places:
        driver.get_disk_type_from_path = _by_group(driver.options.images_volume_group)
    if "class" in places:
        driver.image_backend.BACKEND["isolate"] = Isolate
    if "format" in places:
        driver.image_formats["isolate"] = "raw"
    if "cold" in places:
        driver.never_live.add("isolate")
    return driver


def _by_group(group):
    def disk_type(path):
        if path.startswith("/dev/") and not path.startswith(f"/dev/{group}/"):
            return "isolate"
        return get_disk_type_from_path(path)

    return disk_type


class Outcome:
    """One snapshot of a server, web-1, on the only host, and what it left."""

    def __init__(self, repair, disk=whole_disk, state="running", fault=None, **options):
        def made(options):
            driver = LibvirtDriver(options, disk)
            return repair(driver) or driver

        faults = [] if fault is None else [fault]
        cloud = one_server(options=Options(**options), faults=faults, driver=made)
        act(cloud, *ACTIONS[state], "createImage")
        host = cloud.driver("cn-1").host
        log = cloud.host_log
        self.options, self.state = options, state
        self.power_state = power_state.STATE_MAP[host.guests[cloud.show("web-1")["id"]]]
        self.images = cloud.images[["status", "disk_format", "size"]].to_dict("records")
        self.files = sorted(host.files)
        self.log = list(zip(log.kind, log.what, strict=True))
        self.raised = next((what for kind, what in self.log if kind == "raised"), None)
        self.stages = list(cloud.stages.stage)
        self.task_state = cloud.show("web-1")["task_state"]

    @property
    def where(self):
        """The situation in words."""
        wanted = self.options.get("snapshot_image_format")
        return f"web-1 {self.state}" + (f" and snapshot_image_format = {wanted}" if wanted else "")

    @property
    def commands(self):
        """What was run, as lists of words; the last word is "root)" if root did it."""
        return [what.split() for kind, what in self.log if kind == "execute"]

    @property
    def why(self):
        """What the snapshot ended with, and the last words of a command that failed."""
        said = [what for kind, what in self.log if kind == "returned"]
        name, _, text = self.raised.partition(": ")
        text = said[-1] if said else text
        return f"{name} ({' '.join(text.split())})" if text else name.rstrip(": ")


@functools.cache
def arrives(places, **options):
    """Whether the image arrives, and the guest is as it was, with a repair at these places."""
    for state in STATES:
        seen = Outcome(lambda driver: mend(driver, places), state=state, **options)
        if seen.raised or seen.power_state != state:
            return False
    return True


@functools.cache
def smallest():
    """The fewest PLACES with which the image arrives."""
    for number in range(len(PLACES) + 1):
        for places in itertools.combinations(PLACES, number):
            if arrives(places):
                return places
    raise AssertionError("no repair does it")


# -- judging -------------------------------------------------------------------------------
def repaired(repair, driver):
    """Return the driver after the learner's function."""
    given = result(repair, driver, of="this driver")
    if given is not None and not isinstance(given, LibvirtDriver):
        raise Uncheckable(f"The function that you gave returns {shown(given)}. Asked: the driver.")
    return driver if given is None else given


def judge_repair(answer):
    """Raise Wrong with what is wrong first: the type, a state, a failure, or another backend."""
    repair = function(answer, "a function of a LibvirtDriver that changes it")
    for judge in (_types, _each_state, _failing, _other_backends):
        judge(repair)


def _played(repair, **situation):
    try:
        return Outcome(lambda driver: repaired(repair, driver), **situation)
    except (Wrong, Uncheckable):
        raise
    except Exception as error:  # so broken a driver that there is no snapshot
        words = f"it does not even come to a snapshot: {raised(error)}"
        raise Wrong(f"With what you gave, {words}.") from None


def _types(repair):
    # The disk is no logical volume, and each logical volume still is one.
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
    # Say what comes of a disk that is taken for a logical volume.
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
    where = f"{path}, with images_volume_group = {group},"
    return result(driver.get_disk_type_from_path, path, of=where)


def _each_state(repair):
    # The image arrives, in the format that is asked for, and the guest is as it was.
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
    # A line that reads the disk itself does so as root, and takes it for what it is.
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
    # When qemu-img fails, the guest goes on and nothing is left behind.
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


@functools.cache
def _usual(backend, state):
    return Outcome(lambda driver: driver, None, state, **OTHERS[backend])


def _other_backends(repair):
    # For the disks that Nova knows nothing changes.
    for name, options in OTHERS.items():
        for state in STATES:
            now = _played(repair, disk=None, state=state, **options)
            usual = _usual(name, state)
            pairs = [(", ".join(now.stages) or "no stage", ", ".join(usual.stages))]
            logs = ([what for _, what in seen.log] for seen in (now, usual))
            pairs += itertools.zip_longest(*logs, fillvalue="nothing")
            pairs.append((now.images, usual.images))
            for does, did in pairs:
                if does != did:
                    raise Wrong(
                        f"With what you gave, a server on {name}, {state}, is treated otherwise than "
                        f"before: {does}, not {did}."
                    )


def _judge_places(answer):
    given = names(answer, PLACES, f"a list of some of {', '.join(PLACES)}")
    places = tuple(place for place in PLACES if place in given)
    if set(places) == set(smallest()):
        return
    shown = listed(places)
    if not arrives(places):
        seen = Outcome(lambda driver: mend(driver, places))
        raise Wrong(f"You gave {shown}. Then the snapshot ends with {seen.why}.")
    raise Wrong(f"You gave {shown}. With these it arrives, but one of them can be left out.")


def options_that_help():
    """The snapshot options with which type and class alone are enough."""
    tried = {
        "snapshot_image_format": {"snapshot_image_format": "raw"},
        "snapshot_compression": {"snapshot_compression": True},
        "disable_libvirt_livesnapshot": {"disable_libvirt_livesnapshot": True},
        "images_type": {"images_type": "raw"},
    }
    return {name: arrives(("type", "class"), **options) for name, options in tried.items()}


def _judge_option(answer):
    asked = "the name of one option of nova.conf"
    given = text(answer, asked).lower().partition("=")[0]
    given = re.sub(r"^\W*(libvirt|workarounds)\W+", "", given).strip()
    helps = options_that_help()
    if helps.get(given):
        return
    why = {
        "snapshot_compression": "It asks for -c, and only when the format is qcow2.",
        "disable_libvirt_livesnapshot": "Then the snapshot is cold. What is qemu-img told?",
        "images_type": "The path decides which backend it is; who reads images_type?",
    }
    otherwise = "Asked: what the driver asks for before it takes the type for the format."
    raise Wrong(f"You gave {given}. {why.get(given, otherwise)}")


QUESTIONS = (
    Question(
        "isolate-repair",
        "Repair the driver, so that a server on a whole disk gets its image and goes on as it was. "
        "Give a function of the driver that changes its get_disk_type_from_path, "
        "image_backend.BACKEND, image_formats or never_live. The check plays it and says what is "
        "still wrong.",
        judge_repair,
        (
            (
                "Nova makes the path of a volume itself: /dev/<images_volume_group>/<uuid>_disk. The "
                "driver has options.images_volume_group."
            ),
            (
                "A class like Lvm that asks for no volume group: super().__init__(host, path, 'block', "
                "'raw', is_block_dev=True)."
            ),
            (
                "The format of the image begins as the type of the disk; driver.image_formats says "
                "what a type is called outside Nova."
            ),
            "driver.never_live is a set: the types whose guests stand still for a snapshot.",
        ),
        lambda: (
            "Type, class, format, and cold. The check played it running, paused and shut off, as raw and "
            "as qcow2, with a qemu-img that fails, and for flat, qcow2, lvm and rbd."
        ),
    ),
    Question(
        "isolate-places",
        "On your hosts the user nova may read the disks. Which are the fewest of these repairs "
        f"with which the image arrives: {', '.join(PLACES)}? Give a list.",
        _judge_places,
        (
            "With type and class alone, what was qemu-img told to write?",
            "On which hosts must a snapshot be cold?",
        ),
        lambda: (
            f"{', '.join(smallest())}. With these the image arrives, live. No smaller set does; where "
            "nova may not read the disk, cold is the fourth."
        ),
        given=lambda: mend,
    ),
    Question(
        "isolate-option",
        "Somebody repaired type and class alone, and you may change nova.conf only. Which option "
        "lets the image arrive? Give its name.",
        _judge_option,
        (
            "What does the driver ask before it takes the type for the format?",
            "An option that begins with snapshot_.",
        ),
        lambda: (
            ", ".join(name for name, helps in options_that_help().items() if helps)
            + ". When it is set, the type is never taken for a format."
        ),
    ),
)
