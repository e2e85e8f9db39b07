"""Placement as far as the scheduler needs it: inventories, allocation candidates, claims."""

from dataclasses import dataclass, field

import numpy as np

#: What one inventory record says about one resource class of one host.
FIELDS = ("total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio")
DEFAULTS = {
    "reserved": 0.0,
    "min_unit": 1.0,
    "max_unit": np.nan,
    "step_size": 1.0,
    "allocation_ratio": 1.0,
}
#: The inventory that a compute node reports: its total, and the ratio beside it.
REPORTED = {
    "VCPU": ("vcpus_total", "cpu_allocation_ratio"),
    "MEMORY_MB": ("total_usable_ram_mb", "ram_allocation_ratio"),
    "DISK_GB": ("total_usable_disk_gb", "disk_allocation_ratio"),
}


#: The classes that a libvirt driver reports, or does not when there is nothing of them.
DRIVERS = {*REPORTED, "PCPU"}


@dataclass
class Inventory:
    """One resource class over all hosts: n float64 columns; total is NaN where there is none."""

    columns: dict[str, np.ndarray]
    used: np.ndarray
    _units: dict = field(default_factory=dict)

    def __post_init__(self):
        columns = self.columns
        columns["max_unit"] = np.where(
            np.isnan(columns["max_unit"]), columns["total"], columns["max_unit"]
        )
        self.capacity = (columns["total"] - columns["reserved"]) * columns["allocation_ratio"]

    def fits(self, amount: int) -> np.ndarray:
        """Return a mask of the hosts where *amount* still fits.

        Source: ``_get_providers_with_resource`` in
        placement/objects/research_context.py, Placement 16.0.0.
        """
        return (self.used + amount <= self.capacity) & self.unit_fits(amount)

    def unit_fits(self, amount: int) -> np.ndarray:
        """Return a mask of the hosts whose min_unit, max_unit and step_size allow *amount*."""
        mask = self._units.get(amount)
        if mask is None:
            low, high, step = (self.columns[c] for c in ("min_unit", "max_unit", "step_size"))
            with np.errstate(invalid="ignore"):
                mask = (low <= amount) & (amount <= high) & (np.mod(amount, step) == 0)
            self._units[amount] = mask
        return mask

    def copy(self) -> "Inventory":
        """Return a copy with its own ``used``; all else is shared."""
        other = object.__new__(Inventory)
        other.columns, other.capacity, other._units = self.columns, self.capacity, self._units
        other.used = self.used.copy()
        return other

    def own(self) -> "Inventory":
        """Return a copy that shares nothing: what hosts report may change it."""
        return Inventory(
            {name: column.copy() for name, column in self.columns.items()}, self.used.copy()
        )

    def put(self, row: int, record: dict | None):
        """Replace what is known of one host, by the fields of FIELDS; None: it has none of it."""
        columns = self.columns
        for name in FIELDS:
            columns[name][row] = record[name] if record else DEFAULTS.get(name, np.nan)
        reserved, ratio = columns["reserved"][row], columns["allocation_ratio"][row]
        self.capacity[row] = (columns["total"][row] - reserved) * ratio
        self._units.clear()

    def record(self, row: int) -> dict:
        """Return what is known of one host; empty where it has none of it."""
        if np.isnan(self.columns["total"][row]):
            return {}
        return {name: _plain(self.columns[name][row]) for name in FIELDS}

    def reason(self, name: str, row: int, amount: int) -> str:
        """Return why *amount* of the class does not fit on the host of that row."""
        value = {key: column[row] for key, column in self.columns.items()}
        if np.isnan(value["total"]):
            return f"no inventory of {name}"
        if amount < value["min_unit"]:
            return f"{name} {amount} < min_unit {value['min_unit']:g}"
        if amount > value["max_unit"]:
            return f"{name} {amount} > max_unit {value['max_unit']:g}"
        if amount % value["step_size"]:
            return f"{name} {amount} is not a multiple of step_size {value['step_size']:g}"
        return (
            f"{name}: used {self.used[row]:g} + {amount} > capacity {self.capacity[row]:g}"
            f" = ({value['total']:g} - {value['reserved']:g}) * {value['allocation_ratio']:g}"
        )


