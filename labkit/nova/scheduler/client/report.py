"""What a service asks placement about allocations (nova/scheduler/client/report.py)."""

from labkit.neighbours import placement
from labkit.nova.clock import Call
from labkit.nova.exception import ResourceProviderSyncFailed

_HERE = "scheduler/client/report.py:"
_ALLOCATION = "/allocations/{uuid}"
#: The largest number that placement's database holds.
MAX_INT = 0x7FFFFFFF


def checked(told) -> dict:
    """Return what a driver tells for placement. Raises ResourceProviderSyncFailed where placement
    answers 400: a total below 1, or more reserved than there is.

    Source: ``update_from_provider_tree`` in nova/scheduler/client/report.py, Nova 34.0.0;
    placement/schemas/inventory.py and handlers/inventory.py, Placement 16.0.0.
    """
    for inventory in told.values():
        total, reserved = inventory["total"], inventory["reserved"]
        within = 1 <= total <= MAX_INT and 0 <= reserved <= MAX_INT
        if not within or int((total - reserved) * inventory["allocation_ratio"]) < 0:
            raise ResourceProviderSyncFailed
    return told


class SchedulerReportClient:
    """One service's way to placement.

    In: the service, and for a nova-compute the row of its host in the inventories. While ``quiet``,
    what a nova-compute asks about its host is not noted: nobody has asked for it.
    """

    def __init__(self, service, row=None):
        self._service = service
        self._allocations = service.site.allocations
        self._row = row
        self._tree_read = False
        self._reported = None
        self.quiet = False

    def note(self, name, call, http_status, by):
        """Add a call of placement's API to what happened."""
        self._service.note(Call, name, "placement", call, http_status, by=_HERE + by)

    def get_allocation_candidates(self, request):
        """Ask for the hosts that can hold a request; return Candidates."""
        call = f"GET /allocation_candidates?{request.to_querystring()}"
        found = self._service.site.fleet.providers.allocation_candidates(request)
        self.note(None, call, found.http_status, "get_allocation_candidates")
        return found

    def get_allocs_for_consumer(self, name):
        """Read what one server holds."""
        self.note(name, f"GET {_ALLOCATION}", 200, "get_allocs_for_consumer")

    def get_allocations_for_provider_tree(self):
        """Read what everybody holds on one's own host: one question, and one for each of them."""
        for _ in self.get_allocations_for_resource_provider():
            self.get_allocs_for_consumer(None)

    def update_from_provider_tree(self, driver):
        """Let placement know what a driver has; a driver that has what it had is not asked again.

        Raises ResourceProviderSyncFailed when placement refuses it.

        Source: the method of that name in nova/scheduler/client/report.py and
        ``_update_to_placement`` in nova/compute/resource_tracker.py, Nova 34.0.0.
        """
        if not self.quiet:
            if not self._tree_read:
                self.read_provider_tree()
            self.get_allocations_for_provider_tree()
        self._tree_read = True
        inventories = self._allocations.inventories
        has = dict(vars(driver.host.hypervisor)), driver.options
        before = placement.of_host(inventories, self._row)
        if (has, before) != self._reported:
            told = checked(driver.update_provider_tree(before))
            placement.report(inventories, self._row, told)
            others = {name: before[name] for name in before.keys() - placement.DRIVERS}
            self._reported = has, others | told

    def read_provider_tree(self):
        """Read all about one's own host, as a nova-compute does that has just started."""
        provider = "/resource_providers/{uuid}"
        for call, by in (
            ("/resource_providers?in_tree={uuid}", "get_providers_in_tree"),
            (f"{provider}/inventories", "_get_inventory"),
            (f"{provider}/aggregates", "_get_provider_aggregates"),
            (f"{provider}/traits", "get_provider_traits"),
        ):
            self.note(None, f"GET {call}", 200, by)

    def get_provider_traits(self):
        """Read what a host can do."""
        call = "GET /resource_providers/{uuid}/traits"
        self.note(None, call, 200, "get_provider_traits")

    def get_allocations_for_resource_provider(self):
        """Return who holds something of one's own host."""
        if not self.quiet:
            by = "get_allocations_for_resource_provider"
            self.note(None, "GET /resource_providers/{uuid}/allocations", 200, by)
        return self._allocations.on_host(self._row)

    def claim_resources(self, name, uuid, row, resources) -> bool:
        """Book what a server needs on one host; return whether it fitted."""
        fits = placement.claim(self._allocations.inventories, row, resources)
        self.note(name, f"GET {_ALLOCATION}", 200, "claim_resources")
        self.note(name, f"PUT {_ALLOCATION}", 204 if fits else 409, "_put_allocations")
        if fits:
            self._allocations.put(uuid, row, resources)
        return fits

    def move_allocations(self, name, source, target):
        """Let a consumer have all that another holds, as a move and its end do."""
        self.get_allocs_for_consumer(name)
        self.get_allocs_for_consumer(name)
        if source in self._allocations.held:
            self._allocations.move(source, target)
        elif target in self._allocations.held:
            return
        self.note(name, "POST /allocations", 204, "move_allocations")

    def remove_provider_tree_from_instance_allocation(self, name, consumer, row) -> bool:
        """Give back what a server holds on one host; False when it held nothing anywhere."""
        self.get_allocs_for_consumer(name)
        if consumer not in self._allocations.held:
            return False
        self.note(name, "GET /resource_providers?in_tree={uuid}", 200, "get_providers_in_tree")
        if self._allocations.remove(consumer, row):
            self.note(name, f"PUT {_ALLOCATION}", 204, "_put_allocations")
        return True

    def delete_allocation_for_instance(self, name, uuid, force=False):
        """Give back what a server holds; without *force* by reading it first and putting nothing."""
        by = "delete_allocation_for_instance"
        if force:
            held = self._allocations.remove(uuid)
            self.note(name, f"DELETE {_ALLOCATION}", 204 if held else 404, by)
        else:
            self.note(name, f"GET {_ALLOCATION}", 200, by)
            if self._allocations.remove(uuid):
                self.note(name, f"PUT {_ALLOCATION}", 204, by)
