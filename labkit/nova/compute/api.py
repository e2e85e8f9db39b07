"""What the API does with a request: guards first, then what is accepted (nova/compute/api.py)."""

import contextlib
import uuid as uuids
from dataclasses import dataclass
from functools import cache

from labkit.nova import exception
from labkit.nova.availability_zones import get_availability_zones, get_host_availability_zone
from labkit.nova.compute import power_state
from labkit.nova.compute import task_states as task
from labkit.nova.compute import utils as compute_utils
from labkit.nova.compute import vm_states as vm
from labkit.nova.db.main import api as db
from labkit.nova.image import glance
from labkit.nova.objects import (
    Destination,
    ImageMeta,
    instance_action,
    instance_group,
    instance_mapping,
)
from labkit.nova.objects import migration as migrations
from labkit.nova.objects.build_request import BuildRequest
from labkit.nova.objects.instance import EXTRA, FIELDS, Instance
from labkit.nova.objects.migration import Migration
from labkit.nova.quota import (
    check_deltas,
    check_group_members,
    check_num_instances_quota,
    check_quota_of,
)
from labkit.nova.scheduler.client.report import SchedulerReportClient
from labkit.nova.service import unforeseen

_GIB = 1024**3
#: The cell that the ``[database] connection`` of nova-api names: what it reads for a server whose
#: mapping names no cell yet. As recorded; where it names cell0 instead, the API finds nothing
#: there and the conductor destroys the row.
CONFIGURED_CELL = "cell1"
ANY = None
NO_TASK = (None,)
_STATES = (vm.ACTIVE, vm.STOPPED, vm.PAUSED, vm.SUSPENDED)
_DISKS = (vm.ACTIVE, vm.PAUSED, vm.STOPPED, vm.RESIZED, vm.SOFT_DELETED)
_VOLUMES = (*_DISKS, vm.SHELVED, vm.SHELVED_OFFLOADED)
_PORTS = (vm.ACTIVE, vm.PAUSED, vm.STOPPED)
_ON_OR_ERROR = (vm.ACTIVE, vm.STOPPED, vm.ERROR)


@dataclass(frozen=True)
class Guard:
    """What a function of the compute API asks of a server before it begins.

    ``vm_state`` and ``task_state`` None mean any; ``task_state`` (None,) means no task;
    ``rejected_task_state`` are those of which none may be.
    """

    vm_state: tuple | None = ANY
    task_state: tuple | None = NO_TASK
    must_have_launched: bool = True
    refused_when_locked: bool = True
    needs_host: bool = False
    needs_host_up: bool = False
    rejected_task_state: tuple = ()


def _only(**checks):
    """A guard that looks at no state."""
    nothing = {"must_have_launched": False, "refused_when_locked": False}
    return Guard(ANY, ANY, **(nothing | checks))


_LOCK = _only(refused_when_locked=True)
_HOST = _only(needs_host=True)
_CONSOLE = _only(needs_host=True, rejected_task_state=(task.DELETING, task.MIGRATING))
#: By the function of nova/compute/api.py. Source: ``check_instance_lock``,
#: ``check_instance_host`` and ``check_instance_state`` around each, Nova 34.0.0.
GUARDS = {
    "delete": Guard(ANY, ANY, must_have_launched=False),
    "soft_delete": Guard(ANY, ANY),
    "force_delete": Guard(ANY, ANY, must_have_launched=False),
    "restore": Guard((vm.SOFT_DELETED,)),
    "stop": Guard((vm.ACTIVE, vm.ERROR), needs_host=True),
    "start": Guard((vm.STOPPED,), needs_host=True),
    "reboot": _LOCK,  # before it asks one of the two below
    "_soft_reboot": Guard(vm.ALLOW_SOFT_REBOOT, refused_when_locked=False),
    "_hard_reboot": Guard(vm.ALLOW_HARD_REBOOT, task.ALLOW_REBOOT, refused_when_locked=False),
    "pause": Guard((vm.ACTIVE,)),
    "unpause": Guard((vm.PAUSED,)),
    "suspend": Guard((vm.ACTIVE,)),
    "resume": Guard((vm.SUSPENDED,)),
    "rescue": Guard(_ON_OR_ERROR),
    "unrescue": Guard((vm.RESCUED,)),
    "set_admin_password": Guard((vm.ACTIVE,)),
    "snapshot": Guard(_STATES, refused_when_locked=False),
    "snapshot_volume_backed": Guard(_STATES, refused_when_locked=False),
    "backup": Guard(_STATES, refused_when_locked=False),
    "rebuild": Guard(_ON_OR_ERROR),
    "resize": Guard((vm.ACTIVE, vm.STOPPED), needs_host_up=True),
    "confirm_resize": Guard((vm.RESIZED,)),
    "revert_resize": Guard((vm.RESIZED,)),
    "shelve": Guard(_STATES),
    "shelve_offload": Guard((vm.SHELVED,)),
    "unshelve": Guard((vm.SHELVED, vm.SHELVED_OFFLOADED)),
    "live_migrate": Guard((vm.ACTIVE, vm.PAUSED)),
    "live_migrate_force_complete": Guard((vm.ACTIVE,), (task.MIGRATING,)),
    "live_migrate_abort": Guard(ANY, (task.MIGRATING,)),
    "evacuate": Guard(_ON_OR_ERROR, ANY, refused_when_locked=False),
    "trigger_crash_dump": Guard(vm.ALLOW_TRIGGER_CRASH_DUMP, needs_host=True),
    "update_instance_metadata": Guard(_STATES, ANY),
    "delete_instance_metadata": Guard(_STATES, ANY),
    "attach_volume": Guard(_VOLUMES),
    "detach_volume": Guard(_VOLUMES),
    "swap_volume": Guard((vm.ACTIVE, vm.PAUSED, vm.RESIZED)),
    "attach_interface": Guard(_PORTS),
    "detach_interface": Guard(_PORTS),
    "_detach_volume": _only(needs_host_up=True),
    "add_fixed_ip": _LOCK,
    "remove_fixed_ip": _LOCK,
    "inject_network_info": _LOCK,
    "get_console_output": _HOST,
    "get_diagnostics": _HOST,
    "get_instance_diagnostics": _HOST,
    "get_vnc_console": _CONSOLE,
    "get_spice_console": _CONSOLE,
    "get_serial_console": _CONSOLE,
    "get_mks_console": _CONSOLE,
}


