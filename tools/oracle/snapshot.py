"""A snapshot by the installed Nova's real ComputeManager with its real LibvirtDriver.

Real are ``_snapshot_instance`` with ``delete_image_on_error`` of nova/compute/manager.py and all
that tools/oracle/libvirt.py calls real. Stand-ins besides those of that file: the rows (each save
is noted, and refused where a case says so), the notifications, and a glance that keeps one image.
The decorators further out note the fault and take the task back; tools/record judges those.
"""

import contextlib
import logging
import warnings
from types import SimpleNamespace
from unittest import mock

from tools.oracle import libvirt
from tools.oracle import libvirt_world as stand_ins
from tools.oracle.installed import exception, objects

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nova.compute import manager, power_state, task_states

#: Why a save is refused.
REFUSALS = {
    "deleting": lambda: exception.UnexpectedDeletingTaskStateError(
        instance_uuid=stand_ins.UUID, expected={}, actual={}
    ),
    "gone": lambda: exception.InstanceNotFound(instance_id=stand_ins.UUID),
    "other task": lambda: exception.UnexpectedTaskStateError(
        instance_uuid=stand_ins.UUID, expected={}, actual={}
    ),
}
_POWER_STATES = {
    "running": power_state.RUNNING,
    "paused": power_state.PAUSED,
    "shutdown": power_state.SHUTDOWN,
}


class Glance(libvirt.Glance):
    """One image, queued; active when its data or its place is known."""

    def __init__(self, world):
        super().__init__(world)
        self.status = "queued"

    def get(self, context, image_id, **kwargs):
        with self._gone_if_not_found():
            found = super().get(context, image_id, **kwargs)
            self._there(image_id)
            return found | {"status": self.status}

    def update(self, context, image_id, metadata, data=None, purge_props=True):
        with self._gone_if_not_found():
            super().update(context, image_id, metadata, data, purge_props)
            self._there(image_id)
            self.status = "active"

    def delete(self, context, image_id):
        self._world().note("glance", "delete", image_id)
        self._there(image_id)
        self.status = None

    def _there(self, image_id):
        if self.status is None and image_id == stand_ins.IMAGE:
            raise exception.ImageNotFound(image_id=image_id)

    @contextlib.contextmanager
    def _gone_if_not_found(self):
        """Note that somebody deleted the image, if that is what goes wrong."""
        try:
            yield
        except exception.ImageNotFound:
            self.status = None
            raise


class Oracle(libvirt.Oracle):
    """The real manager over the real driver: ``oracle.snapshot(case)``.

    Besides what the driver's oracle takes, a case has *refused*: None, or the number of a save and
    why it is refused. Besides what that returns there are ``image``, the status that the image is
    left with (None: it is gone), and ``task_state``.
    """

    def _listen(self):
        super()._listen()
        logger = logging.getLogger("nova.compute.manager")
        handler = logging.NullHandler()
        logger.addHandler(handler)
        self._stack.callback(logger.removeHandler, handler)

    def _run(self, driver):
        world, case = self._world, self._world.case
        glance = driver._image_api = Glance(lambda: world)
        inner = manager.ComputeManager._snapshot_instance
        for _ in ("wrap_exception", "reverts_task_state", "wrap_instance_fault"):
            inner = inner.__wrapped__
        instance = libvirt._instance(case.properties)
        instance.task_state, saves = task_states.IMAGE_SNAPSHOT, []

        def save(self, expected_task_state="any"):
            world.note("save", self.task_state, expected_task_state)
            saves.append(self.task_state)
            if case.refused is not None and len(saves) == case.refused[0]:
                raise REFUSALS[case.refused[1]]()

        compute = SimpleNamespace(
            driver=driver,
            image_api=glance,
            host="host",
            _get_power_state=lambda instance: _POWER_STATES[case.power_state],
            _notify_about_instance_usage=lambda *args, **kwargs: None,
        )
        told = mock.patch.object(
            manager.compute_utils, "notify_about_instance_snapshot", lambda *args, **kwargs: None
        )
        try:
            with mock.patch.object(objects.Instance, "save", save), told:
                inner(compute, mock.Mock(), stand_ins.IMAGE, instance, task_states.IMAGE_SNAPSHOT)
        finally:
            self._ended = {"image": glance.status, "task_state": instance.task_state}

    def snapshot(self, case):
        return super().snapshot(case) | self._ended
