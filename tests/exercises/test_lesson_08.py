"""The answers to the questions of lesson 08: each wrong repair, right ones, and not checkable."""

import re

import pytest

from labkit import LibvirtDriver
from labkit.exercises import judging, lesson_08
from labkit.nova.virt import images
from labkit.nova.virt.libvirt.imagebackend import Flat, Image, Lvm
from labkit.nova.virt.libvirt.utils import get_disk_type_from_path
from tests.helpers.asked import Asked
from tests.helpers.snapshots import Case
from tests.nova.virt.libvirt.conftest import nova  # noqa: F401 - a fixture

REPAIR = "isolate-repair"
ALL = lesson_08.PLACES


class Disk(Image):
    def __init__(self, host, instance=None, path=None):
        super().__init__(host, path, "block", "raw", is_block_dev=True)

    def snapshot_extract(self, target, out_format):
        images.convert_image(self.host, self.path, target, "raw", out_format, run_as_root=True)


class WithoutExtract(Image):
    def __init__(self, host, instance=None, path=None):
        super().__init__(host, path, "block", "raw", is_block_dev=True)


class NotYet(WithoutExtract):
    def snapshot_extract(self, target, out_format):
        raise NotImplementedError


class WithoutRoot(WithoutExtract):
    def snapshot_extract(self, target, out_format):
        images.convert_image(self.host, self.path, target, "raw", out_format)


class AlwaysRaw(WithoutExtract):
    def snapshot_extract(self, target, out_format):
        images.convert_image(self.host, self.path, target, "raw", "raw", run_as_root=True)


class TakenForQcow2(Disk):
    def snapshot_extract(self, target, out_format):
        images.convert_image(self.host, self.path, target, "qcow2", out_format, run_as_root=True)


class Silent(Disk):
    def snapshot_extract(self, target, out_format):
        try:
            super().snapshot_extract(target, out_format)
        except Exception:
            self.host.log("ERROR", "never mind")


class WithoutInit(Image):
    def snapshot_extract(self, target, out_format):
        return


def by_suffix(path):
    """As Nova names them: <uuid>_disk."""
    whole = path.startswith("/dev/") and not path.endswith("_disk")
    return "isolate" if whole else get_disk_type_from_path(path)


def repair(classify=by_suffix, cls=Disk, formats=True, cold=True, key="isolate"):
    def repair(driver):
        if classify:
            driver.get_disk_type_from_path = classify
        if cls:
            driver.image_backend.BACKEND[key] = cls
        if formats:
            driver.image_formats[key] = "raw"
        if cold:
            driver.never_live.add(key)

    return repair


def starting(beginning):
    def classify(path):
        return "isolate" if path.startswith(beginning) else get_disk_type_from_path(path)

    return repair(classify)


def and_then(work):
    def whole(driver):
        repair()(driver)
        work(driver)

    return whole


def needs_a_group(driver):
    group = driver.options.images_volume_group
    driver.get_disk_type_from_path = lambda path: (
        "lvm" if path.startswith("/dev/" + group) else "isolate"
    )


RIGHT = {
    REPAIR: [
        repair(),
        lesson_08.mend,
        repair(lambda path: "x" if by_suffix(path) == "isolate" else by_suffix(path), key="x"),
        and_then(lambda driver: driver.image_formats.update(isolate="qcow2")),
    ],
    "isolate-places": [["format", "type", "class"], {"type", "class", "format"}],
    "isolate-option": ["snapshot_image_format", "[libvirt] snapshot_image_format = raw"],
}
#: What one wrong repair after the other hears, from nothing at all to the last step.
REPAIRS = {
    "nothing": (lambda driver: driver, "still has the type 'lvm': the snapshot ends with Process"),
    "all but the type": (repair(classify=None), "still has the type 'lvm'"),
    "lvm's class": (
        lambda driver: driver.image_backend.BACKEND.update(lvm=Disk),
        "from now on every logical volume",
    ),
    "dropping lvm": (
        repair(lambda path: "rbd" if path.startswith("rbd:") else None),
        "but for /dev/vg0/",
    ),
    "all of /dev": (starting("/dev"), "but for /dev/vg0/"),
    "that disk alone": (starting("/dev/sdb"), "but for /dev/sdc"),
    "sd": (starting("/dev/sd"), "for /dev/vdb you gave 'lvm'. Not every disk is called sd"),
    "sd and vd": (starting(("/dev/sd", "/dev/vd")), "for /dev/nvme1n1 you gave 'lvm'"),
    "sd, vd and nvme": (
        starting(("/dev/sd", "/dev/vd", "/dev/nvme")),
        "for /dev/mapper/mpatha you gave 'lvm'",
    ),
    "a list of names": (
        starting(("/dev/sd", "/dev/vd", "/dev/nvme", "/dev/mapper/", "/dev/disk/")),
        "the group sd-guests, you gave 'isolate'",
    ),
    "no slash in the name": (
        repair(
            lambda p: "isolate" if re.fullmatch("/dev/[^/]+", p) else get_disk_type_from_path(p)
        ),
        "for /dev/mapper/mpatha you gave 'lvm'",
    ),
    "rbd forgotten": (
        repair(lambda path: "lvm" if path.endswith("_disk") else "isolate"),
        "it was 'rbd', and rightly",
    ),
    "files forgotten": (
        repair(lambda path: by_suffix(path) or "qcow2"),
        "it was None, and rightly",
    ),
    "a group that is not there": (needs_a_group, "images_volume_group = None"),
    "the type alone": (repair(cls=None, formats=False, cold=False), "Unknown image_type=isolate"),
    "the notes' two places": (
        repair(formats=False, cold=False),
        "Unknown file format 'isolate'",
    ),
    "two places, cold": (repair(formats=False), "Unknown file format 'isolate'"),
    "a flat file": (
        repair(lambda path: None if by_suffix(path) == "isolate" else by_suffix(path)),
        "without root",
    ),
    "Flat": (repair(cls=Flat), "May the user nova read /dev/sdb"),
    "Lvm": (repair(cls=Lvm), "The guest is shutdown after it"),
    "abstract": (repair(cls=WithoutExtract), "how its disk is written"),
    "not implemented": (repair(cls=NotYet), "how its disk is written"),
    "without root": (repair(cls=WithoutRoot), "May the user nova read /dev/sdb"),
    "always raw": (repair(cls=AlwaysRaw), "is called 'qcow2', but qemu-img wrote raw"),
    "raw, and no map": (repair(cls=AlwaysRaw, formats=False), "is called 'isolate'"),
    "taken for qcow2": (repair(cls=TakenForQcow2), "no format but raw"),
    "constructor": (repair(cls=WithoutInit), "is made with (host"),
    "live": (repair(cold=False), "it has to be cold"),
    "silent": (repair(cls=Silent), "nobody hears of it"),
    "lvm live": (and_then(lambda driver: driver.never_live.discard("lvm")), "a server on lvm"),
    "lvm's format": (and_then(lambda driver: driver.image_formats.pop("lvm")), "a server on lvm"),
    "nothing live": (and_then(lambda driver: driver.never_live.add("qcow2")), "a server on qcow2"),
    "rbd's class": (
        and_then(lambda driver: driver.image_backend.BACKEND.update(rbd=Disk)),
        "a server on rbd",
    ),
    "a slip": (lambda driver: driver.disk_types, "raises AttributeError"),
    "a slip later": (repair(lambda path: path.type), "raises AttributeError"),
    "no guests": (
        and_then(lambda driver: setattr(driver, "root_disk", None)),
        "not even come to a snapshot",
    ),
}


