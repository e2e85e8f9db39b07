"""Fleet: the compute nodes that a scheduler knows.

In: folders and DataFrames. Out: HostStates, beside them aggregates, inventories and instances.

Uses: neighbours, nova.
"""

import csv
import dataclasses
import difflib
import functools
import json
import math
import uuid as uuids
from collections import Counter
from numbers import Real
from pathlib import Path

import numpy as np

from labkit.neighbours import arguments, placement
from labkit.neighbours.arguments import digits, nearest
from labkit.nova.exception import NotModelled
from labkit.nova.objects.aggregate import Aggregate
from labkit.nova.objects.compute_node import ComputeNode
from labkit.nova.objects.image_meta import canonicalize
from labkit.nova.pci.stats import PciDeviceStats
from labkit.nova.scheduler.fast import Columns
from labkit.nova.scheduler.host_manager import NUMBERS, HostState, Instance, metrics_from
from labkit.nova.scheduler.request_filter import RESOURCE_CLASSES

#: What a host has beside its numbers, with what it is when nothing is said.
TEXTS = {
    "host": None,
    "nodename": None,
    "uuid": None,
    "cell_uuid": "cell1",
    "host_ip": None,
    "hypervisor_type": "QEMU",
    "hypervisor_hostname": None,
    "cpu_info": "",
    "supported_instances": [["x86_64", "kvm", "hvm"]],
    "stats": {},
    "traits": (),
    "disabled": False,
    "disabled_reason": None,
    "forced_down": False,
    "heartbeat_age_s": 0.0,
}
MOST_HOSTS = 1_000_000  # that ``random`` and ``first`` are asked for
#: Of these the nova-compute service, and what HostState has of a host.
_SERVICE = ("disabled", "disabled_reason", "forced_down", "heartbeat_age_s")
_OF_HOST_STATE = [name for name in TEXTS if name not in ("traits", *_SERVICE)]
_USUAL = {name: TEXTS[name] for name in _OF_HOST_STATE}
#: Texts that a host reports, and what they are called in its row.
_REPORTED = {
    "host_ip": "host_ip",
    "hypervisor_type": "hypervisor_type",
    "cpu_info": "cpu_info",
    "supported_instances": "supported_hv_specs",
}
_REQUIRED = (
    "host",
    "total_usable_ram_mb",
    "free_ram_mb",
    "total_usable_disk_gb",
    "free_disk_mb",
    "vcpus_total",
    "vcpus_used",
)
_RATIOS = ("cpu_allocation_ratio", "ram_allocation_ratio", "disk_allocation_ratio")
#: Only what is free may be negative, on a host that is full.
_NEVER_NEGATIVE = [name for name in NUMBERS if not name.startswith("free_")]
#: What ``openstack hypervisor show`` calls what the hosts have, and what is to be done with it.
_OF_HYPERVISORS = {
    "id": "leave it out",
    "service_host": "call it host",
    "service_id": "leave it out",
    "vcpus": "call it vcpus_total",
    "memory_mb": "call it total_usable_ram_mb",
    "memory_mb_used": "leave it out; free_ram_mb is memory_mb - memory_mb_used",
    "local_gb": "call it total_usable_disk_gb",
    "local_gb_used": "make it disk_mb_used, which is local_gb_used * 1024",
    "free_disk_gb": "make it free_disk_mb, the smaller of free_disk_gb and disk_available_least, * 1024",
    "disk_available_least": "it is a part of free_disk_mb, see free_disk_gb; leave it out",
    "running_vms": "call it num_instances",
    "current_workload": "call it num_io_ops",
    "state": "make it forced_down, true where the state is down",
    "status": "make it disabled, true where the status is disabled",
    "service_disabled_reason": "call it disabled_reason",
    **dict.fromkeys(("host_time", "uptime", "load_average", "users", "aggregates"), "leave it out"),
}
#: Columns of the small tables.
_INVENTORY = ("host", "resource_class", *placement.FIELDS, "used")
_POOL = ("host", "count", "vendor_id", "product_id")
_BOOLEANS = ("disabled", "forced_down")
#: What may be said of a server beside the properties of its image.
_OF_INSTANCES = ("project_id", "user_id", "vm_state", "task_state", "flavor", "hostname")


