"""The dial of one host: what it may give away under its ratios, and how many servers that is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from labkit.decision import place, select_destinations
from labkit.dials.panel import Numbers, Panel, Steps
from labkit.neighbours.arguments import is_number, shown
from labkit.nova.conf import Options
from labkit.nova.exception import NoValidHost
from labkit.nova.objects import Flavor, RequestSpec
from labkit.nova.scheduler.request_filter import process_reqspec
from labkit.nova.virt.libvirt.host import GI, Hypervisor
from labkit.plots.figure import DPI, pixel_axes, wide
from labkit.plots.inventories import ROW, WIDTH, InventoryBars, draw_legend, rows_of
from labkit.studies.reports import fleet_of, tracker_of
from labkit.tables.hosts import inventory_table

if TYPE_CHECKING:
    from labkit.fleet import Fleet

HOST = "cn-1"
CLASSES = ("VCPU", "MEMORY_MB", "DISK_GB")
CHUNK = 64
#: The largest host: the controls have no more steps.
MOST_OF = {"vcpus": 65_536, "memory_mb": 1 << 30, "disk_gb": 1 << 20}
MOST = 1024  # servers; a flavor of nothing would fit for ever
#: Each ratio: its beginning in Nova 34.0.0, how far the slider goes, and its steps. From 0 to a
#: power of 2, so that a slider in a browser, which counts in percent, gives back what it got.
RATIOS = {
    "cpu_allocation_ratio": (4.0, 16.0, 0.5),
    "ram_allocation_ratio": (1.0, 4.0, 0.25),
    "disk_allocation_ratio": (1.0, 4.0, 0.25),
}
WORDS = {
    "cpu_allocation_ratio": (
        "cpu_allocation_ratio",
        "How often a CPU is given away; 0: Nova's 4.0.",
    ),
    "ram_allocation_ratio": ("ram_allocation_ratio", "How often RAM is given away; 0: Nova's 1.0."),
    "disk_allocation_ratio": (
        "disk_allocation_ratio",
        "How often disk is given away; 0: Nova's 1.0.",
    ),
    "reserved_host_memory_mb": ("reserved_host_memory_mb", "MiB that the host keeps for itself."),
}


def overcommit(
    vcpus: int = 8, memory_mb: int = 16384, disk_gb: float = 100, flavor: Flavor | None = None
) -> OvercommitDial:
    """Fill one host with servers of one flavor; see what its ratios and its reserve do to that.

    In: the host's CPUs, MiB of memory and GiB of disk, and a flavor (2 CPUs, 4 GiB, 20 GiB by
    default). Out: a panel. Each control is an attribute: ``cpu_allocation_ratio``,
    ``ram_allocation_ratio``, ``disk_allocation_ratio``, ``reserved_host_memory_mb``; all of them
    together are ``dial.value``, a dict; with a ratio of 0 Nova takes that of the
    beginning. ``dial.servers`` is how many servers fit, ``dial.table``
    what placement then says of one more (see ``labkit.tables.hosts.inventory_table``),
    ``dial.host_state`` what the scheduler believes of the full host, and ``dial.answer`` the
    sentence above the figure. Raises ValueError for a size below 1, or a value outside of a
    slider.

    >>> dial = overcommit()
    >>> dial.answer
    3 servers fit. The next one: NoValidHost; MEMORY_MB: used 12288 + 4096 > capacity 15872 = \
(16384 - 512) * 1. The scheduler sees free_ram_mb 3584.
    >>> dial.ram_allocation_ratio.value = 1.5
    >>> dial.servers, dial.host_state.free_ram_mb
    (5, -4608)

    Unlike Nova, whose nova-compute reads its options at start, each turn is a host that starts
    with them.
    """
    return OvercommitDial(
        vcpus, memory_mb, disk_gb, Flavor(2, 4096, 20) if flavor is None else flavor
    )


class OvercommitDial(Panel):
    """The panel that ``overcommit`` makes."""

    def __init__(self, vcpus: int, memory_mb: int, disk_gb: float, flavor: Flavor) -> None:
        for name, value in {"vcpus": vcpus, "memory_mb": memory_mb, "disk_gb": disk_gb}.items():
            whole = name == "disk_gb" or value == int(value) if is_number(value) else False
            if not whole or not 1 <= value <= MOST_OF[name]:
                asked = f"a number of 1 or more, up to {MOST_OF[name]:,}"
                raise ValueError(f"{name} = {shown(value)}; expected {asked}")
        self._size = int(vcpus), int(memory_mb), disk_gb
        self._spec = RequestSpec(flavor)
        self._begin(self._make_controls(), WORDS)

    # -- turning ------------------------------------------------------------------------
    def _turned(self) -> None:
        fleet, self.servers = self._filled(self._reported())
        self.host_state = fleet[HOST]
        asked = process_reqspec(fleet, self._spec, Options()).resources
        table = inventory_table(fleet, asked).set_index("resource_class")
        self.table = table.loc[list(CLASSES)].reset_index()
        self._bars.show(rows_of(self.table))
        self._show(self._bars.ax.figure, self._said(fleet))

    def _reported(self) -> Fleet:
        vcpus, memory_mb, disk_gb = self._size
        disk = dict(zip(("total", "free", "used"), (disk_gb * GI, disk_gb * GI, 0), strict=True))
        hypervisor = Hypervisor(HOST, [1] * vcpus, memory_mb, memory_mb * 1024, disk)
        tracker = tracker_of(hypervisor, Options(**self.value))
        tracker.update_available_resource(HOST)
        return fleet_of([tracker])

    def _filled(self, fleet: Fleet) -> tuple[Fleet, int]:
        servers = 0
        while servers < MOST:
            fleet, placed = place(fleet, [self._spec] * CHUNK)
            servers += int(placed.host.notna().sum())
            if placed.host.isna().any():
                break
        return fleet, servers

    def _said(self, fleet: Fleet) -> str:
        fit = "1 server fits" if self.servers == 1 else f"{self.servers} servers fit"
        try:
            select_destinations(fleet, self._spec)
        except NoValidHost as error:
            reason = error.decision.filters.reason.iloc[-1]
            free = self.host_state.free_ram_mb
            return (
                f"{fit}. The next one: NoValidHost; {reason}. "
                f"The scheduler sees free_ram_mb {free}."
            )
        return f"{fit}, and more."

    # -- drawing ------------------------------------------------------------------------
    def _lay_out(self) -> None:
        longest = f"{self._size[1]:,} MiB, {self._size[1]:,} reserved, ratio 3.75"
        head, foot, left, right = 8, 46, 96, max(220, 16 + wide(longest))
        around = {"left": left, "right": right, "foot": foot, "head": head}
        axes = pixel_axes(WIDTH * DPI, ROW * DPI * len(CLASSES), **around)
        self._bars = InventoryBars(axes, [(HOST, name) for name in CLASSES])
        draw_legend(self._bars.ax, loc="lower left")

    def _make_controls(self) -> dict[str, Any]:
        controls: dict[str, Any] = {
            name: Numbers(value, min=0.0, max=most, step=step)
            for name, (value, most, step) in RATIOS.items()
        }
        memory_mb = self._size[1]
        step = 2 ** max(0, math.floor(math.log2(memory_mb)) - 6)  # 64 to 128 steps
        controls["reserved_host_memory_mb"] = Steps(
            min(512, memory_mb), min=0, max=memory_mb, step=min(step, 512)
        )
        return controls
