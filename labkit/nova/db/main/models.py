"""The tables of the cells' databases (nova/db/main/models.py)."""


class Database:
    """The rows of the cells: what a context's ``db_connection`` is.

    In: rows of the table instances, dicts with at least ``uuid``, ``project_id`` and ``deleted``.
    ``instances`` holds them by uuid, deleted ones too, ``ids`` the number of each, ``cells`` its
    cell; ``by_host`` the uuids of the servers of a host that are not deleted. ``touched`` are the hosts whose servers or
    migrations have changed, until somebody empties it; ``deleted_since`` likewise the servers.
    Nova's code reads rows through db/main/api.py alone.

    Unlike Nova, the cells of a cloud share one.
    """

    def __init__(self, rows=()):
        self.instances = {row["uuid"]: row for row in rows}
        self.ids = {uuid: number + 1 for number, uuid in enumerate(self.instances)}
        self.cells = {}
        self.by_host = {}
        self.actions = {}
        self.faults = {}
        self.migrations = {}
        self.compute_nodes = {}
        self.touched = set()
        self.deleted_since = set()

    def __repr__(self):
        return repr(list(self.instances.values()))
