"""The scheduler of 13.0.0: it remembers.

No placement: filters of its own compare RAM and disk. Six weighers. And a scheduler process
remembers: the ends between which weights are scaled only ever move apart, until a restart.
"""

import random
import types

from labkit.decision import Decision, checked, own_copy, server_names
from labkit.neighbours.arguments import of_type
from labkit.nova import conf, weights
from labkit.nova.exception import NoValidHost
from labkit.nova.scheduler.host_manager import HostManager, Instance
from labkit.nova.scheduler.manager import Selection
from labkit.nova13.conf import options
from labkit.tables.scheduler import Choice, Record, RecordedHostManager


def remembering(weigher):
    """Let a weigher scale between the lowest and the highest raw weight that it has ever seen.

    A fixed minval moves too when a raw weight lies below it: nothing is clamped.

    Source: ``BaseWeigher.weigh_objects`` in nova/weights.py, Nova 13.0.0 to 21.0.0; mended in
    22.0.0.
    """
    of_type(weigher, weights.BaseWeigher, "not a weigher, as RAMWeigher()", "weigher")
    if type(weigher).weigh_objects is weights.BaseWeigher.weigh_objects:
        weigher.weigh_objects = types.MethodType(_weigh_objects, weigher)
    return weigher


def _weigh_objects(self, weighed_obj_list, weight_properties):
    found = [self._weigh_object(each.obj, weight_properties) for each in weighed_obj_list]
    self.minval = min(found if self.minval is None else [self.minval, *found])
    self.maxval = max(found if self.maxval is None else [self.maxval, *found])
    return found


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
        self.options = options() if old_options is None else old_options
        of_type(self.options, conf.Options, "not Options; write nova13.options()", "old_options")
        self.restart()

    def restart(self):
        """Start the process anew: what it remembered is gone."""
        self.host_manager = HostManager(self.options)
        for weigher in self.host_manager.weighers:
            remembering(weigher)

    def select_destinations(self, fleet, spec_obj, seed=0, instance_uuids=None) -> Decision:
        """Choose a host for each server of a request; the fleet is unchanged.

        Raises NoValidHost, whose ``decision`` carries the tables up to the end.
        """
        checked(fleet, [spec_obj], self.options, seed)
        names = server_names(spec_obj, instance_uuids)
        record = Record(names)
        decision = Decision(fleet, spec_obj, self.options, seed, record, [])
        host_manager = RecordedHostManager(self.host_manager, record)
        hosts, spec_obj, rng = (
            fleet.host_states(),
            own_copy(spec_obj, names),
            random.Random(int(seed)),
        )
        with conf.using(self.options):
            for record.index, instance in enumerate(names):
                spec_obj.instance_uuid = instance
                hosts = host_manager.get_filtered_hosts(hosts, spec_obj, record.index)
                if not hosts:
                    error = NoValidHost(reason="There are not enough hosts available.")
                    error.decision = decision
                    decision.selections = []
                    raise error
                weighed = host_manager.get_weighed_hosts(hosts, spec_obj)
                chosen = rng.choice(weighed[: self.options.host_subset_size])
                ranking = [(each.obj.host, each.weight) for each in weighed]
                record.choices[record.index] = Choice(
                    *zip(*ranking, strict=True), weighed.index(chosen)
                )
                host, weight = chosen.obj, float(chosen.weight)
                decision.selections.append(Selection(instance, host.host, weight))
                host.consume_from_request(spec_obj)
                if spec_obj.instance_group is not None:
                    spec_obj.instance_group.hosts.append(host.host)
                    host.instances[instance] = Instance(instance)
        return decision
