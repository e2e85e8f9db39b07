"""As deployed: a nova-compute without a database asks the conductor; messages as they travel.

Nova's functional tests let a nova-compute reach the database; here, as in a deployment, each
remotable method of an object that it uses is a call to the conductor. So that the order is the same
each time, ports are made before anything else goes on. What some messages carry is kept as well.
"""

import json
import re

from tools.record.lives import backend  # noqa: F401

# isort: split
import oslo_messaging.transport as msg_transport
from nova.conductor import rpcapi as conductor_rpcapi
from nova.network import model as network_model
from nova.objects import base as objects_base
from oslo_messaging._drivers import amqp
from oslo_serialization import jsonutils

from tools.record.lives import cloud as nova_cloud
from tools.record.lives import lifecycle, scenarios
from tools.record.lives.hooks_rows import wrap
from tools.record.lives.recorder import REC, mask, service
from tools.record.lives.trace import Trace

#: Scenarios of lifecycle and moves, and the messages that are kept in full, the first of each.
NAMES = {
    "create": "schedule_and_build_instances select_destinations build_and_run_instance"
    " update_instance_info object_action object_class_action_versions",
    "create_reschedule": "build_instances",
    "create_max_attempts": "",
    "delete": "terminate_instance delete_instance_info",
    "stop_start": "stop_instance",
    "pause_unpause": "",
    "suspend_resume": "",
    "reboot": "reboot_instance",
    "rescue_unrescue": "",
    "create_image": "snapshot_instance",
    "create_backup": "backup_instance",
    "set_password": "set_admin_password",
    "soft_delete_restore": "",
    "rebuild": "",
    "resize_confirm": "migrate_server prep_resize resize_instance finish_resize confirm_resize",
    "resize_revert": "",
    "live_migrate": "live_migrate_instance check_can_live_migrate_destination"
    " check_can_live_migrate_source pre_live_migration post_live_migration_at_destination",
    "evacuate": "rebuild_instance",
    "shelve_offload_unshelve": "unshelve_instance",
}
FIELDS = "service style topic server namespace method version args fanout object caller".split()
#: Of a service.
HEARTBEATS = ("last_seen_up", "report_count", "updated_at")
#: What Nova's fixtures let travel in a context, so that one process is enough.
CHEATED = ("db_connection", "mq_connection")
MASKS = {
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?": "{time}",
    r'"(admin_password|new_pass)": "\w+"': r'"\1": "{password}"',
    r"\br-[0-9a-z]{8}\b": "{reservation}",
}


class PerService:
    """An indirection_api that only a nova-compute has."""

    api = None

    def __get__(self, instance, owner=None):
        if not service().startswith("compute@"):
            return None
        if self.api is None:
            self.api = conductor_rpcapi.ConductorAPI()
        return self.api


@wrap(msg_transport.Transport, "_send")
def _send(original, self, target, ctxt, message, **kwargs):
    """Keep what a message carries, before it is changed."""
    method, kept = message["method"], getattr(REC, "kept", None)
    if kept is not None and REC.active and kept.get(method, 0) is None:
        wire = jsonutils.loads(jsonutils.dumps(message))
        amqp.pack_context(wire, {k: v for k, v in ctxt.items() if k not in CHEATED})
        waits = kwargs.get("timeout"), kwargs.get("call_monitor_timeout")
        kept[method] = {"timeout": waits[0], "call_monitor_timeout": waits[1], "message": wire}
    return original(self, target, ctxt, message, **kwargs)


@wrap(network_model.NetworkInfoAsyncWrapper, "__init__")
def _wait_at_once(original, self, *args, **kwargs):
    original(self, *args, **kwargs)
    if getattr(REC, "kept", None) is not None:
        try:
            self.wait()
        except Exception:  # who uses the result meets it again
            return


def record(name):
    """Play a scenario: per step its messages in order, and messages in full."""
    found = (scenarios.load("lifecycle") | scenarios.load("moves"))[name]
    kept, steps = dict.fromkeys(NAMES[name].split()), []

    def body(cloud):
        trace, REC.kept = Trace(cloud), kept
        before = objects_base.NovaObject.indirection_api
        objects_base.NovaObject.indirection_api = PerService()
        try:
            found.play(cloud, trace)
        finally:
            objects_base.NovaObject.indirection_api, REC.kept = before, None
        steps.extend({"label": s["label"], "messages": rows(s["events"])} for s in trace.steps)
        lifecycle.tidy(cloud)

    nova_cloud.run(body, found.options, found.hosts)
    missing = [method for method, wire in kept.items() if wire is None]
    if missing:
        raise AssertionError(f"{name}: no {', '.join(missing)}")
    return {
        "options": [[group or "DEFAULT", option, value] for group, option, value in found.options],
        "hosts": list(found.hosts),
        "steps": steps,
        "wires": masked(kept),
    }


def rows(events):
    """The messages among the events, without what none of them has."""
    return [
        {key: event[key] for key in FIELDS if event.get(key) is not None}
        for event in events
        if event["kind"] == "rpc"
    ]


def masked(wires):
    """Messages without ids, times, passwords, heartbeats and paths; roles in order."""
    for wire in wires.values():
        wire["message"]["_context_roles"].sort()
    text = mask(json.dumps(wires))
    for pattern, word in MASKS.items():
        text = re.sub(pattern, word, text)
    return json.loads(text, object_hook=_same_everywhere)


def _same_everywhere(value):
    """When a service was heard of, and where the files of a traceback lie, depends on the machine."""
    if "report_count" in value:
        value |= dict.fromkeys(HEARTBEATS)
    if value.get("exc"):
        value["exc"] = [value["exc"][0], value["exc"][-1]]
    return value
