"""A fleet and a request of the lab as Nova's own objects, served where Nova asks a database."""

import contextlib
import datetime
import json
import math
from unittest import mock

from labkit.nova.scheduler.host_manager import NUMBERS
from tools.oracle.installed import (
    NOW,
    as_uuid,
    context,
    exception,
    objects,
    service_objects,
    timeutils,
)

#: What the lab may know of a server beside its image, by Nova's names.
_OF_INSTANCES = ("project_id", "user_id", "vm_state", "task_state", "hostname")


class Known:
    """What a fleet knows of its hosts: ``columns`` of numbers, ``texts``, ``metrics`` by name."""

    def __init__(self, fleet):
        states = fleet.host_states()
        self.columns = {
            name: [
                math.nan if getattr(state, name) is None else float(getattr(state, name))
                for state in states
            ]
            for name in NUMBERS
        }
        self.texts = {
            name: [getattr(state, name) for state in states]
            for name in (
                "host", "nodename", "uuid", "cell_uuid", "host_ip", "hypervisor_type", "cpu_info",
                "supported_instances", "stats",
            )
        }  # fmt: skip
        for name in ("disabled", "disabled_reason", "forced_down", "heartbeat_age_s"):
            self.texts[name] = [state.service[name] for state in states]
        self.texts["traits"] = fleet.traits
        self.metrics = [{m.name: float(m.value) for m in state.metrics} for state in states]
        self.pools = [state.pci_stats.pools for state in states]
        self.instances = [state.instances for state in states]


def _whole(value):
    return int(value) if math.isfinite(value) and value == int(value) else 0


def compute_node(known, row):
    """Return a ComputeNode from which HostState.update derives the host's whole numbers."""
    column = {name: values[row] for name, values in known.columns.items()}
    text = {name: values[row] for name, values in known.texts.items()}
    counts = {
        "num_instances": column["num_instances"],
        "io_workload": column["num_io_ops"],
        "failed_builds": column["failed_builds"],
    }
    stats = {k: str(_whole(v)) for k, v in counts.items()} | dict(text["stats"])
    metrics = [
        {"name": name, "value": int(value), "source": "lab", "timestamp": NOW.isoformat()}
        for name, value in known.metrics[row].items()
        if not math.isnan(value)
    ]
    pools = [
        {"product_id": "1", "vendor_id": "8086", "numa_node": None, "tags": {}} | pool
        for pool in known.pools[row]
    ]
    free_gb, odd_mb = divmod(_whole(column["free_disk_mb"]), 1024)
    version = column["hypervisor_version"]
    node = objects.ComputeNode(
        uuid=text["uuid"],
        host=text["host"],
        hypervisor_hostname=text["nodename"],
        memory_mb=_whole(column["total_usable_ram_mb"]),
        free_ram_mb=_whole(column["free_ram_mb"]),
        local_gb=_whole(column["total_usable_disk_gb"]),
        local_gb_used=_whole(column["disk_mb_used"]) // 1024,
        free_disk_gb=free_gb if not odd_mb else 0,
        disk_available_least=None,
        vcpus=_whole(column["vcpus_total"]),
        vcpus_used=_whole(column["vcpus_used"]),
        cpu_allocation_ratio=column["cpu_allocation_ratio"],
        ram_allocation_ratio=column["ram_allocation_ratio"],
        disk_allocation_ratio=column["disk_allocation_ratio"],
        updated_at=None,
        numa_topology=None,
        pci_device_pools=objects.PciDevicePoolList(
            objects=[objects.PciDevicePool(**pool) for pool in pools]
        ),
        host_ip=None,
        hypervisor_type=text["hypervisor_type"],
        hypervisor_version=0,
        cpu_info=text["cpu_info"],
        supported_hv_specs=[objects.HVSpec.from_list(x) for x in text["supported_instances"]],
        stats=stats,
        metrics=json.dumps(metrics),
    )
    version = None if math.isnan(version) else version
    return node, column | {"hypervisor_version": version, "host_ip": text["host_ip"]}


def set_odd_values(state, values, stats, metrics):
    """Give a HostState what no ComputeNode can hold: NaN, infinity, fractions, no version."""
    for name, value in values.items():
        if isinstance(value, float) and value == int(value if math.isfinite(value) else 0):
            value = value if name.endswith("_ratio") else int(value)
        if getattr(state, name) != value:
            setattr(state, name, value)
    state.stats = dict(stats)
    for metric in state.metrics:  # reading them from JSON takes percents times 100
        metric.value = int(metrics[metric.name])


