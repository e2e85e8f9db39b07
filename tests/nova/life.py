"""Play what was recorded from the real Nova in a Cloud, and put both into one form."""

from labkit import trace
from labkit.nova.compute import power_state

#: Of a NamedTuple's fields: what the recording calls them.
_SKIP = ("t_s",)


def events(records):
    """Return records in the form of data/nova-34/lifecycle.json.gz."""
    found = []
    for record in records:
        event = _EVENT[type(record)](record) if type(record) in _EVENT else None
        if event is not None:
            event["service"] = record.service
            found.append(event)
    return found


def _states(states):
    if states is None:
        return None
    names = power_state.STATE_MAP
    return {
        "vm_state": states[0],
        "task_state": states[1],
        "power_state": names.get(states[2]),
    }


def _guard(expected):
    if expected is None:
        return "any"
    return sorted(expected, key=lambda state: (state is not None, str(state)))


def _save(record):
    event = {"kind": "db", "op": record.op, "where": record.by}
    if record.op in ("create", "destroy"):
        return event | {"old": None, "new": _states(record.new)}
    if record.op == "destroy_refused":
        return event | {"error": record.error}
    event |= {
        "columns": list(record.columns),
        "expected_task_state": _guard(record.expected_task_state),
        "expected_vm_state": _guard(record.expected_vm_state),
    }
    if record.op == "update_refused":
        wanted = dict(zip(("vm_state", "task_state"), record.new, strict=False))
        wanted = {key: value for key, value in wanted.items() if key in record.columns}
        return event | {"error": record.error, "wanted": wanted}
    return event | {
        "old": _states(record.old),
        "new": _states(record.new),
        "host": record.host,
    }


def _build_request(record):
    event = {"kind": "build_request", "op": record.op, "where": record.by}
    if record.op == "create":
        event |= {"vm_state": record.vm_state, "task_state": record.task_state}
    if record.error:
        event["error"] = record.error
    return event


def _mapping(record):
    event = {"kind": "instance_mapping", "op": record.op, "where": record.by}
    if record.op != "destroy":
        event |= {"cell": record.cell, "queued_for_delete": record.queued_for_delete}
    return event


def _message(record):
    event = {
        "kind": "rpc",
        "style": record.style,
        "topic": record.topic,
        "server": record.server,
        "namespace": record.namespace,
        "method": record.method,
        "version": record.version,
        "args": list(record.args),
        "where": record.by,
        "caller": record.caller,
    }
    if record.fanout:
        event["fanout"] = True
    if record.lost:
        event["lost"] = True
    return event


def _notification(record):
    return {
        "kind": "notify",
        "format": record.format,
        "event_type": record.event_type,
        "publisher": record.publisher,
        "priority": record.priority,
        "payload": record.payload,
        "where": record.by,
    }


def _action_event(record):
    event = {
        "kind": "action_event",
        "op": record.op,
        "event": record.event,
        "host": record.host,
        "where": record.by,
    }
    if record.op == "finish":
        event["result"] = record.result
    return event


def _call(record):
    if record.system == "virt":
        return {"kind": "virt", "call": record.call, "where": record.by}
    if record.system == "placement":
        verb, url = record.call.split(" ")
        return {
            "kind": "placement",
            "verb": verb,
            "url": url,
            "http_status": record.http_status,
            "where": record.by,
        }
    return {"kind": "ext", "system": record.system, "call": record.call, "where": record.by}


_EVENT = {
    trace.Save: _save,
    trace.BuildRequest: _build_request,
    trace.InstanceMapping: _mapping,
    trace.Message: _message,
    trace.Notification: _notification,
    trace.Action: lambda r: {"kind": "action", "op": "start", "action": r.action, "where": r.by},
    trace.ActionEvent: _action_event,
    trace.Call: _call,
    trace.InstanceFault: lambda r: {
        "kind": "fault",
        "code": r.code,
        "message": r.message,
        "where": r.by,
    },
}
