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
    *wait*, how it waits for an event; the modules whose exceptions it rebuilds, None for all as
    they were raised.

    Source: ``AMQPDriverBase`` in oslo_messaging/_drivers/amqpdriver.py, oslo.messaging 18.3.1.
    """

    def __init__(
        self,
        broker,
        control_exchange="nova",
        name="client",
        wait=None,
        allowed_remote_exmods=ALLOWED_EXMODS,
    ):
        if not hasattr(broker, "publish"):
            raise TypeError(f"broker: {shown(broker)} is not a Broker")
        if wait is not None and not callable(wait):
            raise TypeError(f"wait = {shown(wait)} is not a function")
        self.name = name
        self.broker = broker
        self.env = broker.env
        self.control_exchange = control_exchange
        self.reply_q = None
        self._wait = _wait if wait is None else wait
        self._allowed = allowed_remote_exmods
        self._waiting = {}

    def send(self, target, context, message, timeout_s=None, monitor_s=None, by=None):
        """Publish a message; for a call (with a *timeout_s*) return its id."""
        if not target.topic:
            raise InvalidTarget("A topic is required to send", target)
        msg_id = None
        if timeout_s is not None:
            msg_id = self.broker.new_id()
            message |= {"_msg_id": msg_id, "_reply_q": self._reply_queue(), "_timeout": monitor_s}
        message["_unique_id"] = self.broker.new_id()
        if target.fanout:
            exchange, key, timeout_s = f"{target.topic}_fanout", "", None
        else:
            exchange = target.exchange or self.control_exchange
            key = f"{target.topic}.{target.server}" if target.server else target.topic
        expiration = None if timeout_s is None else str(int(timeout_s * 1000))
        now, name = self.env.now, self.name
        self.broker.publish(
            Envelope(now, exchange, key, message, context, expiration, sender=name, by=by)
        )
        return msg_id

    def _reply_queue(self):
        if self.reply_q is None:
            self.reply_q = f"reply_{self.broker.new_id()}"
            self.broker.reply_queue(self.reply_q, self._answered, self.name)
        return self.reply_q

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
            reply = yield from self._wait(answer)
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


def _wait(event):
    return (yield event)


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
        self,
        timeout=_MARKER,
        version_cap=_MARKER,
        call_monitor_timeout=_MARKER,
        by=None,
        **target,
    ):
        """Return a client of the same transport with parts of its target replaced.

        Raises MessagingException for a version that is none.
        """
        if "version" in target:
            _check_version(target["version"])
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
        context, message = self._made(ctxt, method, kwargs)
        self.transport.send(self.target, context, message, by=self.by)

    def call(self, ctxt, method, **kwargs):
        """Send a message and wait: ``answer = yield from client.call(...)`` in a process.

        Raises as ``cast`` does, MessagingTimeout when no answer comes in time, and what was raised
        over there: as a class of Nova with "_Remote" in its name, or as RemoteError.
        """
        if self.target.fanout:
            raise InvalidTarget("A call cannot be used with fanout", self.target)
        context, message = self._made(ctxt, method, kwargs)
        timeout_s = RESPONSE_TIMEOUT_S if self.timeout_s is None else self.timeout_s
        monitor_s = self.monitor_s
        msg_id = self.transport.send(self.target, context, message, timeout_s, monitor_s, self.by)
        result = yield from self.transport.wait(msg_id, timeout_s, monitor_s)
        return self.serializer.deserialize_entity(ctxt, result)

    def _made(self, ctxt, method, kwargs):
        message = {"method": method, "args": self.serializer.serialize_entity(ctxt, kwargs)}
        if self.target.namespace is not None:
            message["namespace"] = self.target.namespace
        if self.target.version is not None:
            message["version"] = self.target.version
        if not self.can_send_version():
            raise RPCVersionCapError(self.target.version, self.version_cap)
        return self.serializer.serialize_context(ctxt), message


def _check_version(version):
    try:
        version_is_compatible(version, version)
    except (IndexError, ValueError):
        raise MessagingException(
            f"Version must contain a major and minor integer. Got {version}"
        ) from None
