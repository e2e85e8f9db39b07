"""Fleet: the compute nodes that a scheduler knows.

In: folders and DataFrames. Out: HostStates, beside them aggregates, inventories and instances.

Uses: neighbours, nova.
"""

import dataclasses
import difflib
import json
import math
import uuid as uuids
from numbers import Real
from pathlib import Path

import numpy as np

from labkit.neighbours import arguments, placement
from labkit.nova.objects.aggregate import Aggregate
from labkit.nova.objects.compute_node import ComputeNode
from labkit.nova.pci.stats import PciDeviceStats
from labkit.nova.scheduler.fast import Columns
from labkit.nova.scheduler.host_manager import NUMBERS, HostState, Instance, metrics_from

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
#: As many as ``random`` and ``first`` are asked for, at most.
MOST_HOSTS = 1_000_000
#: Of these the nova-compute service, and what HostState has of a host.
_SERVICE = ("disabled", "disabled_reason", "forced_down", "heartbeat_age_s")
_OF_HOST_STATE = [name for name in TEXTS if name not in ("traits", *_SERVICE)]
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
_NEVER_NEGATIVE = ("total_usable_ram_mb", "total_usable_disk_gb", "vcpus_total", "num_instances")
_BOOLEANS = ("disabled", "forced_down")
#: What may be said of a server beside the properties of its image.
_OF_INSTANCES = ("project_id", "user_id", "vm_state", "task_state", "flavor", "hostname")


