"""The hypervisor: Nova's fake driver with libvirt's power states and snapshot steps."""

import functools
import sys

from tools.record.lives import backend  # noqa: F401

# isort: split
from nova import objects
from nova.compute import power_state, task_states
from nova.virt import fake

from tools.record.lives.faults import FAULTS
from tools.record.lives.recorder import REC, where

CALLS = (
    "prepare_for_spawn",
    "spawn",
    "snapshot",
    "reboot",
    "rescue",
    "unrescue",
    "pause",
    "unpause",
    "suspend",
    "resume",
    "power_on",
    "power_off",
    "destroy",
    "cleanup",
    "soft_delete",
    "restore",
    "plug_vifs",
    "unplug_vifs",
    "migrate_disk_and_power_off",
    "finish_migration",
    "finish_revert_migration",
    "confirm_migration",
    "check_can_live_migrate_destination",
    "check_can_live_migrate_source",
    "pre_live_migration",
    "live_migration",
    "post_live_migration",
    "post_live_migration_at_source",
    "post_live_migration_at_destination",
    "set_admin_password",
    "trigger_crash_dump",
    "resume_state_on_host_boot",
)


class RecordDriver(fake.MediumFakeDriver):
    """Guests whose power states follow libvirt's.

    Nova's fake driver ignores pause, suspend and the disk half of a migration: its guests look
    RUNNING throughout.
    """

    snapshot_model = "flat"  # qcow2, raw and lvm files; "direct": rbd
    snapshot_by = None  # a method that makes snapshots instead
    sizes = {}  # of hosts that are not as big as all others: vcpus, memory_mb, local_gb

    def init_host(self, host):
        super().init_host(host)
        if host in self.sizes:
            size = self.sizes[host]
            self.vcpus, self.memory_mb = size["vcpus"], size["memory_mb"]
            self.local_gb = size["local_gb"]
            self.resources = fake.Resources(self.vcpus, self.memory_mb, self.local_gb)
            # Guests that write nothing: all that the host has is free, so that disk counts too.
            self.host_status_base["disk_available_least"] = self.local_gb

    def _set_power(self, instance, state):
        if instance.uuid in self.instances:
            self.instances[instance.uuid].state = state

    def pause(self, instance):
        self._set_power(instance, power_state.PAUSED)

    def unpause(self, instance):
        self._set_power(instance, power_state.RUNNING)

    def suspend(self, context, instance):
        # libvirt: managed save, after which the domain is shut off
        self._set_power(instance, power_state.SHUTDOWN)

    def resume(self, context, instance, *args, **kwargs):
        self._set_power(instance, power_state.RUNNING)

    def resume_state_on_host_boot(self, context, instance, *args, **kwargs):
        self._set_power(instance, power_state.RUNNING)

    def rescue(self, context, instance, *args, **kwargs):
        self._set_power(instance, power_state.RUNNING)

    def soft_delete(self, instance):
        # libvirt does not implement it; the manager powers off instead
        raise NotImplementedError

    def restore(self, instance):
        raise NotImplementedError

    def migrate_disk_and_power_off(self, context, instance, *args, **kwargs):
        self._set_power(instance, power_state.SHUTDOWN)

    def post_live_migration(self, context, instance, block_device_info, migrate_data=None):
        self.destroy(context, instance, network_info=None, block_device_info=block_device_info)

    def snapshot(self, context, instance, image_id, update_task_state):
        if self.snapshot_by is not None:
            self.snapshot_by(context, instance, image_id, update_task_state)
            return
        # In the order of libvirt's driver: it announces a direct snapshot first and steps back
        # when the image backend has none.
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        update_task_state(
            task_state=task_states.IMAGE_UPLOADING,
            expected_state=task_states.IMAGE_PENDING_UPLOAD,
        )
        FAULTS.at("uploading", self._host)
        if self.snapshot_model == "direct":
            return
        update_task_state(
            task_state=task_states.IMAGE_PENDING_UPLOAD,
            expected_state=task_states.IMAGE_UPLOADING,
        )
        update_task_state(
            task_state=task_states.IMAGE_UPLOADING,
            expected_state=task_states.IMAGE_PENDING_UPLOAD,
        )


# Where Nova looks for a driver called fake.RecordDriver.
fake.RecordDriver = RecordDriver


def install():
    """Put the hooks in; once per process."""
    for name in CALLS:
        _virt(name)


def _virt(name):
    original = getattr(RecordDriver, name)

    @functools.wraps(original)
    def call(self, *args, **kwargs):
        # What the driver asks of itself is its own affair (the fake one reboots by power_on).
        if sys._getframe(1).f_code.co_filename not in (fake.__file__, __file__):
            # Of a migration, which some calls are also told, the server is the second.
            instance = next((a for a in args if isinstance(a, objects.Instance)), None)
            REC.add("virt", getattr(instance, "uuid", None), call=name, where=where())
            FAULTS.at(name, self._host)
        return original(self, *args, **kwargs)

    setattr(RecordDriver, name, call)
