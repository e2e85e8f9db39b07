"""How the conductor gets servers scheduled, built and moved (nova/conductor/manager.py)."""

import contextlib
from dataclasses import replace

from labkit.neighbours.messaging import Target
from labkit.nova import exception
from labkit.nova.availability_zones import get_host_availability_zone
from labkit.nova.compute import task_states as task
from labkit.nova.compute import utils as compute_utils
from labkit.nova.compute import vm_states as vm
from labkit.nova.compute.utils import EventReporter, wrap_instance_event
from labkit.nova.conductor.tasks.live_migrate import LiveMigrationTask, expected_failure
from labkit.nova.conductor.tasks.migrate import MigrationTask
from labkit.nova.db.main import api as db
from labkit.nova.image import glance
from labkit.nova.notifications import base
from labkit.nova.objects import Destination, instance_action, instance_mapping
from labkit.nova.objects import migration as migrations
from labkit.nova.objects.migration import Migration
from labkit.nova.objects.selection import Selection
from labkit.nova.quota import check_num_instances_quota
from labkit.nova.scheduler import request_filter
from labkit.nova.scheduler import utils as scheduler_utils
from labkit.nova.scheduler.client.report import SchedulerReportClient
from labkit.nova.service import Service

CELL0 = "cell0"


class ComputeTaskManager(Service):
    """The conductor's part in the life of servers."""

    target = Target(namespace="compute_task", version="1.26")

    def __init__(self, site, host):
        super().__init__(site, "conductor", host)
        self.image_api = glance.API(self)
        self.report_client = SchedulerReportClient(self)

    def _set_vm_state_and_notify(self, instance, method, vm_state, error):
        scheduler_utils.set_vm_state_and_notify(self, instance, method, vm_state, error)

    # -- build -----------------------------------------------------------------------------
    def schedule_and_build_instances(self, build_requests, request_specs):
        """Ask the scheduler for hosts, write the rows, and have the hosts build."""
        site, spec = self.site, request_specs[0]
        names = [request.name for request in build_requests]
        try:
            selections = yield from self.query_client.select_destinations(
                self.context,
                spec_obj=scheduler_utils.setup_instance_group(self, spec, names[0]),
                instance_uuids=[site.uuid_of(name) for name in names],
            )
        except Exception as error:
            self._bury_in_cell0(build_requests, error)
            return
        instances = []
        for request, selection in zip(build_requests, selections, strict=True):
            instance = request.get_new_instance(self)
            if instance.uuid in site.api_db.build_requests:
                instance.availability_zone = get_host_availability_zone(site.fleet, selection.host)
                instance.create(site.fleet[selection.host].cell_uuid)
            else:  # the user has deleted the server by now
                instance_mapping.destroy(self, instance)
                self.report_client.delete_allocation_for_instance(
                    request.name, instance.uuid, force=True
                )
                instance = None
            instances.append(instance)
        yield from self.step("create_rows", names=names)
        try:
            check_num_instances_quota(self, spec, recheck=True)
        except exception.TooManyInstances as error:
            self._cleanup_build_artifacts(error, instances)
            raise
        for build_request, selection, instance in zip(
            build_requests, selections, instances, strict=True
        ):
            if instance is None:
                continue
            mode = self.options.notify_on_state_change
            update = base.send_update_with_states(
                instance, None, vm.BUILDING, None, None, notify_on_state_change=mode
            )
            base.send(self, instance, update, source="conductor")
            instance_action.action_start(instance, "create")
            self._map_instance_to_cell(instance, site.fleet[selection.host].cell_uuid)
            if not self._delete_build_request(build_request, instance):
                continue
            filter_properties = {}
            scheduler_utils.populate_retry(
                filter_properties, instance.uuid, self.options.max_attempts, spec
            )
            self.compute_rpcapi.build_and_run_instance(
                self.context,
                instance,
                selection.host,
                request_spec=spec,
                filter_properties=filter_properties,
                node=site.fleet[selection.host].nodename,
                host_list=[Selection(host) for host in selection.alternates],
            )

    def _cleanup_build_artifacts(self, error, instances):
        """Put the servers of a request in error, as it has gone beyond the quota by now.

        What the scheduler has claimed stays claimed until they are deleted, as in Nova.
        """
        for instance in filter(None, instances):
            self._set_vm_state_and_notify(instance, "build_instances", vm.ERROR, error)
            cell = db.instance_get_cell(self.db_context, instance.uuid)
            instance_mapping.save(self, instance, cell=cell)
            if instance.uuid in self.site.api_db.build_requests:
                self.site.api_db.build_requests[instance.uuid].destroy(self)

    def _map_instance_to_cell(self, instance, cell):
        instance_mapping.save(self, instance, cell=cell)

    def _delete_build_request(self, build_request, instance) -> bool:
        """Take the server over from the API; False when the API was faster and it must go."""
        try:
            build_request.destroy(self)
        except exception.BuildRequestNotFound:
            with compute_utils.notify_about_instance_delete(self, instance, source="conductor"):
                try:
                    instance.destroy()
                except exception.InstanceNotFound:
                    pass
                except exception.ObjectActionError:
                    with contextlib.suppress(exception.InstanceNotFound):
                        instance.refresh()
                        instance.destroy()
            return False
        return True

    def _bury_in_cell0(self, build_requests, error):
        """Keep servers that found no host in cell0, in error."""
        instances = []
        for request in build_requests:
            instance = request.get_new_instance(self)
            instance.create(CELL0)
            instance_mapping.save(self, instance, cell=CELL0)
            self._create_instance_action_for_cell0(instance)
            self._set_vm_state_and_notify(instance, "build_instances", vm.ERROR, error)
            instances.append(instance)
        for build_request, instance in zip(build_requests, instances, strict=True):
            try:
                build_request.destroy(self)
            except exception.BuildRequestNotFound:
                instance.destroy()

    def _create_instance_action_for_cell0(self, instance):
        event = "conductor_schedule_and_build_instances"
        instance_action.action_start(instance, "create")
        instance_action.event_start(instance, event)
        instance_action.event_finish(instance, event, "Error")

    def build_instances(self, instances, request_spec, filter_properties, host_lists):
        """Build on the next alternate, after a host has failed; the scheduler is not asked again."""
        instance, host_list = instances[0], host_lists[0]
        try:
            scheduler_utils.populate_retry(
                filter_properties, instance.uuid, self.options.max_attempts, request_spec
            )
            if not host_list:
                raise scheduler_utils.exhausted(instance)
        except Exception as error:
            yield from self._cleanup_when_reschedule_fails(instance, error)
            return
        host = self.next_host(instance, request_spec, host_list)
        if host is None:
            error = scheduler_utils.exhausted(instance)
            yield from self._cleanup_when_reschedule_fails(instance, error)
            return
        instance.availability_zone = get_host_availability_zone(self.site.fleet, host)
        try:
            instance.save()
        except exception.InstanceNotFound:
            return
        self.compute_rpcapi.build_and_run_instance(
            self.context,
            instance,
            host,
            request_spec=request_spec,
            filter_properties=filter_properties,
            node=self.site.fleet[host].nodename,
            host_list=host_list,
        )

    def next_host(self, instance, request_spec, host_list) -> str | None:
        """Take alternates off the list until one has room; None when none has."""
        while host_list:
            host = host_list.pop(0).service_host
            resources = request_filter.resources_from_flavor(request_spec)[0]
            if self.report_client.claim_resources(
                instance.name, instance.uuid, self.site.fleet.rows[host], resources
            ):
                return host
        return None

    def _cleanup_when_reschedule_fails(self, instance, error):
        try:
            self._set_vm_state_and_notify(instance, "build_instances", vm.ERROR, error)
        except exception.InstanceNotFound:
            return
        yield from self._cleanup_allocated_networks(instance)

    def _cleanup_allocated_networks(self, instance):
        try:
            if self.site.wants_network(instance):
                yield from self.site.neutron.deallocate_for_instance(self, instance)
        except Exception:  # as Nova, which only logs it
            return
        instance.system_metadata["network_allocated"] = "False"
        with contextlib.suppress(exception.InstanceNotFound):
            instance.save()

    # -- resize and cold migrate -----------------------------------------------------------
    @wrap_instance_event(prefix="conductor")
    def migrate_server(self, instance, flavor, request_spec, host_list):
        """Find a host for a server that is switched off meanwhile, and have it prepare itself."""
        with EventReporter(instance, "cold_migrate"):
            yield from self._cold_migrate(instance, flavor, request_spec, host_list)

    def _cold_migrate(self, instance, flavor, request_spec, host_list):
        try:
            yield from MigrationTask(self, instance, flavor, request_spec, host_list).execute()
        except exception.NoValidHost as error:
            self._set_vm_state_and_notify(instance, "migrate_server", instance.vm_state, error)
            what = "resize" if flavor != instance.flavor else "cold migrate"
            raise exception.NoValidHost(reason=f"No valid host found for {what}") from error
        except exception.UnsupportedPolicyException as error:
            self._set_vm_state_and_notify(instance, "migrate_server", instance.vm_state, error)
            raise
        except Exception as error:
            with contextlib.suppress(exception.InstanceNotFound):
                instance.refresh()
                self._set_vm_state_and_notify(instance, "migrate_server", instance.vm_state, error)
            raise
        kept = self.site.servers[instance.name][1]
        if kept.flavor != flavor:
            self.site.save_spec(instance.name, kept.replace(flavor=flavor))

    # -- live migrate ----------------------------------------------------------------------
    @wrap_instance_event(prefix="conductor")
    def live_migrate_instance(self, instance, request_spec, scheduler_hint):
        """Find a host for a server that runs on, and have its own host begin."""
        return self._live_migrate(instance, request_spec, scheduler_hint["host"])

    def _live_migrate(self, instance, request_spec, destination):
        migration = Migration.new(self, instance, "live-migration", "accepted")
        migration.source_node = None  # the task fills it in
        migration.dest_compute = destination
        migration.create()
        try:
            yield from LiveMigrationTask(
                self, instance, destination, migration, request_spec
            ).execute()
        except Exception as error:
            expected = expected_failure(error)
            vm_state = instance.vm_state if expected else vm.ERROR
            self._set_vm_state_and_notify(instance, "migrate_server", vm_state, error)
            migration.status = "error"
            migration.save()
            if expected:
                raise
            raise exception.MigrationError(reason=str(error)) from error

    # -- rebuild and evacuate --------------------------------------------------------------
    def rebuild_instance(
        self, instance, image_ref, orig_image_ref, recreate, host, request_spec, target_state
    ):
        """Have a host build a server again: its own, or for an evacuate (*recreate*) another."""
        with EventReporter(instance, "rebuild_server"):
            found = migrations.find(self, instance.uuid, status="accepted")
            migration = found[0] if found else None
            node, spec = None, request_spec
            if host and host != instance.host:
                self._allocate_for_evacuate_dest_host(instance, host, migration)
            elif not host:
                if recreate:
                    spec = spec.replace(
                        ignore_hosts=[instance.host], force_hosts=None, force_nodes=None
                    )
                elif instance.host is None:
                    spec = spec.replace(requested_resources=None)
                try:
                    if not recreate and orig_image_ref != image_ref:
                        self._validate_image_traits_for_rebuild(instance)
                    spec = self.restrict_request_spec_to_cell(instance, spec)
                    selections = yield from self._schedule_instances(instance, spec)
                except (exception.NoValidHost, exception.UnsupportedPolicyException) as error:
                    if migration:
                        migration.status = "error"
                        migration.save()
                    if orig_image_ref and orig_image_ref != image_ref:
                        instance.image_ref = orig_image_ref
                        instance.save()
                    self._set_vm_state_and_notify(instance, "rebuild_server", vm.ERROR, error)
                    raise
                host = selections[0].host
                node = self.site.fleet[host].nodename
            compute_utils.notify_about_instance(
                self, instance, "rebuild_scheduled", source="conductor"
            )
            instance.availability_zone = get_host_availability_zone(self.site.fleet, host)
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
                request_spec=spec,
            )

    def restrict_request_spec_to_cell(self, instance, request_spec):
        """Return a request that stays in the cell where a server is: no move leaves it.

        Source: ``_restrict_request_spec_to_cell`` in nova/conductor/manager.py, Nova 34.0.0.
        """
        destination = request_spec.requested_destination or Destination()
        cell = db.instance_get_cell(self.db_context, instance.uuid)
        return request_spec.replace(requested_destination=replace(destination, cell=cell))

    def _schedule_instances(self, instance, request_spec):
        spec = scheduler_utils.setup_instance_group(self, request_spec, instance.name, moves=True)
        return (
            yield from self.query_client.select_destinations(
                self.context, spec_obj=spec, instance_uuids=[instance.uuid], return_alternates=False
            )
        )

    def _validate_image_traits_for_rebuild(self, instance):
        self.image_api.get(instance.name)

    def _allocate_for_evacuate_dest_host(self, instance, host, migration):
        """Claim on a host that is forced."""
        self.report_client.get_allocs_for_consumer(instance.name)
        try:
            scheduler_utils.claim_resources_on_destination(self, instance, host)
        except exception.NoValidHost as error:
            self._set_vm_state_and_notify(instance, "rebuild_server", instance.vm_state, error)
            if migration:
                migration.status = "error"
                migration.save()
            raise

    # -- unshelve --------------------------------------------------------------------------
    def unshelve_instance(self, instance, request_spec):
        """Start a shelved server: where it is, or on a new host if it was offloaded."""
        if instance.vm_state == vm.SHELVED:
            instance.task_state = task.POWERING_ON
            instance.save(expected_task_state=task.UNSHELVING)
            self.compute_rpcapi.start_instance(self.context, instance)
            return

        def safe_image_show(image_id):
            self.image_api.get(instance.name, image_id)

        image_id = instance.system_metadata.get("shelved_image_id")
        if image_id:
            with EventReporter(instance, "get_image_info"):
                try:
                    safe_image_show(image_id)
                except exception.ImageNotFound as error:
                    instance.vm_state = vm.ERROR
                    instance.save()
                    reason = f"Unshelve attempted but the image {image_id} cannot be found."
                    compute_utils.add_instance_fault_from_exc(instance, error, reason)
                    raise exception.UnshelveException(
                        instance_id=instance.uuid, reason=reason
                    ) from error
        try:
            with EventReporter(instance, "schedule_instances"):
                spec = request_spec.replace(force_hosts=None, force_nodes=None)
                spec = self.restrict_request_spec_to_cell(instance, spec)
                selections = yield from self._schedule_instances(instance, spec)
                host = selections[0].host
                instance.availability_zone = get_host_availability_zone(self.site.fleet, host)
                self.compute_rpcapi.unshelve_instance(
                    self.context, instance, host, image=image_id and {"id": image_id}
                )
        except Exception as error:
            instance.task_state = None
            instance.save()
            if not isinstance(error, exception.NoValidHost | exception.UnsupportedPolicyException):
                raise
