"""Faults as data: at a named step somebody raises, waits, or a message gets lost."""

import dataclasses
import threading
from collections.abc import Callable

import greenlet
from nova import exception


@dataclasses.dataclass
class Fault:
    """What goes wrong at *step* (on *host*, or anywhere), *times* times.

    *raises* makes the exception. Without it the step waits until `go` is set: `arrived` says that
    somebody waits. *lost* drops the message that the step stands for.
    """

    step: str
    host: str | None = None
    raises: Callable[[], BaseException] | None = None
    lost: bool = False
    times: int = 1000
    dead: bool = False  # the process of who waits has died
    arrived: threading.Event = dataclasses.field(default_factory=threading.Event)
    go: threading.Event = dataclasses.field(default_factory=threading.Event)

    def let_go(self):
        """Let whoever waits go on, and nobody wait again."""
        self.times = 0
        self.go.set()


class Faults(list):
    """The faults of the running scenario, and how many threads wait at one."""

    waiting = 0

    def clear(self):
        """Forget all faults; who waits goes on."""
        for fault in self:
            fault.let_go()
        super().clear()

    def at(self, step, host=None):
        """Pass a step; False if the message it stands for is lost."""
        for fault in list(self):
            if fault.step != step or fault.times <= 0 or fault.host not in (None, host):
                continue
            fault.times -= 1
            if fault.lost:
                return False
            if fault.raises is not None:
                raise fault.raises()
            fault.arrived.set()
            self.waiting += 1
            try:
                fault.go.wait()
            finally:
                self.waiting -= 1
            if fault.dead:
                raise greenlet.GreenletExit
        return True

    def die(self):
        """Who waits now will never go on."""
        for fault in self:
            fault.dead = fault.arrived.is_set() and not fault.go.is_set()


FAULTS = Faults()

# The exceptions by name, as a fault in the list of a random sequence asks for them.
RAISES = {
    "BuildAbortException": lambda: exception.BuildAbortException(
        instance_uuid="{uuid}", reason="by request"
    ),
    "ComputeResourcesUnavailable": lambda: exception.ComputeResourcesUnavailable(
        reason="by request"
    ),
    "FlavorDiskSmallerThanImage": lambda: exception.FlavorDiskSmallerThanImage(
        flavor_size=1024**3, image_size=2 * 1024**3
    ),
    "ImageUnacceptable": lambda: exception.ImageUnacceptable(
        image_id="{image}", reason="by request"
    ),
    "InvalidBDM": exception.InvalidBDM,
    "NoMoreFixedIps": lambda: exception.NoMoreFixedIps(net="{network}"),
    "NovaException": lambda: exception.NovaException("by request"),
    "ValueError": lambda: ValueError("by request"),
    "VirtualInterfaceCreateException": exception.VirtualInterfaceCreateException,
}
