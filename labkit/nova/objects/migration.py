"""A move of a server from one host to another (nova/objects/migration.py, migration_context.py)."""

import uuid as uuids
from dataclasses import dataclass

from labkit.nova.clock import Migration as Written
from labkit.nova.exception import MigrationNotFoundByStatus
from labkit.nova.objects.base import NovaObject

#: What a row of migrations holds.
FIELDS = """id uuid instance_uuid migration_type status source_compute source_node dest_compute
dest_node old_flavor new_flavor created_at updated_at""".split()
#: A migration in one of these is over. Source:
#: ``migration_get_in_progress_and_error_by_host_and_node`` in nova/db/main/api.py, 34.0.0.
OVER = ("confirmed", "reverted", "failed", "completed", "cancelled", "done")


@dataclass(frozen=True)
class MigrationContext(NovaObject):
    """What a server remembers of the move that it is in: which one.

    Source: ``MigrationContext`` in nova/objects/migration_context.py, Nova 34.0.0. Unlike Nova,
    it holds no NUMA topologies and PCI devices.
    """

    VERSION = "1.2"
    FIELDS_SENT = "migration_id"

    migration_id: int


class Migration(NovaObject):
    """One service's copy of a row of the table migrations; it holds the source's allocation.

    ``status`` goes accepted, pre-migrating, migrating, post-migrating, finished, confirmed or
    reverted (resize, migration); accepted, queued, preparing, running, completed (live-migration);
    accepted, pre-migrating, done (evacuation); or error, failed, cancelled.

    Source: ``Migration`` in nova/objects/migration.py, Nova 34.0.0.
    """

    VERSION = "1.8"
    FIELDS_SENT = """id uuid source_compute dest_compute source_node dest_node instance_uuid status
        migration_type created_at updated_at"""

    def __init__(self, service, name, values):
        self.service = service
        self.name = name
        self.__dict__.update(values)

    @classmethod
    def new(cls, service, instance, migration_type, status, flavor=None):
        """Return a migration of a server from where it is, still to be created."""
        values = dict.fromkeys(FIELDS) | {
            "instance_uuid": instance.uuid,
            "migration_type": migration_type,
            "status": status,
            "source_compute": instance.host,
            "source_node": instance.node,
            "old_flavor": instance.flavor,
            "new_flavor": flavor or instance.flavor,
        }
        return cls(service, instance.name, values)

    def __repr__(self):
        return f"<Migration {self.id} of {self.name}: {self.migration_type} {self.status}>"

    @property
    def is_resize(self) -> bool:
        """Whether the flavor changes."""
        return self.migration_type == "resize"

    @property
    def is_live_migration(self) -> bool:
        """Whether the guest runs on meanwhile."""
        return self.migration_type == "live-migration"

    def create(self):
        """Write a new row."""
        site = self.service.site
        self.id = len(site.db.migrations) + 1
        self.uuid = str(uuids.uuid5(uuids.NAMESPACE_DNS, f"migration/{self.id}"))
        self.created_at = site.env.now
        self._write()
        self._note("create", None)

    def save(self):
        """Write all of it, and read it anew."""
        site = self.service.site
        old = site.db.migrations[self.id]["status"]
        self.updated_at = site.env.now
        self._write()
        self._note("update", old)

    def has_old_flavor(self, instance) -> bool:
        """Return whether a server still has the size that it is to leave."""
        return instance.flavor == self.old_flavor

    def copy_for(self, service) -> "Migration":
        """Return the copy that another service gets with a message."""
        return Migration(service, self.name, self._values())

    def _write(self):
        db = self.service.site.db
        db.migrations[self.id] = self._values()
        db.touched.update((self.source_compute, self.dest_compute))

    def _values(self):
        return {name: getattr(self, name) for name in FIELDS}

    def _note(self, op, old):
        self.service.note(
            Written,
            self.name,
            op,
            self.id,
            self.migration_type,
            self.status,
            old,
            self.source_compute,
            self.dest_compute,
        )


def find(service, instance_uuid=None, **wanted) -> list[Migration]:
    """Return a service's copies of the migrations that fit, oldest first.

    In: a server or all; columns and the values (or a tuple of values) that they must have.
    """
    found, site = [], service.site
    for values in site.db.migrations.values():
        if instance_uuid in (None, values["instance_uuid"]) and all(
            values[key] in (value if isinstance(value, tuple) else (value,))
            for key, value in wanted.items()
        ):
            found.append(Migration(service, site.names[values["instance_uuid"]], values))
    return found


def get_by_instance_and_status(service, instance, status) -> Migration:
    """Return the oldest migration of a server in a status.

    Raises MigrationNotFoundByStatus when there is none.

    Source: ``migration_get_by_instance_and_status`` in nova/db/main/api.py, Nova 34.0.0.
    """
    found = find(service, instance.uuid, status=status)
    if not found:
        raise MigrationNotFoundByStatus(instance_id=instance.uuid, status=status)
    return found[0]


def in_progress_and_error(service, host) -> list[Migration]:
    """Return the migrations from or to a host that are not over.

    Source: ``get_in_progress_and_error`` in nova/objects/migration.py, Nova 34.0.0.
    """
    return [
        migration
        for migration in find(service)
        if migration.status not in OVER
        and host in (migration.source_compute, migration.dest_compute)
    ]
