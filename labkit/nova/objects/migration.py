"""A move of a server from one host to another (nova/objects/migration.py, migration_context.py)."""

from dataclasses import dataclass

from labkit.nova.clock import Migration as Written
from labkit.nova.db.main import api as db
from labkit.nova.exception import MigrationNotFoundByStatus
from labkit.nova.objects.base import NovaObject

#: What a row of migrations holds.
FIELDS = """id uuid instance_uuid migration_type status source_compute source_node dest_compute
dest_node old_flavor new_flavor created_at updated_at""".split()


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
        service = self.service
        self.created_at = service.site.clock.env.now
        values = self._values()
        self.id = db.migration_create(service.db_context, values)
        self.uuid = values["uuid"]
        self._note("create", None)

    def save(self):
        """Write all of it, and read it anew."""
        service = self.service
        old = db.migration_get(service.db_context, self.id)["status"]
        self.updated_at = service.site.clock.env.now
        db.migration_update(service.db_context, self.id, self._values())
        self._note("update", old)

    def has_old_flavor(self, instance) -> bool:
        """Return whether a server still has the size that it is to leave."""
        return instance.flavor == self.old_flavor

    def copy_for(self, service) -> "Migration":
        """Return the copy that another service gets with a message."""
        return Migration(service, self.name, self._values())

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

    Source: ``get_by_filters`` in nova/objects/migration.py, Nova 34.0.0.
    """
    if instance_uuid is not None:
        wanted["instance_uuid"] = instance_uuid
    return _copies(service, db.migration_get_all_by_filters(service.db_context, wanted))


def get_by_id(service, number) -> Migration:
    """Return a service's copy of a migration."""
    return _copies(service, [db.migration_get(service.db_context, number)])[0]


def get_by_instance_and_status(service, instance, status) -> Migration:
    """Return the oldest migration of a server in a status.

    Raises MigrationNotFoundByStatus when there is none.

    Source: ``migration_get_by_instance_and_status`` in nova/db/main/api.py, Nova 34.0.0.
    """
    found = find(service, instance.uuid, status=status)
    if not found:
        raise MigrationNotFoundByStatus(instance_id=instance.uuid, status=status)
    return found[0]


def get_in_progress_and_error(service, host, node) -> list[Migration]:
    """Return the migrations from or to a node that are not over."""
    context = service.db_context
    return _copies(
        service, db.migration_get_in_progress_and_error_by_host_and_node(context, host, node)
    )


def get_in_progress_by_host_and_node(service, host, node) -> list[Migration]:
    """Return the migrations from or to a node that are neither over nor in error."""
    found = get_in_progress_and_error(service, host, node)
    return [migration for migration in found if migration.status != "error"]


def _copies(service, rows):
    names = service.site.names
    return [Migration(service, names[row["instance_uuid"]], row) for row in rows]
