"""The tables of a cloud: every column, unit and index, documented here, once.

One fact per row, in the order in which it happened; ``seq`` counts all facts of the cloud, so
that rows of different tables can be put in order. ``t_s`` is the simulated time in seconds,
``instance`` the server's name. ``request_id`` is that of the request to the API that it belongs to,
wherever it was done; what a nova-compute does by itself, at its start or in a round of its
periodic tasks, has one too.

``states``: seq, t_s, instance, vm_state, task_state, power_state, service, saved_by, request_id
    What the server shows after each write of its row; before there is a row, its BuildRequest.
    ``saved_by`` is Nova's file:function, ``service`` api, conductor or compute@HOST. After a
    delete one row more, with vm_state "deleted" and saved_by as before: the row is gone.
``saves``: seq, t_s, instance, service, op, columns, expected_task_state, refused, saved_by
    Every write of a row of instances: ``op`` create, update, update_refused, destroy or
    destroy_refused; ``columns`` written; the guard ("any" without one); ``refused`` names the error.
``messages``: seq, t_s, instance, kind, sender, exchange, topic, server, namespace, method,
    version, args, lost, request_id, is_admin, object
    ``kind`` call, cast, fanout or reply; ``args`` names with commas between them. ``request_id``
    and ``is_admin`` are those of the context that goes with it (True, False; None of a reply,
    which has no context). ``object`` is None: a nova-compute of the lab has the database and asks
    no conductor for it.
``notifications``: seq, t_s, instance, format, event_type, priority, old_state, state,
    old_task_state, new_task_state, service, request_id
    The four states as the message has them; empty where it does not say.
``actions``: seq, t_s, instance, action, event, host, result, request_id
    A row for the action itself (``event`` empty), one for the start of each event (``result``
    empty), one for its end.
``calls``: seq, t_s, instance, service, system, call, http_status
    What was asked of placement, glance, neutron and the hypervisor (virt).
``migrations``: seq, t_s, instance, migration, migration_type, status, source_compute,
    dest_compute, saved_by
    Every write of a move's row: ``migration`` counts the moves of the cloud from 1;
    ``migration_type`` resize, migration, live-migration or evacuation; ``dest_compute`` is empty
    until there is one; ``saved_by`` as in ``states``.
``holdings``: seq, t_s, instance, host, what, consumer, value
    What a host has of a server, a row for each change: ``what`` is row (the server's row names
    the host), guest or allocation; ``value`` is "named", the guest's power_state, or what is held
    in placement, and None once the host has it no more. ``consumer`` of an allocation is the
    server's name or "migration 1", None for the others. ``seq`` is that of the fact at which the
    row changed, or of the first one after it.
``faults``: seq, t_s, instance, code, message
    The errors that the API shows with a server.
``stages``, ``images``, ``host_log``
    Of servers with disks: see labkit/cloud/cloud_snapshots.py.
``reports``, ``compute_nodes``, ``host_states``, ``inventories``
    Of what hosts report: see labkit/cloud/cloud_reports.py.
``requests``: seq, t_s, instance, action, status, answer, request_id
    What was asked of the API, and its answer; ``answer`` is empty when it was accepted.
``events``: seq, t_s, service, instance, kind, what, request_id
    All of them in one table, ``what`` in words.
"""

from labkit.cloud import holdings
from labkit.nova import clock as trace
from labkit.nova.compute import power_state

#: The columns that hold numbers.
NUMBERS = ("seq", "t_s", "start_s", "end_s", "bytes_in", "bytes_out", "messages")
STATES = "seq t_s instance vm_state task_state power_state service saved_by request_id".split()
SAVES = "seq t_s instance service op columns expected_task_state refused saved_by".split()
MESSAGES = (
    "seq t_s instance kind sender exchange topic server namespace method version args lost"
    " request_id is_admin object".split()
)
NOTIFICATIONS = (
    "seq t_s instance format event_type priority old_state state old_task_state new_task_state"
    " service request_id".split()
)
ACTIONS = "seq t_s instance action event host result request_id".split()
CALLS = "seq t_s instance service system call http_status".split()
MIGRATIONS = (
    "seq t_s instance migration migration_type status source_compute dest_compute saved_by".split()
)
HOLDINGS = "seq t_s instance host what consumer value".split()
FAULTS = "seq t_s instance code message".split()
REQUESTS = "seq t_s instance action status answer request_id".split()
EVENTS = "seq t_s service instance kind what request_id".split()