class Fleet:
    """All compute nodes that the scheduler knows, with aggregates, servers and inventories.

    In: n dicts of HostState's attributes (RAM in MiB, ``_gb`` in GiB), Aggregates, a dict of
    servers ``{host: {server: image properties}}``, inventory records
    ``{host, resource_class, total, ...}`` and PCI pools ``{host, count}``. Without inventory
    records each host reports VCPU, MEMORY_MB and DISK_GB from its own numbers.
    Where one nova-compute has several nodes (Ironic), each is a row of its own, called by its
    ``nodename``, here and in all tables; a Cloud of such a fleet is refused.
    Make one with ``read``, ``from_frame``, ``from_compute_nodes`` or ``random``.

    >>> fleet = Fleet([{"host": "cn-1", "free_ram_mb": 3072}, {"host": "cn-2"}])
    >>> fleet["cn-1"].free_ram_mb, len(fleet)
    (3072, 2)

    Source: what nova/scheduler/host_manager.py:HostManager keeps, Nova 34.0.0.
    """

    def __init__(self, rows, aggregates=(), instances=None, inventories=(), pci_pools=()):
        records = _dicts("rows", rows, "host")
        aggregates, instances = _checked(aggregates, instances)
        inventories = _dicts("inventories", inventories, "host")
        pci_pools = _dicts("pci_pools", pci_pools, "host")
        self.aggregates = tuple(
            dataclasses.replace(a, id=number) for number, a in enumerate(aggregates, 1)
        )
        of_host = {}
        for aggregate in self.aggregates:
            for host in aggregate.hosts:
                of_host.setdefault(host, []).append(aggregate)
        self._states = [_host_state(record, of_host) for record in records]
        nodes = Counter(state.host for state in self._states)
        for state in self._states:
            if nodes[state.host] > 1:
                state.is_one_of_several_nodes = True
                if state.uuid == _uuid(state.host):
                    state.uuid = _uuid(f"{state.nodename}.{state.host}")
        self.rows = {state.node_name: row for row, state in enumerate(self._states)}
        if len(self.rows) < len(self._states):
            names = Counter(state.node_name for state in self._states)
            twice = next(name for name, times in names.items() if times > 1)
            raise ValueError(f"hosts: the host or node {twice!r} is named twice")
        for host, servers in (instances or {}).items():
            if host in self.rows:
                found = {name: _instance(name, known) for name, known in servers.items()}
                self._states[self.rows[host]].instances = found
        for pool in pci_pools:
            pools = self._states[self.rows[pool["host"]]].pci_stats.pools
            pools.append({key: value for key, value in pool.items() if key != "host"})
        self.traits = [record.get("traits") or () for record in records]
        self.reported = not inventories  # each host's own numbers are its inventory
        self.providers = placement.Providers(
            self.rows,
            placement.inventories(self._numbers(), self.rows, inventories),
            [self._all_traits(row) for row in range(len(records))],
            {aggregate.name: self._nodes_of(aggregate) for aggregate in self.aggregates},
        )
        self._columns = None
        self._owned = set(range(len(records)))  # the others are shared with copies
        self._handed_out = set()
        self._of_a_cloud = False

    def _nodes_of(self, aggregate):
        hosts = set(aggregate.hosts)
        return [state.node_name for state in self._states if state.host in hosts]

    def _own(self, row):
        # A HostState that may be changed.
        if row not in self._owned:
            self._states[row] = self._states[row].own()
            self._owned.add(row)
        return self._states[row]

    def _numbers(self):
        return {
            name: np.array([getattr(state, name) for state in self._states], dtype=float)
            for name in NUMBERS
        }

    def _all_traits(self, row):
        of_its_service = {"OWNER_NOVA"}
        if self._states[row].service["disabled"]:
            of_its_service.add("COMPUTE_STATUS_DISABLED")
        return of_its_service.union(self.traits[row])

    def __len__(self):
        return len(self._states)

    def __getitem__(self, host) -> HostState:
        """Return one host by name; KeyError names the hosts there are."""
        if not isinstance(host, str) or host not in self.rows:
            few = ", ".join(list(self.rows)[:10])
            name = arguments.shown(host)
            nodes = [
                state.nodename
                for state in self._states
                if isinstance(host, str) and state.host == host
            ]
            if nodes:
                raise KeyError(
                    f"the host {name} has {len(nodes)} nodes; name one of {', '.join(nodes)}"
                )
            raise KeyError(f"no host {name} in the fleet; there are {few or 'none'}")
        row = self.rows[host]
        if not self._of_a_cloud:
            self._handed_out.add(row)
        return self._own(row)

    def __iter__(self):
        return map(self.__getitem__, self.rows)

    def __repr__(self):
        return f"<Fleet of {len(self)} hosts>"

    @property
    def inventories(self) -> dict:
        """What placement knows of the hosts: ``{resource class: Inventory}``."""
        return self.providers.inventories

    # -- making one ---------------------------------------------------------------------
    @classmethod
    def read(cls, folder) -> "Fleet":
        """Read ``hosts.csv`` and, where present, aggregates, instances and inventories.

        In: a folder as described in data/README.md. Raises ValueError that names file, row,
        column and what was expected; FileNotFoundError when there is no hosts.csv.

        >>> Fleet.read("data/four_hosts")
        <Fleet of 4 hosts>
        """
        folder = Path(arguments.path("folder", folder))
        if not (folder / "hosts.csv").is_file():
            raise FileNotFoundError(f"{folder} holds no hosts.csv; a fleet is a folder with one")
        instances = _Table.read(folder / "instances.csv")
        return cls._of_tables(
            _Table.read(folder / "hosts.csv"),
            _read_aggregates(folder / "aggregates.json"),
            None if instances is None else _instances(instances),
            _Table.read(folder / "inventories.csv"),
            _Table.read(folder / "pci_pools.csv"),
        )

    @classmethod
    def from_frame(cls, hosts, aggregates=(), instances=None, inventories=None, pci_pools=None):
        """Make a fleet from a DataFrame with one row per host; see data/README.md for columns.

        Raises ValueError for an unknown or missing column, a text where a number belongs, a
        host named twice, a negative total, an aggregate or server of an unknown host.

        >>> hosts = Fleet.random(2).hosts.astype({"free_ram_mb": object})
        >>> hosts.loc[0, "free_ram_mb"] = "much"
        >>> Fleet.from_frame(hosts)
        Traceback (most recent call last):
        ValueError: hosts, row 0 (cn-1): free_ram_mb = 'much'; expected a number
        """
        arguments.table("hosts", hosts)
        for name, records in {"inventories": inventories, "pci_pools": pci_pools}.items():
            if isinstance(records, list):
                arguments.all_of(name, records, dict, "dicts, or a table")
            elif records is not None:
                arguments.table(name, records)
        aggregates, instances = _checked(aggregates, instances)
        return cls._of_tables(
            _Table.of_frame("hosts", _with_host_column(hosts)),
            aggregates,
            instances,
            _Table.of("inventories", inventories),
            _Table.of("pci_pools", pci_pools),
        )

    @classmethod
    def _of_tables(cls, hosts, aggregates, instances, inventories, pci_pools):
        rows = _host_rows(hosts)
        nodes = {}
        for number, row in enumerate(rows):
            of_host = nodes.setdefault(row["host"], [])
            name = row.get("nodename") or row["host"]
            if name in of_host:
                twice = f"the node {name!r} of {row['host']!r}" if name != row["host"] else ""
                raise ValueError(
                    f"{hosts.row(number)}: {twice or 'the host ' + repr(name)} is named twice"
                )
            of_host.append(name)
        known = {name for host, of in nodes.items() for name in ([host] if len(of) < 2 else of)}
        for aggregate in aggregates:
            for host in aggregate.hosts:
                if host not in nodes:
                    raise ValueError(f"aggregate {aggregate.name!r} names an unknown host {host!r}")
        for host in instances or {}:
            if host not in known:
                raise ValueError(f"instances name {_unknown_host(host, nodes)}")
        return cls(
            rows,
            aggregates,
            instances,
            _inventories(inventories, known, nodes),
            _pools(pci_pools, known, nodes),
        )

    @classmethod
    def from_compute_nodes(cls, compute_nodes, **tables) -> "Fleet":
        """Make a fleet from ComputeNodes, as HostState derives its numbers; rows without usage
        stay out.

        Source: ``HostState._update_from_compute_node`` in nova/scheduler/host_manager.py, 34.0.0.
        """
        rows = []
        for compute in arguments.all_of(
            "compute_nodes", compute_nodes, ComputeNode, "ComputeNodes"
        ):
            state = HostState(compute.host, compute.hypervisor_hostname, TEXTS["cell_uuid"])
            state.update(compute=compute)
            if state.uuid is not None:
                rows.append(_record(state))
        return cls(rows, **tables)

    @classmethod
    def random(cls, n: int, seed: int = 0) -> "Fleet":
        """Return n unlike, partly filled hosts; the same *seed* gives the same fleet.

        >>> [state.free_ram_mb for state in Fleet.random(3, seed=1)]
        [4096, 67072, 214528]
        """
        rng = np.random.default_rng(arguments.whole("seed", seed, " of 0 or more", 0))
        rows = []
        for number in range(_size(n)):
            ram, disk, vcpus = (
                int(rng.choice(sizes))
                for sizes in ([65536, 131072, 262144], [500, 1000, 2000], [16, 32, 64])
            )
            free_gb = int(rng.integers(0, disk + 1))
            rows.append(
                {
                    "host": f"cn-{number + 1:0{len(str(n))}d}",
                    "total_usable_ram_mb": ram,
                    "free_ram_mb": int(rng.integers(0, ram // 512 + 1)) * 512,
                    "total_usable_disk_gb": disk,
                    "free_disk_mb": free_gb * 1024,
                    "disk_mb_used": (disk - free_gb) * 1024,
                    "vcpus_total": vcpus,
                    "vcpus_used": int(rng.integers(0, vcpus * 3)),
                    "num_instances": int(rng.integers(0, 20)),
                    "num_io_ops": int(rng.choice([0, 0, 0, 1, 2, 5])),
                    "failed_builds": int(rng.choice([0, 0, 0, 0, 1])),
                    "hypervisor_version": int(rng.choice([7002000, 8002000])),
                }
            )
        return cls(rows)

    # -- its edges ----------------------------------------------------------------------
    @property
    def hosts(self):
        """The hosts as a DataFrame, a copy: one row per host, indexed by name."""
        import pandas as pd

        data, records = {"host": [state.host for state in self._states]}, self._records()
        for name, column in self._numbers().items():
            whole = name not in _RATIOS and not any(v != v or v % 1 for v in column.tolist())
            data[name] = column.astype("int64") if whole else column
        for name, default in TEXTS.items():
            usual = [default] * len(self)
            if name in ("nodename", "hypervisor_hostname"):
                usual = data["host"]
            values = [record[name] for record in records]
            if name not in ("host", "uuid") and values != usual:
                data[name] = values
        for name in dict.fromkeys(name for record in records for name in record["metrics"]):
            values = [record["metrics"].get(name, np.nan) for record in records]
            data[f"metric:{name}"] = np.array(values, dtype=float)
        return pd.DataFrame(data)

    def copy(self) -> "Fleet":
        """Return a fleet that can be filled on its own; what never changes is shared."""
        return self._with({name: each.copy() for name, each in self.inventories.items()})

    def of_a_cloud(self) -> "Fleet":
        """Return a copy that shares nothing: what its hosts report may change it.

        Its HostStates change through the methods of the fleet alone. Raises NotModelled for a
        fleet with several nodes of one host, ValueError for a host that has not said what it has.
        """
        for state in self._states:
            if state.is_one_of_several_nodes:
                raise NotModelled(
                    f"the host {state.host!r} has several nodes; in a Cloud each nova-compute has "
                    "one. Ask select_destinations or place, or give each node a host of its own"
                )
            for name, usual in NUMBERS.items():
                value = getattr(state, name)
                if usual is not None and (value is None or math.isnan(value)):
                    raise ValueError(f"{state.host}: {name} is missing; a host of a Cloud has it")
        inventories = {name: each.own() for name, each in self.inventories.items()}
        own = self._with(inventories)
        own._of_a_cloud = True
        return own

    def _with(self, inventories):
        other = object.__new__(Fleet)
        other.__dict__.update(self.__dict__)
        self._owned &= self._handed_out
        other._states, other._owned = list(self._states), set()
        for row in self._handed_out:
            other._own(row)
        other.providers = self.providers.copy(inventories)
        other._columns = None if self._columns is None else self.columns.own(other._states)
        other._handed_out, other._of_a_cloud = set(), False
        return other

    def first(self, n: int) -> "Fleet":
        """Return a fleet of the first n hosts (all of them, if there are fewer)."""
        names = list(self.rows)[: _size(n)]
        part = Fleet(self._records()[: len(names)], **self._tables(set(names)))
        part.reported = self.reported
        return part

    def replace(self, host: str, **values) -> "Fleet":
        """Return a copy in which one host has other numbers or texts.

        Its inventory follows, unless the fleet came with inventory records of its own.

        >>> Fleet([{"host": "cn-1"}]).replace("cn-1", free_ram_mb=512)["cn-1"].free_ram_mb
        512
        """
        for name, value in values.items():
            where = f"replace {arguments.shown(host)}"
            arguments.known(name, [*NUMBERS, *TEXTS], "replace: unknown column")
            if name in NUMBERS or name == "heartbeat_age_s":
                values[name] = _number(where, name, value, empty=True)
            elif name in _BOOLEANS:
                values[name] = _boolean(where, name, value)
            elif name == "traits":
                values[name] = arguments.all_of(name, value, str, "traits")
            elif name == "supported_instances":
                arguments.all_of(name, value, list | tuple, "lists, as [['x86_64', 'kvm', 'hvm']]")
        records = self._records()
        self[host]  # says which there are, if it is not there
        changed = self.rows[host]
        records[changed].update(values)
        tables = self._tables(set(self.rows))
        if not self.reported:
            return Fleet(records, **tables)
        other = Fleet(records, **(tables | {"inventories": []}))
        for name, inventory in other.inventories.items():
            used = inventory.used[changed] if values.keys() & NUMBERS.keys() else None
            inventory.used = self.inventories[name].used.copy()
            if used is not None:
                inventory.used[changed] = used
        return other

    def _records(self):
        return [
            _record(state, traits) for state, traits in zip(self._states, self.traits, strict=True)
        ]

    def _tables(self, names):
        rows = {host: row for host, row in self.rows.items() if host in names}
        hosts = {self._states[row].host for row in rows.values()}
        return {
            "aggregates": [
                dataclasses.replace(a, hosts=[host for host in a.hosts if host in hosts])
                for a in self.aggregates
            ],
            "instances": {host: self._states[row].instances for host, row in rows.items()},
            "inventories": [
                {"host": host, "resource_class": name, **record, "used": float(each.used[row])}
                for name, each in self.inventories.items()
                for host, row in rows.items()
                if (record := each.record(row))
            ],
            "pci_pools": [
                {"host": host, **pool}
                for host, row in rows.items()
                for pool in self._states[row].pci_stats.pools
            ],
        }

    # -- what a scheduler reads -----------------------------------------------------------
    def host_states(self, rows=None) -> list[HostState]:
        """Return HostStates of one's own: of some rows, or of all."""
        if rows is None:
            return [state.own() for state in self._states]
        return [self._states[row].own() for row in rows]

    @property
    def columns(self) -> Columns:
        """The numbers of all hosts as arrays."""
        if self._columns is None:
            self._columns = Columns(self._states)
        for row in self._handed_out:  # who has a HostState may have changed it
            self._columns.read(row, self._states[row])
        return self._columns

    def instances_on(self, host) -> dict:
        """Return the servers of a host, by name."""
        return dict(self[host].instances)

    def hosts_of(self, names) -> list[str]:
        """Return the hosts that have one of the servers of those names, in the fleet's order."""
        names = set(names)
        return [state.host for state in self._states if names & state.instances.keys()]

    def find(self, host, node=None, cell=None) -> list[str]:
        """Return the names of the rows with that host and node name in that cell."""
        return [
            state.node_name
            for state in self._states
            if host in (None, state.host)
            and node in (None, state.nodename)
            and cell in (None, state.cell_uuid)
        ]

    # -- what changes it ----------------------------------------------------------------
    def consume_from_request(self, row: int, spec_obj, building=True):
        """Count one more server on a host; unless *building* it is no I/O any more."""
        state = self._own(row)
        num_io_ops = state.num_io_ops
        state.consume_from_request(spec_obj)
        if not building:
            state.num_io_ops = num_io_ops
        self._changed(row, state)

    def add_instance(self, row: int, name: str, **known):
        """Note that a server is on a host, with the attributes of an Instance that are known."""
        self._own(row).instances[name] = Instance(name, **known)

    def set_service(self, host: str, field: str, value):
        """Change what is known of a host's nova-compute: ``forced_down`` or ``heartbeat_age_s``."""
        row = self.rows[host]
        state = self._states[row].own()  # what a scheduler has read already stays as it is
        state.update(service={**state.service, field: value})
        self._changed(row, state, numbers_only=False)

    def update_from_compute_node(self, row: int, compute, old):
        """Let a host have the numbers that its row has now, and the texts that have changed.

        Source: ``HostState._update_from_compute_node`` in nova/scheduler/host_manager.py, 34.0.0.
        """
        state = self._states[row].own()
        kept = ["uuid", "hypervisor_hostname", "metrics", "pci_stats"]
        kept += [
            name
            for name, column in _REPORTED.items()
            if old is None
            or old.updated_at is None
            or getattr(compute, column) == getattr(old, column)
        ]
        kept = {name: getattr(state, name) for name in kept}
        state.updated = None
        state.update(compute=compute)
        state.__dict__.update(kept)
        self._changed(row, state)

    def _changed(self, row, state, numbers_only=True):
        self._states[row] = state
        self._owned.add(row)
        if self._columns is not None:
            self._columns.read(row, state, numbers_only)


@functools.cache
def _spelled(*spec):
    # An entry of supported_instances as Nova's HVSpec stores it.
    names = ("hw_architecture", "img_hv_type", "hw_vm_mode")
    return tuple(canonicalize(name, value) for name, value in zip(names, spec, strict=True))


def _hv_spec(host, *spec):
    try:
        return _spelled(*spec)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{host}: supported_instances has {arguments.shown(list(spec))}; expected architecture, "
            f"hypervisor type and VM mode, such as 'x86_64 kvm hvm' ({error})"
        ) from None


def _dicts(name, records, key):
    records = arguments.all_of(name, records, dict, f"dicts with a {key!r}")
    for record in records:
        if not isinstance(record.get(key), str):
            raise ValueError(f"{name}: {arguments.shown(record)} names no {key}")
    return records


def _checked(aggregates, instances):
    aggregates = arguments.all_of("aggregates", aggregates, Aggregate, "Aggregates")
    instances = {} if instances is None else instances
    arguments.of_type(instances, dict, "not a dict {host: {server: properties}}", "instances")
    for servers in instances.values():
        arguments.of_type(servers, dict, "not a dict {server: properties}", "instances")
    return aggregates, instances


def _host_state(record, aggregates):
    host = record["host"]
    state = HostState(host, None, None)
    known = state.__dict__
    known.update(_USUAL, nodename=host, hypervisor_hostname=host)
    for name, value in record.items():
        if name in NUMBERS:
            whole = type(value) is int and name not in _RATIOS
            known[name] = value if whole else _plain(name, value, f"{host}: ")
        elif name in _USUAL and value is not None:
            known[name] = value
    state.uuid = state.uuid or _uuid(host)
    state.supported_instances = [[*_hv_spec(host, *one)] for one in state.supported_instances]
    service = {name: TEXTS[name] if record.get(name) is None else record[name] for name in _SERVICE}
    metrics = record.get("metrics") or {}
    state.metrics = metrics_from({name: _plain(name, value) for name, value in metrics.items()})
    state.pci_stats = PciDeviceStats()
    state.update(
        service={"host": host, "binary": "nova-compute", "topic": "compute", **service},
        aggregates=aggregates.get(host, []),
    )
    return state


def _uuid(name):
    return str(uuids.uuid5(uuids.NAMESPACE_DNS, name))


def _plain(name, value, where=""):
    # A whole number as int, as Nova's objects hold it; NaN for a missing one.
    try:
        value = math.nan if value is None else float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{where}{name} = {arguments.shown(value)}; expected a number") from None
    if name == "hypervisor_version" and math.isnan(value):
        return None
    return int(value) if name not in _RATIOS and value.is_integer() else value


def _instance(name, known):
    # What is known are properties of its image, and a few more.
    if known is None or isinstance(known, Instance):
        return known or Instance(name)
    more = {key: known[key] for key in _OF_INSTANCES if key in known}
    metadata = {f"image_{key}": value for key, value in known.items() if key not in more}
    return Instance(name, system_metadata=metadata, **more)


def _record(state, traits=()):
    record = {name: getattr(state, name) for name in (*NUMBERS, *_OF_HOST_STATE)}
    record |= {name: getattr(state, "service", TEXTS)[name] for name in _SERVICE}
    metrics = {metric.name: metric.value for metric in state.metrics}
    return record | {"traits": traits, "metrics": metrics}


def _size(n):
    return arguments.whole("n", n, f" of 0 or more, up to {MOST_HOSTS:,}", 0, MOST_HOSTS)


# -- from files and frames ----------------------------------------------------------------
class _Table:
    # A table as columns, and where its rows come from: a file, or a DataFrame.

    def __init__(self, name, header, columns, lines=None):
        self.name, self.header, self.columns, self.lines = name, header, columns, lines

    def __len__(self):
        return len(self.columns[0]) if self.columns else 0

    @classmethod
    def of_frame(cls, name, frame):
        """Return the table of a DataFrame."""
        header = [str(column) for column in frame.columns]
        return cls(name, header, [frame.iloc[:, at].tolist() for at in range(len(header))])

    @classmethod
    def of(cls, name, table):
        """Return the table of a DataFrame or a list of dicts; None of None."""
        if table is None or not isinstance(table, list):
            return None if table is None else cls.of_frame(name, table)
        header = list(dict.fromkeys(key for record in table for key in record))
        return cls(name, header, [[record.get(key) for record in table] for key in header])

    @classmethod
    def read(cls, path):
        """Read a file of comma-separated values; None when there is none."""
        if not path.is_file():
            return None
        rows, lines = [], []
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file, skipinitialspace=True, strict=True)
                header = [name.strip() for name in next(reader, [])]
                for row in reader:
                    if row:
                        rows.append(row)
                        lines.append(reader.line_num)
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: expected a text file in UTF-8 ({error})") from None
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: {error}") from None
        if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
            raise ValueError(f"{path}, line 1: {header[0]!r}; expected commas between the columns")
        for name in header:
            if not name or header.count(name) > 1:
                what = f"the column {name!r} is there twice" if name else "a column has no name"
                raise ValueError(f"{path}, line 1: {what}")
        for row, line in zip(rows, lines, strict=True):
            if len(row) != len(header):
                last = (
                    f"nothing is there for {header[len(row)]!r}"
                    if len(row) < len(header)
                    else f"behind {header[-1]!r} stands {row[len(header)]!r}"
                )
                raise ValueError(
                    f"{path}, line {line} ({row[0]}): {len(row)} values for the {len(header)} "
                    f"columns of line 1: {last}"
                )
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(header)
        return cls(str(path), header, columns, lines)

    def row(self, number) -> str:
        """Return where a row is, to begin a sentence with."""
        return f"{self.name}, " + (f"line {self.lines[number]}" if self.lines else f"row {number}")

    def named(self, number) -> str:
        """Return where a row is, and the host it speaks of."""
        host = self.column("host")[number] if "host" in self.header else None
        return f"{self.row(number)} ({host})"

    def column(self, name):
        """Return the values of a column."""
        return self.columns[self.header.index(name)]

    def records(self):
        """Yield each row as a dict."""
        for values in zip(*self.columns, strict=True):
            yield dict(zip(self.header, values, strict=True))

    def check(self, known, required, free=(), instead=None):
        """Refuse columns that are unknown or missing, all of them in one sentence."""
        bad = [
            (name, instead[name]) if instead and name in instead else (name, nearest(name, known))
            for name in self.header
            if name not in known and not name.startswith(free)
        ]
        if len(bad) == 1:
            raise ValueError(f"{self.name}: unknown column {bad[0][0]!r}; {bad[0][1]}")
        if bad:
            all_of_them = "; ".join(f"{name}: {hint}" for name, hint in bad)
            raise ValueError(f"{self.name}: {len(bad)} unknown columns; {all_of_them}")
        missing = [name for name in required if name not in self.header]
        if len(missing) == 1:
            raise ValueError(f"{self.name}: the column {missing[0]!r} is missing")
        if missing:
            raise ValueError(f"{self.name}: the columns {', '.join(missing)} are missing")

    def numbers(self, name, empty=False, least=None, whole=False):
        """Return the numbers of a column; None for what may be *empty*."""
        values = self.column(name)
        try:
            found = [float(value) for value in values]
        except (TypeError, ValueError):
            found = [math.nan]
        kinds = {type(value) for value in values}
        if kinds & {bool, np.bool_} or not all(map(math.isfinite, found)):
            found = [
                _number(self.named(row), name, value, empty) for row, value in enumerate(values)
            ]
        if None not in found:
            array = np.array(found)
            plain = _whole_numbers(array)
            if plain is not None and (least is None or not len(array) or array.min() >= least):
                return plain
        for row, value in enumerate(found):
            if value is not None and least is not None and value < least:
                raise ValueError(
                    f"{self.named(row)}: {name} = {digits(value)}; expected {least} or more"
                )
            if value is not None and whole and not value.is_integer():
                raise ValueError(
                    f"{self.named(row)}: {name} = {digits(value)}; expected a whole number"
                )
        return found


