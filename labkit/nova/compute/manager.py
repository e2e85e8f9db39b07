"""What a nova-compute does with the servers of its host (nova/compute/manager.py)."""

import contextlib
import functools

import simpy

from labkit.neighbours.messaging import Target
from labkit.nova import exception, exception_wrapper
from labkit.nova.clock import HostEvent, around, finish
from labkit.nova.compute import api, build_results, power_state
from labkit.nova.compute import task_states as task
from labkit.nova.compute import utils as compute_utils
from labkit.nova.compute import vm_states as vm
from labkit.nova.compute.resource_tracker import ResourceTracker
from labkit.nova.db.main import api as db
from labkit.nova.image import glance
from labkit.nova.network.model import NetworkInfo
from labkit.nova.objects import instance_group
from labkit.nova.objects import migration as migrations
from labkit.nova.objects.instance import Instance, InstanceList, get_by_host
from labkit.nova.scheduler.client.report import SchedulerReportClient
from labkit.nova.service import Service
from labkit.nova.virt import event as virtevent

wrap_exception = functools.partial(
    exception_wrapper.wrap_exception, service="compute", binary="nova-compute"
)
wrap_instance_event = compute_utils.wrap_instance_event

GONE = (exception.InstanceNotFound, exception.UnexpectedDeletingTaskStateError)
_NETWORK = "Failed to allocate the network(s)"
_BUILDING = (task.SCHEDULING, task.BLOCK_DEVICE_MAPPING, task.NETWORKING, task.SPAWNING)
_REBUILDING = (task.REBUILDING, task.REBUILD_BLOCK_DEVICE_MAPPING, task.REBUILD_SPAWNING)
#: Tasks that a restart simply forgets: the server is as it was before.
_FORGOTTEN = (
    task.RESIZE_PREP,
    task.IMAGE_SNAPSHOT_PENDING,
    task.IMAGE_PENDING_UPLOAD,
    task.IMAGE_UPLOADING,
    task.IMAGE_SNAPSHOT,
)
_REBOOTING = (
    task.REBOOTING,
    task.REBOOTING_HARD,
    task.REBOOT_STARTED,
    task.REBOOT_STARTED_HARD,
)
#: What the power-state sync asks of the API, by vm_state and the hypervisor's power state.
#: Source: ``_sync_instance_power_state`` in nova/compute/manager.py, Nova 34.0.0.
SYNC = {
    (vm.ACTIVE, power_state.SHUTDOWN): "stop",
    (vm.ACTIVE, power_state.CRASHED): "stop",
    (vm.ACTIVE, power_state.SUSPENDED): "stop",
    (vm.STOPPED, power_state.RUNNING): "force_stop",
    (vm.STOPPED, power_state.PAUSED): "force_stop",
    (vm.STOPPED, power_state.SUSPENDED): "force_stop",
    (vm.PAUSED, power_state.SHUTDOWN): "force_stop",
    (vm.PAUSED, power_state.CRASHED): "force_stop",
}
#: The power state that a guest is in after an event, if nothing else has come of it meanwhile.
_AFTER = {
    virtevent.EVENT_LIFECYCLE_STOPPED: power_state.SHUTDOWN,
    virtevent.EVENT_LIFECYCLE_STARTED: power_state.RUNNING,
    virtevent.EVENT_LIFECYCLE_PAUSED: power_state.PAUSED,
    virtevent.EVENT_LIFECYCLE_POSTCOPY_STARTED: power_state.PAUSED,
    virtevent.EVENT_LIFECYCLE_MIGRATION_COMPLETED: power_state.PAUSED,
    virtevent.EVENT_LIFECYCLE_RESUMED: power_state.RUNNING,
    virtevent.EVENT_LIFECYCLE_SUSPENDED: power_state.SUSPENDED,
}


# -- what wraps a method ------------------------------------------------------------------
@contextlib.contextmanager
def errors_out_migration_ctxt(migration):
    """Put a migration in error if the work inside fails."""
    try:
        yield
    except Exception:
        migration.status = "error"
        migration.save()
        raise


@around
def errors_out_migration(_function, _self, instance, migration, **_kwargs):
    """Put the migration in error if the method fails."""
    return errors_out_migration_ctxt(migration)


@around
@contextlib.contextmanager
def reverts_task_state(_function, self, instance, *_args, **_kwargs):
    """Set the server's task_state to None if the method fails, unless another task took over."""
    try:
        yield
    except exception.UnexpectedTaskStateError:
        raise
    except Exception:
        with contextlib.suppress(Exception):  # as Nova, which only warns
            self._instance_update(instance, task_state=None)
        raise


@around
@contextlib.contextmanager
def wrap_instance_fault(_function, _self, instance, *_args, **_kwargs):
    """Write an exception of the method down as the server's fault."""
    try:
        yield
    except exception.InstanceNotFound:
        raise
    except Exception as error:
        compute_utils.add_instance_fault_from_exc(instance, error)
        raise


@around
@contextlib.contextmanager
def delete_image_on_error(_function, self, instance, image_id, *_args, **_kwargs):
    """Delete the image if the method that makes it fails."""
    try:
        yield
    except Exception:
        compute_utils.delete_image(self, instance, image_id)
        raise


def _semaphore(option):
    """Make, when it is first asked for, a semaphore of as many places as an option says; 0: None."""

    def made(self):
        places = getattr(self.options, option)
        return simpy.Resource(self.clock.env, places) if places else None

    return functools.cached_property(made)