def check(guard: Guard, instance, action, is_admin=True, host_is_up=True):
    """Raise Nova's refusal when an action may not begin: lock, host, states, in this order.

    *action* is what the refusal calls it.

    Source: ``check_instance_lock``, ``check_instance_host``, ``check_instance_state`` and
    ``reject_instance_state`` in nova/compute/api.py, Nova 34.0.0.
    """
    if guard.refused_when_locked and instance.locked and not is_admin:
        raise exception.InstanceIsLocked(instance_uuid=instance.uuid)
    if guard.needs_host and not instance.host:
        raise exception.InstanceNotReady(instance_id=instance.uuid)
    for attr, allowed in (("vm_state", guard.vm_state), ("task_state", guard.task_state)):
        state = getattr(instance, attr)
        if allowed is not ANY and state not in allowed:
            raise exception.InstanceInvalidState(action, instance.uuid, attr, state)
    if instance.task_state in guard.rejected_task_state:
        raise exception.InstanceInvalidState(
            action, instance.uuid, "task_state", instance.task_state
        )
    if guard.must_have_launched and instance.launched_at is None:
        raise exception.InstanceInvalidState(action, instance.uuid, "launched_at", None)
    if guard.needs_host_up and not host_is_up:
        raise exception.ServiceUnavailable


