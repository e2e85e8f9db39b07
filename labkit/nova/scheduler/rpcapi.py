"""What a scheduler can be asked for or told (nova/scheduler/rpcapi.py)."""

from labkit.neighbours.messaging import Target
from labkit.nova import rpc


class SchedulerAPI:
    """Asks any scheduler for hosts, and tells all of them what a host has."""

    def __init__(self, service):
        self.client = rpc.get_client(service, Target(topic="scheduler", version="4.0"))

    def select_destinations(self, ctxt, spec_obj, instance_uuids, return_alternates=True):
        """Return hosts for servers, each with its alternates; waits for the answer."""
        cctxt = self.client.prepare(
            version="4.5",
            **rpc.LONG,
            by="scheduler/client/query.py:select_destinations",
        )
        return cctxt.call(
            ctxt,
            "select_destinations",
            instance_uuids=instance_uuids,
            return_alternates=return_alternates,
            return_objects=True,
            spec_obj=spec_obj,
        )

    def update_instance_info(self, ctxt, host_name, instance_info):
        """Tell all schedulers that a host has new servers, or that they have changed."""
        cctxt = self._to_all("update_instance_info")
        cctxt.cast(ctxt, "update_instance_info", host_name=host_name, instance_info=instance_info)

    def delete_instance_info(self, ctxt, host_name, instance_uuid):
        """Tell all schedulers that a server has left a host."""
        cctxt = self._to_all("delete_instance_info")
        cctxt.cast(ctxt, "delete_instance_info", host_name=host_name, instance_uuid=instance_uuid)

    def sync_instance_info(self, ctxt, host_name, instance_uuids):
        """Tell all schedulers which servers a host has."""
        cctxt = self._to_all("sync_instance_info")
        cctxt.cast(ctxt, "sync_instance_info", host_name=host_name, instance_uuids=instance_uuids)

    def _to_all(self, method):
        by = f"scheduler/client/query.py:{method}"
        return self.client.prepare(version="4.2", fanout=True, by=by)
