"""How Nova reads and writes the rows of a cell: each function asks a context (nova/db/main/api.py).

``context.db_connection`` is the database; ``labkit.nova.context.target_cell`` sets it. Roles do not
matter here: whoever calls these functions has asked policy before.
"""

import functools
import uuid as uuids

from labkit.nova import context as nova_context
from labkit.nova import exception
from labkit.nova.compute import task_states

_WANTED = {"no": (False,), "only": (True,), "yes": (False, True)}
#: A migration in one of these is over. Source:
#: ``migration_get_in_progress_and_error_by_host_and_node``, Nova 34.0.0.
OVER = ("confirmed", "reverted", "failed", "completed", "cancelled", "done")


def require_context(function):
    """Raise Forbidden for a context that is neither a user's nor an administrator's.

    Source: ``require_context`` in nova/db/utils.py, Nova 34.0.0.
    """

    @functools.wraps(function)
    def wrapper(context, *args, **kwargs):
        nova_context.require_context(context)
        return function(context, *args, **kwargs)

    return wrapper


def _engine(context):
    if context.db_connection is None:
        raise exception.CantStartEngineError
    return context.db_connection


def _shows(context, row, project_only=False) -> bool:
    """Whether a context is shown a row: deleted ones or not, of others or not.

    Source: ``model_query`` in nova/db/main/api.py, Nova 34.0.0.
    """
    if row["deleted"] not in _WANTED[context.read_deleted]:
        return False
    own = project_only and nova_context.is_user_context(context)
    return not own or row["project_id"] == context.project_id


# -- instances ----------------------------------------------------------------------------
@require_context
def instance_create(context, values) -> dict:
    """Write a new row into the cell that the context leads to."""
    row = values | {"deleted": False}
    database = _engine(context)
    database.instances[row["uuid"]] = row
    database.ids.setdefault(row["uuid"], len(database.ids) + 1)
    database.cells[row["uuid"]] = context.cell_uuid
    return row


@require_context
def instance_get_all(context) -> list[dict]:
    """Return all rows that a context is shown."""
    rows = _engine(context).instances.values()
    return [row for row in rows if _shows(context, row, project_only=True)]


@require_context
def instance_get_by_uuid(context, uuid) -> dict:
    """Return a row. Raises InstanceNotFound when it is not there, deleted, or somebody else's."""
    row = _engine(context).instances.get(uuid)
    if row is None or not _shows(context, row, project_only=True):
        raise exception.InstanceNotFound(instance_id=uuid)
    return row


@require_context
def instance_get_cell(context, uuid) -> str | None:
    """Return the cell of a row, of a deleted one too; None when it is in none.

    Unlike Nova, which asks each cell's database, the lab's cells share one.
    """
    return _engine(context).cells.get(uuid)


@require_context
def instance_get_all_by_host(context, host) -> list[dict]:
    """Return the rows of a host's servers, whoever owns them, in the order of their ids."""
    database = _engine(context)
    uuids = sorted(database.by_host.get(host, ()), key=database.ids.get)
    rows = (database.instances[uuid] for uuid in uuids)
    return [row for row in rows if _shows(context, row)]


@require_context
def instance_get_all_by_host_and_node(context, host, node) -> list[dict]:
    """Return the rows of a node's servers, whoever owns them."""
    return [row for row in instance_get_all_by_host(context, host) if row["node"] == node]


@require_context
def instance_get_all_by_uuids(context, uuids) -> list[dict]:
    """Return the rows of some servers, whoever owns them; those that are not there are left out.

    Source: ``instance_get_all_by_filters`` in nova/db/main/api.py, Nova 34.0.0.
    """
    instances = _engine(context).instances
    rows = (instances[uuid] for uuid in uuids if uuid in instances)
    return [row for row in rows if _shows(context, row)]


@require_context
def instance_update_and_get_original(
    context, uuid, values, expected_task_state=None, expected_vm_state=None
) -> tuple[dict, dict]:
    """Change a row if it is in one of the expected states; return it before and after.

    Raises what ``instance_get_by_uuid`` does, and UnexpectedTaskStateError and its like.

    Source: ``_instance_update`` in nova/db/main/api.py: one UPDATE ... WHERE, so that of two
    writers who expect the same state one comes too late.
    """
    old, database = instance_get_by_uuid(context, uuid), context.db_connection
    expected, actual = {}, {}
    for name, wanted in (("task_state", expected_task_state), ("vm_state", expected_vm_state)):
        if wanted is not None and old[name] not in wanted:
            expected[name], actual[name] = list(wanted), old[name]
    if actual:
        raise conflict(uuid, expected, actual)
    new = database.instances[uuid] = old | values
    before, host = old.get("host"), new.get("host")
    database.touched.update((before, host))
    if host != before:
        database.by_host.get(before, {}).pop(uuid, None)
        database.by_host.setdefault(host, {})[uuid] = None
    return old, new


