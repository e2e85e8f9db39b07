"""Where a cell's database and message queue are (nova/objects/cell_mapping.py)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CellMapping:
    """A cell: its uuid, its database, and the address of its message queue.

    Unlike Nova, the database is no address but the rows of its table ``instances`` themselves.

    Source: ``CellMapping`` in nova/objects/cell_mapping.py, Nova 34.0.0.
    """

    uuid: str
    database_connection: list
    transport_url: str = "rabbit://"