class ComputeManager(Service):
    """The nova-compute of one host.

    Source: ``ComputeManager`` in nova/compute/manager.py, Nova 34.0.0. Unlike Nova, disks are shared
    in live migrations.
    """

    target = Target(version="6.5")
    build_semaphore = _semaphore("max_concurrent_builds")
    snapshot_semaphore = _semaphore("max_concurrent_snapshots")
    live_migration_semaphore = _semaphore("max_concurrent_live_migrations")

    def __init__(self, site, host, driver):
        super().__init__(site, f"compute@{host}", host)
        row = site.fleet.rows[host]
        self.node = site.fleet[host].nodename
        self.driver = driver
        self.reportclient = SchedulerReportClient(self, row)
        self.rt = ResourceTracker(self, driver, row + 1)
        self.image_api = glance.API(self)
        self.waiting_live_migrations = {}
        driver.init_host(site.clock.env)
        if site.options.handle_virt_lifecycle_events:
            driver.register_event_listener(self.handle_events)

    @functools.cached_property
    def compute_api(self) -> api.API:
        """By which it ends by itself what the API can end."""
        return api.API(self)

    def _in_turn(self, semaphore, work):
        """Do the work while one of the places of a semaphore is taken, if there is a semaphore."""
        if semaphore is None:
            return (yield from work)
        with semaphore.request() as turn:
            yield turn
            return (yield from work)

    # -- rows ------------------------------------------------------------------------------
    def _update_resource_tracker(self, instance):
        if instance.host == self.host:
            self.rt.update_usage(instance, instance.node)

    def _instance_update(self, instance, **values):
        for name, value in values.items():
            setattr(instance, name, value)
        instance.save()
        self._update_resource_tracker(instance)

    def _nil_out_instance_obj_host_and_node(self, instance):
        for name in ("host", "node", "compute_id", "launched_on", "availability_zone"):
            setattr(instance, name, None)

    def _set_instance_obj_error_state(self, instance, clean_task_state=False):
        try:
            instance.vm_state = vm.ERROR
            if clean_task_state:
                instance.task_state = None
            instance.save()
        except exception.InstanceNotFound:
            return

    def _set_migration_status(self, migration, status):
        if migration:
            migration.status = status
            migration.save()

    @contextlib.contextmanager
    def _error_out_instance_on_exception(self, instance, instance_state=vm.ACTIVE):
        """Put the server in error if the work inside fails, unless it has changed nothing."""
        try:
            yield
        except (NotImplementedError, exception.InstanceFaultRollback) as error:
            self._instance_update(instance, vm_state=instance_state, task_state=None)
            if isinstance(error, exception.InstanceFaultRollback):
                raise error.inner_exception from error
            raise
        except Exception:
            self._set_instance_obj_error_state(instance)
            raise

    def _notify_about_instance(self, instance, action, phase, fault=None):
        compute_utils.notify_about_instance(self, instance, action, phase, fault=fault)

    def _update_scheduler_instance_info(self, *instances):
        if self.options.track_instance_changes:
            told, context = InstanceList(list(instances)), self.context.elevated()
            self.query_client.update_instance_info(context, self.host, told)

    def _delete_scheduler_instance_info(self, instance):
        if self.options.track_instance_changes:
            context = self.context.elevated()
            self.query_client.delete_instance_info(context, self.host, instance.uuid)

    def _sync_scheduler_instance_info(self):
        if self.options.track_instance_changes:
            uuids, context = self.uuids_of_host(), self.context.elevated()
            self.query_client.sync_instance_info(context, self.host, uuids)

    def uuids_of_host(self) -> list[str]:
        """Return the uuids of the servers whose row names the host."""
        return [row["uuid"] for row in db.instance_get_all_by_host(self.db_context, self.host)]

    def _validate_instance_group_policy(self, instance, request_spec=None):
        """Look once more, on the host, whether the rule of the server's group holds.

        Two that were scheduled at the same moment did not know of each other. In: the server, and
        the request that names its group; without one it is looked up. Raises GroupAffinityViolation.
        """
        if self.options.disable_group_policy_check_upcall:
            return
        if request_spec is None:
            group = instance_group.get_by_instance(self, instance.name)
        else:
            group = request_spec.instance_group
            group = group and instance_group.get_by_uuid(self, group.uuid)
        if group is None:
            return
        if group.policy == "anti-affinity":
            moving = migrations.get_in_progress_by_host_and_node(self, self.host, self.node)
            here = {self.site.names[uuid] for uuid in self.uuids_of_host()}
            here |= {migration.name for migration in moving}
            here |= set(self.site.fleet.instances_on(self.host))
            here = (here & set(group.members)) - {instance.name}
            if len(here) >= group.rules.get("max_server_per_host", 1):
                raise exception.GroupAffinityViolation(policy="Anti-affinity")
        elif group.policy == "affinity":
            hosts = instance_group.get_hosts(self, group, exclude=[instance.name])
            if hosts and self.host not in hosts:
                raise exception.GroupAffinityViolation(policy="Affinity")

    def _get_power_state(self, instance) -> int:
        try:
            return self.driver.get_info(instance)
        except exception.InstanceNotFound:
            return power_state.NOSTATE

    # -- allocations -----------------------------------------------------------------------
    def _delete_allocation(self, instance):
        self.reportclient.delete_allocation_for_instance(instance.name, instance.uuid, force=True)

    def _revert_allocation(self, instance, migration) -> bool:
        self.reportclient.get_allocs_for_consumer(instance.name)
        if migration.uuid not in self.site.allocations.held:
            return False
        self.reportclient.move_allocations(instance.name, migration.uuid, instance.uuid)
        return True

    def _delete_allocation_after_move(self, instance, migration):
        self.reportclient.delete_allocation_for_instance(instance.name, migration.uuid)

    def _remove_own_allocation(self, name, uuid):
        row = self.site.fleet.rows[self.host]
        self.reportclient.remove_provider_tree_from_instance_allocation(name, uuid, row)

    # -- at the start ----------------------------------------------------------------------
    def init_host(self):
        """Look at each server of the host after a start, one after the other.

        A build that had not claimed yet is known only to placement, and fails too.
        """
        instances = get_by_host(self)
        try:
            evacuated = yield from self._destroy_evacuated_instances()
            for instance in instances:
                if instance.uuid not in evacuated:
                    yield from self._init_instance(instance)
            seen = {instance.uuid for instance in instances} | evacuated
            self._error_out_instances_whose_build_was_interrupted(seen)
        finally:
            if instances and not self.stopped:
                self._update_scheduler_instance_info(*instances)
        self.update_available_resource(quiet=False)

    def _error_out_instances_whose_build_was_interrupted(self, already_handled):
        self.reportclient.get_allocations_for_resource_provider()
        for instance in self.site.instances_allocated(self):
            if instance.uuid not in already_handled and instance.vm_state == vm.BUILDING:
                self._set_instance_obj_error_state(instance, clean_task_state=True)

    def _destroy_evacuated_instances(self):
        """Destroy the guests that were evacuated while this nova-compute was down.

        Returns the uuids of their servers.
        """
        found = migrations.find(
            self,
            source_compute=self.host,
            status=("accepted", "pre-migrating", "done"),
            migration_type="evacuation",
        )
        newest = {migration.instance_uuid: migration for migration in found}
        found = {uuid: Instance.get_by_uuid(self, uuid, "yes") for uuid in newest}
        for uuid in newest:
            if uuid in self.driver.guests:
                yield from self.driver.destroy(self, found[uuid])
        for uuid, migration in newest.items():
            if not found[uuid].deleted:
                self._remove_own_allocation(migration.name, uuid)
            migration.status = "completed"
            migration.save()
        return set(newest)

    def _init_instance(self, instance):
        vm_state, task_state = instance.vm_state, instance.task_state
        if vm_state == vm.SOFT_DELETED or (vm_state == vm.ERROR and task_state != task.DELETING):
            return
        if vm_state == vm.DELETED:
            self._complete_partial_deletion(instance)
            return
        rebuilding = vm_state in (vm.ACTIVE, vm.STOPPED) and task_state in _REBUILDING
        if vm_state == vm.BUILDING or task_state in _BUILDING or rebuilding:
            self._set_instance_obj_error_state(instance, clean_task_state=True)
            return
        if task_state in _FORGOTTEN and vm_state != vm.ERROR:
            instance.task_state = None
            instance.save()
        if task_state == task.DELETING:
            try:
                yield from self._delete_instance(instance)
            except Exception:
                self._set_instance_obj_error_state(instance)
            return
        found = self._get_power_state(instance)
        reboot_type = self._retry_reboot(instance, found)
        if reboot_type:
            if task_state in task.soft_reboot_states and reboot_type == "HARD":
                instance.task_state = task.REBOOT_PENDING_HARD
                instance.save()
            yield from self.reboot_instance(instance, reboot_type)
            return
        on_anyway = (*_REBOOTING, task.PAUSING, task.UNPAUSING)
        if found == power_state.RUNNING and task_state in on_anyway:
            instance.task_state = None
            instance.vm_state = vm.ACTIVE
            instance.save()
        again = {
            (power_state.PAUSED, task.UNPAUSING): self.unpause_instance,
            (found, task.POWERING_OFF): self.stop_instance,
            (found, task.POWERING_ON): self.start_instance,
        }.get((found, instance.task_state))
        if again:
            # as Nova: no server may keep the service from starting
            with contextlib.suppress(Exception):
                yield from again(instance)
            return
        self.driver.plug(self, "plug_vifs", instance)
        if instance.task_state == task.RESIZE_MIGRATING:
            power_on = instance.system_metadata.get("old_vm_state") != vm.STOPPED
            with contextlib.suppress(Exception):  # as Nova, which only logs it
                yield from self.driver.start_here(
                    self, "finish_revert_migration", instance, power_on
                )
            instance.task_state = None
            instance.save()
        if instance.task_state == task.MIGRATING:
            yield from self._reset_live_migration(instance)

    def _complete_partial_deletion(self, instance):
        instance.destroy()
        self._complete_deletion(instance)
        self._notify_about_instance(instance, "delete", "end")

    def _retry_reboot(self, instance, found):
        """Return "SOFT" or "HARD" for a reboot that is to be done again, or None.

        Source: ``_retry_reboot`` in nova/compute/manager.py and ``get_reboot_type`` in
        nova/compute/utils.py, Nova 34.0.0.
        """
        state, vm_state = instance.task_state, instance.vm_state
        again = (
            (state == task.REBOOT_PENDING and vm_state in vm.ALLOW_SOFT_REBOOT)
            or (state == task.REBOOT_PENDING_HARD and vm_state in vm.ALLOW_HARD_REBOOT)
            or (state in _REBOOTING and found != power_state.RUNNING)
        )
        if not again:
            return None
        soft = found == power_state.RUNNING and state in task.soft_reboot_states
        return "SOFT" if soft else "HARD"

    def _reset_live_migration(self, instance):
        """Forget a live migration that was under way when this nova-compute died."""
        found = migrations.find(self, instance.uuid, status="running")
        if found:
            with contextlib.suppress(Exception):  # as Nova, which only logs it
                yield from self.live_migration_abort(instance, found[0].id)
            self._set_migration_status(found[0], "error")
        instance.task_state = None
        instance.save(expected_task_state=[task.MIGRATING])

    # -- build -----------------------------------------------------------------------------
    @wrap_exception()
    @reverts_task_state
    @wrap_instance_fault
    def build_and_run_instance(self, instance, request_spec, filter_properties, node, host_list):
        """Build a server in a thread of its own, so that the next message can be read."""

        def _locked_do_build_and_run_instance():
            result = build_results.FAILED
            try:
                result = yield from self._do_build_and_run_instance(
                    instance, request_spec, filter_properties, node, host_list
                )
            finally:
                if not self.stopped:
                    if result == build_results.FAILED:
                        self._delete_allocation(instance)
                    if result == build_results.ACTIVE:
                        self.rt.build_succeeded()
                    else:
                        self.rt.build_failed()

        work = self._in_turn(self.build_semaphore, _locked_do_build_and_run_instance())
        self.start(self.locked(instance.uuid, work))

    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def _do_build_and_run_instance(
        self, instance, request_spec, filter_properties, node, host_list
    ):
        try:
            instance.vm_state = vm.BUILDING
            instance.task_state = None
            instance.save(expected_task_state=(task.SCHEDULING, None))
        except (exception.InstanceNotFound, exception.UnexpectedTaskStateError):
            return build_results.FAILED
        try:
            yield from self._build_and_run_instance(instance, node, request_spec)
            return build_results.ACTIVE
        except exception.RescheduledException as error:
            retry, reason = filter_properties.get("retry"), error.kwargs["reason"]
            yield from self._cleanup_allocated_networks(instance)
            if not retry:
                compute_utils.add_instance_fault_from_exc(instance, error, reason)
                self._nil_out_instance_obj_host_and_node(instance)
                self._set_instance_obj_error_state(instance, clean_task_state=True)
                return build_results.FAILED
            retry["exc_reason"] = reason
            self._nil_out_instance_obj_host_and_node(instance)
            instance.task_state = task.SCHEDULING
            instance.save()
            self._delete_allocation(instance)
            self.compute_task_api.build_instances(
                self.context,
                instances=[instance],
                request_spec=request_spec,
                filter_properties=filter_properties,
                host_lists=[host_list],
            )
            return build_results.RESCHEDULED
        except GONE:
            yield from self._cleanup_allocated_networks(instance)
            return build_results.FAILED
        except Exception as error:
            yield from self._cleanup_allocated_networks(instance)
            compute_utils.add_instance_fault_from_exc(instance, error)
            self._nil_out_instance_obj_host_and_node(instance)
            self._set_instance_obj_error_state(instance, clean_task_state=True)
            return build_results.FAILED

    def _build_and_run_instance(self, instance, node, request_spec):
        self._notify_about_instance(instance, "create", "start")
        instance.system_metadata["boot_roles"] = "member"
        self.reportclient.get_allocs_for_consumer(instance.name)
        try:
            yield from self.step("claim", instance)
            with self.rt.instance_claim(instance, node):
                self._validate_instance_group_policy(instance, request_spec)
                network_info = yield from self._build_resources(instance)
                try:
                    instance.vm_state = vm.BUILDING
                    instance.task_state = task.SPAWNING
                    instance.save(expected_task_state=task.BLOCK_DEVICE_MAPPING)
                    yield from self.driver.spawn(self, instance, network_info)
                except Exception as error:
                    yield from network_info.wait(do_raise=False)
                    try:
                        yield from self._shutdown_instance(instance, not network_info)
                    except Exception:
                        raise _aborted(instance, str(error)) from error
                    raise
        except Exception as error:
            self._notify_about_instance(instance, "create", "error", error)
            verdict = _verdict(instance, error)
            if verdict is error:
                raise
            raise verdict from error
        instance.system_metadata.pop("network_allocated", None)
        self._update_instance_after_spawn(instance)
        try:
            instance.save(expected_task_state=task.SPAWNING)
        except GONE as error:
            self._notify_about_instance(instance, "create", "error", error)
            raise
        self._update_scheduler_instance_info(instance)
        self._notify_about_instance(instance, "create", "end")

    def _update_instance_after_spawn(self, instance):
        instance.power_state = self._get_power_state(instance)
        instance.vm_state = vm.ACTIVE
        instance.task_state = None
        instance.launched_at = self.site.clock.env.now

    def _build_resources(self, instance):
        """Begin to make the ports, and prepare the disks; return the ports to be."""
        try:
            network_info = yield from self._build_networks_for_instance(instance)
        except GONE:
            raise
        except exception.UnexpectedTaskStateError as error:
            raise _aborted(instance, str(error)) from error
        except Exception as error:
            raise _aborted(instance, f"{_NETWORK}, not rescheduling.") from error
        try:
            yield from self.driver.prepare_for_spawn(self, instance)
            instance.root_device_name = "/dev/vda"
            instance.vm_state = vm.BUILDING
            instance.task_state = task.BLOCK_DEVICE_MAPPING
            instance.save()
            yield from self.step("block_device_mapping", instance)
        except Exception as error:
            yield from network_info.wait(do_raise=False)
            if isinstance(error, (*GONE, exception.ComputeResourcesUnavailable)):
                raise
            known = isinstance(error, exception.UnexpectedTaskStateError | exception.InvalidBDM)
            reason = str(error) if known else "Failure prepping block device."
            raise _aborted(instance, reason) from error
        return network_info

    def _build_networks_for_instance(self, instance):
        """Begin to make the ports, or take over those that another host could not remove."""
        if instance.system_metadata.get("network_allocated") == "True":
            yield from self.site.neutron.setup_instance_network_on_host(self, instance)
            return NetworkInfo(self, there=True)
        return self._allocate_network(instance)

    def _allocate_network(self, instance):
        instance.vm_state = vm.BUILDING
        instance.task_state = task.NETWORKING
        instance.save(expected_task_state=[None])
        if not self.site.wants_network(instance):
            return NetworkInfo(self)
        return NetworkInfo(self, self._allocate_network_async(instance))

    def _allocate_network_async(self, instance):
        """Make the ports; the server's ``system_metadata`` says so when they are there.

        The next save writes it. A save at that very moment reads the row and the mark is lost, as
        in Nova.
        """
        yield from self.site.neutron.allocate_for_instance(self, instance)
        yield self.site.clock.env.timeout(0)
        if instance.saved_at != self.site.clock.env.now:
            instance.system_metadata["network_allocated"] = "True"

    def _cleanup_allocated_networks(self, instance):
        self.driver.plug(self, "unplug_vifs", instance)
        try:
            if self.site.wants_network(instance):
                yield from self._deallocate_network(instance)
        except Exception:  # as Nova, which only logs it
            return
        instance.system_metadata["network_allocated"] = "False"
        with contextlib.suppress(exception.InstanceNotFound):
            instance.save()

    def _deallocate_network(self, instance):
        yield from self.site.neutron.deallocate_for_instance(self, instance)

    def _try_deallocate_network(self, instance):
        try:
            yield from self._deallocate_network(instance)
        except Exception:
            self._set_instance_obj_error_state(instance)
            raise

    def _check_instance_build_time(self):
        """Put what has been building for ``instance_build_timeout`` in error; the build goes on."""
        timeout = self.options.instance_build_timeout
        if timeout == 0:
            return
        for instance in get_by_host(self):
            late = self.site.clock.env.now - instance.created_at > timeout
            if instance.vm_state == vm.BUILDING and late:
                self._set_instance_obj_error_state(instance)

    # -- delete ----------------------------------------------------------------------------
    def _shutdown_instance(self, instance, try_deallocate_networks=True, notify=True):
        if notify:
            self._notify_about_instance(instance, "shutdown", "start")
        try:
            yield from self.driver.destroy(self, instance)
        except Exception:
            if try_deallocate_networks:
                yield from self._try_deallocate_network(instance)
            raise
        if try_deallocate_networks:
            yield from self._try_deallocate_network(instance)
        if notify:
            self._notify_about_instance(instance, "shutdown", "end")

    def _delete_instance(self, instance):
        self._notify_about_instance(instance, "delete", "start")
        yield from self._shutdown_instance(instance)
        instance.vm_state = vm.DELETED
        instance.task_state = None
        instance.power_state = power_state.NOSTATE
        instance.terminated_at = self.site.clock.env.now
        instance.save()
        self._complete_deletion(instance)
        instance.destroy()
        self._notify_about_instance(instance, "delete", "end")

    def _complete_deletion(self, instance):
        self._update_resource_tracker(instance)
        self.reportclient.delete_allocation_for_instance(
            instance.name, instance.uuid, force=self.options.reclaim_instance_interval <= 0
        )
        self._delete_scheduler_instance_info(instance)

    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def terminate_instance(self, instance):
        """Delete a server of this host."""

        def do_terminate_instance():
            try:
                yield from self._delete_instance(instance)
            except exception.InstanceNotFound:
                return
            except Exception:
                self._set_instance_obj_error_state(instance)
                raise

        return self.locked(instance.uuid, do_terminate_instance())

    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def soft_delete_instance(self, instance):
        """Switch a guest off and keep it, to be deleted later."""
        with compute_utils.notify_about_instance_delete(self, instance, "soft_delete", "compute"):
            try:
                yield from self.driver.call(self, "soft_delete", instance)
            except NotImplementedError:
                yield from self._power_off_instance(instance)
            instance.power_state = self._get_power_state(instance)
            instance.vm_state = vm.SOFT_DELETED
            instance.task_state = None
            instance.save(expected_task_state=[task.SOFT_DELETING])

    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def restore_instance(self, instance):
        """Take a soft-deleted server back."""
        self._notify_about_instance(instance, "restore", "start")
        try:
            yield from self.driver.call(self, "restore", instance)
        except NotImplementedError:
            yield from self._power_on(instance)
        instance.power_state = self._get_power_state(instance)
        instance.vm_state = vm.ACTIVE
        instance.task_state = None
        instance.save(expected_task_state=task.RESTORING)
        self._notify_about_instance(instance, "restore", "end")

    def _reclaim_queued_deletes(self):
        """Delete for good what was soft-deleted ``reclaim_instance_interval`` ago."""
        interval = self.options.reclaim_instance_interval
        if interval <= 0:
            return
        for instance in get_by_host(self):
            soft_deleted = instance.vm_state == vm.SOFT_DELETED and instance.task_state is None
            if soft_deleted and self.site.clock.env.now - instance.deleted_at >= interval:
                with contextlib.suppress(Exception):  # as Nova, which warns and tries again
                    yield from self._delete_instance(instance)

    def _cleanup_running_deleted_instances(self):
        """Remove the guests of deleted servers, if ``running_deleted_instance_action`` is "reap".

        With any other value they stay as they are. So they do with Nova's "shutdown": it hands the
        driver's ``power_off`` the context in place of the server, and ignores that this fails.
        """
        if self.options.running_deleted_instance_action != "reap":
            return
        for instance in self._running_deleted_instances():
            with contextlib.suppress(Exception):  # as Nova, which warns and tries again
                yield from self._shutdown_instance(instance, notify=False)

    def _running_deleted_instances(self) -> list:
        """Return the servers whose guest is here though they were deleted long enough ago."""
        latest = self.site.clock.env.now - self.options.running_deleted_instance_timeout
        found = [Instance.get_by_uuid(self, uuid, "yes") for uuid in self.driver.guests]
        return [each for each in found if each.deleted and (each.terminated_at or 0) <= latest]

    # -- on and off ------------------------------------------------------------------------
    def _power_off_instance(self, instance):
        yield from self.driver.call(self, "power_off", instance)

    def _power_on(self, instance):
        yield from self.driver.call(self, "power_on", instance)

    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def stop_instance(self, instance, clean_shutdown=True):
        """Switch a guest off."""

        def do_stop_instance():
            expected = [task.POWERING_OFF]
            if self._get_power_state(instance) in power_state.OFF:
                expected.append(None)
            self._notify_about_instance(instance, "power_off", "start")
            yield from self._power_off_instance(instance)
            instance.power_state = self._get_power_state(instance)
            instance.vm_state = vm.STOPPED
            instance.task_state = None
            instance.save(expected_task_state=expected)
            self._notify_about_instance(instance, "power_off", "end")

        return self.locked(instance.uuid, do_stop_instance())

    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def start_instance(self, instance):
        """Switch a guest on; a server that was shelved is shelved no more."""
        self._notify_about_instance(instance, "power_on", "start")
        yield from self._power_on(instance)
        instance.power_state = self._get_power_state(instance)
        instance.vm_state = vm.ACTIVE
        instance.task_state = None
        image_id = instance.system_metadata.get("shelved_image_id")
        if image_id:
            self._delete_snapshot_of_shelved_instance(instance, image_id)
        compute_utils.remove_shelved_keys_from_system_metadata(instance)
        instance.save(expected_task_state=task.POWERING_ON)
        self._notify_about_instance(instance, "power_on", "end")

    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def reboot_instance(self, instance, reboot_type="SOFT"):
        """Reboot a guest, softly or hard."""
        return self.locked(instance.uuid, self._reboot_instance(instance, reboot_type))

    def _reboot_instance(self, instance, reboot_type):
        soft = reboot_type == "SOFT"
        pending = task.REBOOT_PENDING if soft else task.REBOOT_PENDING_HARD
        instance.task_state = pending
        self._notify_about_instance(instance, "reboot", "start")
        instance.power_state = self._get_power_state(instance)
        expected = task.soft_reboot_states if soft else task.hard_reboot_states
        instance.save(expected_task_state=expected)
        new_vm_state = vm.RESCUED if instance.vm_state == vm.RESCUED else vm.ACTIVE
        try:
            instance.task_state = task.REBOOT_STARTED if soft else task.REBOOT_STARTED_HARD
            instance.save(expected_task_state=pending)
            yield from self.driver.call(self, "reboot", instance)
        except Exception as error:
            if self._get_power_state(instance) != power_state.RUNNING:
                self._set_instance_obj_error_state(instance)
                raise
            # it failed, and the guest runs all the same
            compute_utils.add_instance_fault_from_exc(instance, error)
            self._notify_about_instance(instance, "reboot", "error", error)
        with contextlib.suppress(exception.InstanceNotFound):
            instance.power_state = self._get_power_state(instance)
            instance.vm_state = new_vm_state
            instance.task_state = None
            instance.save()
        self._notify_about_instance(instance, "reboot", "end")

    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def pause_instance(self, instance):
        """Stop the vCPUs of a guest; its memory stays where it is."""
        self._notify_about_instance(instance, "pause", "start")
        yield from self.driver.call(self, "pause", instance)
        instance.power_state = self._get_power_state(instance)
        instance.vm_state = vm.PAUSED
        instance.task_state = None
        instance.save(expected_task_state=task.PAUSING)
        self._notify_about_instance(instance, "pause", "end")

    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def unpause_instance(self, instance):
        """Let the vCPUs of a paused guest run."""
        self._notify_about_instance(instance, "unpause", "start")
        yield from self.driver.call(self, "unpause", instance)
        instance.power_state = self._get_power_state(instance)
        instance.vm_state = vm.ACTIVE
        instance.task_state = None
        instance.save(expected_task_state=task.UNPAUSING)
        self._notify_about_instance(instance, "unpause", "end")

    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def suspend_instance(self, instance):
        """Save the memory of a guest to a file and switch it off."""
        instance.system_metadata["old_vm_state"] = instance.vm_state
        with self._error_out_instance_on_exception(instance, instance.vm_state):
            self._notify_about_instance(instance, "suspend", "start")
            yield from self.driver.call(self, "suspend", instance)
        instance.power_state = self._get_power_state(instance)
        instance.vm_state = vm.SUSPENDED
        instance.task_state = None
        instance.save(expected_task_state=task.SUSPENDING)
        self._notify_about_instance(instance, "suspend", "end")

    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def resume_instance(self, instance):
        """Start a suspended guest from its saved memory."""
        self._notify_about_instance(instance, "resume", "start")
        with self._error_out_instance_on_exception(instance, instance.vm_state):
            yield from self.driver.call(self, "resume", instance)
        instance.power_state = self._get_power_state(instance)
        instance.vm_state = instance.system_metadata.pop("old_vm_state", vm.ACTIVE)
        instance.task_state = None
        instance.save(expected_task_state=task.RESUMING)
        self._notify_about_instance(instance, "resume", "end")

    def _get_rescue_image(self, instance):
        self.image_api.get(instance.name)

    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def rescue_instance(self, instance):
        """Start a guest from a rescue image."""
        self._get_rescue_image(instance)
        self._notify_about_instance(instance, "rescue", "start")
        try:
            yield from self._power_off_instance(instance)
            yield from self.driver.call(self, "rescue", instance)
        except Exception as error:
            self._set_instance_obj_error_state(instance)
            reason = f"Driver Error: {error}"
            raise exception.InstanceNotRescuable(
                instance_id=instance.uuid, reason=reason
            ) from error
        compute_utils.notify_usage_exists(self, instance)
        instance.vm_state = vm.RESCUED
        instance.task_state = None
        instance.power_state = self._get_power_state(instance)
        instance.launched_at = self.site.clock.env.now
        instance.save(expected_task_state=task.RESCUING)
        self._notify_about_instance(instance, "rescue", "end")

    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def unrescue_instance(self, instance):
        """Start a rescued guest from its own disk."""
        self._notify_about_instance(instance, "unrescue", "start")
        with self._error_out_instance_on_exception(instance, instance.vm_state):
            yield from self.driver.call(self, "unrescue", instance)
        instance.power_state = self._get_power_state(instance)
        instance.vm_state = vm.ACTIVE
        instance.task_state = None
        instance.save(expected_task_state=task.UNRESCUING)
        self._notify_about_instance(instance, "unrescue", "end")

    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def set_admin_password(self, instance, new_pass=None):
        """Set the password inside a guest."""

        def failed(reason):
            return exception.InstancePasswordSetFailed(instance=instance.uuid, reason=reason)

        if self._get_power_state(instance) != power_state.RUNNING:
            instance.task_state = None
            instance.save(expected_task_state=task.UPDATING_PASSWORD)
            raise failed(f"instance {instance.uuid} is not running")
        try:
            yield from self.driver.call(self, "set_admin_password", instance)
            instance.task_state = None
            instance.save(expected_task_state=task.UPDATING_PASSWORD)
        except exception.UnexpectedTaskStateError:
            raise
        except Exception as error:
            raise failed("error setting admin password") from error

    @wrap_exception()
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def trigger_crash_dump(self, instance):
        """Have a guest dump its memory."""
        self._notify_about_instance(instance, "trigger_crash_dump", "start")
        yield from self.driver.call(self, "trigger_crash_dump", instance)
        self._notify_about_instance(instance, "trigger_crash_dump", "end")

    # -- snapshot --------------------------------------------------------------------------
    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    @delete_image_on_error
    def snapshot_instance(self, instance, image_id):
        """Accept a snapshot, and make it in a thread of its own."""
        try:
            instance.task_state = task.IMAGE_SNAPSHOT
            instance.save(expected_task_state=task.IMAGE_SNAPSHOT_PENDING)
        except GONE:
            return

        def do_snapshot_instance():
            yield from self._snapshot_instance(instance, image_id, task.IMAGE_SNAPSHOT)

        self.start(self._in_turn(self.snapshot_semaphore, do_snapshot_instance()))

    @wrap_exception()
    @reverts_task_state
    @wrap_instance_fault
    @delete_image_on_error
    def _snapshot_instance(self, instance, image_id, expected_task_state):
        instance.power_state = self._get_power_state(instance)

        def update_task_state(task_state, expected_state=expected_task_state):
            instance.task_state = task_state
            instance.save(expected_task_state=expected_state)

        try:
            instance.save()
            self._notify_about_instance(instance, "snapshot", "start")
            yield from self.driver.snapshot(self, instance, update_task_state, image_id)
            self.image_api.upload(image_id)
            instance.task_state = None
            instance.save(expected_task_state=task.IMAGE_UPLOADING)
            self._notify_about_instance(instance, "snapshot", "end")
        except (*GONE, exception.InstanceNotRunning):  # as Nova: the server keeps its task_state
            # the server went away in the middle: so does the image, unless it is complete
            with contextlib.suppress(exception.ImageNotFound):
                if self.image_api.get(instance.name, image_id)["status"] != "active":
                    self.image_api.delete(instance.name, image_id)
        except exception.ImageNotFound:
            instance.task_state = None
            instance.save()

    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def backup_instance(self, instance, image_id, backup_type, rotation):
        """Make an image, and delete the oldest of its kind."""
        yield from self._do_snapshot_instance(instance, image_id)
        self._rotate_backups(instance, backup_type, rotation)

    @delete_image_on_error
    def _do_snapshot_instance(self, instance, image_id):
        yield from self._snapshot_instance(instance, image_id, task.IMAGE_BACKUP)

    def _rotate_backups(self, instance, backup_type, rotation):
        backups = self.image_api.get_all(instance=instance.name, backup_type=backup_type)
        for excess in backups[rotation:][::-1]:
            self.image_api.delete(instance.name, excess)

    # -- rebuild and evacuate --------------------------------------------------------------
    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def rebuild_instance(
        self,
        instance,
        image_ref,
        orig_image_ref,
        recreate,
        migration,
        scheduled_node,
        target_state,
        request_spec,
    ):
        """Build a server again from an image; *recreate*: it is evacuated from a dead host."""
        if image_ref:
            self.image_api.get(instance.name)
        if not scheduled_node:
            scheduled_node = self.node if recreate else instance.node
        self.reportclient.get_allocs_for_consumer(instance.name)
        with self._error_out_instance_on_exception(instance, instance.vm_state):
            yield from self._do_rebuild_instance_with_claim(
                instance, recreate, migration, scheduled_node, target_state, request_spec
            )

    def _do_rebuild_instance_with_claim(
        self, instance, evacuate, migration, node, target_state, request_spec
    ):
        try:
            claim = contextlib.nullcontext()
            if evacuate:
                yield from self.step("claim", instance)
                claim = self.rt.rebuild_claim(instance, node, migration)
            with claim:
                yield from self._do_rebuild_instance(instance, evacuate, target_state, request_spec)
        except (exception.ComputeResourcesUnavailable, exception.RescheduledException) as error:
            self._set_migration_status(migration, "failed")
            self._remove_own_allocation(instance.name, instance.uuid)
            self._notify_about_instance(instance, "rebuild", "error", error)
            aborted = _aborted(instance, str(error))
            raise exception.InstanceFaultRollback(aborted) from error
        except GONE as error:
            self._set_migration_status(migration, "failed")
            self._notify_about_instance(instance, "rebuild", "error", error)
        except Exception as error:
            self._set_migration_status(migration, "failed")
            if evacuate or node is not None:
                self._remove_own_allocation(instance.name, instance.uuid)
            self._notify_about_instance(instance, "rebuild", "error", error)
            raise
        else:
            self.rt.finish_evacuation(instance, node, migration)

    def _do_rebuild_instance(self, instance, evacuate, target_state, request_spec):
        orig_vm_state, neutron = instance.vm_state, self.site.neutron
        if evacuate:
            if target_state and orig_vm_state != vm.ERROR:
                orig_vm_state = target_state
            self._validate_instance_group_policy(instance, request_spec)
            if instance.uuid in self.driver.guests:
                # what instance_name_template makes of the number of its row
                number = list(self.site.servers).index(instance.name) + 1
                raise exception.InstanceExists(name=f"instance-{number:08x}")
        compute_utils.notify_usage_exists(self, instance)
        self._notify_about_instance(instance, "rebuild", "start")
        instance.power_state = self._get_power_state(instance)
        instance.task_state = task.REBUILDING
        instance.save(expected_task_state=[task.REBUILDING])
        if evacuate:
            neutron.ask(self, instance.name, "setup_networks_on_host")
            yield from neutron.setup_instance_network_on_host(self, instance)
        yield from self._rebuild_default_impl(instance, evacuate)
        self._update_instance_after_spawn(instance)
        instance.save(expected_task_state=[task.REBUILD_SPAWNING])
        if orig_vm_state == vm.STOPPED:
            instance.vm_state = vm.ACTIVE
            instance.task_state = task.POWERING_OFF
            instance.progress = 0
            instance.save()
            yield from self.stop_instance(instance, clean_shutdown=False)
        self._update_scheduler_instance_info(instance)
        self._notify_about_instance(instance, "rebuild", "end")

    def _rebuild_default_impl(self, instance, evacuate):
        if not evacuate:
            yield from self._power_off_instance(instance)
            yield from self.driver.destroy(self, instance)
        instance.task_state = task.REBUILD_BLOCK_DEVICE_MAPPING
        instance.save(expected_task_state=[task.REBUILDING])
        yield from self.step("block_device_mapping", instance)
        instance.task_state = task.REBUILD_SPAWNING
        instance.save(expected_task_state=[task.REBUILD_BLOCK_DEVICE_MAPPING])
        yield from self.driver.spawn(self, instance, None)

    # -- resize and cold migrate: the destination prepares ---------------------------------
    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def prep_resize(self, instance, flavor, migration, request_spec, filter_properties, host_list):
        """Claim for a server that is to come, and ask its host for it."""
        with (
            self._error_out_instance_on_exception(instance, instance.vm_state),
            errors_out_migration_ctxt(migration),
        ):
            yield from self._do_prep_resize(
                instance, flavor, migration, request_spec, filter_properties, host_list
            )

    def _do_prep_resize(
        self, instance, flavor, migration, request_spec, filter_properties, host_list
    ):
        compute_utils.notify_usage_exists(self, instance)
        self._notify_about_instance(instance, "resize_prep", "start")
        try:
            self._validate_instance_group_policy(instance, request_spec)
            yield from self._prep_resize(instance, flavor, migration, request_spec)
        except exception.BuildAbortException:
            self._revert_allocation(instance, migration)
            raise
        except Exception as error:
            self._revert_allocation(instance, migration)
            yield from self._reschedule_resize_or_reraise(
                instance, error, flavor, request_spec, filter_properties, host_list
            )
        finally:
            if not self.stopped:
                self._notify_about_instance(instance, "resize_prep", "end")

    def _prep_resize(self, instance, flavor, migration, request_spec):
        if not instance.host:
            self._set_instance_obj_error_state(instance)
            raise exception.MigrationError(reason="Instance has no source host")
        if instance.host == self.host and flavor == instance.flavor:
            raise exception.InstanceFaultRollback(
                exception.UnableToMigrateToSelf(instance_id=instance.uuid, host=self.host)
            )
        instance.new_flavor = flavor
        instance.system_metadata["old_vm_state"] = instance.vm_state
        instance.save()
        self.reportclient.get_allocs_for_consumer(instance.name)
        yield from self.step("claim", instance)
        with self.rt.resize_claim(instance, flavor, self.node, migration) as claim:
            self.compute_rpcapi.resize_instance(
                self.context,
                instance,
                migration.source_compute,
                migration=claim.migration,
                flavor=flavor,
                request_spec=request_spec,
            )

    def _reschedule_resize_or_reraise(
        self, instance, error, flavor, request_spec, filter_properties, host_list
    ):
        """Have the conductor try the next host, if there may be one; else raise the error again."""
        if not filter_properties.get("retry"):
            raise error
        try:
            self._instance_update(instance, task_state=task.RESIZE_PREP)
            yield from self.compute_task_api.migrate_server(
                self.context,
                instance,
                flavor=flavor,
                request_spec=request_spec,
                host_list=host_list,
            )
        except Exception as another:
            self._note_resize_error(instance, another)
            raise error from another
        self._note_resize_error(instance, error)

    def _note_resize_error(self, instance, error):
        compute_utils.add_instance_fault_from_exc(instance, error)
        self._notify_about_instance(instance, "resize", "error", error)

    # -- resize and cold migrate: the source sends -----------------------------------------
    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def resize_instance(self, instance, migration, flavor, request_spec):
        """Switch a guest off and copy its disk to the destination."""
        try:
            yield from self._resize_instance(instance, migration, flavor, request_spec)
        except Exception:
            self._revert_allocation(instance, migration)
            raise
        self._notify_about_instance(instance, "resize", "end")

    def _resize_instance(self, instance, migration, flavor, request_spec):
        with (
            self._error_out_instance_on_exception(instance, instance.vm_state),
            errors_out_migration_ctxt(migration),
        ):
            migration.status = "migrating"
            migration.save()
            instance.task_state = task.RESIZE_MIGRATING
            instance.save(expected_task_state=task.RESIZE_PREP)
            self._notify_about_instance(instance, "resize", "start")
            yield from self.driver.migrate_disk_and_power_off(self, instance, flavor)
            self.site.neutron.ask(self, instance.name, "migrate_instance_start")
            migration.status = "post-migrating"
            migration.save()
            instance.host = migration.dest_compute
            instance.node = migration.dest_node
            instance.compute_id = self.site.fleet.rows[migration.dest_compute] + 1
            instance.old_flavor = instance.flavor
            instance.task_state = task.RESIZE_MIGRATED
            instance.save(expected_task_state=task.RESIZE_MIGRATING)
            self.compute_rpcapi.finish_resize(
                self.context,
                instance,
                migration.dest_compute,
                migration=migration,
                request_spec=request_spec,
            )

    # -- resize and cold migrate: the destination receives ---------------------------------
    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @errors_out_migration
    @wrap_instance_fault
    def finish_resize(self, instance, migration, request_spec):
        """Start a guest from the disk that has arrived."""
        try:
            with self._error_out_instance_on_exception(instance):
                yield from self._finish_resize(instance, migration)
        except Exception:
            self._delete_allocation_after_move(instance, migration)
            raise
        self._update_scheduler_instance_info(instance)
        self._notify_about_instance(instance, "resize_finish", "end")

    def _finish_resize(self, instance, migration):
        name, neutron, old_flavor = instance.name, self.site.neutron, instance.flavor
        old_vm_state = instance.system_metadata.get("old_vm_state", vm.ACTIVE)
        instance.old_flavor = old_flavor
        resized = migration.old_flavor != migration.new_flavor
        if resized:
            self._set_instance_info(instance, instance.new_flavor)
        neutron.ask(self, name, "setup_networks_on_host")
        yield from neutron.bind(self, instance, "migrate_instance_finish", self.host)
        instance.task_state = task.RESIZE_FINISH
        instance.save(expected_task_state=task.RESIZE_MIGRATED)
        self._notify_about_instance(instance, "resize_finish", "start")
        self.reportclient.get_allocs_for_consumer(name)
        try:
            power_on = old_vm_state != vm.STOPPED
            yield from self.driver.start_here(self, "finish_migration", instance, power_on)
        except Exception:
            if resized:
                self._set_instance_info(instance, old_flavor)
            raise
        migration.status = "finished"
        migration.save()
        instance.vm_state = vm.RESIZED
        instance.task_state = None
        instance.launched_at = self.site.clock.env.now
        instance.save(expected_task_state=task.RESIZE_FINISH)

    def _set_instance_info(self, instance, flavor):
        instance.instance_type_id = flavor.name
        for name in ("memory_mb", "vcpus", "root_gb", "ephemeral_gb"):
            setattr(instance, name, getattr(flavor, name))
        instance.flavor = flavor

    # -- resize and cold migrate: confirm, at the source -----------------------------------
    @wrap_exception()
    @wrap_instance_event(prefix="compute")
    @errors_out_migration
    @wrap_instance_fault
    def confirm_resize(self, instance, migration):
        """Clean up after a server that has moved away."""

        def do_confirm_resize():
            if migration.status not in ("finished", "confirming"):
                return
            try:
                found = Instance.get_by_uuid(self, instance.uuid)
            except exception.InstanceNotFound:
                return
            with self._error_out_instance_on_exception(found):
                try:
                    yield from self._confirm_resize(found, migration)
                finally:
                    if not self.stopped:
                        self._delete_allocation_after_move(found, migration)
                        self._delete_scheduler_instance_info(found)
                        self._delete_stashed_flavor_info(found)

        return self.locked(instance.uuid, do_confirm_resize())

    def _confirm_resize(self, instance, migration):
        self._notify_about_instance(instance, "resize_confirm", "start")
        self.site.neutron.ask(self, instance.name, "setup_networks_on_host")
        same_host = migration.source_compute == migration.dest_compute
        yield from self.driver.confirm_migration(self, instance, same_host)
        self.rt.drop_move_claim_at_source(instance, migration)
        stopped = instance.power_state == power_state.SHUTDOWN
        instance.vm_state = vm.STOPPED if stopped else vm.ACTIVE
        instance.task_state = None
        instance.save(expected_task_state=[None, task.DELETING, task.SOFT_DELETING])
        self._notify_about_instance(instance, "resize_confirm", "end")

    def _delete_stashed_flavor_info(self, instance):
        instance.old_flavor = None
        instance.new_flavor = None
        instance.system_metadata.pop("old_vm_state", None)
        instance.save()

    def _poll_unconfirmed_resizes(self):
        """Confirm what has waited for ``resize_confirm_window`` since it arrived here."""
        window = self.options.resize_confirm_window
        if window == 0:
            return

        def _set_migration_to_error(migration):
            migration.status = "error"
            migration.save()

        for migration in migrations.find(self, status="finished", dest_compute=self.host):
            if self.site.clock.env.now - migration.updated_at < window:
                continue
            try:
                instance = Instance.get_by_uuid(self, migration.instance_uuid)
            except exception.InstanceNotFound:
                _set_migration_to_error(migration)
                continue
            deleting = instance.task_state in (task.DELETING, task.SOFT_DELETING)
            if instance.vm_state != vm.ERROR and (
                deleting or instance.task_state == task.RESIZE_FINISH
            ):
                continue
            if instance.vm_state != vm.RESIZED or instance.task_state is not None:
                _set_migration_to_error(migration)
                continue
            with contextlib.suppress(Exception):  # as Nova, which only logs it
                self.compute_api.confirm_resize(instance, migration)

    # -- resize and cold migrate: revert ---------------------------------------------------
    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @errors_out_migration
    @wrap_instance_fault
    def revert_resize(self, instance, migration, request_spec):
        """Destroy a guest that is to go back to where it came from: at the destination."""
        neutron = self.site.neutron
        compute_utils.notify_usage_exists(self, instance)
        with self._error_out_instance_on_exception(instance):
            neutron.ask(self, instance.name, "setup_networks_on_host")
            neutron.ask(self, instance.name, "migrate_instance_start")
            yield from self.driver.destroy(self, instance)
            self.rt.drop_move_claim_at_dest(instance, migration)
            self.compute_rpcapi.finish_revert_resize(
                self.context,
                instance,
                migration.source_compute,
                migration=migration,
                request_spec=request_spec,
            )

    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @errors_out_migration
    @wrap_instance_fault
    def finish_revert_resize(self, instance, migration, request_spec):
        """Start a guest again that has come back: at the source."""
        try:
            with self._error_out_instance_on_exception(instance):
                yield from self._finish_revert_resize(instance, migration)
        finally:
            if not self.stopped:
                self._delete_stashed_flavor_info(instance)

    def _finish_revert_resize(self, instance, migration):
        name, neutron = instance.name, self.site.neutron
        self._notify_about_instance(instance, "resize_revert", "start")
        power_on = instance.system_metadata.get("old_vm_state", vm.ACTIVE) != vm.STOPPED
        self._revert_instance_flavor_host_node(instance, migration)
        self._revert_allocation(instance, migration)
        neutron.ask(self, name, "setup_networks_on_host")
        yield from neutron.bind(self, instance, "migrate_instance_finish", self.host)
        yield from self.driver.start_here(self, "finish_revert_migration", instance, power_on)
        instance.drop_migration_context()
        instance.launched_at = self.site.clock.env.now
        instance.save(expected_task_state=task.RESIZE_REVERTING)
        if power_on:
            instance.vm_state = vm.ACTIVE
            instance.task_state = None
            instance.save()
        else:
            instance.task_state = task.POWERING_OFF
            instance.save()
            yield from self.stop_instance(instance, clean_shutdown=True)
        self._notify_about_instance(instance, "resize_revert", "end")

    def _revert_instance_flavor_host_node(self, instance, migration):
        self._set_instance_info(instance, instance.old_flavor)
        instance.host = migration.source_compute
        instance.node = self.node
        instance.compute_id = self.site.fleet.rows[self.host] + 1
        instance.save(expected_task_state=[task.RESIZE_REVERTING])

    # -- shelve ----------------------------------------------------------------------------
    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def shelve_instance(self, instance, image_id):
        """Switch a guest off and upload its disk; offload it if ``shelved_offload_time`` is 0."""
        return self.locked(instance.uuid, self._shelve_instance(instance, image_id))

    def _shelve_instance(self, instance, image_id):
        offload = self.options.shelved_offload_time == 0
        compute_utils.notify_usage_exists(self, instance)
        self._notify_about_instance(instance, "shelve", "start")

        def update_task_state(task_state, expected_state=task.SHELVING):
            shelving = {
                task.IMAGE_PENDING_UPLOAD: task.SHELVING_IMAGE_PENDING_UPLOAD,
                task.IMAGE_UPLOADING: task.SHELVING_IMAGE_UPLOADING,
                task.SHELVING: task.SHELVING,
            }
            instance.task_state = shelving[task_state]
            instance.save(expected_task_state=shelving[expected_state])

        yield from self._power_off_instance(instance)
        yield from self.driver.snapshot(self, instance, update_task_state, image_id)
        self.image_api.upload(image_id)
        instance.system_metadata["shelved_at"] = self.site.clock.env.now
        instance.system_metadata["shelved_image_id"] = image_id
        instance.system_metadata["shelved_host"] = self.host
        instance.vm_state = vm.SHELVED
        instance.task_state = task.SHELVING_OFFLOADING if offload else None
        instance.power_state = self._get_power_state(instance)
        instance.save(expected_task_state=[task.SHELVING, task.SHELVING_IMAGE_UPLOADING])
        self._notify_about_instance(instance, "shelve", "end")
        if offload:
            yield from self._shelve_offload_instance(instance)

    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def shelve_offload_instance(self, instance):
        """Take a shelved guest off the host."""
        return self.locked(instance.uuid, self._shelve_offload_instance(instance))

    def _shelve_offload_instance(self, instance):
        self._notify_about_instance(instance, "shelve_offload", "start")
        yield from self._power_off_instance(instance)
        found = self._get_power_state(instance)
        self.site.neutron.unbind(instance.name)
        yield from self.driver.destroy(self, instance)
        self._delete_allocation(instance)
        instance.power_state = found
        instance.vm_state = vm.SHELVED_OFFLOADED
        instance.task_state = None
        instance.save(expected_task_state=[task.SHELVING, task.SHELVING_OFFLOADING])
        self._update_resource_tracker(instance)
        self._nil_out_instance_obj_host_and_node(instance)
        instance.save()
        self._delete_scheduler_instance_info(instance)
        self._notify_about_instance(instance, "shelve_offload", "end")

    @wrap_exception()
    @reverts_task_state
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def unshelve_instance(self, instance, image):
        """Start an offloaded server here, from the image that was made of it."""
        return self.locked(instance.uuid, self._unshelve_instance(instance, image and image["id"]))

    def _unshelve_instance(self, instance, image):
        self._notify_about_instance(instance, "unshelve", "start")
        instance.task_state = task.SPAWNING
        instance.save()
        yield from self.step("block_device_mapping", instance)
        kept = {"key_data": instance.key_data, "auto_disk_config": instance.auto_disk_config}
        instance.key_data = None
        instance.auto_disk_config = False
        self.reportclient.get_allocs_for_consumer(instance.name)
        shelved_image_ref = instance.image_ref
        if image:
            instance.image_ref = image
        try:
            yield from self.step("claim", instance)
            with self.rt.instance_claim(instance, self.node):
                yield from self.site.neutron.setup_instance_network_on_host(self, instance)
                yield from self.driver.spawn(self, instance, None)
        except Exception:
            instance.image_ref = shelved_image_ref
            self._delete_allocation(instance)
            self._nil_out_instance_obj_host_and_node(instance)
            raise
        if image:
            instance.image_ref = shelved_image_ref
            self._delete_snapshot_of_shelved_instance(instance, image)
        for column, value in kept.items():
            setattr(instance, column, value)
        self._update_instance_after_spawn(instance)
        compute_utils.remove_shelved_keys_from_system_metadata(instance)
        instance.save(expected_task_state=task.SPAWNING)
        self._update_scheduler_instance_info(instance)
        self._notify_about_instance(instance, "unshelve", "end")

    def _delete_snapshot_of_shelved_instance(self, instance, image_id):
        with contextlib.suppress(exception.ImageNotFound):
            self.image_api.delete(instance.name, image_id)

    def _poll_shelved_instances(self):
        """Take off the host what has been shelved for ``shelved_offload_time``."""
        time_s = self.options.shelved_offload_time
        if time_s <= 0:
            return
        for instance in get_by_host(self):
            if instance.vm_state != vm.SHELVED or instance.task_state is not None:
                continue
            if self.site.clock.env.now - instance.system_metadata["shelved_at"] <= time_s:
                continue
            with contextlib.suppress(Exception):  # as Nova, which only logs it
                instance.task_state = task.SHELVING_OFFLOADING
                instance.save(expected_task_state=(None,))
                yield from self.shelve_offload_instance(instance)

    # -- live migrate: both hosts are asked ------------------------------------------------
    @wrap_exception()
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def check_can_live_migrate_destination(self, instance, migration):
        """Check whether this host can take a server; the server's own host is asked from here."""
        self._validate_instance_group_policy(instance)
        yield from self.driver.ask(self, "check_can_live_migrate_destination", instance)
        self.reportclient.get_allocs_for_consumer(instance.name)
        try:
            yield from self.compute_rpcapi.check_can_live_migrate_source(self.context, instance)
        except Exception as error:
            raise exception.MigrationPreCheckError(
                f"Error while check_can_live_migrate_source from {instance.host} to host"
                f" {self.host}: {type(error).__name__} {error}"
            ) from error

    @wrap_exception()
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def check_can_live_migrate_source(self, instance):
        """Check whether this host can let a server go."""
        yield from self.driver.ask(self, "check_can_live_migrate_source", instance)

    # -- live migrate: the source ----------------------------------------------------------
    @wrap_exception()
    @wrap_instance_event(prefix="compute")
    @errors_out_migration
    @wrap_instance_fault
    def live_migration(self, instance, dest, migration):
        """Queue a live migration: one runs at a time, unless the options allow more."""
        self._set_migration_status(migration, "queued")
        self.waiting_live_migrations[instance.uuid] = migration

        def dispatch_live_migration():
            if migrations.get_by_id(self, migration.id).status != "cancelled":
                yield from self._do_live_migration(instance, dest, migration)

        self.start(self._in_turn(self.live_migration_semaphore, dispatch_live_migration()))

    def _do_live_migration(self, instance, dest, migration):
        self._set_migration_status(migration, "preparing")
        try:
            yield from self._do_pre_live_migration_from_source(instance, dest)
        except Exception:
            self._set_migration_status(migration, "error")
            yield from self._rollback_live_migration(instance, migration)
            raise
        if self.waiting_live_migrations.pop(instance.uuid, None) is None:
            yield from self._rollback_live_migration(instance, migration, "cancelled")
            self._notify_live_migrate_abort_end(instance)
            return
        self._set_migration_status(migration, "running")
        try:
            result = yield from self.driver.live_migration(self, instance)
            if result == "completed":
                yield from self._post_live_migration_update_host(instance, dest, migration)
            else:
                yield from self._rollback_live_migration(instance, migration, result)
        except Exception:
            self._set_migration_status(migration, "error")
            instance.refresh()
            self._set_instance_obj_error_state(instance, clean_task_state=True)
            raise

    def _do_pre_live_migration_from_source(self, instance, dest):
        yield from self.compute_rpcapi.pre_live_migration(self.context, instance, dest)

    def _post_live_migration_update_host(self, instance, dest, migration):
        try:
            yield from self._post_live_migration(instance, dest, migration)
        except Exception:
            if instance.host != dest:
                instance.drop_migration_context()
                instance.host = dest
                instance.task_state = None
                instance.node = migration.dest_node
                instance.compute_id = self.site.fleet.rows[dest] + 1
                instance.progress = 0
                instance.save()
            raise

    @wrap_exception()
    @wrap_instance_fault
    def _post_live_migration(self, instance, dest, migration):
        try:
            self._notify_about_instance(instance, "live_migration_post", "start")
            yield from self.site.neutron.bind(self, instance, "migrate_instance_start", dest)
        finally:
            if not self.stopped:
                yield from self.driver.post_live_migration(self, instance)
        yield from self.driver.ask(self, "post_live_migration_at_source", instance)
        yield from self.compute_rpcapi.post_live_migration_at_destination(
            self.context, instance, dest
        )
        self.rt.update_available_resource(self.node)
        self._update_scheduler_instance_info(instance)
        self._notify_about_instance(instance, "live_migration_post", "end")
        migration.status = "completed"
        migration.save()
        self._delete_allocation_after_move(instance, migration)

    @wrap_exception()
    @wrap_instance_fault
    def _rollback_live_migration(self, instance, migration, migration_status="failed"):
        self._revert_allocation(instance, migration)
        self.site.neutron.ask(self, instance.name, "setup_networks_on_host")
        self._notify_about_instance(instance, "live_migration_rollback", "start")
        self.site.neutron.ask(self, instance.name, "setup_networks_on_host")
        instance.task_state = None
        instance.progress = 0
        instance.drop_migration_context()
        instance.save(expected_task_state=[task.MIGRATING])
        self._notify_about_instance(instance, "live_migration_rollback", "end")
        self._set_migration_status(migration, migration_status)

    # -- live migrate: the destination -----------------------------------------------------
    @wrap_exception()
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def pre_live_migration(self, instance):
        """Prepare for a guest that is to come."""
        return self._do_pre_live_migration(instance)

    def _do_pre_live_migration(self, instance):
        self._validate_instance_group_policy(instance)
        self._notify_about_instance(instance, "live_migration_pre", "start")
        yield from self.driver.ask(self, "pre_live_migration", instance)
        self.site.neutron.ask(self, instance.name, "setup_networks_on_host")
        self._notify_about_instance(instance, "live_migration_pre", "end")

    @wrap_exception()
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def post_live_migration_at_destination(self, instance):
        """Take over a guest that has arrived: from now on the row names this host."""
        return self._do_post_live_migration_at_destination(instance)

    def _do_post_live_migration_at_destination(self, instance):
        neutron, name = self.site.neutron, instance.name
        neutron.ask(self, name, "setup_networks_on_host")
        yield from neutron.bind(self, instance, "migrate_instance_finish", self.host)
        self._notify_about_instance(instance, "live_migration_post_dest", "start")
        try:
            yield from self.driver.post_live_migration_at_destination(self, instance)
        except Exception:
            instance.vm_state = vm.ERROR
            raise
        finally:
            if not self.stopped:
                found = self._get_power_state(instance)
                instance.drop_migration_context()
                instance.host = self.host
                instance.power_state = found
                instance.task_state = None
                instance.node = self.node
                instance.compute_id = self.site.fleet.rows[self.host] + 1
                instance.progress = 0
                instance.save(expected_task_state=task.MIGRATING)
        neutron.ask(self, name, "setup_networks_on_host")
        neutron.ask(self, name, "setup_networks_on_host")
        self._notify_about_instance(instance, "live_migration_post_dest", "end")

    # -- live migrate: asked in the middle -------------------------------------------------
    @wrap_exception()
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def live_migration_force_complete(self, instance):
        """Hurry a live migration."""
        self._notify_about_instance(instance, "live_migration_force_complete", "start")
        self.driver.end_job(self, "live_migration_force_complete", instance)
        self._notify_about_instance(instance, "live_migration_force_complete", "end")

    @wrap_exception()
    @wrap_instance_event(prefix="compute")
    @wrap_instance_fault
    def live_migration_abort(self, instance, migration_id):
        """Stop a live migration: at once if it waits for its turn, else when the driver can."""
        self._notify_about_instance(instance, "live_migration_abort", "start")
        waiting = self.waiting_live_migrations.pop(instance.uuid, None)
        migration = migrations.find(self, instance.uuid, id=migration_id)[0]
        if waiting is not None:
            if migration.status == "queued":
                self._revert_allocation(instance, migration)
                self.site.neutron.ask(self, instance.name, "setup_networks_on_host")
                instance.task_state = None
                instance.save(expected_task_state=[task.MIGRATING])
                self._set_migration_status(migration, "cancelled")
        elif migration.status != "running":
            raise exception.InvalidMigrationState(
                migration_id=migration_id,
                instance_uuid=instance.uuid,
                state=migration.status,
                method="abort live migration",
            )
        else:
            self.driver.end_job(self, "live_migration_abort", instance)
        self._notify_live_migrate_abort_end(instance)

    def _notify_live_migrate_abort_end(self, instance):
        self._notify_about_instance(instance, "live_migration_abort", "end")

    # -- what the driver tells -------------------------------------------------------------
    def handle_events(self, event):
        """Look after a guest that the driver tells of, unless this nova-compute is down."""
        if not self.stopped:
            self.start(self.handle_lifecycle_event(event))

    def handle_lifecycle_event(self, event):
        """Compare a server with its guest, which has changed.

        Unlike Nova, an event that says what the row says already, as those of all that Nova itself
        does to a guest, is not noted in the log; and no event of a live migration binds ports.
        """
        try:
            instance = Instance.get_by_uuid(self, event.uuid, "yes")
        except exception.InstanceNotFound:
            return
        found = _AFTER.get(event.transition)
        if found != self._get_power_state(instance):
            return  # it came too late
        if found != instance.power_state or (instance.vm_state, found) in SYNC:
            self.clock.env.active_process.context = self.site.keystone.admin_context()
            words = "INFO", f"VM {event.get_name()} (Lifecycle Event)"
            self.note(HostEvent, instance.name, "log", words)
            yield from self._sync_instance_power_state(instance, found)

    # -- every so often --------------------------------------------------------------------
    def _sync_power_states(self):
        """Compare each server of the host with its guest, each in a thread of its own."""
        for instance in get_by_host(self):
            work = self._query_driver_power_state_and_sync(instance)
            self.start(self.locked(instance.uuid, work))

    def _query_driver_power_state_and_sync(self, instance):
        if instance.task_state is None:
            yield from self._sync_instance_power_state(instance, self._get_power_state(instance))

    def _sync_instance_power_state(self, instance, vm_power_state):
        instance.refresh()
        if instance.host != self.host or instance.task_state is not None:
            return
        if vm_power_state != instance.power_state:
            instance.power_state = vm_power_state
            instance.save()
        wanted = SYNC.get((instance.vm_state, vm_power_state))
        if wanted is not None:
            # as Nova: the next round sees the same and tries again
            with contextlib.suppress(Exception):
                yield from finish(getattr(self.compute_api, wanted)(instance))

    def update_available_resource(self, quiet=True):
        """Have the resource tracker report; *quiet*: what it asks placement is not recorded.

        A report that cannot be made changes nothing: the next one is tried as if there had been none.
        """
        guests = self.driver.guests.items()
        self.driver.see_guests(
            {
                uuid: (
                    state == power_state.RUNNING,
                    Instance.get_by_uuid(self, uuid, "yes").flavor,
                )
                for uuid, state in guests
            }
        )
        self.reportclient.quiet = quiet
        try:
            self.rt.update_available_resource(self.node)
        except exception.InvalidConfiguration:  # only at the start, where it ends the service
            raise
        except (
            exception.Invalid,
            exception.InvalidNodeConfiguration,
            exception.ResourceProviderSyncFailed,
        ):
            pass  # Nova logs it and goes on
        finally:
            self.reportclient.quiet = False


def _aborted(instance, reason):
    return exception.BuildAbortException(instance_uuid=instance.uuid, reason=reason)


def _verdict(instance, error):
    """Return what a build that failed ends with: an abort, a reschedule, or the error itself.

    Source: the except clauses of ``_build_and_run_instance`` in nova/compute/manager.py, 34.0.0.
    """
    if isinstance(error, (*GONE, exception.BuildAbortException)):
        return error
    if isinstance(error, exception.NoMoreFixedIps):
        return _aborted(instance, f"{_NETWORK} with error {error}, not rescheduling.")
    if isinstance(error, exception.VirtualInterfaceCreateException):
        return _aborted(instance, f"{_NETWORK}, not rescheduling.")
    if isinstance(error, exception.FlavorDiskSmallerThanImage | exception.ImageUnacceptable):
        return _aborted(instance, str(error))  # no other host would do better
    return exception.RescheduledException(instance_uuid=instance.uuid, reason=str(error))
