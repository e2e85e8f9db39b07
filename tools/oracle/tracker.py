"""The installed Nova's ResourceTracker and libvirt helpers on one host, between stand-ins.

Real are ResourceTracker, claims, Stats, ComputeNode with all that it makes of values and rows,
ProviderTree, PciDevTracker, and LibvirtDriver's get_available_resource and update_provider_tree
with nova/virt/libvirt/host.py under them. Stand-ins: libvirt's connection and its domains, what
they tell of disks, /proc/meminfo, placement, and the rows of the database.
"""

import contextlib
import errno
import json
import warnings
from types import SimpleNamespace
from unittest import mock

import jsonschema

from tools.oracle.installed import CONF, context, exception, host_manager, objects, quiet

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nova.compute import provider_tree, resource_tracker
    from nova.db.main import api as db
    from nova.scheduler.client import report
    from nova.virt.libvirt import driver, guest
    from nova.virt.libvirt import host as libvirt_host
    from oslo_db import exception as db_exc
    from placement.objects import inventory
    from placement.schemas import inventory as schema

    from tools.oracle.libvirt import stand_ins

#: What placement takes as the body of an inventory.
BODY = jsonschema.validators.validator_for(schema.PUT_INVENTORY_SCHEMA)(schema.PUT_INVENTORY_SCHEMA)
LIBVIRT = SimpleNamespace(
    libvirtError=stand_ins.libvirtError,
    VIR_CONNECT_LIST_DOMAINS_ACTIVE=1,
    VIR_CONNECT_LIST_DOMAINS_INACTIVE=2,
)
#: What is compared of a ComputeNode; the rest of its fields never changes here.
FIELDS = """host uuid service_id vcpus memory_mb local_gb vcpus_used memory_mb_used local_gb_used
hypervisor_type hypervisor_version hypervisor_hostname free_ram_mb free_disk_gb current_workload
running_vms cpu_info disk_available_least stats host_ip numa_topology
cpu_allocation_ratio ram_allocation_ratio disk_allocation_ratio""".split()


#: What is compared of a HostState.
STATE = """free_ram_mb total_usable_ram_mb total_usable_disk_gb free_disk_mb disk_mb_used vcpus_total
vcpus_used host_ip hypervisor_type hypervisor_version supported_instances stats num_instances
num_io_ops failed_builds cpu_allocation_ratio ram_allocation_ratio disk_allocation_ratio""".split()


class Domain:
    """A domain as libvirt tells of it."""

    def __init__(self, told):
        self.told = told

    def UUIDString(self):  # noqa: N802
        return self.told["uuid"]

    def name(self):
        return self.told["uuid"]

    def vcpus(self):
        if self.told["vcpus"] is None:
            raise stand_ins.libvirtError(1, "not supported")
        return [(number, 1, 0, 0) for number in range(self.told["vcpus"])], []

    def info(self):
        return [1, self.told["memory_kb"], self.told["memory_kb"], 1, 0]


class Connection:
    """libvirt's connection to one hypervisor."""

    def __init__(self, told):
        self.told = told

    def getCPUMap(self):  # noqa: N802
        online = self.told["cpus"]
        return len(online), [bool(cpu) for cpu in online], sum(online)

    def getInfo(self):  # noqa: N802
        return ["x86_64", self.told["memory_mb"], len(self.told["cpus"]), 0, 1, 1, 1, 1]

    def getType(self):  # noqa: N802
        return self.told["type"]

    def getVersion(self):  # noqa: N802
        return self.told["version"]

    def getHostname(self):  # noqa: N802
        return self.told["hostname"]

    def getCapabilities(self):  # noqa: N802
        cpu = self.told["cpu"]
        features = "".join(f"<feature name='{name}'/>" for name in cpu["features"])
        guests = "".join(
            f"<guest><os_type>{mode}</os_type><arch name='{arch}'>"
            + "".join(f"<domain type='{kind}'/>" for kind in kinds)
            + "</arch></guest>"
            for arch, kinds, mode in self.told["capabilities"]
        )
        return (
            f"<capabilities><host><cpu><arch>{cpu['arch']}</arch><model>{cpu['model']}</model>"
            f"<vendor>{cpu['vendor']}</vendor><topology sockets='{cpu['sockets']}' "
            f"cores='{cpu['cores']}' threads='{cpu['threads']}'/>{features}</cpu></host>"
            f"{guests}</capabilities>"
        )

    def listAllDomains(self, flags):  # noqa: N802
        stopped = flags & LIBVIRT.VIR_CONNECT_LIST_DOMAINS_INACTIVE
        return [Domain(told) for told in self.told["guests"] if told["running"] or stopped]


