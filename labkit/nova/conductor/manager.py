"""How the conductor gets servers scheduled and built (nova/conductor/manager.py)."""

from labkit.cloud.site import CONTROLLER
from labkit.neighbours.messaging import Target
from labkit.nova import exception
from labkit.nova.clock import BuildRequest, InstanceMapping
from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.conductor.tasks.live_migrate import LiveMigrationTask, expected_failure
from labkit.nova.conductor.tasks.migrate import (
    MigrationTask,
    claim_on_destination,
    no_valid_host,
)
from labkit.nova.image import glance
from labkit.nova.notifications import base
from labkit.nova.notifications import instance as notify
from labkit.nova.notifications import moves as notify_move
from labkit.nova.objects import build_request, instance_action, instance_fault
from labkit.nova.objects.instance_action import event_reporter
from labkit.nova.objects.migration import Migration, find
from labkit.nova.objects.selection import Selection
from labkit.nova.quota import check_num_instances_quota
from labkit.nova.scheduler.client.report import SchedulerReportClient
from labkit.nova.scheduler.utils import exhausted, populate_retry
from labkit.nova.service import Service

_HERE = "conductor/manager.py:"
CELL0 = "cell0"


class ComputeTaskManager(Service):
    """The conductor's part in the life of servers.

    Source: ``ComputeTaskManager`` in nova/conductor/manager.py, Nova 34.0.0.
    """

    target = Target(namespace="compute_task", version="1.26")

    def __init__(self, site):
        super().__init__(site, "conductor", CONTROLLER)
        self.report_client = SchedulerReportClient(self)
        self.image_api = glance.API(self)

    def schedule_and_build_instances(self, build_requests, request_specs):
        """Ask the scheduler for hosts, write the rows, and let the hosts build.

        Source: the method of that name in nova/conductor/manager.py, Nova 34.0.0.
        """
        by, site = _HERE + "schedule_and_build_instances", self.site
        spec = request_specs[0]
        names = [request.name for request in build_requests]
        try:
            selections = yield from self.query_client.select_destinations(
                self.context, spec_obj=spec, instance_uuids=[site.uuid_of(name) for name in names]
            )
        except Exception as error:
            self._bury_in_cell0(build_requests, error)
            return
        instances = []
        for request, selection in zip(build_requests, selections, strict=True):
            instances.append(self._create_row(request, selection, by))
        yield from self.step("create_rows", names=names)
        try:
            check_num_instances_quota(self, spec, recheck=True)
        except exception.TooManyInstances as error:
            self._cleanup_build_artifacts(error, instances)
            raise
        for request, selection, instance in zip(build_requests, selections, instances, strict=True):
            if instance is None:
                continue
            mode = self.options.notify_on_state_change
            update = base.send_update_with_states(
                instance, None, vm.BUILDING, None, None, notify_on_state_change=mode
            )
            base.send(self, instance, update, by, source="conductor")
            instance_action.action_start(instance, "create", by)
            self._map_instance_to_cell(instance, site.cell_of(selection.host))
            if not self._delete_build_request(request, instance):
                continue
            properties = {}
            populate_retry(properties, instance.uuid, self.options.max_attempts, spec)
            alternates = [Selection(host) for host in selection.alternates]
            self._build_on(instance, selection.host, alternates, spec, properties, by)

    def _cleanup_build_artifacts(self, error, instances):
        """Put the servers of a request in error, which has gone beyond the quota by now.

        What the scheduler has claimed stays claimed until they are deleted, as in Nova.
        """
        by = _HERE + "_cleanup_build_artifacts"
        for instance in instances:
            if instance is None:
                continue
            self._set_vm_state_and_notify(instance, error)
            self._save_mapping(instance, self.site.db.cells[instance.uuid], by)
            if instance.uuid in self.site.api_db.build_requests:
                build_request.destroy(self, instance.uuid)
                self.note(BuildRequest, instance.name, "destroy", by=by)

    def _create_row(self, request, selection, by):
        """Write the row into its cell; None when the user has deleted the server by now."""
        uuid = request.values["uuid"]
        instance = request.get_new_instance(self)
        if uuid not in self.site.api_db.build_requests:
            self.note(InstanceMapping, request.name, "destroy", by=by)
            self.site.api_db.instance_mappings.pop(uuid)
            self.report_client.delete_allocation_for_instance(request.name, uuid, force=True)
            return None
        instance.availability_zone = self.site.zone_of(selection.host)
        instance.create(by, self.site.cell_of(selection.host))
        return instance

    def _map_instance_to_cell(self, instance, cell):
        self._save_mapping(instance, cell, _HERE + "_map_instance_to_cell")

    def _save_mapping(self, instance, cell, by):
        mapping = self.site.api_db.instance_mappings[instance.uuid]
        mapping.cell = cell
        self.note(InstanceMapping, instance.name, "save", cell, mapping.queued_for_delete, by)

    def _delete_build_request(self, request, instance) -> bool:
        """Take the server over from the API; False when the API was faster and it must go."""
        by = _HERE + "_delete_build_request"
        try:
            build_request.destroy(self, instance.uuid)
        except exception.BuildRequestNotFound as error:
            self._note_refused(instance, error, by)
            with notify.about_delete(self, instance, source="conductor"):
                self._destroy_anyway(instance, by)
            return False
        self.note(BuildRequest, instance.name, "destroy", by=by)
        return True

    def _note_refused(self, instance, error, by):
        name = type(error).__name__
        self.note(BuildRequest, instance.name, "destroy_refused", error=name, by=by)

    def _destroy_anyway(self, instance, by):
        try:
            instance.destroy(by)
        except exception.InstanceNotFound:
            return
        except exception.ObjectActionError:
            try:
                instance.refresh()
                instance.destroy(by)
            except exception.InstanceNotFound:
                return

    def _build_on(self, instance, host, alternates, spec, filter_properties, by):
        """Let a host build; it learns which hosts may be tried after it."""
        self.compute_rpcapi.build_and_run_instance(
            self.context,
            instance,
            host,
            request_spec=spec,
            filter_properties=filter_properties,
            node=self.site.fleet[host].nodename,
            host_list=alternates,
            by=by,
        )

    # -- no host --------------------------------------------------------------------------
    def _bury_in_cell0(self, build_requests, error):
        """Keep servers that found no host in cell0, in error.

        Source: ``_bury_in_cell0`` in nova/conductor/manager.py, Nova 34.0.0.
        """
        by = _HERE + "_bury_in_cell0"
        instances = []
        for request in build_requests:
            instance = request.get_new_instance(self)
            instance.create(by, CELL0)
            self._save_mapping(instance, CELL0, by)
            self._create_instance_action_for_cell0(instance)
            self._set_vm_state_and_notify(instance, error)
            instances.append(instance)
        for request, instance in zip(build_requests, instances, strict=True):
            try:
                build_request.destroy(self, instance.uuid)
                self.note(BuildRequest, request.name, "destroy", by=by)
            except exception.BuildRequestNotFound as gone:
                self._note_refused(instance, gone, by)
                instance.destroy(by)

    def _create_instance_action_for_cell0(self, instance):
        by = _HERE + "_create_instance_action_for_cell0"
        event = "conductor_schedule_and_build_instances"
        instance_action.action_start(instance, "create", by)
        instance_action.event_start(instance, event, by)
        instance_action.event_finish(instance, event, "Error", by)

    def _set_vm_state_and_notify(self, instance, error):
        """Put a server in error, by a copy of its own, and tell why.

        Source: ``set_vm_state_and_notify`` in nova/scheduler/utils.py, Nova 34.0.0.
        """
        by = "scheduler/utils.py:set_vm_state_and_notify"
        copy = self.site.from_row(self, instance.name, instance.uuid)
        copy.vm_state = vm.ERROR
        copy.task_state = None
        copy.save(by)
        instance_fault.create(copy, error)
        notify.about_compute_task_error(self, instance, "build_instances", vm.ERROR, error)

    # -- the next host --------------------------------------------------------------------
    def build_instances(self, instances, request_spec, filter_properties, host_lists):
        """Build on the next alternate; the scheduler is not asked again.

        Source: ``build_instances`` in nova/conductor/manager.py, Nova 34.0.0, for a reschedule.
        """
        by, instance, host_list = _HERE + "build_instances", instances[0], host_lists[0]
        try:
            populate_retry(
                filter_properties, instance.uuid, self.options.max_attempts, request_spec
            )
            if not host_list:
                raise exhausted(instance)
        except Exception as error:
            yield from self._cleanup_when_reschedule_fails(instance, error)
            return
        host = self.next_host(instance, request_spec, host_list)
        if host is None:
            yield from self._cleanup_when_reschedule_fails(instance, exhausted(instance))
            return
        instance.availability_zone = self.site.zone_of(host)
        try:
            instance.save(by)
        except exception.InstanceNotFound:
            return
        self._build_on(instance, host, host_list, request_spec, filter_properties, by)

    def next_host(self, instance, spec, host_list) -> str | None:
        """Take alternates off the list until one has room; None when none has."""
        fleet = self.site.fleet
        while host_list:
            host = host_list.pop(0).service_host
            resources = self.site.resources_of(spec)
            if self.report_client.claim_resources(
                instance.name, instance.uuid, fleet.rows[host], resources
            ):
                return host
        return None

    def _cleanup_when_reschedule_fails(self, instance, error):
        try:
            self._set_vm_state_and_notify(instance, error)
        except exception.InstanceNotFound:
            return
        by = _HERE + "_cleanup_allocated_networks"
        try:
            if self.site.wants_network(instance):
                yield from self.site.neutron.deallocate_for_instance(self, instance, by)
        except Exception:  # as Nova, which only logs it
            return
        instance.system_metadata["network_allocated"] = "False"
        try:
            instance.save(by)
        except exception.InstanceNotFound:
            return

    def set_vm_state_and_notify(self, instance, method, vm_state, error):
        """Give a server its vm_state and no task, by a copy of its own, and tell why.

        Source: ``set_vm_state_and_notify`` in nova/scheduler/utils.py, Nova 34.0.0.
        """
        copy = self.site.from_row(self, instance.name, instance.uuid)
        copy.vm_state = vm_state
        copy.task_state = None
        copy.save("scheduler/utils.py:set_vm_state_and_notify")
        instance_fault.create(copy, error)
        notify.about_compute_task_error(self, instance, method, vm_state, error)

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
            raise exception.MigrationError(reason=str(error)) from error

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
            notify_move.about(
                self, instance, "rebuild.scheduled", "rebuild_scheduled", source="conductor"
            )
            instance.availability_zone = self.site.zone_of(host)
            self.compute_rpcapi.rebuild_instance(
                self.context,
                instance,
                host,
                image_ref=image_ref,
                orig_image_ref=orig_image_ref,
                recreate=recreate,
                migration=migration,
                scheduled_node=node,
                target_state=target_state,
                by=by,
            )

    def _schedule_rebuild(self, instance, image_ref, orig_image_ref, recreate, spec, migration, by):
        if recreate:
            spec = spec.replace(ignore_hosts=[instance.host], force_hosts=None, force_nodes=None)
        elif instance.host is None:
            spec = spec.replace(requested_resources=None)
        try:
            if not recreate and orig_image_ref != image_ref:
                of = _HERE + "_validate_image_traits_for_rebuild"
                self.image_api.get(instance.name, of)
            selections = yield from self.query_client.select_destinations(
                self.context, spec_obj=spec, instance_uuids=[instance.uuid], return_alternates=False
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
            self.compute_rpcapi.start_instance(self.context, instance, by=by)
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
            self.image_api.get(instance.name, _HERE + "safe_image_show", image_id)
        except exception.ImageNotFound as error:
            instance.vm_state = vm.ERROR
            instance.save(by)
            reason = f"Unshelve attempted but the image {image_id} cannot be found."
            instance_fault.create(instance, error, reason)
            raise exception.UnshelveException(instance_id=instance.uuid, reason=reason) from error

    def _schedule_unshelve(self, instance, image_id, spec, by):
        spec = spec.replace(force_hosts=None, force_nodes=None)
        selections = yield from self.query_client.select_destinations(
            self.context, spec_obj=spec, instance_uuids=[instance.uuid], return_alternates=False
        )
        host = selections[0].host
        instance.availability_zone = self.site.zone_of(host)
        self.compute_rpcapi.unshelve_instance(
            self.context, instance, host, image=image_id and {"id": image_id}, by=by
        )
