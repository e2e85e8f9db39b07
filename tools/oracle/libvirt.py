"""A snapshot by the installed Nova's real LibvirtDriver: what it does, in order, and what is left.

Real are ``LibvirtDriver.snapshot`` and all that it calls of nova/virt/libvirt/driver.py, Guest and
BlockDevice, the image backends, nova/virt/libvirt/utils.py, nova/virt/images.py and the functions
of nova/privsep, which run in this process. Stand-ins: the libvirt domain, the host, glance, the
RBD driver, and ``processutils.execute``, which notes each command and answers as qemu-img and lvs.
"""

import contextlib
import json
import logging
import os
import shutil
import warnings
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from tools.oracle import libvirt_world as stand_ins
from tools.oracle.installed import CONF, objects

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import nova.privsep.fs
    import nova.privsep.path
    import nova.privsep.qemu
    import nova.privsep.utils
    from nova import privsep
    from nova.storage import rbd_utils
    from nova.virt import images
    from nova.virt.libvirt import driver, guest, imagebackend
    from nova.virt.libvirt.cpu import api as cpu
    from oslo_concurrency import processutils
    from oslo_log.log import KeywordArgumentAdapter

for module in (driver, guest):
    module.libvirt = stand_ins.LIBVIRT
privsep.sys_admin_pctxt.set_client_mode(False)


def _instance(properties):
    """Return an Instance without a database."""
    metadata = {f"image_{name}": str(value) for name, value in properties.items()}
    instance = objects.Instance(
        uuid=stand_ins.UUID,
        id=1,
        os_type=None,
        kernel_id="",
        ramdisk_id="",
        project_id="project",
        image_ref=stand_ins.BASE_IMAGE,
        system_metadata=metadata | {"image_container_format": "bare", "image_disk_format": "qcow2"},
        pci_devices=objects.PciDeviceList(),
        ephemeral_key_uuid=None,
        numa_topology=None,
        flavor=objects.Flavor(extra_specs={}),
    )
    instance.info_cache = objects.InstanceInfoCache(network_info=None)
    return instance


class Glance:
    """The image service, as far as a snapshot asks it."""

    def __init__(self, world):
        self._world = world  # a function: the image backends keep their glance

    def get(self, context, image_id, **kwargs):
        self._world().note("glance", "get", image_id)
        if image_id == stand_ins.BASE_IMAGE:
            return {"id": image_id, "locations": []}
        self._world().fails("glance.get")
        return {"id": image_id, "name": "snap"}

    def update(self, context, image_id, metadata, data=None, purge_props=True):
        self._world().note("glance", "update", image_id, metadata, data is not None, purge_props)
        self._world().note("files", *self._world().files())
        self._world().fails("glance.update")


class Log(logging.Handler):
    """What notes each line of the driver's log."""

    def __init__(self, world):
        super().__init__(logging.INFO)
        self._world = world

    def emit(self, record):
        self._world().note("log", record.levelname, record.getMessage())


class Isolate(imagebackend.Image):
    """A whole disk of the host, as somebody might add it; its first version cannot extract."""

    def __init__(self, instance=None, disk_name=None, path=None, disk_info_mapping=None):
        super().__init__(path, "block", "raw", is_block_dev=True)

    def create_image(self, *args, **kwargs):
        raise NotImplementedError

    resize_image = get_model = create_image

    def snapshot_extract(self, target, out_format):
        raise NotImplementedError


class IsolateExtracts(Isolate):
    """The same, which extracts as a logical volume does."""

    def snapshot_extract(self, target, out_format):
        images.convert_image(self.path, target, self.driver_format, out_format, run_as_root=True)


def _driver(world, glance):
    made = driver.LibvirtDriver.__new__(driver.LibvirtDriver)
    made._host, made._image_api = stand_ins.Host(world), glance
    made.image_backend = imagebackend.Backend(CONF.use_cow_images)
    if "B" in world.case.fixes:
        made.image_backend.BACKEND["isolate"] = Isolate
    if "C" in world.case.fixes:
        made.image_backend.BACKEND["isolate"] = IsolateExtracts
    made.cpu_api = cpu.API()
    made._may_keep_vtpm = True
    return made


