"""The scheduler as a service: who asks, what it notes, what it books (nova/scheduler/manager.py)."""

import copy
from urllib.parse import urlencode

from labkit.nova import exception
from labkit.nova.notifications import instance as notify
from labkit.nova.scheduler import request_filter
from labkit.nova.scheduler.client.report import SchedulerReportClient
from labkit.nova.scheduler.manager import SchedulerManager, request_is_rebuild
from labkit.nova.service import Service, unforeseen
from labkit.nova.site import CONTROLLER


class SchedulerService(Service):
    """The scheduler of a cloud: SchedulerManager on the cloud's own fleet.

    Source: ``select_destinations`` in nova/scheduler/manager.py, Nova 34.0.0.
    """

    def __init__(self, site, rng):
        super().__init__(site, "scheduler", CONTROLLER)
        self.manager = SchedulerManager(site.options)
        self.client = SchedulerReportClient(self)
        self.rng = rng

    def select_destinations(self, spec_obj, instance_uuids, return_alternates=True):
        """Choose a host and alternates for each server, and claim the resources there.

        For a rebuild of another image nothing is claimed: the server stays where it is. Raises
        NoValidHost; nothing is booked then. Raises TypeError when all is booked for a rebuild of
        a server without a host: the conductor has not asked for the resources of its ports.
        """
        yield from self.step("select_destinations", names=instance_uuids)
        fleet, names = self._host_states(), instance_uuids
        own, resources, saved = copy.copy(spec_obj), None, None
        own.instance_group = self.site.group_of(spec_obj, names)
        if not request_is_rebuild(spec_obj):
            try:
                request = request_filter.process_reqspec(fleet, spec_obj, self.options)
            except exception.RequestFilterFailed as error:
                raise exception.NoValidHost(reason=str(error)) from None
            self.client.get_allocation_candidates(query_of(request))
            resources = request.resources
            if len(names) > 1:
                saved = [(each, each.used.copy()) for each in fleet.inventories.values()]
        try:
            selections = self.manager.select_destinations(
                fleet, own, names, self.rng, return_alternates
            )
        except exception.NoValidHost as error:
            for inventory, used in saved or ():
                inventory.used[:] = used
            if error.kwargs.get("reason"):  # placement had candidates, the filters took them
                notify.about_scheduling(self, "start", names[0])
            raise
        notify.about_scheduling(self, "start", names[0])
        for selection in selections if resources is not None else ():
            uuid, row = self.site.uuid_of(selection.instance), fleet.rows[selection.host]
            self.client.claimed(selection.instance, uuid, row, resources)
            if own.instance_group is not None:
                self.site.fleet.add_instance(row, selection.instance)
        if resources is not None and spec_obj.requested_resources is None:
            raise unforeseen(TypeError("'NoneType' object is not iterable"))
        notify.about_scheduling(self, "end", names[-1])
        return selections

    def _host_states(self):
        """Return what the rows say now: the request's own, but for what placement holds.

        Source: ``_get_host_states`` in nova/scheduler/host_manager.py, Nova 34.0.0.
        """
        fleet = self.site.fleet.copy()
        fleet.inventories = self.site.allocations.inventories
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
