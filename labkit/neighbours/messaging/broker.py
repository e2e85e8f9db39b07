"""The broker in the middle: exchanges, queues, who is bound to what, and who reads."""

import json
import random
from collections import deque
from collections.abc import Generator
from typing import NamedTuple

from labkit.neighbours.arguments import known, number, of_type, shown, whole

#: Milliseconds after which a queue without readers goes. Source: ``rabbit_transient_queues_ttl``.
TRANSIENT_QUEUE_MS = 1_800_000


class Taken(NamedTuple):
    """A reader took an envelope from a queue."""

    t_s: float
    reader: str
    queue: str
    envelope: tuple


class Queue:
    """Messages in order, and the readers, who take turns."""

    def __init__(self, name, arguments):
        self.name = name
        self.arguments = arguments
        self.ready = deque()
        self.consumers = []


class Broker:
    """Carries envelopes from exchanges to queues and from there to who reads them.

    In: *latency_s*, the seconds that each message takes from its sender to its reader (a number,
    or a function of the envelope that gives one); *env*, a simpy environment to share a clock;
    *seed*, of the ids; *fault*, a function of the envelope that returns whether it is lost, and
    the seconds that it is late.
    ``on_the_way`` counts what has been sent and has not arrived.
    ``log`` holds every envelope that was published, ``taken`` who took which, ``messages`` is a
    table of both; ``queues`` holds what waits where, ``bindings`` which queues an exchange leads to
    under which routing key. What no queue is bound for is dropped without a word; what no reader
    takes waits, a call's message until its caller gives up.

    >>> broker = Broker()
    >>> broker.queue_declare("compute", "nova", "topic", "compute")
    >>> broker.bindings["nova"]
    {'compute': ['compute']}

    Source: ``declare_*_consumer`` and ``*_send`` in oslo_messaging/_drivers/impl_rabbit.py,
    oslo.messaging 18.3.1; what a RabbitMQ 3.10 does with an expiration.
    """

    def __init__(self, latency_s=0, env=None, seed=0, fault=lambda _: (False, 0.0)):
        import simpy

        self.env = simpy.Environment() if env is None else env
        if not callable(latency_s):
            number("latency_s", latency_s, "a number of seconds from 0, or a function", 0)
        of_type(env, simpy.Environment | None, "not a simpy environment", "env")
        self.latency_s = latency_s if callable(latency_s) else lambda _: latency_s
        self.exchanges = {"": "direct"}
        self.bindings = {"": {}}
        self.queues = {}
        self.log, self.taken, self.dropped = [], [], []
        self.fault = fault
        self.on_the_way = 0
        self._rng = random.Random(whole("seed", seed, ", as in seed=17"))

    def new_id(self) -> str:
        """Return 32 hexadecimal digits that nothing else has here, the same in every run."""
        return f"{self._rng.getrandbits(128):032x}"

    def queue_declare(self, name, exchange, kind, routing_key, arguments=None):
        """Declare a queue, its exchange, and bind them; what is there already stays."""
        _texts(name=name, exchange=exchange, routing_key=routing_key)
        known(kind, ("direct", "topic", "fanout"), "unknown kind")
        of_type(arguments, dict | None, "not a dict, as in {'x-expires': 1800000}", "arguments")
        self._declare(name, exchange, kind, routing_key, arguments)

    def _declare(self, name, exchange, kind, routing_key, arguments=None):
        self.exchanges.setdefault(exchange, kind)
        new = name not in self.queues
        if new:
            self.queues[name] = Queue(name, arguments or {})
            self.bindings[""][name] = [name]  # the default exchange leads to every queue
        if exchange:
            bound = self.bindings.setdefault(exchange, {}).setdefault(routing_key, [])
            if new or name not in bound:
                bound.append(name)

    def serve(self, exchange, topic, server, callback, reader):
        """Declare the three queues of a server, and let it read what waits in them, and what comes.

        Source: ``listen`` in oslo_messaging/_drivers/amqpdriver.py, oslo.messaging 18.3.1.
        """
        _texts(topic=topic, server=server, exchange=exchange)
        own, fanout = f"{topic}.{server}", f"{topic}_fanout_{self.new_id()}"
        self._declare(topic, exchange, "topic", topic)
        self._declare(own, exchange, "topic", own)
        ttl = {"x-expires": TRANSIENT_QUEUE_MS}
        self._declare(fanout, f"{topic}_fanout", "fanout", topic, ttl)
        for name in (topic, own, fanout):
            self.consume(name, callback, reader)

    def reply_queue(self, name, callback, reader):
        """Declare the queue that a process reads the answers to its calls from."""
        self.queue_declare(name, "", "direct", "", {"x-expires": TRANSIENT_QUEUE_MS})
        self.consume(name, callback, reader)

    def consume(self, name, callback, reader):
        """Let a reader, who has a name, take what waits in a queue, and what comes."""
        known(name, self.queues, "there is no queue")
        if not callable(callback):
            raise TypeError(f"callback = {shown(callback)} is not a function of an envelope")
        queue = self.queues[name]
        queue.consumers.append((reader, callback))
        while queue.ready:
            envelope = queue.ready.popleft()
            if self.env.now < envelope.expires_s:
                self.taken.append(Taken(self.env.now, reader, name, envelope))
                callback(envelope)

    def cancel(self, callback):
        """Let a reader go; its queues stay."""
        for queue in self.queues.values():
            queue.consumers = [one for one in queue.consumers if one[1] != callback]

    def publish(self, envelope):
        """Take an envelope; it reaches its queues after the latency, unless it is lost."""
        self.log.append(envelope)
        lost, late_s = self.fault(envelope)
        if not lost:
            self.on_the_way += 1
            arrival = self.env.timeout(self.latency_s(envelope) + late_s, envelope)
            arrival.callbacks.append(self._arrived)

    def _arrived(self, arrival):
        envelope = arrival.value
        self.on_the_way -= 1
        bound = self.bindings.get(envelope.exchange, {})
        if self.exchanges.get(envelope.exchange) == "fanout":
            names = [name for queues in bound.values() for name in queues]
        else:
            names = bound.get(envelope.routing_key, ())
        if not names:
            self.dropped.append(envelope)
        for name in names:
            queue = self.queues[name]
            if queue.consumers:
                reader, callback = turn = queue.consumers.pop(0)
                queue.consumers.append(turn)
                self.taken.append(Taken(self.env.now, reader, name, envelope))
                callback(envelope)
            else:
                queue.ready.append(envelope)

    def waiting(self) -> dict:
        """Return how many messages wait in each queue that has any, those expired left out."""
        now = self.env.now
        counts = {
            name: sum(now < envelope.expires_s for envelope in queue.ready)
            for name, queue in self.queues.items()
        }
        return {name: count for name, count in counts.items() if count}

    @property
    def messages(self):
        """Every message and who took it, a DataFrame; its columns: labkit/tables/__init__.py."""
        return _messages_of(self)

    def run(self, call):
        """Run the clock until a call has come back; return what it brought, or raise it."""
        of_type(call, Generator, "not a call: write broker.run(client.call(...))", "call")
        return self.env.run(until=self.env.process(call))


