"""From what hosts report to what the scheduler believes: one fleet, as old as the reports are."""

import math

from labkit.fleet import Fleet
from labkit.nova.objects.compute_node import from_db

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
#: A column of compute_nodes: its unit, the name in HostState, the resource class and what of it.
CHAIN = {
    "vcpus": ("CPUs", "vcpus_total", "VCPU", "total"),
    "vcpus_used": ("CPUs", "vcpus_used", "VCPU", "used"),
    "memory_mb": ("MiB", "total_usable_ram_mb", "MEMORY_MB", "total"),
    "memory_mb_used": ("MiB", "", "MEMORY_MB", "used"),
    "free_ram_mb": ("MiB", "free_ram_mb", "", ""),
    "local_gb": ("GiB", "total_usable_disk_gb", "DISK_GB", "total"),
    "local_gb_used": ("GiB", "disk_mb_used", "DISK_GB", "used"),
    "free_disk_gb": ("GiB", "", "", ""),
    "disk_available_least": ("GiB", "free_disk_mb", "", ""),
}


def fleet_of(trackers, **tables) -> Fleet:
    """Return the fleet that the scheduler sees: the rows and inventories that hosts have written.

    In: ResourceTrackers, one for each host; aggregates, instances and PCI pools as Fleet takes
    them. A host that has not reported its usage yet stays out. What is used of an inventory are
    the allocations, which do not wait for a report.

    >>> from labkit import Options
    >>> from labkit.nova.compute.rows import Tables
    >>> from labkit.nova.compute.resource_tracker import ResourceTracker
    >>> from labkit.nova.virt.libvirt.driver import LibvirtDriver
    >>> from labkit.nova.virt.libvirt.host import Hypervisor
    >>> driver = LibvirtDriver(Options(), hypervisor=Hypervisor("cn-1", memory_mb=8192))
    >>> tracker = ResourceTracker("cn-1", driver, Tables(), Options())
    >>> len(fleet_of([tracker]))
    0
    >>> tracker.update_available_resource("cn-1")
    >>> fleet_of([tracker])["cn-1"].free_ram_mb
    7680

    Source: ``HostState._update_from_compute_node`` in nova/scheduler/host_manager.py, 34.0.0.
    """
    rows, records = [], []
    for tracker in trackers:
        for row in tracker.tables.compute_nodes.values():
            if row.deleted or row.free_disk_gb is None:
                continue
            rows.append(from_db(row, tracker.options))
            records += _records(row.host, tracker.tables)
    return Fleet.from_compute_nodes(rows, inventories=records, **tables)


def _records(host, tables):
    for name, inventory in (tables.inventory or {}).items():
        used = sum(held.get(name, 0) for held in tables.allocations.values())
        yield {"host": host, "resource_class": name, "used": used, **inventory}


def report_table(resources):
    """Return what a driver tells as a DataFrame: quantity, value, unit, source.

    In: the dict of ``LibvirtDriver.get_available_resource``.
    """
    import pandas as pd

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

    >>> fleet = Fleet([{"host": "cn-1", "total_usable_ram_mb": 1024, "free_ram_mb": 1024}])
    >>> inventory_table(fleet, {"MEMORY_MB": 2048}).reason.tolist()
    ['MEMORY_MB 2048 > max_unit 1024']
    """
    import pandas as pd

    rows, resources = [], resources or {}
    for host, row in fleet.rows.items():
        for name, inventory in fleet.inventories.items():
            fields = {key: column[row] for key, column in inventory.columns.items()}
            if math.isnan(fields["total"]):
                continue
            asked = resources.get(name, 0)
            fits = not asked or inventory.fits(asked)[row]
            has = fields["total"], fields["reserved"], fields["allocation_ratio"]
            found = inventory.capacity[row], inventory.used[row], asked
            reason = "" if fits else inventory.reason(name, row, asked)
            rows.append((host, name, *has, *found, reason))
    columns = "host resource_class total reserved allocation_ratio capacity used asked reason"
    table = pd.DataFrame(rows, columns=columns.split())
    whole = [name for name in columns.split()[2:-1] if (table[name] % 1 == 0).all()]
    return table.astype(dict.fromkeys(set(whole) - {"allocation_ratio"}, int))


def chain_table(tracker):
    """Return where the numbers of one host's report go, a DataFrame: one row per quantity.

    In: a ResourceTracker that has reported. Out: quantity (as the row of compute_nodes calls it),
    unit, report (what its driver tells now), ComputeNode, HostState and placement; the last two
    with the names that the number has there, "" where it is not passed on.

    Source: ``_update_from_compute_node`` in nova/scheduler/host_manager.py, Nova 34.0.0.
    """
    import pandas as pd

    fleet, nodename = fleet_of([tracker]), tracker.driver.host.hypervisor.hostname
    told = tracker.driver.get_available_resource(nodename)
    node, state, rows = tracker.compute_nodes[nodename], fleet[tracker.host], []
    for name, (unit, column, resource_class, key) in CHAIN.items():
        seen = f"{column} {getattr(state, column)}" if column else ""
        booked = ""
        if resource_class:
            inventory = fleet.inventories[resource_class]
            value = (inventory.used if key == "used" else inventory.columns[key])[0]
            booked = f"{resource_class} {key} {value:.0f}"
        rows.append((name, unit, told.get(name, ""), getattr(node, name), seen, booked))
    columns = ["quantity", "unit", "report", "ComputeNode", "HostState", "placement"]
    return pd.DataFrame(rows, columns=columns)
