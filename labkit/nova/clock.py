"""The simulated clock, what goes on around a method, and records of what happened in their order.

``t_s`` is the simulated time in seconds, ``service`` who did it (api, conductor, scheduler or
compute@HOST), ``instance`` the server's name, ``by`` Nova's file:function, ``request_id`` that of
the context in which it was done. States are tuples (vm_state, task_state, power_state).
"""

import inspect
from contextlib import ExitStack, contextmanager
from functools import cache, wraps
from pathlib import Path
from typing import NamedTuple

_NOVA = str(Path(__file__).parent) + "/"
#: Files whose functions write down what others do, and are not themselves "who did it".
_WRITERS = (
    "clock.py",
    "db/",
    "exception_wrapper.py",
    "image/",
    "notifications/",
    "objects/",
    "rpc.py",
    "compute/rpcapi.py",
    "service.py",
    "virt/",
)


def caller() -> str | None:
    """Return Nova's file:function that is at work, "compute/manager.py:stop_instance".

    It is the nearest function on the stack that belongs to labkit/nova and does not only write
    down what others do; None when there is none.
    """
    frame, found = inspect.currentframe(), None
    while found is None and frame is not None:
        found = place(frame.f_code.co_filename, frame.f_code.co_name)
        frame = frame.f_back
    return found


def finish(result):
    """Run a generator to its end and return its value; any other result is returned as it is."""
    if inspect.isgenerator(result):
        result = yield from result
    return result


def around(enter):
    """Return a decorator of methods: each runs inside of a context manager.

    In: a function of the method and its arguments that returns the context manager. What several
    of these decorators make of a method is one generator, which enters one after the other.
    """

    def decorator(function):
        method, inner = getattr(function, "around", (function, ()))
        managers = (enter, *inner)

        @wraps(method)
        def decorated_function(*args, **kwargs):
            with ExitStack() as entered:
                for each in managers:
                    entered.enter_context(each(method, *args, **kwargs))
                result = method(*args, **kwargs)
                if inspect.isgenerator(result):
                    result = yield from result
                return result

        decorated_function.around = method, managers
        return decorated_function

    return decorator


@cache
def place(file, function) -> str | None:
    """Return a function's place in Nova, "compute/manager.py:stop_instance", or None."""
    if not file.startswith(_NOVA) or function.startswith(("__", "<")):
        return None
    file = file.removeprefix(_NOVA)
    return None if file.startswith(_WRITERS) else f"{file}:{function}"


class Clock:
    """The time that all services of a cloud share, who is at work now, and what has happened.

    ``env`` is the simpy environment, ``busy`` how many threads are at work, ``records`` what
    happened, append only.
    """

    def __init__(self):
        import simpy

        self.env = simpy.Environment()
        self.busy = 0
        self.records = []
        self._context = None

    @property
    def context(self):
        """The context of what is done now: a RequestContext, None when nobody asks.

        Unlike in Nova, it is not handed from function to function: it is the thread's, as the one
        that goes into Nova's log lines.

        Source: ``get_current`` in oslo_context/context.py, 6.5.0.
        """
        return self._context or getattr(self.env.active_process, "context", None)

    @contextmanager
    def within(self, context):
        """Do what follows at once in a context; threads that begin there keep it."""
        before, self._context = self._context, context
        try:
            yield
        finally:
            self._context = before


class ServiceStoppedError(BaseException):
    """The service died at a step of this thread; nothing of it goes on, no handler sees it."""


class Save(NamedTuple):
    """A write to a row of the table instances: create, update, update_refused or destroy."""

    t_s: float
    service: str
    instance: str
    op: str
    old: tuple | None
    new: tuple | None
    columns: tuple = ()
    expected_task_state: tuple | None = None
    expected_vm_state: tuple | None = None
    host: str | None = None
    error: str | None = None
    by: str | None = None
    request_id: str | None = None


class BuildRequest(NamedTuple):
    """A write to the table build_requests: what the API shows before there is a row."""

    t_s: float
    service: str
    instance: str
    op: str
    vm_state: str | None = None
    task_state: str | None = None
    error: str | None = None
    by: str | None = None
    request_id: str | None = None


class InstanceMapping(NamedTuple):
    """A write to the table instance_mappings: which cell holds the row."""

    t_s: float
    service: str
    instance: str
    op: str
    cell: str | None = None
    queued_for_delete: bool = False
    by: str | None = None
    request_id: str | None = None