class CloudTables:
    """The part of Cloud that is read by people; each table is built when it is asked for."""

    @property
    def states(self):
        """What each server showed, a DataFrame."""
        return frame(STATES, _states(self._site.trace))

    @property
    def saves(self):
        """Every write of a server's row, a DataFrame."""
        return frame(SAVES, _saves(self._site.trace))

    @property
    def messages(self):
        """Every message between services, a DataFrame."""
        return frame(MESSAGES, _messages(self._site.trace))

    @property
    def notifications(self):
        """What Nova told others, a DataFrame."""
        return frame(NOTIFICATIONS, _notifications(self._site.trace))

    @property
    def actions(self):
        """The action logs of all servers, a DataFrame."""
        return frame(ACTIONS, _actions(self._site.trace))

    @property
    def calls(self):
        """What was asked of the neighbours and the hypervisors, a DataFrame."""
        return frame(CALLS, _plain(self._site.trace, trace.Call, CALLS))

    @property
    def migrations(self):
        """Every write of a move's row, a DataFrame."""
        return frame(MIGRATIONS, _migrations(self._site.trace))

    @property
    def holdings(self):
        """What each host has of each server, and since when, a DataFrame."""
        return frame(HOLDINGS, holdings.rows(self._site))

    @property
    def faults(self):
        """The errors that the API shows, a DataFrame."""
        return frame(FAULTS, _plain(self._site.trace, trace.InstanceFault, FAULTS))

    @property
    def requests(self):
        """What was asked of the API, a DataFrame."""
        return frame(REQUESTS, _plain(self._site.trace, trace.Request, REQUESTS))

    @property
    def events(self):
        """Everything in order, a DataFrame."""
        return frame(EVENTS, _events(self._site.trace))


def frame(columns, rows):
    """Return a DataFrame of rows; text columns hold objects."""
    import pandas as pd

    rows = list(rows)
    values = zip(*rows, strict=True) if rows else [()] * len(columns)
    return pd.DataFrame(
        {
            name: pd.Series(list(column), dtype=None if name in NUMBERS else object)
            for name, column in zip(columns, values, strict=True)
        }
    )


def _of(records, kind):
    return ((seq, record) for seq, record in enumerate(records) if isinstance(record, kind))


def _plain(records, kind, columns):
    for seq, record in _of(records, kind):
        yield (seq, *(getattr(record, name) for name in columns[1:]))


def _states(records):
    for seq, record in enumerate(records):
        if isinstance(record, trace.BuildRequest) and record.op == "create":
            now = (record.vm_state, record.task_state, None)
        elif isinstance(record, trace.Save) and record.op in ("create", "update", "destroy"):
            vm_state, task_state, power = record.new
            now = (vm_state, task_state, power_state.STATE_MAP.get(power))
            if record.op == "destroy":
                now = ("deleted", *now[1:])
        else:
            continue
        done = record.service, record.by, record.request_id
        yield seq, record.t_s, record.instance, *now, *done


def _guard(expected):
    if expected is None:
        return "any"
    return ", ".join(str(state) for state in expected)


def _saves(records):
    for seq, record in _of(records, trace.Save):
        yield (
            seq,
            record.t_s,
            record.instance,
            record.service,
            record.op,
            ", ".join(record.columns),
            _guard(record.expected_task_state),
            record.error or "",
            record.by,
        )


def _messages(records):
    for seq, record in _of(records, trace.Message | trace.Reply):
        start = (seq, record.t_s, record.instance)
        if isinstance(record, trace.Reply):
            yield (
                *start,
                "reply",
                record.service,
                "nova",
                None,
                None,
                None,
                record.method,
                None,
                (record.raised or ""),
                False,
                record.request_id,
                None,
                None,
            )
            continue
        kind = "fanout" if record.fanout else record.style
        yield (
            *start,
            kind,
            record.service,
            "nova",
            record.topic,
            record.server,
            record.namespace,
            record.method,
            record.version,
            ", ".join(record.args),
            record.lost,
            record.request_id,
            record.is_admin,
            None,
        )


def _notifications(records):
    for seq, record in _of(records, trace.Notification):
        payload = record.payload
        update = payload.get("state_update", payload)
        yield (
            seq,
            record.t_s,
            record.instance,
            record.format,
            record.event_type,
            record.priority,
            update.get("old_state"),
            update.get("state"),
            update.get("old_task_state"),
            update.get("new_task_state"),
            record.service,
            record.request_id,
        )


def _actions(records):
    for seq, record in _of(records, trace.Action | trace.ActionEvent):
        begun = (seq, record.t_s, record.instance, record.action)
        if isinstance(record, trace.Action):
            if record.op == "start":
                yield *begun, "", None, "", record.request_id
            continue
        yield *begun, record.event, record.host, record.result or "", record.request_id


def _migrations(records):
    for seq, record in _of(records, trace.Migration):
        yield (
            seq,
            record.t_s,
            record.instance,
            record.migration,
            record.migration_type,
            record.status,
            record.source,
            record.dest,
            record.by,
        )


def _events(records):
    for seq, record in enumerate(records):
        kind = type(record).__name__
        about = record.service, record.instance, kind, trace.words(record)
        yield seq, record.t_s, *about, record.request_id
