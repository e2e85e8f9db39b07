"""What goes wrong in a cloud, as data: Fault("spawn", host="cn-2")."""

from collections.abc import Iterable
from dataclasses import dataclass

from labkit.cloud.durations import steps
from labkit.neighbours.arguments import is_number, is_whole, known, of_type, shown
from labkit.neighbours.processutils import ProcessExecutionError
from labkit.nova import exception as exc
from labkit.nova.clock import ServiceStoppedError
from labkit.nova.compute import task_states, vm_states
from labkit.nova.compute.rpcapi import ComputeAPI
from labkit.nova.conductor.rpcapi import ComputeTaskAPI
from labkit.nova.db.main import api as db
from labkit.nova.scheduler.rpcapi import SchedulerAPI

#: Steps that take no time of their own and can go wrong all the same.
EVENTS = ("message", "database", "host_down", "delete")
#: What services send each other.
METHODS = tuple(
    dict.fromkeys(
        name
        for api in (ComputeTaskAPI, SchedulerAPI, ComputeAPI)
        for name in vars(api)
        if not name.startswith("_")
    )
)
#: Exceptions by name, as a fault may ask for them.
ERRORS = {
    "BuildAbortException": lambda: exc.BuildAbortException(
        instance_uuid="{uuid}", reason="by request"
    ),
    "ComputeResourcesUnavailable": lambda: exc.ComputeResourcesUnavailable(reason="by request"),
    "Forbidden": lambda: exc.Forbidden("no write permission on storage pool images"),
    "ProcessExecutionError": lambda: ProcessExecutionError(
        "", "qemu-img: error while writing at byte 0: No space left on device\n", 1, "{command}"
    ),
    "FlavorDiskSmallerThanImage": lambda: exc.FlavorDiskSmallerThanImage(
        flavor_size=1024**3, image_size=2 * 1024**3
    ),
    "ImageUnacceptable": lambda: exc.ImageUnacceptable(image_id="{image}", reason="by request"),
    "InstanceFaultRollback": lambda: exc.InstanceFaultRollback(
        exc.ResizeError(reason="by request")
    ),
    "InvalidBDM": exc.InvalidBDM,
    "MigrationPreCheckError": lambda: exc.MigrationPreCheckError(reason="by request"),
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
    a name of ``labkit.cloud.faults.ERRORS``, or an exception; with *delay_s* and no error the step
    only takes longer. ``message``: what asks for the method *at* (or any) is lost, or with *delay_s*
    late. ``database``: a guarded save (of the task_state or vm_state *at*, or any) comes too late.
    A fault whose step never comes does nothing: ``cloud.planned_faults`` says how often each has
    struck, and which actions come to its step. ``host_down``: the server's nova-compute dies when the server reaches *at*; without *at* it
    is dead from the beginning. ``delete``: a delete arrives then; *at* is a task_state, a
    vm_state or a step. Raises ValueError for a step or a moment that there is not, and for
    anything else that makes no sense.

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
        known(self.step, (*steps(), *EVENTS), "fault at an unknown step")
        for name in ("host", "instance", "at"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise ValueError(f"{self._text}: {name} = {shown(value)} is not a name")
        if self.at is not None:
            if self.step not in EVENTS:
                raise ValueError(f"{self._text}: at = {shown(self.at)} is for {', '.join(EVENTS)}")
            known(self.at, _moments(self.step), f"{self._text} at an unknown moment")
        if not is_whole(self.times, 1):
            raise ValueError(
                f"{self._text}: times = {shown(self.times)} is not a whole number from 1"
            )
        if not is_number(self.delay_s) or self.delay_s < 0:
            raise ValueError(
                f"{self._text}: delay_s = {shown(self.delay_s)} is not a number of seconds from 0"
            )
        self._check_error()
        if self.delay_s and self.step in EVENTS and self.step != "message":
            raise ValueError(f"{self._text}: delay_s is for a message, or a step that takes time")
        if self.step == "host_down" and self.at is None and self.host is None:
            raise ValueError(f"{self._text}: say which host, or with at= in which task_state")

    @property
    def _text(self):
        return f"fault {self.step!r}"

    def _check_error(self):
        error = self.error
        if error is None:
            return
        if self.step in EVENTS:
            raise ValueError(
                f"{self._text}: error = {shown(error)}; only a step that takes time has one"
            )
        if isinstance(error, str):
            known(error, ERRORS, f"{self._text} with an unknown error")
            return
        if isinstance(error, type) and issubclass(error, Exception):
            try:
                error()
            except Exception as missing:
                raise ValueError(
                    f"{self._text}: {error.__name__} cannot be made without its arguments;"
                    " give one that is made"
                ) from missing
        elif not isinstance(error, Exception):
            raise ValueError(
                f"{self._text}: error = {shown(error)} is neither an exception nor one of"
                f" {', '.join(ERRORS)}"
            )


def checked(faults) -> list:
    """Return the faults as a list. Raises TypeError for something else than Faults in a list."""
    if isinstance(faults, str | Fault) or not isinstance(faults, Iterable):
        raise TypeError(f"faults = {shown(faults)} is not a list; write faults=[Fault('spawn')]")
    return [checked_one(each, "faults") for each in faults]


def checked_one(fault, name="") -> Fault:
    """Return the fault. Raises TypeError for something else."""
    return of_type(fault, Fault, "not a Fault; write Fault('spawn', host='cn-2')", name)


def _moments(step):
    if step == "message":
        return METHODS
    states = (*task_states.ALL, *vm_states.ALL)
    return states if step == "database" else (*states, *(s for s in steps() if s not in EVENTS))


class Faults:
    """The faults of one cloud, and how often each may still happen.

    In: the hosts of the cloud; a function of a server's name that returns its host, or None.
    ``strike`` holds what a fault "delete" or "host_down" does, a function of host and server.
    """

    def __init__(self, hosts, host_of):
        self.strike = {}
        self._left = []
        self._hosts = hosts
        self._host_of = host_of

    def add(self, fault, struck=0):
        """Add a fault, to happen ``fault.times`` times, of which it has *struck* some already."""
        self._left.append([fault, fault.times - struck])

    def clear(self):
        """Forget all faults."""
        self._left.clear()

    def struck(self) -> list:
        """Return (fault, how often it has struck) for each, in the order in which they came."""
        return [(fault, fault.times - left) for fault, left in self._left]

    def _take(self, step, host, instance, at=None):
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
        fault = self._take(step, host, instance)
        if fault is None:
            return 0.0, None
        if fault.error is None and fault.delay_s:
            return fault.delay_s, None
        return fault.delay_s, _error(fault.error or _USUAL.get(step, "NovaException"))

    def at_message(self, method, host, instance):
        """Return (lost, seconds more) for a message that is sent."""
        fault = self._take("message", host, instance, (method,))
        if fault is None:
            return False, 0.0
        return not fault.delay_s, fault.delay_s

    def may_conflict(self, instance, updates, expected_task_state):
        """Let a guarded save come too late, if a fault says so. Raises what a conflict raises."""
        if expected_task_state is None:
            return
        at = updates.get("task_state"), updates.get("vm_state")
        if self._take("database", instance.service.host, instance.name, at):
            actual = task_states.REBOOTING_HARD if None in expected_task_state else None
            expected = {"task_state": list(expected_task_state)}
            raise db.conflict(instance.uuid, expected, {"task_state": actual})

    def reached(self, service, name, at):
        """Let a delete arrive or a host die, if a fault says so.

        The host is the one that is at work or, where the controller is, that of the server.
        Raises ServiceStoppedError when it was the service itself that died.
        """
        if not self._left:
            return
        host = service.host
        if host not in self._hosts:
            host = self._host_of(name)
        if name is not None and self._take("delete", host, name, at):
            self.strike["delete"](host, name)
        if host is not None and self._take("host_down", host, name, at):
            self.strike["host_down"](host, name)
        if service.stopped:
            raise ServiceStoppedError


def _error(wanted):
    if isinstance(wanted, str):
        error = ERRORS[wanted]()
    else:
        error = wanted() if isinstance(wanted, type) else wanted
    error.by_request = True
    return error