def _whole_numbers(array):
    # None if some are none, or too large for it.
    if (array % 1 == 0).all() and (np.abs(array) < 2**62).all():
        return array.astype("int64").tolist()
    return None


def _unknown_host(host, nodes):
    if host in nodes:
        return f"the host {host!r}, which has several nodes; name one of {', '.join(nodes[host])}"
    return f"an unknown host {host!r}"


def _read_aggregates(path):
    if not path.is_file():
        return []
    try:
        text = path.read_text(encoding="utf-8-sig")
        entries = json.loads(text, object_pairs_hook=_once_each)
        if not isinstance(entries, dict):
            raise ValueError('expected {"name": {"hosts": [...], "metadata": {...}}}')
        return [_aggregate(name, entry) for name, entry in entries.items()]
    except ValueError as error:  # json's and those of UTF-8 are among them
        raise ValueError(f"{path}: {error}") from None


def _once_each(pairs):
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name!r} is there twice")
    return dict(pairs)


def _aggregate(name, entry):
    where = f"aggregate {name!r}"
    if not isinstance(entry, dict):
        raise ValueError(f"{where}: {entry!r}; expected an object with hosts and metadata")
    for key in entry:
        arguments.known(key, ("hosts", "metadata"), f"{where}: unknown key")
    hosts, metadata = entry.get("hosts", []), entry.get("metadata", {})
    if not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
        raise ValueError(f"{where}: hosts = {hosts!r}; expected a list of names")
    if len(set(hosts)) < len(hosts):
        raise ValueError(f"{where}: hosts = {hosts!r}; expected each host once")
    if not isinstance(metadata, dict):
        raise ValueError(f"{where}: metadata = {metadata!r}; expected keys with a text each")
    return Aggregate(name, tuple(hosts), metadata)


