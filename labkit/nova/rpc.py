"""Messages between the services (nova/rpc.py); what may be asked is in rpcapi.py."""

import itertools

from labkit.nova.exception import NovaException
from labkit.nova.exception_neighbours import MessagingTimeout
from labkit.nova.rpcapi import Method, find
from labkit.trace import Message, Reply

#: Seconds until a caller gives up. Source: ``rpc_response_timeout`` of oslo.messaging.
RESPONSE_TIMEOUT_S = 60


class Bus:
    """Carries messages; what is sent to a service that is down waits for it.

    Source: oslo.messaging as nova/rpc.py uses it, Nova 34.0.0.
    """

    def __init__(self, site):
        self.site = site
        self.servers = {}
        self.waiting = {}

    def serve(self, topic, server, *services):
        """Let a service read what is sent to it, first of all what has been waiting.

        Several take turns: each message goes to one of them, the next message to the next.
        """
        self.servers[topic, server] = itertools.cycle(services)
        for deliver in self.waiting.pop((topic, server), ()):
            deliver(next(self.servers[topic, server]))

    def cast(
        self, sender, method, instance=None, server=None, caller=None, namespace=None, **kwargs
    ):
        """Send a message and wait for nothing.

        Raises NovaException when a compute is meant and the server has no host.
        """
        target = _target(method, namespace, instance, server)
        name = instance.name if instance is not None else None
        lost, delay_s = self.site.faults.at_message(method, server, name)
        context = self._note(sender, "cast", target, method, name, server, caller, lost)
        if lost or target.fanout:
            return
        sent = instance and instance.copy_for(sender)  # as of now, whatever comes later
        kwargs = _copies(kwargs, sender)

        def deliver(service):
            with self.site.within(context):
                service.start(_handler(service, method, sent, kwargs))

        self._send((target.topic, server), deliver, delay_s)

    def _send(self, address, deliver, delay_s):
        self.site.busy += 1
        self.site.env.process(self._carry(address, deliver, delay_s))

    def _carry(self, address, deliver, delay_s):
        yield self.site.env.timeout(self.site.durations.draw("message") + delay_s)
        self.site.busy -= 1
        service = next(self.servers.get(address, iter(())), None)
        if service is None or service.stopped:
            self.waiting.setdefault(address, []).append(deliver)
        else:
            deliver(service)

    def call(
        self, sender, method, instance=None, server=None, caller=None, namespace=None, **kwargs
    ):
        """Send a message and wait for the answer; what is raised over there is raised here.

        Raises MessagingTimeout when nobody answers in time, NovaException as ``cast`` does.
        """
        target, env = _target(method, namespace, instance, server), self.site.env
        name = instance.name if instance is not None else None
        lost, delay_s = self.site.faults.at_message(method, server, name)
        context = self._note(sender, "call", target, method, name, server, caller, lost)
        sent = instance and instance.copy_for(sender)
        kwargs = _copies(kwargs, sender)
        answer = env.event()

        def deliver(service):
            def work():
                try:
                    value = yield from _handler(service, method, sent, kwargs)
                except Exception as error:
                    service.note(Reply, name, method, type(error).__name__)
                    answer.succeed((None, error))
                else:
                    service.note(Reply, name, method, None, _hosts(method, value))
                    answer.succeed((value, None))

            with self.site.within(context):
                service.start(work())

        if not lost:
            self._send((target.topic, server), deliver, delay_s)
        late = env.timeout(RESPONSE_TIMEOUT_S)
        yield from sender.wait(answer | late)
        if not answer.triggered:
            raise MessagingTimeout(f"Timed out waiting for a reply to {method}")
        value, error = answer.value
        if error is not None:
            raise error
        return value

    def _note(self, sender, style, target, method, name, server, caller, lost=False):
        """Note a message, and return the context that goes with it."""
        context = self.site.context
        sender.note(
            Message,
            name,
            style,
            target.topic,
            server,
            target.namespace,
            method,
            target.version,
            target.args,
            target.fanout,
            caller or target.caller,
            target.by,
            lost,
            context.is_admin or target.elevated,
        )
        return context.elevated() if target.elevated else context


def _copies(kwargs, service):
    """Return the arguments of a message, with a service's own copies of what has an owner."""
    return {
        key: value.copy_for(service) if hasattr(value, "copy_for") else value
        for key, value in kwargs.items()
    }


def _target(method, namespace, instance, server) -> Method:
    """Source: ``_compute_host`` in nova/compute/rpcapi.py, Nova 34.0.0."""
    target = find(method, namespace)
    if target.topic in ("compute", "compute-alt") and server is None:
        raise NovaException(f"Unable to find host for Instance {instance.uuid}")
    return target


def _handler(service, method, sent, kwargs):
    """Return the work that a message asks for; the receiver has a copy of the server of its own."""
    kwargs = _copies(kwargs, service)
    if sent is not None:
        return getattr(service, method)(instance=sent.copy_for(service), **kwargs)
    return getattr(service, method)(**kwargs)


def _hosts(method, value):
    if method != "select_destinations":
        return None
    return tuple((selection.host, *selection.alternates) for selection in value)
