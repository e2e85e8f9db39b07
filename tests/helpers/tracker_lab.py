"""The lab's resource tracker, asked as tools/oracle/tracker.py asks Nova's."""

import json
from dataclasses import replace

from labkit import Options
from labkit.nova.compute.resource_tracker import ResourceTracker
from labkit.nova.objects import migration as migrations
from labkit.nova.objects.compute_node import ComputeNode
from labkit.nova.objects.flavor import Flavor
from labkit.nova.objects.instance import Instance
from labkit.nova.objects.migration import MigrationContext
from labkit.nova.virt.libvirt.driver import LibvirtDriver
from labkit.nova.virt.libvirt.host import Domain, Hypervisor
from labkit.studies.reports import LoneHost, fleet_of

FIELDS = """host uuid service_id vcpus memory_mb local_gb vcpus_used memory_mb_used local_gb_used
hypervisor_type hypervisor_version hypervisor_hostname free_ram_mb free_disk_gb current_workload
running_vms cpu_info disk_available_least stats host_ip cpu_allocation_ratio
ram_allocation_ratio disk_allocation_ratio supported_hv_specs""".split()
#: What the lab's ComputeNode has no column for; None as long as Nova has nothing to say.
ABSENT = {"numa_topology": None}
#: What a case says of a server as it is written; the second at which all is saved.
ROW = "vm_state task_state os_type project_id node launched_on compute_id volume_backed pci_requests".split()
NOW = 20


def flavor(told):
    """Return a Flavor of a case's."""
    if told is None:
        return None
    return Flavor(**{key: value for key, value in told.items() if key != "id"})


class Service(LoneHost):
    """One host; ``written`` has an entry for each time a row of compute_nodes was written,
    ``deleted`` the consumers whose allocations were given back; ``reported`` is how often placement
    took what the driver has.
    """

    def __init__(self, case, hypervisor, options):
        super().__init__(hypervisor, options)
        self.host = case["name"]
        self.clock.env.run(NOW)
        self._rows = case["instances"]
        self.written, self.deleted, self.reported = [], [], 0
        client = self.reportclient
        self._delete, self._update = (
            client.delete_allocation_for_instance,
            client.update_from_provider_tree,
        )
        client.delete_allocation_for_instance = self._given_back
        client.update_from_provider_tree = self._told
        for row in case["instances"]:
            self._write(row)
        for row in case["migrations"]:
            self.db.migrations[row["id"]] = self._migration(row)
        for consumer in case["allocations"]:
            self.allocate(consumer, {})

    def _write(self, row):
        """Write a case's row of instances."""
        sizes = {name: flavor(row[name]) for name in ("old_flavor", "new_flavor")}
        move = row["migration"] and MigrationContext(row["migration"])
        more = {name: row[name] for name in ROW} | sizes | {"migration_context": move}
        host = row["host"]
        self.create(row["uuid"], flavor(row["flavor"]), host, **more)
        if row["deleted"]:
            self.db.instances[row["uuid"]] |= {"deleted": True}

    def _migration(self, row):
        """Return a case's row of migrations; the flavor that a server has left is known by its id."""
        instance = next(r for r in self._rows if r["uuid"] == row["instance_uuid"])
        same = instance["flavor"]["id"] == row["old_instance_type_id"]
        times = {name: row[name] and int(row[name][-3:-1]) for name in ("created_at", "updated_at")}
        old = flavor(instance["flavor"]) if same else None
        return {name: row.get(name) for name in migrations.FIELDS} | times | {"old_flavor": old}

    def compute_node_saved(self, service, row, old):
        self.written.append("create" if old is None else "update")

    def _given_back(self, name, consumer, force):
        self.deleted.append(consumer)
        self._delete(name, consumer, force)

    def _told(self, driver):
        self._update(driver)
        self.reported += 1


