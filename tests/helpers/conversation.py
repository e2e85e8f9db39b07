"""One scripted conversation of services: the real oslo.messaging and labkit hold it alike.

A kit says it: ``kit.servers`` starts and stops, ``kit.send`` sends and returns what came back,
``kit.nap`` takes time in a method. ``SERVERS`` listen; each step of ``STEPS`` is over, with all
that it set off, before the next begins. ``Boom`` is of a module whose exceptions no caller rebuilds.
"""

import json
import re

REQUEST_ID = "req-11111111-1111-1111-1111-111111111111"
#: The arguments of the context that every message carries; the token is nobody's.
CONTEXT = {
    "user_id": "alice",
    "project_id": "physics",
    "roles": ["member"],
    "auth_token": "of alice",
    "request_id": REQUEST_ID,
    "timestamp": "2026-11-22T12:00:00.000000",
    "service_catalog": [{"type": "image", "name": "glance"}, {"type": "compute", "name": "nova"}],
}
#: topic, server: version per namespace of the endpoints that it has
SERVERS = {
    ("compute", "host1"): {None: "6.5"},
    ("compute", "host2"): {None: "6.5"},
    ("conductor", "cond1"): {None: "3.0", "compute_task": "1.26"},
    ("scheduler", "sched1"): {None: "4.5"},
    ("scheduler", "sched2"): {None: "4.5"},
}
#: What an Instance is on the wire; the real one sends an object that becomes this.
INSTANCE = {
    "nova_object.name": "Instance",
    "nova_object.namespace": "nova",
    "nova_object.version": "2.8",
    "nova_object.data": {"host": "host1", "uuid": "00000000-0000-0000-0000-000000000001"},
    "nova_object.changes": ["host"],
}


#: The base classes by which a caller may catch what he meets.
BASES = {
    "ArithmeticError", "Exception", "InstanceNotFound", "MessagingException", "NoValidHost",
    "NovaException", "ValueError",
}  # fmt: skip


class Boom(Exception):
    """Of no module that a caller may rebuild."""


def step(
    name, style="call", topic="compute", method="double", args=None, handled=1, sent=None, **more
):
    """Return a step: *handled* methods run, *sent* envelopes travel (a call: itself and a reply).

    *more*: ``prepare`` (its arguments), ``cap`` of the client, ``monitor_s`` (call monitor),
    ``stop`` or ``start`` (a server, before), ``anyone`` (which server takes it is open).
    """
    args = {"number": 21} if args is None else args
    sent = (2 if style == "call" else 1) if sent is None else sent
    return dict(
        more,
        name=name,
        style=style,
        topic=topic,
        method=method,
        args=args,
        handled=handled,
        sent=sent,
    )


