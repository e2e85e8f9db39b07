"""A host's report: from the hypervisor and the rows to a ComputeNode and inventories.

In Nova nova/compute/resource_tracker.py; how usage adds up is in usage.py, and what moves to and
fro in tracked_moves.py.
"""

from labkit.nova.compute.claims import Claim
from labkit.nova.compute.tracked_moves import TrackedMoves
from labkit.nova.compute.usage import NOBODY
from labkit.nova.exception import (
    ComputeResourcesUnavailable,
    InvalidConfiguration,
    InvalidInput,
    InvalidNodeConfiguration,
    NotModelled,
)
from labkit.nova.objects.compute_node import RATIOS, ComputeNode, from_db

_HERE = "compute/resource_tracker.py:"
_NEEDED = """vcpus memory_mb local_gb cpu_info vcpus_used memory_mb_used local_gb_used
numa_topology""".split()
_WHOLE = """vcpus memory_mb local_gb vcpus_used memory_mb_used local_gb_used hypervisor_version
disk_available_least""".split()
_TEXTS = ("cpu_info", "hypervisor_type", "hypervisor_hostname", "host_ip")


class ResourceTracker(TrackedMoves):
    """What one nova-compute reports about its host, and what it puts aside for servers.

    In: the host's name; a driver that tells what there is; Tables, or those of a cloud; Options;
    what servers use that have no row. Out: ``compute_nodes`` by node name, and the rows and the
    inventory in *tables*. Options change through ``options``; the allocation ratios of the
    ComputeNode are those of the start.

    >>> from labkit import Options
    >>> from labkit.nova.compute.rows import Tables
    >>> from labkit.nova.virt.libvirt.driver import LibvirtDriver
    >>> from labkit.nova.virt.libvirt.host import Hypervisor
    >>> driver = LibvirtDriver(Options(), hypervisor=Hypervisor("cn-1", memory_mb=8192))
    >>> tracker = ResourceTracker("cn-1", driver, Tables(), Options())
    >>> tracker.update_available_resource("cn-1")
    >>> tracker.compute_nodes["cn-1"].free_ram_mb
    7680

    Source: ``ResourceTracker`` in nova/compute/resource_tracker.py, Nova 34.0.0. Unlike Nova,
    there are no NUMA topologies, PCI devices, monitors, traits and provider configs, and a save
    writes the whole row, not only the columns that changed.
    """

    def __init__(self, host, driver, tables, options, service_id=1, others=NOBODY):
        super().__init__(host, others)
        self.driver, self.tables = driver, tables
        self.options, self.service_id = options, service_id
        self.compute_nodes = {}
        self._ratios = {name: getattr(options, name) for name in RATIOS}
        self._old_resources = None

    def disabled(self, nodename) -> bool:
        """Return whether nothing is known of a node, or the driver does not have it."""
        return nodename not in self.compute_nodes or not self.driver.node_is_available(nodename)

    # -- all anew -------------------------------------------------------------------------
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
            raise InvalidInput(reason=f"Missing keys: {missing}")
        for key in ("numa_topology", "pci_passthrough_devices"):
            if resources.get(key) not in (None, "[]"):
                raise NotModelled(f"Unlike Nova, the lab does not track {key} of a host")
        is_new = self._init_compute_node(resources)
        if self.disabled(nodename):
            return
        tables, cn = self.tables, self.compute_nodes[nodename]
        instances = tables.get_by_host_and_node(self.host, nodename)
        migrations = tables.get_in_progress_and_error(self.host, nodename)
        here = {instance.uuid: instance for instance in instances}
        self._update_usage_from_instances(cn, instances, self.options)
        for instance in instances:
            if instance.compute_id != cn.id:
                instance.compute_id = cn.id
                instance.save(_HERE + "_update_available_resource")
        self._update_usage_from_migrations(
            cn,
            migrations,
            lambda m: here.get(m.instance_uuid) or tables.instance(m.instance_uuid),
        )
        if not is_new:
            self._remove_deleted_instances_allocations(migrations)
        self._update(cn)

    def _init_compute_node(self, resources):
        """Return whether the node's row is new."""
        nodename, rows = resources["hypervisor_hostname"], self.tables.compute_nodes
        if nodename in self.compute_nodes:
            cn = self.compute_nodes[nodename]
            cn.service_id = self.service_id
            self._copy_resources(cn, resources)
            return False
        if resources["uuid"] in rows:
            cn = self._read(rows[resources["uuid"]])
            if cn.deleted:
                cn.deleted = False
                self._save(cn)
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
        self._create(cn)
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
            raise InvalidNodeConfiguration(reason=text)
        if "supported_instances" in resources:
            cn.supported_hv_specs = [list(spec) for spec in resources["supported_instances"]]

    def _remove_deleted_instances_allocations(self, migrations):
        moving = {migration.uuid for migration in migrations}
        for consumer in self.tables.get_allocations_for_resource_provider():
            if consumer in self.tracked_instances or consumer in moving:
                continue
            if self.tables.is_deleted(consumer):  # else the scheduler may only just have claimed
                self.tables.delete_allocation_for_instance(consumer)

    # -- what is written ------------------------------------------------------------------
    def _update(self, cn):
        """Report to placement, and write the row if something in it changed."""
        self.tables.update_from_provider_tree(self.driver)
        if self._resource_change(cn):
            self._save(cn)

    def _resource_change(self, cn) -> bool:
        """Return whether the row is another than at the last report; remember it as it is."""
        if cn == self._old_resources:
            return False
        self._old_resources = cn.obj_clone()
        return True

    def _save(self, cn):
        row = cn.obj_clone()
        self.tables.compute_node_update(row)
        vars(cn).update(vars(self._read(row)))

    def _create(self, cn):
        rows = self.tables.compute_nodes
        names = [(row.host, row.hypervisor_hostname) for row in rows.values() if not row.deleted]
        if (cn.host, cn.hypervisor_hostname) in names:
            raise InvalidConfiguration(
                f"Duplicate compute node record found for host {cn.host} node "
                f"{cn.hypervisor_hostname}"
            )
        cn.id = len(rows) + 1
        row = cn.obj_clone()
        self.tables.compute_node_create(row)
        vars(cn).update(vars(self._read(row)))

    def _read(self, row):
        """A ratio that nobody has set is written at once."""
        node = from_db(row, self.options)
        if not all(getattr(row, name) for name in RATIOS):
            vars(row).update({name: getattr(node, name) for name in RATIOS})
            self.tables.compute_node_update(row)
        return node

    # -- servers that come and go ---------------------------------------------------------
    def instance_claim(self, instance, nodename) -> Claim:
        """Take a server in: from now on its row names the host.

        In: the service's copy of the row, which is written. Raises
        ComputeResourcesUnavailable for a node that is not here or a server that does not fit.
        """
        if self.disabled(nodename):
            raise ComputeResourcesUnavailable(
                f"Attempt to claim resources for instance {instance.uuid} on unknown node "
                f"{nodename} failed"
            )
        cn = self.compute_nodes[nodename]
        claim = Claim(self, instance, nodename)
        instance.host = instance.launched_on = self.host
        instance.node, instance.compute_id = nodename, cn.id
        instance.save(_HERE + "_set_instance_host_and_node")
        self._update_usage_from_instance(cn, instance)
        self._update(cn)
        return claim

    def abort_instance_claim(self, instance, nodename):
        """Take it back: the row names no host any more."""
        cn = self.compute_nodes[nodename]
        self._update_usage_from_instance(cn, instance, is_removed=True)
        instance.host = instance.node = instance.compute_id = None
        instance.save(_HERE + "_unset_instance_host_and_node")
        self._update(cn)

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
