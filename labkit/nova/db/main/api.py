"""What a context sees of the table ``instances``, and may write there (nova/db/main/api.py).

``context.db_connection`` is the table itself: a list of rows, each a dict with ``uuid``,
``project_id`` and ``deleted``. ``labkit.nova.context.target_cell`` sets it. Roles do not matter
here: whoever calls these functions has asked policy before.
"""

import functools

from labkit.nova import context as nova_context
from labkit.nova.exception import CantStartEngineError, InstanceNotFound


def require_context(function):
    """Let nobody in who is neither a user nor an administrator.

    Source: ``require_context`` in nova/db/utils.py, Nova 34.0.0.
    """

    @functools.wraps(function)
    def wrapper(context, *args):
        nova_context.require_context(context)
        return function(context, *args)

    return wrapper


def model_query(context, project_only=False) -> list[dict]:
    """Return the rows that a context is shown: deleted ones or not, of others or not.

    Raises CantStartEngineError for a context that leads to no database.

    Source: ``model_query`` in nova/db/main/api.py, Nova 34.0.0.
    """
    if context.db_connection is None:
        raise CantStartEngineError
    wanted = {"no": (False,), "only": (True,), "yes": (False, True)}[context.read_deleted]
    own = project_only and nova_context.is_user_context(context)
    return [
        row
        for row in context.db_connection
        if row["deleted"] in wanted and (not own or row["project_id"] == context.project_id)
    ]


@require_context
def instance_get_all(context) -> list[dict]:
    """Return all rows that a context is shown. Raises Forbidden for nobody's context.

    Source: ``instance_get_all`` in nova/db/main/api.py, Nova 34.0.0.
    """
    return model_query(context, project_only=True)


@require_context
def instance_get_by_uuid(context, uuid) -> dict:
    """Return a row. Raises InstanceNotFound when it is not there, deleted, or somebody else's.

    Source: ``instance_get_by_uuid`` in nova/db/main/api.py, Nova 34.0.0.
    """
    for row in model_query(context, project_only=True):
        if row["uuid"] == uuid:
            return row
    raise InstanceNotFound(instance_id=uuid)


def instance_update_and_get_original(context, uuid, values) -> tuple[dict, dict]:
    """Write into a row; return it before and after. Raises what ``instance_get_by_uuid`` does.

    Unlike Nova, without expected states: see ``labkit.nova.db.Database``.

    Source: ``instance_update_and_get_original`` in nova/db/main/api.py, Nova 34.0.0.
    """
    row = instance_get_by_uuid(context, uuid)
    before = dict(row)
    row.update(values)
    return before, row