class API:
    """The compute API, as the service that uses it does it: nova-api, or a nova-compute.

    A method that waits for something is a generator; what a method refuses it raises before the
    first save.

    Source: ``API`` in nova/compute/api.py, Nova 34.0.0. Unlike Nova, no server moves to another
    cell.
    """

    def __init__(self, service):
        self.service = service
        self.site = service.site
        self.image_api = glance.API(service)
        self.placementclient = SchedulerReportClient(service)
        self.compute_rpcapi = service.compute_rpcapi
        self.compute_task_api = service.compute_task_api

    @property
    def context(self):
        """The context of what is done now."""
        return self.service.context

    def _record_action_start(self, instance, action):
        instance_action.action_start(instance, action)

    def _get_image(self, name):
        self.image_api.get(name)

    # -- create ----------------------------------------------------------------------------
    def create(self, names, spec, networks="auto"):
        """Write down what is wanted and ask the conductor for it; nothing is in a cell yet.

        Raises Nova's refusal of a zone, a host, an image, a group or a quota that does not fit.
        """
        if spec.availability_zone and not spec.force_hosts:
            self._check_zone(spec.availability_zone)
        self._get_image(names[0])
        if networks != "none":
            self._check_requested_networks(names[0])
        self._validate_and_build_base_options(names[0], spec)
        spec = self._get_requested_instance_group(spec)
        for name in names:
            self.site.save_spec(name, spec)
        build_requests = self._provision_instances(names, spec, networks)
        self.compute_task_api.schedule_and_build_instances(
            self.context, build_requests=build_requests, request_specs=[spec] * len(names)
        )

    def _provision_instances(self, names, spec, networks) -> list[BuildRequest]:
        check_num_instances_quota(self.service, spec)
        build_requests, group = [], spec.instance_group
        try:
            for name in names:
                request = self._create_reqspec_buildreq_instmapping(name, spec, networks)
                build_requests.append(request)
                if group is not None:
                    check_group_members(self.service, group)
                    instance_group.add_members(self.service, group, [name])
        except exception.OverQuota:
            self._cleanup_build_artifacts(names, build_requests, group)
            raise
        return build_requests

    def _cleanup_build_artifacts(self, names, build_requests, group):
        for request in build_requests:
            request.destroy(self.service)
            instance_mapping.destroy(self.service, request.get_new_instance(self.service))
        # Unlike here, another server of the same name has another uuid in Nova.
        instance_group.remove_members(self.service, group, names)

    def _get_requested_instance_group(self, spec):
        """Name the server group in the request's hints, as a user does."""
        if spec.instance_group is None:
            return spec
        uuid = self.site.group_of(spec.instance_group, self.context.project_id)
        hints = spec.scheduler_hints | {"group": [uuid]}
        group = instance_group.get_by_uuid(self.service, uuid)
        return spec.replace(instance_group=group, scheduler_hints=hints)

    def _check_requested_networks(self, name):
        self.site.neutron.ask(self.service, name, "validate_networks")

    def _validate_and_build_base_options(self, name, spec):
        self.site.neutron.ask(self.service, name, "create_resource_requests")
        if spec.image is not None and not spec.is_bfv:
            _validate_flavor_image(self.context, spec.flavor, spec.image)
        if spec.requested_destination is not None:
            self._validate_host_or_node(spec.requested_destination)

    def _validate_host_or_node(self, destination):
        host, node = destination.host, destination.node
        if (host or node) and not self.site.fleet.find(host, node):
            raise exception.ComputeHostNotFound(host=host or node)

    def _check_zone(self, availability_zone):
        if availability_zone not in get_availability_zones(self.site.fleet):
            raise exception.InvalidRequest("The requested availability zone is not available")

    @staticmethod
    def parse_availability_zone(availability_zone):
        """Return zone, host and node of what a request calls its zone: "zone:host:node"."""
        parts = (availability_zone or "").split(":")
        if len(parts) > 3:
            raise exception.InvalidInput(reason="Unable to parse availability_zone")
        zone, host, node = (each or None for each in (*parts, None, None)[:3])
        return zone, host, node

    def _create_reqspec_buildreq_instmapping(self, name, spec, networks):
        row = _new_row(name, spec, self.site.clock.env.now)
        row["user_id"] = self.context.user_id
        request = BuildRequest(name, spec, row)
        request.create(self.service)
        instance_mapping.create(self.service, name, request.uuid)
        if networks == "none":
            self.site.without_network.add(request.uuid)
        return request

    def update_instance(self, instance, name):
        """Give the server another display name."""
        if instance.uuid in self.site.api_db.build_requests:
            self.site.api_db.build_requests[instance.uuid].values["display_name"] = name
        else:
            instance.display_name = name
            instance.save()

    # -- delete ----------------------------------------------------------------------------
    def delete(self, instance):
        """Delete a server."""
        return self._delete(instance, "delete", self._do_delete, task_state=task.DELETING)

    def force_delete(self, instance):
        """Delete a server for good, whatever ``reclaim_instance_interval`` says."""
        return self._delete(instance, "force_delete", self._do_delete, task_state=task.DELETING)

    def soft_delete(self, instance):
        """Switch a server off, to be deleted later."""
        return self._delete(
            instance,
            "soft_delete",
            self._do_soft_delete,
            task_state=task.SOFT_DELETING,
            deleted_at=self.site.clock.env.now,
        )

    def _delete(self, instance, delete_type, callback, **instance_attrs):
        asked = instance
        if not instance.host and not compute_utils.may_have_ports_or_volumes(instance):
            try:
                if self._delete_while_booting(instance):
                    self._local_delete_cleanup(asked)
                    return
                instance = self._lookup_instance(instance)
                if instance is not None:
                    with (
                        compute_utils.notify_about_instance_delete(self.service, instance),
                        contextlib.suppress(exception.InstanceNotFound),
                    ):
                        instance.destroy()
                self._local_delete_cleanup(asked)
                return
            except exception.ObjectActionError:  # it found a host in the meantime
                instance = self._lookup_instance(instance)
                if instance is None:
                    self._local_delete_cleanup(asked)
                    return
        if instance.vm_state in (vm.SHELVED, vm.SHELVED_OFFLOADED):
            image_id = instance.system_metadata.get("shelved_image_id")
            with contextlib.suppress(exception.ImageNotFound):
                self.image_api.delete(instance.name, image_id)
        before = instance.task_state
        try:
            for column, value in instance_attrs.items():
                setattr(instance, column, value)
            instance.progress = 0
            instance.save()
            if instance.vm_state == vm.RESIZED:
                yield from self._confirm_resize_on_deleting(instance)
                if delete_type == "soft_delete":
                    instance.task_state = instance_attrs["task_state"]
                    instance.save()
            local = not (instance.host and self.site.service_is_up(instance.host))
            if local:
                yield from self._local_delete(instance, delete_type, callback)
                self._record_action_start(instance, "delete")
            elif before not in (task.DELETING, task.SOFT_DELETING):
                self._record_action_start(instance, "delete")
                callback(instance)
        except exception.InstanceNotFound:
            return

    def _delete_while_booting(self, instance) -> bool:
        """Try to be faster than the conductor: without a build request it stops."""
        if not self._attempt_delete_of_buildrequest(instance):
            return False
        found = self._lookup_instance(instance)
        if found is not None:
            with contextlib.suppress(exception.InstanceNotFound):
                found.destroy()
        return True

    def _attempt_delete_of_buildrequest(self, instance) -> bool:
        build_request = self.site.api_db.build_requests.get(instance.uuid)
        if build_request is None:
            return False
        build_request.destroy(self.service)
        return True

    def _lookup_instance(self, instance):
        uuid = instance.uuid
        mapping = self.site.api_db.instance_mappings.get(uuid)
        if db.instance_get_cell(self.service.db_context, uuid) != (
            (mapping and mapping.cell) or CONFIGURED_CELL
        ):
            return None
        try:
            return Instance.get_by_uuid(self.service, instance.uuid)
        except exception.InstanceNotFound:
            return None

    def _local_delete_cleanup(self, instance):
        self.placementclient.delete_allocation_for_instance(
            instance.name, instance.uuid, force=True
        )
        self._update_queued_for_deletion(instance, True)

    def _update_queued_for_deletion(self, instance, queued):
        if instance.uuid in self.site.api_db.instance_mappings:
            instance_mapping.save(self.service, instance, queued_for_delete=queued)

    def _local_delete(self, instance, delete_type, callback):
        """Delete a server from here, as its host is down or it has none."""
        kind = delete_type if delete_type != "soft_delete" else "delete"
        with compute_utils.notify_about_instance_delete(self.service, instance, kind):
            yield from self.site.neutron.deallocate_for_instance(self.service, instance)
            self.placementclient.delete_allocation_for_instance(
                instance.name, instance.uuid, force=True
            )
            callback(instance, local=True)
            instance.destroy()

    def _do_delete(self, instance, local=False):
        if local:
            instance.vm_state = vm.DELETED
            instance.task_state = None
            instance.terminated_at = self.site.clock.env.now
            instance.save()
        else:
            self.compute_rpcapi.terminate_instance(self.context, instance)
        self._update_queued_for_deletion(instance, True)

    def _do_soft_delete(self, instance, local=False):
        if local:
            instance.vm_state = vm.SOFT_DELETED
            instance.task_state = None
            instance.terminated_at = self.site.clock.env.now
            instance.save()
        else:
            self.compute_rpcapi.soft_delete_instance(self.context, instance)
        self._update_queued_for_deletion(instance, True)

    def check_restore(self, instance):
        """Raise what Nova answers to a restore that it does not begin."""
        check_quota_of(self.service, instance, instance.flavor)

    def restore(self, instance):
        """Take a soft-deleted server back."""
        self.check_restore(instance)
        self._record_action_start(instance, "restore")
        if not instance.host:
            instance.vm_state = vm.ACTIVE
        instance.task_state = task.RESTORING if instance.host else None
        instance.deleted_at = None
        instance.save(expected_task_state=[None])
        if instance.host:
            self.compute_rpcapi.restore_instance(self.context, instance)
        self._update_queued_for_deletion(instance, False)

    # -- on, off and in between ------------------------------------------------------------
    def force_stop(self, instance):
        """Switch a server off whatever its vm_state."""
        instance.task_state = task.POWERING_OFF
        instance.progress = 0
        instance.save(expected_task_state=[None])
        self._record_action_start(instance, "stop")
        self.compute_rpcapi.stop_instance(self.context, instance)

    def stop(self, instance):
        """Switch a server off, if the guard allows it."""
        check(GUARDS["stop"], instance, "stop")
        self.force_stop(instance)

    def start(self, instance):
        """Switch a server on."""
        instance.task_state = task.POWERING_ON
        instance.save(expected_task_state=[None])
        self._record_action_start(instance, "start")
        self.compute_rpcapi.start_instance(self.context, instance)

    def trigger_crash_dump(self, instance):
        """Have the guest dump its memory; no state changes."""
        self._record_action_start(instance, "trigger_crash_dump")
        self.compute_rpcapi.trigger_crash_dump(self.context, instance)

    def _soft_reboot(self, instance, reboot_type="SOFT"):
        instance.task_state = task.REBOOTING
        instance.save(expected_task_state=[None])
        self._record_action_start(instance, "reboot")
        self.compute_rpcapi.reboot_instance(self.context, instance, reboot_type=reboot_type)

    def _hard_reboot(self, instance, reboot_type="HARD"):
        instance.task_state = task.REBOOTING_HARD
        instance.save(expected_task_state=task.ALLOW_REBOOT)
        self._record_action_start(instance, "reboot")
        self.compute_rpcapi.reboot_instance(self.context, instance, reboot_type=reboot_type)

    def pause(self, instance):
        """Pause a server."""
        instance.task_state = task.PAUSING
        instance.save(expected_task_state=[None])
        self._record_action_start(instance, "pause")
        self.compute_rpcapi.pause_instance(self.context, instance)

    def unpause(self, instance):
        """Unpause a server."""
        instance.task_state = task.UNPAUSING
        instance.save(expected_task_state=[None])
        self._record_action_start(instance, "unpause")
        self.compute_rpcapi.unpause_instance(self.context, instance)

    def suspend(self, instance):
        """Suspend a server."""
        instance.task_state = task.SUSPENDING
        instance.save(expected_task_state=[None])
        self._record_action_start(instance, "suspend")
        self.compute_rpcapi.suspend_instance(self.context, instance)

    def resume(self, instance):
        """Resume a suspended server."""
        instance.task_state = task.RESUMING
        instance.save(expected_task_state=[None])
        self._record_action_start(instance, "resume")
        self.compute_rpcapi.resume_instance(self.context, instance)

    def rescue(self, instance):
        """Start a server from a rescue image."""
        instance.task_state = task.RESCUING
        instance.save(expected_task_state=[None])
        self._record_action_start(instance, "rescue")
        self.compute_rpcapi.rescue_instance(self.context, instance)

    def unrescue(self, instance):
        """Start a rescued server from its own disk."""
        instance.task_state = task.UNRESCUING
        instance.save(expected_task_state=[None])
        self._record_action_start(instance, "unrescue")
        self.compute_rpcapi.unrescue_instance(self.context, instance)

    def set_admin_password(self, instance):
        """Set the password inside the guest, and wait until it is set."""
        instance.task_state = task.UPDATING_PASSWORD
        instance.save(expected_task_state=[None])
        self._record_action_start(instance, "changePassword")
        yield from self.compute_rpcapi.set_admin_password(self.context, instance)

    def lock(self, instance, locked_reason=None):
        """Lock a server: only an administrator may act on it.

        An administrator of another project takes over the lock of the owner.
        """
        locked_by = locked_as(self.context, instance)
        if instance.locked and locked_by == "owner":
            return
        self._record_action_start(instance, "lock")
        with compute_utils.EventReporter(instance, "api_lock"):
            instance.locked = True
            instance.locked_by = locked_by
            if locked_reason:
                instance.system_metadata["locked_reason"] = locked_reason
            instance.save()
        compute_utils.notify_about_instance_action(self.service, instance, "lock", source="api")

    def unlock(self, instance):
        """Take the lock off."""
        self._record_action_start(instance, "unlock")
        with compute_utils.EventReporter(instance, "api_unlock"):
            instance.locked = False
            instance.locked_by = None
            instance.system_metadata.pop("locked_reason", None)
            instance.save()
        compute_utils.notify_about_instance_action(self.service, instance, "unlock", source="api")

    # -- images ----------------------------------------------------------------------------
    def snapshot(self, instance, name=None, metadata=None):
        """Make an image of the server, with a name and properties of its own."""
        given = dict(metadata or {}) | ({"name": name} if name else {})
        image_id = compute_utils.create_image(self, instance, **given)
        instance.task_state = task.IMAGE_SNAPSHOT_PENDING
        try:
            instance.save(expected_task_state=[None])
        except (exception.InstanceNotFound, exception.UnexpectedDeletingTaskStateError) as error:
            self.image_api.delete(instance.name, image_id)
            gone = isinstance(error, exception.InstanceNotFound)
            attr, state = ("vm_state", vm.DELETED) if gone else ("task_state", task.DELETING)
            raise exception.InstanceInvalidState(
                "createImage", instance.uuid, attr, state
            ) from None
        self._record_action_start(instance, "createImage")
        self.compute_rpcapi.snapshot_instance(self.context, instance, image_id=image_id)

    def backup(self, instance, backup_type="daily", rotation=1, name=None):
        """Make an image of the server, and keep *rotation* of its kind."""
        given = {"backup_type": backup_type} | ({"name": name} if name else {})
        image_id = compute_utils.create_image(self, instance, **given)
        instance.task_state = task.IMAGE_BACKUP
        instance.save(expected_task_state=[None])
        self._record_action_start(instance, "createBackup")
        self.compute_rpcapi.backup_instance(
            self.context, instance, image_id=image_id, backup_type=backup_type, rotation=rotation
        )

    # -- rebuild and evacuate --------------------------------------------------------------
    def check_rebuild(self, instance, image=None):
        """Raise what Nova answers to a rebuild that it does not begin."""
        self._get_image(instance.name)
        image = image or self.site.spec_of(instance.name).image
        _validate_flavor_image(self.context, instance.flavor, image)

    def rebuild(self, instance, image=None):
        """Build a server again where it is, from the same image or from another."""
        site, spec = self.site, self.site.spec_of(instance.name)
        self.check_rebuild(instance, image)
        image = image or spec.image
        orig_image_ref, host = instance.image_ref, instance.host
        for column in ("architecture", "auto_disk_config", "os_type", "vm_mode"):
            setattr(instance, column, None)
        instance.task_state = task.REBUILDING
        instance.image_ref = image.id
        instance.kernel_id = instance.ramdisk_id = ""
        instance.progress = 0
        instance.save(expected_task_state=[None])
        self._reset_image_metadata(instance, image)
        self._record_action_start(instance, "rebuild")
        if orig_image_ref != image.id:
            spec = spec.replace(image=image)
            site.save_spec(instance.name, spec)
            if instance.host is None:  # as resetState makes possible
                raise unforeseen(ValueError("None is not the name of a host to be forced"))
            hints = spec.scheduler_hints | {"_nova_check_type": ["rebuild"]}
            spec = spec.replace(scheduler_hints=hints, force_hosts=[instance.host])
            spec, host = spec.replace(force_nodes=[instance.node]), None
        self.compute_task_api.rebuild_instance(
            self.context,
            instance,
            image_ref=image.id,
            orig_image_ref=orig_image_ref,
            recreate=False,
            host=host,
            request_spec=spec,
            target_state=None,
        )

    def _reset_image_metadata(self, instance, image):
        instance.system_metadata.update(_system_metadata_of(image, instance.flavor))
        instance.save()

    def check_evacuate(self, instance, host=None, force=False, microversion="2.95"):
        """Raise what Nova answers to an evacuation that it does not begin."""
        if instance.host is None:
            raise exception.ComputeHostNotFound(host=None)
        if host is not None:
            # Where it is in another cell, Nova is in that one by now, which has not the server's.
            self._check_host_is_in_cell_of(instance, host)
        if self.site.service_is_up(instance.host):
            raise exception.ComputeServiceInUse(host=instance.host)

    def evacuate(self, instance, host=None, force=False, microversion="2.95"):
        """Build a server again on another host, as its own is dead; from 2.95 on it ends stopped.

        Before *microversion* 2.68 a *host* may be forced: the scheduler is not asked then.
        """
        target_state = vm.STOPPED if _version(microversion) >= (2, 95) else None
        self.check_evacuate(instance, host)
        spec = self.site.spec_of(instance.name)
        instance.task_state = task.REBUILDING
        instance.save()
        self._record_action_start(instance, "evacuate")
        migration = Migration.new(self.service, instance, "evacuation", "accepted")
        migration.dest_compute = host
        migration.create()
        compute_utils.notify_about_instance(self.service, instance, "evacuate", source="api")
        if host and not force:
            spec, host = spec.replace(requested_destination=self._destination(host)), None
        self.compute_task_api.rebuild_instance(
            self.context,
            instance,
            image_ref=None,
            orig_image_ref=None,
            recreate=True,
            host=host,
            request_spec=spec,
            target_state=target_state,
        )

    def _destination(self, host):
        return Destination(host=host, node=self.site.fleet[host].nodename)

    def _check_host_is_in_cell_of(self, instance, host):
        """Raise ComputeHostNotFound for a host that the cell of a server does not have.

        Source: ``get_all_by_host`` in nova/objects/compute_node.py, Nova 34.0.0, which looks into
        the server's cell.
        """
        fleet = self.site.fleet
        cell = db.instance_get_cell(self.service.db_context, instance.uuid)
        if host not in fleet.rows or fleet[host].cell_uuid != cell:
            raise exception.ComputeHostNotFound(host=host)

    # -- resize and cold migrate -----------------------------------------------------------
    def check_resize(self, instance, flavor=None, host=None):
        """Raise what Nova answers to a resize or a cold migration that it does not begin."""
        current = instance.flavor
        if host is not None and host == instance.host:
            raise exception.CannotMigrateToSameHost
        if host is not None:
            self._check_host_is_in_cell_of(instance, host)
        if flavor is None:
            return
        if flavor.root_gb == 0 and current.root_gb != 0:
            reason = "Resize to zero disk flavor is not allowed."
            raise exception.CannotResizeDisk(reason=reason)
        if flavor == current:
            raise exception.CannotResizeToSameFlavor
        check_deltas(self.service, instance, current, flavor)
        _validate_flavor_image(self.context, flavor, _image_of(instance))

    def resize(self, instance, flavor=None, host=None):
        """Move a server that is switched off meanwhile, to another flavor if there is one."""
        site, current = self.site, instance.flavor
        self.check_resize(instance, flavor, host)
        spec, ignore_hosts = site.spec_of(instance.name), [instance.host]
        if flavor is not None:
            if self.service.options.allow_resize_to_same_host:
                ignore_hosts = []
        else:
            self.placementclient.get_provider_traits()
        instance.task_state = task.RESIZE_PREP
        instance.progress = 0
        instance.auto_disk_config = False
        instance.save(expected_task_state=[None])
        self._record_action_start(instance, "resize" if flavor is not None else "migrate")
        destination = Destination() if host is None else self._destination(host)
        spec = spec.replace(ignore_hosts=ignore_hosts, requested_destination=destination)
        self.compute_task_api.migrate_server(
            self.context,
            instance,
            flavor=flavor or current,
            request_spec=spec,
            host_list=None,
            do_cast=True,
        )

    def check_confirm_resize(self, instance, migration=None):
        """Return the resize that can be confirmed. Raises what Nova answers if there is none."""
        if migration is None:
            migration = migrations.get_by_instance_and_status(self.service, instance, "finished")
        if not self.site.service_is_up(migration.source_compute):
            raise exception.ServiceUnavailable
        return migration

    def confirm_resize(self, instance, migration=None):
        """Keep what a resize made, and clean up where the server came from."""
        check(GUARDS["confirm_resize"], instance, "confirm_resize")
        migration = self.check_confirm_resize(instance, migration)
        migration.status = "confirming"
        migration.save()
        self._record_action_start(instance, "confirmResize")
        self.compute_rpcapi.confirm_resize(
            self.context, instance, migration.source_compute, migration=migration
        )

    def check_revert_resize(self, instance):
        """Return the resize that can be reverted. Raises what Nova answers if it does not begin."""
        migration = migrations.get_by_instance_and_status(self.service, instance, "finished")
        check_deltas(self.service, instance, instance.flavor, instance.old_flavor)
        return migration

    def revert_resize(self, instance):
        """Undo a resize: back to the host and the flavor that the server had."""
        site, migration = self.site, self.check_revert_resize(instance)
        instance.availability_zone = get_host_availability_zone(
            site.fleet, migration.source_compute
        )
        spec = site.spec_of(instance.name).replace(flavor=instance.old_flavor)
        site.save_spec(instance.name, spec)
        instance.task_state = task.RESIZE_REVERTING
        instance.save(expected_task_state=[None])
        migration.status = "reverting"
        migration.save()
        self._record_action_start(instance, "revertResize")
        self.compute_rpcapi.revert_resize(
            self.context, instance, migration.dest_compute, migration=migration, request_spec=spec
        )

    def _confirm_resize_on_deleting(self, instance):
        """Confirm first what is to be deleted, and wait for it."""
        for status in ("finished", "confirming"):
            found = migrations.find(self.service, instance.uuid, status=status)
            if found:
                break
        else:
            return
        self._record_action_start(instance, "confirmResize")
        yield from self.compute_rpcapi.confirm_resize(
            self.context, instance, found[0].source_compute, migration=found[0], cast=False
        )

    # -- shelve ----------------------------------------------------------------------------
    def shelve(self, instance):
        """Switch a server off and keep its disk as an image."""
        instance.task_state = task.SHELVING
        instance.save(expected_task_state=[None])
        self._record_action_start(instance, "shelve")
        image_id = compute_utils.create_image(self, instance)
        self.compute_rpcapi.shelve_instance(self.context, instance, image_id=image_id)

    def shelve_offload(self, instance):
        """Take a shelved server off its host."""
        instance.task_state = task.SHELVING_OFFLOADING
        instance.save(expected_task_state=[None])
        self._record_action_start(instance, "shelveOffload")
        self.compute_rpcapi.shelve_offload_instance(self.context, instance)

    def check_unshelve(self, instance, host=None, **zone):
        """Raise what Nova answers to an unshelve that it does not begin."""
        if (zone or host) and instance.vm_state != vm.SHELVED_OFFLOADED:
            raise exception.UnshelveInstanceInvalidState(
                state=instance.vm_state, instance_uuid=instance.uuid
            )
        if zone.get("availability_zone"):
            self._check_zone(zone["availability_zone"])
        if host:
            rule, target = "os_compute_api:os-shelve:unshelve_to_host", instance.project_id
            self.context.can(rule, {"project_id": target})
            self._check_host_is_in_cell_of(instance, host)
            expected = self._zone_after(instance, zone)
            if (
                expected is not None
                and get_host_availability_zone(self.site.fleet, host) != expected
            ):
                raise exception.UnshelveHostNotInAZ(host=host, availability_zone=expected)

    def _zone_after(self, instance, zone):
        kept = self.site.spec_of(instance.name).availability_zone
        return zone.get("availability_zone", kept)

    def unshelve(self, instance, host=None, **zone):
        """Start a shelved server, on another host if it was offloaded.

        In: the host that it is to go to; ``availability_zone=``: another zone that it is to be in
        from now on, None for any.
        """
        self.check_unshelve(instance, host, **zone)
        kept = self.site.servers[instance.name][1]
        if zone and kept.availability_zone != zone["availability_zone"]:
            self.site.save_spec(instance.name, kept.replace(**zone))
        spec = self.site.spec_of(instance.name)
        if host:
            spec = spec.replace(requested_destination=Destination(host=host))
        instance.task_state = task.UNSHELVING
        instance.save(expected_task_state=[None])
        self._record_action_start(instance, "unshelve")
        self.compute_task_api.unshelve_instance(self.context, instance, request_spec=spec)

    # -- live migrate ----------------------------------------------------------------------
    def check_live_migrate(self, instance, host=None, force=False, block_migration="auto"):
        """Raise what Nova answers to a live migration that it does not begin."""
        if host is not None:
            self._check_host_is_in_cell_of(instance, host)

    def live_migrate(self, instance, host=None, force=False, block_migration="auto"):
        """Move a server while it runs; with *force* the scheduler is not asked (until 2.67)."""
        self.check_live_migrate(instance, host)
        spec = self.site.spec_of(instance.name)
        instance.task_state = task.MIGRATING
        instance.save(expected_task_state=[None])
        self._record_action_start(instance, "live-migration")
        if host and not force:
            spec, host = spec.replace(requested_destination=self._destination(host)), None
        self.compute_task_api.live_migrate_instance(
            self.context, instance, request_spec=spec, scheduler_hint={"host": host}
        )

    def check_live_migrate_abort(self, instance):
        """Return the live migration that can be stopped. Raises what Nova answers if there is none."""
        allowed = ("running", "queued", "preparing")
        return self._live_migration(instance, allowed, "abort live migration")

    def live_migrate_abort(self, instance):
        """Stop a live migration: the server stays where it is."""
        migration = self.check_live_migrate_abort(instance)
        self._record_action_start(instance, "live_migration_cancel")
        self.compute_rpcapi.live_migration_abort(self.context, instance, migration_id=migration.id)

    def check_live_migrate_force_complete(self, instance):
        """Raise what Nova answers if there is no live migration to hurry."""
        self._live_migration(instance, ("running",), "force complete")

    def live_migrate_force_complete(self, instance):
        """Hurry a live migration."""
        self.check_live_migrate_force_complete(instance)
        self._record_action_start(instance, "live_migration_force_complete")
        self.compute_rpcapi.live_migration_force_complete(self.context, instance)

    def _live_migration(self, instance, allowed, method):
        found = migrations.find(self.service, instance.uuid, migration_type="live-migration")
        if not found:
            raise exception.MigrationNotFoundForInstance(migration_id=0, instance_id=instance.uuid)
        migration = found[-1]
        if migration.status not in allowed:
            raise exception.InvalidMigrationState(
                migration_id=migration.id,
                instance_uuid=instance.uuid,
                state=migration.status,
                method=method,
            )
        return migration


