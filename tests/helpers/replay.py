"""Play what was recorded from the real Nova in a Cloud, and put both into one form."""

import difflib
import json
import re

from labkit.nova import clock
from labkit.nova.api.openstack.common import status_from_state
from labkit.nova.compute import power_state

#: What happens to a server carries its number; the first, 0, is left out.
_NUMBERED = """db notify rpc virt action action_event fault build_request instance_mapping
migration host""".split()
#: Noted by the recorder alone: the lab notes a request with its answer.
_LEFT_OUT = ("request", "response")


def events(records, names):
    """Return [(thread, event)] of records, events in the form of data/nova-34/lifecycle.json.gz."""
    found, calls = [], {}
    for thread, record in records:
        if isinstance(record, clock.Reply):
            _answer(calls[record.request_id, record.method], record)
        if type(record) not in _EVENT or _is_line_of_manager(record):
            continue
        event = _EVENT[type(record)](record)
        if isinstance(record, clock.Message):
            calls[record.request_id, record.method] = event
        event["service"] = record.service
        number = names.index(record.instance) if record.instance in names else 0
        if number and event["kind"] in _NUMBERED and event.get("method") != "build_instances":
            event["instance"] = number
        found.append((thread, event))
    return found


def _is_line_of_manager(record):
    """The recorder notes no lines of nova/compute/manager.py; tools/oracle/events.py does."""
    return isinstance(record, clock.HostEvent) and record.text.endswith("(Lifecycle Event)")


def _answer(call, record):
    """Put an answer beside its call."""
    if record.raised:
        call["raised"] = record.raised
    if record.hosts:
        call["hosts"] = [list(hosts) for hosts in record.hosts]


def recorded(step):
    """Return a recorded step's events, without what only the recorder knows."""
    found = []
    for event in step["events"]:
        if event["kind"] in _LEFT_OUT:
            continue
        if event["kind"] == "placement" and event["where"] is None:
            continue
        event = {key: value for key, value in event.items() if key != "seq"}
        if event.get("host") == "fake-mini":
            event["host"] = "controller"
        found.append(event)
    return found


def differences(recording, player):
    """Return lines that tell where a played scenario differs from the recorded one; none if equal."""
    lines, played = [], [step[0] for step in player.steps]
    steps = [step for step in recording["steps"] if step["label"] not in NOT_ASKED]
    for theirs, (label, requests, records, books, hosts) in zip(steps, player.steps, strict=False):
        if theirs["label"] != label:
            return [f"step {label}, not {theirs['label']}"]
        asked = [(r["label"], r["http_status"], r.get("error") or "") for r in theirs["requests"]]
        ours = [(name, status, masked(error or "")) for name, status, error in requests]
        lines += _diff(label, asked, ours)
        happened, ours = recorded(theirs), events(records, player.names)
        if not interleaves(happened, ours):
            lines += _diff(label, happened, [event for _, event in ours])
        lines += _diff(label, list(theirs["hosts"].items()), list(hosts.items()))
        lines += _diff(label, recorded_books(theirs), json.loads(masked(json.dumps(books))))
    if len(steps) != len(played):
        lines.append(f"the steps are {played}, not {[step['label'] for step in steps]}")
    return lines


def recorded_books(step):
    """Return the books after a recorded step, as far as the lab keeps such books.

    It keeps no block device mappings, and a request spec for each server.
    """
    found = []
    for theirs in step["books"]:
        if theirs["row"] is not None:
            left_out = ("cleaned", "block_device_mappings")
            row = {key: value for key, value in theirs["row"].items() if key not in left_out}
            theirs = theirs | {"row": row}
        ours = {key: value for key, value in theirs.items() if key != "request_spec"}
        ours["ports"] = [port["host"] for port in theirs["ports"]]
        ours["images"] = len(theirs["images"])
        found.append(json.loads(json.dumps(ours).replace("fake-mini", "controller")))
    return found


def interleaves(theirs, ours):
    """Return whether the recorded events are the lab's, each thread in the lab's order.

    Where two threads of one host are at work at once, who comes first is not determined in Nova.
    """
    threads = {}
    for thread, event in ours:
        threads.setdefault(thread, []).append(event)
    queues = list(threads.values())
    states = {(0,) * len(queues)}
    for event in theirs:
        states = {
            (*state[:k], state[k] + 1, *state[k + 1 :])
            for state in states
            for k, queue in enumerate(queues)
            if state[k] < len(queue) and queue[state[k]] == event
        }
        if not states:
            return False
    return len(theirs) == len(ours)


#: Refusals of requests that cannot be written down in the lab, where flavors, images and networks
#: are objects and not names.
NOT_ASKED = (
    "no such flavor",
    "no such image",
    "no such network",
    "no such key",
    "no name",
    "no image and no volume",
    "min_count above max_count",
)
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NAME = re.compile(r"instance-[0-9a-f]{8}")


def masked(text):
    """The text with {uuid} for each uuid, {name} for a name that the hypervisor knows."""
    return NAME.sub("{name}", UUID.sub("{uuid}", text))


def _diff(label, theirs, ours):
    texts = [[json.dumps(each, sort_keys=True) for each in side] for side in (theirs, ours)]
    if texts[0] == texts[1]:
        return []
    return [f"{label}: {line}" for line in difflib.unified_diff(*texts, "nova", "lab", n=0)][2:]


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
    if record.op == "create":
        status = status_from_state(*record.new[:2])
        return event | {"old": None, "new": _states(record.new), "host": None, "status": status}
    if record.op == "destroy":
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
    old, new = _states(record.old), _states(record.new)
    return event | {
        "old": old,
        "new": new,
        "host": record.host,
        "status": status_from_state(*record.new[:2]),
        "changed": sorted(key for key in old if old[key] != new[key]),
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


def _migration(record):
    names = ("op", "status", "migration_type", "source", "dest")
    event = {"kind": "migration", "where": record.by} | {n: getattr(record, n) for n in names}
    return event | ({"old": record.old} if record.op == "update" else {})


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
    clock.Save: _save,
    clock.BuildRequest: _build_request,
    clock.InstanceMapping: _mapping,
    clock.Message: _message,
    clock.Migration: _migration,
    clock.Notification: _notification,
    clock.Action: lambda r: (
        {"kind": "action", "op": r.op, "action": r.action, "where": r.by}
        | ({"message": None} if r.op == "finish" else {})
    ),
    clock.ActionEvent: _action_event,
    clock.Call: _call,
    clock.HostEvent: lambda r: {"kind": "host", "what": r.kind, "words": list(r.words)},
    clock.InstanceFault: lambda r: {
        "kind": "fault",
        "code": r.code,
        "message": masked(r.message),
        "where": r.by,
    },
}
