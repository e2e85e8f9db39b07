"""The action log of a server (nova/objects/instance_action.py)."""

from dataclasses import dataclass, field

from labkit.nova.clock import Action, ActionEvent
from labkit.nova.db.main import api as db
from labkit.nova.exception import InstanceActionEventNotFound, InstanceActionNotFound


@dataclass
class InstanceAction:
    """One action that somebody asked for; ``message`` is "Error" when a part of it failed.

    ``events`` are its parts: dicts of event, host and result (None until it ends). One request may
    begin two entries.
    """

    action: str
    request_id: str
    message: str | None = None
    events: list = field(default_factory=list)


def action_start(instance, action):
    """Begin an entry; what is done under the same request id from now on belongs to it."""
    service = instance.service
    context = service.db_context
    db.action_start(context, instance.uuid, InstanceAction(action, context.request_id))
    service.note(Action, instance.name, action)


def action_finish(instance):
    """End an entry; few actions do."""
    action = _action(instance).action
    instance.service.note(Action, instance.name, action, op="finish")


def event_start(instance, event, by=None):
    """Begin a part of the action, on the service's host."""
    service = instance.service
    action = _action(instance)
    action.events.append({"event": event, "host": service.host, "result": None})
    service.note(ActionEvent, instance.name, "start", action.action, event, service.host, by=by)


def event_finish(instance, event, result, by=None):
    """End a part of the action.

    When a part happens twice, as in a build that goes on elsewhere, the first is written to
    again and the second stays without an end. Raises InstanceActionEventNotFound when it is
    another action by now: a service that acts by itself takes the last.

    Source: ``action_event_finish`` in nova/db/main/api.py, Nova 34.0.0.
    """
    action = _action(instance)
    found = next((e for e in action.events if e["event"] == event), None)
    if found is None:
        raise InstanceActionEventNotFound(event=event, action_id="{id}")
    found["result"] = result
    if result == "Error":
        action.message = "Error"
    note = instance.service.note
    note(ActionEvent, instance.name, "finish", action.action, event, None, result, by=by)


def as_shown(log) -> list[dict]:
    """Return the entries as the API shows them: of two of one request, both with the last's parts.

    Source: ``show`` in nova/api/openstack/compute/instance_actions.py, Nova 34.0.0.
    """
    last = {entry.request_id: entry for entry in log}
    return [
        {"action": entry.action, "message": entry.message, "events": last[entry.request_id].events}
        for entry in log
    ]


def _action(instance) -> InstanceAction:
    """Return the last entry of the request at hand, or the last of all when a service acts by itself.

    Raises InstanceActionNotFound when there is none.

    Source: ``action_event_start`` in nova/db/main/api.py, Nova 34.0.0.
    """
    context = instance.service.db_context
    log = db.actions_get(context, instance.uuid)
    for entry in reversed(log):
        if entry.request_id == context.request_id:
            return entry
    if log and context.project_id is None:
        return log[-1]
    raise InstanceActionNotFound(request_id=context.request_id, instance_uuid=instance.uuid)
