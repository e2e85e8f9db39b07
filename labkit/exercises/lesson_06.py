"""Lesson 06: when compression applies and pays, and what a log says."""

import functools
import math
from datetime import datetime, timedelta

from labkit.cloud.durations import SnapshotCosts
from labkit.exercises.answers import choose, each, listed, number_is
from labkit.exercises.judging import Question
from labkit.nova.conf import Options
from labkit.nova.objects import Flavor, RequestSpec
from labkit.nova.virt.libvirt.driver import LibvirtDriver
from labkit.studies.one_server import act, one_server

BACKENDS = ("raw", "qcow2", "lvm", "rbd")
DISKS = tuple(f"{backend} {guest}" for backend in BACKENDS for guest in ("running", "stopped"))
#: What compression leaves in the question of the network.
RATIO = 0.25
_BEGIN = datetime(2026, 1, 15, 10)  # noqa: DTZ001 - a log has no zone
_SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=10))


@functools.cache
def _taken(backend, guest="running", compress=False):
    options = {"snapshot_compression": True, "snapshot_image_format": "qcow2"} if compress else {}
    options = Options(images_type=backend, images_volume_group="vg0", **options)
    stop = ["stop"] if guest == "stopped" else []
    cloud = one_server(*stop, spec=_SPEC, options=options, seed=6, driver=LibvirtDriver)
    cloud.run(30)
    return act(cloud, "createImage")


@functools.cache
def compressed():
    """The disks that are compressed when both options say so."""
    return [
        disk
        for disk in DISKS
        if any(" -c " in c for c in _taken(*disk.split(), compress=True).stages.command)
    ]


@functools.cache
def limit():
    """The speed of the network, in MiB/s, below which compressing a qcow2 disk pays."""
    return SnapshotCosts.read().compression_pays_below(RATIO, "overlay")


def log_lines(then=False):
    """Return the lines that one compressed snapshot of a stopped server leaves in nova-compute.log.

    In: *then*, the form of the notes' cloud, of which only the two lines around the commands are
    known; otherwise that of Nova 34.0.0 with ``debug = True``. The times are the model's.

    >>> for line in log_lines(then=True):
    ...     print(line)
    2026-01-15 10:00:30.267 Start executing commands
    2026-01-15 10:02:12.667 End executing commands

    Source: ``execute`` in oslo_concurrency/processutils.py; ``snapshot`` in
    nova/virt/libvirt/driver.py and ``_snapshot_instance`` in nova/compute/manager.py, Nova 34.0.0.
    """
    cloud = _taken("qcow2", "stopped", compress=True)
    convert = cloud.stages.set_index("stage").loc["convert"]
    if then:
        lines = [
            (convert.start_s, "Start executing commands"),
            (convert.end_s, "End executing commands"),
        ]
        return [f"{_stamp(t_s)} {text}" for t_s, text in lines]
    started = cloud.calls.query("call == 'snapshot'").t_s.iloc[0]
    log = cloud.host_log.query("kind == 'log'")
    cmd, took = convert.command, log.t_s.iloc[-1] - started
    lines = [
        (t_s, f"INFO nova.virt.libvirt.driver {text.removeprefix('INFO ')}")
        for t_s, text in zip(log.t_s, log.what, strict=True)
    ]
    debug = "DEBUG oslo_concurrency.processutils"
    lines[1:1] = [
        (convert.start_s, f"{debug} Running cmd (subprocess): {cmd}"),
        (
            convert.end_s,
            f'{debug} CMD "{cmd}" returned: 0 in {convert.end_s - convert.start_s:.3f}s',
        ),
    ]
    words = f"Took {took:.2f} seconds to snapshot the instance on the hypervisor."
    lines.append((log.t_s.iloc[-1], f"INFO nova.compute.manager {words}"))
    return [f"{_stamp(t_s)} {text}" for t_s, text in lines]


def _stamp(t_s):
    return (_BEGIN + timedelta(seconds=t_s)).isoformat(" ", "milliseconds")


