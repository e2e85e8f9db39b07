"""The lab's resource tracker, asked as tools/oracle/tracker.py asks Nova's."""

import json
from dataclasses import fields, replace

from labkit import Options
from labkit.nova.compute.resource_tracker import ResourceTracker
from labkit.nova.compute.rows import InstanceRow, MigrationRow, Tables
from labkit.nova.objects.compute_node import ComputeNode
from labkit.nova.objects.flavor import Flavor
from labkit.nova.objects.migration import MigrationContext
from labkit.nova.virt.libvirt.driver import LibvirtDriver
from labkit.nova.virt.libvirt.host import Domain, Hypervisor
from labkit.studies.reports import fleet_of

FIELDS = """host uuid service_id vcpus memory_mb local_gb vcpus_used memory_mb_used local_gb_used
hypervisor_type hypervisor_version hypervisor_hostname free_ram_mb free_disk_gb current_workload
running_vms cpu_info disk_available_least stats host_ip cpu_allocation_ratio
ram_allocation_ratio disk_allocation_ratio supported_hv_specs""".split()
#: What the lab's ComputeNode has no column for; None as long as Nova has nothing to say.
ABSENT = {"numa_topology": None}


def flavor(told):
    """Return a Flavor of a case's."""
    if told is None:
        return None
    return Flavor(**{key: value for key, value in told.items() if key != "id"})


def _instance(row):
    known = {f.name for f in fields(InstanceRow)}
    made = InstanceRow(**{key: value for key, value in row.items() if key in known})
    made.flavor, made.instance_type_id = flavor(row["flavor"]), row["flavor"]["id"]
    made.old_flavor, made.new_flavor = flavor(row["old_flavor"]), flavor(row["new_flavor"])
    if row["migration"] is not None:
        made.migration_context = MigrationContext(row["migration"])
    return made


class Lab:
    """One host of the lab; ``step`` as in tools/oracle/tracker.py."""

    def __init__(self, case):
        self.case, self.claims = case, {}
        self.tables = Tables(
            {row["uuid"]: _instance(row) for row in case["instances"]},
            {row["id"]: MigrationRow(**row) for row in case["migrations"]},
            allocations={key: {} for key in case["allocations"]},
        )
        if case["node"] is not None:
            row = dict(case["node"], supported_hv_specs=[], deleted=bool(case["node"]["deleted"]))
            for name in ("supported_instances", "mapped", "metrics"):
                del row[name]
            made = ComputeNode(**row, id=1)
            made.free_ram_mb = made.free_disk_gb = None
            self.tables.compute_nodes[made.uuid] = made
            self.tables.written.append("create")
        self.values = dict(case["options"])
        host = dict(case["host"])
        host["guests"] = [Domain(**guest) for guest in host["guests"]]
        self.driver = LibvirtDriver(Options(**self.values), hypervisor=Hypervisor(**host))
        self.do_restart()

    def step(self, name, *args):
        """Do something; return what is left."""
        raised, returned = None, None
        try:
            returned = getattr(self, f"do_{name}")(*args)
        except Exception as error:
            raised = [type(error).__name__, str(error)]
        tracker, tables = self.tracker, self.tables
        node = tracker.compute_nodes.get(self.case["host"]["hostname"])
        return {
            "returned": returned,
            "raised": raised,
            "node": None if node is None else _fields(node),
            "rows": [_row(row) for row in tables.compute_nodes.values()],
            "state": _state(tracker),
            "written": list(tables.written),
            "inventory": tables.inventory,
            "deleted": list(tables.deleted),
            "tracked": sorted(tracker.tracked_instances),
            "moving": {u: m.id for u, m in sorted(tracker.tracked_migrations.items())},
            "stats": dict(sorted(tracker.stats.items())),
            "instances": [
                [row.uuid, row.host, row.node, row.compute_id,
                 row.migration_context and row.migration_context.migration_id]
                for row in tables.instances.values()
            ],
            "migrations": [
                [row.id, row.status, row.dest_compute, row.dest_node]
                for row in tables.migrations.values()
            ],
        }  # fmt: skip

    def do_driver(self):
        told = self.driver.get_available_resource(self.case["host"]["hostname"])
        return told | {"cpu_info": json.loads(told["cpu_info"])}

    def do_report(self):
        self.tracker.update_available_resource(self.case["host"]["hostname"])

    def do_restart(self):
        self.claims.clear()  # a claim ends with its process
        self.tracker = ResourceTracker(
            self.case["name"], self.driver, self.tables, self.driver.options, self.case["service"]
        )

    def do_host(self, changes):
        changes = dict(changes, guests=[Domain(**guest) for guest in changes["guests"]])
        self.driver.host.hypervisor = replace(self.driver.host.hypervisor, **changes)

    def do_options(self, values):
        self.values |= values
        self.driver.options = self.tracker.options = Options(**self.values)

    def do_lacking(self, keys):
        name = self.case["host"]["hostname"]
        told = self.driver.get_available_resource(name)
        told = {key: value for key, value in told.items() if key not in keys}
        if "uptime" in keys and "stats" in told:
            told["stats"] = {}
        self.tracker.update_available_resource(name, told)

    def do_claim(self, uuid, node):
        self.claims[uuid] = self.tracker.instance_claim(self.tables.instance(uuid), node)

    def do_abort(self, uuid):
        self.claims.pop(uuid).abort()

    def do_update_usage(self, uuid, changes):
        self.do_row(uuid, changes)
        self.tracker.update_usage(self.tables.instance(uuid), self.case["host"]["hostname"])

    def do_row(self, uuid, changes):
        vars(self.tables.instances[uuid]).update(changes)

    def do_move_claim(self, uuid, number, size, node):
        instance, migration = self.tables.instance(uuid), self.tables.migration(number)
        kept = migration.migration_type in ("live-migration", "evacuation")
        size = instance.flavor if kept else flavor(size)
        self.claims[uuid] = self.tracker.resize_claim(instance, size, node, migration)

    def do_drop_at_source(self, uuid, number):
        self.tracker.drop_move_claim_at_source(
            self.tables.instance(uuid), self.tables.migration(number)
        )

    def do_drop_at_dest(self, uuid, number):
        self.tracker.drop_move_claim_at_dest(
            self.tables.instance(uuid), self.tables.migration(number)
        )

    def do_build_failed(self):
        self.tracker.stats.build_failed()

    def do_build_succeeded(self):
        self.tracker.stats.build_succeeded()


#: What is compared of a HostState.
STATE = """free_ram_mb total_usable_ram_mb total_usable_disk_gb free_disk_mb disk_mb_used vcpus_total
vcpus_used host_ip hypervisor_type hypervisor_version supported_instances stats num_instances
num_io_ops failed_builds cpu_allocation_ratio ram_allocation_ratio disk_allocation_ratio""".split()


def _state(tracker):
    """What the scheduler believes of the host, from the row in the database."""
    fleet = fleet_of([tracker])
    if tracker.host not in fleet.rows:
        return None
    return {name: getattr(fleet[tracker.host], name) for name in STATE}


def _fields(node):
    found = {name: getattr(node, name) for name in FIELDS} | ABSENT
    return found | {"cpu_info": json.loads(node.cpu_info or "null")}


def _row(row):
    skip = ("stats", "cpu_info", "host_ip", "supported_hv_specs")
    found = {name: getattr(row, name) for name in FIELDS if name not in skip}
    return found | ABSENT | {"id": row.id, "deleted": row.deleted, "stats": row.stats}
