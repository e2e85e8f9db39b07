"""The hypervisor of one host, as nova-compute asks it (nova/virt/libvirt/driver.py).

Guests come, go and move; their disks become images; and the driver reports what the host has.
"""

import contextlib
import json
import uuid as uuids
from functools import partial

from labkit.neighbours.arguments import of_type, shown, truth
from labkit.nova import exception
from labkit.nova.clock import Call
from labkit.nova.compute import power_state, task_states
from labkit.nova.conf import Options, check_cpu_sets
from labkit.nova.objects.image_meta import ARCHITECTURES
from labkit.nova.virt.driver import ComputeDriver
from labkit.nova.virt.hardware import parse_cpu_spec
from labkit.nova.virt.libvirt import blockinfo, imagebackend
from labkit.nova.virt.libvirt import utils as libvirt_utils
from labkit.nova.virt.libvirt.guest import (
    VIR_ERR_AGENT_UNRESPONSIVE,
    VIR_ERR_NO_DOMAIN,
    libvirtError,
)
from labkit.nova.virt.libvirt.host import GI, Domain, Host, Hypervisor

_BY = "virt/libvirt/driver.py:snapshot"
#: Seconds between two questions whether the mirror is complete.
POLL_S = 0.5
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
#: Calls that succeed without such a guest.
_WITHOUT_GUEST = (
    "set_admin_password",
    "trigger_crash_dump",
    "pause",
    "unpause",
    "suspend",
    "migrate_disk_and_power_off",
)
#: Where a fault at a step of data/durations.csv strikes.
_STRIKES = {
    "suspend": "save_memory_state",
    "direct_snapshot": "clone",
    "extract": "qemu-img convert",
    "resume": "launch",
    "upload": "update",
}
_PENDING, _UPLOADING = task_states.IMAGE_PENDING_UPLOAD, task_states.IMAGE_UPLOADING
_ARCH = dict.fromkeys(("i386", "i486", "i586", "x86_32", "x86_32p"), "i686") | {"amd64": "x86_64"}
_MODES = {"pv": "xen", "hv": "hvm", "baremetal": "hvm"}
#: What may be missing of a disk while Nova looks at it; the guest then counts nothing.
_NO_DISK = ("ENOENT", "ESTALE", "EACCES", "DiskNotFound", "libvirtError")


