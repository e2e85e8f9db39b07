"""What a host has given away (nova/compute/resource_tracker.py), as far as rows show it."""

_HERE = "compute/resource_tracker.py:"


class ResourceTracker:
    """The servers that count against one host.

    Source: ``ResourceTracker`` in nova/compute/resource_tracker.py, Nova 34.0.0. Unlike Nova,
    the sums themselves are kept by labkit.placement.Allocations.
    """

    def __init__(self, service, row):
        self._service = service
        self._row = row
        self.tracked_instances = set()

    def instance_claim(self, instance):
        """Take a server in: from now on the row names the host."""
        yield from self._service.step("claim", instance)
        host = self._service.host
        instance.host = host
        instance.launched_on = host
        instance.node = self._service.node
        instance.compute_id = self._row + 1
        instance.save(_HERE + "_set_instance_host_and_node")
        self.tracked_instances.add(instance.uuid)
        self._update()

    def abort_instance_claim(self, instance):
        """Take it back: the row names no host any more."""
        self.tracked_instances.discard(instance.uuid)
        instance.host = None
        instance.node = None
        instance.compute_id = None
        instance.save(_HERE + "_unset_instance_host_and_node")
        self._update()

    def update_usage(self, instance):
        """Count a server anew after its states changed."""
        if instance.uuid in self.tracked_instances:
            if instance.vm_state == "deleted":
                self.tracked_instances.discard(instance.uuid)
            self._update()

    def start(self, instances):
        """Count the servers of a host whose nova-compute has just started."""
        self._service.site.fleet.columns["failed_builds"][self._row] = 0  # it knew them by heart
        self._service.reportclient.read_provider_tree()
        self.tracked_instances.update(instance.uuid for instance in instances)
        self._update()

    def _update(self):
        self._service.reportclient.get_allocations_for_provider_tree(self._row)
