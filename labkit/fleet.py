"""Fleet: the compute nodes as columns, beside small tables of what belongs to them."""

import uuid as uuids

import numpy as np

from labkit.fleet_masks import FleetMasks
from labkit.neighbours import placement
from labkit.nova.scheduler.host_manager import (
    CONSUMED,
    NUMBERS,
    Hosts,
    HostState,
    update_from_compute_node,
)

#: HostState's attributes that are no numbers, with what a host has when nothing is said.
TEXTS = {
    "host": None,
    "nodename": None,
    "uuid": None,
    "cell_uuid": "cell1",
    "host_ip": None,
    "hypervisor_type": "QEMU",
    "hypervisor_hostname": None,
    "cpu_info": "",
    "supported_instances": (("x86_64", "kvm", "hvm"),),
    "stats": {},
    "traits": (),
    "disabled": False,
    "disabled_reason": None,
    "forced_down": False,
    "heartbeat_age_s": 0.0,
}


#: Texts that a host reports, and what they are called in its row.
REPORTED_TEXTS = {
    "host_ip": "host_ip",
    "hypervisor_type": "hypervisor_type",
    "cpu_info": "cpu_info",
    "supported_instances": "supported_hv_specs",
}


class Fleet(FleetMasks):
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
        rows = list(rows)
        self.columns = {
            name: np.array([_float(row.get(name, default)) for row in rows], dtype=float)
            for name, default in NUMBERS.items()
        }
        self.texts = {name: [_text(row, name) for row in rows] for name in TEXTS}
        self.rows = {host: row for row, host in enumerate(self.texts["host"])}
        self.every_row = np.arange(len(rows))
        self.aggregates = tuple(aggregates)
        self.metrics = _metric_columns([row.get("metrics") or {} for row in rows])
        self.instances = [dict((instances or {}).get(host, {})) for host in self.rows]
        self.pci_pools = [[] for _ in rows]
        for pool in pci_pools:
            self.pci_pools[self.rows[pool["host"]]].append(
                {key: value for key, value in pool.items() if key != "host"}
            )
        self.free_pci_devices = np.array(
            [float(sum(pool["count"] for pool in pools)) for pools in self.pci_pools]
        )
        inventories = list(inventories)
        self.reported = not inventories  # each host's own numbers are its inventory
        self.inventories = placement.inventories(self.columns, self.rows, inventories)
        self._static = {}

    def __len__(self):
        return len(self.every_row)

    def __getitem__(self, host) -> HostState:
        """Return one host by name; KeyError names the hosts there are."""
        if host not in self.rows:
            few = ", ".join(list(self.rows)[:10])
            raise KeyError(f"no host {host!r} in the fleet; there are {few or 'none'}")
        return HostState(self, self.rows[host])

    def __iter__(self):
        return iter(self.all_hosts)

    def __repr__(self):
        return f"<Fleet of {len(self)} hosts>"

    @property
    def all_hosts(self) -> Hosts:
        """Every host, in the fleet's order."""
        return Hosts(self, self.every_row)

    # -- making one ---------------------------------------------------------------------
    @classmethod
    def read(cls, folder) -> "Fleet":
        """Read ``hosts.csv`` and, where present, aggregates, instances and inventories.

        In: a folder as described in data/README.md. Raises ValueError that names file, row,
        column and what was expected; FileNotFoundError when there is no hosts.csv.

        >>> Fleet.read("data/four_hosts")
        <Fleet of 4 hosts>
        """
        from labkit import fleet_files

        return fleet_files.read(folder)

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
        from labkit import fleet_files

        return fleet_files.from_frame(hosts, aggregates, instances, inventories, pci_pools)

    @classmethod
    def from_compute_nodes(cls, compute_nodes, **tables) -> "Fleet":
        """Make a fleet from ComputeNodes, as HostState derives its numbers; rows without usage
        stay out.

        Source: ``HostState._update_from_compute_node`` in nova/scheduler/host_manager.py, 34.0.0.
        """
        rows = [update_from_compute_node(compute) for compute in compute_nodes]
        return cls([row for row in rows if row is not None], **tables)

    @classmethod
    def random(cls, n: int, seed: int = 0) -> "Fleet":
        """Return n unlike, partly filled hosts; the same *seed* gives the same fleet.

        >>> Fleet.random(3, seed=1).columns["free_ram_mb"].tolist()
        [4096.0, 67072.0, 214528.0]
        """
        rng = np.random.default_rng(seed)
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
        from labkit import fleet_files

        return fleet_files.frame(self)

    def copy(self) -> "Fleet":
        """Return a fleet that can be filled on its own; what never changes is shared."""
        other = object.__new__(Fleet)
        other.__dict__.update(self.__dict__)
        other.columns = dict(self.columns)
        for name in CONSUMED:
            other.columns[name] = self.columns[name].copy()
        other.inventories = {name: inv.copy() for name, inv in self.inventories.items()}
        other.instances = list(self.instances)
        return other

    def first(self, n: int) -> "Fleet":
        """Return a fleet of the first n hosts (all of them, if there are fewer)."""
        from labkit import fleet_files

        return fleet_files.subset(self, list(self.rows)[: _size(n)])

    def replace(self, host: str, **values) -> "Fleet":
        """Return a copy in which one host has other numbers or texts.

        Its inventory follows, unless the fleet came with inventory records of its own.

        >>> Fleet([{"host": "cn-1"}]).replace("cn-1", free_ram_mb=512)["cn-1"].free_ram_mb
        512
        """
        from labkit import fleet_files

        return fleet_files.replaced(self, self[host], values)

    # -- what the engine asks -----------------------------------------------------------
    def find(self, host, node=None, cell=None):
        """Return the name of the host with that host and node name in that cell, or None."""
        nodes, cells = self.texts["nodename"], self.texts["cell_uuid"]
        for name, row in self.rows.items():
            if host in (None, name) and node in (None, nodes[row]) and cell in (None, cells[row]):
                return name
        return None

    def consume_from_request(self, row: int, spec_obj):
        """Book one server on a host, as HostState.consume_from_request does (swap not counted).

        With too few PCI devices it stops before PCI and I/O are booked, as in Nova.
        """
        columns = self.columns
        columns["free_ram_mb"][row] -= spec_obj.memory_mb
        columns["free_disk_mb"][row] -= (spec_obj.root_gb + spec_obj.ephemeral_gb) * 1024
        columns["vcpus_used"][row] += spec_obj.vcpus
        columns["num_instances"][row] += 1
        if spec_obj.pci_requests:
            if spec_obj.pci_requests > self.free_pci_devices[row]:
                return
            self._take_pci(row, spec_obj.pci_requests)
        columns["num_io_ops"][row] += 1

    def update_from_compute_node(self, row: int, compute, old):
        """Let a host have the numbers that its row has now, and the texts that have changed.

        Source: ``HostState._update_from_compute_node`` in nova/scheduler/host_manager.py, 34.0.0.
        """
        values = update_from_compute_node(compute)
        columns, texts = self.columns, self.texts
        for name in NUMBERS:
            columns[name][row] = _float(values[name])
        texts["stats"][row] = values["stats"]
        if old is not None and old.updated_at is not None:
            for name, column in REPORTED_TEXTS.items():
                if getattr(compute, column) != getattr(old, column):
                    texts[name][row] = values[name]

    def add_instance(self, row: int, name: str, properties=None):
        """Note that a server is on a host; without properties only its name is known."""
        properties = None if properties is None else dict(properties)
        self.instances[row] = {**self.instances[row], name: properties}

    def _take_pci(self, row, wanted):
        self.pci_pools = [[dict(pool) for pool in pools] for pools in self.pci_pools]
        self.free_pci_devices = self.free_pci_devices.copy()
        self.free_pci_devices[row] -= wanted
        for pool in self.pci_pools[row]:
            taken = min(wanted, pool["count"])
            pool["count"] -= taken
            wanted -= taken


def _float(value):
    return np.nan if value is None else float(value)


def _size(n):
    if isinstance(n, bool) or not hasattr(n, "__index__") or n < 0:
        raise ValueError(f"{n!r} hosts: expected a whole number of 0 or more")
    return int(n)


def _text(row, name):
    value = row.get(name)
    if value is not None:
        return value
    if name in ("nodename", "hypervisor_hostname"):
        return row["host"]
    if name == "uuid":
        return str(uuids.uuid5(uuids.NAMESPACE_DNS, row["host"]))
    return TEXTS[name]


def _metric_columns(reports):
    names = list(dict.fromkeys(name for report in reports for name in report))
    return {
        name: np.array([float(report.get(name, np.nan)) for report in reports]) for name in names
    }
