"""Placement as far as the scheduler needs it: inventories, allocation candidates, claims."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from labkit.neighbours.arguments import digits
from labkit.neighbours.traits import STANDARD

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
DRIVERS = ("MEMORY_MB", "VCPU", "PCPU", "DISK_GB")


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
        known = {name: self.columns[name].item(row) for name in FIELDS}
        if math.isnan(known["total"]):
            return {}
        whole = {name: int(value) for name, value in known.items() if value.is_integer()}
        return known | whole | {"allocation_ratio": known["allocation_ratio"]}

    def reason(self, name: str, row: int, amount: int) -> str:
        """Return why *amount* of the class does not fit on the host of that row."""
        value = {key: column[row] for key, column in self.columns.items()}
        if np.isnan(value["total"]):
            return f"no inventory of {name}"
        said = {key: digits(number) for key, number in value.items()}
        if amount < value["min_unit"]:
            return f"{name} {amount} < min_unit {said['min_unit']}"
        if amount > value["max_unit"]:
            return f"{name} {amount} > max_unit {said['max_unit']}"
        if amount % value["step_size"]:
            return f"{name} {amount} is not a multiple of step_size {said['step_size']}"
        return (
            f"{name}: used {digits(self.used[row])} + {amount} > capacity "
            f"{digits(self.capacity[row])}"
            f" = ({said['total']} - {said['reserved']}) * {said['allocation_ratio']}"
        )


class Stage(NamedTuple):
    """One condition of a query: whose it is, the rows before and after, why a row is gone."""

    name: str
    before: np.ndarray
    after: np.ndarray
    reason: Callable[[int], str]


class Candidates(NamedTuple):
    """The hosts that can hold a request, as rows; what it takes; the conditions one by one."""

    rows: np.ndarray
    resources: dict[str, int]
    stages: list[Stage]
    http_status: int = 200

    def allocation_request(self, uuid) -> dict:
        """Return what placement proposes to allocate on a provider, as it answers it."""
        return {
            "allocations": {uuid: {"resources": dict(self.resources)}},
            "mappings": {"": [uuid]},
        }


class Providers:
    """The resource providers of a fleet: one without children for each host.

    In: the hosts' names, ``{resource class: Inventory}``, the traits of each host,
    ``{aggregate: its hosts}``, and traits that somebody has created and no host has.
    """

    def __init__(self, names, inventories, traits, aggregates, created=()):
        self.rows = {name: row for row, name in enumerate(names)}
        self.names = np.array([*self.rows, None], dtype=object)[:-1]
        self.every_row = np.arange(len(self.rows))
        self.inventories = inventories
        self._traits = traits
        self._known_traits = STANDARD.union(created, *traits)
        self._aggregates = aggregates
        self._masks = {}

    def copy(self, inventories) -> "Providers":
        """Return the same providers with other inventories."""
        other = object.__new__(Providers)
        other.__dict__.update(self.__dict__)
        other.inventories = inventories
        return other

    def allocation_candidates(self, request) -> Candidates:
        """Return the hosts that can hold a request, in the fleet's order.

        In: a ResourceRequest (labkit/nova/scheduler/request_filter.py). Out: Candidates, at most
        ``request.limit`` of them.

        Source: ``GET /allocation_candidates`` of Placement 16.0.0, for providers without children
        and without sharing. A query that Placement refuses has no candidates. Unlike Placement,
        which keeps no order, the first in the fleet's order are kept when there are more than the
        limit.
        """
        rows, stages, refusal = self.every_row, [], self._refusal(request)

        def narrow(name, mask, reason):
            before, mask = rows, mask if rows is self.every_row else mask[rows]
            after = before if mask.all() else before[mask]
            stages.append(Stage(name, before, after, reason))
            return after

        if refusal is not None:
            rows = narrow("allocation_candidates", np.zeros(len(rows), bool), lambda row: refusal)
            return Candidates(rows, request.resources, stages, 400)
        for name, mask, reason in self._conditions(request):
            rows = narrow(name, mask, lambda row, reason=reason: reason)
        fits = np.ones(len(self.every_row), bool)
        for name, amount in request.resources.items():
            inventory = self.inventories.get(name)
            fits &= False if inventory is None else inventory.fits(amount)
        rows = narrow("allocation_candidates", fits, self._lacking(request))
        if request.limit is not None and len(rows) > request.limit:
            rows = rows[: request.limit]
            stages[-1] = stages[-1]._replace(after=rows)
        return Candidates(rows, request.resources, stages)

    def _refusal(self, request):
        # Why Placement answers a query with 400, or None. Source: normalize_resources_qs_param in
        # placement/util.py and from_request in placement/lib.py, Placement 16.0.0.
        required = {"OWNER_NOVA", *(trait for _, trait in request.required)}
        forbidden = {trait for _, trait in request.forbidden}
        unknown = sorted((required | forbidden) - self._known_traits)
        both = sorted(required & forbidden)
        if not request.resources:
            return "placement refuses a request for no resource at all"
        if unknown:
            return f"placement refuses the unknown trait {unknown[0]}"
        if both:
            return f"placement refuses {both[0]}, required and forbidden"
        return None

    def _conditions(self, request):
        # Who asked, a mask of the hosts that meet the condition, the reason for the others.
        if request.in_tree is not None:
            reason = f"the request names the host {request.in_tree}"
            yield "in_tree", self.every_row == self.rows[request.in_tree], reason
        for who, names, reason in request.member_of:
            yield who, self._in_aggregates(names), reason
        for who, trait in request.required:
            yield who, self._has_trait(trait), f"the host lacks the trait {trait}"
        for who, trait in request.forbidden:
            reason = f"the host has the forbidden trait {trait}"
            if trait == "COMPUTE_STATUS_DISABLED":
                reason = f"the service is disabled (trait {trait})"
            yield who, ~self._has_trait(trait), reason
        for who, names, reason in request.not_member_of:
            yield who, ~self._in_aggregates(names), reason

    def _has_trait(self, trait):
        return self._once(trait, lambda: [trait in traits for traits in self._traits])

    def _in_aggregates(self, names):
        def build():
            hosts = set().union(*(self._aggregates[name] for name in names))
            return [host in hosts for host in self.rows]

        return self._once(names, build)

    def _once(self, key, build):
        if key not in self._masks:
            self._masks[key] = np.array(build(), dtype=bool)
        return self._masks[key]

    def _lacking(self, request):
        # A function that says why a request does not fit on a host as it is now.
        asked = [
            (name, amount, inventory and inventory.copy())
            for name, amount in request.resources.items()
            for inventory in (self.inventories.get(name),)
        ]

        def reason(row):
            for name, amount, inventory in asked:
                if inventory is None:
                    return f"no inventory of {name}"
                if not inventory.fits(amount)[row]:
                    return inventory.reason(name, row, amount)
            return f"not among the first {request.limit} ([scheduler] max_placement_results)"

        return reason


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
    for name in dict.fromkeys([*told, *(name for name in inventories if name in DRIVERS)]):
        inventories[name].put(row, told.get(name))


def inventories(columns, rows, records) -> dict[str, Inventory]:
    """Make inventories from records, or, without any, from what the hosts' columns say.

    In: the hosts' numbers as ``{name: array}``, ``{host: row}``, and dicts
    ``{host, resource_class, total, ...}``.
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


