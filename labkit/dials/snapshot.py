"""The dial of snapshots: choose where the disk lies and how fast the network is; see what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.cloud.cloud import Cloud
from labkit.cloud.durations import SnapshotCosts, steps
from labkit.dials.panel import Buttons, Panel, Steps, tick
from labkit.fleet import Fleet
from labkit.neighbours.arguments import is_number, shown
from labkit.nova.conf import Options
from labkit.nova.objects import Flavor, RequestSpec
from labkit.nova.virt.libvirt.driver import LibvirtDriver
from labkit.nova.virt.libvirt.guest import RootDisk
from labkit.plots.figure import DPI, pixel_axes, wide
from labkit.plots.stages import (
    FOOT,
    LOOKS,
    ROW,
    TASKS,
    WIDTH,
    Stage,
    StageRows,
    Task,
    height_of,
    mib,
    still_s,
    tasks_of,
)

if TYPE_CHECKING:
    import pandas as pd

MOST_MB = 1 << 30
NAME = "web-1"
CHOICES = {
    "images_type": ("raw", "qcow2", "lvm", "rbd"),
    "snapshot_image_format": ("unset", "raw", "qcow2"),
}
MOST_MIB_S, SLOW_MIB_S = 250, 20
WORDS = {
    "images_type": ("images_type", "Where the host keeps disks: [libvirt]images_type."),
    "snapshot_image_format": (
        "snapshot_image_format",
        "What the image shall be; unset: as the disk.",
    ),
    "snapshot_compression": ("snapshot_compression (-c)", "Whether qemu-img compresses."),
    "allocated_percent": ("allocated, % of the disk", "How much of the disk was ever written."),
    "net_mib_s": ("network, MiB/s", "How fast the host sends to glance."),
}
_HOST = (
    "host total_usable_ram_mb free_ram_mb total_usable_disk_gb free_disk_mb vcpus_total vcpus_used"
)
_FLEET = dict(zip(_HOST.split(), ("cn-1", 4096, 4096, 40, 40960, 4, 0), strict=True))
_INSTANCES = "/var/lib/nova/instances/web-1/disk"


def snapshot(size_mb: float = 1024, ratio: float = 0.5) -> SnapshotDial:
    """Choose backend, format, compression, allocated share and network; see the snapshot's stages.

    In: the size of the disk in MiB, and the share that compression leaves of its data. Out: a
    panel. Each control is an attribute: ``images_type`` ("raw" is the flat file, "qcow2", "lvm",
    "rbd"), ``snapshot_image_format`` ("unset": as the disk), ``snapshot_compression``,
    ``allocated_percent`` of the disk (with qcow2 half of it lies in the backing file) and ``net_mib_s`` to
    glance. All together are ``dial.value``, a dict; ``dial.answer`` says how long it takes, how
    many bytes are sent, how long the guest stands still and whether compression pays;
    ``dial.table`` is the table ``stages`` behind it and ``dial.cloud`` the cloud that made it.
    The guest runs at the request. Raises ValueError for a size or a ratio that makes no sense, or
    a value that a control does not have.

    >>> dial = snapshot()
    >>> dial.answer
    raw, live: 9.6 s, 1,024 MiB are sent, the guest never stands still. No -c: the image is not qcow2.
    >>> dial.value = {"snapshot_image_format": "qcow2", "net_mib_s": 10}
    >>> dial.answer
    raw, live: 52.4 s, 512 MiB are sent, the guest never stands still. With -c it would take 36.6 s: compression pays.

    Unlike Nova, whose options are read at start, a dial's options change with every turn; steps
    take the same time in each.
    """
    return SnapshotDial(size_mb, ratio)


class SnapshotDial(Panel):
    """The panel that ``snapshot`` makes."""

    def __init__(self, size_mb: float, ratio: float) -> None:
        if not is_number(size_mb) or not 0 < size_mb <= MOST_MB:
            raise ValueError(f"size_mb = {shown(size_mb)}; expected a number of MiB above 0")
        RootDisk(ratio=ratio)  # which says what is wrong with it
        self._size_mb, self._ratio = size_mb, ratio
        self._fleet = Fleet([_FLEET])
        self._begin(self._make_controls(), WORDS)

    @property
    def table(self) -> pd.DataFrame:
        """The table ``stages`` of the snapshot."""
        return self.cloud.stages

    def _turned(self) -> None:
        on = self.snapshot_compression.value
        self.cloud, start_s = self._taken(on)
        other, other_s = self._taken(not on)
        end_s = self.cloud.now - start_s
        stages = _stages(self.cloud, start_s)
        ghost = _stages(other, other_s) if other.now - other_s != end_s else []
        words = f"; dotted: {'without' if on else 'with'} -c" if ghost else ""
        tasks = _tasks(self.cloud, start_s)
        self._rows.show(stages, tasks, end_s, axis_s=self._axis_s, others=ghost, said=words)
        said = self._said(stages, end_s, other.now - other_s, other)
        self._show(self._rows.ax.figure, said)

    def _taken(self, compress: bool) -> tuple[Cloud, float]:
        # A cloud in which the snapshot was taken, and when it was asked for.
        wanted = self.snapshot_image_format.value
        options = Options(
            images_type=self.images_type.value,
            images_volume_group="vg0",
            snapshot_image_format=None if wanted == "unset" else wanted,
            snapshot_compression=compress,
        )
        costs = SnapshotCosts.read(net_mib_s=self.net_mib_s.value)
        same = {step: (length, 0.0) for step, (length, _) in steps().items()}
        cloud = Cloud(
            self._fleet,
            options,
            durations=same,
            driver=lambda options: LibvirtDriver(options, lambda instance: self._disk(), costs),
        )
        cloud.create(NAME, RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1)))
        cloud.settle()
        cloud.act(NAME, "createImage")
        start_s = cloud.states.t_s.iloc[-1]
        cloud.settle()
        return cloud, start_s

    def _disk(self) -> RootDisk:
        written = self._size_mb * self.allocated_percent.value / 100
        sizes = {"size_mb": self._size_mb, "allocated_mb": written, "ratio": self._ratio}
        match self.images_type.value:
            case "lvm":
                return RootDisk("block", "/dev/vg0/web-1_disk", **sizes)
            case "rbd":
                return RootDisk(
                    "network", source_protocol="rbd", source_name="rbd/web-1_disk", **sizes
                )
            case "qcow2":
                half = {"allocated_mb": written / 2, "backing_mb": written / 2}
                base = "/var/lib/nova/instances/_base/image"
                return RootDisk("file", _INSTANCES, "qcow2", backing_file=base, **sizes | half)
        return RootDisk("file", _INSTANCES, **sizes)

    def _said(self, stages: list[Stage], end_s: float, other_s: float, other: Cloud) -> str:
        sent = [stage.bytes_out for stage in stages if stage.stage == "upload"]
        bytes_sent = f"{mib(sent[0])} MiB are sent" if sent else "nothing is sent by the host"
        pause = still_s(stages, end_s)
        guest = f"stands still for {pause:.1f} s" if pause else "never stands still"
        kind = "cold" if pause else "live"
        return (
            f"{self.images_type.value}, {kind}: {end_s:.1f} s, {bytes_sent}, the guest {guest}. "
            + self._pays(end_s, other_s, other)
        )

    def _pays(self, end_s: float, other_s: float, other: Cloud) -> str:
        on = self.snapshot_compression.value
        commands = [*(self.cloud if on else other).stages.command]
        if not any(" -c " in command for command in commands):
            if not any("qemu-img convert" in command for command in commands):
                return "No -c: Ceph makes the image, qemu-img does not run."
            if not any(" -O qcow2 " in command for command in commands):
                return "No -c: the image is not qcow2."
            return f"No -c: the {self.images_type.value} backend never compresses."
        with_s, without_s = (end_s, other_s) if on else (other_s, end_s)
        verdict = "pays" if with_s < without_s else "does not pay"
        turned = "Without" if on else "With"
        return f"{turned} -c it would take {other_s:.1f} s: compression {verdict}."

    def _lay_out(self) -> None:
        box = {"left": max(map(wide, TASKS)) + 16, "right": 20, "foot": FOOT, "head": 10}
        axes = pixel_axes(WIDTH * DPI, ROW * height_of(LOOKS, TASKS), **box)
        self._rows = StageRows(axes, list(LOOKS), TASKS)
        self._axis_s = self._longest()

    def _longest(self) -> float:
        """The seconds of the longest snapshot over a slow network; slower ones run out of the axis."""
        begun, longest = self.value, 0.0
        with self._unseen():
            for kind in CHOICES["images_type"]:
                self.images_type.value = kind
                self.allocated_percent.value, self.net_mib_s.value = 100, SLOW_MIB_S
                cloud, start_s = self._taken(False)
                longest = max(longest, cloud.now - start_s)
            for name, value in begun.items():
                self._controls[name].value = value
        return longest

    def _make_controls(self) -> dict[str, Any]:
        controls: dict[str, Any] = {name: Buttons(options) for name, options in CHOICES.items()}
        for control in controls.values():
            control.refusal = "{0} is not {1!r} in this dial"
        controls["snapshot_compression"] = tick()
        controls["allocated_percent"] = Steps(50, min=0, max=100, step=5)
        controls["net_mib_s"] = Steps(120, min=5, max=MOST_MIB_S, step=5)
        return controls


def _stages(cloud: Cloud, zero: float) -> list[Stage]:
    columns = ["stage", "start_s", "end_s", "bytes_in", "bytes_out"]
    rows = cloud.stages[columns].itertuples(index=False)
    return [Stage(name, start - zero, end - zero, *more) for name, start, end, *more in rows]


def _tasks(cloud: Cloud, zero: float) -> list[Task]:
    rows = cloud.states.query("t_s >= @zero")[["t_s", "task_state"]].itertuples(index=False)
    return tasks_of([(t_s - zero, task if isinstance(task, str) else None) for t_s, task in rows])
