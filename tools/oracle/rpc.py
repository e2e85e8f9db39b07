"""The real oslo.messaging, as nova/rpc.py uses it, holds tests/helpers/conversation.py.

What its producer hands to the transport is caught there: the same place for kombu+memory:// and
for a RabbitMQ; what comes out of a queue is kept beside it. Ids are masked in order of appearance, a traceback keeps its first and last line.
"""

import contextlib
import logging
import threading
import time
import warnings
from unittest import mock

from tools.oracle import installed as real

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import kombu
    import nova.rpc
    import oslo_messaging
    from kombu.messaging import Producer
    from nova.objects import base as objects_base
    from oslo_messaging._drivers import impl_rabbit

from tests.helpers import conversation

MEMORY = "kombu+memory://"
LIMIT_S = 15


class Kit:
    """What the conversation needs, of the real library."""

    Target = oslo_messaging.Target
    exception = real.exception
    expected_exceptions = staticmethod(oslo_messaging.expected_exceptions)

    def __init__(self):
        self.handled, self.sent, self.running = [], [], {}
        self.put, self.taken = [], []  # every envelope as it is, and as it came out of a queue
        self.queues, self.lock = {}, threading.Lock()
        self.serializer = objects_base.NovaObjectSerializer()

    def nap(self, seconds, result):
        """Sleep on the server."""
        time.sleep(seconds)
        return result

    def start(self, address, endpoints):
        """Start a server."""
        target = oslo_messaging.Target(topic=address[0], server=address[1])
        server = nova.rpc.get_server(target, endpoints, self.serializer)
        server.start()
        self.running[address] = server

    def stop(self, address):
        """Stop a server; its queues stay."""
        server = self.running.pop(address)
        server.stop()
        server.wait()

    def send(self, step):
        """Send what a step says; return what came back."""
        target = oslo_messaging.Target(topic=step["topic"])
        if step["topic"] == "compute":
            target = target(version="6.0")
        client = nova.rpc.get_client(
            target, step.get("cap"), self.serializer, call_monitor_timeout=step.get("monitor_s")
        )
        context = real.context.RequestContext(**conversation.CONTEXT, is_admin=False)
        args = {
            name: _instance(value) if value is conversation.INSTANCE else value
            for name, value in step["args"].items()
        }
        try:
            prepared = client.prepare(**step.get("prepare", {}))
            came = getattr(prepared, step["style"])(context, step["method"], **args)
        except Exception as error:
            return conversation.outcome(error)
        return {"returned": came}

    def settle(self, handled, sent):
        """Wait until so much has happened; more would be seen in the next step."""
        until = time.monotonic() + LIMIT_S
        while len(self.handled) < handled or len(self.sent) < sent:
            if time.monotonic() > until:
                raise TimeoutError(f"{self.handled}, {self.sent}")
            time.sleep(0.01)
        time.sleep(0.02)

    def published(self, producer, body, priority, content_type, encoding, headers, properties,
                  routing_key, mandatory, immediate, exchange, *rest, **more):  # fmt: skip
        """Note an envelope."""
        envelope = {
            "exchange": exchange,
            "routing_key": routing_key,
            "content_type": content_type,
            "content_encoding": encoding,
            "priority": priority,
            "delivery_mode": properties.get("delivery_mode"),
            "expiration": properties.get("expiration"),
            "body": body if isinstance(body, str) else body.decode(),
        }
        with self.lock:
            self.put.append(dict(envelope))
            self.sent.append(envelope)

    def arrived(self, message):
        """Note what came out of a queue."""
        with self.lock:
            self.taken.append(
                {
                    "exchange": message.delivery_info["exchange"],
                    "routing_key": message.delivery_info["routing_key"],
                    "content_type": message.content_type,
                    "content_encoding": message.content_encoding,
                    "priority": message.properties["priority"],
                    "delivery_mode": message.properties["delivery_mode"],
                    "expiration": message.properties.get("expiration"),
                    "body": message.body
                    if isinstance(message.body, str)
                    else message.body.decode(),
                }
            )

    def declared(self, queue):
        """Note a queue, and where it is bound."""
        with self.lock:
            self.queues[queue.name] = {
                "queue": queue.name,
                "exchange": queue.exchange.name,
                "type": queue.exchange.type,
                "routing_key": queue.routing_key,
                "exchange_auto_delete": queue.exchange.auto_delete,
                "auto_delete": queue.auto_delete,
                "durable": queue.durable,
                "arguments": queue.queue_arguments or {},
            }


def _instance(primitive):
    """Return Nova's own Instance with the fields and the changes of a primitive."""
    data = primitive["nova_object.data"]
    instance = real.objects.Instance(**data)
    instance.obj_reset_changes(set(data) - set(primitive["nova_object.changes"]))
    return instance


@contextlib.contextmanager
def _caught(kit):
    """Let the kit see what is published, declared, and taken."""
    publish, declare = Producer._publish, kombu.Queue.declare
    take = impl_rabbit.RabbitMessage.__init__

    def publishing(producer, *args, **kwargs):
        kit.published(producer, *args, **kwargs)
        return publish(producer, *args, **kwargs)

    def declaring(queue, *args, **kwargs):
        kit.declared(queue)
        return declare(queue, *args, **kwargs)

    def taking(message, raw_message):
        kit.arrived(raw_message)
        return take(message, raw_message)

    with (
        mock.patch.object(impl_rabbit.RabbitMessage, "__init__", taking),
        mock.patch.object(Producer, "_publish", publishing),
        mock.patch.object(kombu.Queue, "declare", declaring),
    ):
        yield


def hold(url=MEMORY, steps=conversation.STEPS, kit=None) -> dict:
    """Hold the conversation over a transport; return it with its ids masked."""
    kit = kit or Kit()
    logging.disable(logging.CRITICAL)
    conf = real.CONF
    oslo_messaging.set_transport_defaults("nova")
    try:
        with warnings.catch_warnings(), _caught(kit):
            warnings.simplefilter("ignore")
            nova.rpc.TRANSPORT = nova.rpc.create_transport(url)
            conf.set_override("heartbeat_timeout_threshold", 0, group="oslo_messaging_rabbit")
            try:
                steps = conversation.hold(kit, steps)
            finally:
                for address in list(kit.running):
                    kit.stop(address)
                nova.rpc.TRANSPORT.cleanup()
                nova.rpc.TRANSPORT = None
                conf.clear_override("heartbeat_timeout_threshold", group="oslo_messaging_rabbit")
    finally:
        logging.disable(logging.NOTSET)
    return conversation.masked({"steps": steps, "queues": list(kit.queues.values())})
