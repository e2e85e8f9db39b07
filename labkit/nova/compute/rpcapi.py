"""What a nova-compute can be asked for (nova/compute/rpcapi.py)."""

from labkit.neighbours.messaging import Target
from labkit.nova import rpc
from labkit.nova.clock import caller
from labkit.nova.exception import NovaException

#: The topic of a nova-compute's second server, for what goes from one host to the other.
RPC_TOPIC_ALT = "compute-alt"


def _compute_host(host, instance):
    """Return the host to send to. Raises NovaException when the server has none."""
    host = host or instance.host
    if not host:
        raise NovaException(f"Unable to find host for Instance {instance.uuid}")
    return host


class ComputeAPI:
    """Sends to the nova-compute of a server's host, or to a *host* that is named.

    *ctxt* goes with the message. What is None in a
    message and no parameter here is not modelled. ``*_call`` wait for an answer.
    """

    def __init__(self, service):
        self.client = rpc.get_client(service, Target(topic="compute", version="6.0"))

    def _to(self, instance, host=None, **more):
        return self.client.prepare(server=_compute_host(host, instance), by=caller(), **more)

    def build_and_run_instance(
        self, ctxt, instance, host, filter_properties, request_spec, node, host_list
    ):
        """Build a server; *host_list* are the hosts that may be tried after this one."""
        cctxt = self._to(instance, host)
        cctxt.cast(
            ctxt,
            "build_and_run_instance",
            filter_properties=filter_properties,
            host_list=host_list,
            instance=instance,
            node=node,
            request_spec=request_spec,
            **rpc.unmodelled(
                "accel_uuids admin_password block_device_mapping image injected_files limits requested_networks security_groups"
            ),
        )

    def terminate_instance(self, ctxt, instance):
        """Remove a server from its host."""
        cctxt = self._to(instance)
        cctxt.cast(ctxt, "terminate_instance", instance=instance, **rpc.unmodelled("bdms"))

    def soft_delete_instance(self, ctxt, instance):
        """Switch a server off, to be deleted later."""
        cctxt = self._to(instance)
        cctxt.cast(ctxt, "soft_delete_instance", instance=instance)

    def restore_instance(self, ctxt, instance):
        """Take a soft-deleted server back."""
        cctxt = self._to(instance)
        cctxt.cast(ctxt, "restore_instance", instance=instance)

    def stop_instance(self, ctxt, instance):
        """Switch a server off."""
        cctxt = self._to(instance)
        cctxt.cast(ctxt, "stop_instance", instance=instance, **rpc.unmodelled("clean_shutdown"))

    def start_instance(self, ctxt, instance):
        """Switch a server on."""
        cctxt = self._to(instance)
        cctxt.cast(ctxt, "start_instance", instance=instance)

    def reboot_instance(self, ctxt, instance, reboot_type):
        """Reboot a server, SOFT or HARD."""
        cctxt = self._to(instance)
        cctxt.cast(
            ctxt,
            "reboot_instance",
            instance=instance,
            reboot_type=reboot_type,
            **rpc.unmodelled("block_device_info"),
        )

    def pause_instance(self, ctxt, instance):
        """Pause a server."""
        cctxt = self._to(instance)
        cctxt.cast(ctxt, "pause_instance", instance=instance)

    def unpause_instance(self, ctxt, instance):
        """Let a paused server go on."""
        cctxt = self._to(instance)
        cctxt.cast(ctxt, "unpause_instance", instance=instance)

    def suspend_instance(self, ctxt, instance):
        """Write a server's memory to disk."""
        cctxt = self._to(instance)
        cctxt.cast(ctxt, "suspend_instance", instance=instance)

    def resume_instance(self, ctxt, instance):
        """Start a suspended server."""
        cctxt = self._to(instance)
        cctxt.cast(ctxt, "resume_instance", instance=instance)

    def rescue_instance(self, ctxt, instance):
        """Start a server from another image."""
        cctxt = self._to(instance)
        cctxt.cast(
            ctxt,
            "rescue_instance",
            instance=instance,
            **rpc.unmodelled("clean_shutdown rescue_image_ref rescue_password"),
        )

    def unrescue_instance(self, ctxt, instance):
        """Start a rescued server from its own disk."""
        cctxt = self._to(instance)
        cctxt.cast(ctxt, "unrescue_instance", instance=instance)

    def set_admin_password(self, ctxt, instance, new_pass=None):
        """Set the password inside a server, and wait for it."""
        cctxt = self._to(instance)
        return cctxt.call(ctxt, "set_admin_password", instance=instance, new_pass=new_pass)

    def snapshot_instance(self, ctxt, instance, image_id):
        """Make an image of a server."""
        cctxt = self._to(instance)
        cctxt.cast(ctxt, "snapshot_instance", image_id=image_id, instance=instance)

    def backup_instance(self, ctxt, instance, image_id, backup_type, rotation):
        """Make an image of a server and delete old ones."""
        cctxt = self._to(instance)
        cctxt.cast(
            ctxt,
            "backup_instance",
            backup_type=backup_type,
            image_id=image_id,
            instance=instance,
            rotation=rotation,
        )

    def trigger_crash_dump(self, ctxt, instance):
        """Let a guest dump its memory."""
        cctxt = self._to(instance)
        cctxt.cast(ctxt, "trigger_crash_dump", instance=instance)

    def prep_resize(
        self, ctxt, instance, host, flavor, migration, request_spec, filter_properties, host_list
    ):
        """Ask the destination to prepare a resize."""
        cctxt = self._to(instance, host)
        cctxt.cast(
            ctxt,
            "prep_resize",
            filter_properties=filter_properties,
            flavor=flavor,
            host_list=host_list,
            instance=instance,
            migration=migration,
            request_spec=request_spec,
            **rpc.unmodelled("clean_shutdown image node"),
        )

    def resize_instance(self, ctxt, instance, host, migration, flavor, request_spec):
        """Ask the source of a resize to send the server."""
        cctxt = self._to(instance, host, topic=RPC_TOPIC_ALT)
        cctxt.cast(
            ctxt,
            "resize_instance",
            flavor=flavor,
            instance=instance,
            migration=migration,
            request_spec=request_spec,
            **rpc.unmodelled("clean_shutdown image"),
        )

    def finish_resize(self, ctxt, instance, host, migration, request_spec):
        """Ask the destination to start a server that has arrived."""
        cctxt = self._to(instance, host, topic=RPC_TOPIC_ALT)
        cctxt.cast(
            ctxt,
            "finish_resize",
            instance=instance,
            migration=migration,
            request_spec=request_spec,
            **rpc.unmodelled("disk_info image"),
        )

    def confirm_resize(self, ctxt, instance, host, migration, cast=True):
        """Ask the source to clean up after a resize; unless *cast*, wait for it."""
        cctxt = self._to(instance, host)
        send = cctxt.cast if cast else cctxt.call
        return send(ctxt, "confirm_resize", instance=instance, migration=migration)

    def revert_resize(self, ctxt, instance, host, migration, request_spec):
        """Ask the destination to give a server back."""
        cctxt = self._to(instance, host)
        cctxt.cast(
            ctxt, "revert_resize", instance=instance, migration=migration, request_spec=request_spec
        )

    def finish_revert_resize(self, ctxt, instance, host, migration, request_spec):
        """Ask the source to start a server that has come back."""
        cctxt = self._to(instance, host, topic=RPC_TOPIC_ALT)
        cctxt.cast(
            ctxt,
            "finish_revert_resize",
            instance=instance,
            migration=migration,
            request_spec=request_spec,
        )

    def check_can_live_migrate_destination(self, ctxt, instance, host, migration):
        """Ask a host whether it takes a running server; wait for the answer."""
        cctxt = self._to(instance, host, **rpc.LONG)
        return cctxt.call(
            ctxt,
            "check_can_live_migrate_destination",
            instance=instance,
            migration=migration,
            **rpc.unmodelled("block_migration disk_over_commit limits"),
        )

    def check_can_live_migrate_source(self, ctxt, instance):
        """Ask a server's host whether it lets it go; wait for the answer."""
        cctxt = self._to(instance)
        return cctxt.call(
            ctxt,
            "check_can_live_migrate_source",
            instance=instance,
            **rpc.unmodelled("dest_check_data"),
        )

    def live_migration(self, ctxt, instance, host, dest, migration):
        """Ask a server's host to send it while it runs."""
        cctxt = self._to(instance, host, topic=RPC_TOPIC_ALT)
        cctxt.cast(
            ctxt,
            "live_migration",
            dest=dest,
            instance=instance,
            migration=migration,
            **rpc.unmodelled("block_migration migrate_data"),
        )

    def pre_live_migration(self, ctxt, instance, host):
        """Ask the destination to prepare for a running server; wait for it."""
        cctxt = self._to(instance, host, topic=RPC_TOPIC_ALT, **rpc.LONG)
        return cctxt.call(
            ctxt, "pre_live_migration", instance=instance, **rpc.unmodelled("disk migrate_data")
        )

    def post_live_migration_at_destination(self, ctxt, instance, host):
        """Ask the destination to take over a server that has arrived; wait for it."""
        cctxt = self._to(instance, host, topic=RPC_TOPIC_ALT, **rpc.LONG)
        return cctxt.call(
            ctxt,
            "post_live_migration_at_destination",
            instance=instance,
            **rpc.unmodelled("block_migration"),
        )

    def live_migration_abort(self, ctxt, instance, migration_id):
        """Stop a live migration."""
        cctxt = self._to(instance)
        cctxt.cast(ctxt, "live_migration_abort", instance=instance, migration_id=migration_id)

    def live_migration_force_complete(self, ctxt, instance):
        """Hurry a live migration."""
        cctxt = self._to(instance)
        cctxt.cast(ctxt, "live_migration_force_complete", instance=instance)

    def rebuild_instance(
        self,
        ctxt,
        instance,
        host,
        image_ref,
        orig_image_ref,
        recreate,
        migration,
        scheduled_node,
        target_state,
        request_spec,
    ):
        """Ask a host to build a server again, its own or (*recreate*) another."""
        cctxt = self._to(instance, host, version="6.2")
        cctxt.cast(
            ctxt,
            "rebuild_instance",
            image_ref=image_ref,
            instance=instance,
            migration=migration,
            orig_image_ref=orig_image_ref,
            recreate=recreate,
            request_spec=request_spec,
            scheduled_node=scheduled_node,
            target_state=target_state,
            **rpc.unmodelled(
                "accel_uuids bdms injected_files limits new_pass on_shared_storage orig_sys_metadata preserve_ephemeral reimage_boot_volume"
            ),
        )

    def shelve_instance(self, ctxt, instance, image_id):
        """Switch a server off and keep its disk as an image."""
        cctxt = self._to(instance)
        cctxt.cast(
            ctxt,
            "shelve_instance",
            image_id=image_id,
            instance=instance,
            **rpc.unmodelled("accel_uuids clean_shutdown"),
        )

    def shelve_offload_instance(self, ctxt, instance):
        """Take a shelved server off its host."""
        cctxt = self._to(instance)
        cctxt.cast(
            ctxt,
            "shelve_offload_instance",
            instance=instance,
            **rpc.unmodelled("accel_uuids clean_shutdown"),
        )

    def unshelve_instance(self, ctxt, instance, host, image):
        """Ask a host to start an offloaded server."""
        cctxt = self._to(instance, host)
        cctxt.cast(
            ctxt,
            "unshelve_instance",
            image=image,
            instance=instance,
            **rpc.unmodelled("accel_uuids filter_properties node request_spec"),
        )