_MESSAGES = (
    "seq t_s kind sender exchange routing_key topic server namespace method version args "
    "taken_s lost"
).split()


def _texts(**given):
    for name, value in given.items():
        of_type(value, str, "not a text, as in 'compute'", name)


def _messages_of(broker):
    import pandas as pd

    taken, asked = {}, {}
    for one in broker.taken:
        taken.setdefault(one.envelope.message["_unique_id"], []).append(one)
    dropped = {envelope.message["_unique_id"] for envelope in broker.dropped}
    rows = []
    for seq, envelope in enumerate(broker.log):
        message = envelope.message
        msg_id, unique_id = message.get("_msg_id"), message["_unique_id"]
        kind = _kind(broker, envelope, message)
        if kind == "call":
            asked[msg_id] = message["method"]
        for one in taken.get(unique_id, [None]):
            topic, server = _address(envelope, one) if envelope.exchange else (None, None)
            rows.append(
                (
                    seq,
                    envelope.t_s,
                    kind,
                    envelope.sender,
                    envelope.exchange,
                    envelope.routing_key,
                    topic,
                    server,
                    message.get("namespace"),
                    message["method"] if envelope.exchange else asked.get(msg_id),
                    message.get("version"),
                    _args(message),
                    one.t_s if one else float("nan"),
                    unique_id in dropped,
                )
            )
    numbers = {"seq": int, "t_s": float, "taken_s": float, "lost": bool}
    return pd.DataFrame(rows, columns=_MESSAGES, dtype=object).astype(numbers)


def _kind(broker, envelope, message):
    if not envelope.exchange:
        return "reply" if message["ending"] else "heartbeat"
    if broker.exchanges.get(envelope.exchange) == "fanout":
        return "fanout"
    return "call" if "_msg_id" in message else "cast"


def _address(envelope, taken):
    # Topic and server: of the address, and of who took it where the address leaves it open.
    if taken:
        return taken.reader.split("@", 1)
    topic, _, server = envelope.routing_key.partition(".")
    return topic or envelope.exchange.removesuffix("_fanout"), server or None


def _args(message):
    if "failure" in message:
        return json.loads(message["failure"])["class"] if message["failure"] else ""
    return ",".join(sorted(message["args"]))
