"""The hosts of a fleet, taken apart: what the hypervisor has, who uses it, what was reported last."""

from labkit.neighbours.placement import REPORTED
from labkit.nova.compute.usage import Others
from labkit.nova.conf import Options
from labkit.nova.objects.compute_node import ComputeNode
from labkit.nova.virt.libvirt.available_resource import GI, Guest, Hypervisor, LibvirtDriver

_RESERVED_MB = Options().reserved_host_memory_mb


class HostDriver(LibvirtDriver):
    """What the driver of one host of a cloud tells of it.

    In: the cloud's clock, Hypervisor, Options, Others. ``reports`` are (t_s, what it told), those
    that said something new.
    """

    def __init__(self, env, hypervisor, options, others):
        super().__init__(hypervisor, options)
        self._env = env
        self.others = others
        self.reports = []
        self._avail_kb = hypervisor.avail_kb
        self._told = None

    def get_available_resource(self, nodename) -> dict:
        """Return what there is, and remember it."""
        self._told = self.state
        told = super().get_available_resource(nodename)
        if not self.reports or told != self.reports[-1][1]:
            self.reports.append((float(self._env.now), told))
        return told

    @property
    def changed(self) -> bool:
        """Whether the hypervisor is another than when it told last."""
        return vars(self.host) != self._told

    @property
    def state(self) -> dict:
        """All that a report depends on: the hypervisor's numbers as they are now."""
        return dict(vars(self.host))

    def see(self, flavors):
        """Let the hypervisor have guests: {uuid: (whether it runs, flavor)}.

        Their disks grow when they are written to: nothing of them is there yet.
        """
        guests = [
            Guest(
                uuid,
                running,
                flavor.vcpus,
                flavor.memory_mb * 1024,
                [(flavor.root_gb + flavor.ephemeral_gb) * GI, flavor.swap << 20],
            )
            for uuid, (running, flavor) in flavors.items()
        ]
        self.host.guests = guests
        self.host.avail_kb = self._avail_kb - sum(g.memory_kb for g in guests if g.running)


def prepare(site, row) -> HostDriver:
    """Write a host's row as it was before its nova-compute started; return what tells of the host."""
    fleet = site.fleet
    used = others(fleet, row)
    node = compute_node(fleet, row)
    site.db.compute_nodes[node.uuid] = node
    if fleet.reported:
        amounts = used.vcpus, used.memory_mb, used.local_gb
        for (name, (_, ratio)), amount in zip(REPORTED.items(), amounts, strict=True):
            fleet.inventories[name].used[row] = amount
            if not getattr(node, ratio):
                fleet.inventories[name].put(row, None)  # the first report will say it
    return HostDriver(site.env, hypervisor(fleet, row, used), site.options, used)


def others(fleet, row) -> Others:
    """Return what the fleet says is used of a host, but for what the options reserve by default.

    These are servers that the cloud does not know by name; they stay.
    """
    number = {name: column[row] for name, column in fleet.columns.items()}
    free_gb = -(-(number["total_usable_disk_gb"] * 1024 - number["free_disk_mb"]) // 1024)
    used_mb = number["total_usable_ram_mb"] - number["free_ram_mb"]
    stats = {name: _counted(value) for name, value in fleet.texts["stats"][row].items()}
    if number["num_instances"]:
        stats["num_instances"] = int(number["num_instances"])
    if number["num_io_ops"]:
        stats["num_vm_building"] = stats["io_workload"] = int(number["num_io_ops"])
    return Others(
        int(number["vcpus_used"]),
        max(0, int(used_mb) - _RESERVED_MB),
        int(free_gb),
        tuple(stats.items()),
    )


def _counted(value):
    """A count that a row keeps as a text is a number again; what is none stays as it is."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def hypervisor(fleet, row, used) -> Hypervisor:
    """Return what a host of the fleet has; *used* by Others."""
    number = {name: column[row] for name, column in fleet.columns.items()}
    text = {name: values[row] for name, values in fleet.texts.items()}
    version, memory_mb = number["hypervisor_version"], int(number["total_usable_ram_mb"])
    disk = int(number["total_usable_disk_gb"])
    return Hypervisor(
        hostname=text["nodename"],
        cpus=(1,) * int(number["vcpus_total"]),
        memory_mb=memory_mb,
        avail_kb=(memory_mb - used.memory_mb) * 1024,
        disk={"total": disk * GI, "free": (disk - used.local_gb) * GI, "used": used.local_gb * GI},
        type=text["hypervisor_type"],
        version=None if version != version else int(version),
        uuid=text["uuid"],
        host_ip=text["host_ip"],
        capabilities=[(arch, (kind,), mode) for arch, kind, mode in text["supported_instances"]],
    )


def compute_node(fleet, row) -> ComputeNode:
    """Return a host's row as it was before its nova-compute started: only its ratios count.

    A ratio of 0.0 nobody has set yet: initial_cpu_allocation_ratio and so on are for it.
    """
    text = {name: values[row] for name, values in fleet.texts.items()}
    ratios = {
        f"{name}_allocation_ratio": float(fleet.columns[f"{name}_allocation_ratio"][row])
        for name in ("cpu", "ram", "disk")
    }
    return ComputeNode(
        text["host"],
        hypervisor_hostname=text["nodename"],
        uuid=text["uuid"],
        service_id=row + 1,
        id=row + 1,
        **ratios,
    )