@require_context
def instance_extra_update_by_uuid(context, uuid, values):
    """Change what Nova keeps in the table instance_extra: flavors, the move a server is in."""
    database = _engine(context)
    row = database.instances[uuid] = database.instances[uuid] | values
    database.touched.add(row["host"])


@require_context
def instance_destroy(context, uuid, constraint=None) -> dict:
    """Mark a row as deleted and return it.

    In: *constraint*, columns and the values they must have. Raises ObjectActionError when they
    have others.
    """
    row, database = instance_get_by_uuid(context, uuid), context.db_connection
    if any(row[name] != value for name, value in (constraint or {}).items()):
        raise exception.ObjectActionError(action="destroy", reason="host changed")
    row = database.instances[uuid] = row | {"deleted": True}
    database.touched.add(row["host"])
    database.deleted_since.add(uuid)
    database.by_host.get(row["host"], {}).pop(uuid, None)
    database.faults.pop(uuid, None)
    return row


def conflict(uuid, expected, actual) -> exception.InstanceUpdateConflict:
    """Return the error of a save that came too late, by what it found.

    Source: ``_instance_update`` in nova/db/main/api.py, Nova 34.0.0.
    """
    kind = exception.InstanceUpdateConflict
    if "task_state" in actual:
        deleting = actual["task_state"] == task_states.DELETING
        kind = (
            exception.UnexpectedDeletingTaskStateError
            if deleting
            else exception.UnexpectedTaskStateError
        )
    return kind(instance_uuid=uuid, expected=expected, actual=actual)


# -- what happened to an instance ---------------------------------------------------------
@require_context
def instance_fault_create(context, uuid, fault):
    """Write an error of a server; the newest comes first."""
    _engine(context).faults.setdefault(uuid, []).insert(0, fault)


@require_context
def action_start(context, uuid, action):
    """Write an entry into a server's action log."""
    _engine(context).actions.setdefault(uuid, []).append(action)


@require_context
def actions_get(context, uuid) -> list:
    """Return a server's action log."""
    return _engine(context).actions.get(uuid, [])


# -- migrations ---------------------------------------------------------------------------
@require_context
def migration_create(context, values) -> int:
    """Write a new row of migrations, which gets an id and a uuid; return the id."""
    number = values["id"] = len(_engine(context).migrations) + 1
    values["uuid"] = str(uuids.uuid5(uuids.NAMESPACE_DNS, f"migration/{number}"))
    migration_update(context, number, values)
    return number


@require_context
def migration_update(context, number, values):
    """Write a row of migrations."""
    database = _engine(context)
    database.migrations[number] = values
    database.touched.update((values["source_compute"], values["dest_compute"]))


@require_context
def migration_get(context, number) -> dict:
    """Return a row of migrations."""
    return _engine(context).migrations[number]


@require_context
def migration_get_all_by_filters(context, filters) -> list[dict]:
    """Return the migrations that fit, oldest first.

    In: columns and the value, or a tuple of values, that each must have.
    """
    wanted = {
        name: value if isinstance(value, tuple) else (value,) for name, value in filters.items()
    }
    return [
        row
        for row in _engine(context).migrations.values()
        if all(row[name] in values for name, values in wanted.items())
    ]


@require_context
def migration_get_in_progress_and_error_by_host_and_node(context, host, node) -> list[dict]:
    """Return the migrations from or to a node that are not over."""
    return [
        row
        for row in _engine(context).migrations.values()
        if row["status"] not in OVER
        and (host, node)
        in (
            (row["source_compute"], row["source_node"]),
            (row["dest_compute"], row["dest_node"]),
        )
    ]


# -- compute nodes ------------------------------------------------------------------------
@require_context
def compute_node_get_all(context) -> dict:
    """Return the rows of compute_nodes by uuid."""
    return _engine(context).compute_nodes


@require_context
def compute_node_create(context, row):
    """Write a new row of compute_nodes, which gets an id."""
    rows = _engine(context).compute_nodes
    row.id = len(rows) + 1
    rows[row.uuid] = row


@require_context
def compute_node_update(context, row):
    """Write a row of compute_nodes; return the one before it."""
    rows = _engine(context).compute_nodes
    old, rows[row.uuid] = rows[row.uuid], row
    return old
