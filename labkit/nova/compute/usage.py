"""How a host's usage adds up from its servers and migrations (nova/compute/resource_tracker.py)."""

from typing import NamedTuple

from labkit.nova.compute import vm_states as vm
from labkit.nova.compute.stats import Stats
from labkit.nova.compute.task_states import MIGRATING, rebuild_states, resizing_states
from labkit.nova.exception import InstanceNotFound


class Others(NamedTuple):
    """What servers use that have no row here: those that a cloud's fleet began with.

    CPUs, MiB, GiB, and what Stats begin with.
    """

    vcpus: int = 0
    memory_mb: int = 0
    local_gb: int = 0
    stats: tuple = ()


NOBODY = Others()


class Usage:
    """The servers that count on a host, and what they use of its ComputeNode.

    The sums come from flavors, never from what the hypervisor says is used. The columns hold
    whole numbers: each step is truncated toward zero, half a GiB of swap with it.

    Source: ``ResourceTracker`` in nova/compute/resource_tracker.py, Nova 34.0.0.
    """

    def __init__(self, host, others=NOBODY):
        self.host, self.others = host, others
        self.stats = Stats(others.stats)
        self.tracked_instances = set()
        self.tracked_migrations = {}

    def _update_usage(self, cn, flavor, volume_backed=False, sign=1):
        cn.memory_mb_used += sign * flavor.memory_mb
        disk = flavor.ephemeral_gb + (0 if volume_backed else flavor.root_gb)
        cn.local_gb_used += sign * disk
        cn.local_gb_used = int(cn.local_gb_used + sign * flavor.swap / 1024)
        cn.vcpus_used += sign * flavor.vcpus
        cn.free_ram_mb = cn.memory_mb - cn.memory_mb_used
        cn.free_disk_gb = cn.local_gb - cn.local_gb_used
        cn.running_vms = self.stats.num_instances

    def _show_stats(self, cn):
        cn.stats = {key: None if value is None else str(value) for key, value in self.stats.items()}

    def _update_usage_from_instance(self, cn, instance, is_removed=False):
        new = instance.uuid not in self.tracked_instances
        gone = is_removed or vm.allow_resource_removal(instance.vm_state, instance.task_state)
        removed = not new and gone
        if new:
            self.tracked_instances.add(instance.uuid)
        if removed:
            self.tracked_instances.remove(instance.uuid)
        self.stats.update_stats_for_instance(instance, removed)
        self._show_stats(cn)
        if new or removed:
            sign = -1 if removed else 1
            self._update_usage(cn, instance.flavor, volume_backed(instance), sign)
        cn.current_workload = self.stats.calculate_workload()

    def _update_usage_from_instances(self, cn, instances, options):
        """Start from what is reserved and add every server that holds something."""
        self.tracked_instances.clear()
        cn.local_gb_used = options.reserved_host_disk_mb // 1024 + self.others.local_gb
        cn.memory_mb_used = options.reserved_host_memory_mb + self.others.memory_mb
        cn.vcpus_used = options.reserved_host_cpus + self.others.vcpus
        cn.free_ram_mb = cn.memory_mb - cn.memory_mb_used
        cn.free_disk_gb = cn.local_gb - cn.local_gb_used
        cn.current_workload = cn.running_vms = 0
        for instance in instances:
            if not vm.allow_resource_removal(instance.vm_state, instance.task_state):
                self._update_usage_from_instance(cn, instance)

    def _update_usage_from_migration(self, cn, instance, migration):
        """Count a server that comes or goes, unless it counts as being here."""
        ends = migration.source_compute, migration.source_node
        outbound = ends == (self.host, cn.hypervisor_hostname)
        ends = migration.dest_compute, migration.dest_node
        incoming = ends == (self.host, cn.hypervisor_hostname)
        tracked = instance.uuid in self.tracked_instances
        flavor = None
        if incoming and outbound:
            other = "new_" if migration.has_old_flavor(instance) else "old_"
            flavor = flavor_of(instance, migration, other)
        elif incoming and not tracked:
            flavor = flavor_of(instance, migration, "new_")
        elif outbound and not tracked:
            flavor = flavor_of(instance, migration, "old_")
        if flavor is not None:
            self._update_usage(cn, flavor, volume_backed(instance))
            self.tracked_migrations[instance.uuid] = migration

    def _mark_as_error(self, migration):
        migration.status = "error"
        migration.save("compute/resource_tracker.py:_update_usage_from_migrations")

    def _update_usage_from_migrations(self, cn, migrations, instances):
        """Count the newest migration of each server that moves; an outdated one is an error.

        In: migrations, and a function from a migration to its server.
        """
        self.tracked_migrations.clear()
        newest, found = {}, {}
        for migration in migrations:
            uuid = migration.instance_uuid
            try:
                if uuid not in found:
                    found[uuid] = instances(migration)
            except InstanceNotFound:
                continue
            if not is_moving(found[uuid]):
                continue
            other = newest.get(uuid)
            if other is None or _time(migration) > _time(other):
                newest[uuid] = migration
        for uuid, migration in newest.items():
            context = found[uuid].migration_context
            if context is not None and context.migration_id != migration.id:
                self._mark_as_error(migration)
            else:
                self._update_usage_from_migration(cn, found[uuid], migration)


def is_moving(instance) -> bool:
    """Return whether a server is being resized, rebuilt elsewhere, or live-migrated.

    Source: ``_instance_in_resize_state`` and ``_instance_is_live_migrating`` in
    nova/compute/resource_tracker.py, Nova 34.0.0.
    """
    state, task = instance.vm_state, instance.task_state
    if state == vm.RESIZED:
        return True
    if task == MIGRATING:
        return state in (vm.ACTIVE, vm.PAUSED)
    return state in (vm.ACTIVE, vm.STOPPED) and task in resizing_states + rebuild_states


def flavor_of(instance, migration, prefix):
    """Return the size that a move gives or leaves: only a resize changes it."""
    return getattr(instance, f"{prefix}flavor") if migration.is_resize else instance.flavor


def _time(migration):
    return migration.updated_at or migration.created_at


def volume_backed(instance) -> bool:
    """Return whether the root disk is a volume; that of a Cloud's server never is."""
    return getattr(instance, "volume_backed", False)
