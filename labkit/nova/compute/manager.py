"""What a nova-compute does with the servers of its host (nova/compute/manager.py)."""

import contextlib
from dataclasses import dataclass

import simpy

from labkit.neighbours.messaging import Target
from labkit.nova import exception
from labkit.nova.compute import api, build_results, power_state
from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.compute.host_tables import HostTables
from labkit.nova.compute.resource_tracker import ResourceTracker
from labkit.nova.image import glance
from labkit.nova.notifications import instance as notify
from labkit.nova.notifications import moves as notify_move
from labkit.nova.objects import instance_action, instance_fault
from labkit.nova.objects import migration as migrations
from labkit.nova.scheduler.client.report import SchedulerReportClient
from labkit.nova.service import Service, expected

_HERE = "compute/manager.py:"


@dataclass(frozen=True)
class Simple:
    """A method that asks the driver once, and saves what became of it.

    *notification* frames it, *call* goes to the driver (noted as of *called_by*), *vm_state*
    is saved if *task_state* is still there. *errors_out*: a failing driver puts the server in error.
    """

    notification: str
    call: str
    vm_state: str
    task_state: str
    called_by: str | None = None
    errors_out: bool = False


#: Source: the methods of these names in nova/compute/manager.py, Nova 34.0.0.
SIMPLE = {
    "start_instance": Simple("power_on", "power_on", vm.ACTIVE, task.POWERING_ON, "_power_on"),
    "pause_instance": Simple("pause", "pause", vm.PAUSED, task.PAUSING),
    "unpause_instance": Simple("unpause", "unpause", vm.ACTIVE, task.UNPAUSING),
    "suspend_instance": Simple("suspend", "suspend", vm.SUSPENDED, task.SUSPENDING, None, True),
    "resume_instance": Simple("resume", "resume", vm.ACTIVE, task.RESUMING, None, True),
    "unrescue_instance": Simple("unrescue", "unrescue", vm.ACTIVE, task.UNRESCUING, None, True),
    "restore_instance": Simple("restore", "restore", vm.ACTIVE, task.RESTORING),
}


GONE = (exception.InstanceNotFound, exception.UnexpectedDeletingTaskStateError)
#: No other host would do better.
HOPELESS = (exception.FlavorDiskSmallerThanImage, exception.ImageUnacceptable)
_NETWORK = "Failed to allocate the network(s)"


class NetworkInfo:
    """Ports that are being made while the build goes on.

    When they are there, the server's ``system_metadata`` says so, to be saved by the next save. A
    save that goes on at that very moment reads the row back and the mark is lost, as in Nova.

    Source: ``NetworkInfoAsyncWrapper`` in nova/network/model.py and
    ``_allocate_network_async`` in nova/compute/manager.py, Nova 34.0.0.
    """

    def __init__(self, service, instance, wanted=True, there=False):
        self._service = service
        self._done = service.site.env.event()
        self._error = None
        self._there = there
        if wanted:
            service.start(self._allocate(instance))
        else:
            self._done.succeed()

    def _allocate(self, instance):
        try:
            yield from self._service.site.neutron.allocate_for_instance(self._service, instance)
            yield self._service.site.env.timeout(0)
            self._there = True
            if instance.saved_at != self._service.site.env.now:
                instance.system_metadata["network_allocated"] = "True"
        except Exception as error:
            self._error = error
        self._done.succeed()

    def wait(self, do_raise=True):
        """Wait until the ports are there; raise what their making raised."""
        if not self._done.processed:
            yield from self._service.wait(self._done)
        if do_raise and self._error is not None:
            raise self._error

    def __bool__(self):
        return self._there


_DELETE_BY = "compute/utils.py:delete_image"


_SHELVING = {
    task.IMAGE_PENDING_UPLOAD: task.SHELVING_IMAGE_PENDING_UPLOAD,
    task.IMAGE_UPLOADING: task.SHELVING_IMAGE_UPLOADING,
    task.SHELVING: task.SHELVING,
}
_KEYS = ("shelved_at", "shelved_image_id", "shelved_host")


def remove_shelved_keys_from_system_metadata(instance):
    """Forget that a server was shelved.

    Source: the function of that name in nova/compute/utils.py, Nova 34.0.0.
    """
    for key in _KEYS:
        instance.system_metadata.pop(key, None)