class Allocations:
    """Who holds what on which host, and the inventories that are booked accordingly.

    In: inventories, which are changed. ``held`` maps a consumer (a
    server's uuid, or that of a migration) to its amounts by the row of their hosts. ``on_change`` is
    called with a consumer, a row and the resources (None: given back) whenever one changes.

    Source: the allocations of Placement 16.0.0.
    """

    def __init__(self, inventories):
        self.inventories = inventories
        self.held = {}
        self.by_host = {}
        self.on_change = lambda consumer, row, resources: None
        self.mark()

    def mark(self):
        """Remember what is used now as what nobody by name uses."""
        self.others = {name: each.used.copy() for name, each in self.inventories.items()}

    def put(self, consumer, row, resources):
        """Note what a consumer got; the amounts are booked already.

        Where it holds something already that is all it gets, as a move in Nova asks for no more.

        Source: ``_move_operation_alloc_request`` in nova/scheduler/client/report.py, 34.0.0.
        """
        if row in self.held.get(consumer, ()):
            self._free(row, resources)
        else:
            self._note(consumer, row, resources)

    def _note(self, consumer, row, resources):
        self.on_change(consumer, row, resources)
        self.held.setdefault(consumer, {})[row] = resources
        self.by_host.setdefault(row, {})[consumer] = None

    def on_host(self, row) -> list:
        """Return the consumers on a host, oldest first."""
        return list(self.by_host.get(row, ()))

    def move(self, source, target):
        """Let a consumer have all that another holds; what it held itself is given back.

        Source: ``POST /allocations`` of Placement 16.0.0.
        """
        self.remove(target)
        for row, resources in self.held.pop(source).items():
            self.by_host[row].pop(source)
            self.on_change(source, row, None)
            self._note(target, row, resources)

    def remove(self, consumer, row=None) -> bool:
        """Give back what a consumer holds, all of it or on one host; return whether it held any."""
        rows = [r for r in self.held.get(consumer, ()) if row in (None, r)]
        for each in rows:
            self._give_back(consumer, each)
        return bool(rows)

    def _give_back(self, consumer, row):
        resources = self.held[consumer].pop(row)
        if not self.held[consumer]:
            del self.held[consumer]
        self.by_host[row].pop(consumer)
        self.on_change(consumer, row, None)
        self._free(row, resources)

    def _free(self, row, resources):
        for name, amount in resources.items():
            self.inventories[name].used[row] -= amount
