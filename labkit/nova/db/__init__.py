"""The rows that Nova keeps: instances in cells, build requests and mappings (nova/db)."""

from dataclasses import dataclass

from labkit.nova import exception
from labkit.nova.compute import task_states

#: The cell that the ``[database] connection`` of nova-api names: what it reads for a server whose
#: mapping names no cell yet. As recorded; where it names cell0 instead, the API finds nothing
#: there and the conductor destroys the row.
CONFIGURED_CELL = "cell1"


@dataclass
class Mapping:
    """Which cell holds a server's row (None: none yet), and whether it is about to be deleted."""

    cell: str | None = None
    queued_for_delete: bool = False


class Database:
    """The API database and all cell databases of one cloud.

    ``instances`` holds the rows by uuid, deleted ones too, and ``cells`` the cell of each;
    ``instance_mappings`` what the API knows of that. ``touched`` are the hosts of which rows of
    servers and migrations have changed, until somebody empties it.

    Source: nova/db/main/api.py and nova/db/api/api.py, Nova 34.0.0.
    """

    def __init__(self):
        self.instances = {}
        self.cells = {}
        self.by_host = {}
        self.deleted = set()
        self.build_requests = {}
        self.instance_mappings = {}
        self.actions = {}
        self.migrations = {}
        self.compute_nodes = {}
        self.touched = set()
        self.deleted_since = set()
        self.faults = {}

    # -- cell databases -------------------------------------------------------------------
    def instance_create(self, values, cell):
        """Write a new row."""
        row = dict(values)
        self.instances[row["uuid"]] = row
        self.cells[row["uuid"]] = cell
        return row

    def instance_get_by_uuid(self, uuid):
        """Return the row. Raises InstanceNotFound when there is none or it is deleted."""
        row = self.instances.get(uuid)
        if row is None or uuid in self.deleted:
            raise exception.InstanceNotFound(instance_id=uuid)
        return row

    def instance_update_and_get_original(self, uuid, updates, expected_task, expected_vm):
        """Change a row if it is in one of the expected states; return it before and after.

        Source: ``_instance_update`` in nova/db/main/api.py: one UPDATE ... WHERE, so that of two
        writers who expect the same state one comes too late.
        """
        old = self.instance_get_by_uuid(uuid)
        expected, actual = {}, {}
        for name, wanted in (("task_state", expected_task), ("vm_state", expected_vm)):
            if wanted is not None and old[name] not in wanted:
                expected[name], actual[name] = list(wanted), old[name]
        if actual:
            raise conflict(uuid, expected, actual)
        new = old | updates
        self.instances[uuid] = new
        self.touched.update((old["host"], new["host"]))
        if new["host"] != old["host"]:
            self.by_host.get(old["host"], {}).pop(uuid, None)
            self.by_host.setdefault(new["host"], {})[uuid] = None
        return old, new

    def instance_extra_update_by_uuid(self, uuid, values):
        """Change what belongs to a row and is kept in another table: flavors, the move it is in."""
        self.instances[uuid] = self.instances[uuid] | values
        self.touched.add(self.instances[uuid]["host"])

    def instance_destroy(self, uuid, only_without_host=False):
        """Mark a row as deleted and return it.

        Raises ObjectActionError when it must have no host and has one.
        """
        row = self.instance_get_by_uuid(uuid)
        if only_without_host and row["host"] is not None:
            raise exception.ObjectActionError(action="destroy", reason="host changed")
        self.deleted.add(uuid)
        self.touched.add(row["host"])
        self.deleted_since.add(uuid)
        self.by_host.get(row["host"], {}).pop(uuid, None)
        self.faults.pop(uuid, None)
        return row

    # -- API database ---------------------------------------------------------------------
    def build_request_destroy(self, uuid):
        """Remove a build request. Raises BuildRequestNotFound when somebody was faster."""
        if self.build_requests.pop(uuid, None) is None:
            raise exception.BuildRequestNotFound(uuid=uuid)


def conflict(uuid, expected, actual):
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