HOST1, HOST2 = {"server": "host1"}, {"server": "host2"}
STEPS = [
    step("cast to a host", "cast", method="snapshot_instance", prepare={**HOST1, "version": "6.0"},
         args={"image_id": "img-1", "instance": INSTANCE}),
    step("call a host", prepare={**HOST1, "version": "6.5"}),
    step("call whoever listens", anyone=True),
    step("call whoever listens again", anyone=True),
    step("without a version it is 1.0", prepare={"server": "host1", "version": None}, handled=0),
    step("a namespace of its own", topic="conductor", prepare={"namespace": "compute_task", "version": "1.25"},
         method="migrate", args={"hosts": ["a", "b"], "nothing": None}),
    step("the same topic without it", topic="conductor", prepare={"version": "3.0"}),
    step("fanout", "cast", topic="scheduler", prepare={"fanout": True, "version": "4.2"},
         method="update_instance_info", args={"host_name": "host1", "instance_info": {"a": [1, 2.5]}}, handled=2),
    step("a tuple and a set arrive as JSON has them", method="echo", prepare=HOST1,
         args={"pair": (1, 2), "one": {7}, "text": "Ünïcode", "number": 1e3}),
    step("nothing comes back", method="nothing", prepare=HOST1, args={}),
    step("an exception of Nova", method="not_found", prepare=HOST1, args={}),
    step("an exception of Nova with a text of its own", method="refused", prepare=HOST1, args={}),
    step("an exception of Python", method="divide", prepare=HOST1, args={"number": 0}),
    step("an exception of another module", method="boom", prepare=HOST1, args={"why": "disk on fire"}),
    step("an exception that the server expects", method="expected", prepare=HOST1, args={}),
    step("a cast that fails", "cast", method="not_found", prepare=HOST1, args={}),
    step("a method that is not there", method="fly", prepare=HOST1, args={}, handled=0),
    step("a private method", method="_secret", prepare=HOST1, args={}, handled=0),
    step("an argument that is not wanted", prepare=HOST1, args={"number": 1, "colour": "red"}, handled=0),
    step("a newer version than the server has", prepare={**HOST1, "version": "6.6"}, handled=0),
    step("another major version", prepare={**HOST1, "version": "5.0"}, handled=0),
    step("a namespace that is not there", prepare={**HOST1, "namespace": "moon"}, handled=0),
    step("above the cap", prepare={**HOST1, "version": "6.5"}, cap="6.4", handled=0, sent=0),
    step("a cast above the cap", "cast", prepare={**HOST1, "version": "7.0"}, cap="6.4", handled=0, sent=0),
    step("at the cap", prepare={**HOST1, "version": "6.4"}, cap="6.4"),
    step("a call by fanout", prepare={"fanout": True}, handled=0, sent=0),
    step("no topic", topic=None, handled=0, sent=0),
    step("no version at all", prepare={"version": "new"}, handled=0, sent=0),
    step("a call to nobody", prepare={"server": "host9", "timeout": 0.3}, handled=0, sent=1),
    step("a cast to nobody", "cast", prepare={"server": "host9"}, handled=0),
    step("a topic that nobody listens to", topic="moon", prepare={"timeout": 0.3}, handled=0, sent=1),
    step("a slow host", method="sleep", prepare={**HOST1, "timeout": 0.3}, args={"seconds": 0.8}),
    step("a slow host that is watched", method="sleep", monitor_s=3,
         prepare={**HOST1, "timeout": 20}, args={"seconds": 2.2}, sent=3),
    step("a cast waits for a stopped host", "cast", stop=("compute", "host2"), prepare=HOST2, handled=0),
    step("a call takes the other host"),
    step("it gets it when it starts", "cast", start=("compute", "host2"), prepare=HOST1, handled=2),
]  # fmt: skip
#: What a RabbitMQ throws away and kombu's memory does not: a call's message whose time is over.
EXPIRING = [
    step("a call to a stopped host", stop=("compute", "host2"), handled=0, sent=1,
         prepare={**HOST2, "timeout": 0.3}),
    step("a cast to a stopped host", "cast", prepare=HOST2, args={"number": 1}, handled=0),
    step("it gets the cast alone", start=("compute", "host2"), prepare=HOST2, args={"number": 2}, handled=2),
]  # fmt: skip


def endpoints(kit, server, versions):
    """Return a server's endpoints: one for each namespace; each method notes that it ran."""
    return [
        _endpoint(kit, server, namespace, version)
        for namespace, version in sorted(versions.items(), key=str)
    ]