WRONG = {
    REPAIR: list(REPAIRS.values()),
    "isolate-places": [
        (["type", "class"], "Unknown file format"),
        (["type"], "Unknown image_type"),
        (["class", "format", "cold"], 'Volume group "sdb" not found'),
        (list(ALL), "can be left out"),
    ],
    "isolate-option": [
        ("snapshot_compression", "-c"),
        ("disable_libvirt_livesnapshot", "cold"),
        ("images_type", "path decides"),
        ("image_format", "Asked"),
    ],
}
NOT_CHECKABLE = [
    (REPAIR, 5, "without calling it"),
    (REPAIR, LibvirtDriver, "without calling it"),
    (REPAIR, repair()(LibvirtDriver()) or LibvirtDriver(), "without calling it"),
    (REPAIR, lambda driver: driver.never_live, "returns {'lvm'} (set)"),
    ("isolate-places", 4, "4 (int)"),
    ("isolate-places", ["type", "backend"], "'backend'"),
    ("isolate-option", 5, "(int)"),
]
SOLUTIONS = {
    REPAIR: "Type, class, format, and cold. ",
    "isolate-places": "type, class, format. With these the image arrives, live. No smaller set",
    "isolate-option": "snapshot_image_format. When it is set, the type is never taken for a format.",
}


class TestAnswers(Asked):
    lesson = lesson_08


def test_an_answer_does_not_change_the_driver_of_the_next():
    assert judging.check(REPAIR, repair()).outcome == "right"
    assert judging.check(REPAIR, lambda driver: driver).outcome == "wrong"


def test_what_the_notes_name_is_needed_and_not_enough():
    assert not lesson_08.arrives(("type", "class"))
    assert not lesson_08.arrives(("type", "format"))
    assert not lesson_08.arrives(("class", "format", "cold"))
    assert lesson_08.arrives(("type", "class", "format"))
    assert lesson_08.arrives(ALL)


@pytest.mark.nova
@pytest.mark.parametrize("state", lesson_08.STATES)
@pytest.mark.parametrize(
    ("places", "fixes"), [((), ""), (("type",), "A"), (("type", "class"), "ABC")]
)
def test_the_check_names_what_stops_the_real_nova(nova, places, fixes, state):  # noqa: F811
    seen = lesson_08.Outcome(lambda driver: lesson_08.mend(driver, places), state=state)
    real = nova.snapshot(Case("isolate", state, fixes=fixes))
    name, words = real["raised"]
    assert seen.raised.startswith(f"{name}: ")
    assert seen.raised.endswith(words.splitlines()[-1].rpartition("{tmp}")[2])
    assert seen.power_state == real["left"]["power_state"]


@pytest.mark.nova
@pytest.mark.parametrize("state", lesson_08.STATES)
def test_the_option_helps_the_real_nova_too(nova, state):  # noqa: F811
    options = {"snapshot_image_format": "raw"}
    assert lesson_08.arrives(("type", "class"), **options)
    real = nova.snapshot(Case("isolate", state, options, fixes="ABC"))
    assert real["raised"] is None
    assert real["left"]["power_state"] == state


@pytest.mark.nova
def test_a_live_snapshot_looks_at_the_disk_without_root_in_nova_too(nova):  # noqa: F811
    options = {"snapshot_image_format": "raw"}
    real = nova.snapshot(Case("isolate", "running", options, fixes="ABC"))
    looks = [event for event in real["events"] if event[0] == "execute" and "/dev/sdb" in event[1]]
    assert looks
    assert all("qemu-img info" in words and not root for _, words, root in looks)
