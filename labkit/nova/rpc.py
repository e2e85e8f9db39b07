"""Messages between the services (nova/rpc.py); what may be asked is in rpcapi.py."""

import functools

from labkit.neighbours.messaging.broker import Broker
from labkit.neighbours.messaging.exceptions import MessagingTimeout
from labkit.nova.clock import Message, Reply
from labkit.nova.exception import NovaException
from labkit.nova.rpcapi import Method, find
from labkit.nova.sent import EXCHANGE, RESPONSE_TIMEOUT_S, Answer, Sent, hosts_of


class Bus:
    """Carries messages over a broker; what is sent to a service that is down waits in its queue.

    ``sent`` holds every message and answer by the number of its record. Unlike in Nova, an answer
    takes no time, and of what goes to all schedulers nothing is read.

    Source: oslo.messaging as nova/rpc.py uses it, Nova 34.0.0.
    """

    def __init__(self, site, seed=0):
        self.site = site
        self.broker = Broker(env=site.env, seed=seed)
        self.sent = {}
        self._readers = {}
        self._reply_queues = {}

    def serve(self, topic, server, *services):
        """Let a service read what is sent to it, first of all what has been waiting.

        Several take turns: each message goes to one of them, the next message to the next.
        """
        for service in services:
            reader = self._readers.setdefault(service, functools.partial(_deliver, service))
            self.broker.serve(EXCHANGE, topic, server or service.host, reader, service.name)

    def leave(self, service):
        """Let a service read no more."""
        if service in self._readers:
            self.broker.cancel(self._readers.pop(service))

    def reply_queue(self, service) -> str:
        """Return the queue that a service reads the answers to its calls from."""
        name = self._reply_queues.get(service.name)
        if name is None:
            name = self._reply_queues[service.name] = f"reply_{self.broker.new_id()}"
            self.broker.reply_queue(name, None, service.name)
        return name

    def cast(
        self, sender, method, instance=None, server=None, caller=None, namespace=None, **kwargs
    ):
        """Send a message and wait for nothing.

        Raises NovaException when a compute is meant and the server has no host.
        """
        target = _target(method, namespace, instance, server)
        name = instance.name if instance is not None else None
        lost, delay_s = self.site.faults.at_message(method, server, name)
        sent = self._sent(sender, target, method, server, instance, kwargs)
        self._note(sent, "cast", name, caller, lost)
        if lost or target.fanout:
            return

        def deliver(service):
            with self.site.within(sent.context):
                service.start(_handler(service, sent))

        sent.deliver = deliver
        self._send(sent, delay_s)

    def _sent(self, sender, target, method, server, instance, kwargs):
        """Keep a message as of now, whatever comes later."""
        context = self.site.context
        if target.elevated:
            context = context.elevated()
        instance, kwargs = instance and instance.copy_for(sender), _copy(kwargs, sender)
        sent = Sent(sender, target, method, server, instance, kwargs, context)
        self.sent[sent.seq] = sent
        return sent

    def _send(self, sent, delay_s):
        self.site.busy += 1
        self.site.env.process(self._carry(sent, delay_s))

    def _carry(self, sent, delay_s):
        yield self.site.env.timeout(self.site.durations.draw("message") + delay_s)
        self.site.busy -= 1
        self.broker.route(sent)

    def call(
        self, sender, method, instance=None, server=None, caller=None, namespace=None, **kwargs
    ):
        """Send a message and wait for the answer; what is raised over there is raised here.

        A call of rpcapi.LONG waits on while its server lives. Unlike Nova, which is told every
        30 seconds, the lab looks every 60.

        Raises MessagingTimeout when nobody answers in time, NovaException as ``cast`` does.
        """
        target, env = _target(method, namespace, instance, server), self.site.env
        name = instance.name if instance is not None else None
        lost, delay_s = self.site.faults.at_message(method, server, name)
        sent = self._sent(sender, target, method, server, instance, kwargs)
        sent.is_call = True
        self.reply_queue(sender)
        self._note(sent, "call", name, caller, lost)
        answer = env.event()

        def deliver(service):
            def work():
                value, error = None, None
                try:
                    value = yield from _handler(service, sent)
                except Exception as raised:
                    error = raised
                self._answered(service, sent, name, value, error)
                answer.succeed((value, error))

            sent.reader = service
            with self.site.within(sent.context):
                service.start(work())

        if not lost:
            sent.deliver = deliver
            self._send(sent, delay_s)
        for _ in range(0, sent.timeout_s, RESPONSE_TIMEOUT_S):
            late = env.timeout(RESPONSE_TIMEOUT_S)
            yield from sender.wait(answer | late)
            if answer.triggered or sent.reader is None or sent.reader.stopped:
                break
        if not answer.triggered:
            raise MessagingTimeout(f"Timed out waiting for a reply to {method}")
        value, error = answer.value
        if error is not None:
            raise error
        return value

    def _answered(self, service, sent, name, value, error):
        """Note the answer to a call."""
        answer = Answer(service, sent, value, error)
        self.sent[answer.seq] = answer
        raised = error and type(error).__name__
        hosts = None if error else hosts_of(sent.method, value)
        service.note(Reply, name, sent.method, raised, hosts)

    def _note(self, sent, style, name, caller, lost):
        """Note a message."""
        target = sent.target
        sent.sender.note(
            Message,
            name,
            style,
            target.topic,
            sent.server,
            target.namespace,
            sent.method,
            target.version,
            target.args,
            target.fanout,
            caller or target.caller,
            target.by,
            lost,
            sent.context.is_admin,
        )


def _deliver(service, sent):
    deliver, sent.deliver = sent.deliver, None
    deliver(service)


def _copy(value, service):
    """Return an argument as another process has it: a service's own copy of what may change."""
    if isinstance(value, dict):
        return {key: _copy(each, service) for key, each in value.items()}
    if isinstance(value, list):
        return [_copy(each, service) for each in value]
    return value.copy_for(service) if hasattr(value, "copy_for") else value


def _target(method, namespace, instance, server) -> Method:
    """Source: ``_compute_host`` in nova/compute/rpcapi.py, Nova 34.0.0."""
    target = find(method, namespace)
    if target.topic in ("compute", "compute-alt") and server is None:
        raise NovaException(f"Unable to find host for Instance {instance.uuid}")
    return target


def _handler(service, sent):
    """Return the work that a message asks for; the receiver has a copy of the server of its own."""
    kwargs = _copy(sent.kwargs, service)
    if sent.instance is not None:
        kwargs["instance"] = sent.instance.copy_for(service)
    return getattr(service, sent.method)(**kwargs)
