"""How a live migration finds its host (nova/conductor/tasks/live_migrate.py)."""

from labkit.neighbours.messaging.exceptions import MessagingTimeout
from labkit.nova import exception
from labkit.nova.availability_zones import get_host_availability_zone
from labkit.nova.compute import power_state
from labkit.nova.conductor.tasks.migrate import (
    replace_allocation_with_migration,
    revert_allocation_for_migration,
)
from labkit.nova.exception import (
    ComputeServiceUnavailable,
    MigrationPreCheckError,
    UnableToMigrateToSelf,
)
from labkit.nova.scheduler.utils import claim_resources_on_destination, setup_instance_group

#: These leave the server as it was; any other puts it in error.
_EXPECTED = (
    exception.NoValidHost,
    exception.ComputeHostNotFound,
    ComputeServiceUnavailable,
    UnableToMigrateToSelf,
    exception.InstanceInvalidState,
    MigrationPreCheckError,
)
#: After these another host is tried. Source: the subclasses of Invalid in nova/exception.py.
_NEXT = (MigrationPreCheckError, exception.InstanceInvalidState, UnableToMigrateToSelf)


def expected_failure(error) -> bool:
    """Return whether a live migration that failed so leaves the server as it was."""
    return isinstance(error, _EXPECTED)


class LiveMigrationTask:
    """Find a host that will have a server, ask both hosts, and let the source begin.

    In: the conductor, the server, a host that is forced or None, the migration, the request.

    Source: ``LiveMigrationTask`` in nova/conductor/tasks/live_migrate.py, Nova 34.0.0. Unlike
    Nova, hypervisors are all of one type.
    """

    def __init__(self, conductor, instance, destination, migration, spec):
        self.conductor = conductor
        self.instance = instance
        self.destination = destination
        self.migration = migration
        self.spec = spec
        self.source = instance.host
        self._held = False

    def execute(self):
        """Do it; undo it when it fails."""
        try:
            yield from self._execute()
        except Exception:
            if self._held:
                revert_allocation_for_migration(self.conductor, self.instance, self.migration)
            raise

    def _execute(self):
        conductor, instance, migration = self.conductor, self.instance, self.migration
        if instance.power_state not in (power_state.RUNNING, power_state.PAUSED):
            state = power_state.STATE_MAP[instance.power_state]
            raise exception.InstanceInvalidState(
                "live migrate", instance.uuid, "power_state", state
            )
        self._check_host_is_up(self.source)
        self._held = replace_allocation_with_migration(conductor, instance, migration)
        if self.destination:
            yield from self._check_requested_destination()
        else:
            self.destination = yield from self._find_destination()
        instance.availability_zone = get_host_availability_zone(
            conductor.site.fleet, self.destination
        )
        migration.source_node = instance.node
        migration.dest_node = conductor.site.fleet[self.destination].nodename
        migration.dest_compute = self.destination
        migration.save()
        conductor.compute_rpcapi.live_migration(
            conductor.context, instance, self.source, dest=self.destination, migration=migration
        )

    def _check_host_is_up(self, host):
        if not self.conductor.site.service_is_up(host):
            raise ComputeServiceUnavailable(host=host)

    def _check_requested_destination(self):
        """Check and claim a host that is forced; the scheduler is not asked."""
        host = self.destination
        if host == self.source:
            raise UnableToMigrateToSelf(instance_id=self.instance.uuid, host=host)
        self._check_host_is_up(host)
        self._check_destination_has_enough_memory(host)
        claim_resources_on_destination(self.conductor, self.instance, host)
        try:
            yield from self._call_livem_checks_on_host(host)
            fleet = self.conductor.site.fleet
            if fleet[host].cell_uuid != fleet[self.source].cell_uuid:
                raise MigrationPreCheckError(
                    f"Unable to force live migrate instance {self.instance.uuid} across cells."
                )
        except Exception:
            self._remove_host_allocations(host)
            raise

    def _check_destination_has_enough_memory(self, host):
        state, memory_mb = self.conductor.site.fleet[host], self.instance.memory_mb
        total = state.total_usable_ram_mb
        avail = total * state.ram_allocation_ratio - (total - state.free_ram_mb)
        if not memory_mb or avail <= memory_mb:
            raise MigrationPreCheckError(
                reason=f"Unable to migrate {self.instance.uuid} to {host}: Lack of memory(host:"
                f"{avail} <= instance:{memory_mb})"
            )

    def _find_destination(self):
        """Ask the scheduler, then both hosts; ask again without the host that would not."""
        conductor, instance, attempted = self.conductor, self.instance, [self.source]
        spec = self.spec.replace(force_hosts=None, force_nodes=None)
        spec = conductor.restrict_request_spec_to_cell(instance, spec)
        spec = setup_instance_group(conductor, spec, instance.name, moves=True)
        while True:
            self._check_not_over_max_retries(attempted)
            selections = yield from conductor.query_client.select_destinations(
                conductor.context,
                spec_obj=spec.replace(ignore_hosts=list(attempted)),
                instance_uuids=[instance.uuid],
                return_alternates=False,
            )
            host = selections[0].host
            try:
                yield from self._call_livem_checks_on_host(host)
            except _NEXT:
                attempted.append(host)
                self._remove_host_allocations(host)
            else:
                return host

    def _call_livem_checks_on_host(self, host):
        conductor = self.conductor
        try:
            yield from conductor.compute_rpcapi.check_can_live_migrate_destination(
                conductor.context, self.instance, host, migration=self.migration
            )
        except MessagingTimeout as error:
            reason = f"Timeout while checking if we can live migrate to host: {host}"
            raise MigrationPreCheckError(reason) from error
        self._bind_ports_on_destination()

    def _bind_ports_on_destination(self):
        conductor, instance = self.conductor, self.instance
        conductor.site.neutron.ask(conductor, instance.name, "bind_ports_to_host")
        if (
            conductor.site.wants_network(instance)
            and instance.name not in conductor.site.neutron.ports
        ):
            raise exception.PortNotFound(port_id=f"of {instance.uuid}")  # it was deleted meanwhile

    def _remove_host_allocations(self, host):
        self.conductor.report_client.remove_provider_tree_from_instance_allocation(
            self.instance.name, self.instance.uuid, self.conductor.site.fleet.rows[host]
        )

    def _check_not_over_max_retries(self, attempted):
        limit, retries = self.conductor.options.migrate_max_retries, len(attempted) - 1
        if limit == -1 or retries <= limit:
            return
        self.migration.status = "failed"
        self.migration.save()
        raise exception.MaxRetriesExceeded(
            reason=f"Exceeded max scheduling retries {retries} for instance"
            f" {self.instance.uuid} during live migration"
        )
