"""How a nova-compute builds a server, and cleans up when it cannot (nova/compute/manager.py)."""

from labkit.nova import exception
from labkit.nova.compute import build_results
from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.notifications import instance as notify
from labkit.nova.objects import instance_fault

_HERE = "compute/manager.py:"
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


class Build:
    """The part of ComputeManager that builds.

    Source: ``build_and_run_instance`` and what it calls in nova/compute/manager.py, 34.0.0.
    Unlike Nova, a host does not look at server groups once more
    (``_validate_instance_group_policy``): an alternate may hold a member already.
    """

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
            self.site.bus.cast(
                self,
                "build_instances",
                instance,
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
            self.site.bus.cast(self, "update_instance_info")
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
