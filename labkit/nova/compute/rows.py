"""The rows that a resource tracker reads and writes where no cloud is around it."""

import copy
from dataclasses import dataclass, field

from labkit.nova.db.main.api import OVER
from labkit.nova.exception import InstanceNotFound
from labkit.nova.objects.flavor import Flavor
from labkit.nova.objects.migration import MigrationContext
from labkit.nova.scheduler.client.report import checked


@dataclass
class InstanceRow:
    """One service's copy of a row of instances, as far as a resource tracker looks at it.

    ``volume_backed``: the root disk is a volume and takes no room on the host. ``pci_requests``:
    how many PCI devices it asks for.

    Source: ``Instance`` in nova/objects/instance.py, Nova 34.0.0.
    """

    uuid: str
    flavor: Flavor
    host: str | None = None
    node: str | None = None
    vm_state: str = "active"
    task_state: str | None = None
    os_type: str | None = None
    project_id: str = "project"
    compute_id: int | None = None
    launched_on: str | None = None
    instance_type_id: int | str | None = None
    old_flavor: Flavor | None = None
    new_flavor: Flavor | None = None
    migration_context: MigrationContext | None = None
    volume_backed: bool = False
    pci_requests: int = 0
    deleted: bool = False
    hidden: bool = False
    tables: object = field(default=None, repr=False, compare=False)

    def save(self, **guards):
        """Write what a resource tracker changes; nobody else is there to guard against."""
        row = self.tables.instances[self.uuid]
        for name in ("host", "node", "compute_id", "launched_on", "migration_context"):
            setattr(row, name, getattr(self, name))

    def drop_migration_context(self):
        """Forget the move that it is in, in the database as well."""
        if self.migration_context is not None:
            self.tables.instances[self.uuid].migration_context = None
            self.migration_context = None


@dataclass
class MigrationRow:
    """One service's copy of a row of migrations.

    Source: ``Migration`` in nova/objects/migration.py, Nova 34.0.0.
    """

    id: int
    instance_uuid: str
    migration_type: str
    status: str = "accepted"
    source_compute: str | None = None
    source_node: str | None = None
    dest_compute: str | None = None
    dest_node: str | None = None
    uuid: str = ""
    old_instance_type_id: int | str | None = None
    new_instance_type_id: int | str | None = None
    created_at: object = 0
    updated_at: object = None
    tables: object = field(default=None, repr=False, compare=False)

    @property
    def is_resize(self) -> bool:
        """Whether the flavor changes."""
        return self.migration_type == "resize"

    @property
    def is_live_migration(self) -> bool:
        """Whether the guest runs on meanwhile."""
        return self.migration_type == "live-migration"

    def has_old_flavor(self, instance) -> bool:
        """Return whether a server still has the size that it is to leave."""
        return instance.instance_type_id == self.old_instance_type_id

    def save(self):
        """Write it."""
        self.tables.migrations[self.id] = copy.copy(self)


@dataclass
class Tables:
    """The tables of one cell, and what placement knows of one host.

    ``instances`` by uuid, ``migrations`` by id, ``compute_nodes`` by uuid; ``inventory`` by
    resource class, ``allocations`` by consumer: ``{resource class: amount}``. ``written`` has
    an entry for each time a row of compute_nodes was written.
    """

    instances: dict = field(default_factory=dict)
    migrations: dict = field(default_factory=dict)
    compute_nodes: dict = field(default_factory=dict)
    inventory: dict | None = None
    allocations: dict = field(default_factory=dict)
    deleted: list = field(default_factory=list)
    written: list = field(default_factory=list)

    def instance(self, uuid) -> InstanceRow:
        """Return a copy of a server's row. Raises InstanceNotFound."""
        if uuid not in self.instances:
            raise InstanceNotFound(instance_id=uuid)
        return self._copy(self.instances[uuid])

    def migration(self, number) -> MigrationRow:
        """Return a copy of a migration's row."""
        return self._copy(self.migrations[number])

    def get_by_host_and_node(self, host, node) -> list[InstanceRow]:
        """Return copies of the servers of a node that are not deleted."""
        rows = self.instances.values()
        return [self._copy(r) for r in rows if (r.host, r.node) == (host, node) and not r.deleted]

    def get_in_progress_and_error(self, host, node) -> list[MigrationRow]:
        """Return copies of the migrations from or to a node that are not over."""
        return [
            self._copy(row)
            for row in self.migrations.values()
            if row.status not in OVER
            and (host, node)
            in ((row.source_compute, row.source_node), (row.dest_compute, row.dest_node))
        ]

    # -- what a resource tracker writes ---------------------------------------------------
    def compute_node_create(self, row):
        """Write a new row of compute_nodes."""
        self.compute_nodes[row.uuid] = row
        self.written.append("create")

    def compute_node_update(self, row):
        """Write a row of compute_nodes."""
        self.compute_nodes[row.uuid] = row
        self.written.append("update")

    def update_from_provider_tree(self, driver):
        """Let placement know what the driver has."""
        self.inventory = checked(driver.update_provider_tree(self.inventory or {}))

    def get_allocations_for_resource_provider(self) -> list:
        """Return who holds something of the host."""
        return list(self.allocations)

    def is_deleted(self, consumer) -> bool:
        """Return whether a consumer is a server that is gone for good."""
        row = self.instances.get(consumer)
        return row is not None and row.deleted and not row.hidden

    def delete_allocation_for_instance(self, consumer):
        """Give back what a consumer holds."""
        self.deleted.append(consumer)
        del self.allocations[consumer]

    def stashed(self, instance) -> InstanceRow:
        """Return what a claim remembers of a server: as it was when the claim was made."""
        return copy.copy(instance)

    def _copy(self, row):
        made = copy.copy(row)
        made.tables = self
        return made
