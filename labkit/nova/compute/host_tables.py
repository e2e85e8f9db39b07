"""The rows of a cloud, as the resource tracker of one of its hosts reads and writes them."""

from labkit.neighbours import placement
from labkit.nova.context import RequestContext
from labkit.nova.db.main import api as db
from labkit.nova.exception import InstanceNotFound
from labkit.nova.objects import migration as migrations
from labkit.nova.objects.instance import Instance, get_by_host
from labkit.nova.scheduler.client.report import checked


class HostTables:
    """What labkit.nova.compute.rows.Tables has, for a nova-compute of a Cloud.

    While ``quiet``, what placement is asked is not noted: nobody has asked for it.
    """

    def __init__(self, service, row):
        self._service = service
        self._site = service.site
        self._row = row
        self._tree_read = False
        self._reported = None
        self.quiet = False
        self._deleted_too = RequestContext(is_admin=True, read_deleted="yes", request_id="req-none")
        self._deleted_too.db_connection = self._site.db

    @property
    def compute_nodes(self) -> dict:
        """The rows of compute_nodes, of all hosts."""
        return db.compute_node_get_all(self._service.db_context)

    def compute_node_update(self, row):
        """Write a row; from now on schedulers read it."""
        row.updated_at = float(self._site.clock.env.now)
        old = db.compute_node_update(self._service.db_context, row)
        self._site.fleet.update_from_compute_node(self._row, row, old)

    def get_by_host_and_node(self, host, node) -> list:
        """Return copies of the servers of the host that are not deleted."""
        return get_by_host(self._service)

    def get_in_progress_and_error(self, host, node) -> list:
        """Return copies of the migrations from or to the host that are not over."""
        return migrations.get_in_progress_and_error(self._service, host, node)

    def flavor_of(self, uuid):
        """Return the flavor of a server, of a deleted one too."""
        return db.instance_get_by_uuid(self._deleted_too, uuid)["flavor"]

    def instance(self, uuid):
        """Return a copy of a server's row, a deleted one too."""
        row = db.instance_get_by_uuid(self._deleted_too, uuid)
        return Instance.from_row(self._service, row)

    def stashed(self, instance):
        """Return what a claim remembers of a server: here the server itself.

        Nova's claim has a copy, but one that reads from the row what it has not got.
        """
        return instance

    # -- placement ------------------------------------------------------------------------
    def update_from_provider_tree(self, driver):
        """Let placement know what the driver has; it answers who holds what there."""
        if not self.quiet:
            if not self._tree_read:
                self._service.reportclient.read_provider_tree()
            self._service.reportclient.get_allocations_for_provider_tree(self._row)
        self._tree_read = True
        now = dict(vars(driver.host.hypervisor))
        if now != self._reported:
            inventories = self._site.allocations.inventories
            told = driver.update_provider_tree(placement.of_host(inventories, self._row))
            placement.report(inventories, self._row, checked(told))
            self._reported = now

    def get_allocations_for_resource_provider(self) -> list:
        """Return who holds something of the host."""
        if not self.quiet:
            self._service.reportclient.get_allocations_for_resource_provider()
        return self._site.allocations.on_host(self._row)

    def is_deleted(self, consumer) -> bool:
        """Return whether a consumer is a server that is gone for good."""
        try:
            return db.instance_get_by_uuid(self._deleted_too, consumer)["deleted"]
        except InstanceNotFound:  # a migration
            return False

    def delete_allocation_for_instance(self, consumer):
        """Give back what a deleted server holds."""
        name = self._site.names[consumer]
        self._service.reportclient.delete_allocation_for_instance(name, consumer, force=True)