class Fleet:
    """All compute nodes that the scheduler knows, with aggregates, servers and inventories.

    In: n dicts of HostState's attributes (RAM in MiB, ``_gb`` in GiB), Aggregates, a dict of
    servers ``{host: {server: image properties}}``, inventory records
    ``{host, resource_class, total, ...}`` and PCI pools ``{host, count}``. Without inventory
    records each host reports VCPU, MEMORY_MB and DISK_GB from its own numbers.
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
        self.rows = {state.host: row for row, state in enumerate(self._states)}
        for host, servers in (instances or {}).items():
            if host in self.rows:
                found = {name: _instance(name, known) for name, known in servers.items()}
                self._states[self.rows[host]].instances = found
        for pool in pci_pools:
            pools = self._states[self.rows[pool["host"]]].pci_stats.pools
            pools.append({key: value for key, value in pool.items() if key != "host"})
        self.traits = [_given(record, "traits") for record in records]
        self.reported = not inventories  # each host's own numbers are its inventory
        self.providers = placement.Providers(
            self.rows,
            placement.inventories(self._numbers(), self.rows, inventories),
            [self._all_traits(row) for row in range(len(records))],
            {aggregate.name: aggregate.hosts for aggregate in self.aggregates},
        )
        self._columns = None
        self._owned = set(range(len(records)))  # the others are shared with copies
        self._handed_out = set()
        self._of_a_cloud = False

    def _own(self, row):
        """Return a HostState that may be changed."""
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
        """Return a host's traits; that of a disabled service is set by its nova-compute."""
        disabled = self._states[row].service["disabled"]
        return {*self.traits[row], *(["COMPUTE_STATUS_DISABLED"] if disabled else [])}

    def __len__(self):
        return len(self._states)

    def __getitem__(self, host) -> HostState:
        """Return one host by name; KeyError names the hosts there are."""
        if not isinstance(host, str) or host not in self.rows:
            few = ", ".join(list(self.rows)[:10])
            raise KeyError(
                f"no host {arguments.shown(host)} in the fleet; there are {few or 'none'}"
            )
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
        import pandas as pd

        folder = Path(arguments.path("folder", folder))
        if not (folder / "hosts.csv").is_file():
            raise FileNotFoundError(f"{folder} holds no hosts.csv; a fleet is a folder with one")

        def table(name):
            path = folder / name
            if not path.is_file():
                return None
            return pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)

        instances = table("instances.csv")
        return cls.from_frame(
            table("hosts.csv"),
            _read_aggregates(folder / "aggregates.json"),
            None if instances is None else _instances(instances),
            table("inventories.csv"),
            table("pci_pools.csv"),
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
        hosts = _with_host_column(hosts)
        _check_columns(hosts)
        rows = [_row(number, record) for number, record in enumerate(hosts.to_dict("records"))]
        known = set()
        for number, row in enumerate(rows):
            if row["host"] in known:
                raise ValueError(f"hosts, row {number}: the host {row['host']!r} is named twice")
            known.add(row["host"])
        for aggregate in aggregates:
            for host in aggregate.hosts:
                if host not in known:
                    raise ValueError(f"aggregate {aggregate.name!r} names an unknown host {host!r}")
        for host in instances or {}:
            if host not in known:
                raise ValueError(f"instances name an unknown host {host!r}")
        return cls(
            rows,
            aggregates,
            instances,
            _records("inventories", inventories, known, (*placement.FIELDS, "used")),
            _records("pci_pools", pci_pools, known, ("count",)),
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

        data, records = {"host": list(self.rows)}, self._records()
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

        Its HostStates change through the methods of the fleet alone.
        """
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
            if name not in NUMBERS and name not in TEXTS:
                _unknown("replace", name, [*NUMBERS, *TEXTS])
            if name in NUMBERS or name == "heartbeat_age_s":
                values[name] = _number(where, name, value, empty=True)
            elif name in _BOOLEANS:
                values[name] = _boolean(where, name, value)
            elif name == "traits":
                arguments.all_of(name, value, str, "traits")
            elif name == "supported_instances":
                arguments.all_of(name, value, list | tuple, "lists, as [['x86_64', 'kvm', 'hvm']]")
        records = self._records()
        changed = self.rows[self[host].host]
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
        """Return each host as the dict that it can be made of again."""
        return [
            _record(state, traits) for state, traits in zip(self._states, self.traits, strict=True)
        ]

    def _tables(self, names):
        """Return the small tables of the named hosts as Fleet takes them."""
        rows = {host: row for host, row in self.rows.items() if host in names}
        return {
            "aggregates": [
                dataclasses.replace(a, hosts=[host for host in a.hosts if host in names])
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

    def find(self, host, node=None, cell=None):
        """Return the name of the host with that host and node name in that cell, or None."""
        for state in self._states:
            wanted = ((host, state.host), (node, state.nodename), (cell, state.cell_uuid))
            if all(name in (None, has) for name, has in wanted):
                return state.host
        return None

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
        for name in NUMBERS:
            setattr(state, name, _plain(name, getattr(state, name)))
        self._changed(row, state)

    def _changed(self, row, state, numbers_only=True):
        self._states[row] = state
        self._owned.add(row)
        if self._columns is not None:
            self._columns.read(row, state, numbers_only)


def _dicts(name, records, key):
    """Return the records as a list. Raises TypeError or ValueError for one that is no dict with a *key*."""
    records = arguments.all_of(name, records, dict, f"dicts with a {key!r}")
    for record in records:
        if not isinstance(record.get(key), str):
            raise ValueError(f"{name}: {arguments.shown(record)} names no {key}")
    return records


def _checked(aggregates, instances):
    """Return both. Raises TypeError for no list of Aggregates, and no dict {host: {server: ...}}."""
    aggregates = arguments.all_of("aggregates", aggregates, Aggregate, "Aggregates")
    instances = {} if instances is None else instances
    arguments.of_type(instances, dict, "not a dict {host: {server: properties}}", "instances")
    for servers in instances.values():
        arguments.of_type(servers, dict, "not a dict {server: properties}", "instances")
    return aggregates, instances


def _host_state(record, aggregates):
    """Return the HostState of a row's dict; *aggregates* by host."""
    host = record["host"]
    state = HostState(host, None, None)
    for name, default in NUMBERS.items():
        setattr(state, name, _plain(name, record.get(name, default)))
    for name in _OF_HOST_STATE:
        setattr(state, name, _given(record, name))
    state.supported_instances = [list(one) for one in state.supported_instances]
    service = {name: _given(record, name) for name in _SERVICE}
    metrics = {name: _plain(name, value) for name, value in (record.get("metrics") or {}).items()}
    state.metrics = metrics_from(metrics)
    state.pci_stats = PciDeviceStats()
    state.update(
        service={"host": host, "binary": "nova-compute", "topic": "compute", **service},
        aggregates=aggregates.get(host, []),
    )
    return state


def _given(record, name):
    """Return what a row's dict says, or what is usual."""
    value = record.get(name)
    if value is not None:
        return value
    if name in ("nodename", "hypervisor_hostname"):
        return record["host"]
    if name == "uuid":
        return str(uuids.uuid5(uuids.NAMESPACE_DNS, record["host"]))
    return TEXTS[name]


def _plain(name, value):
    """Return a whole number as int, as Nova's objects hold it; NaN for a missing one."""
    value = math.nan if value is None else float(value)
    if name == "hypervisor_version" and math.isnan(value):
        return None
    return int(value) if name not in _RATIOS and value.is_integer() else value


def _instance(name, known):
    """Return a server of a host; what is known are properties of its image, and a few more."""
    if known is None or isinstance(known, Instance):
        return known or Instance(name)
    more = {key: known[key] for key in _OF_INSTANCES if key in known}
    metadata = {f"image_{key}": value for key, value in known.items() if key not in more}
    return Instance(name, system_metadata=metadata, **more)


def _record(state, traits=()):
    """Return the dict that a HostState can be made of again."""
    record = {name: getattr(state, name) for name in (*NUMBERS, *_OF_HOST_STATE)}
    record |= {name: getattr(state, "service", TEXTS)[name] for name in _SERVICE}
    metrics = {metric.name: metric.value for metric in state.metrics}
    return record | {"traits": traits, "metrics": metrics}


def _size(n):
    if not arguments.is_whole(n, 0, MOST_HOSTS):
        raise ValueError(
            f"{arguments.shown(n)} hosts: expected a whole number of 0 or more, up to {MOST_HOSTS:,}"
        )
    return int(n)


# -- from files and frames ----------------------------------------------------------------
def _read_aggregates(path):
    if not path.is_file():
        return []
    try:
        return [
            Aggregate(name, tuple(entry.get("hosts", ())), dict(entry.get("metadata", {})))
            for name, entry in json.loads(path.read_text(encoding="utf-8")).items()
        ]
    except (json.JSONDecodeError, AttributeError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from None


def _with_host_column(hosts):
    if "host" not in hosts.columns and hosts.index.name == "host":
        hosts = hosts.reset_index()
    return hosts


def _check_columns(hosts):
    known = [*TEXTS, *NUMBERS]
    for name in hosts.columns:
        if name not in known and not str(name).startswith(("metric:", "stat:")):
            _unknown("hosts", str(name), known)
    for name in _REQUIRED:
        if name not in hosts.columns:
            raise ValueError(f"hosts: the column {name!r} is missing")


def _unknown(table, name, known):
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    raise ValueError(f"{table}: unknown column {name!r}; {hint}")


def _row(number, record):
    where = f"hosts, row {number} ({record['host']})"
    row = {"metrics": {}}
    stats = dict(record.get("stats") or {})
    if not isinstance(record["host"], str) or not record["host"].strip():
        raise ValueError(f"hosts, row {number}: host = {record['host']!r}; expected a name")
    for name, value in record.items():
        if name in NUMBERS or name == "heartbeat_age_s":
            row[name] = _number(where, name, value, empty=name == "hypervisor_version")
        elif name.startswith("metric:"):
            value = _number(where, name, value, empty=True)
            if value is not None:
                row["metrics"][name.partition(":")[2]] = value
        elif name.startswith("stat:"):
            stats[name.partition(":")[2]] = str(value)
        elif name in _BOOLEANS:
            row[name] = _boolean(where, name, value)
        elif name == "supported_instances" and isinstance(value, str):
            row[name] = [part.split() for part in value.split(";") if part.strip()]
        elif name == "traits" and isinstance(value, str):
            row[name] = tuple(value.split())
        elif name != "stats":
            row[name] = None if _is_empty(value) else value
    for name in _NEVER_NEGATIVE:
        if row.get(name, 0) < 0:
            raise ValueError(f"{where}: {name} = {row[name]:g}; expected 0 or more")
    if stats:
        row["stats"] = stats
        for key, name in (
            ("num_instances", "num_instances"),
            ("io_workload", "num_io_ops"),
            ("failed_builds", "failed_builds"),
        ):
            if key in stats and name not in record:
                row[name] = _number(where, f"stat:{key}", stats[key])
    return row


def _number(where, name, value, empty=False):
    if _is_empty(value):
        if empty:
            return None
        raise ValueError(f"{where}: {name} is empty; expected a number")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{where}: {name} = {arguments.shown(value)}; expected a number") from None
    if isinstance(value, bool) or math.isinf(number):
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
    for name in ("instance", "host"):
        if name not in table.columns:
            raise ValueError(f"instances: the column {name!r} is missing")
    found = {}
    for record in table.to_dict("records"):
        name, host = record.pop("instance"), record.pop("host")
        found.setdefault(host, {})[name] = {k: v for k, v in record.items() if not _is_empty(v)}
    return found


def _records(name, table, known, numbers):
    if table is None:
        return []
    records = table if isinstance(table, list) else table.to_dict("records")
    found = []
    for number, record in enumerate(records):
        where = f"{name}, row {number} ({record.get('host')})"
        if record.get("host") not in known:
            raise ValueError(f"{name}, row {number}: unknown host {record.get('host')!r}")
        if name == "inventories" and _is_empty(record.get("resource_class")):
            raise ValueError(f"{where}: resource_class is missing")
        must = "total" if name == "inventories" else "count"
        clean = dict(record)
        for key in numbers:
            if key in record or key == must:
                clean[key] = _number(where, key, record.get(key), empty=key != must)
        if clean[must] < 0:
            raise ValueError(f"{where}: {must} = {clean[must]:g}; expected 0 or more")
        if name == "pci_pools":
            clean["count"] = int(clean["count"])
        found.append(clean)
    return found