def _endpoint(kit, server, namespace, version):
    class Endpoint:
        target = kit.Target(namespace=namespace, version=version)

        def _ran(self, method, ctxt, **args):
            who = f"{type(ctxt).__name__} {ctxt.user_id} {ctxt.request_id}"
            kit.handled.append([server, namespace, method, args, who])

        def double(self, ctxt, number):
            self._ran("double", ctxt, number=number)
            return 2 * number

        def snapshot_instance(self, ctxt, image_id, instance):
            self._ran("snapshot_instance", ctxt, image_id=image_id)

        def migrate(self, ctxt, hosts, nothing):
            self._ran("migrate", ctxt, hosts=hosts, nothing=nothing)
            return {"host": hosts[0], "alternates": hosts[1:]}

        def update_instance_info(self, ctxt, host_name, instance_info):
            self._ran("update_instance_info", ctxt, host_name=host_name, info=instance_info)

        def echo(self, ctxt, **args):
            self._ran("echo", ctxt, **args)
            return args

        def nothing(self, ctxt):
            self._ran("nothing", ctxt)

        def not_found(self, ctxt):
            self._ran("not_found", ctxt)
            raise kit.exception.InstanceNotFound(instance_id="vm-1")

        def refused(self, ctxt):
            self._ran("refused", ctxt)
            raise kit.exception.NoValidHost("all are full", reason="")

        def divide(self, ctxt, number):
            self._ran("divide", ctxt, number=number)
            return 1 / number

        def boom(self, ctxt, why):
            self._ran("boom", ctxt, why=why)
            raise Boom(why)

        @kit.expected_exceptions(kit.exception.InstanceNotFound)
        def expected(self, ctxt):
            self._ran("expected", ctxt)
            raise kit.exception.InstanceNotFound(instance_id="vm-2")

        def sleep(self, ctxt, seconds):
            self._ran("sleep", ctxt, seconds=seconds)
            return kit.nap(seconds, "slept")

        def _secret(self, ctxt):
            self._ran("_secret", ctxt)

    return Endpoint()


def hold(kit, steps=STEPS) -> list:
    """Hold the conversation; return per step what came back, what ran and what was sent."""
    told = []
    for address, versions in SERVERS.items():
        kit.start(address, endpoints(kit, address[1], versions))
    for one in steps:
        if "stop" in one:
            kit.stop(one["stop"])
        if "start" in one:
            kit.start(one["start"], endpoints(kit, one["start"][1], SERVERS[one["start"]]))
        came = kit.send(one)
        kit.settle(one["handled"], one["sent"])
        ran = [["*", *one_ran[1:]] for one_ran in kit.handled] if "anyone" in one else kit.handled
        ran = sorted(ran, key=repr)
        told.append({"step": one["name"], "came": came, "ran": ran, "sent": list(kit.sent)})
        kit.handled.clear()
        kit.sent.clear()
    return told


def outcome(error) -> dict:
    """Return an exception as a caller meets it: its class, its bases, and its text's first line."""
    module = type(error).__module__
    if not module.endswith("_Remote"):
        module = getattr(type(error), "home", module)
    return {
        "raised": type(error).__name__,
        "module": module,
        "bases": [base.__name__ for base in type(error).__mro__[1:] if base.__name__ in BASES],
        "text": str(error).split("\n")[0],
        "is_remote_text": "Traceback" in str(error),
        "kwargs": getattr(error, "kwargs", None),
    }


def masked(told):
    """Return a conversation with its ids as id1, id2, ..., and short tracebacks."""
    told["queues"].sort(key=lambda queue: re.sub("_[0-9a-f]{32}", "_", queue["queue"]))
    for one in told["steps"]:
        one["sent"] = [opened(envelope) for envelope in one["sent"]]
    text, names = json.dumps(told), {}
    text = re.sub(
        r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])",
        lambda found: names.setdefault(found.group(), f"id{len(names) + 1}"),
        text,
    )
    return json.loads(text)


def opened(envelope):
    """Return an envelope with its body taken apart: what is text in it, and what that holds."""
    outer = json.loads(envelope.pop("body"))
    message = json.loads(outer["oslo.message"])
    envelope["outer"] = {key: type(value).__name__ for key, value in outer.items()}
    envelope["oslo.version"] = outer["oslo.version"]
    if message.get("failure"):
        failure = json.loads(message["failure"])
        lines = [line for line in failure["tb"] if line.strip()]
        failure["tb"] = [lines[0], lines[-1]]
        message["failure"] = failure
    envelope["message"] = message
    return envelope
