"""The scheduler as a service: who asks, what it notes, what it books (nova/scheduler/manager.py)."""

import copy
from urllib.parse import urlencode

from labkit.neighbours.messaging import Target
from labkit.nova import exception
from labkit.nova.compute import utils as compute_utils
from labkit.nova.scheduler.client.report import SchedulerReportClient
from labkit.nova.scheduler.manager import SchedulerManager
from labkit.nova.service import Service, unforeseen


class SchedulerService(Service):
    """One scheduler of a cloud: SchedulerManager on what placement and the rows say.

    In: Site, the name and the host of the service, a random.Random.

    >>> from labkit import Cloud, Flavor, Fleet, RequestSpec
    >>> cloud = Cloud(Fleet.read("data/two_hosts"), schedulers=2)
    >>> wide = RequestSpec(Flavor(vcpus=1, memory_mb=2560, root_gb=1))
    >>> for name in ("web-1", "web-2"):
    ...     cloud.at(0.0, name, "create", spec=wide)
    >>> cloud.settle()
    >>> claims = cloud.calls[cloud.calls.call.str.startswith("PUT /allocations")]
    >>> claims.http_status.tolist()
    [204, 409, 204]

    Source: ``select_destinations`` in nova/scheduler/manager.py, Nova 34.0.0.
    """

    target = Target(version="4.5")

    def __init__(self, site, name, host, rng):
        super().__init__(site, name, host)
        self.manager = SchedulerManager(site.options)
        self.client = SchedulerReportClient(self)
        self.rng = rng

    def select_destinations(
        self, spec_obj, instance_uuids, return_alternates=True, return_objects=True
    ):
        """Choose a host and alternates for each server, and claim the resources there.

        Placement and the rows are read first, and the claim comes later: what another request has
        claimed meanwhile is refused then, and the next host by weight is tried. For a rebuild of
        another image nothing is claimed: the server stays where it is. Raises NoValidHost; what
        was claimed is given back then. Raises TypeError after the claim for a rebuild of a server
        without a host: the conductor has not asked for the resources of its ports.

        Unlike Nova, which servers are on a host, as server groups ask for, is as of the claim, the
        same for all schedulers: what nova-computes tell of their servers (``_instance_info`` of
        HostManager) is not kept.
        """
        names, claimed = [self.site.names[uuid] for uuid in instance_uuids], []
        fleet = self._host_states()
        hosts, request = self.manager.get_allocation_candidates(fleet, spec_obj)
        if request is not None:
            self.client.get_allocation_candidates(query_of(request))
        if len(hosts):
            compute_utils.notify_about_scheduler_action(self, "start", names[0])
        yield from self.step("select_destinations", names=names)
        if not len(hosts):
            raise exception.NoValidHost(reason="")

        def claim(name, row):
            if request is None:
                return True
            uuid = self.site.uuid_of(name)
            if not self.client.claim_resources(name, uuid, row, request.resources):
                return False
            claimed.append(name)
            if spec_obj.requested_resources is None:
                raise unforeseen(TypeError("'NoneType' object is not iterable"))
            return True

        fleet.instances = list(self.site.fleet.instances)
        own = copy.copy(spec_obj)
        own.instance_group = self.site.group_of(spec_obj, names)
        try:
            selections = self.manager.schedule(
                hosts, own, names, claim, self.rng, return_alternates
            )
        except exception.NoValidHost:
            for name in claimed:
                uuid = self.site.uuid_of(name)
                self.client.delete_allocation_for_instance(name, uuid, force=True)
            raise
        if request is not None and own.instance_group is not None:
            for selection in selections:
                self.site.fleet.add_instance(fleet.rows[selection.host], selection.instance)
        compute_utils.notify_about_scheduler_action(self, "end", names[-1])
        return selections

    def update_instance_info(self, host_name, instance_info=None):
        """Hear that a host has new servers; unlike Nova's scheduler, the lab's keeps nothing of it."""

    def delete_instance_info(self, host_name, instance_uuid=None):
        """Hear that a server has left a host; nothing is kept of it either."""

    def _host_states(self):
        """Return a copy of what the rows and placement say now.

        Source: ``_get_host_states`` in nova/scheduler/host_manager.py, Nova 34.0.0.
        """
        fleet = self.site.fleet.copy()
        fleet.columns = {name: column.copy() for name, column in fleet.columns.items()}
        fleet.texts = {name: list(values) for name, values in fleet.texts.items()}
        return fleet


def query_of(request) -> str:
    """Return what is sent to placement as the query of allocation_candidates.

    Source: ``to_querystring`` of ResourceRequest in nova/scheduler/utils.py, Nova 34.0.0.
    """
    traits = ["OWNER_NOVA", *sorted(trait for _, trait in request.required)]
    traits += [f"!{trait}" for trait in sorted(trait for _, trait in request.forbidden)]
    amounts = ",".join(f"{name}:{request.resources[name]}" for name in sorted(request.resources))
    fields = [("resources", amounts), ("root_required", ",".join(traits))]
    if request.limit is not None:
        fields.append(("limit", request.limit))
    if request.in_tree is not None:
        fields.append(("in_tree", "{uuid}"))
    return urlencode(sorted(fields)).replace("%7Buuid%7D", "{uuid}")
