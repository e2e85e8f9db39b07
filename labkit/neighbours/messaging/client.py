"""Who asks: a client, what it prepares, and the transport that it shares with its process."""

from labkit.neighbours.arguments import shown
from labkit.neighbours.messaging.envelope import Envelope, deserialize_remote_exception
from labkit.neighbours.messaging.exceptions import (
    InvalidTarget,
    MessagingException,
    MessagingTimeout,
    RPCVersionCapError,
)
from labkit.neighbours.messaging.serializer import JsonPayloadSerializer
from labkit.neighbours.messaging.target import version_is_compatible

#: Seconds until a caller gives up. Source: ``rpc_response_timeout`` of oslo.messaging.
RESPONSE_TIMEOUT_S = 60
#: Modules whose exceptions a caller of Nova rebuilds. Source: ALLOWED_EXMODS in nova/rpc.py.
ALLOWED_EXMODS = ("nova.exception",)
_MARKER = object()


class Transport:
    """One process's way to the broker; its calls share one reply queue.

    In: the broker; the exchange of all that names none; *name*, by which tables call the process;
    the modules whose exceptions it rebuilds, None for all as they were raised.

    Source: ``AMQPDriverBase`` in oslo_messaging/_drivers/amqpdriver.py, oslo.messaging 18.3.1.
    """

    def __init__(
        self, broker, control_exchange="nova", name="client", allowed_remote_exmods=ALLOWED_EXMODS
    ):
        if not hasattr(broker, "publish"):
            raise TypeError(f"broker: {shown(broker)} is not a Broker")
        self.name = name
        self.broker = broker
        self.env = broker.env
        self.control_exchange = control_exchange
        self.reply_q = None
        self._allowed = allowed_remote_exmods
        self._waiting = {}

    def asking(self) -> dict:
        """Return what makes a message a call: its id, and the queue that the answer is to go to."""
        msg_id = self.broker.new_id()
        if self.reply_q is None:
            self.reply_q = f"reply_{self.broker.new_id()}"
            self.broker.reply_queue(self.reply_q, self._answered, self.name)
        return {"_msg_id": msg_id, "_reply_q": self.reply_q}

    def _answered(self, envelope):
        reply = envelope.content
        event = self._waiting.pop(reply["_msg_id"], None)
        if event is not None:  # else nobody waits any more
            event.succeed(reply)

    def wait(self, msg_id, timeout_s, monitor_s=None):
        """Wait for the answer to a call; with *monitor_s* a sign of life renews the shorter wait.

        Raises MessagingTimeout, or what was raised over there.
        """
        until_s = self.env.now + timeout_s
        while True:
            watched_s = self.env.now + monitor_s if monitor_s else until_s
            answer = self._next(msg_id, min(until_s, watched_s) - self.env.now)
            reply = yield answer
            if reply is None:
                raise MessagingTimeout(f"Timed out waiting for a reply to message ID {msg_id}")
            if reply["failure"]:
                raise deserialize_remote_exception(reply["failure"], self._allowed)
            if reply["ending"]:
                return reply["result"]

    def _next(self, msg_id, seconds):
        event = self._waiting[msg_id] = self.env.event()

        def late(_):
            if not event.triggered:
                self._waiting.pop(msg_id, None)
                event.succeed(None)

        self.env.timeout(max(seconds, 0)).callbacks.append(late)
        return event


class RPCClient:
    """Asks servers to run methods.

    In: *target*, the default of each message; *version_cap*, the newest version that may be sent;
    *timeout_s*, the patience of a call; *monitor_s*, the shorter patience of a watched call; *by*,
    the function that sends, for the sender's own records.

    >>> from labkit.neighbours.messaging import Broker, Target
    >>> client = RPCClient(Transport(Broker()), Target(topic="compute"), version_cap="6.4")
    >>> client.can_send_version("6.5")
    False

    Unlike the real one it has no *retry* and no transport options: the broker is always there.

    Source: ``RPCClient`` and ``_CallContext`` in oslo_messaging/rpc/client.py,
    oslo.messaging 18.3.1.
    """

    def __init__(
        self,
        transport,
        target,
        timeout_s=None,
        version_cap=None,
        serializer=None,
        monitor_s=None,
        by=None,
    ):
        self.transport = transport
        self.target = target
        self.timeout_s = timeout_s
        self.version_cap = version_cap
        self.serializer = JsonPayloadSerializer() if serializer is None else serializer
        self.monitor_s = monitor_s
        self.by = by

    def prepare(
        self, timeout=_MARKER, version_cap=_MARKER, call_monitor_timeout=_MARKER, by=None, **target
    ):
        """Return a client of the same transport with parts of its target replaced.

        Raises MessagingException for a version that is none.
        """
        if "version" in target:
            version = target["version"]
            try:
                version_is_compatible(version, version)
            except (IndexError, ValueError):
                raise MessagingException(
                    f"Version must contain a major and minor integer. Got {version}"
                ) from None
        return RPCClient(
            self.transport,
            self.target(**target),
            self.timeout_s if timeout is _MARKER else timeout,
            self.version_cap if version_cap is _MARKER else version_cap,
            self.serializer,
            self.monitor_s if call_monitor_timeout is _MARKER else call_monitor_timeout,
            by,
        )

    def can_send_version(self, version=_MARKER) -> bool:
        """Return whether the cap allows a version; the target's own, if none is given."""
        version = self.target.version if version is _MARKER else version
        return version_is_compatible(self.version_cap, version)

    def cast(self, ctxt, method, **kwargs):
        """Send a message and wait for nothing.

        Raises RPCVersionCapError or InvalidTarget, and then nothing is sent.
        """
        self.transport.broker.publish(self._envelope(ctxt, method, kwargs))

    def call(self, ctxt, method, **kwargs):
        """Send a message and wait: ``answer = yield from client.call(...)`` in a process.

        Raises as ``cast`` does, MessagingTimeout when no answer comes in time, and what was raised
        over there: as a class of Nova with "_Remote" in its name, or as RemoteError.
        """
        if self.target.fanout:
            raise InvalidTarget("A call cannot be used with fanout", self.target)
        timeout_s = RESPONSE_TIMEOUT_S if self.timeout_s is None else self.timeout_s
        envelope = self._envelope(ctxt, method, kwargs, timeout_s)
        self.transport.broker.publish(envelope)
        msg_id = envelope.content["_msg_id"]
        result = yield from self.transport.wait(msg_id, timeout_s, self.monitor_s)
        return self.serializer.deserialize_entity(ctxt, result)

    def _envelope(self, ctxt, method, kwargs, timeout_s=None):
        # With a *timeout_s* it is a call.
        target, transport = self.target, self.transport
        message = {"method": method, "args": self.serializer.serialize_entity(ctxt, kwargs)}
        if target.namespace is not None:
            message["namespace"] = target.namespace
        if target.version is not None:
            message["version"] = target.version
        if not self.can_send_version():
            raise RPCVersionCapError(target.version, self.version_cap)
        context, expiration = self.serializer.serialize_context(ctxt), None
        if not target.topic:
            raise InvalidTarget("A topic is required to send", target)
        if timeout_s is not None:
            message |= transport.asking() | {"_timeout": self.monitor_s}
            expiration = str(int(timeout_s * 1000))
        message["_unique_id"] = transport.broker.new_id()
        if target.fanout:
            exchange, key = f"{target.topic}_fanout", ""
        else:
            exchange = target.exchange or transport.control_exchange
            key = f"{target.topic}.{target.server}" if target.server else target.topic
        now, name = transport.env.now, transport.name
        return Envelope(now, exchange, key, message, context, expiration, sender=name, by=self.by)