class Rows:
    """The rows of one case, and the look-ups that Nova makes in them."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.known = known = Known(fleet)
        self.cells = {
            name: objects.CellMapping(uuid=as_uuid(name), name=name, disabled=False)
            for name in dict.fromkeys([*known.texts["cell_uuid"], "cell1"])
        }
        self.nodes, self.values = [], []
        for row in range(len(fleet)):
            node, values = compute_node(known, row)
            self.nodes.append(node)
            self.values.append(values)
        self.aggregates = [
            objects.Aggregate(
                id=number, uuid=a.uuid, name=a.name, hosts=list(a.hosts), metadata=dict(a.metadata)
            )
            for number, a in enumerate(fleet.aggregates, 1)
        ]

    def cell_of(self, node):
        return self.known.texts["cell_uuid"][self.fleet.rows[node.host]]

    def service(self, node):
        row, texts = self.fleet.rows[node.host], self.known.texts
        age = datetime.timedelta(seconds=float(texts["heartbeat_age_s"][row]))
        return objects.Service(
            host=node.host,
            binary="nova-compute",
            disabled=bool(texts["disabled"][row]),
            disabled_reason=texts["disabled_reason"][row],
            forced_down=bool(texts["forced_down"][row]),
            last_seen_up=NOW - age,
            created_at=NOW,
        )

    def instances(self, row):
        found = {}
        for name, server in self.known.instances[row].items():
            known = {key: value for key, value in vars(server).items() if key in _OF_INSTANCES}
            instance = objects.Instance(uuid=as_uuid(name), image_ref="", **known)
            instance.system_metadata = {k: str(v) for k, v in server.system_metadata.items()}
            found[instance.uuid] = instance
        return found

    # the classes' own look-ups, with the cell as the context
    def nodes_by_uuids(self, cell, uuids):
        return [n for n in self.nodes if self.cell_of(n) == cell.name and n.uuid in uuids]

    def nodes_by_host(self, cell, host):
        found = [n for n in self.nodes if n.host == host and self.cell_of(n) == cell.name]
        if not found:
            raise exception.ComputeHostNotFound(host=host)
        return objects.ComputeNodeList(objects=found)

    def node_by_name(self, cell, node):
        found = [n for n in self.nodes if n.hypervisor_hostname == node]
        found = [n for n in found if self.cell_of(n) == cell.name]
        if not found:
            raise exception.ComputeHostNotFound(host=node)
        return found[0]

    def node_by_host_and_name(self, cell, host, node):
        found = self.node_by_name(cell, node)
        if found.host != host:
            raise exception.ComputeHostNotFound(host=host)
        return found

    def host_mapping(self, _, host):
        if host not in self.fleet.rows:
            raise exception.HostMappingNotFound(name=host)
        cell = self.cells[self.known.texts["cell_uuid"][self.fleet.rows[host]]]
        return objects.HostMapping(host=host, cell_mapping=cell)

    def by_metadata(self, _, key=None, value=None):
        """Only the matching rows of the metadata come back, as from Nova's query."""
        found = []
        for aggregate in self.aggregates:
            rows = {k: v for k, v in aggregate.metadata.items() if key in (None, k) and v == value}
            if rows:
                found.append(objects.Aggregate(uuid=aggregate.uuid, metadata=rows))
        return found

    def not_matching(self, _, ignored_keys, key_prefix, value):
        return [
            aggregate
            for aggregate in self.aggregates
            if any(
                k.startswith(key_prefix) and v == value and k not in ignored_keys
                for k, v in aggregate.metadata.items()
            )
        ]


def scatter_gather(_context, cells, _timeout, look_up, *args):
    """Call the look-up in each cell, as nova.context.scatter_gather_cells does with threads."""
    return {cell.uuid: look_up(cell, *args) for cell in cells}


def fill_metadata(instances):
    """Servers that no database knows yet have no metadata."""
    for instance in instances:
        if "system_metadata" not in instance:
            instance.system_metadata = {}