def _disks(domain):
    """What a domain's disks could still grow by, or what goes wrong on the way to know it."""
    over = domain.told["over"]
    if over in ("ENOENT", "ESTALE", "EACCES", "EIO"):
        raise OSError(getattr(errno, over), over)
    if over == "DiskNotFound":
        raise exception.DiskNotFound(location="/disk")
    if over == "libvirtError":
        raise stand_ins.libvirtError(42, "no domain")
    return [{"over_committed_disk_size": size} for size in over]


class Placement:
    """The inventories and allocations of one provider, in Nova's own ProviderTree.

    What it refuses is what Placement's own schema refuses, and more reserved than there is.
    """

    def __init__(self, allocations):
        self.inventory, self.allocations, self.deleted = None, allocations, []

    def get_provider_subtree_and_ensure_root(self, _context, uuid, name=None):
        tree = provider_tree.ProviderTree()
        tree.new_root(name, uuid)
        if self.inventory:
            tree.update_inventory(name, self.inventory)
        return tree

    def get_allocations_for_provider_tree(self, _context, _nodename):
        return {}

    def get_allocations_for_resource_provider(self, _context, _uuid):
        return report.ProviderAllocInfo(allocations={key: {} for key in self.allocations})

    def delete_allocation_for_instance(self, _context, uuid, force=False):
        self.allocations = [each for each in self.allocations if each != uuid]
        self.deleted.append(uuid)

    def update_from_provider_tree(self, _context, tree, allocations=None):
        (root,) = tree.roots
        told = root.data().inventory
        try:
            body = {"resource_provider_generation": 0, "inventories": told}
            jsonschema.validate(body, schema.PUT_INVENTORY_SCHEMA)
        except jsonschema.ValidationError:
            raise exception.ResourceProviderSyncFailed from None
        if any(inventory.Inventory(**each).capacity < 0 for each in told.values()):
            raise exception.ResourceProviderSyncFailed
        self.inventory = told


def _flavor(told):
    return None if told is None else objects.Flavor(id=told["id"], flavorid="f", name="f", extra_specs={},
        **{key: told[key] for key in ("vcpus", "memory_mb", "root_gb", "ephemeral_gb", "swap")})  # fmt: skip


