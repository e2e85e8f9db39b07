"""What goes wrong in a cloud, as data: Fault("spawn", host="cn-2")."""

import difflib
import random
from dataclasses import dataclass

from labkit.nova import exception as exc
from labkit.nova import exception_moves as exc_moves
from labkit.nova.compute import task_states, vm_states

#: Steps that take no time of their own and can go wrong all the same.
EVENTS = ("message", "database", "host_down", "delete")
#: Exceptions by name, as a fault may ask for them.
ERRORS = {
    "BuildAbortException": lambda: exc.BuildAbortException(
        instance_uuid="{uuid}", reason="by request"
    ),
    "ComputeResourcesUnavailable": lambda: exc.ComputeResourcesUnavailable(reason="by request"),
    "FlavorDiskSmallerThanImage": lambda: exc.FlavorDiskSmallerThanImage(
        flavor_size=1024**3, image_size=2 * 1024**3
    ),
    "ImageUnacceptable": lambda: exc.ImageUnacceptable(image_id="{image}", reason="by request"),
    "InstanceFaultRollback": lambda: exc_moves.InstanceFaultRollback(
        exc_moves.ResizeError(reason="by request")
    ),
    "InvalidBDM": exc.InvalidBDM,
    "MigrationPreCheckError": lambda: exc_moves.MigrationPreCheckError(reason="by request"),
    "NoMoreFixedIps": lambda: exc.NoMoreFixedIps(net="{network}"),
    "NovaException": lambda: exc.NovaException("by request"),
    "ValueError": lambda: ValueError("by request"),
    "VirtualInterfaceCreateException": exc.VirtualInterfaceCreateException,
}
#: What a step raises when the fault does not say it; NovaException for all others.
_USUAL = {
    "claim": "ComputeResourcesUnavailable",
    "image": "ImageUnacceptable",
    "block_device_mapping": "InvalidBDM",
}


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong at a step, *times* times; on a host or for a server, or anywhere.

    At a step that takes time (see data/durations.csv) *error* is raised when the time is over:
    a name of ``labkit.faults.ERRORS``, or an exception; with *delay_s* and no error the step
    only takes longer. ``message``: what asks for the method *at* (or any) is lost, or with *delay_s*
    late. ``database``:
    a guarded save (of the task state *at*, or any) comes too late. ``host_down``: the server's
    nova-compute dies when the server reaches *at*. ``delete``: a delete arrives then; *at* is a
    task state or a step.

    >>> Fault("spawn", host="cn-2")
    Fault(step='spawn', host='cn-2', instance=None, error=None, times=1, at=None, delay_s=0.0)
    """

    step: str
    host: str | None = None
    instance: str | None = None
    error: object = None
    times: int = 1
    at: str | None = None
    delay_s: float = 0.0

    def __post_init__(self):
        if isinstance(self.error, str) and self.error not in ERRORS:
            raise ValueError(f"fault: error {self.error!r} is none of {', '.join(sorted(ERRORS))}")
        if isinstance(self.times, bool) or not isinstance(self.times, int) or self.times < 1:
            raise ValueError(f"fault at {self.step}: times = {self.times!r} is not a number from 1")
        if not self.delay_s >= 0:
            raise ValueError(f"fault at {self.step}: delay_s = {self.delay_s!r} is below 0")


class Durations:
    """How long each step takes: seconds, give or take a share of them, from one seeded generator.

    In: ``{step: (seconds, jitter)}`` with jitter between 0 and 1. A draw is uniform.
    """

    def __init__(self, table, seed=0):
        self.table = dict(table)
        self._random = random.Random(seed).random

    def draw(self, step) -> float:
        """Return the seconds that the step takes this time."""
        seconds, jitter = self.table[step]
        if not jitter:
            return seconds
        return seconds * (1 + jitter * (2 * self._random() - 1))


class Faults:
    """The faults of one cloud, and how often each may still happen."""

    def __init__(self, faults, steps):
        self._left = []
        self._steps = (*steps, *EVENTS)
        for fault in faults:
            self.add(fault)

    def add(self, fault):
        """Add a fault. Raises TypeError for something else, ValueError for an unknown step."""
        if not isinstance(fault, Fault):
            raise TypeError(f"{fault!r} is not a Fault; write Fault('spawn', host='cn-2')")
        self._check(fault.step, self._steps, "step")
        if fault.at is not None and fault.step in ("database", "delete", "host_down"):
            known = (*task_states.ALL, *vm_states.ALL, *self._steps[: -len(EVENTS)])
            self._check(fault.at, known, "task state or step")
        self._left.append([fault, fault.times])

    def _check(self, name, known, what):
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise ValueError(f"fault at an unknown {what} {name!r}; {hint}")

    def _take(self, step, host, instance, at=None):
        """Return the first fault that fits, and use it up; None if there is none."""
        for entry in self._left:
            fault = entry[0]
            if (
                fault.step == step
                and entry[1]
                and fault.host in (None, host)
                and fault.instance in (None, instance)
                and (at is None or fault.at in (None, *at))
            ):
                entry[1] -= 1
                return fault
        return None

    def at_step(self, step, host, instance):
        """Return (seconds more, exception or None) for a step that begins."""
        fault = self._take(step, host, instance) if self._left else None
        if fault is None:
            return 0.0, None
        if fault.error is None and fault.delay_s:
            return fault.delay_s, None
        return fault.delay_s, _error(fault.error or _USUAL.get(step, "NovaException"))

    def at_message(self, method, host, instance):
        """Return (lost, seconds more) for a message that is sent."""
        fault = self._take("message", host, instance, (method,)) if self._left else None
        if fault is None:
            return False, 0.0
        return not fault.delay_s, fault.delay_s

    def conflicts(self, host, instance, task_state) -> bool:
        """Return whether a guarded save comes too late."""
        return (
            bool(self._left) and self._take("database", host, instance, (task_state,)) is not None
        )

    def strikes(self, kind, host, instance, at) -> bool:
        """Return whether a delete arrives, or the host dies, at one of the names *at*."""
        return bool(self._left) and self._take(kind, host, instance, at) is not None


def _error(wanted):
    if isinstance(wanted, str):
        error = ERRORS[wanted]()
    else:
        error = wanted() if isinstance(wanted, type) else wanted
    error.by_request = True
    return error
