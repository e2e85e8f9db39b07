"""The scheduler of 13.0.0: it remembers.

No placement: filters of its own compare RAM and disk. Six weighers. And a scheduler process
remembers: the ends between which weights are scaled only ever move apart, until a restart.
"""

import random

import numpy as np

from labkit.decision import Decision, own_copy, server_names
from labkit.nova import weights
from labkit.nova.exception import NoValidHost
from labkit.nova.scheduler.host_manager import HostManager
from labkit.nova.scheduler.manager import Selection
from labkit.nova13.conf import options
from labkit.tables import scheduler as tables


class StickyWeightHandler(weights.BaseWeightHandler):
    """Scales between the lowest and the highest raw weight that the process has ever seen.

    A fixed minval moves too when a raw weight lies below it: nothing is clamped.

    Source: ``BaseWeigher.weigh_objects`` in nova/weights.py, Nova 13.0.0 to 21.0.0; mended in
    22.0.0.
    """

    def __init__(self):
        self.seen = {}

    def ends(self, weigher, raw):
        """Return the widest ends so far, this list included."""
        values = np.atleast_1d(raw).tolist()
        low, high = self.seen.get(weigher, (weigher.minval, weigher.maxval))
        low = min(values if low is None else [low, *values])
        high = max(values if high is None else [high, *values])
        self.seen[weigher] = low, high
        return low, high


class FilterScheduler:
    """One nova-scheduler process of 13.0.0; it remembers from request to request.

    In: Options, by default those of ``nova13.options()``. ``select_destinations`` takes what
    today's takes and returns the same Decision, so that both can be laid side by side.

    >>> from labkit import Fleet, Flavor, RequestSpec
    >>> scheduler = FilterScheduler()
    >>> scheduler.select_destinations(
    ...     Fleet.read("data/two_hosts"), RequestSpec(Flavor(vcpus=1, memory_mb=512))).host
    'cn-2'

    Source: nova/scheduler/filter_scheduler.py, Nova 13.0.0. Unlike 13.0.0, HostStates are not
    kept between requests.
    """

    def __init__(self, old_options=None):
        self.options = old_options or options()
        self.restart()

    def restart(self):
        """Start the process anew: what it remembered is gone."""
        self.host_manager = HostManager(self.options)
        self.host_manager.weight_handler = StickyWeightHandler()
        for weigher in self.host_manager.weighers:
            weigher.clamp = lambda raw: raw  # 13.0.0 did not clamp

    def select_destinations(self, fleet, spec_obj, seed=0, instance_uuids=None) -> Decision:
        """Choose a host for each server of a request; the fleet is unchanged.

        Raises NoValidHost, whose ``decision`` carries the tables up to the end.
        """
        names = server_names(spec_obj, instance_uuids)
        trace = tables.Trace(fleet, names)
        decision = Decision(fleet, spec_obj, self.options, seed, trace, [])
        rng, fleet = random.Random(seed), fleet.copy()
        spec_obj, hosts, selections = own_copy(spec_obj, names), fleet.all_hosts, []
        for index, instance in enumerate(names):
            spec_obj.instance_uuid = instance
            trace.begin(fleet, spec_obj, index)
            hosts = self.host_manager.get_filtered_hosts(hosts, spec_obj, index, trace)
            if not len(hosts):
                error = NoValidHost(reason="There are not enough hosts available.")
                error.decision = decision
                raise error
            trace.weighing(hosts)
            order, total = self.host_manager.get_weighed_hosts(hosts, spec_obj, trace)
            position = rng.choice(range(min(self.options.host_subset_size, len(order))))
            row = hosts.rows[order[position]]
            ranked = type(hosts)(fleet, hosts.rows[order])
            trace.chosen(ranked, total[order], position)
            host = fleet.texts["host"][row]
            selections.append(Selection(instance, host, float(total[order[position]])))
            fleet.consume_from_request(row, spec_obj)
            if spec_obj.instance_group is not None:
                spec_obj.instance_group.hosts.append(host)
                fleet.add_instance(row, instance)
        decision.selections = selections
        return decision
