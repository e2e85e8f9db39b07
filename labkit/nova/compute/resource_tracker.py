"""What one host reports, and what it sets aside for servers (nova/compute/resource_tracker.py)."""

from typing import NamedTuple

from labkit.nova import exception
from labkit.nova.compute import vm_states as vm
from labkit.nova.compute.claims import Claim, MoveClaim
from labkit.nova.compute.stats import Stats
from labkit.nova.compute.task_states import MIGRATING, rebuild_states, resizing_states
from labkit.nova.objects import compute_node
from labkit.nova.objects import migration as migration_obj
from labkit.nova.objects.compute_node import RATIOS, ComputeNode
from labkit.nova.objects.instance import Instance, get_by_host_and_node
from labkit.nova.objects.migration import MigrationContext

_NEEDED = """vcpus memory_mb local_gb cpu_info vcpus_used memory_mb_used local_gb_used
numa_topology""".split()
_WHOLE = """vcpus memory_mb local_gb vcpus_used memory_mb_used local_gb_used hypervisor_version
disk_available_least""".split()
_TEXTS = ("cpu_info", "hypervisor_type", "hypervisor_hostname", "host_ip")


class Others(NamedTuple):
    """What servers use that have no rows: CPUs, MiB, GiB, and the Stats that count them.

    A Cloud's fleet may begin with such servers.
    """

    vcpus: int = 0
    memory_mb: int = 0
    local_gb: int = 0
    stats: tuple = ()


