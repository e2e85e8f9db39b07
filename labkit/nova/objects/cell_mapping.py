"""Where a cell's database and message queue are (nova/objects/cell_mapping.py)."""

from dataclasses import dataclass

from labkit.nova.db.main.models import Database


@dataclass(frozen=True)
class CellMapping:
    """A cell: its uuid, its database, and the address of its message queue.

    Unlike Nova, the database is no address but a Database, or a list of rows to make one of.
    """

    uuid: str
    database_connection: Database
    transport_url: str = "rabbit://"

    def __post_init__(self):
        if isinstance(self.database_connection, list):
            object.__setattr__(self, "database_connection", Database(self.database_connection))