class Lab:
    """One host of the lab; ``step`` as in tools/oracle/tracker.py."""

    def __init__(self, case):
        self.case, self.claims = case, {}
        self.values = dict(case["options"])
        host = dict(case["host"])
        host["guests"] = [Domain(**guest) for guest in host["guests"]]
        hypervisor, options = Hypervisor(**host), Options(**self.values)
        self.driver = LibvirtDriver(options, hypervisor=hypervisor)
        self.service = Service(case, hypervisor, options)
        if case["node"] is not None:
            row = dict(case["node"], supported_hv_specs=[], deleted=bool(case["node"]["deleted"]))
            for name in ("supported_instances", "mapped", "metrics"):
                del row[name]
            made = ComputeNode(**row, id=1)
            made.free_ram_mb = made.free_disk_gb = None
            self.service.db.compute_nodes[made.uuid] = made
            self.service.written.append("create")
        self.do_restart()

    def step(self, name, *args):
        """Do something; return what is left."""
        raised, returned = None, None
        try:
            returned = getattr(self, f"do_{name}")(*args)
        except Exception as error:
            raised = [type(error).__name__, str(error)]
        tracker, service = self.tracker, self.service
        rows, moves = service.db.instances.values(), service.db.migrations.values()
        node = tracker.compute_nodes.get(self.case["host"]["hostname"])
        return {
            "returned": returned,
            "raised": raised,
            "node": None if node is None else _fields(node),
            "rows": [_row(row) for row in service.db.compute_nodes.values()],
            "state": _state(tracker),
            "written": list(service.written),
            "inventory": service.inventory if service.reported else None,
            "deleted": list(service.deleted),
            "tracked": sorted(tracker.tracked_instances),
            "moving": {u: m.id for u, m in sorted(tracker.tracked_migrations.items())},
            "stats": dict(sorted(tracker.stats.items())),
            "instances": [
                [row["uuid"], row["host"], row["node"], row["compute_id"],
                 row["migration_context"] and row["migration_context"].migration_id]
                for row in rows
            ],
            "migrations": [
                [row["id"], row["status"], row["dest_compute"], row["dest_node"]]
                for row in moves
            ],
        }  # fmt: skip

    def _instance(self, uuid):
        return Instance.get_by_uuid(self.service, uuid, "yes")

    def _migration(self, number):
        return migrations.get_by_id(self.service, number)

    def do_driver(self):
        told = self.driver.get_available_resource(self.case["host"]["hostname"])
        return told | {"cpu_info": json.loads(told["cpu_info"])}

    def do_report(self):
        self.tracker.update_available_resource(self.case["host"]["hostname"])

    def do_restart(self):
        self.claims.clear()  # a claim ends with its process
        self.tracker = ResourceTracker(self.service, self.driver, self.case["service"])

    def do_host(self, changes):
        changes = dict(changes, guests=[Domain(**guest) for guest in changes["guests"]])
        self.driver.host.hypervisor = replace(self.driver.host.hypervisor, **changes)

    def do_options(self, values):
        self.values |= values
        self.driver.options = self.service.options = Options(**self.values)
        self.tracker.options = self.service.options

    def do_lacking(self, keys):
        name = self.case["host"]["hostname"]
        told = self.driver.get_available_resource(name)
        told = {key: value for key, value in told.items() if key not in keys}
        if "uptime" in keys and "stats" in told:
            told["stats"] = {}
        self.tracker.update_available_resource(name, told)

    def do_claim(self, uuid, node):
        self.claims[uuid] = self.tracker.instance_claim(self._instance(uuid), node)

    def do_abort(self, uuid):
        self.claims.pop(uuid).abort()

    def do_update_usage(self, uuid, changes):
        self.do_row(uuid, changes)
        self.tracker.update_usage(self._instance(uuid), self.case["host"]["hostname"])

    def do_row(self, uuid, changes):
        self.service.db.instances[uuid] |= changes

    def do_move_claim(self, uuid, number, size, node):
        instance, migration = self._instance(uuid), self._migration(number)
        kept = migration.migration_type in ("live-migration", "evacuation")
        size = instance.flavor if kept else flavor(size)
        self.claims[uuid] = self.tracker.resize_claim(instance, size, node, migration)

    def do_drop_at_source(self, uuid, number):
        self.tracker.drop_move_claim_at_source(self._instance(uuid), self._migration(number))

    def do_drop_at_dest(self, uuid, number):
        self.tracker.drop_move_claim_at_dest(self._instance(uuid), self._migration(number))

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
