"""Lesson 08: the backend of whole disks, repaired by the learner, and what is still wrong."""

from labkit.exercises import read
from labkit.exercises.checks import Question, Uncheckable, Wrong
from labkit.exercises.whole_disk import PLACES, Outcome, arrives, mend, smallest
from labkit.exercises.whole_disk_repair import judge_repair


def _judge_places(answer):
    asked = f"a list of some of {', '.join(PLACES)}"
    if isinstance(answer, str) or not isinstance(answer, (list, tuple, set, frozenset)):
        raise Uncheckable(f"This is one {type(answer).__name__}. Asked: {asked}.")
    given = {str(one).strip().lower() for one in answer}
    for unknown in sorted(given - set(PLACES)):
        raise Uncheckable(f"You gave {unknown!r}. Asked: {asked}.")
    places = tuple(place for place in PLACES if place in given)
    if set(places) == set(smallest()):
        return
    shown = ", ".join(places)
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
    given = read.text(answer, asked).lower().partition("=")[0].strip()
    given = given.removeprefix("[libvirt]").removeprefix("[workarounds]").strip(" ./")
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
            "The notes name two.",
            "For whom has a snapshot to be cold?",
        ),
        lambda: (
            f"{', '.join(smallest())}. With these the image arrives, live. No smaller set does; where "
            "nova may not read the disk, cold is the fourth."
        ),
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
