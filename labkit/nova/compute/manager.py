"""What a nova-compute does with the servers of its host (nova/compute/manager.py).

The builds are in build.py, deletes in terminate.py, snapshots in snapshot.py, moves in moves.py,
what happens by itself in periodic.py.
"""

from dataclasses import dataclass

import simpy

from labkit.nova import exception
from labkit.nova.compute import (
    api,
    build,
    moves,
    periodic,
    power_state,
    rescue,
    snapshot,
    terminate,
)
from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.compute.host_tables import HostTables
from labkit.nova.compute.resource_tracker import ResourceTracker
from labkit.nova.notifications import instance as notify
from labkit.nova.objects import instance_action, instance_fault
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


class ComputeManager(
    Service,
    build.Build,
    terminate.Terminate,
    snapshot.Snapshot,
    moves.Moves,
    rescue.Rescue,
    periodic.Periodic,
):
    """The nova-compute of one host.

    Source: ``ComputeManager`` in nova/compute/manager.py, Nova 34.0.0.
    """

    def __init__(self, site, host, driver):
        super().__init__(site, f"compute@{host}", host)
        row = site.fleet.rows[host]
        self.node = site.fleet.texts["nodename"][row]
        self.driver = driver
        self.reportclient = SchedulerReportClient(self)
        self.tables = HostTables(self, row)
        told = site.host_drivers[host]
        self.rt = ResourceTracker(host, told, self.tables, site.options, row + 1, told.others)
        self.compute_api = api.API(self)
        builds = site.options.max_concurrent_builds
        self.build_semaphore = simpy.Resource(site.env, builds) if builds else None
        snapshots = site.options.max_concurrent_snapshots
        self._prepare_for_moves()
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