def allocation_candidates(fleet, request, trace=None):
    """Return the hosts of the fleet that can hold the request, in the fleet's order.

    In: a fleet and a ResourceRequest. Out: Hosts; at most ``request.limit`` of them.

    Source: ``GET /allocation_candidates`` of Placement 16.0.0, for providers without children
    and without sharing. Unlike Placement, which keeps no order, the first in the fleet's order
    are kept when there are more than the limit; and a trait that no host has is simply absent,
    where Placement refuses a query with a name that nobody has created.
    """
    hosts = fleet.all_hosts
    for name, mask, reason in request.constraints(fleet):
        left = hosts.keep(hosts.take(mask))
        if trace is not None:
            trace.stage(name, hosts, left, _constant(reason))
        hosts = left
    fits = None
    for name, amount in request.resources.items():
        inventory = fleet.inventories.get(name)
        mask = inventory.fits(amount) if inventory is not None else np.zeros(len(fleet), bool)
        fits = mask if fits is None else fits & mask
    left = hosts if fits is None else hosts.keep(hosts.take(fits))
    if request.limit is not None and len(left) > request.limit:
        left = type(left)(fleet, left.rows[: request.limit])
    if trace is not None:
        trace.stage("allocation_candidates", hosts, left, _lacking(fleet, request))
    return left


def claim(inventories, row, resources) -> bool:
    """Book the resources on one host, all or nothing; return whether they fitted.

    Source: ``PUT /allocations/{consumer_uuid}`` of Placement 16.0.0.
    """
    asked = [(inventories.get(name), amount) for name, amount in resources.items()]
    for inventory, amount in asked:
        if inventory is None or not inventory.used[row] + amount <= inventory.capacity[row]:
            return False
        if not inventory.unit_fits(amount)[row]:
            return False
    for inventory, amount in asked:
        inventory.used[row] += amount
    return True


def of_host(inventories, row) -> dict:
    """Return the inventory of one host: {resource class: {total, reserved, ...}}."""
    records = {name: inventory.record(row) for name, inventory in inventories.items()}
    return {name: record for name, record in records.items() if record}


def report(inventories, row, told):
    """Replace what a host has of the classes that its driver knows; others stay as they are.

    Source: ``update_from_provider_tree`` in nova/scheduler/client/report.py, Nova 34.0.0.
    """
    for name in [name for name in told if name not in inventories]:
        n = len(next(iter(inventories.values())).used) if inventories else row + 1
        inventories[name] = Inventory(_empty(n), np.zeros(n))
    for name in told.keys() | (inventories.keys() & DRIVERS):
        inventories[name].put(row, told.get(name))


def inventories(columns, rows, records) -> dict[str, Inventory]:
    """Make inventories from records, or, without any, from what the hosts' columns say.

    In: a fleet's columns, ``{host: row}``, and dicts ``{host, resource_class, total, ...}``.
    """
    if not records:
        return {name: _reported(name, columns) for name in REPORTED}
    found = {}
    for record in records:
        name, row = record["resource_class"], rows[record["host"]]
        if name not in found:
            found[name] = (_empty(len(rows)), np.zeros(len(rows)))
        fields, used = found[name]
        used[row] = record.get("used") or 0
        for key in FIELDS:
            if record.get(key) is not None:
                fields[key][row] = record[key]
    return {name: Inventory(fields, used) for name, (fields, used) in found.items()}


def _empty(n):
    return {key: np.full(n, DEFAULTS.get(key, np.nan)) for key in FIELDS}


def _reported(name, columns):
    total, ratio = (columns[column] for column in REPORTED[name])
    fields = _empty(len(total)) | {"allocation_ratio": ratio}
    fields["total"] = np.where(total > 0, total, np.nan)
    if name == "VCPU":
        used = columns["vcpus_used"].copy()
    elif name == "MEMORY_MB":
        used = total - columns["free_ram_mb"]
    else:
        used = np.ceil(total - columns["free_disk_mb"] / 1024)
    return Inventory(fields, used)


def _plain(value):
    return int(value) if float(value).is_integer() else float(value)


def _constant(reason):
    return lambda host_state: reason


def _lacking(fleet, request):
    inventories = {name: inventory.copy() for name, inventory in fleet.inventories.items()}

    def reason(host_state):
        for name, amount in request.resources.items():
            inventory = inventories.get(name)
            if inventory is None:
                return f"no inventory of {name}"
            if not inventory.fits(amount)[host_state._row]:
                return inventory.reason(name, host_state._row, amount)
        return f"not among the first {request.limit} ([scheduler] max_placement_results)"

    return reason