class LibvirtDriver(ComputeDriver):
    """The hypervisor of one host: its guests, their disks and snapshots, and its reports.

    In: Options; *root_disk*, a function of an instance that returns its RootDisk (by default what
    ``images_type`` says); SnapshotCosts, which a snapshot needs (a Cloud has them); whether the
    instances' directory takes O_DIRECT; *hypervisor*, what the machine has.
    A learner may replace ``get_disk_type_from_path``, add to ``image_backend.BACKEND``, to
    ``image_formats`` (what a backend's key is called in the image's metadata and by qemu-img) and
    to ``never_live`` (backends whose guests are suspended for a snapshot), and with
    ``freeze_first`` let a live snapshot freeze the guest before the mirror begins, as until
    24.0.0; ``keeps_delta``: the mirror's overlay stays until the image is sent
    (``nova13.LibvirtDriver`` has all rules of the notes' Nova). Raises TypeError when
    *root_disk* is no function, ValueError for lvm without a volume group.

    ``guests`` maps a server's uuid to its power state, ``jobs`` a server whose memory is being
    copied to an event that ends that. A driver outlives a nova-compute that dies. Each method that
    takes time is a generator.

    >>> from labkit import Cloud, Flavor, Fleet, LibvirtDriver, RequestSpec
    >>> cloud = Cloud(Fleet.read("data/two_hosts"), driver=LibvirtDriver)
    >>> cloud.create("web-1", RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1)))
    202
    >>> cloud.settle()
    >>> cloud.act("web-1", "createImage")
    202
    >>> cloud.settle()
    >>> list(cloud.stages.stage)
    ['mirror', 'convert', 'upload']

    A host's report needs no cloud:

    >>> from labkit.nova.virt.libvirt.host import Hypervisor
    >>> driver = LibvirtDriver(hypervisor=Hypervisor("cn-1", memory_mb=8192))
    >>> report = driver.get_available_resource("cn-1")
    >>> len(report), report["memory_mb"], report["local_gb"]
    (16, 8192, 100.0)

    Source: ``LibvirtDriver`` in nova/virt/libvirt/driver.py, Nova 34.0.0. Unlike Nova, there are
    no containers, NUMA cells, PCI devices, vGPUs and persistent memory, and a disk that moves to
    another host is as full there as a new one; ploop and encrypted disks are refused by name.
    """

    libvirt_utils = libvirt_utils
    freeze_first = keeps_delta = False
    says_deleted = "WARNING", "Failed to snapshot image because it was deleted"
    #: What guests use that Nova has no rows of; see resource_tracker.Others.
    others = None

    def __init__(
        self, options=None, root_disk=None, costs=None, supports_direct_io=True, hypervisor=None
    ):
        options = Options() if options is None else options
        of_type(options, Options, "not Options; write Options(images_type='raw')", "options")
        of_type(hypervisor, Hypervisor | None, "not a Hypervisor", "hypervisor")
        if costs is not None and not hasattr(type(costs), "mirror_s"):
            raise TypeError(f"costs = {shown(costs)} is not SnapshotCosts")
        truth("supports_direct_io", supports_direct_io)
        if root_disk is not None and not callable(root_disk):
            raise TypeError(
                f"root_disk = {shown(root_disk)}: expected a function of an instance;"
                " write lambda instance: RootDisk(...)"
            )
        check_cpu_sets(options, "options")
        self.options = options
        if root_disk is None and options.images_type == "lvm" and not options.images_volume_group:
            raise ValueError("images_type = 'lvm' needs images_volume_group, the name of one")
        self.host = Host(options, hypervisor, costs, supports_direct_io, self.emit_event)
        self.guests = self.host.guests
        self.jobs = {}
        self.get_disk_type_from_path = self.libvirt_utils.get_disk_type_from_path
        self.image_backend = imagebackend.Backend(options.images_type, options.use_cow_images)
        usual = partial(blockinfo.usual_disk, options, self.image_backend.backend())
        self.root_disk = root_disk or usual
        self.image_formats = {"lvm": "raw", "rbd": "raw"}
        self.never_live = {"lvm"}

    # -- guests ----------------------------------------------------------------------------
    def init_host(self, env):
        """Begin to hear of guests, on a simpy environment."""
        self.host.initialize(env)

    def get_info(self, instance) -> int:
        """Return a guest's power state. Raises InstanceNotFound when there is none."""
        if instance.uuid not in self.guests:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        return self.guests[instance.uuid]

    def call(self, service, name, instance):
        """Do something to a guest that takes time and leaves it in another power state."""
        service.note(Call, instance.name, "virt", name)
        if name in ("soft_delete", "restore"):
            raise NotImplementedError  # as libvirt: the manager switches off or on instead
        yield from service.step(name, instance)
        if instance.uuid in self.guests:
            self.guests[instance.uuid] = _AFTERWARDS.get(name, self.guests[instance.uuid])
        elif name == "reboot":
            self.guests[instance.uuid] = power_state.RUNNING
        elif name not in _WITHOUT_GUEST:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        if name in ("power_on", "reboot", "resume"):  # the saved memory is not there any more
            self.host.saved.pop(instance.uuid, None)
        self._keep_disk(instance)

    def migrate_disk_and_power_off(self, service, instance, flavor):
        """Switch a guest off and copy its disk. Raises InstanceFaultRollback where that cannot be."""
        try:
            self._check_resize(instance, flavor)
        except exception.InstanceFaultRollback:
            service.note(Call, instance.name, "virt", "migrate_disk_and_power_off")
            raise
        yield from self.call(service, "migrate_disk_and_power_off", instance)

    def _check_resize(self, instance, flavor):
        """Raise for a flavor with smaller disks, and for disks that cannot be copied.

        Source: ``migrate_disk_and_power_off`` in nova/virt/libvirt/driver.py, Nova 34.0.0.
        """
        own = instance.flavor
        if flavor.root_gb < own.root_gb or flavor.ephemeral_gb < own.ephemeral_gb:
            error = exception.ResizeError(reason="Unable to resize disk down.")
            raise exception.InstanceFaultRollback(error)
        if self.options.images_type == "lvm":
            reason = "Migration is not supported for LVM backed instances"
            raise exception.InstanceFaultRollback(exception.MigrationPreCheckError(reason=reason))

    def plug(self, service, name, instance):
        """Plug or unplug the interfaces."""
        service.note(Call, instance.name, "virt", name)

    def prepare_for_spawn(self, service, instance):
        """Get ready for a new guest."""
        yield from self.ask(service, "prepare_for_spawn", instance)

    def spawn(self, service, instance, network_info):
        """Fetch the image, wait for the network if it is not there yet, start the guest."""
        service.note(Call, instance.name, "virt", "spawn")
        yield from service.step("image", instance)
        yield from service.step("spawn", instance)
        if network_info is not None:
            yield from network_info.wait()
        self._set_guest(instance, power_state.RUNNING)

    def destroy(self, service, instance):
        """Remove the guest, if there is one, and its disk."""
        yield from self.ask(service, "destroy", instance)
        self._remove_guest(instance)

    def _set_guest(self, instance, state):
        self.guests[instance.uuid] = state
        self._keep_disk(instance)

    def _remove_guest(self, instance):
        self.guests.pop(instance.uuid, None)
        self._keep_disk(instance)

    def _keep_disk(self, instance):
        """Give a guest that is here a disk, and take it from one that is not."""
        if instance.uuid not in self.guests:
            self.host.undefine(instance.uuid)
        elif instance.uuid not in self.host.disks:
            self.host.define(instance.uuid, self.root_disk(instance))

    # -- moves -----------------------------------------------------------------------------
    def ask(self, service, name, instance):
        """Do something that takes time and leaves the guest, if there is one, as it is."""
        service.note(Call, instance.name, "virt", name)
        yield from service.step(name, instance)

    def start_here(self, service, name, instance, power_on=True):
        """Start a guest, or only define it, from a disk that is here: finish_migration and its like."""
        yield from self.ask(service, name, instance)
        self._set_guest(instance, power_state.RUNNING if power_on else power_state.SHUTDOWN)

    def confirm_migration(self, service, instance, same_host):
        """Remove a guest that has moved away."""
        yield from self.ask(service, "confirm_migration", instance)
        if not same_host:
            self._remove_guest(instance)

    def live_migration(self, service, instance) -> str:
        """Copy the memory of a guest; return "completed", "cancelled", or "failed"."""
        yield from self.ask(service, "live_migration", instance)
        job = self.jobs[instance.uuid] = service.site.clock.env.event()
        try:
            yield from service.step("memory_copy", instance, until=job)
        except Exception:
            return "failed"
        finally:
            self.jobs.pop(instance.uuid, None)
        return job.value if job.triggered else "completed"

    def end_job(self, service, name, instance):
        """Abort the copying of a guest's memory, or complete it at once."""
        service.note(Call, instance.name, "virt", name)
        job = self.jobs.get(instance.uuid)
        if job is not None and not job.triggered:
            job.succeed("cancelled" if name == "live_migration_abort" else "completed")

    def post_live_migration(self, service, instance):
        """Remove a guest that runs on another host now."""
        yield from self.ask(service, "post_live_migration", instance)
        self._remove_guest(instance)

    def post_live_migration_at_destination(self, service, instance):
        """Take over a guest that has arrived, paused if it was."""
        yield from self.ask(service, "post_live_migration_at_destination", instance)
        paused = instance.power_state == power_state.PAUSED
        self._set_guest(instance, power_state.PAUSED if paused else power_state.RUNNING)

    # -- the snapshot ----------------------------------------------------------------------
    def snapshot(self, service, instance, update_task_state, image_id=None):
        """Make an image of a guest's first disk, live or cold, directly or by way of a file."""
        service.note(Call, instance.name, "virt", "snapshot")
        host = self.host.at_work(service, instance)
        try:
            yield from service.step("snapshot", instance)
            yield from self._snapshot(host, instance, update_task_state, image_id)
        except Exception as error:
            host.note("raised", type(error).__name__, str(error))
            error.by_request = True  # whatever a backend raises, the manager has to deal with it
            raise

    def _snapshot(self, host, instance, update_task_state, image_id):
        try:
            guest = host.get_guest(instance)
        except exception.InstanceNotFound:
            raise exception.InstanceNotRunning(instance_id=instance.uuid) from None
        image_api = host.service.image_api
        snapshot = image_api.get(instance.name, image_id, _BY)
        disk_path, source_format = self.libvirt_utils.find_disk(guest)
        source_type = self.get_disk_type_from_path(disk_path)
        if source_type is None:  # a file: the XML knows
            source_type = source_format
        image_format = self.options.snapshot_image_format or source_type
        image_format = self.image_formats.get(image_format, image_format)
        metadata = self._create_snapshot_metadata(instance, image_format, snapshot.get("name"))
        snapshot_name = uuids.uuid5(uuids.NAMESPACE_DNS, f"snapshot/{image_id}").hex
        original_power_state = guest.get_power_state()
        live = self._is_live(guest, disk_path, source_type, original_power_state)
        yield from self._suspend_guest_for_snapshot(host, live, original_power_state, instance)
        # outside of any try, as in Nova: when it raises nobody resumes the guest
        root_disk = self.image_backend.by_libvirt_path(
            host, instance, disk_path, image_type=source_type
        )
        host.log("INFO", f"Beginning {'live' if live else 'cold'} snapshot process")
        update_task_state(_PENDING)
        update_task_state(_UPLOADING, _PENDING)
        standard, own = False, type(root_disk).direct_snapshot
        seconds = 0.0 if own is imagebackend.Image.direct_snapshot else None
        try:
            metadata["location"] = yield from self._working(
                host,
                "direct_snapshot",
                "direct_snapshot",
                seconds,
                root_disk.direct_snapshot,
                None,
                snapshot_name,
                image_format,
                image_id,
                instance.spec.image.id,
            )
            yield from self._resume_guest_after_snapshot(host, live, original_power_state, guest)
            image_api.update(instance.name, image_id, metadata, purge_props=False, by=_BY)
        except (NotImplementedError, exception.ImageUnacceptable, exception.Forbidden) as error:
            standard = True
            if type(error) is not NotImplementedError:
                text = "Performing standard snapshot because direct snapshot failed"
                host.log("WARNING", f"{text}: {error}")
            _cleanup_direct_snapshot(root_disk, metadata)
            update_task_state(_PENDING, _UPLOADING)
            if source_type == "rbd" and live:  # qemu-img must not read a volume in use
                live = False
                yield from self._suspend_guest_for_snapshot(
                    host, live, original_power_state, instance
                )
        except exception.ImageNotFound:
            host.log(*self.says_deleted)
            _cleanup_direct_snapshot(root_disk, metadata)
            raise
        except Exception:
            host.log("ERROR", "Failed to snapshot image")
            _cleanup_direct_snapshot(root_disk, metadata)
            raise
        if standard:
            tmpdir = host.tempdir()
            try:
                out_path = f"{tmpdir}/{snapshot_name}"
                extract = (disk_path, out_path, source_format, image_format)
                yield from self._extract(
                    host, guest, root_disk, live, original_power_state, instance, extract
                )
                update_task_state(_UPLOADING, _PENDING)
                yield from self._upload(host, instance, image_id, metadata, out_path)
            except Exception:
                host.remove(tmpdir)
                raise
            host.remove(tmpdir)  # no finally: a nova-compute that dies leaves it behind
        host.log("INFO", "Snapshot image upload complete")

    def _is_live(self, guest, disk_path, source_type, current_power_state):
        return (
            source_type not in self.never_live
            and not self.options.disable_libvirt_livesnapshot
            and current_power_state != power_state.SHUTDOWN
        )

    def _extract(self, host, guest, root_disk, live, original_power_state, instance, extract):
        """Write the disk into a file, and let the guest go on whatever comes of it."""
        try:
            yield from self._write(host, guest, root_disk, live, instance, extract)
            host.log("INFO", "Snapshot extracted, beginning image upload")
        except Exception as error:
            try:
                if isinstance(error, libvirtError) and error.code == VIR_ERR_NO_DOMAIN:
                    host.log(
                        "INFO",
                        f"Instance {guest.name} disappeared while taking snapshot of it:"
                        f" [Error Code {error.code}] {error}",
                    )
                    raise exception.InstanceNotFound(instance_id=instance.uuid) from None
                raise
            finally:
                yield from self._resume_guest_after_snapshot(
                    host, live, original_power_state, guest
                )
        yield from self._resume_guest_after_snapshot(host, live, original_power_state, guest)

    def _write(self, host, guest, root_disk, live, instance, extract):
        disk_path, out_path, source_format, image_format = extract
        if live:
            host.note("file", "chmod", out_path.rpartition("/")[0], "0o701")
            yield from self._live_snapshot(
                host, instance, guest, disk_path, out_path, source_format, image_format
            )
        else:
            yield from self._converting(host, root_disk.snapshot_extract, out_path, image_format)

    def _upload(self, host, instance, image_id, metadata, out_path):
        start_s = host.service.site.clock.env.now
        length = host.images[out_path].length
        yield from self._step(host, "upload", host.costs.upload_s(length))
        host.spent = 0.0, length, length, ""
        host.staged("upload", start_s)
        host.strike("update")
        host.service.image_api.update(instance.name, image_id, metadata, length, by=_BY)

    @staticmethod
    def _create_snapshot_metadata(instance, img_fmt, snp_name) -> dict:
        return {
            "status": "active",
            "name": snp_name,
            "properties": {
                "kernel_id": "",
                "image_location": "snapshot",
                "image_state": "available",
                "owner_id": instance.project_id,
                "ramdisk_id": "",
            },
            "disk_format": img_fmt,
            "container_format": "bare",
        }

    # -- a disk that a running guest writes to -------------------------------------------
    def _live_snapshot(
        self, host, instance, guest, disk_path, out_path, source_format, image_format
    ):
        """Mirror the disk into an overlay, cut the mirror off, flatten the overlay."""
        dev = guest.get_block_device(disk_path)
        properties = instance.spec.image.properties
        with contextlib.suppress(Exception):  # a job may be left from before
            dev.abort_job()
        utils = self.libvirt_utils
        size = utils.get_disk_size(host, disk_path, source_format)
        backing = utils.get_disk_backing_file(host, disk_path, source_format)
        disk_delta = out_path + ".delta"
        utils.create_image(host, disk_delta, "qcow2", size, backing)
        mirror = self._mirror_frozen if self.freeze_first else self._mirror
        yield from mirror(host, instance, guest, dev, disk_delta, properties)
        yield from self._converting(
            host, utils.extract_snapshot, host, disk_delta, "qcow2", out_path, image_format
        )
        if not self.keeps_delta:
            host.remove(disk_delta)

    def _mirror(self, host, instance, guest, dev, disk_delta, properties):
        """Mirror the disk while the guest writes on; freeze it for the moment of the cut."""
        try:
            self._can_quiesce(properties)
        except exception.NovaException as error:
            if properties.get("os_require_quiesce", False):
                text = 'Quiescing instance failed but image property "os_require_quiesce" is set'
                host.log("ERROR", f"{text}: {error}.")
                raise
            host.log("INFO", f"Quiescing instance not available: {error}.")
        start_s = host.service.site.clock.env.now
        try:
            yield from self._copy(host, guest, dev, disk_delta)
        except Exception:  # no finally: nothing goes on in a nova-compute that dies
            self._end_mirror(host, instance, guest, dev, disk_delta, properties)
            raise
        host.staged("mirror", start_s)
        self._end_mirror(host, instance, guest, dev, disk_delta, properties)

    def _mirror_frozen(self, host, instance, guest, dev, disk_delta, properties):
        """Freeze the guest before the mirror begins: nothing is written until it is cut off.

        Source: ``_live_snapshot`` in nova/virt/libvirt/driver.py, Nova 24.0.0; 25.0.0 was the
        first release with the other order.
        """
        quiesced = False
        try:
            self._set_quiesced(host, instance, properties)
            quiesced = True
        except exception.NovaException as error:
            if properties.get("os_require_quiesce", False):
                raise
            host.log("INFO", f"Skipping quiescing instance: {error}.")
        start_s = host.service.site.clock.env.now
        try:
            yield from self._copy(host, guest, dev, disk_delta)
            dev.abort_job()
            host.note("file", "chown", disk_delta)
        except Exception:
            self._thaw(host, instance, quiesced)
            raise
        host.staged("mirror", start_s)
        self._thaw(host, instance, quiesced)

    @staticmethod
    def _thaw(host, instance, quiesced):
        host.note("guest", "write_instance_config")
        if quiesced:
            host.get_guest(instance).thaw_filesystems()

    @staticmethod
    def _copy(host, guest, dev, disk_delta):
        """Copy the disk, and ask twice a second whether all is copied."""
        guest.delete_configuration()
        dev.rebase(disk_delta)
        while not dev.is_job_complete():
            yield host.service.site.clock.env.timeout(POLL_S)

    def _end_mirror(self, host, instance, guest, dev, disk_delta, properties):
        """Cut the mirror off while the guest's file systems are frozen, if that can be done."""
        quiesced = False
        try:
            self._set_quiesced(host, instance, properties)
            quiesced = True
        except exception.NovaException as error:
            host.log("INFO", f"Skipping quiescing instance: {error}.")
        dev.abort_job()
        host.note("file", "chown", disk_delta)
        host.note("guest", "write_instance_config")
        if quiesced:
            guest.thaw_filesystems()

    @staticmethod
    def _can_quiesce(properties):
        if not properties.get("hw_qemu_guest_agent", False):
            raise exception.QemuGuestAgentNotEnabled

    def _set_quiesced(self, host, instance, properties):
        self._can_quiesce(properties)
        try:
            host.get_guest(instance).freeze_filesystems()
        except libvirtError as error:
            text = (
                f"Error from libvirt while quiescing {instance.name}:"
                f" [Error Code {error.code}] {error}"
            )
            if error.code != VIR_ERR_AGENT_UNRESPONSIVE:
                raise exception.NovaException(text) from None
            text += ", libvirt cannot connect to the qemu-guest-agent inside the instance."
            raise exception.InstanceQuiesceFailed(reason=text) from None

    # -- suspend and resume ----------------------------------------------------------------
    @staticmethod
    def _needs_suspend_resume_for_snapshot(live_snapshot, current_power_state):
        return not live_snapshot and current_power_state in (
            power_state.RUNNING,
            power_state.PAUSED,
        )

    def _suspend_guest_for_snapshot(self, host, live_snapshot, current_power_state, instance):
        """Let a guest stand still, unless it does or need not."""
        if self._needs_suspend_resume_for_snapshot(live_snapshot, current_power_state):
            guest = host.get_guest(instance)
            yield from self._taking(host, "suspend", guest.save_memory_state)

    def _resume_guest_after_snapshot(self, host, live_snapshot, original_power_state, guest):
        if self._needs_suspend_resume_for_snapshot(live_snapshot, original_power_state):
            paused = guest.get_power_state() == power_state.PAUSED
            yield from self._taking(host, "resume", guest.launch, paused)

    # -- time ------------------------------------------------------------------------------
    @staticmethod
    def _step(host, step, seconds=None):
        """Let time pass; a fault at the step will strike where it does its work."""
        try:
            yield from host.service.step(step, host.instance, seconds=seconds)
        except Exception as error:
            host.failing[_STRIKES[step]] = error

    def _taking(self, host, step, work, *args):
        start_s = host.service.site.clock.env.now
        yield from self._step(host, step)
        if host.service.site.clock.env.now > start_s:
            host.staged(step, start_s)
        return work(*args)

    def _working(self, host, step, stage, seconds, work, *args):
        """Let a step take its time, do it, and let the bytes that it moved take theirs."""
        env, answer, failed = host.service.site.clock.env, None, None
        start_s = env.now
        yield from self._step(host, step, seconds)
        try:
            answer = work(*args)
        except Exception as error:
            failed = error
        if host.spent[0]:
            yield env.timeout(host.spent[0])
        if env.now > start_s:
            host.staged(stage, start_s)
        if failed is not None:
            raise failed
        return answer

    def _converting(self, host, work, *args):
        """Do something with qemu-img convert, and let it take the time that the command needs."""
        yield from self._working(host, "extract", "convert", 0.0, work, *args)

    # -- what the host has -----------------------------------------------------------------
    def node_is_available(self, nodename) -> bool:
        """Return whether the node is this hypervisor."""
        return nodename == self.host.hypervisor.hostname

    def get_host_ip_addr(self) -> str | None:
        """Return the address of the host."""
        return self.host.hypervisor.host_ip

    def get_available_resource(self, nodename) -> dict:
        """Return 16 values: MiB of memory, GiB of disk (not rounded), CPUs.

        Raises Invalid when ``cpu_shared_set`` names a CPU that is not online.
        """
        machine, disk = self.host.hypervisor, self._get_local_gb_info()
        over = self._get_disk_over_committed_size_total
        return {
            "supported_instances": self._get_instance_capabilities(),
            "vcpus": len(self._get_vcpu_available()),
            "memory_mb": machine.memory_mb,
            "local_gb": disk["total"],
            "vcpus_used": sum(
                1 if g.vcpus is None else g.vcpus for g in machine.guests if g.running
            ),
            "memory_mb_used": machine.memory_mb - machine.avail_kb // 1024,
            "local_gb_used": disk["used"],
            "hypervisor_type": machine.type,
            "hypervisor_version": machine.version,
            "hypervisor_hostname": machine.hostname,
            "uuid": machine.uuid,
            "cpu_info": self._get_cpu_info(),
            "disk_available_least": (disk["free"] * GI - over()) / GI,
            "pci_passthrough_devices": "[]",
            "numa_topology": None,
            "stats": {"uptime": machine.uptime},
        }

    def see_guests(self, flavors):
        """List the guests in what libvirt says: {uuid: (whether it runs, flavor)}.

        Their disks grow when they are written to: nothing of them is written yet.
        """
        machine = self.host.hypervisor
        machine.avail_kb += sum(guest.memory_kb for guest in machine.guests if guest.running)
        machine.guests = [
            Domain(
                uuid,
                running,
                flavor.vcpus,
                flavor.memory_mb * 1024,
                [(flavor.root_gb + flavor.ephemeral_gb) * GI, flavor.swap << 20],
            )
            for uuid, (running, flavor) in flavors.items()
        ]
        machine.avail_kb -= sum(guest.memory_kb for guest in machine.guests if guest.running)

    def update_provider_tree(self, inventory) -> dict:
        """Return what is reported to placement, from what is there already.

        In and out: ``{resource class: {total, reserved, min_unit, max_unit, step_size,
        allocation_ratio}}``; memory in MiB, disk in GiB. A class of which there is nothing is
        left out.
        """
        options = self.options
        totals = {
            "DISK_GB": int(self._get_local_gb_info()["total"]),
            "MEMORY_MB": int(self.host.hypervisor.memory_mb),
            "VCPU": len(self._get_vcpu_available()),
            "PCPU": len(self._get_pcpu_available()),
        }
        ratios = self._get_allocation_ratios(inventory) | {"PCPU": 1}
        reserved = {
            "MEMORY_MB": options.reserved_host_memory_mb,
            "VCPU": options.reserved_host_cpus,
            "PCPU": 0,
            "DISK_GB": -(-options.reserved_host_disk_mb // 1024),
        }
        return {
            name: {
                "total": totals[name],
                "min_unit": 1,
                "max_unit": totals[name],
                "step_size": 1,
                "allocation_ratio": ratios[name],
                "reserved": reserved[name],
            }
            for name in reserved
            if totals[name]
        }

    def _get_allocation_ratios(self, inventory):
        """The option, else what placement has, else the option for the beginning.

        Source: the function of that name in nova/virt/driver.py, Nova 34.0.0.
        """
        found = {}
        for short, name in (("cpu", "VCPU"), ("ram", "MEMORY_MB"), ("disk", "DISK_GB")):
            option = getattr(self.options, f"{short}_allocation_ratio")
            initial = getattr(self.options, f"initial_{short}_allocation_ratio")
            there = inventory[name]["allocation_ratio"] if name in inventory else initial
            found[name] = option or there
        return found

    def _get_local_gb_info(self):
        return {key: value / GI for key, value in self.host.hypervisor.disk.items()}

    def _get_vcpu_available(self):
        options, online = self.options, self.host.hypervisor.online_cpus()
        if not options.cpu_shared_set:
            return set() if options.cpu_dedicated_set else online
        shared = parse_cpu_spec(options.cpu_shared_set)
        if not shared <= online:
            raise exception.Invalid(
                "Invalid '[compute] cpu_shared_set' config: one or more of the configured CPUs "
                f"is not online. Online cpuset(s): {sorted(online)}, "
                f"configured cpuset(s): {sorted(shared)}"
            )
        return shared

    def _get_pcpu_available(self):
        if not self.options.cpu_dedicated_set:
            return set()
        dedicated = parse_cpu_spec(self.options.cpu_dedicated_set)
        online = self.host.hypervisor.online_cpus()
        if not dedicated <= online:
            raise exception.Invalid(
                "Invalid '[compute] cpu_dedicated_set' config: one or more of the configured "
                f"CPUs is not available. Available cpuset(s): {sorted(online)}, "
                f"configured cpuset(s): {sorted(dedicated)}"
            )
        return dedicated

    def _get_disk_over_committed_size_total(self):
        found = 0
        for guest in self.host.hypervisor.guests:
            if isinstance(guest.over, str):
                if guest.over not in _NO_DISK:
                    raise OSError(guest.over)
            else:
                found += sum(guest.over)
        return found

    def _get_instance_capabilities(self):
        found = []
        for arch, kinds, mode in self.host.hypervisor.capabilities:
            arch, mode = arch.lower(), mode.lower()
            arch = _ARCH.get(arch, arch)
            if arch in ARCHITECTURES:
                found += [(arch, kind.lower(), _MODES.get(mode, mode)) for kind in kinds]
        return found

    def _get_cpu_info(self):
        cpu = self.host.hypervisor.cpu
        shape = {name: cpu.get(name, 1) for name in ("sockets", "cores", "threads")}
        return json.dumps(
            {
                "arch": cpu.get("arch"),
                "model": cpu.get("model"),
                "vendor": cpu.get("vendor"),
                "topology": {"cells": 1} | shape,
                "features": sorted(cpu.get("features", ())),
            }
        )


def _cleanup_direct_snapshot(root_disk, metadata):
    failed = metadata.pop("location", None)
    root_disk.cleanup_direct_snapshot(
        {"url": str(failed)} if failed else None, also_destroy_volume=True, ignore_errors=True
    )
