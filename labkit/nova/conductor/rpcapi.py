"""What the conductor can be asked for (nova/conductor/rpcapi.py)."""

from labkit.neighbours.messaging import Target
from labkit.nova import rpc


class ComputeTaskAPI:
    """Sends to any conductor what it is to do with servers.

    What is None in a message and no parameter here is not modelled. All but a resize are casts.
    """

    def __init__(self, service):
        target = Target(topic="conductor", namespace="compute_task", version="1.0")
        self.client = rpc.get_client(service, target)

    def _version(self, version, method, **more):
        return self.client.prepare(version=version, by=f"conductor/api.py:{method}", **more)

    def schedule_and_build_instances(self, ctxt, build_requests, request_specs):
        """Find hosts for new servers and let them build."""
        self._version("1.17", "schedule_and_build_instances").cast(
            ctxt,
            "schedule_and_build_instances",
            build_requests=build_requests,
            request_specs=request_specs,
            **rpc.unmodelled(
                "admin_password block_device_mapping image injected_files requested_networks tags"
            ),
        )

    def build_instances(self, ctxt, instances, filter_properties, host_lists, request_spec):
        """Build servers on another host, after a first could not."""
        self._version("1.19", "build_instances").cast(
            ctxt,
            "build_instances",
            filter_properties=filter_properties,
            host_lists=host_lists,
            instances=instances,
            request_spec=request_spec,
            **rpc.unmodelled(
                "admin_password image injected_files requested_networks security_groups"
            ),
        )

    def migrate_server(self, ctxt, instance, flavor, host_list, request_spec, do_cast=False):
        """Resize a server, or move it while it is off; unless *do_cast*, wait for it."""
        cctxt = self._version("1.20", "resize_instance", **rpc.LONG)
        send = cctxt.cast if do_cast else cctxt.call
        return send(
            ctxt,
            "migrate_server",
            flavor=flavor,
            host_list=host_list,
            instance=instance,
            request_spec=request_spec,
            **rpc.unmodelled(
                "block_migration clean_shutdown disk_over_commit live rebuild reservations scheduler_hint"
            ),
        )

    def live_migrate_instance(self, ctxt, instance, scheduler_hint, request_spec):
        """Move a server while it runs."""
        self._version("1.15", "live_migrate_instance").cast(
            ctxt,
            "live_migrate_instance",
            instance=instance,
            request_spec=request_spec,
            scheduler_hint=scheduler_hint,
            **rpc.unmodelled("block_migration disk_over_commit"),
        )

    def rebuild_instance(
        self,
        ctxt,
        instance,
        image_ref,
        orig_image_ref,
        recreate,
        host,
        request_spec,
        target_state=None,
    ):
        """Build a server again where it is, or (*recreate*) on another host."""
        self._version("1.25", "rebuild_instance").cast(
            ctxt,
            "rebuild_instance",
            host=host,
            image_ref=image_ref,
            instance=instance,
            orig_image_ref=orig_image_ref,
            recreate=recreate,
            request_spec=request_spec,
            target_state=target_state,
            **rpc.unmodelled(
                "bdms injected_files new_pass on_shared_storage orig_sys_metadata preserve_ephemeral reimage_boot_volume"
            ),
        )

    def unshelve_instance(self, ctxt, instance, request_spec):
        """Start a shelved server."""
        cctxt = self._version("1.14", "unshelve_instance")
        cctxt.cast(ctxt, "unshelve_instance", instance=instance, request_spec=request_spec)
