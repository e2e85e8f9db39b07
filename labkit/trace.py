"""What happened in a cloud, as records in the order in which it happened.

``t_s`` is the simulated time in seconds, ``service`` who did it (api, conductor, scheduler or
compute@HOST), ``instance`` the server's name, ``by`` Nova's file:function. States are tuples
(vm_state, task_state, power_state).
"""

from typing import NamedTuple


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


class InstanceMapping(NamedTuple):
    """A write to the table instance_mappings: which cell holds the row."""

    t_s: float
    service: str
    instance: str
    op: str
    cell: str | None = None
    queued_for_delete: bool = False
    by: str | None = None


class Message(NamedTuple):
    """A call or cast to another service; ``args`` are the names of its arguments."""

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


class Action(NamedTuple):
    """An entry of the server's action log: its start; few actions have an end of their own."""

    t_s: float
    service: str
    instance: str
    action: str
    by: str | None = None
    op: str = "start"


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


class Call(NamedTuple):
    """A call to a neighbour (glance, neutron), to the hypervisor (virt) or to placement."""

    t_s: float
    service: str
    instance: str | None
    system: str
    call: str
    http_status: int | None = None
    by: str | None = None


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


class InstanceFault(NamedTuple):
    """An error that the API shows with the server."""

    t_s: float
    service: str
    instance: str
    code: int
    message: str
    by: str | None = None


class Request(NamedTuple):
    """A request to the API and its answer."""

    t_s: float
    instance: str
    action: str
    status: int
    answer: str = ""
