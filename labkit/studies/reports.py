"""From what hosts report to what the scheduler believes: one fleet, as old as the reports are."""

from labkit.fleet import Fleet
from labkit.neighbours.arguments import all_of, of_type
from labkit.nova.compute.resource_tracker import ResourceTracker
from labkit.nova.compute.rows import InstanceRow, Tables
from labkit.nova.conf import Options
from labkit.nova.objects.compute_node import from_db
from labkit.nova.virt.libvirt.driver import LibvirtDriver
from labkit.nova.virt.libvirt.host import GI, Domain, Hypervisor
from labkit.tables.hosts import inventory_table, report_table

#: What a lesson about one host takes from here.
__all__ = [
    "GI",
    "Domain",
    "Hypervisor",
    "InstanceRow",
    "chain_table",
    "fleet_of",
    "inventory_table",
    "report_table",
    "tracker_of",
]

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


def tracker_of(hypervisor, options=None) -> ResourceTracker:
    """Return the ResourceTracker of one host, with a LibvirtDriver and tables of its own.

    In: a Hypervisor, and the Options of its nova-compute. Nothing is reported yet.

    >>> tracker = tracker_of(Hypervisor("cn-1", memory_mb=8192))
    >>> tracker.driver.get_available_resource("cn-1")["memory_mb"]
    8192

    Source: ``ResourceTracker`` in nova/compute/resource_tracker.py, Nova 34.0.0.
    """
    of_type(hypervisor, Hypervisor, "not a Hypervisor", "hypervisor")
    options = Options() if options is None else of_type(options, Options, "not Options", "options")
    driver = LibvirtDriver(options, hypervisor=hypervisor)
    return ResourceTracker(hypervisor.hostname, driver, Tables(), options)


def fleet_of(trackers, **tables) -> Fleet:
    """Return the fleet that the scheduler sees: the rows and inventories that hosts have written.

    In: ResourceTrackers, one for each host; aggregates, instances and PCI pools as Fleet takes
    them. A host that has not reported its usage yet stays out. What is used of an inventory are
    the allocations, which do not wait for a report.

    >>> tracker = tracker_of(Hypervisor("cn-1", memory_mb=8192))
    >>> len(fleet_of([tracker]))
    0
    >>> tracker.update_available_resource("cn-1")
    >>> fleet_of([tracker])["cn-1"].free_ram_mb
    7680

    Source: ``HostState._update_from_compute_node`` in nova/scheduler/host_manager.py, 34.0.0.
    """
    rows, records = [], []
    for tracker in all_of("trackers", trackers, ResourceTracker, "ResourceTrackers"):
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


def chain_table(tracker):
    """Return where the numbers of one host's report go, a DataFrame: one row per quantity.

    In: a ResourceTracker that has reported. Out: quantity (as the row of compute_nodes calls it),
    unit, report (what its driver reports now), ComputeNode, HostState and placement; the last two
    with the names that the number has there, "" where it is not passed on.

    Source: ``_update_from_compute_node`` in nova/scheduler/host_manager.py, Nova 34.0.0.
    """
    import pandas as pd

    of_type(tracker, ResourceTracker, "not a ResourceTracker; make one with tracker_of", "tracker")
    fleet, nodename = fleet_of([tracker]), tracker.driver.host.hypervisor.hostname
    reported = tracker.driver.get_available_resource(nodename)
    node, state, rows = tracker.compute_nodes[nodename], fleet[tracker.host], []
    for name, (unit, column, resource_class, key) in CHAIN.items():
        seen = f"{column} {getattr(state, column)}" if column else ""
        booked = ""
        if resource_class:
            inventory = fleet.inventories[resource_class]
            value = (inventory.used if key == "used" else inventory.columns[key])[0]
            booked = f"{resource_class} {key} {value:.0f}"
        rows.append((name, unit, reported.get(name, ""), getattr(node, name), seen, booked))
    columns = ["quantity", "unit", "report", "ComputeNode", "HostState", "placement"]
    return pd.DataFrame(rows, columns=columns)
