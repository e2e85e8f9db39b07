"""What the API does with a move that is accepted (nova/compute/api.py)."""

from labkit.nova import exception
from labkit.nova.compute import create
from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.compute.guards import GUARDS, check
from labkit.nova.exception_moves import (
    CannotMigrateToSameHost,
    CannotResizeDisk,
    CannotResizeToSameFlavor,
    ComputeServiceInUse,
    InvalidMigrationState,
    MigrationNotFoundForInstance,
)
from labkit.nova.exception_neighbours import HTTPBadRequest, HTTPNotFound
from labkit.nova.notifications import moves as notify
from labkit.nova.objects import Destination
from labkit.nova.objects import migration as migrations
from labkit.nova.quota import check_deltas
from labkit.nova.service import unforeseen

_HERE = "compute/api.py:"
_PROVIDER = "/resource_providers/{uuid}"


class Moves:
    """The part of API that moves servers, or makes them anew.

    Source: nova/compute/api.py, Nova 34.0.0. Unlike Nova, no server moves to another cell.
    """

    def _cast(self, method, instance, server=None, caller=None, **arguments):
        by = caller and _HERE + caller
        bus = self.site.bus
        bus.cast(self.service, method, instance, server=server, caller=by, **arguments)

    # -- rebuild and evacuate -------------------------------------------------------------
    def rebuild(self, instance, image=None):
        """Make a server anew where it is, of the same image or of another."""
        site, spec = self.site, self.site.spec_of(instance.name)
        image = image or spec.image
        site.glance.get(self.service, instance.name, _HERE + "_get_image")
        create.check_image(instance.flavor, image)
        orig_image_ref, host = instance.image_ref, instance.host
        for column in ("architecture", "auto_disk_config", "os_type", "vm_mode"):
            setattr(instance, column, None)
        instance.task_state = task.REBUILDING
        instance.image_ref = image.id
        instance.kernel_id = instance.ramdisk_id = ""
        instance.progress = 0
        instance.save(_HERE + "rebuild", expected_task_state=[None])
        instance.system_metadata["image_base_image_ref"] = image.id
        instance.save(_HERE + "_reset_image_metadata")
        self._record_action_start(instance, "rebuild")
        if orig_image_ref != image.id:
            spec = spec.replace(image=image)
            site.save_spec(instance.name, spec)
            if instance.host is None:  # as resetState makes possible
                raise unforeseen(ValueError("None is not the name of a host to be forced"))
            hints = spec.scheduler_hints | {"_nova_check_type": ["rebuild"]}
            spec = spec.replace(scheduler_hints=hints, force_hosts=[instance.host])
            spec, host = spec.replace(force_nodes=[instance.node]), None
        self._cast(
            "rebuild_instance",
            instance,
            namespace="compute_task",
            image_ref=image.id,
            orig_image_ref=orig_image_ref,
            recreate=False,
            host=host,
            request_spec=spec,
            target_state=None,
        )
        return
        yield

    def evacuate(self, instance, host=None, force=False, microversion="2.95"):
        """Make a server anew on another host, as its own is dead; from 2.95 on it ends stopped.

        Before *microversion* 2.68 a *host* may be forced: the scheduler is not asked then.
        """
        target_state = vm.STOPPED if _version(microversion) >= (2, 95) else None
        if host is not None and host not in self.site.fleet.rows:
            raise HTTPNotFound(f"Compute host {host} not found.")
        if host == instance.host:
            raise HTTPBadRequest("The target host can't be the same one.")
        if self.site.service_is_up(instance.host):
            raise ComputeServiceInUse(host=instance.host)
        by, spec = _HERE + "evacuate", self.site.spec_of(instance.name)
        instance.task_state = task.REBUILDING
        instance.save(by)
        self._record_action_start(instance, "evacuate")
        migration = migrations.Migration.new(self.service, instance, "evacuation", "accepted")
        migration.dest_compute = host
        migration.create(by)
        notify.about(self.service, instance, "evacuate", "evacuate", source="api")
        if host and not force:
            spec, host = spec.replace(requested_destination=self._destination(host)), None
        self._cast(
            "rebuild_instance",
            instance,
            namespace="compute_task",
            image_ref=None,
            orig_image_ref=None,
            recreate=True,
            host=host,
            request_spec=spec,
            target_state=target_state,
        )
        return
        yield

    def _destination(self, host):
        return Destination(host=host, node=self.site.fleet[host].nodename)

    # -- resize and cold migrate ----------------------------------------------------------
    def resize(self, instance, flavor=None, host=None):
        """Move a server that is switched off meanwhile, to another flavor if there is one."""
        by, site, current = _HERE + "resize", self.site, instance.flavor
        if host is not None and host == instance.host:
            raise CannotMigrateToSameHost
        if host is not None and host not in site.fleet.rows:
            raise exception.ComputeHostNotFound(host=host)
        spec, ignore_hosts = site.spec_of(instance.name), [instance.host]
        if flavor is not None:
            if flavor.root_gb == 0 and current.root_gb != 0 and not spec.is_bfv:
                raise CannotResizeDisk(reason="Resize to zero disk flavor is not allowed.")
            if flavor == current:
                raise CannotResizeToSameFlavor
            check_deltas(site, instance, current, flavor)
            if not spec.is_bfv:
                create.check_image(flavor, spec.image, status="active")
            if self.service.options.allow_resize_to_same_host:
                ignore_hosts = []
        else:
            self.placementclient.note(None, f"GET {_PROVIDER}/traits", 200, "get_provider_traits")
        instance.task_state = task.RESIZE_PREP
        instance.progress = 0
        instance.auto_disk_config = False
        instance.save(by, expected_task_state=[None])
        self._record_action_start(instance, "resize" if flavor is not None else "migrate")
        destination = Destination() if host is None else self._destination(host)
        spec = spec.replace(ignore_hosts=ignore_hosts, requested_destination=destination)
        self._cast(
            "migrate_server",
            instance,
            flavor=flavor or current,
            request_spec=spec,
            host_list=None,
        )
        return
        yield

    def confirm_resize(self, instance, migration=None):
        """Keep what a resize made, and clean up where the server came from."""
        if migration is None:
            migration = migrations.get_by_instance_and_status(self.service, instance, "finished")
        if not self.site.service_is_up(migration.source_compute):
            raise exception.ServiceUnavailable
        migration.set_status("confirming", _HERE + "confirm_resize")
        self._record_action_start(instance, "confirmResize")
        source = migration.source_compute
        self._cast("confirm_resize", instance, source, "confirm_resize", migration=migration)
        return
        yield

    def confirm_by_itself(self, instance, migration):
        """Confirm because the time is over, if the guard allows it."""
        check(GUARDS["confirm_resize"], instance, "confirm_resize")
        return self.confirm_resize(instance, migration)

    def revert_resize(self, instance):
        """Undo a resize: back to the host and the flavor that the server had."""
        by, site = _HERE + "revert_resize", self.site
        migration = migrations.get_by_instance_and_status(self.service, instance, "finished")
        check_deltas(site, instance, instance.flavor, instance.old_flavor)
        instance.availability_zone = site.zone_of(migration.source_compute)
        spec = site.spec_of(instance.name).replace(flavor=instance.old_flavor)
        site.save_spec(instance.name, spec)
        instance.task_state = task.RESIZE_REVERTING
        instance.save(by, expected_task_state=[None])
        migration.set_status("reverting", by)
        self._record_action_start(instance, "revertResize")
        dest, arguments = migration.dest_compute, {"migration": migration, "request_spec": spec}
        self._cast("revert_resize", instance, dest, "revert_resize", **arguments)
        return
        yield

    def _confirm_resize_on_deleting(self, instance):
        """Confirm first what is to be deleted, and wait for it."""
        for status in ("finished", "confirming"):
            found = migrations.find(self.service, instance.uuid, status=status)
            if found:
                break
        else:
            return
        self._record_action_start(instance, "confirmResize")
        yield from self.site.bus.call(
            self.service,
            "confirm_resize",
            instance,
            server=found[0].source_compute,
            caller=_HERE + "_confirm_resize_on_deleting",
            migration=found[0],
        )

    # -- shelve ---------------------------------------------------------------------------
    def shelve(self, instance):
        """Switch a server off and keep its disk as an image."""
        instance.task_state = task.SHELVING
        instance.save(_HERE + "shelve", expected_task_state=[None])
        self._record_action_start(instance, "shelve")
        by, glance = "compute/utils.py:create_image", self.site.glance
        image_id = glance.create(self.service, instance.name, by)
        self._cast("shelve_instance", instance, instance.host, "shelve", image_id=image_id)
        return
        yield

    def shelve_offload(self, instance):
        """Take a shelved server off its host."""
        instance.task_state = task.SHELVING_OFFLOADING
        instance.save(_HERE + "shelve_offload", expected_task_state=[None])
        self._record_action_start(instance, "shelveOffload")
        self._cast("shelve_offload_instance", instance, instance.host, "shelve_offload")
        return
        yield

    def unshelve(self, instance):
        """Start a shelved server, on another host if it was offloaded."""
        instance.task_state = task.UNSHELVING
        instance.save(_HERE + "unshelve", expected_task_state=[None])
        self._record_action_start(instance, "unshelve")
        spec = self.site.spec_of(instance.name)
        namespace = "compute_task"
        self._cast("unshelve_instance", instance, namespace=namespace, request_spec=spec)
        return
        yield

    # -- live migrate ---------------------------------------------------------------------
    def live_migrate(self, instance, host=None, force=False):
        """Move a server while it runs; with *force* the scheduler is not asked (until 2.67)."""
        if host is not None and host not in self.site.fleet.rows:
            raise exception.ComputeHostNotFound(host=host)
        spec = self.site.spec_of(instance.name)
        instance.task_state = task.MIGRATING
        instance.save(_HERE + "live_migrate", expected_task_state=[None])
        self._record_action_start(instance, "live-migration")
        if host and not force:
            spec, host = spec.replace(requested_destination=self._destination(host)), None
        method = "live_migrate_instance"
        self._cast(method, instance, request_spec=spec, scheduler_hint={"host": host})
        return
        yield

    def live_migrate_abort(self, instance):
        """Stop a live migration: the server stays where it is."""
        allowed = ("running", "queued", "preparing")
        migration = self._live_migration(instance, allowed, "abort live migration")
        self._record_action_start(instance, "live_migration_cancel")
        self._cast(
            "live_migration_abort",
            instance,
            instance.host,
            "live_migrate_abort",
            migration_id=migration.id,
        )
        return
        yield

    def live_migrate_force_complete(self, instance):
        """Hurry a live migration."""
        self._live_migration(instance, ("running",), "force complete")
        self._record_action_start(instance, "live_migration_force_complete")
        method = "live_migration_force_complete"
        self._cast(method, instance, instance.host, "live_migrate_force_complete")
        return
        yield

    def _live_migration(self, instance, allowed, method):
        """Return the newest live migration of a server, if it is in a status that allows it."""
        found = migrations.find(self.service, instance.uuid, migration_type="live-migration")
        if not found:
            raise MigrationNotFoundForInstance(migration_id=0, instance_id=instance.uuid)
        migration = found[-1]
        if migration.status not in allowed:
            raise InvalidMigrationState(
                migration_id=migration.id,
                instance_uuid=instance.uuid,
                state=migration.status,
                method=method,
            )
        return migration


def _version(text):
    return tuple(int(part) for part in str(text).split("."))
