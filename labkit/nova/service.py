"""What every service is made of: a log of what it did, locks, messages (nova/service.py)."""

from collections import deque
from functools import cached_property

from labkit.neighbours.messaging.exceptions import MessagingTimeout
from labkit.nova import rpc
from labkit.nova.clock import Call, caller
from labkit.nova.compute.rpcapi import ComputeAPI
from labkit.nova.conductor.rpcapi import ComputeTaskAPI
from labkit.nova.exception import NovaException
from labkit.nova.scheduler.rpcapi import SchedulerAPI


class Service:
    """A process of Nova: API, conductor, scheduler or the nova-compute of a host.

    ``site`` is what all services of one cloud share; ``name`` is how the records call it.

    Source: the managers of Nova 34.0.0, run by nova/service.py.
    """

    def __init__(self, site, name, host=None):
        self.site = site
        self.clock = site.clock
        self.name = name
        self.host = host
        self.stopped = False
        self.threads = {}
        self.transport = rpc.create_transport(self)
        self.serializer = rpc.RequestContextSerializer(self)
        self.servers = ()
        self._locks = {}
        self._periodic = None, None

    def periodic_context(self):
        """Return the context of the periodic tasks that are due now: they share one.

        Source: ``periodic_tasks`` of Service in nova/service.py, Nova 34.0.0.
        """
        now = self.clock.env.now
        if self._periodic[0] != now:
            self._periodic = now, self.site.keystone.admin_context()
        return self._periodic[1]

    @property
    def options(self):
        """The cloud's configuration."""
        return self.site.options

    def note(self, kind, *fields, by=None, **more):
        """Add a record to what happened; ``by``, unless given, is the function that is at work."""
        clock, context = self.clock, self.clock.context
        more["request_id"] = context and context.request_id
        if "by" in kind._fields:
            more["by"] = by or caller()
        clock.records.append(kind(clock.env.now, self.name, *fields, **more))

    def note_call(self, name, system, call):
        """Record a call to a neighbour about the server of that name."""
        self.note(Call, name, system, call)

    def step(self, step, instance=None, names=(None,), until=None, seconds=None):
        """Let a step take its time, or *seconds*, and fail if a fault says so.

        *names* are the servers where there is no instance yet, or more than one;
        *until* an event ends it well.
        """
        site, faults, more, error = self.site, self.site.faults, 0.0, None
        for name in names if instance is None else (instance.name,):
            faults.reached(self, name, (step,))
            if error is None:
                more, error = faults.at_step(step, self.host, name)
        seconds = (site.durations.draw(step) if seconds is None else seconds) + more
        if seconds:
            over = self.clock.env.timeout(seconds)
            yield over if until is None else over | until
        if error is not None and not (until is not None and until.triggered):
            raise error

    def locked(self, name, work):
        """Do the work while nobody else works under the same name.

        Source: ``utils.synchronized(instance.uuid)`` in nova/compute/manager.py.
        """
        waiting = self._locks.get(name)
        if waiting is None:
            waiting = self._locks[name] = deque()
        else:
            turn = self.clock.env.event()
            waiting.append(turn)
            yield turn
        try:
            return (yield from work)
        finally:
            if waiting:
                waiting.popleft().succeed()
            else:
                del self._locks[name]

    @cached_property
    def compute_rpcapi(self) -> ComputeAPI:
        """By which it asks nova-computes."""
        return ComputeAPI(self)

    @cached_property
    def compute_task_api(self) -> ComputeTaskAPI:
        """By which it asks the conductor."""
        return ComputeTaskAPI(self)

    @cached_property
    def query_client(self) -> SchedulerAPI:
        """By which it asks schedulers."""
        return SchedulerAPI(self)

    @property
    def context(self):
        """The context of what is done now."""
        return self.clock.context

    @property
    def db_context(self):
        """The context to read and write rows with: one that leads nowhere leads to the service's
        own database, as ``[database] connection`` says; where nobody asks, it is the services' own.
        """
        context = self.clock.context or self.site.own_context
        if context.db_connection is None:
            context.db_connection = self.site.db
        return context

    def serve(self, *topics):
        """Read what is sent to the service, first of all what has been waiting."""
        self.servers = [rpc.get_server(self, topic) for topic in topics]
        for server in self.servers:
            server.start()

    def start(self, work, context=None):
        """Begin to do something in a thread of its own; an error in it ends there, as in a log.

        In: a generator; the thread's *context*, by default that of what is done now.
        """
        thread = self.clock.env.process(work)
        thread.context = context or self.context
        self.threads[thread] = work
        self.clock.busy += 1
        thread.callbacks.append(self._ended)
        return thread

    def _ended(self, thread):
        if self.threads.pop(thread, None) is None:
            thread.defused = True  # the service died meanwhile
            return
        self.clock.busy -= 1
        if not thread.ok and expected(thread.value):
            thread.defused = True

    def stop(self):
        """Die: what is under way is never finished."""
        self.stopped = True
        for server in self.servers:
            server.stop()
        threads, self.threads = self.threads, {}
        self.clock.busy -= len(threads)
        for thread, work in threads.items():
            if thread is not self.clock.env.active_process:  # this one raises ServiceStoppedError
                work.close()


def unforeseen(error) -> Exception:
    """Mark an error that the real Nova meets without having foreseen it, and return it."""
    error.by_request = True
    return error


def expected(error) -> bool:
    """Return whether an error is one of Nova's, or asked for by a fault: no mistake of the lab's."""
    return isinstance(error, NovaException | MessagingTimeout | NotImplementedError) or getattr(
        error, "by_request", False
    )
