"""From what hosts report to what the scheduler believes: one fleet, as old as the reports are."""

from labkit.cloud.faults import Faults
from labkit.fleet import Fleet
from labkit.neighbours import placement
from labkit.neighbours.arguments import all_of, of_type
from labkit.nova.clock import Clock
from labkit.nova.compute import vm_states
from labkit.nova.compute.resource_tracker import ResourceTracker
from labkit.nova.conf import Options
from labkit.nova.context import get_admin_context
from labkit.nova.db.main import api as db
from labkit.nova.db.main.models import Database
from labkit.nova.objects.compute_node import from_db
from labkit.nova.objects.instance import EXTRA, FIELDS, Instance
from labkit.nova.scheduler.client.report import SchedulerReportClient
from labkit.nova.virt.libvirt.driver import LibvirtDriver
from labkit.nova.virt.libvirt.host import GI, Domain, Hypervisor
from labkit.tables.hosts import inventory_table, report_table

#: What a lesson about one host takes from here.
__all__ = [
    "GI",
    "Domain",
    "Hypervisor",
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


class LoneHost:
    """A nova-compute with a database and a placement of its own: no cloud is around it.

    In: a Hypervisor, and the Options of the nova-compute. ``create`` writes a server's row, ``get``
    reads it, ``allocate`` books resources, ``inventory`` tells what placement knows of the host. No
    time passes, and nothing is noted.
    """

    def __init__(self, hypervisor, options):
        self.host, self.options = hypervisor.hostname, options
        self.site = self  # what the services of a cloud share
        self.clock, self.faults = Clock(), Faults((), {}.get)
        self.names, self.servers = {}, {}
        self.db = Database()
        self.db_context = get_admin_context()
        self.db_context.db_connection = self.db
        self.allocations = placement.Allocations({})
        placement.report(self.allocations.inventories, 0, dict.fromkeys(placement.DRIVERS))
        self.reportclient = SchedulerReportClient(self, 0)

    # -- what a service has ---------------------------------------------------------------
    def note(self, *fields, **more):
        """Nothing is noted."""

    def compute_node_saved(self, service, row, old):
        """Nobody is told of a row: ``fleet_of`` reads it."""

    # -- rows and allocations -------------------------------------------------------------
    def create(self, name, flavor, host=None, **values) -> Instance:
        """Write a server's row, with its name for a uuid; return a copy.

        In: its flavor, the host that it is on, and other columns.
        """
        self.names[name], self.servers[name] = name, (name, None)
        row = dict.fromkeys((*FIELDS, *EXTRA)) | {"vm_state": vm_states.ACTIVE} | values
        row |= {"uuid": name, "flavor": flavor, "system_metadata": {}}
        instance = Instance(self, name, None, row)
        instance.create(None)
        if host is not None:
            instance.host = host
            instance.node = values.get("node", host)
            instance.save()
        return instance

    def get(self, name) -> Instance:
        """Return a copy of a server's row. Raises InstanceNotFound."""
        return Instance.get_by_uuid(self, name)

    def allocate(self, consumer, resources):
        """Book what somebody gets on the host: amounts by resource class."""
        inventories = self.allocations.inventories
        unknown = [name for name in resources if name not in inventories]
        placement.report(inventories, 0, placement.of_host(inventories, 0) | dict.fromkeys(unknown))
        for name, amount in resources.items():
            inventories[name].used[0] += amount
        self.allocations.put(consumer, 0, resources)

    @property
    def inventory(self) -> dict:
        """What placement knows of the host: {resource class: {total, reserved, ...}}."""
        return placement.of_host(self.allocations.inventories, 0)

    @inventory.setter
    def inventory(self, told):
        placement.report(self.allocations.inventories, 0, told)


def tracker_of(hypervisor, options=None) -> ResourceTracker:
    """Return the ResourceTracker of one host, with a LibvirtDriver; ``service`` is a LoneHost.

    In: a Hypervisor, and the Options of its nova-compute. Nothing is reported yet.

    >>> tracker = tracker_of(Hypervisor("cn-1", memory_mb=8192))
    >>> tracker.driver.get_available_resource("cn-1")["memory_mb"]
    8192

    Source: ``ResourceTracker`` in nova/compute/resource_tracker.py, Nova 34.0.0.
    """
    of_type(hypervisor, Hypervisor, "not a Hypervisor", "hypervisor")
    options = Options() if options is None else of_type(options, Options, "not Options", "options")
    driver = LibvirtDriver(options, hypervisor=hypervisor)
    return ResourceTracker(LoneHost(hypervisor, options), driver)


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
        service = tracker.service
        for row in db.compute_node_get_all(service.db_context).values():
            if row.deleted or row.free_disk_gb is None:
                continue
            rows.append(from_db(row, service.options))
            for name, inventory in service.inventory.items():
                used = service.allocations.inventories[name].used[0]
                record = {"host": row.host, "resource_class": name, "used": used}
                records.append(record | inventory)
    return Fleet.from_compute_nodes(rows, inventories=records, **tables)


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
