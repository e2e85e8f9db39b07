"""How the conductor moves servers (nova/conductor/manager.py)."""

from labkit.nova import exception
from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.conductor.tasks.live_migrate import LiveMigrationTask, expected_failure
from labkit.nova.conductor.tasks.migrate import (
    MigrationTask,
    claim_on_destination,
    no_valid_host,
)
from labkit.nova.exception_moves import MigrationError, UnshelveException
from labkit.nova.notifications import instance as tell
from labkit.nova.notifications import moves as notify
from labkit.nova.objects import instance_fault
from labkit.nova.objects.instance_action import event_reporter
from labkit.nova.objects.migration import Migration, find

_HERE = "conductor/manager.py:"


class Moves:
    """The part of ComputeTaskManager that moves servers.

    Source: nova/conductor/manager.py, Nova 34.0.0.
    """

    def set_vm_state_and_notify(self, instance, method, vm_state, error):
        """Give a server its vm_state and no task, by a copy of its own, and tell why.

        Source: ``set_vm_state_and_notify`` in nova/scheduler/utils.py, Nova 34.0.0.
        """
        copy = self.site.from_row(self, instance.name, instance.uuid)
        copy.vm_state = vm_state
        copy.task_state = None
        copy.save("scheduler/utils.py:set_vm_state_and_notify")
        instance_fault.create(copy, error)
        tell.about_compute_task_error(self, instance, method, vm_state, error)

    # -- resize and cold migrate ----------------------------------------------------------
    def migrate_server(self, instance, flavor, request_spec, host_list):
        """Find a host for a server that is switched off meanwhile, and let it prepare itself."""
        by = _HERE + "migrate_server"
        with (
            event_reporter(instance, "conductor_migrate_server", by),
            event_reporter(instance, "cold_migrate", by),
        ):
            yield from self._cold_migrate(instance, flavor, request_spec, host_list)

    def _cold_migrate(self, instance, flavor, spec, host_list):
        move = MigrationTask(self, instance, flavor, spec, host_list)
        try:
            yield from move.execute()
        except exception.NoValidHost as error:
            self.set_vm_state_and_notify(instance, "migrate_server", instance.vm_state, error)
            raise no_valid_host(flavor != instance.flavor) from error
        except Exception as error:
            try:
                instance.refresh()
                self.set_vm_state_and_notify(instance, "migrate_server", instance.vm_state, error)
            except exception.InstanceNotFound:
                pass
            raise
        kept = self.site.servers[instance.name][1]
        if kept.flavor != flavor:
            self.site.save_spec(instance.name, kept.replace(flavor=flavor))

    # -- live migrate ---------------------------------------------------------------------
    def live_migrate_instance(self, instance, request_spec, scheduler_hint):
        """Find a host for a server that runs on, and let its own host begin."""
        by = _HERE + "live_migrate_instance"
        with event_reporter(instance, "conductor_live_migrate_instance", by):
            yield from self._live_migrate(instance, request_spec, scheduler_hint["host"])

    def _live_migrate(self, instance, spec, destination):
        by = _HERE + "_live_migrate"
        migration = Migration.new(self, instance, "live-migration", "accepted")
        migration.source_node = None  # the task fills it in
        migration.dest_compute = destination
        migration.create(by)
        move = LiveMigrationTask(self, instance, destination, migration, spec)
        try:
            yield from move.execute()
        except Exception as error:
            expected = expected_failure(error)
            vm_state = instance.vm_state if expected else vm.ERROR
            self.set_vm_state_and_notify(instance, "migrate_server", vm_state, error)
            migration.set_status("error", by)
            if expected:
                raise
            raise MigrationError(reason=str(error)) from error

    # -- rebuild and evacuate -------------------------------------------------------------
    def rebuild_instance(
        self, instance, image_ref, orig_image_ref, recreate, host, request_spec, target_state
    ):
        """Let a host make a server anew: its own, or for an evacuate (*recreate*) another."""
        by = _HERE + "rebuild_instance"
        with event_reporter(instance, "rebuild_server", by):
            found = find(self, instance.uuid, status="accepted")
            migration = found[0] if found else None
            node = None
            if host:
                if host != instance.host:
                    self._allocate_for_evacuate_dest_host(instance, host, migration, by)
            else:
                work = self._schedule_rebuild(
                    instance, image_ref, orig_image_ref, recreate, request_spec, migration, by
                )
                host = yield from work
                node = self.site.fleet[host].nodename
            notify.about(
                self, instance, "rebuild.scheduled", "rebuild_scheduled", source="conductor"
            )
            instance.availability_zone = self.site.zone_of(host)
            self.site.bus.cast(
                self,
                "rebuild_instance",
                instance,
                server=host,
                caller=by,
                image_ref=image_ref,
                orig_image_ref=orig_image_ref,
                recreate=recreate,
                migration=migration,
                scheduled_node=node,
                target_state=target_state,
            )

    def _schedule_rebuild(self, instance, image_ref, orig_image_ref, recreate, spec, migration, by):
        if recreate:
            spec = spec.replace(ignore_hosts=[instance.host], force_hosts=None, force_nodes=None)
        elif instance.host is None:
            spec = spec.replace(requested_resources=None)
        try:
            if not recreate and orig_image_ref != image_ref:
                of = _HERE + "_validate_image_traits_for_rebuild"
                self.site.glance.get(self, instance.name, of)
            selections = yield from self.site.bus.call(
                self,
                "select_destinations",
                spec_obj=spec,
                instance_uuids=[instance.name],
                return_alternates=False,
            )
        except exception.NoValidHost as error:
            if migration:
                migration.set_status("error", by)
            if orig_image_ref and orig_image_ref != image_ref:
                instance.image_ref = orig_image_ref
                instance.save(by)
            self.set_vm_state_and_notify(instance, "rebuild_server", vm.ERROR, error)
            raise
        return selections[0].host

    def _allocate_for_evacuate_dest_host(self, instance, host, migration, by):
        """Claim on a host that is forced.

        Source: the method of that name in nova/conductor/manager.py, Nova 34.0.0.
        """
        self.report_client.get_allocs_for_consumer(instance.name)
        try:
            claim_on_destination(self, instance, host)
        except exception.NoValidHost as error:
            self.set_vm_state_and_notify(instance, "rebuild_server", instance.vm_state, error)
            if migration:
                migration.set_status("error", by)
            raise

    # -- unshelve -------------------------------------------------------------------------
    def unshelve_instance(self, instance, request_spec):
        """Start a shelved server: where it is, or on a new host if it was offloaded.

        Source: ``unshelve_instance`` in nova/conductor/manager.py, Nova 34.0.0.
        """
        by = _HERE + "unshelve_instance"
        if instance.vm_state == vm.SHELVED:
            instance.task_state = task.POWERING_ON
            instance.save(by, expected_task_state=task.UNSHELVING)
            self.site.bus.cast(self, "start_instance", instance, server=instance.host, caller=by)
            return
        image_id = instance.system_metadata.get("shelved_image_id")
        if image_id:
            with event_reporter(instance, "get_image_info", by):
                self._show_image(instance, image_id, by)
        try:
            with event_reporter(instance, "schedule_instances", by):
                yield from self._schedule_unshelve(instance, image_id, request_spec, by)
        except Exception as error:
            instance.task_state = None
            instance.save(by)
            if not isinstance(error, exception.NoValidHost):
                raise

    def _show_image(self, instance, image_id, by):
        try:
            self.site.glance.get(self, instance.name, _HERE + "safe_image_show", image_id)
        except exception.ImageNotFound as error:
            instance.vm_state = vm.ERROR
            instance.save(by)
            reason = f"Unshelve attempted but the image {image_id} cannot be found."
            instance_fault.create(instance, error, reason)
            raise UnshelveException(instance_id=instance.uuid, reason=reason) from error

    def _schedule_unshelve(self, instance, image_id, spec, by):
        spec = spec.replace(force_hosts=None, force_nodes=None)
        selections = yield from self.site.bus.call(
            self,
            "select_destinations",
            spec_obj=spec,
            instance_uuids=[instance.name],
            return_alternates=False,
        )
        host = selections[0].host
        instance.availability_zone = self.site.zone_of(host)
        self.site.bus.cast(
            self, "unshelve_instance", instance, server=host, caller=by, image=image_id
        )
