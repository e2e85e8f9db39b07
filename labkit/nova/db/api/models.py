"""The tables of the API database (nova/db/api/models.py)."""

from dataclasses import dataclass, field


@dataclass
class InstanceMapping:
    """Which cell holds a server's row (None: none yet), whether it is about to be deleted, whose."""

    cell: str | None = None
    queued_for_delete: bool = False
    user_id: str | None = None


@dataclass
class Database:
    """The API database of a cloud: what it has of a server by the server's uuid, and groups by theirs."""

    build_requests: dict = field(default_factory=dict)
    instance_mappings: dict = field(default_factory=dict)
    instance_groups: dict = field(default_factory=dict)
