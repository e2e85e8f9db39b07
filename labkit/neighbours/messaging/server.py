"""Who answers: a server, its queues, and the endpoint that a message is for."""

import inspect

from labkit.neighbours.arguments import all_of, of_type, shown
from labkit.neighbours.messaging.envelope import Envelope
from labkit.neighbours.messaging.exceptions import InvalidTarget, NoSuchMethod, UnsupportedVersion
from labkit.neighbours.messaging.serializer import JsonPayloadSerializer
from labkit.neighbours.messaging.target import Target, version_is_compatible


class RPCServer:
    """Reads the queues of a topic and runs the methods of its endpoints.

    In: a target with topic and server, of which tables make its *name*; *endpoints*, objects whose ``target`` tells their namespace
    and version (none: no namespace, version 1.0). A method gets the context and the arguments; one
    that takes time is a generator that yields the clock's events.
    Raises InvalidTarget when topic or server is missing.

    Unlike the real one it runs as many methods at once as there are messages.

    Source: ``RPCDispatcher.dispatch`` in oslo_messaging/rpc/dispatcher.py and
    ``AMQPDriverBase.listen`` in oslo_messaging/_drivers/amqpdriver.py, oslo.messaging 18.3.1.
    """

    def __init__(self, transport, target, endpoints, serializer=None, name=None):
        of_type(target, Target, "not a Target", "target")
        if not hasattr(transport, "broker"):
            raise TypeError(f"transport: {shown(transport)} is not a Transport")
        if not (target.topic and target.server):
            raise InvalidTarget(
                "A server's target must have topic and server names specified", target
            )
        self.transport = transport
        of_type(name, str | None, "not a name", "name")
        self.name = name or f"{target.topic}@{target.server}"
        self.target = target
        self.endpoints = all_of("endpoints", endpoints, object, "objects with methods")
        self.serializer = JsonPayloadSerializer() if serializer is None else serializer

    def start(self):
        """Declare the three queues, and read first of all what has been waiting."""
        exchange, target = self.target.exchange or self.transport.control_exchange, self.target
        broker = self.transport.broker
        broker.serve(exchange, target.topic, target.server, self._incoming, self.name)

    def stop(self):
        """Read no more; the queues stay, and what is sent to them waits."""
        self.transport.broker.cancel(self._incoming)

    def _incoming(self, envelope):
        message, ctxt = envelope.content, envelope.context
        work = self.spawn(self._dispatch(ctxt, message), ctxt)
        watched_s = message.get("_timeout")
        if watched_s and int(watched_s) / 2 >= 1:
            self.transport.env.process(self._watchdog(work, int(watched_s) / 2, message))

    def spawn(self, work, _ctxt):
        """Begin to run a method, a generator; what it raises ends in the server's log."""
        thread = self.transport.env.process(work)
        thread.defused = True
        return thread

    def arguments(self, _function, ctxt, args):
        """Return what a method is called with: a list, and a dict of what has a name."""
        return [ctxt], args

    def _dispatch(self, ctxt, message):
        serializer = self.serializer
        try:
            function = self.endpoint_of(message)
            args = serializer.deserialize_entity(ctxt, message["args"])
            some, named = self.arguments(function, ctxt, args)
            result = function(*some, **named)
            if inspect.isgenerator(result):
                result = yield from result
        except Exception as error:
            if "_msg_id" not in message:
                raise
            self._reply(message, error=error)
        else:
            self._reply(message, serializer.serialize_entity(ctxt, result))

    def endpoint_of(self, message):
        """Return the method that a message asks for, of the first endpoint that fits.

        Raises UnsupportedVersion or NoSuchMethod.
        """
        method, version = message["method"], message.get("version", "1.0")
        found_compatible = False
        for endpoint in self.endpoints:
            target = getattr(endpoint, "target", None) or Target()
            if target.namespace != message.get("namespace"):
                continue
            if not version_is_compatible(target.version or "1.0", version):
                continue
            if hasattr(endpoint, method) and not method.startswith("_"):
                return getattr(endpoint, method)
            found_compatible = True
        if found_compatible:
            raise NoSuchMethod(method)
        raise UnsupportedVersion(version, method)

    def _watchdog(self, work, interval_s, message):
        while True:
            yield self.transport.env.timeout(interval_s)
            if work.triggered:
                return
            self._reply(message, ending=False)

    def _reply(self, message, result=None, error=None, ending=True):
        if "_msg_id" not in message:  # a cast names no queue for an answer
            return
        broker = self.transport.broker
        reply = {"result": result, "failure": error, "ending": ending}
        reply |= {"_msg_id": message["_msg_id"], "_unique_id": broker.new_id()}
        broker.publish(
            Envelope(self.transport.env.now, "", message["_reply_q"], reply, sender=self.name)
        )


def expected_exceptions(*_classes):
    """Mark exceptions that a server does not log as errors; the caller sees no difference.

    Source: ``expected_exceptions`` in oslo_messaging/rpc/server.py, oslo.messaging 18.3.1.
    """
    return lambda function: function