@contextlib.contextmanager
def served_by(rows):
    """Put the rows of a case where Nova's objects would ask a database."""

    @contextlib.contextmanager
    def target_cell(ctxt, _cell):
        yield ctxt

    with contextlib.ExitStack() as stack:
        for target, name, stand_in in (
            (context, "scatter_gather_cells", scatter_gather),
            (context, "target_cell", target_cell),
            (objects.CellMapping, "get_by_uuid", lambda *_: None),
            (objects.CellMappingList, "get_all", lambda _: _cell_list(rows)),
            (objects.InstanceList, "fill_metadata", fill_metadata),
            (objects.AggregateList, "get_all", lambda _: rows.aggregates),
            (objects.AggregateList, "get_by_metadata", rows.by_metadata),
            (objects.AggregateList, "get_non_matching_by_metadata_keys", rows.not_matching),
            (objects.ServiceList, "get_by_binary", lambda *_, **__: map(rows.service, rows.nodes)),
            (objects.ComputeNodeList, "get_all_by_uuids", rows.nodes_by_uuids),
            (objects.ComputeNodeList, "get_all", lambda c: rows.nodes_by_uuids(c, _Everything())),
            (objects.ComputeNodeList, "get_all_by_host", rows.nodes_by_host),
            (objects.ComputeNode, "get_by_nodename", rows.node_by_name),
            (objects.ComputeNode, "get_by_host_and_nodename", rows.node_by_host_and_name),
            (objects.HostMapping, "get_by_host", rows.host_mapping),
            (timeutils, "utcnow", lambda with_timezone=False: NOW),
            (service_objects, "get_minimum_version_all_cells", lambda *_: 10**6),
        ):
            stack.enter_context(mock.patch.object(target, name, stand_in))
        yield


class _Everything:
    def __contains__(self, _):
        return True


def _cell_list(rows):
    return objects.CellMappingList(objects=list(rows.cells.values()))


# -- the request ---------------------------------------------------------------------------
def image_meta(image):
    if image is None:
        return None
    properties = image.properties.to_dict()
    properties.pop("traits_required", None)
    properties |= {f"trait:{t}": "required" for t in image.properties.get("traits_required", [])}
    fields = {"id": as_uuid(image.id)} if image.id else {}
    return objects.ImageMeta(
        disk_format=image.disk_format,
        properties=objects.ImageMetaProps.from_dict(properties | image.custom),
        **fields,
    )


def destination(spec_obj, cells):
    wanted = spec_obj.requested_destination
    if wanted is None:
        return None
    fields = {}
    if wanted.host:
        fields = {"host": wanted.host, "node": wanted.node}
    elif wanted.node:
        fields = {"node": wanted.node}
    if wanted.cell:
        fields["cell"] = cells.get(wanted.cell) or objects.CellMapping(
            uuid=as_uuid(wanted.cell), name=wanted.cell, disabled=False
        )
    return objects.Destination(allow_cross_cell_move=wanted.allow_cross_cell_move, **fields)


def pci_requests(number):
    requests = []
    if number:
        requests = [
            objects.InstancePCIRequest(
                count=number, spec=[{}], request_id=as_uuid("pci request"), alias_name="any"
            )
        ]
    return objects.InstancePCIRequests(requests=requests)


def request_spec(spec_obj, names, cells):
    """Return Nova's RequestSpec as the conductor hands it over."""
    flavor = spec_obj.flavor
    group = spec_obj.instance_group
    if group is not None:
        group = objects.InstanceGroup(
            uuid=as_uuid("group"),
            policy=group.policy,
            policies=[group.policy],
            rules={k: str(v) for k, v in group.rules.items()},
            members=[as_uuid(m) for m in dict.fromkeys([*group.members, *names])],
            hosts=list(group.hosts),
        )
    hints = {k: v if isinstance(v, list) else [v] for k, v in spec_obj.scheduler_hints.items()}
    for name in ("same_host", "different_host"):
        if name in hints:
            hints[name] = [as_uuid(server) for server in hints[name]]
    return objects.RequestSpec(
        flavor=objects.Flavor(
            id=1,
            flavorid="1",
            name=flavor.name,
            memory_mb=flavor.memory_mb,
            vcpus=flavor.vcpus,
            root_gb=flavor.root_gb,
            ephemeral_gb=flavor.ephemeral_gb,
            swap=flavor.swap,
            extra_specs=dict(flavor.extra_specs),
        ),
        image=image_meta(spec_obj.image),
        num_instances=spec_obj.num_instances,
        project_id=spec_obj.project_id,
        user_id="user",
        availability_zone=spec_obj.availability_zone,
        ignore_hosts=spec_obj.ignore_hosts,
        force_hosts=spec_obj.force_hosts,
        force_nodes=spec_obj.force_nodes,
        requested_destination=destination(spec_obj, cells),
        requested_resources=[],
        instance_group=group,
        scheduler_hints=hints,
        is_bfv=spec_obj.is_bfv,
        pci_requests=pci_requests(spec_obj.pci_requests),
        numa_topology=None,
        instance_uuid=as_uuid(names[0]),
    )
