"""A hypervisor of guests that are only power states, as libvirt would show them (nova/virt/fake.py)."""

from labkit.nova import exception
from labkit.nova.clock import Call
from labkit.nova.compute import power_state, task_states
from labkit.nova.virt.guests import Guests

#: The power state that a call leaves behind; suspend is libvirt's managed save.
_AFTERWARDS = {
    "pause": power_state.PAUSED,
    "unpause": power_state.RUNNING,
    "suspend": power_state.SHUTDOWN,
    "resume": power_state.RUNNING,
    "rescue": power_state.RUNNING,
    "unrescue": power_state.RUNNING,
    "power_off": power_state.SHUTDOWN,
    "power_on": power_state.RUNNING,
    "reboot": power_state.RUNNING,
    "migrate_disk_and_power_off": power_state.SHUTDOWN,
}
#: Calls that do not mind that there is no such guest.
_WITHOUT_GUEST = (
    "set_admin_password",
    "trigger_crash_dump",
    "pause",
    "unpause",
    "suspend",
    "migrate_disk_and_power_off",
)


_BUILD = "compute/manager.py:_build_and_run_instance"
#: Who asks for a snapshot, unless somebody else says so.
SNAPSHOT_BY = "compute/manager.py:_snapshot_instance"


class FakeDriver:
    """The hypervisor of one host: ``guests`` maps a server's uuid to its power state.

    ``jobs`` maps those whose memory is being copied to an event that ends it. It outlives a
    nova-compute that dies. ``snapshot_model`` is "flat" (files: the driver
    announces a direct snapshot first and then steps back) or "direct" (rbd).

    Source: ``FakeDriver`` in nova/virt/fake.py with the power states of
    nova/virt/libvirt/driver.py, Nova 34.0.0.
    """

    def __init__(self, snapshot_model="flat"):
        if snapshot_model not in ("flat", "direct"):
            raise ValueError(f"snapshot_model {snapshot_model!r} is neither 'flat' nor 'direct'")
        self.guests = Guests()
        self.jobs = {}
        self.snapshot_model = snapshot_model

    def get_info(self, instance) -> int:
        """Return a guest's power state. Raises InstanceNotFound when there is none."""
        if instance.uuid not in self.guests:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        return self.guests[instance.uuid]

    def call(self, service, name, instance, by):
        """Do something to a guest that takes time and leaves it in another power state."""
        service.note(Call, instance.name, "virt", name, by=by)
        if name in ("soft_delete", "restore"):
            raise NotImplementedError  # as libvirt: the manager switches off or on instead
        yield from service.step(name, instance)
        if instance.uuid in self.guests:
            self.guests[instance.uuid] = _AFTERWARDS.get(name, self.guests[instance.uuid])
        elif name == "reboot":
            self.guests[instance.uuid] = power_state.RUNNING
        elif name not in _WITHOUT_GUEST:
            raise exception.InstanceNotFound(instance_id=instance.uuid)

    def plug(self, service, name, instance, by):
        """Plug or unplug the interfaces."""
        service.note(Call, instance.name, "virt", name, by=by)

    def prepare_for_spawn(self, service, instance):
        """Get ready; takes time."""
        by = "compute/manager.py:_build_resources"
        service.note(Call, instance.name, "virt", "prepare_for_spawn", by=by)
        yield from service.step("prepare_for_spawn", instance)

    def spawn(self, service, instance, network_info, by=_BUILD):
        """Wait for the network, if it is not there yet, fetch the image, start the guest."""
        service.note(Call, instance.name, "virt", "spawn", by=by)
        yield from service.step("image", instance)
        yield from service.step("spawn", instance)
        if network_info is not None:
            yield from network_info.wait()
        self.guests[instance.uuid] = power_state.RUNNING

    def destroy(self, service, instance, by):
        """Remove the guest, if there is one."""
        service.note(Call, instance.name, "virt", "destroy", by=by)
        yield from service.step("destroy", instance)
        self.guests.pop(instance.uuid, None)

    # -- moves ----------------------------------------------------------------------------
    def ask(self, service, name, instance, by):
        """Do something that takes time and leaves the guest as it is, if there is one."""
        service.note(Call, instance.name, "virt", name, by=by)
        yield from service.step(name, instance)

    def start_here(self, service, name, instance, by, power_on=True):
        """Start a guest, or only have it, from a disk that is here: finish_migration and its like."""
        yield from self.ask(service, name, instance, by)
        self.guests[instance.uuid] = power_state.RUNNING if power_on else power_state.SHUTDOWN

    def confirm_migration(self, service, instance, by, same_host):
        """Remove a guest that has moved away."""
        yield from self.ask(service, "confirm_migration", instance, by)
        if not same_host:
            self.guests.pop(instance.uuid, None)

    def live_migration(self, service, instance, by) -> str:
        """Copy the memory of a guest; return "completed", "cancelled", or "failed"."""
        yield from self.ask(service, "live_migration", instance, by)
        job = self.jobs[instance.uuid] = service.site.env.event()
        try:
            yield from service.step("memory_copy", instance, until=job)
        except Exception:
            return "failed"
        finally:
            self.jobs.pop(instance.uuid, None)
        return job.value if job.triggered else "completed"

    def end_job(self, service, name, instance, by):
        """Abort the copying of a guest's memory, or have it end at once."""
        service.note(Call, instance.name, "virt", name, by=by)
        job = self.jobs.get(instance.uuid)
        if job is not None and not job.triggered:
            job.succeed("cancelled" if name == "live_migration_abort" else "completed")

    def post_live_migration(self, service, instance, by):
        """Remove a guest that runs elsewhere now."""
        yield from self.ask(service, "post_live_migration", instance, by)
        self.guests.pop(instance.uuid, None)

    def post_live_migration_at_destination(self, service, instance, by):
        """Have a guest that has arrived, paused if it was."""
        yield from self.ask(service, "post_live_migration_at_destination", instance, by)
        paused = instance.power_state == power_state.PAUSED
        self.guests[instance.uuid] = power_state.PAUSED if paused else power_state.RUNNING

    def snapshot(self, service, instance, update_task_state, by=SNAPSHOT_BY, image_id=None):
        """Copy the disk and upload it, announcing each stage as libvirt does.

        Source: ``snapshot`` and ``_snapshot_domain`` in nova/virt/libvirt/driver.py, 34.0.0.
        """
        service.note(Call, instance.name, "virt", "snapshot", by=by)
        yield from service.step("snapshot", instance)
        pending, uploading = task_states.IMAGE_PENDING_UPLOAD, task_states.IMAGE_UPLOADING
        update_task_state(pending)
        update_task_state(uploading, pending)
        yield from service.step("direct_snapshot", instance)
        if self.snapshot_model == "flat":  # a file has no direct snapshot: start over
            update_task_state(pending, uploading)
            yield from service.step("extract", instance)
            update_task_state(uploading, pending)
            yield from service.step("upload", instance)