def _with_host_column(hosts):
    if "host" not in hosts.columns and hosts.index.name == "host":
        hosts = hosts.reset_index()
    return hosts


def _host_rows(table):
    table.check([*TEXTS, *NUMBERS], (), ("metric:", "stat:"), _OF_HYPERVISORS)
    table.check(table.header, _REQUIRED)
    for number, host in enumerate(table.column("host")):
        if not isinstance(host, str) or not host.strip():
            raise ValueError(
                f"{table.row(number)}: host = {arguments.shown(host)}; expected a name"
            )
    plain, metrics, stats = {}, {}, {}
    for name, values in zip(table.header, table.columns, strict=True):
        if name in NUMBERS:
            least = 0 if name in _NEVER_NEGATIVE else None
            plain[name] = table.numbers(name, empty=name == "hypervisor_version", least=least)
        elif name == "heartbeat_age_s":
            plain[name] = table.numbers(name)
        elif name.startswith("metric:"):
            metrics[name.partition(":")[2]] = table.numbers(name, empty=True, whole=True)
        elif name.startswith("stat:"):
            stats[name.partition(":")[2]] = values
        elif name in _BOOLEANS:
            plain[name] = [
                _boolean(table.named(row), name, value) for row, value in enumerate(values)
            ]
        elif name != "stats":
            read = _READERS.get(name, lambda value: value)
            plain[name] = [
                None if _is_empty(value) else read(value) if isinstance(value, str) else value
                for value in values
            ]
    rows = [dict(zip(plain, values, strict=True)) for values in zip(*plain.values(), strict=True)]
    for number, row in enumerate(rows):
        measured = ((name, values[number]) for name, values in metrics.items())
        row["metrics"] = {name: value for name, value in measured if value is not None}
    if stats or "stats" in table.header:
        _add_stats(table, rows, stats)
    return rows


