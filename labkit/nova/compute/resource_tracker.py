"""What a host has given away (nova/compute/resource_tracker.py), as far as rows show it."""

from types import SimpleNamespace

from labkit.nova.compute.claims import MoveClaim
from labkit.nova.compute.usage import Usage
from labkit.nova.objects import migration as migrations
from labkit.nova.objects.compute_node import ComputeNode
from labkit.nova.objects.migration import MigrationContext

_HERE = "compute/resource_tracker.py:"
_NOTHING_RESERVED = SimpleNamespace(
    reserved_host_cpus=0, reserved_host_memory_mb=0, reserved_host_disk_mb=0
)


class ResourceTracker(Usage):
    """The servers that count against one host, those on their way to it and from it too.

    ``used`` counts ``vcpus_used``, ``memory_mb_used`` (MiB) and ``local_gb_used`` (GiB), without
    what is reserved; ``running_vms`` is what Nova calls so: the servers counted when ``used`` was
    changed last.

    Source: ``ResourceTracker`` in nova/compute/resource_tracker.py, Nova 34.0.0. Unlike Nova,
    what the scheduler sees is kept by labkit.placement.Allocations.
    """

    def __init__(self, service, row):
        super().__init__(service.host)
        self._service = service
        self._row = row
        self.compute_node = ComputeNode(service.host, hypervisor_hostname=service.node)

    @property
    def used(self) -> dict:
        """What is used of the host's CPUs, memory (MiB) and disk (GiB)."""
        names = ("vcpus_used", "memory_mb_used", "local_gb_used")
        return {name: getattr(self.compute_node, name) for name in names}

    @property
    def running_vms(self) -> int:
        """How many servers counted when the usage was changed last."""
        return self.compute_node.running_vms or 0

    # -- servers that are here ------------------------------------------------------------
    def instance_claim(self, instance):
        """Take a server in: from now on the row names the host."""
        yield from self._service.step("claim", instance)
        host = self._service.host
        instance.host = host
        instance.launched_on = host
        instance.node = self._service.node
        instance.compute_id = self._row + 1
        instance.save(_HERE + "_set_instance_host_and_node")
        self._update_usage_from_instance(self.compute_node, instance)
        self._update()

    def abort_instance_claim(self, instance):
        """Take it back: the row names no host any more."""
        self._update_usage_from_instance(self.compute_node, instance, is_removed=True)
        instance.host = None
        instance.node = None
        instance.compute_id = None
        instance.save(_HERE + "_unset_instance_host_and_node")
        self._update()

    def update_usage(self, instance):
        """Count a server anew after its states changed."""
        if instance.uuid in self.tracked_instances:
            self._update_usage_from_instance(self.compute_node, instance)
            self._update()

    # -- servers that move ----------------------------------------------------------------
    def move_claim(self, instance, flavor, migration):
        """Put room aside for a server that is to come; return the claim.

        Source: ``_move_claim`` in nova/compute/resource_tracker.py, Nova 34.0.0.
        """
        yield from self._service.step("claim", instance)
        migration.dest_compute = self._service.host
        migration.dest_node = self._service.node
        if not migration.is_live_migration:
            migration.status = "pre-migrating"
        migration.save(_HERE + "_claim_existing_migration")
        instance.migration_context = MigrationContext(migration.id)
        instance.save(_HERE + "_move_claim")
        self._update_usage_from_migration(self.compute_node, instance, migration)
        self._update()
        return MoveClaim(self, instance, flavor, migration)

    def drop_move_claim(self, instance, flavor):
        """Give back what was put aside for a server."""
        self._drop_move_claim(instance, flavor)

    def drop_move_claim_at_source(self, instance, migration):
        """A move was confirmed: nothing of the server counts here any more."""
        migration.set_status("confirmed", _HERE + "drop_move_claim_at_source")
        self._drop_move_claim(instance, instance.old_flavor)
        instance.drop_migration_context()

    def drop_move_claim_at_dest(self, instance, migration):
        """A move was reverted: nothing of the server counts here any more."""
        by = _HERE + "drop_move_claim_at_dest"
        migration.set_status("reverted", by)
        self._drop_move_claim(instance, instance.new_flavor)
        instance.save(by, expected_task_state=["resize_reverting"])

    def _drop_move_claim(self, instance, flavor):
        if flavor is None and instance.uuid in self.tracked_migrations:
            flavor = instance.flavor
        if flavor is not None:
            self._update_usage(self.compute_node, flavor, sign=-1)
            self._update()
        self.tracked_migrations.pop(instance.uuid, None)
        self.tracked_instances.discard(instance.uuid)

    def delete_allocation_for_evacuated_instance(self, instance):
        """Give back what a server that did not arrive holds on this host."""
        self._service.reportclient.remove_provider_tree_from_instance_allocation(
            instance.name, instance.uuid, self._row
        )

    def finish_evacuation(self, instance, node, migration):
        """The server is here: the row names the host.

        Source: ``finish_evacuation`` in nova/compute/resource_tracker.py, Nova 34.0.0.
        """
        instance.host = self._service.host
        instance.node = node
        instance.compute_id = self._row + 1
        instance.save(_HERE + "finish_evacuation")
        instance.drop_migration_context()
        if migration:
            migration.set_status("done", _HERE + "finish_evacuation")

    # -- all anew -------------------------------------------------------------------------
    def start(self, instances):
        """Count the servers of a host whose nova-compute has just started."""
        self._service.site.fleet.columns["failed_builds"][self._row] = 0  # it knew them by heart
        self._service.reportclient.read_provider_tree()
        self._count(instances)
        self._update()

    def update_available_resource(self, instances):
        """Count everything anew, from the rows of the database.

        Source: ``_update_available_resource`` in nova/compute/resource_tracker.py, 34.0.0.
        """
        self._count(instances)
        self._service.reportclient.get_allocations_for_resource_provider()
        self._update()

    def _count(self, instances):
        self.stats.clear()
        self._update_usage_from_instances(self.compute_node, instances, _NOTHING_RESERVED)
        service = self._service
        moves = migrations.in_progress_and_error(service, service.host)
        self._update_usage_from_migrations(self.compute_node, moves, self._instance_of)

    def _instance_of(self, migration):
        row = self._service.site.db.instances[migration.instance_uuid]
        return self._service.site.copy_of(self._service, migration.name, row)

    def _mark_as_error(self, migration):
        migration.set_status("error", _HERE + "_update_usage_from_migrations")

    def _has_old_flavor(self, instance, migration):
        return instance.flavor == migration.old_flavor

    def _update(self):
        self._service.reportclient.get_allocations_for_provider_tree(self._row)
