"""What the installed Nova makes of what libvirt tells of a guest.

Real are ``_event_lifecycle_callback`` and ``_event_emit_delayed`` of nova/virt/libvirt/host.py,
``emit_event`` of the two drivers, and ``handle_events`` of nova/compute/manager.py with all that it
calls. Stand-ins: libvirt, the clock, the thread that waits, the row, and the API that is asked to
stop a server.
"""

import contextlib
import heapq
import itertools
import logging
import warnings
from types import SimpleNamespace
from unittest import mock

from tools.oracle.installed import exception, objects

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nova.compute import manager
    from nova.virt.libvirt import driver, host
    from oslo_log.log import KeywordArgumentAdapter

#: libvirt's numbers (virDomainEventType, and two details of a suspend).
LIBVIRT = SimpleNamespace(
    VIR_DOMAIN_EVENT_DEFINED=0,
    VIR_DOMAIN_EVENT_UNDEFINED=1,
    VIR_DOMAIN_EVENT_STARTED=2,
    VIR_DOMAIN_EVENT_SUSPENDED=3,
    VIR_DOMAIN_EVENT_RESUMED=4,
    VIR_DOMAIN_EVENT_STOPPED=5,
    VIR_DOMAIN_EVENT_SHUTDOWN=6,
    VIR_DOMAIN_EVENT_PMSUSPENDED=7,
    VIR_DOMAIN_EVENT_CRASHED=8,
    VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED=2,
    VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY=7,
)
UUID = "5e51a4a1-3f0c-5d54-9b1b-2a6f2bd0a001"


class Clock:
    """A clock that is moved by hand, and what is due on it."""

    def __init__(self):
        self.now = 0.0
        self._due, self._count = [], itertools.count()

    def submit_with_delay(self, function, *args, delay_s=15):
        """Call a function later, unless it is cancelled: a future of Nova's executor."""
        future = SimpleNamespace(cancelled=False, callbacks=[])
        future.cancel = lambda: setattr(future, "cancelled", True)
        future.add_done_callback = future.callbacks.append
        heapq.heappush(self._due, (self.now + delay_s, next(self._count), future, function, args))
        return future

    def run(self, until_s):
        """Let time pass."""
        while self._due and self._due[0][0] <= until_s:
            self.now, _, future, function, args = heapq.heappop(self._due)
            if not future.cancelled:
                function(*args)
                for callback in future.callbacks:
                    callback(future)
        self.now = until_s


class Lines(logging.Handler):
    """What keeps the lines of a log."""

    def __init__(self, told):
        super().__init__(logging.INFO)
        self._told = told

    def emit(self, record):
        self._told("log", record.levelname, record.getMessage())


class Oracle:
    """A server of the real nova-compute, and its guest; ``with Oracle(...) as oracle``.

    ``told`` has (t_s, what, ...): each event that the driver emits ("event", its name), each save
    ("save", the power state), each request to stop ("stop" or "force_stop"), each line of the log.
    """

    def __init__(self, vm_state="active", task_state=None, power_state=1):
        self.clock, self.told = Clock(), []
        self.row = SimpleNamespace(
            uuid=UUID,
            host="cn-1",
            vm_state=vm_state,
            task_state=task_state,
            power_state=power_state,
            shutdown_terminate=False,
            refresh=lambda use_slave=False: None,
        )
        self.row.save = lambda: self._note("save", self.row.power_state)
        self.guest = power_state
        self._stack = contextlib.ExitStack()

    def _note(self, *what):
        self.told.append((self.clock.now, *what))

    def _get_info(self, instance, use_cache=True):
        if self.guest is None:
            raise exception.InstanceNotFound(instance_id=UUID)
        return SimpleNamespace(state=self.guest)

    def _get_by_uuid(self, context, uuid, expected_attrs=None):
        if self.row is None:
            raise exception.InstanceNotFound(instance_id=uuid)
        return self.row

    def _asked(self, name):
        return lambda context, instance: self._note(name)

    def __enter__(self):
        made = driver.LibvirtDriver.__new__(driver.LibvirtDriver)
        made._compute_event_callback, made.get_info = None, self._get_info
        self.host = host.Host.__new__(host.Host)
        self.host._events_delayed, self.host._delayed_executor = {}, self.clock
        self.host._lifecycle_event_handler = self._emit(made.emit_event)
        # The thread that libvirt calls hands the event on at once.
        handler = SimpleNamespace(_queue_event=self.host._event_emit_delayed)
        self.host._event_handler = handler
        compute = manager.ComputeManager.__new__(manager.ComputeManager)
        compute.host, compute.driver = "cn-1", made
        compute.compute_api = SimpleNamespace(
            stop=self._asked("stop"), force_stop=self._asked("force_stop")
        )
        compute.init_virt_events()
        self._stack.enter_context(mock.patch.object(host, "libvirt", LIBVIRT))
        self._stack.enter_context(
            mock.patch.object(objects.Instance, "get_by_uuid", self._get_by_uuid)
        )
        self._listen()
        return self

    def __exit__(self, *error):
        self._stack.close()

    def _emit(self, emit_event):
        def emit(event):
            self._note("event", str(event.get_name()))
            emit_event(event)

        return emit

    def _listen(self):
        logger = logging.Logger(manager.__name__, logging.INFO)
        logger.manager = SimpleNamespace(disable=0)  # others may be switched off
        logger.addHandler(Lines(self._note))
        log = KeywordArgumentAdapter(logger, {})
        self._stack.enter_context(mock.patch.object(manager, "LOG", log))

    def happens(self, event, detail=0, guest=None):
        """Let libvirt tell of its guest, which is in a power state now."""
        self.guest = guest
        domain = SimpleNamespace(UUIDString=lambda: UUID)
        number = getattr(LIBVIRT, f"VIR_DOMAIN_EVENT_{event}")
        host.Host._event_lifecycle_callback(None, domain, number, detail, self.host)