def locked_as(context, instance) -> str:
    """Return as whom a context locks a server: as its "owner", or as an "admin" of another project.

    Source: ``lock`` and ``is_expected_locked_by`` in nova/compute/api.py, Nova 34.0.0.
    """
    return "owner" if instance.project_id == context.project_id else "admin"


def _system_metadata_of(image, flavor) -> dict:
    """Return what a server remembers of its image: what it asks for, and the disk it was built on.

    Source: ``get_system_metadata_from_image`` in nova/utils.py, Nova 34.0.0.
    """
    if image is None:
        return {"image_base_image_ref": None}
    vhd = image.disk_format == "vhd"
    return {
        "image_base_image_ref": image.id,
        "image_min_ram": str(image.min_ram),
        "image_min_disk": str(flavor.root_gb if vhd else max(image.min_disk, flavor.root_gb)),
    }


def _image_of(instance) -> ImageMeta:
    """Return what a server remembers of its image.

    Source: ``get_image_from_system_metadata`` in nova/utils.py, Nova 34.0.0.
    """
    known, asked = instance.system_metadata, {}
    for name in ("min_ram", "min_disk"):
        asked[name] = int(known.get(f"image_{name}") or 0)
    return ImageMeta(known.get("image_base_image_ref"), **asked)


def _validate_flavor_image(context, flavor, image):
    """Compare what an image asks for with the flavor.

    Source: ``_validate_flavor_image_nostatus`` in nova/compute/api.py, Nova 34.0.0.
    """
    if image.status != "active":
        raise exception.ImageNotActive(image_id=image.id)
    if flavor.memory_mb < image.min_ram:
        raise exception.FlavorMemoryTooSmall
    size, least = flavor.root_gb * _GIB, image.min_disk * _GIB
    if size and image.size > size:
        raise exception.FlavorDiskSmallerThanImage(flavor_size=size, image_size=image.size)
    if size and least > size:
        raise exception.FlavorDiskSmallerThanMinDisk(flavor_size=size, image_min_disk=least)
    if not size and not context.can("os_compute_api:servers:create:zero_disk_flavor", fatal=False):
        raise exception.BootFromVolumeRequiredForZeroDiskFlavor


@cache
def server_uuid(name: str) -> str:
    """Return the uuid of a server of that name: the same in every run."""
    return str(uuids.uuid5(uuids.NAMESPACE_DNS, f"server/{name}"))


def _new_row(name, spec, now):
    values, flavor = dict.fromkeys((*FIELDS, *EXTRA)), spec.flavor
    return values | {
        "flavor": flavor,
        "instance_type_id": flavor.name,
        "memory_mb": flavor.memory_mb,
        "vcpus": flavor.vcpus,
        "root_gb": flavor.root_gb,
        "ephemeral_gb": flavor.ephemeral_gb,
        "image_ref": spec.image and spec.image.id,
        "uuid": server_uuid(name),
        "display_name": name,
        "vm_state": vm.BUILDING,
        "task_state": task.SCHEDULING,
        "power_state": power_state.NOSTATE,
        "system_metadata": _system_metadata_of(spec.image, flavor),
        "locked": False,
        "progress": 0,
        "project_id": spec.project_id,
        "created_at": now,
    }


def _version(text):
    return tuple(int(part) for part in str(text).split("."))