class ResourceTracker:
    """What one nova-compute reports about its host, and what it sets aside for servers.

    In: the nova-compute, with its ``reportclient``; a driver, whose ``others`` is what servers
    without rows use. Out: ``compute_nodes`` by node name, the rows of its database, and what
    placement knows of the host. The sums of what is used come from flavors, never from what the
    hypervisor counts; the columns hold whole numbers: each step is truncated toward zero, half a
    GiB of swap with it. The allocation ratios of the ComputeNode are those of the start.

    >>> from labkit import reports
    >>> tracker = reports.tracker_of(reports.Hypervisor("cn-1", memory_mb=8192))
    >>> tracker.update_available_resource("cn-1")
    >>> tracker.compute_nodes["cn-1"].free_ram_mb
    7680

    Source: ``ResourceTracker`` in nova/compute/resource_tracker.py, Nova 34.0.0. Unlike Nova,
    there are no NUMA topologies, PCI devices, monitors, traits and provider configs, and a save
    writes the whole row, not only the columns that changed.
    """

    def __init__(self, service, driver, service_id=1):
        self.service, self.host, self.driver = service, service.host, driver
        self.reportclient, self.options = service.reportclient, service.options
        self.others = driver.others or Others()
        self.stats = Stats(self.others.stats)
        self.tracked_instances = set()
        self.tracked_migrations = {}
        self.service_id = service_id
        self.compute_nodes = {}
        self._ratios = {name: getattr(self.options, name) for name in RATIOS}
        self._old_resources = None

    def disabled(self, nodename) -> bool:
        """Return whether nothing is known of a node, or the driver does not have it."""
        return nodename not in self.compute_nodes or not self.driver.node_is_available(nodename)

    # -- the whole report ----------------------------------------------------------------------
    def update_available_resource(self, nodename, resources=None):
        """Ask the driver, count all rows anew, and report what changed.

        In: the node; what the driver tells, if it is to be something else. Raises InvalidInput
        when the driver tells too little, InvalidConfiguration when the node's name is taken,
        InvalidNodeConfiguration when its uuid is another than before, ResourceProviderSyncFailed
        when placement refuses the inventory: the row is not written then. Raises NotModelled
        for a driver that tells of NUMA cells or PCI devices.
        """
        if resources is None:
            resources = self.driver.get_available_resource(nodename)
        resources = {"cpu_info": "", "uuid": self.driver.host.hypervisor.uuid} | resources
        resources["host_ip"] = self.driver.get_host_ip_addr()
        missing = [key for key in _NEEDED if key not in resources]
        if missing:
            raise exception.InvalidInput(reason=f"Missing keys: {missing}")
        for key in ("numa_topology", "pci_passthrough_devices"):
            if resources.get(key) not in (None, "[]"):
                raise exception.NotModelled(f"Unlike Nova, the lab does not track {key} of a host")
        self._update_available_resource(nodename, resources)

    def _update_available_resource(self, nodename, resources):
        is_new = self._init_compute_node(resources)
        if self.disabled(nodename):
            return
        service, cn = self.service, self.compute_nodes[nodename]
        instances = get_by_host_and_node(service, self.host, nodename)
        migrations = migration_obj.get_in_progress_and_error(service, self.host, nodename)
        here = {instance.uuid: instance for instance in instances}
        self._update_usage_from_instances(cn, instances)
        for instance in instances:
            if instance.compute_id != cn.id:
                instance.compute_id = cn.id
                instance.save()
        self._update_usage_from_migrations(cn, migrations, here)
        if not is_new:
            self._remove_deleted_instances_allocations(migrations)
        self._update(cn)

    def _init_compute_node(self, resources):
        nodename = resources["hypervisor_hostname"]
        if nodename in self.compute_nodes:
            cn = self.compute_nodes[nodename]
            cn.service_id = self.service_id
            self._copy_resources(cn, resources)
            return False
        cn = compute_node.get_by_uuid(self.service, resources["uuid"])
        if cn is not None:
            if cn.deleted:
                cn.deleted = False
                compute_node.save(self.service, cn)
            if cn.host != self.host:
                cn.host, cn.service_id = self.host, self.service_id
                self._update(cn)
            self.compute_nodes[nodename] = cn
            self._copy_resources(cn, resources)
            return False
        cn = ComputeNode(self.host, service_id=self.service_id, hypervisor_hostname=nodename)
        cn.uuid = resources["uuid"]
        cn.free_ram_mb = cn.free_disk_gb = None
        for name in RATIOS:
            setattr(cn, name, None)
        self._copy_resources(cn, resources, initial=True)
        compute_node.create(self.service, cn)
        self.compute_nodes[nodename] = cn
        return True

    def _copy_resources(self, cn, resources, initial=False):
        failed_builds = self.stats.get("failed_builds", 0)
        self.stats.clear()
        self.stats["failed_builds"] = failed_builds
        self.stats.digest_stats(resources.get("stats"))
        self._show_stats(cn)
        for name in RATIOS:
            ratio = getattr(self.options, f"initial_{name}") if initial else self._ratios[name]
            if ratio:
                setattr(cn, name, ratio)
        self._update_from_virt_driver(cn, resources)

    def _update_from_virt_driver(self, cn, resources):
        """Source: the method of that name in nova/objects/compute_node.py, Nova 34.0.0."""
        for key in _WHOLE:
            if key in resources:
                value = resources[key]
                setattr(cn, key, None if value is None else int(value))
        for key in _TEXTS:
            if key in resources:
                setattr(cn, key, resources[key])
        if cn.uuid != resources["uuid"]:
            text = f"Attempt to overwrite node {cn.uuid} with {resources['uuid']}!"
            raise exception.InvalidNodeConfiguration(reason=text)
        if "supported_instances" in resources:
            cn.supported_hv_specs = [list(spec) for spec in resources["supported_instances"]]

    def _remove_deleted_instances_allocations(self, migrations):
        moving = {migration.uuid for migration in migrations}
        for consumer in self.reportclient.get_allocations_for_resource_provider():
            if consumer in self.tracked_instances or consumer in moving:
                continue
            try:
                instance = Instance.get_by_uuid(self.service, consumer, read_deleted="yes")
            except exception.InstanceNotFound:  # a migration
                continue
            if instance.deleted:  # else the scheduler may only just have claimed
                self.reportclient.delete_allocation_for_instance(
                    instance.name, consumer, force=True
                )

    # -- what is written ------------------------------------------------------------------
    def _update(self, cn):
        self.reportclient.update_from_provider_tree(self.driver)
        if self._resource_change(cn):
            compute_node.save(self.service, cn)

    def _resource_change(self, cn) -> bool:
        if cn == self._old_resources:
            return False
        self._old_resources = cn.obj_clone()
        return True

    # -- how usage adds up ----------------------------------------------------------------
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
            self._update_usage(cn, instance.flavor, _volume_backed(instance), sign)
        cn.current_workload = self.stats.calculate_workload()

    def _update_usage_from_instances(self, cn, instances):
        options = self.options
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
        ends = migration.source_compute, migration.source_node
        outbound = ends == (self.host, cn.hypervisor_hostname)
        ends = migration.dest_compute, migration.dest_node
        incoming = ends == (self.host, cn.hypervisor_hostname)
        tracked = instance.uuid in self.tracked_instances
        flavor = None
        if incoming and outbound:
            other = "new_" if migration.has_old_flavor(instance) else "old_"
            flavor = _flavor_of(instance, migration, other)
        elif incoming and not tracked:
            flavor = _flavor_of(instance, migration, "new_")
        elif outbound and not tracked:
            flavor = _flavor_of(instance, migration, "old_")
        if flavor is not None:
            self._update_usage(cn, flavor, _volume_backed(instance))
            self.tracked_migrations[instance.uuid] = migration

    def _update_usage_from_migrations(self, cn, migrations, found):
        """Count the newest migration of each server that moves; an outdated one is an error.

        In: migrations, and the servers by uuid that have been read already.
        """
        self.tracked_migrations.clear()
        newest = {}
        for migration in migrations:
            uuid = migration.instance_uuid
            try:
                if uuid not in found:
                    found[uuid] = Instance.get_by_uuid(self.service, uuid, "yes")
            except exception.InstanceNotFound:
                continue
            if not _is_moving(found[uuid]):
                continue
            other = newest.get(uuid)
            if other is None or _time(migration) > _time(other):
                newest[uuid] = migration
        for uuid, migration in newest.items():
            context = found[uuid].migration_context
            if context is not None and context.migration_id != migration.id:
                migration.status = "error"
                migration.save()
            else:
                self._update_usage_from_migration(cn, found[uuid], migration)

    # -- servers that come and go ---------------------------------------------------------
    def instance_claim(self, instance, nodename) -> Claim:
        """Take a server in: from now on its row names the host.

        In: the service's copy of the row, which is written. Raises
        ComputeResourcesUnavailable for a node that is not here or a server that does not fit.
        """
        if self.disabled(nodename):
            raise exception.ComputeResourcesUnavailable(
                f"Attempt to claim resources for instance {instance.uuid} on unknown node "
                f"{nodename} failed"
            )
        cn = self.compute_nodes[nodename]
        claim = Claim(self, instance, nodename)
        self._set_instance_host_and_node(instance, cn)
        self._update_usage_from_instance(cn, instance)
        self._update(cn)
        return claim

    def abort_instance_claim(self, instance, nodename):
        """Take it back: the row names no host any more."""
        cn = self.compute_nodes[nodename]
        self._update_usage_from_instance(cn, instance, is_removed=True)
        self._unset_instance_host_and_node(instance)
        self._update(cn)

    def _set_instance_host_and_node(self, instance, cn):
        instance.host = instance.launched_on = self.host
        instance.node, instance.compute_id = cn.hypervisor_hostname, cn.id
        instance.save()

    def _unset_instance_host_and_node(self, instance):
        instance.host = instance.node = instance.compute_id = None
        instance.save()

    def update_usage(self, instance, nodename):
        """Count a server anew after its states changed, if it counts here."""
        if not self.disabled(nodename) and instance.uuid in self.tracked_instances:
            cn = self.compute_nodes[nodename]
            self._update_usage_from_instance(cn, instance)
            self._update(cn)

    def build_failed(self):
        """Count a build that failed; the row says it from the next report on."""
        self.stats.build_failed()

    def build_succeeded(self):
        """Forget the builds that failed; the row says it from the next report on."""
        self.stats.build_succeeded()

    # -- servers that move ----------------------------------------------------------------
    def resize_claim(self, instance, flavor, nodename, migration) -> MoveClaim:
        """Set room aside for a server that is to come.

        Raises ComputeResourcesUnavailable as instance_claim does.
        """
        return self._move_claim(instance, flavor, nodename, migration)

    def rebuild_claim(self, instance, nodename, migration) -> MoveClaim:
        """Set room aside for a server that is evacuated from a dead host.

        Raises ComputeResourcesUnavailable as instance_claim does.
        """
        return self._move_claim(instance, instance.flavor, nodename, migration)

    def _move_claim(self, instance, flavor, nodename, migration):
        if self.disabled(nodename):
            raise exception.ComputeResourcesUnavailable(
                f"Attempt to claim move resources for instance {instance.uuid} on unknown node "
                "nodename failed"
            )
        cn = self.compute_nodes[nodename]
        self._claim_existing_migration(migration, nodename)
        claim = MoveClaim(self, instance, nodename, flavor, migration)
        instance.migration_context = MigrationContext(migration.id)
        instance.save()
        self._update_usage_from_migration(cn, instance, migration)
        self._update(cn)
        return claim

    def _claim_existing_migration(self, migration, nodename):
        migration.dest_compute, migration.dest_node = self.host, nodename
        if not migration.is_live_migration:
            migration.status = "pre-migrating"
        migration.save()

    def drop_move_claim(self, instance, nodename, flavor=None):
        """Give back what was set aside for a server."""
        self._drop_move_claim(instance, nodename, flavor, "new_")

    def drop_move_claim_at_source(self, instance, migration):
        """A move was confirmed: nothing of the server counts here any more."""
        migration.status = "confirmed"
        migration.save()
        self._drop_move_claim(instance, migration.source_node, instance.old_flavor, "old_")
        instance.drop_migration_context()

    def drop_move_claim_at_dest(self, instance, migration):
        """A move was reverted: nothing of the server counts here any more."""
        migration.status = "reverted"
        migration.save()
        self._drop_move_claim(instance, migration.dest_node, instance.new_flavor, "new_")
        instance.save(expected_task_state=["resize_reverting"])

    def _drop_move_claim(self, instance, nodename, flavor, prefix):
        uuid = instance.uuid
        if flavor is None and uuid in self.tracked_migrations:
            flavor = _flavor_of(instance, self.tracked_migrations[uuid], prefix)
        if flavor is not None:
            cn = self.compute_nodes[nodename]
            self._update_usage(cn, flavor, _volume_backed(instance), -1)
            self._update(cn)
        self.tracked_migrations.pop(uuid, None)
        self.tracked_instances.discard(uuid)

    def finish_evacuation(self, instance, node, migration):
        """The server is here: the row names the host."""
        instance.host, instance.node = self.host, node
        instance.compute_id = self.compute_nodes[node].id
        instance.save()
        instance.drop_migration_context()
        if migration:
            migration.status = "done"
            migration.save()


def _is_moving(instance) -> bool:
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


def _flavor_of(instance, migration, prefix):
    """Return the size that a move gives or leaves: only a resize changes it."""
    return getattr(instance, f"{prefix}flavor") if migration.is_resize else instance.flavor


def _time(migration):
    return migration.updated_at or migration.created_at


def _volume_backed(instance) -> bool:
    """Return whether the root disk is a volume; that of a Cloud's server never is."""
    return getattr(instance, "volume_backed", False)