#: Texts that stand for more than a text.
_READERS = {
    "supported_instances": lambda text: [part.split() for part in text.split(";") if part.strip()],
    "traits": lambda text: tuple(text.split()),
}
#: What HostState reads of a host's stats where it has no column of its own.
_OF_STATS = {
    "num_instances": "num_instances",
    "io_workload": "num_io_ops",
    "failed_builds": "failed_builds",
}


def _add_stats(table, rows, columns):
    given = table.column("stats") if "stats" in table.header else [None] * len(rows)
    for number, row in enumerate(rows):
        stats = dict(given[number] or {})
        stats |= {key: str(values[number]) for key, values in columns.items()}
        if stats:
            row["stats"] = stats
        for key, name in _OF_STATS.items():
            if key in stats and name not in table.header:
                row[name] = _number(table.named(number), f"stat:{key}", stats[key])


def _number(where, name, value, empty=False):
    if _is_empty(value):
        if empty:
            return None
        raise ValueError(f"{where}: {name} is empty; expected a number")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{where}: {name} = {arguments.shown(value)}; expected a number") from None
    if isinstance(value, bool | np.bool_) or not math.isfinite(number):
        raise ValueError(f"{where}: {name} = {arguments.shown(value)}; expected a number")
    return number


def _boolean(where, name, value):
    text = arguments.shown(value).strip("' ").lower()
    if text not in ("true", "false", "1", "0", "yes", "no", ""):
        raise ValueError(f"{where}: {name} = {arguments.shown(value)}; expected true or false")
    return text in ("true", "1", "yes")