class Message(NamedTuple):
    """A call or cast to another service; ``args`` are the names of its arguments.

    ``is_admin`` tells whether its context is an administrator's.
    """

    t_s: float
    service: str
    instance: str | None
    style: str
    topic: str
    server: str | None
    namespace: str | None
    method: str
    version: str
    args: tuple
    fanout: bool = False
    caller: str | None = None
    by: str | None = None
    lost: bool = False
    is_admin: bool | None = None
    request_id: str | None = None


class Reply(NamedTuple):
    """The answer to a call; ``raised`` names the exception, if it is one.

    ``hosts``, for select_destinations: per server the host and its alternates.
    """

    t_s: float
    service: str
    instance: str | None
    method: str
    raised: str | None = None
    hosts: tuple | None = None
    request_id: str | None = None


class Notification(NamedTuple):
    """A notification, legacy or versioned; ``payload`` holds the fields about states."""

    t_s: float
    service: str
    instance: str | None
    format: str
    event_type: str
    publisher: str
    priority: str
    payload: dict
    by: str | None = None
    request_id: str | None = None


class Action(NamedTuple):
    """An entry of the server's action log: its start; few actions have an end of their own."""

    t_s: float
    service: str
    instance: str
    action: str
    by: str | None = None
    op: str = "start"
    request_id: str | None = None


class ActionEvent(NamedTuple):
    """The start (``result`` None) or the end of a part of an action."""

    t_s: float
    service: str
    instance: str
    op: str
    action: str
    event: str
    host: str | None = None
    result: str | None = None
    by: str | None = None
    request_id: str | None = None


class Call(NamedTuple):
    """A call to a neighbour (glance, neutron), to the hypervisor (virt) or to placement."""

    t_s: float
    service: str
    instance: str | None
    system: str
    call: str
    http_status: int | None = None
    by: str | None = None
    request_id: str | None = None


class HostEvent(NamedTuple):
    """What a libvirt driver's host did.

    ``kind`` is "guest", "execute" (a command, and whether as root), "returned" (an exit code that
    is not 0, and stderr), "rbd", "file", "log", or "raised": what a snapshot ended with.
    """

    t_s: float
    service: str
    instance: str
    kind: str
    words: tuple
    request_id: str | None = None

    @property
    def text(self) -> str:
        """It in a line."""
        match self.kind, self.words:
            case "execute", (command, as_root):
                return f"{command} (as root)" if as_root else command
            case "returned", (code, stderr):
                return f"exit code {code}: {stderr.strip()}"
            case "raised", (name, text):
                return f"{name}: {text}"
        return " ".join(str(word) for word in self.words)


class Stage(NamedTuple):
    """A stage of a snapshot that is over; *bytes_in* were read, *bytes_out* written or sent."""

    t_s: float
    service: str
    instance: str
    stage: str
    start_s: float
    end_s: float
    bytes_in: int = 0
    bytes_out: int = 0
    command: str = ""
    request_id: str | None = None


class Migration(NamedTuple):
    """A write to the table migrations: create or update; ``old`` is the status before.

    ``migration`` is its number.
    """

    t_s: float
    service: str
    instance: str
    op: str
    migration: int
    migration_type: str
    status: str
    old: str | None = None
    source: str | None = None
    dest: str | None = None
    by: str | None = None
    request_id: str | None = None


class InstanceFault(NamedTuple):
    """An error that the API shows with the server."""

    t_s: float
    service: str
    instance: str
    code: int
    message: str
    by: str | None = None
    request_id: str | None = None


class Request(NamedTuple):
    """A request to the API and its answer."""

    t_s: float
    service: str
    instance: str
    action: str
    status: int
    answer: str = ""
    request_id: str | None = None


def words(record) -> str:
    """Say a record in a line."""
    match record:
        case Save():
            states = "/".join(str(state) for state in (record.new or ())[:2])
            return f"{record.op} {states} {record.error or ''}".strip()
        case Message():
            to = f" to {record.server}" if record.server else ""
            said = f"{record.style} {record.method}{to}"
            return f"{said} (lost)" if record.lost else said
        case Reply():
            return f"reply to {record.method} {record.raised or ''}".strip()
        case Notification():
            return record.event_type
        case Action():
            return record.action
        case ActionEvent():
            return f"{record.event} {record.result or 'begins'}"
        case Call():
            return f"{record.system} {record.call}"
        case Migration():
            return f"{record.migration_type} {record.migration} {record.status}"
        case InstanceFault():
            return record.message
        case Request():
            return f"{record.action}: {record.status} {record.answer}".strip()
        case HostEvent():
            return record.text
        case Stage():
            return f"{record.stage} {record.end_s - record.start_s:g} s"
        case InstanceMapping():
            return f"{record.op} {record.cell or ''}".strip()
    return record.op
