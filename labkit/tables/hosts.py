"""The tables about hosts: what they report, and what placement and the scheduler know of them."""

from labkit.neighbours.arguments import of_type, shown
from labkit.neighbours.placement import FIELDS
from labkit.nova.objects.compute_node import RATIOS
from labkit.nova.scheduler.host_manager import NUMBERS
from labkit.tables.cloud import frame

#: What a host reports of itself: Nova's unit, and where libvirt's driver has it from.
#: Source: ``get_available_resource`` in nova/virt/libvirt/driver.py, 34.0.0.
REPORT = {
    "supported_instances": ("", "libvirt: capabilities"),
    "vcpus": ("CPUs", "libvirt: CPUs that are online"),
    "memory_mb": ("MiB", "libvirt: getInfo"),
    "local_gb": ("GiB", "size of the file system, lvm or rbd"),
    "vcpus_used": ("CPUs", "libvirt: vCPUs of running guests"),
    "memory_mb_used": ("MiB", "/proc/meminfo"),
    "local_gb_used": ("GiB", "use of the file system, lvm or rbd"),
    "hypervisor_type": ("", "libvirt: getType"),
    "hypervisor_version": ("", "libvirt: getVersion"),
    "hypervisor_hostname": ("", "libvirt: getHostname"),
    "uuid": ("", "the file compute_id"),
    "cpu_info": ("JSON", "libvirt: capabilities"),
    "disk_available_least": ("GiB", "free, less what disks may still grow by"),
    "pci_passthrough_devices": ("JSON", "libvirt: node devices"),
    "numa_topology": ("JSON", "libvirt: capabilities"),
    "stats": ("", "the command uptime"),
}
_REPORTS = (
    "vcpus memory_mb local_gb vcpus_used memory_mb_used local_gb_used disk_available_least"
    " hypervisor_type hypervisor_version"
).split()
_NODES = (
    "host updated_at memory_mb memory_mb_used free_ram_mb local_gb local_gb_used free_disk_gb"
    " disk_available_least vcpus vcpus_used running_vms current_workload"
).split()
_STATS = ["num_instances", "io_workload", "failed_builds"]


def reports(reports):
    """Return what the hosts reported, a DataFrame; in: Reports by host (labkit/cloud/hosts.py)."""
    rows = [
        (t_s, host, *(resources[name] for name in _REPORTS))
        for host, each in reports.items()
        for t_s, resources in each.made
    ]
    rows.sort(key=lambda row: row[0])
    return frame(["t_s", "host", *_REPORTS], rows).infer_objects()


def compute_nodes(nodes):
    """Return the rows of compute_nodes, a DataFrame."""
    rows = [
        (
            *(getattr(node, name) for name in _NODES),
            *(int(node.stats.get(name) or 0) for name in _STATS),
            *(getattr(node, name) for name in RATIOS),
        )
        for node in nodes
    ]
    return frame([*_NODES, *_STATS, *RATIOS], rows).infer_objects()


def host_states(states, nodes):
    """Return what a scheduler would read now, a DataFrame; in: HostStates, and their nodes."""
    rows = [
        (state.host, node.updated_at, *(getattr(state, name) for name in NUMBERS))
        for state, node in zip(states, nodes, strict=True)
    ]
    return frame(["host", "updated", *NUMBERS], rows).infer_objects()


def inventories(fleet):
    """Return what placement knows of each host and resource class, a DataFrame."""
    rows = [
        (host, name, *record.values(), inventory.capacity[row], inventory.used[row])
        for host, row in fleet.rows.items()
        for name, inventory in fleet.inventories.items()
        for record in (inventory.record(row),)
        if record
    ]
    columns = ["host", "resource_class", *FIELDS, "capacity", "used"]
    return frame(columns, rows).infer_objects()


def report_table(resources):
    """Return what a driver reports as a DataFrame: quantity, value, unit, source.

    In: the dict of ``LibvirtDriver.get_available_resource``.
    """
    import pandas as pd

    of_type(resources, dict, "not a dict, as a driver reports it", "resources")
    return pd.DataFrame(
        [(key, value, *REPORT.get(key, ("", ""))) for key, value in resources.items()],
        columns=["quantity", "value", "unit", "source"],
    )


def inventory_table(fleet, resources=None):
    """Return what placement knows of each host as a DataFrame, and whether a request fits.

    In: a Fleet; amounts that are asked for, ``{resource class: amount}``. Out: one row per host
    and class: host, resource_class, total, reserved, allocation_ratio, capacity = (total -
    reserved) * allocation_ratio, used, asked, reason ("" where it fits). MEMORY_MB in MiB,
    DISK_GB in GiB.

    >>> from labkit import Fleet
    >>> fleet = Fleet([{"host": "cn-1", "total_usable_ram_mb": 1024, "free_ram_mb": 1024}])
    >>> inventory_table(fleet, {"MEMORY_MB": 2048}).reason.tolist()
    ['MEMORY_MB 2048 > max_unit 1024']
    """
    if not hasattr(fleet, "inventories"):
        raise TypeError(f"fleet: {shown(fleet)} is not a Fleet")
    resources = {} if resources is None else resources
    of_type(resources, dict, "not a dict {resource class: amount}", "resources")

    def reason(host, name, asked):
        row, inventory = fleet.rows[host], fleet.inventories[name]
        fits = not asked or inventory.fits(asked)[row]
        return "" if fits else inventory.reason(name, row, asked)

    table = inventories(fleet).drop(columns=["min_unit", "max_unit", "step_size"])
    table["asked"] = [resources.get(name, 0) for name in table.resource_class]
    table["reason"] = list(map(reason, table.host, table.resource_class, table.asked))
    amounts = ["total", "reserved", "capacity", "used", "asked"]
    whole = [name for name in amounts if (table[name] % 1 == 0).all()]
    return table.astype(dict.fromkeys(whole, int))
