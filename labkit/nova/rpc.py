"""How the services of Nova get the clients and servers of their messages (nova/rpc.py)."""

import inspect

from labkit.neighbours.messaging import RPCClient, RPCServer, Target, Transport
from labkit.neighbours.messaging.client import RESPONSE_TIMEOUT_S
from labkit.nova.objects.base import NovaObjectSerializer

#: The patience of a call that may take long: in all, and without a sign of life of its server.
#: Source: ``long_rpc_timeout`` in nova/conf/rpc.py, ``rpc_response_timeout`` of oslo.messaging.
LONG = {"timeout": 1800, "call_monitor_timeout": RESPONSE_TIMEOUT_S}


class RequestContextSerializer:
    """Leaves arguments to another serializer; a context travels as it is.

    Unlike Nova, which makes a new context of the 25 fields, the receiver has the sender's: nobody
    changes a context once it is made.

    Source: ``RequestContextSerializer`` in nova/rpc.py, Nova 34.0.0.
    """

    def __init__(self, base):
        self.serialize_entity = base.serialize_entity
        self.deserialize_entity = base.deserialize_entity

    def serialize_context(self, ctxt):
        """Return the context."""
        return ctxt

    def deserialize_context(self, ctxt):
        """Return the context."""
        return ctxt


class _Server(RPCServer):
    """Runs each method of a service in a thread of its own, whose context is the message's.

    Unlike in Nova, the method does not get the context, and an argument that is None is left out
    if it has a default, or is not modelled.
    """

    def __init__(self, service, topic):
        self.service = service
        super().__init__(
            service.transport,
            Target(topic=topic, server=service.host),
            [service],
            RequestContextSerializer(NovaObjectSerializer(service)),
        )

    @property
    def name(self) -> str:
        """What tables call the service."""
        return self.service.name

    def spawn(self, work, ctxt):
        """Begin to run a method; return the thread."""
        return self.service.start(work, ctxt)

    def invoke(self, function, ctxt, args):
        """Call a method with what was said."""
        required = _required(function)
        said = {name: arg for name, arg in args.items() if arg is not None or name in required}
        return function(**said)


def create_transport(service) -> Transport:
    """Return a service's way to the broker; an exception arrives as the one that was raised.

    Source: ``create_transport`` in nova/rpc.py, Nova 34.0.0.
    """
    broker, wait = service.site.broker, service.wait
    return Transport(broker, name=service.name, wait=wait, allowed_remote_exmods=None)


def get_client(service, target) -> RPCClient:
    """Return a service's client of a topic.

    Source: ``get_client`` in nova/rpc.py, Nova 34.0.0.
    """
    serializer = RequestContextSerializer(NovaObjectSerializer(service))
    return RPCClient(service.transport, target, serializer=serializer)


def get_server(service, topic) -> RPCServer:
    """Return the server by which a service reads what is sent to a topic.

    Source: ``get_server`` in nova/rpc.py, Nova 34.0.0.
    """
    return _Server(service, topic)


def unmodelled(names) -> dict:
    """Return the arguments that Nova sends with a message and the lab does not model: None."""
    return dict.fromkeys(names.split())


def _required(function):
    """Return the names of the parameters that have no default."""
    function = inspect.unwrap(function)
    code = function.__code__
    return code.co_varnames[: code.co_argcount - len(function.__defaults__ or ())]
