"""From what hosts report to what the scheduler believes: one fleet, as old as the reports are."""

from labkit.fleet import Fleet
from labkit.nova.objects.compute_node import from_db

#: What a host reports of itself, in Nova's units. Source: ``get_available_resource``, 34.0.0.
UNITS = {
    "vcpus": "CPUs",
    "memory_mb": "MiB",
    "local_gb": "GiB",
    "vcpus_used": "CPUs",
    "memory_mb_used": "MiB",
    "local_gb_used": "GiB",
    "disk_available_least": "GiB",
}


def fleet_of(trackers, **tables) -> Fleet:
    """Return the fleet that the scheduler sees: the rows and inventories that hosts have written.

    In: ResourceTrackers, one for each host; aggregates, instances and PCI pools as Fleet takes
    them. A host that has not reported its usage yet stays out. What is used of an inventory are
    the allocations, which do not wait for a report.

    >>> from labkit import Options
    >>> from labkit.nova.compute.rows import Tables
    >>> from labkit.nova.compute.resource_tracker import ResourceTracker
    >>> from labkit.nova.virt.libvirt.available_resource import Hypervisor, LibvirtDriver
    >>> driver = LibvirtDriver(Hypervisor("cn-1", memory_mb=8192), Options())
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
    """Return what a driver tells as a DataFrame: quantity, value, unit.

    In: the dict of ``LibvirtDriver.get_available_resource``.
    """
    import pandas as pd

    return pd.DataFrame(
        [(key, value, UNITS.get(key, "")) for key, value in resources.items()],
        columns=["quantity", "value", "unit"],
    )
