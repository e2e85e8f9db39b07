"""How the services of Nova get the clients and servers of their messages (nova/rpc.py)."""

import inspect
from functools import cache

from labkit.neighbours.messaging import RPCClient, RPCServer, Target, Transport
from labkit.neighbours.messaging.client import RESPONSE_TIMEOUT_S
from labkit.nova.clock import Message, Reply
from labkit.nova.objects.base import NovaObjectSerializer

#: The patience of a call that may take long: in all, and without a sign of life of its server.
#: Source: ``long_rpc_timeout`` in nova/conf/rpc.py, ``rpc_response_timeout`` of oslo.messaging.
LONG = {"timeout": 1800, "call_monitor_timeout": RESPONSE_TIMEOUT_S}

#: Where all that is sent to one service is handed in. Source: ``control_exchange`` in nova/config.py.
EXCHANGE = "nova"


class RequestContextSerializer(NovaObjectSerializer):
    """Copies arguments; a context travels as it is.

    Unlike Nova, which makes a new context of the 25 fields, the receiver has the sender's: nobody
    changes a context once it is made.
    """

    def serialize_context(self, ctxt):
        """Return the context."""
        return ctxt


class _Server(RPCServer):
    """Runs each method of a service in a thread of its own, whose context is the message's.

    Unlike in Nova, the method does not get the context, and an argument that is None is left out
    if it has a default, or is not modelled.
    """

    def __init__(self, service, topic):
        self.spawn = service.start
        super().__init__(
            service.transport,
            Target(topic=topic, server=service.host),
            [service],
            service.serializer,
            service.name,
        )

    def arguments(self, function, _ctxt, args):
        """Return no list, and a dict of what was said."""
        required = _required(function.__func__)
        return [], {name: arg for name, arg in args.items() if arg is not None or name in required}


def create_transport(service) -> Transport:
    """Return a service's way to the broker; an exception arrives as the one that was raised."""
    return Transport(service.site.broker, EXCHANGE, service.name, allowed_remote_exmods=None)


def get_client(service, target) -> RPCClient:
    """Return a service's client of a topic."""
    return RPCClient(service.transport, target, serializer=service.serializer)


def get_server(service, topic) -> RPCServer:
    """Return the server by which a service reads what is sent to a topic."""
    return _Server(service, topic)


@cache
def unmodelled(names) -> dict:
    """Return the arguments that Nova sends with a message and the lab does not model: None."""
    return dict.fromkeys(names.split())


def message_of(envelope) -> Message:
    """Return the record of a message that is sent."""
    content, context, exchange = envelope.content, envelope.context, envelope.exchange
    topic, _, server = (envelope.routing_key or exchange.removesuffix("_fanout")).partition(".")
    args, method = content["args"], content["method"]
    about = args.get("instance") or next(iter(args.get("instances", ())), None)
    return Message(
        envelope.t_s,
        envelope.sender,
        about and about.name,
        "call" if "_msg_id" in content else "cast",
        topic,
        server or None,
        content.get("namespace"),
        method,
        content["version"],
        tuple(sorted(args)),
        exchange != EXCHANGE,
        envelope.by,
        f"{topic.removesuffix('-alt')}/rpcapi.py:{method}",
        False,
        context.is_admin,
        context.request_id,
    )


def reply_of(envelope, call) -> Reply:
    """Return the record of an answer to a call."""
    error, hosts = envelope.content["failure"], None
    if call.method == "select_destinations" and error is None:
        selected = envelope.content["result"]
        hosts = tuple((selection.host, *selection.alternates) for selection in selected)
    raised, name, method = error and type(error).__name__, call.instance, call.method
    return Reply(envelope.t_s, envelope.sender, name, method, raised, hosts, call.request_id)


@cache
def _required(function):
    parameters = inspect.signature(function).parameters.values()
    return {one.name for one in parameters if one.default is one.empty}
