"""What a context may do: asked of policy, of the database and of glance, into one table.

``rights``: seq, context, server, system, asked, allowed, answer
    One question per row. ``server`` is one of SERVERS: a server of the project physics or
    biology, up or deleted. ``system`` is policy, database or glance, ``asked`` one of QUESTIONS.
    ``answer`` is empty when allowed, else the error that Nova raises: its class and its words.
"""

import copy

from labkit.neighbours.arguments import of_type
from labkit.nova.context import RequestContext, target_cell
from labkit.nova.db.main import api as db
from labkit.nova.image import glance
from labkit.nova.objects.cell_mapping import CellMapping

COLUMNS = ["seq", "context", "server", "system", "asked", "allowed", "answer"]
#: The servers that are asked about, and the rows of their cell.
SERVERS = {
    f"{project} {'deleted' if deleted else 'up'}": {
        "uuid": f"{project}-{int(deleted)}",
        "project_id": project,
        "deleted": deleted,
    }
    for project in ("physics", "biology")
    for deleted in (False, True)
}
_API = "os_compute_api:servers:"


def _list(context, server):
    return context.can(f"{_API}index:get_all_tenants")


def _stop(context, server):
    return context.can(f"{_API}stop", {"project_id": server["project_id"]})


def _read(context, server):
    return db.instance_get_by_uuid(context, server["uuid"])


def _save(context, server):
    return db.instance_update_and_get_original(context, server["uuid"], {"display_name": "new"})


def _image(context, server):
    return glance.show(context, "image-1")


#: What is asked, of which system, and the function that asks it of a context and a server.
QUESTIONS = {
    "list all": ("policy", _list),
    "stop": ("policy", _stop),
    "read": ("database", _read),
    "save": ("database", _save),
    "image": ("glance", _image),
}


def rights(contexts):
    """Ask for each context and each server whether it may be listed, stopped, read and saved.

    In: a dict of names and RequestContexts. Out: the table ``rights``, a DataFrame; each question
    is asked by itself, as Nova's code would ask it, and of a database that is not changed yet.
    Raises TypeError for something else than a context.

    >>> from labkit import RequestContext
    >>> table = rights({"alice": RequestContext("alice", "physics", roles=["reader"])})
    >>> table.query("server == 'physics up'").set_index("asked").allowed.to_dict()
    {'list all': False, 'stop': False, 'read': True, 'save': True, 'image': False}

    Source: ``can`` in nova/context.py, ``instance_get_by_uuid`` and
    ``instance_update_and_get_original`` in nova/db/main/api.py, ``show`` in
    nova/image/glance.py, Nova 34.0.0.
    """
    import pandas as pd

    of_type(contexts, dict, "not a dict {name: RequestContext}", "contexts")
    rows = []
    for name, context in contexts.items():
        of_type(context, RequestContext, "no RequestContext", "contexts")
        for server in SERVERS:
            for asked, (system, _) in QUESTIONS.items():
                answer = _answer(context, server, asked)
                rows.append((len(rows), name, server, system, asked, not answer, answer))
    return pd.DataFrame(rows, columns=COLUMNS)


def _answer(context, server, asked):
    cell = CellMapping("cell1", copy.deepcopy(list(SERVERS.values())))
    _, ask = QUESTIONS[asked]
    with target_cell(context, cell) as targeted:
        try:
            ask(targeted, SERVERS[server])
        except Exception as error:
            if not hasattr(error, "msg_fmt"):
                raise
            return f"{type(error).__name__}: {error}"
    return ""
