"""Who answers: a server, its queues, and the endpoint that a message is for."""

import inspect

from labkit.neighbours.messaging.envelope import serialize_remote_exception, unpack_context
from labkit.neighbours.messaging.exceptions import InvalidTarget, NoSuchMethod, UnsupportedVersion
from labkit.neighbours.messaging.serializer import RequestContextSerializer
from labkit.neighbours.messaging.target import Target, version_is_compatible


class RPCServer:
    """Reads the queues of a topic and runs the methods of its endpoints.

    In: a target with topic and server; *endpoints*, objects whose ``target`` tells their namespace
    and version (none: no namespace, version 1.0). A method gets the context and the arguments; one
    that takes time is a generator that yields the clock's events.
    Raises InvalidTarget when topic or server is missing.

    Unlike the real one it runs as many methods at once as there are messages.

    Source: ``RPCDispatcher.dispatch`` in oslo_messaging/rpc/dispatcher.py and
    ``AMQPDriverBase.listen`` in oslo_messaging/_drivers/amqpdriver.py, oslo.messaging 18.3.1.
    """

    def __init__(self, transport, target, endpoints, serializer=None):
        if not (target.topic and target.server):
            raise InvalidTarget(
                "A server's target must have topic and server names specified", target
            )
        self.transport = transport
        self.target = target
        self.endpoints = list(endpoints)
        self.serializer = serializer or RequestContextSerializer()

    @property
    def name(self) -> str:
        """What tables call it: "compute@host1"."""
        return f"{self.target.topic}@{self.target.server}"

    def start(self):
        """Declare the three queues, and read first of all what has been waiting."""
        exchange, target = self.transport.exchange_of(self.target), self.target
        broker = self.transport.broker
        broker.serve(exchange, target.topic, target.server, self._incoming, self.name)

    def stop(self):
        """Read no more; the queues stay, and what is sent to them waits."""
        self.transport.broker.cancel(self._incoming)

    def _incoming(self, envelope):
        message = envelope.message
        context = unpack_context(message)
        msg_id, reply_q = message.pop("_msg_id", None), message.pop("_reply_q", None)
        watched_s = message.pop("_timeout", None)
        try:
            result = self.dispatch(context, message)
        except Exception as error:
            self._reply(msg_id, reply_q, error=error)
            return
        if not inspect.isgenerator(result):
            self._reply(msg_id, reply_q, result)
            return
        env = self.transport.env
        work = env.process(self._work(result, msg_id, reply_q))
        if watched_s and int(watched_s) / 2 >= 1:
            env.process(self._watchdog(work, int(watched_s) / 2, msg_id, reply_q))

    def dispatch(self, context, message):
        """Run the method of the first endpoint that fits; return its result.

        Raises UnsupportedVersion or NoSuchMethod, or what the method raises.
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
                return self._run(getattr(endpoint, method), context, message.get("args", {}))
            found_compatible = True
        if found_compatible:
            raise NoSuchMethod(method)
        raise UnsupportedVersion(version, method)

    def _run(self, function, context, args):
        ctxt = self.serializer.deserialize_context(context)
        deserialize = self.serializer.deserialize_entity
        result = function(ctxt, **{name: deserialize(ctxt, arg) for name, arg in args.items()})
        if inspect.isgenerator(result):
            return self._later(ctxt, result)
        return self.serializer.serialize_entity(ctxt, result)

    def _later(self, ctxt, work):
        result = yield from work
        return self.serializer.serialize_entity(ctxt, result)

    def _work(self, work, msg_id, reply_q):
        try:
            result = yield from work
        except Exception as error:
            self._reply(msg_id, reply_q, error=error)
        else:
            self._reply(msg_id, reply_q, result)

    def _watchdog(self, work, interval_s, msg_id, reply_q):
        while True:
            yield self.transport.env.timeout(interval_s)
            if work.triggered:
                return
            self._reply(msg_id, reply_q, ending=False)

    def _reply(self, msg_id, reply_q, result=None, error=None, ending=True):
        if msg_id is None:
            return
        failure = None if error is None else serialize_remote_exception(error)
        message = {"result": result, "failure": failure, "ending": ending, "_msg_id": msg_id}
        message["_unique_id"] = self.transport.broker.new_id()
        self.transport.publish("", reply_q, message, sender=self.name)


def expected_exceptions(*_classes):
    """Mark exceptions that a server does not log as errors; the caller sees no difference.

    Source: ``expected_exceptions`` in oslo_messaging/rpc/server.py, oslo.messaging 18.3.1.
    """
    return lambda function: function
