"""What is written to the databases: instances, faults, actions, migrations, build requests."""

import functools

from tools.record.lives import backend  # noqa: F401

# isort: split
from nova import objects
from nova.api.openstack import common
from nova.compute import power_state
from nova.db.main import api as db_api

from tools.record.lives.recorder import REC, mask, where


def power_name(value):
    """The power state by its name; None stays None."""
    return None if value is None else power_state.STATE_MAP.get(value, str(value))


def states(ref):
    """The three states of a row."""
    return {
        "vm_state": ref["vm_state"],
        "task_state": ref["task_state"],
        "power_state": power_name(ref["power_state"]),
    }


def status(ref):
    """What the API calls the two states of a row."""
    return common.status_from_state(ref["vm_state"], ref["task_state"])


def wrap(owner, name):
    """Replace owner.name by the decorated function, which is handed the original first."""
    original = getattr(owner, name)

    def replace(function):
        @functools.wraps(original)
        def replacement(*args, **kwargs):
            return function(original, *args, **kwargs)

        setattr(owner, name, replacement)
        return replacement

    return replace


def expected(values, key):
    """The guard of a save: "any" without one, else the states it may start from."""
    if key not in values:
        return "any"
    value = values[key]
    if isinstance(value, list | tuple | set | frozenset):
        return sorted(value, key=lambda state: (state is not None, str(state)))
    return [value]


def install():
    """Put the hooks in; once per process."""
    _instances()
    _migrations()
    _actions()
    _build_requests()
    _instance_mappings()


def _instances():
    @wrap(db_api, "instance_create")
    def create(original, context, values):
        ref = original(context, values)
        REC.add(
            "db",
            ref["uuid"],
            op="create",
            old=None,
            new=states(ref),
            host=ref["host"],
            status=status(ref),
            where=where(),
        )
        return ref

    @wrap(db_api, "instance_update_and_get_original")
    def update(original, context, instance_uuid, values, *args, **kwargs):
        fields = {
            "columns": sorted(k for k in values if not k.startswith("expected_")),
            "expected_task_state": expected(values, "expected_task_state"),
            "expected_vm_state": expected(values, "expected_vm_state"),
            "where": where(),
        }
        wanted = {k: values[k] for k in ("vm_state", "task_state") if k in values}
        try:
            old, new = original(context, instance_uuid, values, *args, **kwargs)
        except Exception as exc:
            fields.update(op="update_refused", error=type(exc).__name__, wanted=wanted)
            REC.add("db", instance_uuid, **fields)
            raise
        before, after = states(old), states(new)
        fields.update(op="update", old=before, new=after, host=new["host"], status=status(new))
        fields["changed"] = sorted(k for k in before if before[k] != after[k])
        REC.add("db", instance_uuid, **fields)
        return old, new

    @wrap(db_api, "instance_destroy")
    def destroy(original, context, instance_uuid, *args, **kwargs):
        at = where()
        try:
            ref = original(context, instance_uuid, *args, **kwargs)
        except Exception as exc:
            REC.add("db", instance_uuid, op="destroy_refused", error=type(exc).__name__, where=at)
            raise
        REC.add("db", instance_uuid, op="destroy", old=None, new=states(ref), where=at)
        return ref

    @wrap(db_api, "instance_fault_create")
    def fault(original, context, values):
        ref = original(context, values)
        REC.add(
            "fault",
            values["instance_uuid"],
            code=values["code"],
            message=mask(values["message"]),
            where=where(),
        )
        return ref


def _migrations():
    def note(op, ref, **fields):
        REC.add(
            "migration",
            ref["instance_uuid"],
            op=op,
            status=ref["status"],
            migration_type=ref["migration_type"],
            source=ref["source_compute"],
            dest=ref["dest_compute"],
            **fields,
        )

    @wrap(db_api, "migration_create")
    def create(original, context, values):
        ref = original(context, values)
        note("create", ref, where=where())
        return ref

    @wrap(db_api, "migration_update")
    def update(original, context, migration_id, values):
        at = where()
        old = db_api.migration_get(context, migration_id)["status"]
        ref = original(context, migration_id, values)
        note("update", ref, old=old, where=at)
        return ref


def _actions():
    @wrap(db_api, "action_start")
    def start(original, context, values):
        ref = original(context, values)
        uuid = values["instance_uuid"]
        REC.add("action", uuid, op="start", action=ref["action"], where=where())
        return ref

    @wrap(db_api, "action_finish")
    def finish(original, context, values):
        ref = original(context, values)
        REC.add(
            "action",
            values["instance_uuid"],
            op="finish",
            action=ref["action"],
            message=ref["message"],
            where=where(),
        )
        return ref

    for op in ("start", "finish"):
        _action_event(op)


def _action_event(op):
    @wrap(db_api, f"action_event_{op}")
    def event(original, context, values):
        ref = original(context, values)
        fields = {"op": op, "event": values["event"], "host": values.get("host"), "where": where()}
        if op == "finish":
            fields["result"] = values.get("result")
        REC.add("action_event", values["instance_uuid"], **fields)
        return ref


def _build_requests():
    @wrap(objects.BuildRequest, "create")
    def create(original, self, *args, **kwargs):
        out = original(self, *args, **kwargs)
        instance = self.instance
        REC.add(
            "build_request",
            self.instance_uuid,
            op="create",
            vm_state=instance.vm_state,
            task_state=instance.task_state,
            where=where(),
        )
        return out

    @wrap(objects.BuildRequest, "destroy")
    def destroy(original, self, *args, **kwargs):
        try:
            out = original(self, *args, **kwargs)
        except Exception as exc:
            REC.add(
                "build_request",
                self.instance_uuid,
                op="destroy_refused",
                error=type(exc).__name__,
                where=where(),
            )
            raise
        REC.add("build_request", self.instance_uuid, op="destroy", where=where())
        return out


def _instance_mappings():
    for name in ("create", "save", "destroy"):
        _instance_mapping(name)


def _instance_mapping(name):
    @wrap(objects.InstanceMapping, name)
    def mapping(original, self, *args, **kwargs):
        uuid, at = self.instance_uuid, where()
        out = original(self, *args, **kwargs)
        fields = {"op": name, "where": at}
        if name != "destroy":
            cell = self.cell_mapping
            fields.update(cell=cell and cell.name, queued_for_delete=self.queued_for_delete)
        REC.add("instance_mapping", uuid, **fields)
        return out
