"""Choose hosts for a request, as nova/scheduler/manager.py does."""

import random
from dataclasses import dataclass, field

import numpy as np

from labkit.neighbours import placement
from labkit.nova import exception
from labkit.nova.objects.selection import Selection as SelectedHost
from labkit.nova.scheduler import request_filter
from labkit.nova.scheduler.filters import request_is_rebuild
from labkit.nova.scheduler.host_manager import HostManager


@dataclass
class Selection:
    """Where one server goes: the chosen host, and the alternates if its build fails.

    Source: ``Selection`` in nova/objects/selection.py, Nova 34.0.0.
    """

    instance: str
    host: str
    weight: float
    alternates: list[str] = field(default_factory=list)

    def obj_to_primitive(self) -> list[dict]:
        """Return what travels: a list of the hosts, best first."""
        hosts = (self.host, *self.alternates)
        return [SelectedHost(host).obj_to_primitive() for host in hosts]


class SchedulerManager:
    """The scheduler under one set of options.

    Source: ``SchedulerManager`` in nova/scheduler/manager.py, Nova 34.0.0.
    """

    def __init__(self, options):
        self.options = options
        self.host_manager = HostManager(options)

    def select_destinations(
        self, fleet, spec_obj, instance_uuids, rng=None, return_alternates=True, trace=None
    ) -> list[Selection]:
        """Choose a host for each server of the request and book it in *fleet*.

        In: a fleet, which is changed; a RequestSpec of this call's own; n names; a
        random.Random. Out: n Selections. Raises NoValidHost.

        Source: ``select_destinations`` in nova/scheduler/manager.py, Nova 34.0.0.
        """
        hosts, request = self.get_allocation_candidates(fleet, spec_obj, trace)
        if request is not None and not len(hosts):
            raise exception.NoValidHost(reason="")

        def claim(instance, row):
            return request is None or placement.claim(fleet.inventories, row, request.resources)

        return self.schedule(hosts, spec_obj, instance_uuids, claim, rng, return_alternates, trace)

    def get_allocation_candidates(self, fleet, spec_obj, trace=None):
        """Return the hosts that placement leaves, and what it is asked; for a rebuild all, and None.

        Raises NoValidHost for a request that asks for what there is not.
        """
        if request_is_rebuild(spec_obj):
            return fleet.all_hosts, None
        try:
            request = request_filter.process_reqspec(fleet, spec_obj, self.options)
        except exception.RequestFilterFailed as error:
            raise exception.NoValidHost(reason=str(error)) from None
        return placement.allocation_candidates(fleet, request, trace), request

    def schedule(
        self, hosts, spec_obj, instance_uuids, claim, rng=None, return_alternates=True, trace=None
    ) -> list[Selection]:
        """Choose a host for each server, and claim there what it needs.

        In: hosts that get_allocation_candidates returned; ``claim(instance, row)`` books a server
        in placement and returns whether it fitted: if not, the next host by weight is tried. The
        rest is as in select_destinations.

        Source: ``_schedule`` in nova/scheduler/manager.py, Nova 34.0.0.
        """
        rng = rng or random.Random(0)
        fleet, hosts = hosts.fleet, self._only_cell(hosts, spec_obj, trace)
        alternates = return_alternates and self.options.max_attempts > 1
        only_best = trace is None and not alternates and len(instance_uuids) == 1
        selections, index = [], 0
        for index, instance in enumerate(instance_uuids):
            spec_obj.instance_uuid = instance
            hosts, weights = self._get_sorted_hosts(
                fleet, spec_obj, hosts, index, rng, trace, only_best
            )
            rows = enumerate(hosts.rows.tolist())
            position = next((place for place, row in rows if claim(instance, row)), None)
            if position is None:
                break
            self._consume_selected_host(fleet, hosts.rows[position], spec_obj, instance)
            host = fleet.texts["host"][hosts.rows[position]]
            selections.append(Selection(instance, host, float(weights[position])))
            if trace is not None:
                trace.chosen(hosts, weights, position)
        if len(selections) < len(instance_uuids):
            raise exception.NoValidHost(reason="There are not enough hosts available.")
        if alternates:
            if index > 0:
                hosts, _ = self._get_sorted_hosts(fleet, spec_obj, hosts, index, rng)
            self._add_alternates(selections, hosts)
        return selections

    def _get_sorted_hosts(self, fleet, spec_obj, hosts, index, rng, trace=None, only_best=False):
        """Return the hosts that pass, the chosen one first, then the rest by weight.

        *only_best* leaves the rest out where nobody will look at it.

        Source: ``_get_sorted_hosts`` in nova/scheduler/manager.py, Nova 34.0.0.
        """
        if trace is not None:
            trace.begin(fleet, spec_obj, index)
        hosts = self.host_manager.get_filtered_hosts(hosts, spec_obj, index, trace)
        if not len(hosts):
            return hosts, np.zeros(0)
        if trace is not None:
            trace.weighing(hosts)
        order, total = self.host_manager.get_weighed_hosts(
            hosts, spec_obj, trace, only_best and self._picks_the_best
        )
        if self.options.shuffle_best_same_weighed_hosts:
            best = [place for place in order.tolist() if total[place] == total[order[0]]]
            rng.shuffle(best)
            order = np.array(best + order.tolist()[len(best) :])
        choice = rng.choice(range(min(self.options.host_subset_size, len(order))))
        if choice:
            taken = order.tolist().index(order[choice])  # the first place, as list.remove takes it
            order = np.concatenate(([order[choice]], np.delete(order, taken)))
        return type(hosts)(fleet, hosts.rows[order]), total[order]

    @property
    def _picks_the_best(self):
        """Whether the host of the highest weight is taken, without any dice."""
        conf = self.options.filter_scheduler
        return conf.host_subset_size == 1 and not conf.shuffle_best_same_weighed_hosts

    def _consume_selected_host(self, fleet, row, spec_obj, instance):
        fleet.consume_from_request(row, spec_obj)
        if spec_obj.instance_group is not None:
            spec_obj.instance_group.hosts.append(fleet.texts["host"][row])
            if instance not in fleet.instances[row]:
                fleet.add_instance(row, instance)

    def _add_alternates(self, selections, hosts):
        """Give each selection up to max_attempts - 1 other hosts of its own cell.

        Source: ``_get_alternate_hosts`` in nova/scheduler/manager.py, Nova 34.0.0.
        """
        cells, names = hosts.fleet.texts["cell_uuid"], hosts.fleet.texts["host"]
        taken = {selection.host for selection in selections}
        wanted = self.options.max_attempts - 1
        for selection in selections:
            cell = cells[hosts.fleet.rows[selection.host]]
            for row in hosts.rows.tolist():
                if len(selection.alternates) == wanted:
                    break
                if cells[row] == cell and names[row] not in taken:
                    selection.alternates.append(names[row])

    def _only_cell(self, hosts, spec_obj, trace):
        destination = spec_obj.requested_destination
        if destination is None or not destination.cell or destination.allow_cross_cell_move:
            return hosts
        cells = hosts.fleet.texts["cell_uuid"]
        mask = np.array([cells[row] == destination.cell for row in hosts.rows.tolist()], bool)
        left = hosts.keep(mask)
        if trace is not None:
            trace.stage("cell", hosts, left, lambda state: f"the host is in {state.cell_uuid}")
        return left
