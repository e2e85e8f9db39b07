"""How a resize or a cold migration finds its host (nova/conductor/tasks/migrate.py)."""

from labkit.nova.availability_zones import get_host_availability_zone
from labkit.nova.objects.migration import Migration, find
from labkit.nova.objects.selection import Selection
from labkit.nova.scheduler.utils import exhausted, populate_retry, setup_instance_group


def replace_allocation_with_migration(conductor, instance, migration) -> bool:
    """Let the migration hold what the server holds on its host; return whether it held anything."""
    client, site = conductor.report_client, conductor.site
    client.get_allocs_for_consumer(instance.name)
    row = site.fleet.rows.get(instance.host)
    if row not in site.allocations.held.get(instance.uuid, {}):
        return False
    client.move_allocations(instance.name, instance.uuid, migration.uuid)
    return True


def revert_allocation_for_migration(conductor, instance, migration):
    """Let the server hold again what the migration holds; what it held elsewhere is given back."""
    conductor.report_client.move_allocations(instance.name, migration.uuid, instance.uuid)


class MigrationTask:
    """One attempt to move a server that is switched off meanwhile.

    In: the conductor, the server, its new flavor, the request, and the hosts that are left from
    the attempt before (None: the scheduler is to be asked).
    """

    def __init__(self, conductor, instance, flavor, spec, host_list):
        self.conductor = conductor
        self.instance = instance
        self.flavor = flavor
        self.spec = spec
        self.host_list = host_list
        self.migration = None
        self._held = False

    def execute(self):
        """Do it; undo it when it fails."""
        try:
            yield from self._execute()
        except Exception:
            self.rollback()
            raise

    def _preallocate_migration(self):
        instance = self.instance
        kind = "resize" if instance.flavor != self.flavor else "migration"
        found = find(self.conductor, instance.uuid, migration_type=kind, status="pre-migrating")
        if found:
            self.migration = found[0]
        else:
            self.migration = Migration.new(
                self.conductor, instance, kind, "pre-migrating", self.flavor
            )
            self.migration.create()
        self._held = replace_allocation_with_migration(self.conductor, instance, self.migration)

    def _execute(self):
        conductor, instance, properties = self.conductor, self.instance, {}
        site = conductor.site
        spec = self.spec.replace(force_hosts=None, force_nodes=None, flavor=self.flavor)
        spec = setup_instance_group(conductor, spec, instance.name, moves=True)
        if spec.requested_destination is None or spec.requested_destination.host is None:
            attempts = conductor.options.max_attempts
            populate_retry(properties, instance.uuid, attempts, spec)
        spec = conductor.restrict_request_spec_to_cell(instance, spec)
        self._preallocate_migration()
        if self.host_list is None:
            selections = yield from conductor.query_client.select_destinations(
                conductor.context, spec_obj=spec, instance_uuids=[instance.uuid]
            )
            host = selections[0].host
            self.host_list = [Selection(host) for host in selections[0].alternates]
        else:
            host = conductor.next_host(instance, spec, self.host_list)
            if host is None:
                raise exhausted(instance)
        instance.availability_zone = get_host_availability_zone(site.fleet, host)
        conductor.compute_rpcapi.prep_resize(
            conductor.context,
            instance,
            host,
            flavor=self.flavor,
            migration=self.migration,
            request_spec=spec,
            filter_properties=properties,
            host_list=self.host_list,
        )

    def rollback(self):
        if self.migration is not None:
            self.migration.status = "error"
            self.migration.save()
        if self._held:
            revert_allocation_for_migration(self.conductor, self.instance, self.migration)
