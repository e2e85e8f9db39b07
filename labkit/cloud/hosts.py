"""The hosts of a cloud: what each machine has, what is in use there, and what was reported."""

from labkit.neighbours.arguments import whole
from labkit.neighbours.placement import REPORTED
from labkit.nova.compute.resource_tracker import Others
from labkit.nova.conf import Options
from labkit.nova.objects.compute_node import RATIOS, ComputeNode
from labkit.nova.virt.libvirt.host import GI, Hypervisor

_RESERVED_MB = Options().reserved_host_memory_mb


class Reports:
    """What the driver of one host reports: ``made`` has (t_s, resources) of each new report.

    It wraps the driver's ``get_available_resource``.
    """

    def __init__(self, env, driver):
        self.made = []
        self._env, self._driver = env, driver
        self._ask = driver.get_available_resource
        self._seen = None
        driver.get_available_resource = self._get_available_resource

    @property
    def due(self) -> bool:
        """Whether the machine has changed since the last report."""
        return vars(self._driver.host.hypervisor) != self._seen

    def _get_available_resource(self, nodename):
        self._seen = dict(vars(self._driver.host.hypervisor))
        resources = self._ask(nodename)
        if not self.made or resources != self.made[-1][1]:
            self.made.append((float(self._env.now), resources))
        return resources


def prepare(site, row, driver, costs):
    """Write a host's row as it was before its nova-compute started, and give its driver a machine.

    In: *costs*, the SnapshotCosts of a driver that was made without.
    """
    fleet = site.fleet
    state = fleet.host_states([row])[0]
    used = others(state)
    node = compute_node(state, row)
    site.db.compute_nodes[node.uuid] = node
    if fleet.reported:
        amounts = used.vcpus, used.memory_mb, used.local_gb
        for (name, (_, ratio)), amount in zip(REPORTED.items(), amounts, strict=True):
            fleet.inventories[name].used[row] = amount
            if not getattr(node, ratio):
                fleet.inventories[name].put(row, None)  # the first report will say it
    if driver.host.costs is None:
        driver.host.costs = costs
    driver.host.hypervisor, driver.others = hypervisor(state, used), used


def others(state) -> Others:
    """Return what the fleet says is used of a host, but for what the options reserve by default.

    These are servers that the cloud does not know by name; they stay.
    """
    free_gb = -(-(state.total_usable_disk_gb * 1024 - state.free_disk_mb) // 1024)
    used_mb = state.total_usable_ram_mb - state.free_ram_mb
    stats = {name: _counted(value) for name, value in state.stats.items()}
    if state.num_instances:
        stats["num_instances"] = int(state.num_instances)
    if state.num_io_ops:
        stats["num_vm_building"] = stats["io_workload"] = int(state.num_io_ops)
    return Others(
        int(state.vcpus_used),
        max(0, int(used_mb) - _RESERVED_MB),
        int(free_gb),
        tuple(stats.items()),
    )


def _counted(value):
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def hypervisor(state, used) -> Hypervisor:
    """Return what a host of the fleet has; *used* by Others."""
    vcpus = whole(
        f"vcpus_total of {state.host}", int(state.vcpus_total), ", up to a million", 0, 10**6
    )
    memory_mb, disk = int(state.total_usable_ram_mb), int(state.total_usable_disk_gb)
    return Hypervisor(
        hostname=state.nodename,
        cpus=(1,) * vcpus,
        memory_mb=memory_mb,
        avail_kb=(memory_mb - used.memory_mb) * 1024,
        disk={"total": disk * GI, "free": (disk - used.local_gb) * GI, "used": used.local_gb * GI},
        type=state.hypervisor_type,
        version=state.hypervisor_version,
        uuid=state.uuid,
        host_ip=state.host_ip,
        capabilities=[(arch, (kind,), mode) for arch, kind, mode in state.supported_instances],
    )


def compute_node(state, row) -> ComputeNode:
    """Return a host's row as it was before its nova-compute started: only its ratios count.

    A ratio of 0.0 is not set yet: then initial_cpu_allocation_ratio and so on apply.
    """
    return ComputeNode(
        state.host,
        hypervisor_hostname=state.nodename,
        uuid=state.uuid,
        service_id=row + 1,
        id=row + 1,
        **{name: getattr(state, name) for name in RATIOS},
    )
