"""The tables of a cloud, made of its records (labkit/nova/clock.py); columns: labkit/tables."""

from operator import attrgetter

from labkit.nova.clock import (
    Action,
    ActionEvent,
    BuildRequest,
    Call,
    HostEvent,
    InstanceFault,
    Message,
    Migration,
    Notification,
    Reply,
    Request,
    Save,
    Stage,
    words,
)
from labkit.nova.compute import power_state

#: The columns that hold numbers; all others hold objects.
_NUMBERS = ("seq", "t_s", "start_s", "end_s", "bytes_in", "bytes_out", "messages")


def states(records):
    """Return what each server showed after each write, a DataFrame."""
    columns = "seq t_s instance vm_state task_state power_state service saved_by request_id"
    return frame(columns.split(), _states(records))


def _states(records):
    for seq, record in enumerate(records):
        if isinstance(record, BuildRequest) and record.op == "create":
            vm_state, task_state = record.vm_state, record.task_state
            power = power_state.NOSTATE  # base_options of nova/compute/api.py
        elif isinstance(record, Save) and record.op in ("create", "update", "destroy"):
            vm_state, task_state, power = record.new
            vm_state = "deleted" if record.op == "destroy" else vm_state
        else:
            continue
        shown = vm_state, task_state, power_state.STATE_MAP.get(power)
        done = record.service, record.by, record.request_id
        yield seq, record.t_s, record.instance, *shown, *done


def saves(records):
    """Return every write of a row of instances, a DataFrame."""
    return _table(
        records,
        Save,
        "seq t_s instance service op columns expected_task_state refused saved_by",
        columns=lambda save: ", ".join(save.columns),
        expected_task_state=lambda save: _guard(save.expected_task_state),
        refused=lambda save: save.error or "",
        saved_by="by",
    )


def _guard(expected):
    return "any" if expected is None else ", ".join(str(state) for state in expected)


def messages(records):
    """Return every message between services, a DataFrame."""
    columns = (
        "seq t_s instance kind sender exchange topic server namespace method version args lost"
        " request_id is_admin object"
    ).split()
    sent = _rows(
        records,
        Message,
        columns,
        kind=lambda message: "fanout" if message.fanout else message.style,
        sender="service",
        exchange=lambda message: "nova",
        args=lambda message: ", ".join(message.args),
        object=lambda message: None,
    )
    of_no_reply = "topic server namespace version is_admin object".split()
    replies = _rows(
        records,
        Reply,
        columns,
        kind=lambda reply: "reply",
        sender="service",
        exchange=lambda reply: "nova",
        args=lambda reply: reply.raised or "",
        lost=lambda reply: False,
        **dict.fromkeys(of_no_reply, lambda reply: None),
    )
    return frame(columns, sorted([*sent, *replies], key=_seq))


def notifications(records):
    """Return the notifications that Nova emitted, a DataFrame."""

    def of_update(name):
        return lambda record: record.payload.get("state_update", record.payload).get(name)

    return _table(
        records,
        Notification,
        "seq t_s instance format event_type priority old_state state old_task_state new_task_state"
        " service request_id",
        **{
            name: of_update(name)
            for name in "old_state state old_task_state new_task_state".split()
        },
    )


def actions(records):
    """Return the action logs of all servers, a DataFrame."""
    columns = "seq t_s instance action event host result request_id"
    return frame(columns.split(), _actions(records))


def _actions(records):
    for seq, record in enumerate(records):
        if isinstance(record, Action) and record.op == "start":
            part = "", None, ""
        elif isinstance(record, ActionEvent):
            part = record.event, record.host, record.result or ""
        else:
            continue
        yield seq, record.t_s, record.instance, record.action, *part, record.request_id


def calls(records):
    """Return the calls to the neighbours and the hypervisors, a DataFrame."""
    return _table(records, Call, "seq t_s instance service system call http_status")


def migrations(records):
    """Return every write of a row of migrations, a DataFrame."""
    return _table(
        records,
        Migration,
        "seq t_s instance migration migration_type status source_compute dest_compute saved_by",
        source_compute="source",
        dest_compute="dest",
        saved_by="by",
    )


def holdings(records, changes):
    """Return what each host has of each server, a DataFrame.

    In: the records, and the rows about guests and allocations (labkit/cloud/past.py).
    """
    columns = "seq t_s instance host what consumer value".split()
    return frame(columns, sorted([*changes, *_named_hosts(records)], key=_seq))


def _named_hosts(records):
    now = {}
    for seq, record in enumerate(records):
        if not isinstance(record, Save) or record.op not in ("update", "destroy"):
            continue
        old = now.get(record.instance)
        if record.host == old:
            continue
        for host, value in ((old, None), (record.host, "named")):
            if host is not None:
                yield seq, record.t_s, record.instance, host, "row", None, value
        now[record.instance] = record.host


def faults(records):
    """Return the errors that the API shows with servers, a DataFrame."""
    return _table(records, InstanceFault, "seq t_s instance code message")


def planned_faults(struck, actions):
    """Return the faults that a cloud was given and how often each has struck, a DataFrame.

    In: (fault, how often), and the actions that come to a step, by step.
    """
    names = "step at host instance times".split()
    rows = [
        (*(getattr(fault, name) for name in names), count, actions.get(fault.step, ""))
        for fault, count in struck
    ]
    return frame([*names, "struck", "actions"], rows)


def requests(records):
    """Return the requests to the API and their answers, a DataFrame."""
    return _table(records, Request, "seq t_s instance action status answer request_id")


def events(records):
    """Return all records in one table, a DataFrame."""
    return _table(
        records,
        tuple,
        "seq t_s service instance kind what request_id",
        kind=lambda record: type(record).__name__,
        what=words,
    )


def stages(records):
    """Return the stages of the snapshots, a DataFrame."""
    return _table(records, Stage, "seq instance stage start_s end_s bytes_in bytes_out command")


def host_log(records):
    """Return what the hosts of libvirt drivers did, a DataFrame."""
    return _table(records, HostEvent, "seq t_s instance service kind what", what="text")


def images(found):
    """Return the images that servers were made into, a DataFrame; in: glance's, by their ids."""
    columns = "image instance name status disk_format container_format size location".split()
    return frame(columns, [(i, *map(image.get, columns[1:])) for i, image in found.items()])


def frame(columns, rows):
    """Return a DataFrame of rows; text columns hold objects, so that None stays None."""
    import pandas as pd

    rows = list(rows)
    values = zip(*rows, strict=True) if rows else [()] * len(columns)
    index = pd.RangeIndex(len(rows))  # given: pandas takes as long again to find it
    series = {
        name: pd.Series(list(column), index, dtype=None if name in _NUMBERS else object)
        for name, column in zip(columns, values, strict=True)
    }
    return pd.DataFrame(series, index)


def _table(records, kind, columns, /, **other):
    return frame(columns.split(), _rows(records, kind, columns.split(), **other))


def _rows(records, kind, columns, /, **other):
    # A column is the record's field of that name; *other* names another, or is a function.
    wanted = [other.get(name, name) for name in columns[1:]]
    read = [attrgetter(each) if isinstance(each, str) else each for each in wanted]
    return [
        (seq, *(get(record) for get in read))
        for seq, record in enumerate(records)
        if isinstance(record, kind)
    ]


def _seq(row):
    return row[0]