def durations():
    """Seconds of the convert, of the upload, and of all that the INFO line counts."""
    cloud = _taken("qcow2", "stopped", compress=True)
    seconds = (cloud.stages.end_s - cloud.stages.start_s).tolist()
    took = cloud.stages.end_s.iloc[-1] - cloud.calls.query("call == 'snapshot'").t_s.iloc[0]
    return [*seconds, took]


# -- the sentence for a mistake ----------------------------------------------------------------
def _not_compressed(disk, given):
    words = "Its snapshot_extract calls convert_image, which has no -c."
    if disk.startswith("rbd"):
        words = "qemu-img does not run there."
    elif disk.startswith("raw"):
        words = "Of a raw file only what is live passes extract_snapshot."
    return f"You gave {disk}. {words}"


def _also_compressed(disk, given):
    words = "Which backend calls extract_snapshot itself?"
    if disk.endswith("running"):
        words = "What does a live snapshot convert: the disk, or the mirror of it?"
    return f"You gave {listed(given)}. One is missing. {words}"


def _limit_slip(given, exact):
    costs = SnapshotCosts.read()
    if math.isclose(given, costs.compression_pays_below(RATIO), rel_tol=0.03):
        return "That is for a raw source. A qcow2 disk is the row overlay of the table."
    if math.isclose(given, costs.compression_pays_below(1 - RATIO, "overlay"), rel_tol=0.03):
        return "The ratio is what compression leaves; what counts is what it saves."
    return "Saved seconds per MiB: (1 - ratio) / speed. Lost: s_per_mib with -c less without."


def _log_slip(name, one, exact):
    convert, _, took = durations()
    if math.isclose(one, took, abs_tol=0.02):
        return "That is the INFO line: it counts the upload too."
    if name == "upload" and math.isclose(one, took - convert, abs_tol=0.02):
        return "The rest of the INFO line also holds what came before the command."
    return "The CMD line has its seconds; the upload is between two INFO lines."


QUESTIONS = (
    Question(
        "compressed-disks",
        "With snapshot_compression = True and snapshot_image_format = qcow2, which of these disks "
        f"are compressed: {', '.join(DISKS)}? Give a list of names.",
        choose(
            DISKS,
            compressed,
            "names like 'raw running' in a list",
            _not_compressed,
            _also_compressed,
        ),
        (
            "-c is added in extract_snapshot alone. Who calls it?",
            "Every live snapshot ends in it; of the backends only Qcow2 calls it itself.",
        ),
        lambda: (
            ", ".join(compressed()) + ". lvm and a stopped raw file go through convert_image, "
            "without -c; for rbd qemu-img does not run."
        ),
    ),
    Question(
        "compression-pays-below",
        f"A large qcow2 disk shrinks to {RATIO:g} of its size under -c. Below which speed of the "
        "network, in MiB/s, is its snapshot sooner complete with -c? Give a number.",
        number_is(limit, "MiB/s, one number", _limit_slip, close=0.03),
        (
            "Per MiB: -c costs s_per_mib more; the upload is shorter by (1 - ratio) / speed.",
            "Both are equal at speed = (1 - ratio) / (s_per_mib with -c - s_per_mib without).",
        ),
        lambda: f"{limit():.1f} MiB/s, by the measured seconds; another processor, another limit.",
    ),
    Question(
        "how-long-did-it-compress",
        "By the log of today, how many seconds did the compressing take, and how many the upload? "
        "Give a list of two numbers.",
        each(
            {"the compressing": "compressing", "the upload": "upload"},
            lambda: durations()[:2],
            "two numbers in a list: seconds of the compressing, seconds of the upload",
            _log_slip,
            within=0.02,
        ),
        (
            "qemu-img's own seconds stand in the line CMD ... returned.",
            "The upload lies between 'Snapshot extracted' and 'upload complete'.",
        ),
        lambda: (
            "{:.1f} s for qemu-img and {:.1f} s for the upload; the INFO line's {:.2f} s hold "
            "both.".format(*durations())
        ),
        given=lambda: [*log_lines(then=True), *log_lines()],
    ),
)
