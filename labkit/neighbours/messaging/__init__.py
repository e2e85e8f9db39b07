"""How services talk: oslo.messaging 18.3.1 over a RabbitMQ, on a simulated clock.

broker = Broker(latency_s=0.001)
transport = Transport(broker)
RPCServer(transport, Target(topic="compute", server="host1"), [manager]).start()
client = RPCClient(transport, Target(topic="compute", version="6.0"))
broker.run(client.prepare(server="host1").call(context, "stop_instance", instance=...))
"""

from labkit.neighbours.messaging.broker import Broker
from labkit.neighbours.messaging.client import RPCClient, Transport
from labkit.neighbours.messaging.exceptions import (
    InvalidTarget,
    MessagingException,
    MessagingTimeout,
    RemoteError,
    RPCVersionCapError,
)
from labkit.neighbours.messaging.serializer import JsonPayloadSerializer
from labkit.neighbours.messaging.server import RPCServer, expected_exceptions
from labkit.neighbours.messaging.target import Target, version_is_compatible

__all__ = [
    "Broker",
    "InvalidTarget",
    "JsonPayloadSerializer",
    "MessagingException",
    "MessagingTimeout",
    "RPCClient",
    "RPCServer",
    "RPCVersionCapError",
    "RemoteError",
    "Target",
    "Transport",
    "expected_exceptions",
    "version_is_compatible",
]