_BUILDING = (task.SCHEDULING, task.BLOCK_DEVICE_MAPPING, task.NETWORKING, task.SPAWNING)
_REBUILDING = (task.REBUILDING, task.REBUILD_BLOCK_DEVICE_MAPPING, task.REBUILD_SPAWNING)
#: Tasks that may end without a trace: the server is as it was before.
_HARMLESS = (
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
_RUNNING_ANYWAY = (*_REBOOTING, task.PAUSING, task.UNPAUSING)
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


class ComputeManager(Service):
    """The nova-compute of one host.

    Source: ``ComputeManager`` in nova/compute/manager.py, Nova 34.0.0.
    """

    target = Target(version="6.5")

    def __init__(self, site, host, driver):
        super().__init__(site, f"compute@{host}", host)
        row = site.fleet.rows[host]
        self.node = site.fleet.texts["nodename"][row]
        self.driver = driver
        self.reportclient = SchedulerReportClient(self)
        self.image_api = glance.API(self)
        self.tables = HostTables(self, row)
        self.rt = ResourceTracker(host, driver, self.tables, site.options, row + 1)
        self.compute_api = api.API(self)
        builds = site.options.max_concurrent_builds
        self.build_semaphore = simpy.Resource(site.env, builds) if builds else None
        snapshots = site.options.max_concurrent_snapshots
        lives = self.options.max_concurrent_live_migrations
        self.live_migration_semaphore = simpy.Resource(self.site.env, lives) if lives else None
        self.waiting_live_migrations = {}
        self.snapshot_semaphore = simpy.Resource(site.env, snapshots) if snapshots else None

    def __getattr__(self, name):
        """The simple methods, by Nova's names."""
        if name not in SIMPLE:
            raise AttributeError(f"{type(self).__name__} has no {name!r}")

        def method(instance):
            return self.wrapped(name, instance, self._simple(name, SIMPLE[name], instance))

        return method

    # -- what wraps each method -----------------------------------------------------------
    def wrapped(self, name, instance, work, by=None, event=True, reverts=True, migration=None):
        """Do the work between the start and the end of an action event; clean up if it fails.

        A failure is noted as the server's fault; its task_state becomes None, unless another
        task took over; the exception is told to whoever listens, and raised again. A *migration*
        fails with the work.

        Source: ``wrap_exception``, ``reverts_task_state``, ``wrap_instance_event`` and
        ``wrap_instance_fault`` in nova/compute/manager.py, Nova 34.0.0.
        """
        if event:
            work = self._noted(name, instance, work, migration)
        try:
            return (yield from work)
        except Exception as error:
            if not expected(error):
                raise
            if not event and not isinstance(error, exception.InstanceNotFound):
                instance_fault.create(instance, error)
            if reverts and not isinstance(error, exception.UnexpectedTaskStateError):
                self._revert_task_state(instance)
            notify.about_exception(self, name, error, by)
            raise

    def _noted(self, name, instance, work, migration):
        """Do the work as an event of its action; a failure is the server's fault first."""
        event, by = f"compute_{name}", f"{_HERE}{name}"
        instance_action.event_start(instance, event, by)
        try:
            value = yield from work
        except Exception as error:
            if not expected(error):
                raise
            if not isinstance(error, exception.InstanceNotFound):
                instance_fault.create(instance, error)
            if migration is not None:
                self._migration_failed(migration)
            instance_action.event_finish(instance, event, "Error", by)
            raise
        instance_action.event_finish(instance, event, "Success", by)
        return value

    def _revert_task_state(self, instance):
        try:
            self._instance_update(instance, task_state=None)
        except Exception:  # as Nova, which only warns
            return

    def _instance_update(self, instance, **values):
        for name, value in values.items():
            setattr(instance, name, value)
        instance.save(_HERE + "_instance_update")
        if instance.host == self.host:
            self.rt.update_usage(instance, instance.node)

    def _set_instance_obj_error_state(self, instance, clean_task_state=False):
        try:
            instance.vm_state = vm.ERROR
            if clean_task_state:
                instance.task_state = None
            instance.save(_HERE + "_set_instance_obj_error_state")
        except exception.InstanceNotFound:
            return

    def _get_power_state(self, instance) -> int:
        try:
            return self.driver.get_info(instance)
        except exception.InstanceNotFound:
            return power_state.NOSTATE

    def _call(self, name, instance, by):
        """Ask the driver."""
        return self.driver.call(self, name, instance, _HERE + by)

    # -- on, off and in between -----------------------------------------------------------
    def _simple(self, name, action, instance):
        metadata = instance.system_metadata
        if name == "suspend_instance":
            metadata["old_vm_state"] = instance.vm_state
        before = instance.vm_state
        notify.about(self, instance, action.notification, "start")
        try:
            yield from self._asked(action.call, instance, action.called_by or name)
        except NotImplementedError:
            if action.errors_out:
                self._instance_update(instance, vm_state=before, task_state=None)
            raise
        except Exception:
            if action.errors_out:
                self._set_instance_obj_error_state(instance)
            raise
        instance.power_state = self._get_power_state(instance)
        instance.vm_state = action.vm_state
        if name == "resume_instance":
            instance.vm_state = instance.system_metadata.pop("old_vm_state", vm.ACTIVE)
        instance.task_state = None
        if name == "start_instance":
            self._was_shelved(instance)
        instance.save(_HERE + name, expected_task_state=action.task_state)
        notify.about(self, instance, action.notification, "end")

    def _asked(self, call, instance, by):
        """Ask the driver; where it cannot restore, switch on."""
        try:
            yield from self._call(call, instance, by)
        except NotImplementedError:
            if call != "restore":
                raise
            yield from self._call("power_on", instance, "_power_on")

    def stop_instance(self, instance, clean_shutdown=True):
        """Switch a guest off."""
        work = self.locked(instance.uuid, self._stop(instance))
        return self.wrapped("stop_instance", instance, work)

    def _stop(self, instance):
        expected = [task.POWERING_OFF]
        if self._get_power_state(instance) in power_state.OFF:
            expected.append(None)
        notify.about(self, instance, "power_off", "start")
        yield from self._call("power_off", instance, "_power_off_instance")
        instance.power_state = self._get_power_state(instance)
        instance.vm_state = vm.STOPPED
        instance.task_state = None
        instance.save(_HERE + "do_stop_instance", expected_task_state=expected)
        notify.about(self, instance, "power_off", "end")

    def reboot_instance(self, instance, reboot_type="SOFT"):
        """Start a guest anew, softly or hard."""
        work = self.locked(instance.uuid, self._reboot_instance(instance, reboot_type))
        return self.wrapped("reboot_instance", instance, work)

    def _reboot_instance(self, instance, reboot_type):
        by = _HERE + "_reboot_instance"
        soft = reboot_type == "SOFT"
        pending = task.REBOOT_PENDING if soft else task.REBOOT_PENDING_HARD
        instance.task_state = pending
        notify.about(self, instance, "reboot", "start")
        instance.power_state = self._get_power_state(instance)
        expected = task.soft_reboot_states if soft else task.hard_reboot_states
        instance.save(by, expected_task_state=expected)
        new_vm_state = vm.RESCUED if instance.vm_state == vm.RESCUED else vm.ACTIVE
        try:
            instance.task_state = task.REBOOT_STARTED if soft else task.REBOOT_STARTED_HARD
            instance.save(by, expected_task_state=pending)
            yield from self._call("reboot", instance, "_reboot_instance")
        except Exception as error:
            if self._get_power_state(instance) != power_state.RUNNING:
                self._set_instance_obj_error_state(instance)
                raise
            instance_fault.create(instance, error)  # it failed, and the guest runs all the same
            notify.about(self, instance, "reboot", "error", error)
        try:
            instance.power_state = self._get_power_state(instance)
            instance.vm_state = new_vm_state
            instance.task_state = None
            instance.save(by)
        except exception.InstanceNotFound:
            pass
        notify.about(self, instance, "reboot", "end")

    def set_admin_password(self, instance, new_pass=None):
        """Set the password inside a guest."""
        return self.wrapped("set_admin_password", instance, self._set_password(instance))

    def _set_password(self, instance):
        by = _HERE + "set_admin_password"

        def failed(reason):
            return exception.InstancePasswordSetFailed(instance=instance.uuid, reason=reason)

        if self._get_power_state(instance) != power_state.RUNNING:
            instance.task_state = None
            instance.save(by, expected_task_state=task.UPDATING_PASSWORD)
            raise failed(f"instance {instance.uuid} is not running")
        try:
            yield from self._call("set_admin_password", instance, "set_admin_password")
            instance.task_state = None
            instance.save(by, expected_task_state=task.UPDATING_PASSWORD)
        except exception.UnexpectedTaskStateError:
            raise
        except Exception as error:
            raise failed("error setting admin password") from error

    def trigger_crash_dump(self, instance):
        """Let a guest dump its memory."""
        work = self._trigger_crash_dump(instance)
        return self.wrapped("trigger_crash_dump", instance, work, reverts=False)

    def _trigger_crash_dump(self, instance):
        notify.about(self, instance, "trigger_crash_dump", "start")
        yield from self._call("trigger_crash_dump", instance, "trigger_crash_dump")
        notify.about(self, instance, "trigger_crash_dump", "end")

    def build_and_run_instance(self, instance, request_spec, filter_properties, node, host_list):
        """Build in a thread of its own, so that the next message can be read."""
        work = self._locked_do_build_and_run_instance(
            instance, request_spec, filter_properties, node, host_list
        )
        self.start(self.locked(instance.uuid, work))
        return
        yield

    def _locked_do_build_and_run_instance(self, instance, spec, filter_properties, node, host_list):
        """Wait for one of the ``max_concurrent_builds``; the server's lock is held meanwhile."""
        turn = None
        if self.build_semaphore is not None:
            turn = self.build_semaphore.request()
            yield from self.wait(turn)
        result = build_results.FAILED
        try:
            work = self._do_build_and_run_instance(
                instance, spec, filter_properties, node, host_list
            )
            by = _HERE + "_locked_do_build_and_run_instance"
            result = yield from self.wrapped("_do_build_and_run_instance", instance, work, by)
        finally:
            if result == build_results.FAILED and not self.stopped:
                self.reportclient.delete_allocation_for_instance(
                    instance.name, instance.uuid, force=True
                )
            if turn is not None:
                self.build_semaphore.release(turn)
            if not self.stopped and result == build_results.ACTIVE:
                self.rt.build_succeeded()
            elif not self.stopped:
                self.rt.build_failed()

    def _do_build_and_run_instance(self, instance, spec, filter_properties, node, host_list):
        by = _HERE + "_do_build_and_run_instance"
        try:
            instance.vm_state = vm.BUILDING
            instance.task_state = None
            instance.save(by, expected_task_state=(task.SCHEDULING, None))
        except (exception.InstanceNotFound, exception.UnexpectedTaskStateError):
            return build_results.FAILED
        try:
            yield from self._build_and_run_instance(instance, spec, node)
            return build_results.ACTIVE
        except exception.RescheduledException as error:
            retry = filter_properties.get("retry")
            yield from self._cleanup_allocated_networks(instance, spec)
            if not retry:
                instance_fault.create(instance, error, error.kwargs["reason"])
                self._nil_out_instance_obj_host_and_node(instance)
                self._set_instance_obj_error_state(instance, clean_task_state=True)
                return build_results.FAILED
            retry["exc_reason"] = error.kwargs["reason"]
            self._nil_out_instance_obj_host_and_node(instance)
            instance.task_state = task.SCHEDULING
            instance.save(by)
            self.reportclient.delete_allocation_for_instance(
                instance.name, instance.uuid, force=True
            )
            self.compute_task_api.build_instances(
                self.context,
                instances=[instance],
                request_spec=spec,
                filter_properties=filter_properties,
                host_lists=[host_list],
            )
            return build_results.RESCHEDULED
        except GONE:
            yield from self._cleanup_allocated_networks(instance, spec)
            return build_results.FAILED
        except Exception as error:
            yield from self._cleanup_allocated_networks(instance, spec)
            instance_fault.create(instance, error)
            self._nil_out_instance_obj_host_and_node(instance)
            self._set_instance_obj_error_state(instance, clean_task_state=True)
            return build_results.FAILED

    def _build_and_run_instance(self, instance, spec, node):
        notify.about(self, instance, "create", "start")
        instance.system_metadata["boot_roles"] = "member"
        self.reportclient.get_allocs_for_consumer(instance.name)
        try:
            yield from self.step("claim", instance)
            with self.rt.instance_claim(instance, node):
                yield from self._spawn(instance, spec)
        except Exception as error:
            notify.about(self, instance, "create", "error", error)
            verdict = _verdict(instance, error)
            if verdict is error:
                raise
            raise verdict from error
        instance.system_metadata.pop("network_allocated", None)
        instance.power_state = self._get_power_state(instance)
        instance.vm_state = vm.ACTIVE
        instance.task_state = None
        instance.launched_at = self.site.env.now
        try:
            instance.save(_HERE + "_build_and_run_instance", expected_task_state=task.SPAWNING)
        except GONE as error:
            notify.about(self, instance, "create", "error", error)
            raise
        if self.options.track_instance_changes:
            self.query_client.update_instance_info(self.context.elevated(), self.host)
        notify.about(self, instance, "create", "end")

    def _spawn(self, instance, spec):
        """Let the driver start the guest, once network and disks are on their way."""
        network_info = yield from self._build_resources(instance, spec)
        try:
            instance.vm_state = vm.BUILDING
            instance.task_state = task.SPAWNING
            instance.save(
                _HERE + "_build_and_run_instance", expected_task_state=task.BLOCK_DEVICE_MAPPING
            )
            yield from self.driver.spawn(self, instance, network_info)
        except Exception as error:
            yield from network_info.wait(do_raise=False)
            try:
                yield from self._shutdown_instance(instance, not network_info)
            except Exception:
                raise _aborted(instance, str(error)) from error
            raise

    def _build_resources(self, instance, spec):
        """Begin to make the ports, and prepare the disks; return the ports to be.

        Source: ``_build_resources`` and ``_allocate_network`` in nova/compute/manager.py, 34.0.0.
        """
        try:
            network_info = self._build_networks_for_instance(instance)
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
            instance.save(_HERE + "_build_resources")
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
        """Begin to make the ports, or take over those that another host could not remove.

        Source: the method of that name in nova/compute/manager.py, Nova 34.0.0.
        """
        if instance.system_metadata.get("network_allocated") == "True":
            self.site.neutron.setup_instance_network_on_host(self, instance)
            return NetworkInfo(self, instance, wanted=False, there=True)
        instance.vm_state = vm.BUILDING
        instance.task_state = task.NETWORKING
        instance.save(_HERE + "_allocate_network", expected_task_state=[None])
        return NetworkInfo(self, instance, self.site.wants_network(instance))

    def _nil_out_instance_obj_host_and_node(self, instance):
        for name in ("host", "node", "compute_id", "launched_on", "availability_zone"):
            setattr(instance, name, None)

    def _cleanup_allocated_networks(self, instance, spec):
        by = "_cleanup_allocated_networks"
        self.driver.plug(self, "unplug_vifs", instance, _HERE + by)
        try:
            if self.site.wants_network(instance):
                yield from self._deallocate_network(instance)
        except Exception:  # as Nova, which only logs it
            return
        instance.system_metadata["network_allocated"] = "False"
        try:
            instance.save(_HERE + by)
        except exception.InstanceNotFound:
            return

    def _deallocate_network(self, instance):
        return self.site.neutron.deallocate_for_instance(
            self, instance, _HERE + "_deallocate_network"
        )

    def _try_deallocate_network(self, instance):
        try:
            yield from self._deallocate_network(instance)
        except Exception:
            self._set_instance_obj_error_state(instance)
            raise

    def _shutdown_instance(self, instance, try_deallocate_networks=True):
        """Destroy a guest and, if asked, its ports."""
        notify.about(self, instance, "shutdown", "start")
        try:
            yield from self.driver.destroy(self, instance, _HERE + "_shutdown_instance")
        except Exception:
            if try_deallocate_networks:
                yield from self._try_deallocate_network(instance)
            raise
        if try_deallocate_networks:
            yield from self._try_deallocate_network(instance)
        notify.about(self, instance, "shutdown", "end")

    # -- delete ---------------------------------------------------------------------------
    def terminate_instance(self, instance):
        """Delete a server of this host."""
        work = self.locked(instance.uuid, self._terminate(instance))
        return self.wrapped("terminate_instance", instance, work)

    def _terminate(self, instance):
        try:
            yield from self._delete_instance(instance)
        except exception.InstanceNotFound:
            return
        except Exception:
            self._set_instance_obj_error_state(instance)
            raise

    def _delete_instance(self, instance):
        notify.about(self, instance, "delete", "start")
        yield from self._shutdown_instance(instance)
        instance.vm_state = vm.DELETED
        instance.task_state = None
        instance.power_state = power_state.NOSTATE
        instance.terminated_at = self.site.env.now
        instance.save(_HERE + "_delete_instance")
        self._complete_deletion(instance)
        instance.destroy(_HERE + "_delete_instance")
        notify.about(self, instance, "delete", "end")

    def _complete_deletion(self, instance):
        if instance.host == self.host:
            self.rt.update_usage(instance, instance.node)
        self.reportclient.delete_allocation_for_instance(
            instance.name, instance.uuid, force=self.options.reclaim_instance_interval <= 0
        )
        if self.options.track_instance_changes:
            self.query_client.delete_instance_info(self.context.elevated(), self.host)

    def soft_delete_instance(self, instance):
        """Switch a guest off and keep it, to be deleted later."""
        return self.wrapped("soft_delete_instance", instance, self._soft_delete(instance))

    def _soft_delete(self, instance):
        with notify.about_delete(self, instance, "soft_delete", source="compute"):
            try:
                yield from self._call("soft_delete", instance, "soft_delete_instance")
            except NotImplementedError:
                yield from self._call("power_off", instance, "_power_off_instance")
            instance.power_state = self._get_power_state(instance)
            instance.vm_state = vm.SOFT_DELETED
            instance.task_state = None
            instance.save(_HERE + "soft_delete_instance", expected_task_state=[task.SOFT_DELETING])

    def snapshot_instance(self, instance, image_id):
        """Accept a snapshot, and make it in a thread of its own."""
        work = self._accept_snapshot(instance, image_id)
        return self.wrapped("snapshot_instance", instance, self._deleting(instance, image_id, work))

    def _accept_snapshot(self, instance, image_id):
        try:
            instance.task_state = task.IMAGE_SNAPSHOT
            instance.save(
                _HERE + "snapshot_instance", expected_task_state=task.IMAGE_SNAPSHOT_PENDING
            )
        except (exception.InstanceNotFound, exception.UnexpectedDeletingTaskStateError):
            return
        self.start(self._do_snapshot_instance(instance, image_id))
        return
        yield

    def _do_snapshot_instance(self, instance, image_id):
        turn = None
        if self.snapshot_semaphore is not None:
            turn = self.snapshot_semaphore.request()
            yield from self.wait(turn)
        try:
            by = _HERE + "do_snapshot_instance"
            yield from self._snapshot_instance(instance, image_id, task.IMAGE_SNAPSHOT, by)
        finally:
            if turn is not None:
                self.snapshot_semaphore.release(turn)

    def _snapshot_instance(self, instance, image_id, expected, by):
        work = self._deleting(instance, image_id, self._snapshot(instance, image_id, expected))
        return self.wrapped("_snapshot_instance", instance, work, by, event=False)

    def _deleting(self, instance, image_id, work):
        """Delete the image if making it fails.

        Source: ``delete_image_on_error`` in nova/compute/manager.py, Nova 34.0.0.
        """
        try:
            yield from work
        except Exception:
            with contextlib.suppress(exception.ImageNotFound):
                self.image_api.delete(instance.name, _DELETE_BY, image_id)
            raise

    def _snapshot(self, instance, image_id, expected):
        by = _HERE + "_snapshot_instance"
        instance.power_state = self._get_power_state(instance)

        def update_task_state(task_state, expected_state=expected):
            instance.task_state = task_state
            instance.save(_HERE + "update_task_state", expected_task_state=expected_state)

        try:
            instance.save(by)
            notify.about(self, instance, "snapshot", "start")
            yield from self.driver.snapshot(self, instance, update_task_state, image_id=image_id)
            self.image_api.upload(image_id)
            instance.task_state = None
            instance.save(by, expected_task_state=task.IMAGE_UPLOADING)
            notify.about(self, instance, "snapshot", "end")
        except (
            exception.InstanceNotFound,
            exception.InstanceNotRunning,  # as Nova: the server keeps its task_state
            exception.UnexpectedDeletingTaskStateError,
        ):
            self._clean_up_image(instance, image_id, by)
        except exception.ImageNotFound:
            instance.task_state = None
            instance.save(by)

    def _clean_up_image(self, instance, image_id, by):
        """The server went away in the middle: so does the image, unless it is complete."""
        try:
            image = self.image_api.get(instance.name, by, image_id)
            if image["status"] != "active":
                self.image_api.delete(instance.name, by, image_id)
        except exception.ImageNotFound:
            return

    def backup_instance(self, instance, image_id, backup_type, rotation):
        """Make an image, and delete the oldest of its kind."""
        return self.wrapped(
            "backup_instance", instance, self._backup(instance, image_id, backup_type, rotation)
        )

    def _backup(self, instance, image_id, backup_type, rotation):
        by = _HERE + "_do_snapshot_instance"
        work = self._snapshot_instance(instance, image_id, task.IMAGE_BACKUP, by)
        yield from self._deleting(instance, image_id, work)
        backups = self.image_api.get_all(instance=instance.name, backup_type=backup_type)
        for excess in backups[rotation:][::-1]:
            self.image_api.delete(instance.name, _HERE + "_rotate_backups", excess)

    def rebuild_instance(
        self,
        instance,
        image_ref,
        orig_image_ref,
        recreate,
        migration,
        scheduled_node,
        target_state,
    ):
        """Make a server anew; *recreate* says that it is evacuated."""
        work = self._rebuild_instance(
            instance, image_ref, recreate, migration, scheduled_node, target_state
        )
        return self.wrapped("rebuild_instance", instance, work)

    def _rebuild_instance(self, instance, image_ref, evacuate, migration, node, target_state):
        if image_ref:
            self.image_api.get(instance.name, _HERE + "rebuild_instance")
        if not node:
            node = self.node if evacuate else instance.node
        self.reportclient.get_allocs_for_consumer(instance.name)
        work = self._try_to_rebuild(instance, evacuate, migration, node, target_state)
        yield from self.erring_out(instance, work, instance.vm_state)

    def _try_to_rebuild(self, instance, evacuate, migration, node, target_state):
        try:
            claim = contextlib.nullcontext()
            if evacuate:
                yield from self.step("claim", instance)
                claim = self.rt.move_claim(instance, instance.flavor, node, migration)
            with claim:
                yield from self._do_rebuild_instance(instance, evacuate, target_state)
        except (exception.ComputeResourcesUnavailable, exception.RescheduledException) as error:
            self._set_migration_status(migration, "failed")
            self._delete_allocation_for_evacuated_instance(instance)
            notify_move.about(self, instance, "rebuild", "rebuild", "error", error)
            aborted = exception.BuildAbortException(instance_uuid=instance.uuid, reason=str(error))
            raise exception.InstanceFaultRollback(aborted) from error
        except GONE as error:
            self._set_migration_status(migration, "failed")
            notify_move.about(self, instance, "rebuild", "rebuild", "error", error)
        except Exception as error:
            self._set_migration_status(migration, "failed")
            if evacuate or node is not None:
                self._delete_allocation_for_evacuated_instance(instance)
            notify_move.about(self, instance, "rebuild", "rebuild", "error", error)
            raise
        else:
            self.rt.finish_evacuation(instance, node, migration)

    def _do_rebuild_instance(self, instance, evacuate, target_state):
        by, orig_vm_state = _HERE + "_do_rebuild_instance", instance.vm_state
        neutron = self.site.neutron
        if evacuate:
            if target_state and orig_vm_state != vm.ERROR:
                orig_vm_state = target_state
            if instance.uuid in self.driver.guests:
                # what instance_name_template makes of the number of its row
                number = list(self.site.servers).index(instance.name) + 1
                raise exception.InstanceExists(name=f"instance-{number:08x}")
        notify_move.about_exists(self, instance)
        notify_move.about(self, instance, "rebuild", "rebuild", "start")
        instance.power_state = self._get_power_state(instance)
        instance.task_state = task.REBUILDING
        instance.save(by, expected_task_state=[task.REBUILDING])
        if evacuate:
            neutron.ask(self, instance.name, "setup_networks_on_host", by)
            neutron.bind(self, instance.name, "setup_instance_network_on_host", by, self.host)
        yield from self._rebuild_default_impl(instance, evacuate)
        self._update_instance_after_spawn(instance)
        instance.save(by, expected_task_state=[task.REBUILD_SPAWNING])
        if orig_vm_state == vm.STOPPED:
            instance.vm_state = vm.ACTIVE
            instance.task_state = task.POWERING_OFF
            instance.progress = 0
            instance.save(by)
            yield from self.stop_instance(instance, False)
        if self.options.track_instance_changes:
            self.query_client.update_instance_info(self.context.elevated(), self.host)
        notify_move.about(self, instance, "rebuild", "rebuild", "end")

    def _rebuild_default_impl(self, instance, evacuate):
        by = _HERE + "_rebuild_default_impl"
        if not evacuate:
            yield from self._call("power_off", instance, "_power_off_instance")
            yield from self.driver.destroy(self, instance, by)
        instance.task_state = task.REBUILD_BLOCK_DEVICE_MAPPING
        instance.save(by, expected_task_state=[task.REBUILDING])
        yield from self.step("block_device_mapping", instance)
        instance.task_state = task.REBUILD_SPAWNING
        instance.save(by, expected_task_state=[task.REBUILD_BLOCK_DEVICE_MAPPING])
        yield from self.driver.spawn(self, instance, None, by)

    # -- what moves have in common --------------------------------------------------------
    def _update_instance_after_spawn(self, instance):
        instance.power_state = self._get_power_state(instance)
        instance.vm_state = vm.ACTIVE
        instance.task_state = None
        instance.launched_at = self.site.env.now

    def _set_migration_status(self, migration, status):
        if migration:
            migration.set_status(status, _HERE + "_set_migration_status")

    def erring_out(self, instance, work, instance_state=vm.ACTIVE):
        """Do the work; a failure puts the server in error, unless it has changed nothing.

        Source: ``_error_out_instance_on_exception`` in nova/compute/manager.py, Nova 34.0.0.
        """
        try:
            return (yield from work)
        except (NotImplementedError, exception.InstanceFaultRollback) as error:
            self._instance_update(instance, vm_state=instance_state, task_state=None)
            if isinstance(error, exception.InstanceFaultRollback):
                raise error.inner_exception from error
            raise
        except Exception:
            self._set_instance_obj_error_state(instance)
            raise

    def erring_out_migration(self, migration, work):
        """Do the work; a failure is the migration's too.

        Source: ``errors_out_migration_ctxt`` in nova/compute/manager.py, Nova 34.0.0.
        """
        try:
            return (yield from work)
        except Exception:
            self._migration_failed(migration)
            raise

    def _migration_failed(self, migration):
        migration.set_status("error", _HERE + "errors_out_migration_ctxt")

    def _revert_allocation(self, instance, migration) -> bool:
        """Let the server hold again what the migration holds; False when that is nothing."""
        self.reportclient.get_allocs_for_consumer(instance.name)
        if migration.uuid not in self.site.allocations.held:
            return False
        self.reportclient.move_allocations(instance.name, migration.uuid, instance.uuid)
        return True

    def _delete_allocation_for_evacuated_instance(self, instance):
        self.reportclient.remove_provider_tree_from_instance_allocation(
            instance.name, instance.uuid, self.site.fleet.rows[self.host]
        )

    def _delete_allocation_after_move(self, instance, migration):
        self.reportclient.delete_allocation_for_instance(instance.name, migration.uuid)

    # -- the destination prepares ---------------------------------------------------------
    def prep_resize(self, instance, flavor, migration, request_spec, filter_properties, host_list):
        """Claim for a server that is to come, and ask its host for it."""
        work = self._do_prep_resize(
            instance, flavor, migration, request_spec, filter_properties, host_list
        )
        work = self.erring_out_migration(migration, work)
        work = self.erring_out(instance, work, instance.vm_state)
        return self.wrapped("prep_resize", instance, work)

    def _do_prep_resize(self, instance, flavor, migration, spec, filter_properties, host_list):
        notify_move.about_exists(self, instance)
        notify_move.about(self, instance, "resize.prep", "resize_prep", "start")
        try:
            yield from self._prep_resize(instance, flavor, migration, spec)
        except exception.BuildAbortException:
            self._revert_allocation(instance, migration)
            raise
        except Exception as error:
            self._revert_allocation(instance, migration)
            yield from self._reschedule_resize_or_reraise(
                instance, error, flavor, spec, filter_properties, host_list
            )
        finally:
            if not self.stopped:
                notify_move.about(self, instance, "resize.prep", "resize_prep", "end")

    def _prep_resize(self, instance, flavor, migration, spec):
        by = _HERE + "_prep_resize"
        if not instance.host:
            self._set_instance_obj_error_state(instance)
            raise exception.MigrationError(reason="Instance has no source host")
        if instance.host == self.host and flavor == instance.flavor:
            error = exception.UnableToMigrateToSelf(instance_id=instance.uuid, host=self.host)
            raise exception.InstanceFaultRollback(error)
        instance.new_flavor = flavor
        instance.system_metadata["old_vm_state"] = instance.vm_state
        instance.save(by)
        self.reportclient.get_allocs_for_consumer(instance.name)
        yield from self.step("claim", instance)
        with self.rt.move_claim(instance, flavor, self.node, migration) as claim:
            self.compute_rpcapi.resize_instance(
                self.context,
                instance,
                migration.source_compute,
                migration=claim.migration,
                flavor=flavor,
                request_spec=spec,
                by=by,
            )

    def _reschedule_resize_or_reraise(
        self, instance, error, flavor, spec, filter_properties, host_list
    ):
        """Let the conductor try the next host, if there may be one; else raise the error again."""
        if not filter_properties.get("retry"):
            raise error
        try:
            self._instance_update(instance, task_state=task.RESIZE_PREP)
            yield from self.compute_task_api.migrate_server(
                self.context, instance, flavor=flavor, request_spec=spec, host_list=host_list
            )
        except Exception as another:
            self._resize_error(instance, another)
            raise error from another
        self._resize_error(instance, error)

    def _resize_error(self, instance, error):
        instance_fault.create(instance, error)
        notify_move.about(self, instance, "resize", "resize", "error", error)

    # -- the source sends -----------------------------------------------------------------
    def resize_instance(self, instance, migration, flavor, request_spec):
        """Switch a guest off and copy its disk to the destination."""
        work = self._or_revert_allocation(instance, migration, request_spec)
        return self.wrapped("resize_instance", instance, work)

    def _or_revert_allocation(self, instance, migration, spec):
        try:
            work = self._resize_instance(instance, migration, spec)
            work = self.erring_out_migration(migration, work)
            yield from self.erring_out(instance, work, instance.vm_state)
        except Exception:
            self._revert_allocation(instance, migration)
            raise
        notify_move.about(self, instance, "resize", "resize", "end")

    def _resize_instance(self, instance, migration, spec):
        by = _HERE + "_resize_instance"
        migration.set_status("migrating", by)
        instance.task_state = task.RESIZE_MIGRATING
        instance.save(by, expected_task_state=task.RESIZE_PREP)
        notify_move.about(self, instance, "resize", "resize", "start")
        yield from self._call("migrate_disk_and_power_off", instance, "_resize_instance")
        self.site.neutron.ask(self, instance.name, "migrate_instance_start", by)
        migration.set_status("post-migrating", by)
        instance.host = migration.dest_compute
        instance.node = migration.dest_node
        instance.compute_id = self.site.fleet.rows[migration.dest_compute] + 1
        instance.old_flavor = instance.flavor
        instance.task_state = task.RESIZE_MIGRATED
        instance.save(by, expected_task_state=task.RESIZE_MIGRATING)
        self.compute_rpcapi.finish_resize(
            self.context,
            instance,
            migration.dest_compute,
            migration=migration,
            request_spec=spec,
            by=by,
        )

    # -- the destination receives ---------------------------------------------------------
    def finish_resize(self, instance, migration, request_spec):
        """Start a guest from the disk that has arrived."""
        work = self._or_delete_allocation(instance, migration)
        return self.wrapped("finish_resize", instance, work, migration=migration)

    def _or_delete_allocation(self, instance, migration):
        try:
            yield from self.erring_out(instance, self._finish_resize(instance, migration))
        except Exception:
            self._delete_allocation_after_move(instance, migration)
            raise
        if self.options.track_instance_changes:
            self.query_client.update_instance_info(self.context.elevated(), self.host)
        notify_move.about(self, instance, "finish_resize", "resize_finish", "end")

    def _finish_resize(self, instance, migration):
        by, name, neutron = _HERE + "_finish_resize", instance.name, self.site.neutron
        old_flavor = instance.flavor
        old_vm_state = instance.system_metadata.get("old_vm_state", vm.ACTIVE)
        instance.old_flavor = old_flavor
        resized = migration.old_flavor != migration.new_flavor
        if resized:
            instance.set_flavor(instance.new_flavor)
        neutron.ask(self, name, "setup_networks_on_host", by)
        neutron.bind(self, name, "migrate_instance_finish", by, self.host)
        instance.task_state = task.RESIZE_FINISH
        instance.save(by, expected_task_state=task.RESIZE_MIGRATED)
        notify_move.about(self, instance, "finish_resize", "resize_finish", "start")
        self.reportclient.get_allocs_for_consumer(name)
        try:
            power_on = old_vm_state != vm.STOPPED
            yield from self.driver.start_here(self, "finish_migration", instance, by, power_on)
        except Exception:
            if resized:
                instance.set_flavor(old_flavor)
            raise
        migration.set_status("finished", by)
        instance.vm_state = vm.RESIZED
        instance.task_state = None
        instance.launched_at = self.site.env.now
        instance.save(by, expected_task_state=task.RESIZE_FINISH)

    # -- confirm: at the source -----------------------------------------------------------
    def confirm_resize(self, instance, migration):
        """Clean up after a server that has moved away."""
        work = self.locked(instance.uuid, self._do_confirm_resize(instance, migration))
        return self.wrapped("confirm_resize", instance, work, reverts=False, migration=migration)

    def _do_confirm_resize(self, instance, migration):
        if migration.status not in ("finished", "confirming"):
            return
        try:
            instance = self.site.from_row(self, instance.name, instance.uuid)
        except exception.InstanceNotFound:
            return
        work = self._confirm_and_clean_up(instance, migration)
        yield from self.erring_out(instance, work)

    def _confirm_and_clean_up(self, instance, migration):
        try:
            yield from self._confirm_resize(instance, migration)
        finally:
            if not self.stopped:
                self._delete_allocation_after_move(instance, migration)
                if self.options.track_instance_changes:
                    self.query_client.delete_instance_info(self.context.elevated(), self.host)
                self._delete_stashed_flavor_info(instance)

    def _confirm_resize(self, instance, migration):
        by = _HERE + "_confirm_resize"
        notify_move.about(self, instance, "resize.confirm", "resize_confirm", "start")
        self.site.neutron.ask(self, instance.name, "setup_networks_on_host", by)
        same_host = migration.source_compute == migration.dest_compute
        yield from self.driver.confirm_migration(self, instance, by, same_host)
        self.rt.drop_move_claim_at_source(instance, migration)
        stopped = instance.power_state == power_state.SHUTDOWN
        instance.vm_state = vm.STOPPED if stopped else vm.ACTIVE
        instance.task_state = None
        instance.save(by, expected_task_state=[None, task.DELETING, task.SOFT_DELETING])
        notify_move.about(self, instance, "resize.confirm", "resize_confirm", "end")

    def _delete_stashed_flavor_info(self, instance):
        instance.old_flavor = None
        instance.new_flavor = None
        instance.system_metadata.pop("old_vm_state", None)
        instance.save(_HERE + "_delete_stashed_flavor_info")

    # -- revert: at the destination -------------------------------------------------------
    def revert_resize(self, instance, migration, request_spec):
        """Destroy a guest that is to go back to where it came from."""
        work = self._revert_resize(instance, migration, request_spec)
        return self.wrapped("revert_resize", instance, work, migration=migration)

    def _revert_resize(self, instance, migration, spec):
        notify_move.about_exists(self, instance)
        yield from self.erring_out(instance, self._send_back(instance, migration, spec))

    def _send_back(self, instance, migration, spec):
        by, neutron = _HERE + "revert_resize", self.site.neutron
        neutron.ask(self, instance.name, "setup_networks_on_host", by)
        neutron.ask(self, instance.name, "migrate_instance_start", by)
        yield from self.driver.destroy(self, instance, by)
        self.rt.drop_move_claim_at_dest(instance, migration)
        self.compute_rpcapi.finish_revert_resize(
            self.context,
            instance,
            migration.source_compute,
            migration=migration,
            request_spec=spec,
            by=by,
        )

    # -- revert: at the source ------------------------------------------------------------
    def finish_revert_resize(self, instance, migration, request_spec):
        """Start a guest again that has come back."""
        work = self._take_back(instance, migration)
        return self.wrapped("finish_revert_resize", instance, work, migration=migration)

    def _take_back(self, instance, migration):
        try:
            yield from self.erring_out(instance, self._finish_revert_resize(instance, migration))
        finally:
            if not self.stopped:
                self._delete_stashed_flavor_info(instance)

    def _finish_revert_resize(self, instance, migration):
        by, name, neutron = _HERE + "_finish_revert_resize", instance.name, self.site.neutron
        notify_move.about(self, instance, "resize.revert", "resize_revert", "start")
        power_on = instance.system_metadata.get("old_vm_state", vm.ACTIVE) != vm.STOPPED
        instance.set_flavor(instance.old_flavor)
        instance.host = migration.source_compute
        instance.node = self.node
        instance.compute_id = self.site.fleet.rows[self.host] + 1
        instance.save(
            _HERE + "_revert_instance_flavor_host_node", expected_task_state=[task.RESIZE_REVERTING]
        )
        self._revert_allocation(instance, migration)
        neutron.ask(self, name, "setup_networks_on_host", by)
        neutron.bind(self, name, "migrate_instance_finish", by, self.host)
        yield from self.driver.start_here(self, "finish_revert_migration", instance, by, power_on)
        instance.drop_migration_context(by)
        instance.launched_at = self.site.env.now
        instance.save(by, expected_task_state=task.RESIZE_REVERTING)
        if power_on:
            instance.vm_state = vm.ACTIVE
            instance.task_state = None
            instance.save(by)
        else:
            instance.task_state = task.POWERING_OFF
            instance.save(by)
            yield from self.stop_instance(instance, True)
        notify_move.about(self, instance, "resize.revert", "resize_revert", "end")

    def shelve_instance(self, instance, image_id):
        """Switch a guest off and upload its disk; offload it if ``shelved_offload_time`` is 0."""
        work = self.locked(instance.uuid, self._shelve_instance(instance, image_id))
        return self.wrapped("shelve_instance", instance, work)

    def _shelve_instance(self, instance, image_id):
        by, offload = _HERE + "_shelve_instance", self.options.shelved_offload_time == 0
        notify_move.about_exists(self, instance)
        notify_move.about(self, instance, "shelve", "shelve", "start")

        def update_task_state(task_state, expected_state=task.SHELVING):
            instance.task_state = _SHELVING[task_state]
            instance.save(
                _HERE + "update_task_state", expected_task_state=_SHELVING[expected_state]
            )

        yield from self._call("power_off", instance, "_power_off_instance")
        yield from self.driver.snapshot(self, instance, update_task_state, by, image_id)
        self.image_api.upload(image_id)
        instance.system_metadata["shelved_at"] = self.site.env.now
        instance.system_metadata["shelved_image_id"] = image_id
        instance.system_metadata["shelved_host"] = self.host
        instance.vm_state = vm.SHELVED
        instance.task_state = task.SHELVING_OFFLOADING if offload else None
        instance.power_state = self._get_power_state(instance)
        expected = [task.SHELVING, task.SHELVING_IMAGE_UPLOADING]
        instance.save(by, expected_task_state=expected)
        notify_move.about(self, instance, "shelve", "shelve", "end")
        if offload:
            yield from self._shelve_offload_instance(instance)

    def shelve_offload_instance(self, instance):
        """Take a shelved guest off the host."""
        work = self.locked(instance.uuid, self._shelve_offload_instance(instance))
        return self.wrapped("shelve_offload_instance", instance, work)

    def _shelve_offload_instance(self, instance):
        by = _HERE + "_shelve_offload_instance"
        notify_move.about(self, instance, "shelve_offload", "shelve_offload", "start")
        yield from self._call("power_off", instance, "_power_off_instance")
        found = self._get_power_state(instance)
        self.site.neutron.unbind(instance.name)
        yield from self.driver.destroy(self, instance, by)
        self.reportclient.delete_allocation_for_instance(instance.name, instance.uuid, force=True)
        instance.power_state = found
        instance.vm_state = vm.SHELVED_OFFLOADED
        instance.task_state = None
        instance.save(by, expected_task_state=[task.SHELVING, task.SHELVING_OFFLOADING])
        if instance.host == self.host:
            self.rt.update_usage(instance, instance.node)
        self._nil_out_instance_obj_host_and_node(instance)
        instance.save(by)
        if self.options.track_instance_changes:
            self.query_client.delete_instance_info(self.context.elevated(), self.host)
        notify_move.about(self, instance, "shelve_offload", "shelve_offload", "end")

    def unshelve_instance(self, instance, image):
        """Start an offloaded server here, from the image that was made of it."""
        work = self.locked(instance.uuid, self._unshelve_instance(instance, image and image["id"]))
        return self.wrapped("unshelve_instance", instance, work)

    def _unshelve_instance(self, instance, image):
        by = _HERE + "_unshelve_instance"
        notify_move.about(self, instance, "unshelve", "unshelve", "start")
        instance.task_state = task.SPAWNING
        instance.save(by)
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
                neutron, call = self.site.neutron, "setup_instance_network_on_host"
                neutron.bind(self, instance.name, call, by, self.host)
                yield from self.driver.spawn(self, instance, None, by)
        except Exception:
            instance.image_ref = shelved_image_ref
            self.reportclient.delete_allocation_for_instance(
                instance.name, instance.uuid, force=True
            )
            self._nil_out_instance_obj_host_and_node(instance)
            raise
        if image:
            instance.image_ref = shelved_image_ref
            self._delete_snapshot_of_shelved_instance(instance, image)
        for column, value in kept.items():
            setattr(instance, column, value)
        self._update_instance_after_spawn(instance)
        remove_shelved_keys_from_system_metadata(instance)
        instance.save(by, expected_task_state=task.SPAWNING)
        if self.options.track_instance_changes:
            self.query_client.update_instance_info(self.context.elevated(), self.host)
        notify_move.about(self, instance, "unshelve", "unshelve", "end")

    def _delete_snapshot_of_shelved_instance(self, instance, image_id):
        by = _HERE + "_delete_snapshot_of_shelved_instance"
        with contextlib.suppress(exception.ImageNotFound):
            self.image_api.delete(instance.name, by, image_id)

    def _was_shelved(self, instance):
        """A server that starts is shelved no more.

        Source: ``start_instance`` in nova/compute/manager.py, Nova 34.0.0.
        """
        image_id = instance.system_metadata.get("shelved_image_id")
        if image_id:
            self._delete_snapshot_of_shelved_instance(instance, image_id)
        remove_shelved_keys_from_system_metadata(instance)

    def _poll_shelved_instances(self):
        """Take off the host what has been shelved for ``shelved_offload_time``.

        Source: the method of that name in nova/compute/manager.py, Nova 34.0.0.
        """
        time_s = self.options.shelved_offload_time
        if time_s <= 0:
            return
        by = _HERE + "_poll_shelved_instances"
        for instance in self.site.instances_on(self):
            if instance.vm_state != vm.SHELVED or instance.task_state is not None:
                continue
            if self.site.env.now - instance.system_metadata["shelved_at"] <= time_s:
                continue
            with contextlib.suppress(Exception):  # as Nova, which only logs it
                instance.task_state = task.SHELVING_OFFLOADING
                instance.save(by, expected_task_state=(None,))
                yield from self.shelve_offload_instance(instance)

    # -- both hosts are asked -------------------------------------------------------------
    def check_can_live_migrate_destination(self, instance, migration):
        """Say whether this host would have a server; its own host is asked from here."""
        work = self._check_destination(instance)
        name = "check_can_live_migrate_destination"
        return self.wrapped(name, instance, work, reverts=False)

    def _check_destination(self, instance):
        name = "check_can_live_migrate_destination"
        yield from self.driver.ask(self, name, instance, _HERE + name)
        self.reportclient.get_allocs_for_consumer(instance.name)
        try:
            yield from self.compute_rpcapi.check_can_live_migrate_source(
                self.context, instance, by=_HERE + name
            )
        except Exception as error:
            raise exception.MigrationPreCheckError(
                f"Error while check_can_live_migrate_source from {instance.host} to host"
                f" {self.host}: {type(error).__name__} {error}"
            ) from error

    def check_can_live_migrate_source(self, instance):
        """Say whether this host would let a server go."""
        name = "check_can_live_migrate_source"
        work = self.driver.ask(self, name, instance, _HERE + name)
        return self.wrapped(name, instance, work, reverts=False)

    # -- the source -----------------------------------------------------------------------
    def live_migration(self, instance, dest, migration):
        """Queue a live migration: one runs at a time, if the options say nothing else."""
        work = self._queue(instance, dest, migration)
        name = "live_migration"
        return self.wrapped(name, instance, work, reverts=False, migration=migration)

    def _queue(self, instance, dest, migration):
        self._set_migration_status(migration, "queued")
        self.waiting_live_migrations[instance.uuid] = migration
        self.start(self._do_live_migration_in_turn(instance, dest, migration))
        return
        yield

    def _do_live_migration_in_turn(self, instance, dest, migration):
        turn = None
        if self.live_migration_semaphore is not None:
            turn = self.live_migration_semaphore.request()
            yield from self.wait(turn)
        try:
            if migrations.get_by_id(self, migration.id).status != "cancelled":
                yield from self._do_live_migration(instance, dest, migration)
        finally:
            if turn is not None:
                self.live_migration_semaphore.release(turn)

    def _do_live_migration(self, instance, dest, migration):
        by = _HERE + "_do_live_migration"
        self._set_migration_status(migration, "preparing")
        try:
            yield from self.compute_rpcapi.pre_live_migration(
                self.context, instance, dest, by=_HERE + "_do_pre_live_migration_from_source"
            )
        except Exception:
            self._set_migration_status(migration, "error")
            yield from self._rollback_live_migration(instance, migration)
            raise
        if self.waiting_live_migrations.pop(instance.uuid, None) is None:
            yield from self._rollback_live_migration(instance, migration, "cancelled")
            self._about_abort(instance, "end")
            return
        self._set_migration_status(migration, "running")
        try:
            result = yield from self.driver.live_migration(self, instance, by)
            if result == "completed":
                yield from self._post_live_migration_update_host(instance, dest, migration)
            else:
                yield from self._rollback_live_migration(instance, migration, result)
        except Exception:
            self._set_migration_status(migration, "error")
            instance.refresh()
            self._set_instance_obj_error_state(instance, clean_task_state=True)
            raise

    def _post_live_migration_update_host(self, instance, dest, migration):
        by = _HERE + "_post_live_migration_update_host"
        try:
            work = self._post_live_migration(instance, dest, migration)
            yield from self.wrapped(
                "_post_live_migration", instance, work, by, event=False, reverts=False
            )
        except Exception:
            if instance.host != dest:
                instance.drop_migration_context(by)
                instance.host = dest
                instance.task_state = None
                instance.node = migration.dest_node
                instance.compute_id = self.site.fleet.rows[dest] + 1
                instance.progress = 0
                instance.save(by)
            raise

    def _post_live_migration(self, instance, dest, migration):
        by, name = _HERE + "_post_live_migration", instance.name
        notify_move.about(self, instance, "live_migration._post", "live_migration_post", "start")
        self.site.neutron.bind(self, name, "migrate_instance_start", by, dest)
        yield from self.driver.post_live_migration(self, instance, by)
        yield from self.driver.ask(self, "post_live_migration_at_source", instance, by)
        yield from self.compute_rpcapi.post_live_migration_at_destination(
            self.context, instance, dest, by=by
        )
        self.rt.update_available_resource(self.node)
        if self.options.track_instance_changes:
            self.query_client.update_instance_info(self.context.elevated(), self.host)
        notify_move.about(self, instance, "live_migration._post", "live_migration_post", "end")
        migration.set_status("completed", by)
        self._delete_allocation_after_move(instance, migration)

    def _rollback_live_migration(self, instance, migration, status="failed"):
        work = self._do_rollback_live_migration(instance, migration, status)
        return self.wrapped("_rollback_live_migration", instance, work, event=False, reverts=False)

    def _do_rollback_live_migration(self, instance, migration, status):
        by, neutron = _HERE + "_rollback_live_migration", self.site.neutron
        self._revert_allocation(instance, migration)
        neutron.ask(self, instance.name, "setup_networks_on_host", by)
        legacy, action = "live_migration._rollback", "live_migration_rollback"
        notify_move.about(self, instance, legacy, action, "start")
        neutron.ask(self, instance.name, "setup_networks_on_host", by)
        instance.task_state = None
        instance.progress = 0
        instance.drop_migration_context(by)
        instance.save(by, expected_task_state=[task.MIGRATING])
        notify_move.about(self, instance, legacy, action, "end")
        self._set_migration_status(migration, status)
        return
        yield

    # -- the destination ------------------------------------------------------------------
    def pre_live_migration(self, instance):
        """Prepare for a guest that is to come."""
        work = self._do_pre_live_migration(instance)
        return self.wrapped("pre_live_migration", instance, work, reverts=False)

    def _do_pre_live_migration(self, instance):
        by = _HERE + "_do_pre_live_migration"
        notify_move.about(self, instance, "live_migration.pre", "live_migration_pre", "start")
        yield from self.driver.ask(self, "pre_live_migration", instance, by)
        self.site.neutron.ask(self, instance.name, "setup_networks_on_host", by)
        notify_move.about(self, instance, "live_migration.pre", "live_migration_pre", "end")

    def post_live_migration_at_destination(self, instance):
        """Take a guest in that has arrived: from now on the row names this host."""
        work = self._do_post_live_migration_at_destination(instance)
        name = "post_live_migration_at_destination"
        return self.wrapped(name, instance, work, reverts=False)

    def _do_post_live_migration_at_destination(self, instance):
        by = _HERE + "_do_post_live_migration_at_destination"
        neutron, name = self.site.neutron, instance.name
        legacy, action = "live_migration.post.dest", "live_migration_post_dest"
        neutron.ask(self, name, "setup_networks_on_host", by)
        neutron.bind(self, name, "migrate_instance_finish", by, self.host)
        notify_move.about(self, instance, legacy, action, "start")
        try:
            yield from self.driver.post_live_migration_at_destination(self, instance, by)
        except Exception:
            instance.vm_state = vm.ERROR
            raise
        finally:
            if not self.stopped:
                self._take_over(instance, by)
        neutron.ask(self, name, "setup_networks_on_host", by)
        neutron.ask(self, name, "setup_networks_on_host", by)
        notify_move.about(self, instance, legacy, action, "end")

    def _take_over(self, instance, by):
        found = self._get_power_state(instance)
        instance.drop_migration_context(by)
        instance.host = self.host
        instance.power_state = found
        instance.task_state = None
        instance.node = self.node
        instance.compute_id = self.site.fleet.rows[self.host] + 1
        instance.progress = 0
        instance.save(by, expected_task_state=task.MIGRATING)

    # -- asked in the middle --------------------------------------------------------------
    def live_migration_force_complete(self, instance):
        """Hurry a live migration."""
        name = "live_migration_force_complete"
        return self.wrapped(name, instance, self._force_complete(instance), reverts=False)

    def _force_complete(self, instance):
        name, legacy = "live_migration_force_complete", "live.migration.force.complete"
        notify_move.about(self, instance, legacy, name, "start")
        self.driver.end_job(self, name, instance, _HERE + name)
        notify_move.about(self, instance, legacy, name, "end")
        return
        yield

    def live_migration_abort(self, instance, migration_id):
        """Stop a live migration: at once if it waits for its turn, else by and by."""
        work = self._abort(instance, migration_id)
        return self.wrapped("live_migration_abort", instance, work, reverts=False)

    def _abort(self, instance, migration_id):
        by = _HERE + "live_migration_abort"
        self._about_abort(instance, "start")
        waiting = self.waiting_live_migrations.pop(instance.uuid, None)
        migration = migrations.find(self, instance.uuid, id=migration_id)[0]
        if waiting is not None:
            if migration.status == "queued":
                self._revert_allocation(instance, migration)
                self.site.neutron.ask(self, instance.name, "setup_networks_on_host", by)
                instance.task_state = None
                instance.save(by, expected_task_state=[task.MIGRATING])
                self._set_migration_status(migration, "cancelled")
        elif migration.status != "running":
            raise exception.InvalidMigrationState(
                migration_id=migration_id,
                instance_uuid=instance.uuid,
                state=migration.status,
                method="abort live migration",
            )
        else:
            self.driver.end_job(self, "live_migration_abort", instance, by)
        self._about_abort(instance, "end")
        return
        yield

    def _about_abort(self, instance, phase):
        notify_move.about(self, instance, "live.migration.abort", "live_migration_abort", phase)

    def _reset_live_migration(self, instance):
        """Forget a live migration that was under way when this nova-compute died.

        Source: the method of that name in nova/compute/manager.py, Nova 34.0.0.
        """
        found = migrations.find(self, instance.uuid, status="running")
        try:
            if found:
                yield from self.live_migration_abort(instance, found[0].id)
        except Exception:  # as Nova, which only logs it
            found = found[:1]
        if found:
            self._set_migration_status(found[0], "error")
        instance.task_state = None
        by = _HERE + "_reset_live_migration"
        instance.save(by, expected_task_state=[task.MIGRATING])

    def _poll_unconfirmed_resizes(self):
        """Confirm what has waited for ``resize_confirm_window`` since it arrived here."""
        window, by = self.options.resize_confirm_window, _HERE + "_set_migration_to_error"
        if window == 0:
            return
        for migration in migrations.find(self, status="finished", dest_compute=self.host):
            if self.site.env.now - migration.updated_at < window:
                continue
            try:
                uuid = migration.instance_uuid
                instance = self.site.from_row(self, migration.name, uuid)
            except exception.InstanceNotFound:
                migration.set_status("error", by)
                continue
            deleting = instance.task_state in (task.DELETING, task.SOFT_DELETING)
            if instance.vm_state != vm.ERROR and (
                deleting or instance.task_state == task.RESIZE_FINISH
            ):
                continue
            if instance.vm_state != vm.RESIZED or instance.task_state is not None:
                migration.set_status("error", by)
                continue
            with contextlib.suppress(Exception):  # as Nova, which only logs it
                yield from self.compute_api.confirm_by_itself(instance, migration)

    def _destroy_evacuated_instances(self):
        """Destroy the guests that were evacuated while this nova-compute was down.

        Returns the uuids of their servers.
        """
        by = _HERE + "_destroy_evacuated_instances"
        found = migrations.find(
            self,
            source_compute=self.host,
            status=("accepted", "pre-migrating", "done"),
            migration_type="evacuation",
        )
        newest = {migration.instance_uuid: migration for migration in found}
        for uuid in newest:
            if uuid in self.driver.guests:
                instance = self.tables.instance(uuid)
                yield from self.driver.destroy(self, instance, by)
        for uuid, migration in newest.items():
            if not self.tables.is_deleted(uuid):
                self.reportclient.remove_provider_tree_from_instance_allocation(
                    migration.name, uuid, self.site.fleet.rows[self.host]
                )
            migration.set_status("completed", by)
        return set(newest)

    def _init_moving(self, instance):
        """Take back what was on its way when this nova-compute died."""
        if instance.task_state == task.RESIZE_MIGRATING:
            by = _HERE + "_init_instance"
            power_on = instance.system_metadata.get("old_vm_state") != vm.STOPPED
            with contextlib.suppress(Exception):  # as Nova, which only logs it
                yield from self.driver.start_here(
                    self, "finish_revert_migration", instance, by, power_on
                )
            instance.task_state = None
            instance.save(by)
        if instance.task_state == task.MIGRATING:
            yield from self._reset_live_migration(instance)

    def rescue_instance(self, instance):
        """Start a guest from a rescue image."""
        return self.wrapped("rescue_instance", instance, self._rescue(instance))

    def _rescue(self, instance):
        self.image_api.get(instance.name, _HERE + "_get_rescue_image")
        notify.about(self, instance, "rescue", "start")
        try:
            yield from self._call("power_off", instance, "_power_off_instance")
            yield from self._call("rescue", instance, "rescue_instance")
        except Exception as error:
            self._set_instance_obj_error_state(instance)
            reason = f"Driver Error: {error}"
            raise exception.InstanceNotRescuable(
                instance_id=instance.uuid, reason=reason
            ) from error
        notify.about_usage(self, instance, "exists")
        notify.about_action(self, instance, "exists")
        instance.vm_state = vm.RESCUED
        instance.task_state = None
        instance.power_state = self._get_power_state(instance)
        instance.launched_at = self.site.env.now
        instance.save(_HERE + "rescue_instance", expected_task_state=task.RESCUING)
        notify.about(self, instance, "rescue", "end")

    def _sync_power_states(self):
        """Compare each server of the host with its guest, each in a thread of its own."""
        for instance in self.site.instances_on(self):
            work = self._query_driver_power_state_and_sync(instance)
            self.start(self.locked(instance.uuid, work))

    def _query_driver_power_state_and_sync(self, instance):
        if instance.task_state is not None:
            return
        found = self._get_power_state(instance)
        instance.refresh()
        if instance.host != self.host or instance.task_state is not None:
            return
        if found != instance.power_state:
            instance.power_state = found
            instance.save(_HERE + "_sync_instance_power_state")
        wanted = SYNC.get((instance.vm_state, found))
        if wanted is not None:
            try:
                yield from getattr(self.compute_api, wanted)(instance)
            except Exception:  # as Nova: the next round sees the same and tries again
                return

    def update_available_resource(self, quiet=True):
        """Let the resource tracker report; *quiet*: what it asks placement is not noted.

        A report that cannot be made changes nothing: the next one is tried as if none had been.

        Source: the method of that name in nova/compute/manager.py, Nova 34.0.0.
        """
        guests = self.driver.guests.items()
        self.driver.see_guests(
            {
                uuid: (
                    state == power_state.RUNNING,
                    self.tables.flavor_of(uuid),
                )
                for uuid, state in guests
            }
        )
        self.tables.quiet = quiet
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
            self.tables.quiet = False

    def _reclaim_queued_deletes(self):
        """Delete for good what was soft-deleted ``reclaim_instance_interval`` ago."""
        interval = self.options.reclaim_instance_interval
        if interval <= 0:
            return
        for instance in self.site.instances_on(self):
            soft_deleted = instance.vm_state == vm.SOFT_DELETED and instance.task_state is None
            if soft_deleted and self.site.env.now - instance.deleted_at >= interval:
                with contextlib.suppress(Exception):  # as Nova, which warns and tries again
                    yield from self._delete_instance(instance)

    def _check_instance_build_time(self):
        """Put what has been building for ``instance_build_timeout`` in error; the build goes on."""
        timeout = self.options.instance_build_timeout
        if timeout == 0:
            return
        for instance in self.site.instances_on(self):
            late = self.site.env.now - instance.created_at > timeout
            if instance.vm_state == vm.BUILDING and late:
                self._set_instance_obj_error_state(instance)

    def init_host(self):
        """Look at each server of the host after a start, one after the other.

        A build that had not claimed yet is known only to placement, and fails too.
        """
        instances = self.site.instances_on(self)
        try:
            evacuated = yield from self._destroy_evacuated_instances()
            for instance in instances:
                if instance.uuid not in evacuated:
                    yield from self._init_instance(instance)
            seen = {instance.uuid for instance in instances} | evacuated
            self.reportclient.get_allocations_for_resource_provider()
            for instance in self.site.instances_allocated(self):
                if instance.uuid not in seen and instance.vm_state == vm.BUILDING:
                    self._set_instance_obj_error_state(instance, clean_task_state=True)
        finally:
            if instances and self.options.track_instance_changes and not self.stopped:
                self.query_client.update_instance_info(self.context.elevated(), self.host)
        self.update_available_resource(quiet=False)

    def _init_instance(self, instance):
        by = _HERE + "_init_instance"
        vm_state, task_state = instance.vm_state, instance.task_state
        if vm_state == vm.SOFT_DELETED or (vm_state == vm.ERROR and task_state != task.DELETING):
            return
        if vm_state == vm.DELETED:
            instance.destroy(_HERE + "_complete_partial_deletion")
            self._complete_deletion(instance)
            notify.about(self, instance, "delete", "end")
            return
        rebuilding = vm_state in (vm.ACTIVE, vm.STOPPED) and task_state in _REBUILDING
        if vm_state == vm.BUILDING or task_state in _BUILDING or rebuilding:
            self._set_instance_obj_error_state(instance, clean_task_state=True)
            return
        if task_state in _HARMLESS and vm_state != vm.ERROR:
            instance.task_state = None
            instance.save(by)
        if task_state == task.DELETING:
            try:
                yield from self._delete_instance(instance)
            except Exception:
                self._set_instance_obj_error_state(instance)
            return
        found = self._get_power_state(instance)
        reboot = self._retry_reboot(instance, found)
        if reboot:
            if task_state in task.soft_reboot_states and reboot == "HARD":
                instance.task_state = task.REBOOT_PENDING_HARD
                instance.save(by)
            yield from self.reboot_instance(instance, reboot)
            return
        if found == power_state.RUNNING and task_state in _RUNNING_ANYWAY:
            instance.task_state = None
            instance.vm_state = vm.ACTIVE
            instance.save(by)
        again = {
            (power_state.PAUSED, task.UNPAUSING): "unpause_instance",
            (found, task.POWERING_OFF): "stop_instance",
            (found, task.POWERING_ON): "start_instance",
        }.get((found, instance.task_state))
        if again:
            try:
                yield from getattr(self, again)(instance)
            except Exception:  # as Nova: no server may keep the service from starting
                return
            return
        self.driver.plug(self, "plug_vifs", instance, by)
        yield from self._init_moving(instance)

    def _retry_reboot(self, instance, found):
        """Return "SOFT" or "HARD" for a reboot to be done again, or None.

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


def _aborted(instance, reason):
    return exception.BuildAbortException(instance_uuid=instance.uuid, reason=reason)


def _verdict(instance, error):
    """Return what becomes of a build that failed: abort, another host, or the error itself.

    Source: the except clauses of ``_build_and_run_instance`` in nova/compute/manager.py, 34.0.0.
    """
    if isinstance(error, (*GONE, exception.BuildAbortException)):
        return error
    if isinstance(error, exception.NoMoreFixedIps):
        return _aborted(instance, f"{_NETWORK} with error {error}, not rescheduling.")
    if isinstance(error, exception.VirtualInterfaceCreateException):
        return _aborted(instance, f"{_NETWORK}, not rescheduling.")
    if isinstance(error, HOPELESS):
        return _aborted(instance, str(error))
    return exception.RescheduledException(instance_uuid=instance.uuid, reason=str(error))
