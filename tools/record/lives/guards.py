"""The guards of nova.compute.api.API: which states each method accepts, read and then tried."""

import contextlib
import types

from tools.record.lives import backend  # noqa: F401

# isort: split
from nova import exception, objects
from nova.compute import api as compute_api
from nova.objects import fields
from oslo_utils import timeutils, uuidutils

VM_STATES = list(fields.InstanceState.ALL)
TASK_STATES = [None, *fields.InstanceTaskState.ALL]


def read():
    """The guards of each method that has any, by its name.

    They are read out of the decorators' closures; then each guard is called with every pair of
    states around a stand-in for the method, and must do what was read (`tried`).
    """
    found = {}
    for name, top in sorted(vars(compute_api.API).items()):
        if not isinstance(top, types.FunctionType):
            continue
        entry, checks = None, []
        for layer in layers(top):
            cells = dict(zip(layer.__code__.co_freevars, layer.__closure__ or (), strict=True))
            decorator = layer.__code__.co_qualname.split(".")[0]
            if decorator in ("check_instance_state", "reject_instance_state"):
                entry = states_of(decorator, cells)
                entry["tried"] = behaves(layer, cells, entry)
            elif decorator == "check_instance_lock":
                checks.append("refused_when_locked")
            elif decorator == "check_instance_host":
                is_up = cells["check_is_up"].cell_contents
                checks.append("needs_host_up" if is_up else "needs_host")
        if entry is not None or checks:
            # outermost first: the one that refuses first
            found[name] = {"states": entry, "checks": checks, "order": order(top)}
    return found


def layers(function):
    """The decorated function and everything it wraps, outermost first."""
    found = []
    while function is not None:
        found.append(function)
        function = getattr(function, "__wrapped__", None)
    return found


def order(top):
    """The names of the guarding decorators, outermost first."""
    names = [layer.__code__.co_qualname.split(".")[0] for layer in layers(top)]
    return [name for name in names if name.startswith(("check_instance", "reject_instance"))]


def states_of(decorator, cells):
    """What a guard of states was made with; "any" where it does not look."""
    values = {key: cells[key].cell_contents for key in ("vm_state", "task_state")}
    if decorator == "reject_instance_state":
        return {"kind": "reject"} | {key: in_order(value or ()) for key, value in values.items()}
    entry = {key: "any" if value is None else in_order(value) for key, value in values.items()}
    return {
        "kind": "allow",
        "must_have_launched": cells["must_have_launched"].cell_contents,
    } | entry


def in_order(values):
    """Sorted, None first."""
    return sorted(values, key=lambda value: (value is not None, str(value)))


def allows(entry, vm_state, task_state, launched):
    """What a guard, as it was read, should say to an instance."""
    pair = {"vm_state": vm_state, "task_state": task_state}
    if entry["kind"] == "reject":
        return not any(value in entry[key] for key, value in pair.items())
    if entry["must_have_launched"] and not launched:
        return False
    return all(entry[key] == "any" or value in entry[key] for key, value in pair.items())


def behaves(layer, cells, entry):
    """Call the guard with every pair, launched or not; whether it does what was read."""
    body = cells["f"]
    real = body.cell_contents
    ran = []

    def stand_in(*args, **kwargs):
        ran.append(True)

    stand_in.__name__ = real.__name__
    body.cell_contents = stand_in
    good = True
    try:
        for vm_state in VM_STATES:
            for task_state in TASK_STATES:
                for launched in (True, False):
                    instance = objects.Instance(
                        uuid=uuidutils.generate_uuid(),
                        vm_state=vm_state,
                        task_state=task_state,
                        launched_at=timeutils.utcnow() if launched else None,
                    )
                    ran.clear()
                    with contextlib.suppress(exception.InstanceInvalidState):
                        layer(None, None, instance)
                    good &= bool(ran) == allows(entry, vm_state, task_state, launched)
    finally:
        body.cell_contents = real
    return good
