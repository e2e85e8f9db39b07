"""Servers that move: what a host puts aside for them, and gives back (resource_tracker.py)."""

from labkit.nova.compute.claims import MoveClaim, claim_test
from labkit.nova.compute.usage import Usage, flavor_of, volume_backed
from labkit.nova.exception import ComputeResourcesUnavailable
from labkit.nova.objects.migration import MigrationContext

_HERE = "compute/resource_tracker.py:"


class TrackedMoves(Usage):
    """The part of ResourceTracker that is about moves.

    Source: ``ResourceTracker`` in nova/compute/resource_tracker.py, Nova 34.0.0.
    """

    def move_claim(self, instance, flavor, nodename, migration) -> MoveClaim:
        """Put room aside for a server that is to come.

        Raises ComputeResourcesUnavailable as instance_claim does.

        Source: ``_move_claim`` in nova/compute/resource_tracker.py, Nova 34.0.0.
        """
        if self.disabled(nodename):
            raise ComputeResourcesUnavailable(
                f"Attempt to claim move resources for instance {instance.uuid} on unknown node "
                "nodename failed"
            )
        cn = self.compute_nodes[nodename]
        migration.dest_compute, migration.dest_node = self.host, nodename
        if not migration.is_live_migration:
            migration.status = "pre-migrating"
        migration.save(_HERE + "_claim_existing_migration")
        claim_test(instance)
        claim = MoveClaim(self, self.tables.stashed(instance), flavor, migration)
        instance.migration_context = MigrationContext(migration.id)
        instance.save(_HERE + "_move_claim")
        self._update_usage_from_migration(cn, instance, migration)
        self._update(cn)
        return claim

    def drop_move_claim(self, instance, flavor=None):
        """Give back what was put aside for a server."""
        self._drop_move_claim(instance, self.driver.host.hypervisor.hostname, flavor, "new_")

    def drop_move_claim_at_source(self, instance, migration):
        """A move was confirmed: nothing of the server counts here any more."""
        migration.status = "confirmed"
        migration.save(_HERE + "drop_move_claim_at_source")
        self._drop_move_claim(instance, migration.source_node, instance.old_flavor, "old_")
        instance.drop_migration_context(_HERE + "drop_move_claim_at_source")

    def drop_move_claim_at_dest(self, instance, migration):
        """A move was reverted: nothing of the server counts here any more."""
        by = _HERE + "drop_move_claim_at_dest"
        migration.status = "reverted"
        migration.save(by)
        self._drop_move_claim(instance, migration.dest_node, instance.new_flavor, "new_")
        instance.save(by, expected_task_state=["resize_reverting"])

    def _drop_move_claim(self, instance, nodename, flavor, prefix):
        uuid = instance.uuid
        if flavor is None and uuid in self.tracked_migrations:
            flavor = flavor_of(instance, self.tracked_migrations[uuid], prefix)
        if flavor is not None:
            cn = self.compute_nodes[nodename]
            self._update_usage(cn, flavor, volume_backed(instance), -1)
            self._update(cn)
        self.tracked_migrations.pop(uuid, None)
        self.tracked_instances.discard(uuid)

    def finish_evacuation(self, instance, node, migration):
        """The server is here: the row names the host.

        Source: ``finish_evacuation`` in nova/compute/resource_tracker.py, Nova 34.0.0.
        """
        by = _HERE + "finish_evacuation"
        instance.host, instance.node = self.host, node
        instance.compute_id = self.compute_nodes[node].id
        instance.save(by)
        instance.drop_migration_context(by)
        if migration:
            migration.status = "done"
            migration.save(by)
