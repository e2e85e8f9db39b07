"""Ask the real Nova 34.0.0 what it decides on a fleet of the lab.

``answer(fleet, spec_obj, options, seed)`` needs a Python with nova installed; no services, no
database. SchedulerManager.select_destinations, the request filters, ResourceRequest,
HostManager.get_host_states_by_uuids, HostState.update, filters, weighers, claims and alternates
are Nova's. Stood in for are the neighbours: the rows of the databases, and placement (see
``Placement``). Hosts come in the order of the fleet, where Nova has that of a set.
"""

import math
import random
from unittest import mock

import os_traits

from tools.oracle.installed import (
    FILTERS,
    WEIGHERS,
    ExpectedException,
    as_uuid,
    configured,
    context,
    exception,
    host_manager,
    host_weights,
    manager,
    nova_filters,
    nova_weights,
    quiet,
    weight_classes,
)
from tools.oracle.rows import Known, Rows, request_spec, served_by, set_odd_values

#: The numbers that a placed server changes.
COLUMNS = ("free_ram_mb", "free_disk_mb", "vcpus_used", "num_instances", "num_io_ops")


class Placement:
    """Allocation candidates and claims over the fleet's inventories, host by host.

    Every provider has the trait OWNER_NOVA, as those of Nova 34.0.0 have. A query with a trait that
    is neither a standard name nor a host's is refused, as by Placement.
    """

    def __init__(self, fleet):
        self.fleet, self.texts = fleet, Known(fleet).texts
        self.used = {n: inventory.used.tolist() for n, inventory in fleet.inventories.items()}
        self.allocations = {}
        self.known = {*os_traits.get_traits(), *(t for own in fleet.traits for t in own)}
        self.query = self.candidates = None

    def get_allocation_candidates(self, _context, resources):
        group = resources.get_request_group(None)
        self.query = resources.to_querystring()
        required = set(resources._root_required) | group.required_traits
        forbidden = set(resources._root_forbidden) | group.forbidden_traits
        self.candidates, texts = [], self.texts
        for row, host in enumerate(texts["host"]):
            traits = {"OWNER_NOVA", *texts["traits"][row]}
            traits |= {"COMPUTE_STATUS_DISABLED"} if texts["disabled"][row] else set()
            aggregates = {a.uuid for a in self.fleet.aggregates if host in a.hosts}
            if (
                required | forbidden <= self.known
                and required <= traits
                and not forbidden & traits
                and all(aggregates & set(one) for one in group.aggregates or [])
                and not aggregates & set(group.forbidden_aggregates or [])
                and group.in_tree in (None, texts["uuid"][row])
                and self._fits(row, group.resources)
                and group.resources
            ):
                self.candidates.append(host)
        self.candidates = self.candidates[: resources._limit]
        uuids = [texts["uuid"][self.fleet.rows[host]] for host in self.candidates]
        requests = [
            {"allocations": {u: {"resources": dict(group.resources)}}, "mappings": {"": [u]}}
            for u in uuids
        ]
        return requests, {u: {} for u in uuids}, "1.36"

    def claim_resources(self, _context, consumer, request, *_args, **_kwargs):
        ((provider, wanted),) = request["allocations"].items()
        row = self.texts["uuid"].index(provider)
        if not self._fits(row, wanted["resources"]):
            return False
        self.allocations[consumer] = (row, wanted["resources"])
        for name, amount in wanted["resources"].items():
            self.used[name][row] += amount
        return True

    def delete_allocation_for_instance(self, _context, consumer, **_):
        row, resources = self.allocations.pop(consumer)
        for name, amount in resources.items():
            self.used[name][row] -= amount

    def _fits(self, row, resources):
        for name, amount in resources.items():
            inventory = self.fleet.inventories.get(name)
            if inventory is None or math.isnan(inventory.columns["total"][row]):
                return False
            total, reserved, low, high, step, ratio = (
                float(inventory.columns[key][row])
                for key in (
                    "total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio"
                )
            )  # fmt: skip
            if not self.used[name][row] + amount <= (total - reserved) * ratio:
                return False
            if amount < low or amount > high or amount % step:
                return False
        return True


