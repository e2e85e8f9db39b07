"""What a host has given away (nova/compute/resource_tracker.py), as far as rows show it."""

from labkit.nova.compute import vm_states as vm
from labkit.nova.compute.claims import MoveClaim
from labkit.nova.compute.stats import Stats
from labkit.nova.compute.task_states import MIGRATING, rebuild_states, resizing_states
from labkit.nova.objects import migration as migrations
from labkit.nova.objects.migration import MigrationContext

_HERE = "compute/resource_tracker.py:"


class ResourceTracker:
    """The servers that count against one host, those on their way to it and from it too.

    ``used`` counts ``vcpus_used``, ``memory_mb_used`` (MiB) and ``local_gb_used`` (GiB), without
    what is reserved; ``running_vms`` is what Nova calls so: the servers counted when ``used`` was
    changed last.

    Source: ``ResourceTracker`` in nova/compute/resource_tracker.py, Nova 34.0.0. Unlike Nova,
    what the scheduler sees is kept by labkit.placement.Allocations.
    """

    def __init__(self, service, row):
        self._service = service
        self._row = row
        self.tracked_instances = set()
        self.tracked_migrations = {}
        self._forget()

    def _forget(self):
        self.tracked_instances.clear()
        self.stats = Stats()
        self.used = {"vcpus_used": 0, "memory_mb_used": 0, "local_gb_used": 0}
        self.running_vms = 0

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
        self._update_usage_from_instance(instance)
        self._update()

    def abort_instance_claim(self, instance):
        """Take it back: the row names no host any more."""
        self._update_usage_from_instance(instance, is_removed=True)
        instance.host = None
        instance.node = None
        instance.compute_id = None
        instance.save(_HERE + "_unset_instance_host_and_node")
        self._update()

    def update_usage(self, instance):
        """Count a server anew after its states changed."""
        if instance.uuid in self.tracked_instances:
            self._update_usage_from_instance(instance)
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
        self._update_usage_from_migration(instance, migration)
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
            self._update_usage(flavor, -1)
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
        self._forget()
        for instance in instances:
            if not vm.allow_resource_removal(instance.vm_state, instance.task_state):
                self._update_usage_from_instance(instance)
        self.tracked_migrations.clear()
        service, newest = self._service, {}
        for migration in migrations.in_progress_and_error(service, service.host):
            newest[migration.instance_uuid] = migration
        for migration in newest.values():
            self._count_migration(migration)

    def _count_migration(self, migration):
        """Source: ``_update_usage_from_migrations`` in nova/compute/resource_tracker.py, 34.0.0."""
        site = self._service.site
        row = site.db.instances[migration.instance_uuid]
        moving = (*resizing_states, *rebuild_states, MIGRATING)
        if row["vm_state"] != vm.RESIZED and row["task_state"] not in moving:
            return
        context = row["migration_context"]
        if context is not None and context.migration_id != migration.id:
            migration.set_status("error", _HERE + "_update_usage_from_migrations")
            return
        instance = site.copy_of(self._service, migration.name, row)
        self._update_usage_from_migration(instance, migration)

    # -- sums -----------------------------------------------------------------------------
    def _update_usage_from_migration(self, instance, migration):
        """Count a server that comes or goes, unless it counts as being here.

        Source: the method of that name in nova/compute/resource_tracker.py, Nova 34.0.0.
        """
        host, tracked = self._service.host, instance.uuid in self.tracked_instances
        incoming, outbound = migration.dest_compute == host, migration.source_compute == host
        flavor = None
        if incoming and outbound:
            new = instance.flavor == migration.old_flavor
            flavor = _flavor(instance, migration, "new_flavor" if new else "old_flavor")
        elif incoming and not tracked:
            flavor = _flavor(instance, migration, "new_flavor")
        elif outbound and not tracked:
            flavor = _flavor(instance, migration, "old_flavor")
        if flavor is not None:
            self._update_usage(flavor)
            self.tracked_migrations[instance.uuid] = migration

    def _update_usage_from_instance(self, instance, is_removed=False):
        new = instance.uuid not in self.tracked_instances
        gone = is_removed or vm.allow_resource_removal(instance.vm_state, instance.task_state)
        removed = not new and gone
        if new:
            self.tracked_instances.add(instance.uuid)
        if removed:
            self.tracked_instances.remove(instance.uuid)
        self.stats.update_stats_for_instance(instance, removed)
        if new or removed:
            self._update_usage(instance.flavor, -1 if removed else 1)

    def _update_usage(self, flavor, sign=1):
        self.used["memory_mb_used"] += sign * flavor.memory_mb
        self.used["vcpus_used"] += sign * flavor.vcpus
        disk = flavor.root_gb + flavor.ephemeral_gb + flavor.swap / 1024
        self.used["local_gb_used"] = int(self.used["local_gb_used"] + sign * disk)
        self.running_vms = self.stats.num_instances

    def _update(self):
        self._service.reportclient.get_allocations_for_provider_tree(self._row)


def _flavor(instance, migration, which):
    return getattr(instance, which) if migration.is_resize else instance.flavor