class Oracle:
    """One nova-compute on a case's host; see tests/helpers/tracker_cases.py for a case.

    ``step(*words)`` does something and returns what is left; use it in a ``with`` statement.
    """

    def __init__(self, case):
        self.case, self.host = case, case["host"]
        self.rows = {row["uuid"]: dict(row) for row in case["instances"]}
        self.migrations = {row["id"]: dict(row) for row in case["migrations"]}
        self.nodes, self.written = {}, []
        self.placement = Placement(case["allocations"])
        self.claims = {}
        self.context = context.get_admin_context()
        self._stack = contextlib.ExitStack()
        if case["node"] is not None:
            self._create(None, dict(case["node"]))
            self.nodes[case["node"]["uuid"]]["deleted"] = case["node"]["deleted"]

    def __enter__(self):
        enter = self._stack.enter_context
        enter(quiet())
        self._options(self.case["options"] | {"my_ip": self.host["host_ip"]})
        self._patch(enter)
        self.driver = self._driver()
        self.start()
        return self

    def __exit__(self, *error):
        self._stack.close()

    def start(self):
        self.tracker = resource_tracker.ResourceTracker(
            self.case["name"], self.driver, reportclient=self.placement
        )
        self.tracker._get_traits = lambda *args, **kwargs: []
        self.tracker.set_service_ref(
            objects.Service(id=self.case["service"], host=self.case["name"])
        )

    # -- what a step does ------------------------------------------------------------------
    def step(self, name, *args):
        raised, returned = None, None
        try:
            returned = getattr(self, f"do_{name}")(*args)
        except Exception as error:
            raised = [type(error).__name__, str(error)]
        tracker = self.tracker
        node = tracker.compute_nodes.get(self.host["hostname"])
        return {
            "returned": returned,
            "raised": raised,
            "node": None if node is None else _fields(node),
            "rows": [_row(row) for row in self.nodes.values()],
            "state": self._state(),
            "written": list(self.written),
            "inventory": self.placement.inventory,
            "deleted": list(self.placement.deleted),
            "tracked": sorted(tracker.tracked_instances),
            "moving": {uuid: m.id for uuid, m in sorted(tracker.tracked_migrations.items())},
            "stats": dict(sorted(tracker.stats[self.host["hostname"]].items())),
            "instances": [
                [row[key] for key in ("uuid", "host", "node", "compute_id", "migration")]
                for row in self.rows.values()
            ],
            "migrations": [
                [row[key] for key in ("id", "status", "dest_compute", "dest_node")]
                for row in self.migrations.values()
            ],
        }  # fmt: skip

    def _state(self):
        """What the scheduler believes of the host, from the row in the database."""
        found = [row for row in self.nodes.values() if not row["deleted"]]
        found = [row for row in found if row["host"] == self.case["name"]]
        if not found or found[0]["free_disk_gb"] is None:
            return None
        # Looking must not write a ratio that is missing.
        with mock.patch.object(db, "compute_node_update", lambda *args: None):
            node = objects.ComputeNode._from_db_object(
                self.context, objects.ComputeNode(), found[0]
            )
        state = host_manager.HostState(self.case["name"], self.host["hostname"], None)
        state._update_from_compute_node(node)
        told = {name: getattr(state, name) for name in STATE}
        return told | {"host_ip": str(state.host_ip), "stats": dict(state.stats)}

    def do_driver(self):
        told = self.driver.get_available_resource(self.host["hostname"])
        return told | {"cpu_info": _sorted(told["cpu_info"])}

    def do_report(self):
        self.tracker.update_available_resource(self.context, self.host["hostname"])

    def do_restart(self):
        self.claims.clear()  # a claim ends with its process
        self.start()

    def do_host(self, changes):
        self.host.update(changes)
        self.driver._host._caps = None

    def do_options(self, values):
        self._options(values)

    def do_lacking(self, keys):
        told = self.driver.get_available_resource(self.host["hostname"])
        told = {key: value for key, value in told.items() if key not in keys}
        if "uptime" in keys and "stats" in told:
            told["stats"] = {}
        with mock.patch.object(self.driver, "get_available_resource", lambda nodename: told):
            self.do_report()

    def do_claim(self, uuid, node):
        self.claims[uuid] = self.tracker.instance_claim(
            self.context, self._instance(uuid), node, {}
        )

    def do_abort(self, uuid):
        self.claims.pop(uuid).abort()

    def do_update_usage(self, uuid, changes):
        self.rows[uuid].update(changes)
        self.tracker.update_usage(self.context, self._instance(uuid), self.host["hostname"])

    def do_row(self, uuid, changes):
        self.rows[uuid].update(changes)

    def do_move_claim(self, uuid, migration, flavor, node):
        instance, migration = self._instance(uuid), self._migration(migration)
        if migration.migration_type == "live-migration":
            claim = self.tracker.live_migration_claim(
                self.context, instance, node, migration, None, {}
            )
        elif migration.migration_type == "evacuation":
            claim = self.tracker.rebuild_claim(
                self.context, instance, node, {}, image_meta={}, migration=migration
            )
        else:
            claim = self.tracker.resize_claim(
                self.context, instance, _flavor(flavor), node, migration, {}, image_meta={}
            )
        self.claims[uuid] = claim

    def do_drop_at_source(self, uuid, migration):
        self.tracker.drop_move_claim_at_source(
            self.context, self._instance(uuid), self._migration(migration)
        )

    def do_drop_at_dest(self, uuid, migration):
        self.tracker.drop_move_claim_at_dest(
            self.context, self._instance(uuid), self._migration(migration)
        )

    def do_build_failed(self):
        self.tracker.build_failed(self.host["hostname"])

    def do_build_succeeded(self):
        self.tracker.build_succeeded(self.host["hostname"])

    # -- the hypervisor --------------------------------------------------------------------
    def _driver(self):
        made = driver.LibvirtDriver.__new__(driver.LibvirtDriver)
        made._host = libvirt_host.Host.__new__(libvirt_host.Host)
        made._host._caps = made._host._hostname = None
        made._host._node_uuid = self.host["uuid"]
        made._host.get_connection = lambda: Connection(self.host)
        made._host._wrap_libvirt_proxy = lambda domain: domain
        made._host._get_avail_memory_kb = lambda: self.host["avail_kb"]
        made._host.list_all_devices = lambda flags: []
        made._host._log_host_capabilities = lambda xml: None
        made._get_pci_passthrough_devices = lambda: "[]"
        made._get_host_numa_topology = lambda: None
        made.get_host_uptime = lambda: self.host["uptime"]
        made._get_instance_disk_info_from_config = lambda config, info: _disks(config)
        made._static_traits = {}
        for name in ("vgpu", "pcpu", "vpmems", "memory_encryption"):
            setattr(made, f"_update_provider_tree_for_{name}", lambda *args, **kwargs: None)
        return made

    def _patch(self, enter):
        for target, name, stand_in in (
            (driver, "libvirt", LIBVIRT),
            (libvirt_host, "libvirt", LIBVIRT),
            (guest, "libvirt", LIBVIRT),
            (guest.Guest, "get_config", lambda self: self._domain),
            (driver.libvirt_utils, "get_fs_info", lambda path: dict(self.host["disk"])),
            (objects.BlockDeviceMappingList, "bdms_by_instance_uuid", lambda *args: {}),
            (objects.InstanceList, "get_by_filters", lambda *args, **kwargs: []),
            (objects.InstanceList, "get_by_host_and_node", self._get_by_host_and_node),
            (objects.Instance, "get_by_uuid", lambda context, uuid, **_: self._found(uuid)),
            (objects.MigrationContext, "get_by_instance_uuid", self._context_of),
            (objects.Instance, "save", self._save_instance()),
            (objects.Instance, "drop_migration_context", self._drop_context()),
            (objects.Instance, "revert_migration_context", lambda instance: None),
            (objects.MigrationList, "get_in_progress_and_error", self._in_progress),
            (objects.Migration, "save", self._save_migration()),
            (objects.PciDeviceList, "get_by_compute_node", lambda *_: objects.PciDeviceList()),
            (objects.ComputeNodeList, "get_all_by_uuids", self._nodes),
            (resource_tracker.node, "get_local_node_uuid", lambda: self.host["uuid"]),
            (db, "compute_node_create", self._create),
            (db, "compute_node_update", self._update),
            (resource_tracker.compute_utils, "is_volume_backed_instance",
             lambda context, instance: self.rows[instance.uuid]["volume_backed"]),
        ):  # fmt: skip
            enter(mock.patch.object(target, name, stand_in))

    def _options(self, values):
        for name, value in values.items():
            group = "compute" if name.startswith("cpu_") and name.endswith("_set") else None
            CONF.set_override(name, value, group=group)
            self._stack.callback(CONF.clear_override, name, group=group)

    # -- rows ------------------------------------------------------------------------------
    def _create(self, _context, values):
        for row in self.nodes.values():
            key = "host", "hypervisor_hostname"
            if not row["deleted"] and [row[k] for k in key] == [values.get(k) for k in key]:
                raise db_exc.DBDuplicateEntry()
        row = dict.fromkeys((*objects.ComputeNode.fields, "supported_instances", "pci_stats"))
        row |= {"id": len(self.nodes) + 1, "deleted": 0} | values
        self.nodes[row["uuid"]] = row
        self.written.append("create")
        return row

    def _update(self, _context, compute_id, values):
        (row,) = (row for row in self.nodes.values() if row["id"] == compute_id)
        row.update(values)
        self.written.append("update")
        return row

    def _nodes(self, ctxt, uuids):
        found = [self.nodes[uuid] for uuid in uuids if uuid in self.nodes]
        found = [row for row in found if not row["deleted"] or ctxt.read_deleted == "yes"]
        made = [objects.ComputeNode._from_db_object(ctxt, objects.ComputeNode(), r) for r in found]
        return objects.ComputeNodeList(objects=made)

    def _found(self, uuid):
        if uuid not in self.rows:
            raise exception.InstanceNotFound(instance_id=uuid)
        return self._instance(uuid)

    def _instance(self, uuid):
        row = self.rows[uuid]
        move = row["migration"]
        made = objects.Instance(
            context=self.context,
            instance_type_id=row["flavor"]["id"],
            flavor=_flavor(row["flavor"]),
            old_flavor=_flavor(row["old_flavor"]),
            new_flavor=_flavor(row["new_flavor"]),
            numa_topology=None,
            image_ref="",
            resources=None,
            system_metadata={},
            pci_devices=objects.PciDeviceList(),
            pci_requests=_pci_requests(uuid, row["pci_requests"]),
            hidden=False, id=1,
            **{key: row[key] for key in ("uuid", "vm_state", "task_state", "os_type",
               "project_id", "host", "node", "compute_id", "deleted", "launched_on")},
        )  # fmt: skip
        if move is not None:  # else Nova reads it when it is asked for
            made.migration_context = self._context_of(None, uuid)
        made.obj_reset_changes()
        return made

    def _context_of(self, _context, uuid):
        move = self.rows[uuid]["migration"]
        if move is None:
            raise exception.MigrationContextNotFound(instance_uuid=uuid)
        return objects.MigrationContext(
            migration_id=move, new_numa_topology=None, old_numa_topology=None
        )

    def _get_by_host_and_node(self, _context, host, node, expected_attrs=None):
        rows = [r for r in self.rows.values() if (r["host"], r["node"]) == (host, node)]
        found = [self._instance(row["uuid"]) for row in rows if not row["deleted"]]
        return objects.InstanceList(objects=found)

    def _save_instance(self):
        def save(instance, expected_task_state=None):
            row, move = self.rows[instance.uuid], instance.migration_context
            row["migration"] = None if move is None else move.migration_id
            columns = {"host", "node", "compute_id", "launched_on"}
            if not columns & instance.obj_what_changed():
                return
            if row["deleted"]:
                raise exception.InstanceNotFound(instance_id=instance.uuid)
            if expected_task_state and row["task_state"] not in expected_task_state:
                raise exception.UnexpectedTaskStateError(
                    instance_uuid=instance.uuid,
                    expected={"task_state": expected_task_state},
                    actual={"task_state": row["task_state"]},
                )
            for name in columns:
                row[name] = getattr(instance, name)

        return save

    def _drop_context(self):
        def drop(instance):
            if instance.migration_context:
                self.rows[instance.uuid]["migration"] = None
                instance.migration_context = None

        return drop

    def _migration(self, number):
        row = self.migrations[number]
        made = objects.Migration(context=self.context, **row)
        made.obj_reset_changes()
        return made

    def _in_progress(self, _context, host, node):
        """As the query in nova/db/main/api.py asks."""
        over = ("confirmed", "reverted", "failed", "completed", "cancelled", "done")
        found = [
            self._migration(row["id"])
            for row in self.migrations.values()
            if row["status"] not in over
            and (host, node)
            in [(row[f"{end}_compute"], row[f"{end}_node"]) for end in ("source", "dest")]
        ]
        return objects.MigrationList(objects=found)

    def _save_migration(self):
        def save(migration):
            for name in ("status", "dest_compute", "dest_node"):
                self.migrations[migration.id][name] = getattr(migration, name)
            self.migrations[migration.id]["updated_at"] = "2026-01-01T00:00:20Z"

        return save


def _pci_requests(uuid, count):
    spec = [{"vendor_id": "8086"}]
    wanted = [objects.InstancePCIRequest(count=count, spec=spec, request_id=uuid)] if count else []
    return objects.InstancePCIRequests(instance_uuid=uuid, requests=wanted)


def _sorted(cpu_info):
    """Nova makes the features a set, whose order differs from run to run."""
    told = json.loads(cpu_info or "null")
    if told:
        told["features"].sort()
    return told


def _fields(node):
    found = {name: getattr(node, name, None) for name in FIELDS}
    found["stats"] = dict(found["stats"] or {})
    found["cpu_info"] = _sorted(found["cpu_info"])
    found["host_ip"] = None if found["host_ip"] is None else str(found["host_ip"])
    specs = getattr(node, "supported_hv_specs", [])
    found["supported_hv_specs"] = [spec.to_list() for spec in specs]
    return found


def _row(row):
    found = {name: row[name] for name in FIELDS if name not in ("stats", "cpu_info", "host_ip")}
    return found | {
        "id": row["id"],
        "deleted": bool(row["deleted"]),
        "stats": json.loads(row["stats"] or "{}"),
    }