class HostManager(host_manager.HostManager):
    """Nova's host manager over the rows of a case; it notes what it filters and weighs."""

    def __init__(self, rows, options):
        self.rows, self.rounds = rows, []
        self.refresh_cells_caches()
        self.filter_handler = nova_filters.HostFilterHandler()
        self.filter_cls_map, self.filter_obj_map = FILTERS, {}
        names = [entry for entry in options.enabled_filters if isinstance(entry, str)]
        self._choose_host_filters(names)
        self.enabled_filters = [
            self.filter_obj_map[entry] if isinstance(entry, str) else entry()
            for entry in options.enabled_filters
        ]
        self.weight_handler = host_weights.HostWeightHandler()
        self.weighers = [
            (WEIGHERS[entry] if isinstance(entry, str) else entry)()
            for entry in weight_classes(options.weight_classes)
        ]
        self.aggs_by_id = {}
        self.host_aggregates_map = host_manager.collections.defaultdict(set)
        self._init_aggregates()
        hosts = list(rows.fleet.rows)
        self._instance_info = {
            host: {"updated": True, "instances": rows.instances(row)}
            for row, host in enumerate(hosts)
        }
        self.states = {}

    def _get_host_states(self, ctxt, compute_nodes, services):
        fleet = self.rows.fleet
        states = super()._get_host_states(ctxt, compute_nodes, services)
        for state in sorted(states, key=lambda state: fleet.rows[state.host]):
            row = fleet.rows[state.host]
            known = self.rows.known
            stats, metrics = known.texts["stats"][row], known.metrics[row]
            set_odd_values(state, self.rows.values[row], stats, metrics)
            state.cell_uuid = as_uuid(known.texts["cell_uuid"][row])
            self.states[state.host] = state
            yield state

    def get_filtered_hosts(self, hosts, spec_obj, index=0):
        steps = []
        for filter_ in set(self.enabled_filters):
            filter_.filter_all = self._spy(filter_, steps)
        try:
            found = super().get_filtered_hosts(hosts, spec_obj, index)
        finally:
            for filter_ in set(self.enabled_filters):
                del filter_.filter_all
        self.rounds[-1]["filters"] = steps
        found = list(found or ())
        self.rounds[-1]["filtered"] = [state.host for state in found]
        return found

    @staticmethod
    def _spy(filter_, steps):
        real = filter_.filter_all

        def filter_all(objs, spec_obj):
            found = real(objs, spec_obj)  # None stops the filtering
            found = found if found is None else list(found)
            before, after = [o.host for o in objs], [o.host for o in found or ()]
            steps.append([type(filter_).__name__, before, after])
            return found

        return filter_all

    def get_weighed_hosts(self, hosts, spec_obj):
        steps = self.rounds[-1]["weighers"] = []
        for weigher in self.weighers:
            weigher.weigh_objects = self._spy_weigher(weigher, steps)

        def normalize(weight_list, minval=None, maxval=None):
            steps[-1]["normalized"] = list(real(weight_list, minval=minval, maxval=maxval))
            return steps[-1]["normalized"]

        real = nova_weights.normalize
        try:
            with mock.patch.object(nova_weights, "normalize", normalize):
                weighed = super().get_weighed_hosts(hosts, spec_obj)
        finally:
            for weigher in self.weighers:
                del weigher.weigh_objects
        totals = {id(one.obj): one.weight for one in weighed}
        self.rounds[-1]["totals"] = [totals[id(state)] for state in hosts]
        return weighed

    @staticmethod
    def _spy_weigher(weigher, steps):
        real = weigher.weigh_objects

        def weigh_objects(objs, properties):
            raw = real(objs, properties)
            multipliers = [weigher.weight_multiplier(one.obj) for one in objs]
            steps.append(
                {
                    "weigher": type(weigher).__name__,
                    "raw": list(raw),
                    "minval": weigher.minval,
                    "maxval": weigher.maxval,
                    "multiplier": multipliers,
                }
            )
            return raw

        return weigh_objects


class SchedulerManager(manager.SchedulerManager):
    """Nova's scheduler without RPC and notifications."""

    placement_client = None

    def __init__(self, rows, options, placement):
        self.host_manager = HostManager(rows, options)
        self.placement_client = placement

    def _select_destinations(self, *args, **kwargs):
        return self._schedule(*args, **kwargs)

    def _get_sorted_hosts(self, spec_obj, host_states, index):
        self.host_manager.rounds.append({"index": index})
        found = super()._get_sorted_hosts(spec_obj, host_states, index)
        self.host_manager.rounds[-1]["sorted"] = [state.host for state in found]
        return found


def answer(fleet, spec_obj, options, seed=0, names=None, placement=None, rows=None):
    """Return what the real Nova decides, as plain lists; see ``tests/helpers/answers.py`` for the form."""
    names = names or ["server-1"]
    rows = rows or Rows(fleet)
    placement = placement or Placement(fleet)
    state, found = random.getstate(), {"raised": None, "selections": None}
    try:
        with quiet(), configured(options), served_by(rows):
            scheduler = SchedulerManager(rows, options, placement)
            spec = request_spec(spec_obj, names, rows.cells)
            random.seed(seed)
            try:
                selections = scheduler.select_destinations(
                    context.get_admin_context(),
                    spec_obj=spec,
                    instance_uuids=[as_uuid(name) for name in names],
                    return_objects=True,
                    return_alternates=True,
                )
                found["selections"] = [[s.service_host for s in one] for one in selections]
            except ExpectedException as error:
                found["raised"] = _raised(error.exc_info[1])
            except Exception as error:
                found["raised"] = _raised(error)
    finally:
        random.setstate(state)
    found["candidates"] = placement.candidates
    rounds = scheduler.host_manager.rounds
    indexes = [one["index"] for one in rounds]
    found["rounds"] = [r for k, r in enumerate(rounds) if r["index"] not in indexes[:k]]
    found["after"] = {
        host: [getattr(state, name) for name in COLUMNS]
        for host, state in sorted(scheduler.host_manager.states.items())
    }
    return found


def alone(fleet, spec_obj, options, names):
    """Return what each filter and each weigher says of all hosts, with none removed before it.

    {class name: hosts that pass, raw weights, or what was raised}
    """
    rows, found = Rows(fleet), {}
    with quiet(), configured(options), served_by(rows):
        hosts = HostManager(rows, options)
        spec = request_spec(spec_obj, names, rows.cells)
        states = list(hosts.get_host_states_by_uuids(None, rows.known.texts["uuid"], None))
        for state in states:
            state.allocation_candidates = [{"mappings": {}}]
        for name, cls in FILTERS.items():
            filter_ = cls()
            found[name] = _said(lambda f=filter_: [s.host for s in f.filter_all(states, spec)])
        weighed = [host_weights.WeighedHost(state, 0.0) for state in states]
        for weigher in hosts.weighers:
            raw = _said(lambda w=weigher: w.weigh_objects(weighed, spec))
            found[type(weigher).__name__] = raw
    return found


def _said(question):
    try:
        return list(question())
    except Exception as error:
        return {"raised": _raised(error)}


def _raised(error):
    ours = isinstance(error, exception.NovaException)
    return [type(error).__name__, str(error)] if ours else ["Crash", type(error).__name__]
