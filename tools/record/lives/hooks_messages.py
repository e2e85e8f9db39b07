"""Messages between Nova's services: calls, casts, and which service a thread works for.

A cast leaves the sender running: what it still does and what the receiver starts with race. To
get one order, a message that a service casts is handed over when the sender's handler, or the
thread that it started, is through: as if every message took just longer than that.
"""

import functools
import threading
import time
import types

from tools.record.lives import backend  # noqa: F401

# isort: split
import futurist
import oslo_messaging.rpc.client as rpc_client
import oslo_messaging.rpc.dispatcher as rpc_dispatcher
import oslo_messaging.rpc.server as rpc_server
import oslo_messaging.transport as msg_transport
from oslo_messaging._drivers import impl_fake
from oslo_service.backend._eventlet import loopingcall

from tools.record.lives.faults import FAULTS
from tools.record.lives.hooks_rows import wrap
from tools.record.lives.recorder import REC, caller, service, set_service, where

SERVICES = {
    "ComputeManager": "compute",
    "ComputeTaskManager": "conductor",
    "ConductorManager": "conductor",
    "SchedulerManager": "scheduler",
}
POLL_S = 0.01  # how often a service looks for messages; oslo.messaging's fake driver says 0.05
OBJECT_METHODS = ("object_action", "object_class_action_versions", "object_class_action")

_local = threading.local()


class Work:
    """How many messages and background threads are being worked on."""

    running = 0
    stopped_hosts = set()  # nobody reads what is sent to these

    @classmethod
    def waiting_messages(cls):
        """Messages that somebody is about to read."""
        count = 0
        for exchange in impl_fake.FakeExchangeManager._exchanges.values():
            for (_topic, server), queue in exchange._server_queues.items():
                if server not in cls.stopped_hosts:
                    count += len(queue)
            # Notifications lie here too; the recorder has them already.
            for (topic, _pool), queue in exchange._topic_queues.items():
                if "notifications" not in topic:
                    count += len(queue)
        return count

    @classmethod
    def idle(cls):
        """Whether nothing is under way, but for who waits at a fault."""
        return cls.running <= FAULTS.waiting and not cls.waiting_messages()


class Outbox:
    """Keeps the casts of a handler until it is through."""

    def __enter__(self):
        self.before = getattr(_local, "outbox", None)
        self.mine = _local.outbox = []

    def __exit__(self, *exc_info):
        _local.outbox = self.before
        for deliver in self.mine:
            deliver()


def service_of(endpoint):
    """The recorder's name for a service: api, conductor, scheduler or compute@HOST."""
    name = SERVICES.get(type(endpoint).__name__, type(endpoint).__name__)
    return f"compute@{endpoint.host}" if name == "compute" else name


def install():
    """Put the hooks in; once per process."""
    for style in ("cast", "call"):
        _sending(style)
    _handling()
    _threads()
    impl_fake.time = types.SimpleNamespace(
        time=time.time, sleep=lambda pause: time.sleep(min(pause, POLL_S))
    )


def _sending(style):
    @wrap(rpc_client._BaseCallContext, style)
    def send(original, self, ctxt, method, **kwargs):
        target = self.target
        fields = {
            "style": style,
            "topic": target.topic,
            "server": target.server,
            "namespace": target.namespace,
            "method": method,
            "version": target.version,
            "fanout": bool(target.fanout),
            "args": sorted(kwargs),
            "where": where(),
            "caller": caller(),
        }
        if method in OBJECT_METHODS:
            name = kwargs.get("objname") or kwargs["objinst"].obj_name()
            fields["object"] = f"{name}.{kwargs.get('objmethod')}"
        instance = kwargs.get("instance")
        event = REC.add("rpc", getattr(instance, "uuid", None), **fields_of(fields))
        if style == "cast" and not FAULTS.at(f"cast {method}", target.server):
            if event is not None:
                event["lost"] = True
            return None
        try:
            out = original(self, ctxt, method, **kwargs)
        except Exception as exc:
            if event is not None:
                event["raised"] = type(exc).__name__
            raise
        if event is not None and method == "select_destinations":
            # one list per server: the host, then its alternates
            event["hosts"] = [
                [selection["nova_object.data"]["service_host"] for selection in row]
                if isinstance(row[0], dict)
                else [selection.service_host for selection in row]
                for row in out
            ]
        return out


def fields_of(fields):
    """The fields of a message; a fanout is rare enough to be left out when it is none."""
    if not fields["fanout"]:
        del fields["fanout"]
    return fields


def _handling():
    @wrap(impl_fake.FakeExchange, "poll")
    def poll(original, self, target, pool):
        out = original(self, target, pool)
        if out[1] is not None and "notifications" not in target.topic:
            Work.running += 1
            REC.count += 1
        return out

    @wrap(rpc_server.RPCServer, "_process_incoming")
    def process(original, self, incoming):
        try:
            return original(self, incoming)
        finally:
            Work.running -= 1
            REC.count += 1

    @wrap(rpc_dispatcher.RPCDispatcher, "_do_dispatch")
    def dispatch(original, self, endpoint, method, ctxt, args):
        real = endpoint.__dict__.get("_endpoint", endpoint)
        before = set_service(service_of(real))
        try:
            with Outbox():
                FAULTS.at(f"handle {method}", getattr(real, "host", None))
                return original(self, endpoint, method, ctxt, args)
        finally:
            set_service(before)

    @wrap(msg_transport.Transport, "_send")
    def send(original, self, *args, **kwargs):
        outbox = getattr(_local, "outbox", None)
        if outbox is None or kwargs.get("wait_for_reply"):
            return original(self, *args, **kwargs)
        # Serialised by now: what the sender changes later does not show.
        outbox.append(functools.partial(original, self, *args, **kwargs))
        return None


def _threads():
    """A thread that a handler starts works for the same service."""
    for cls in (futurist.GreenThreadPoolExecutor, futurist.ThreadPoolExecutor):
        _thread_pool(cls)

    @wrap(loopingcall.LoopingCallBase, "_spawn_loop")
    def spawn_loop(original, self, loop):
        return original(self, functools.partial(run_as, service(), loop))


def run_as(name, function):
    """Call a function as work of the named service."""
    before = set_service(name)
    try:
        return function()
    finally:
        set_service(before)


def _thread_pool(cls):
    @wrap(cls, "submit")
    def submit(original, self, function, *args, **kwargs):
        name = service()
        if name == "api":
            return original(self, function, *args, **kwargs)

        @functools.wraps(function)
        def run(*run_args, **run_kwargs):
            before = set_service(name)
            try:
                with Outbox():
                    return function(*run_args, **run_kwargs)
            finally:
                set_service(before)
                Work.running -= 1
                REC.count += 1

        Work.running += 1
        return original(self, run, *args, **kwargs)