class Oracle:
    """The real driver between its stand-ins; ``with Oracle(folder) as oracle: oracle.snapshot(case)``.

    In: an empty folder, best one in memory: Nova makes and removes a directory in each snapshot;
    *glance*, Nova's own where there is an image service, else a stand-in.
    """

    def __init__(self, folder, glance=None):
        self.folder = str(folder)
        self._stack = contextlib.ExitStack()
        self._glance = glance or Glance(lambda: self._world)
        self._world = None

    def __enter__(self):
        for path in (stand_ins.DISK, stand_ins.BASE):
            path = Path(self.folder + path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"\1" * 4096)
        for group, name, value in (
            (None, "instances_path", self.folder + stand_ins.INSTANCES),
            ("libvirt", "images_rbd_pool", "vms"),
            ("libvirt", "images_volume_group", "vg0"),
        ):
            CONF.set_override(name, value, group=group)
            self._stack.callback(CONF.clear_override, name, group=group)
        self._patch()
        self._listen()
        return self

    def __exit__(self, *error):
        self._stack.close()

    def also(self, patch):
        """Put something else in place, until the end."""
        self._stack.enter_context(patch)

    def run(self, *cmd, run_as_root=False, prlimit=None):
        """Run a command as Nova did before there was privsep."""
        run = self._as_root(self._execute) if run_as_root else self._execute
        return run(*cmd)

    def snapshot(self, case):
        """Let the real driver make a snapshot; return {"events", "raised", "left"}.

        ``left``: the guest's power state and whether its memory is still saved, and the temporary
        files.
        """
        world, raised = stand_ins.World(case, self.folder), None
        try:
            self.with_driver(world, self._run)
        except Exception as error:
            raised = [type(error).__name__, world.masked(str(error))]
        gone, saved = world.gone, world.saved is not None
        power = None if gone else world.state
        left = {"power_state": power, "saved": saved and not gone, "files": self.files()}
        return {"events": world.events, "raised": raised, "left": left}

    def with_driver(self, world, work):
        """Let *work* be done with the real driver in such a world; what it raises is raised."""
        self._world = world
        known = Path(self.folder + stand_ins.DISK).parent / "disk.info"
        disk_format = stand_ins.BACKENDS[world.case.backend][1]
        known.write_text(json.dumps({self.folder + stand_ins.DISK: disk_format}))
        with _options(world.case.options):
            work(_driver(world, self._glance))

    def files(self):
        """Return the temporary files that the last snapshot left, and remove them."""
        files = self._world.files()
        for path in (Path(self.folder + stand_ins.INSTANCES) / "snapshots").glob("*"):
            shutil.rmtree(path)
        return files

    def _run(self, driver):
        instance = _instance(self._world.case.properties)
        driver.snapshot(None, instance, stand_ins.IMAGE, self._update_task_state)

    def _update_task_state(self, task_state, expected_state="image_snapshot"):
        self._world.note("task_state", task_state, expected_state)

    def _patch(self):
        exists, chown, chmod = os.path.exists, nova.privsep.path.chown, os.chmod
        classify = driver.libvirt_utils.get_disk_type_from_path

        def noted_chmod(path, mode, **kwargs):
            self._world.note("file", "chmod", str(path), oct(mode))
            return chmod(path, mode, **kwargs)

        def noted_chown(path, uid):
            self._world.note("file", "chown", str(path))
            return chown(path, uid=uid)

        def fixed_classify(path):
            fixed = "A" in self._world.case.fixes and path == "/dev/sdb"
            return "isolate" if fixed else classify(path)

        for target, name, replacement in (
            (processutils, "execute", self._execute),
            (nova.privsep.utils, "supports_direct_io", lambda path: self._world.case.direct_io),
            (nova.privsep.qemu, "convert_image", self._as_root(nova.privsep.qemu.convert_image)),
            (nova.privsep.fs, "lvinfo", self._as_root(nova.privsep.fs.lvinfo)),
            (rbd_utils, "RBDDriver", lambda: stand_ins.RBDDriver(self._world)),
            (imagebackend, "IMAGE_API", self._glance),
            (driver, "time", SimpleNamespace(sleep=lambda seconds: None)),
            (os.path, "exists", lambda path: str(path).startswith("/dev/") or exists(path)),
            (nova.privsep.path, "chown", noted_chown),
            (driver.os, "chmod", noted_chmod),
            (driver.libvirt_utils, "get_disk_type_from_path", fixed_classify),
        ):
            self._stack.enter_context(mock.patch.object(target, name, replacement))

    def _execute(self, *cmd, **more):
        return self._world.execute(*cmd, **more)

    def _as_root(self, function):
        def call(*args, **kwargs):
            self._world.root_user = True
            try:
                return function(*args, **kwargs)
            finally:
                self._world.root_user = False

        return call

    def _listen(self):
        """Note the driver's log lines and no other's, whatever this process logs elsewhere."""
        for module, handler in (
            (driver, Log(lambda: self._world)),
            (guest, logging.NullHandler()),  # about what was asked for
        ):
            logger = logging.Logger(module.__name__, logging.INFO)
            logger.manager = SimpleNamespace(disable=0)  # others may be switched off
            logger.addHandler(handler)
            log = KeywordArgumentAdapter(logger, {})
            self._stack.enter_context(mock.patch.object(module, "LOG", log))


@contextlib.contextmanager
def _options(options):
    groups = {n: "workarounds" if n.startswith("disable_") else "libvirt" for n in options}
    for name, value in options.items():
        CONF.set_override(name, value, group=groups[name])
    try:
        yield
    finally:
        for name, group in groups.items():
            CONF.clear_override(name, group=group)
