"""What was sent, and what was answered, each as it was then; envelopes are made when opened."""

import uuid as uuids

from labkit.neighbours.messaging.envelope import (
    Envelope,
    pack_context,
    serialize_msg,
    serialize_remote_exception,
)
from labkit.nova.objects.primitive import selection, to_primitive
from labkit.nova.rpcapi import LONG

#: Seconds until a caller gives up. Source: ``rpc_response_timeout`` of oslo.messaging.
RESPONSE_TIMEOUT_S = 60
#: Seconds that a call of rpcapi.LONG may take. Source: ``long_rpc_timeout`` in nova/conf/rpc.py.
LONG_TIMEOUT_S = 1800
EXCHANGE = "nova"


class Sent:
    """A message that was sent: everything as it was then, and how its receiver begins.

    It lies in the broker's queues in the place of its envelope, which is made when it is opened.
    """

    def __init__(self, sender, target, method, server, instance, kwargs, context):
        self.t_s = sender.site.env.now
        self.seq = len(sender.site.trace)
        self.sender = sender
        self.target = target
        self.method = method
        self.server = server
        self.instance = instance
        self.kwargs = kwargs
        self.context = context
        self.is_call = False
        self.deliver = None
        self.reader = None

    @property
    def timeout_s(self) -> int:
        """How long the caller waits at most."""
        return LONG_TIMEOUT_S if self.method in LONG else RESPONSE_TIMEOUT_S

    @property
    def exchange(self) -> str:
        """Where it is handed to the broker."""
        return f"{self.target.topic}_fanout" if self.target.fanout else EXCHANGE

    @property
    def routing_key(self) -> str:
        """Which queues it is for."""
        topic, server = self.target.topic, self.server
        if self.target.fanout:
            return ""
        return f"{topic}.{server}" if server else topic

    @property
    def expires_s(self) -> float:
        """When it is thrown away if nobody has taken it."""
        return self.t_s + self.timeout_s if self.is_call else float("inf")

    @property
    def msg_id(self) -> str:
        """The id by which its answer finds the caller."""
        return _hex("call", self.seq)

    def envelope(self) -> Envelope:
        """Return its envelope.

        Unlike in Nova, an argument that the lab does not model is null.
        """
        message = {"method": self.method, "args": self._args()}
        if self.target.namespace is not None:
            message["namespace"] = self.target.namespace
        message["version"] = self.target.version
        expiration = None
        if self.is_call:
            expiration = str(self.timeout_s * 1000)
            monitor_s = RESPONSE_TIMEOUT_S if self.method in LONG else None
            reply_q = self.sender.site.bus.reply_queue(self.sender)
            message |= {"_msg_id": self.msg_id, "_reply_q": reply_q, "_timeout": monitor_s}
        message["_unique_id"] = _hex("message", self.seq)
        pack_context(message, self.context.to_dict())
        return Envelope(
            self.t_s,
            self.exchange,
            self.routing_key,
            serialize_msg(message),
            expiration,
            sender=self.sender.name,
        )

    def _args(self):
        """Return the arguments by Nova's names, as Nova's types."""
        given = {"instance": self.instance, "instances": [self.instance]} | self.kwargs
        if self.target.topic == "scheduler":
            given = {"host_name": self.sender.host, "return_objects": True} | given
            given = {"return_alternates": True} | given
            uuid_of = self.sender.site.uuid_of
            given["instance_uuids"] = [uuid_of(name) for name in given.get("instance_uuids", ())]
        if given.get("host_list") is not None:
            given["host_list"] = [selection(host) for host in given["host_list"]]
        if "host_lists" in given:
            given["host_lists"] = [[selection(h) for h in hosts] for hosts in given["host_lists"]]
        if isinstance(given.get("image"), str):
            given["image"] = {"id": given["image"]}
        return {name: to_primitive(given.get(name)) for name in self.target.args}


class Answer:
    """The answer to a call, as it was when it was given."""

    def __init__(self, service, sent, value, error):
        self.t_s = service.site.env.now
        self.seq = len(service.site.trace)
        self.service = service
        self.sent = sent
        self.value = value
        self.error = error

    def envelope(self) -> Envelope:
        """Return its envelope."""
        failure = None if self.error is None else serialize_remote_exception(self.error)
        message = {
            "result": _result(self.sent.method, self.value),
            "failure": failure,
            "ending": True,
            "_msg_id": self.sent.msg_id,
            "_unique_id": _hex("message", self.seq),
        }
        reply_q = self.service.site.bus.reply_queue(self.sent.sender)
        return Envelope(self.t_s, "", reply_q, serialize_msg(message), sender=self.service.name)


def hosts_of(method, value):
    """Return, for select_destinations, per server the host and its alternates."""
    if method != "select_destinations":
        return None
    return tuple((selection.host, *selection.alternates) for selection in value)


def _result(method, value):
    """Return what travels of an answer."""
    if method == "select_destinations" and value is not None:
        return [[selection(host) for host in hosts] for hosts in hosts_of(method, value)]
    return to_primitive(value)


def _hex(kind, seq) -> str:
    return uuids.uuid5(uuids.NAMESPACE_DNS, f"{kind}/{seq}").hex