def _is_empty(value):
    if isinstance(value, str):
        return not value.strip()
    missing = value is None or type(value).__name__ in ("NAType", "NaTType")
    return missing or (isinstance(value, Real) and value != value)


def _instances(table):
    table.check(table.header, ("instance", "host"))
    found, seen = {}, set()
    for number, record in enumerate(table.records()):
        name, host = record.pop("instance"), record.pop("host")
        if _is_empty(name) or name in seen:
            what = "expected a name" if _is_empty(name) else "the server is named twice"
            raise ValueError(f"{table.named(number)}: instance = {name!r}; {what}")
        seen.add(name)
        found.setdefault(host, {})[name] = {k: v for k, v in record.items() if not _is_empty(v)}
    return found


def _checked_records(table, numbers, known, nodes):
    # *numbers* by column, as _Table.numbers takes them.
    for number, host in enumerate(table.column("host") if "host" in table.header else []):
        if host not in known:
            why = _unknown_host(host, nodes).removeprefix("an ")
            raise ValueError(f"{table.row(number)}: {why}")
    columns = {
        name: table.numbers(name, **how) for name, how in numbers.items() if name in table.header
    }
    for number, record in enumerate(table.records()):
        yield number, record | {name: values[number] for name, values in columns.items()}


def _inventories(table, known, nodes):
    if table is None or not len(table):
        return []
    table.check(_INVENTORY, ("host", "resource_class"))
    numbers = {
        name: {"empty": True, "least": least, "whole": True}
        for name, least in (("reserved", 0), ("min_unit", 1), ("max_unit", 1), ("step_size", 1))
    } | {
        "used": {"empty": True, "least": 0, "whole": True},
        "allocation_ratio": {"empty": True, "least": 0},
        "total": {"least": 0, "whole": True},
    }
    found = {}
    for number, record in _checked_records(table, numbers, known, nodes):
        where, name = table.named(number), record["resource_class"]
        if _is_empty(name):
            raise ValueError(f"{where}: resource_class is missing")
        if name not in RESOURCE_CLASSES and not str(name).startswith("CUSTOM_"):
            raise ValueError(
                f"{where}: unknown resource_class {name!r}; {nearest(str(name), RESOURCE_CLASSES)}, "
                "or a name that begins with CUSTOM_"
            )
        if record.get("total") is None:
            raise ValueError(f"{where}: total is empty; expected a number")
        if (record.get("reserved") or 0) > record["total"]:
            raise ValueError(
                f"{where}: reserved = {digits(record['reserved'])}; expected no more than total = "
                f"{digits(record['total'])}"
            )
        if (record["host"], name) in found:
            raise ValueError(f"{where}: {name} of this host is there twice")
        found[record["host"], name] = record
    return list(found.values())


def _pools(table, known, nodes):
    if table is None or not len(table):
        return []
    for name in table.header:
        near = difflib.get_close_matches(name, _POOL, 1, 0.8)
        if near:
            arguments.known(name, _POOL, f"{table.name}: unknown column")
    table.check(table.header, ("host",))
    found = []
    for number, record in _checked_records(
        table, {"count": {"least": 0, "whole": True}}, known, nodes
    ):
        if record.get("count") is None:
            raise ValueError(f"{table.named(number)}: count is empty; expected a number")
        found.append(record | {"count": int(record["count"])})
    return found
