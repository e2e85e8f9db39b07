"""What is on the wire: the two layers of an envelope, and an exception as text.

Source: oslo_messaging/_drivers/{common,amqp,amqpdriver}.py, oslo.messaging 18.3.1.
"""

import json
from typing import NamedTuple

from labkit.neighbours.messaging.exceptions import RemoteError

#: The version of the outer layer.
ENVELOPE_VERSION = "2.0"
CONTEXT_PREFIX = "_context_"


class Envelope(NamedTuple):
    """A message as it travels: the address, the properties, and what is in it.

    ``content`` is the inner layer as the sender's serializer left it, ``context`` who asks (None in
    a reply); they become text when the envelope is opened: ``message``, ``outer``, ``body``.
    ``expiration`` is in milliseconds as text: only a call's message expires, when nobody waits for
    its answer any more. ``t_s``, ``sender`` and ``by`` (the function of Nova that sent it) are the
    lab's own: no message on the wire says when and by whom it was sent.
    """

    t_s: float
    exchange: str
    routing_key: str
    content: dict
    context: object = None
    expiration: str | None = None
    content_type: str = "application/json"
    content_encoding: str = "utf-8"
    delivery_mode: int = 2
    priority: int = 0
    sender: str | None = None
    by: str | None = None

    @property
    def outer(self) -> dict:
        """The outer layer: its version, and the message as text."""
        message = as_json(self.content)
        if self.context is not None:
            for key, value in self.context.to_dict().items():
                message[CONTEXT_PREFIX + key] = value
        return serialize_msg(message)

    @property
    def body(self) -> str:
        """The bytes on the wire as text: JSON that holds JSON."""
        return json.dumps(self.outer)

    @property
    def message(self) -> dict:
        """The inner layer, taken out of its text."""
        return json.loads(self.outer["oslo.message"])

    @property
    def expires_s(self) -> float:
        """When it is thrown away if nobody has taken it."""
        return self.t_s + int(self.expiration) / 1000 if self.expiration else float("inf")


def serialize_msg(message) -> dict:
    """Return the outer layer around a message: its version, and the message as text.

    >>> serialize_msg({"method": "stop"})
    {'oslo.version': '2.0', 'oslo.message': '{"method": "stop"}'}
    """
    return {"oslo.version": ENVELOPE_VERSION, "oslo.message": json.dumps(message)}


def as_json(entity):
    """Return what JSON knows: of an object its primitive, of an exception its text."""
    if isinstance(entity, dict):
        return {key: as_json(value) for key, value in entity.items()}
    if isinstance(entity, list | tuple | set):
        return [as_json(value) for value in entity]
    if isinstance(entity, Exception):
        return serialize_remote_exception(entity)
    return as_json(entity.obj_to_primitive()) if hasattr(entity, "obj_to_primitive") else entity


def home_of(cls) -> str:
    """Return the module that Nova, or the library, has an exception's class in."""
    return getattr(cls, "home", cls.__module__.removeprefix("labkit."))


def serialize_remote_exception(error) -> str:
    """Return an exception as the text that a reply carries.

    Unlike the real one, the traceback keeps its first and its last line alone.
    """
    name, module = type(error).__name__, home_of(type(error))
    if name.endswith("_Remote") and type(error).__module__.endswith("_Remote"):
        name = name.removesuffix("_Remote")
    kwargs = dict(getattr(error, "kwargs", {}))
    if hasattr(error, "msg_fmt"):  # one of Nova's
        kwargs.setdefault("code", error.code)
    full = name if module == "builtins" else f"{module}.{name}"
    last = f"{full}: {error}\n" if str(error) else f"{full}\n"
    failure = {
        "class": name,
        "module": module,
        "message": str(error),
        "tb": ["Traceback (most recent call last):\n", last],
        "args": error.args,
        "kwargs": kwargs,
    }
    return json.dumps(failure)


def deserialize_remote_exception(error, allowed) -> Exception:
    """Return the exception that a caller meets: rebuilt where its module is allowed, else RemoteError.

    In: the exception that was raised over there. Where *allowed* is None that itself arrives, as
    with oslo.messaging's transport "fake". A rebuilt one of Nova is of a class of its own, with
    "_Remote" in its name, derived from the class over there; its text carries the traceback.
    """
    if allowed is None:
        return error
    failure, cls = json.loads(serialize_remote_exception(error)), type(error)
    name, module, trace = failure["class"], failure["module"], failure["tb"]
    remote = RemoteError(name, failure["message"], trace)
    text = failure["message"] + "\n" + "\n".join(trace)
    if module == "builtins":
        try:
            made = cls(*failure["args"], **failure["kwargs"])
        except TypeError:
            return remote
        made.args = (text, *made.args[1:])
        return made
    if module not in allowed:
        return remote
    names = {"__str__": lambda _: text, "__module__": f"{module}_Remote"}
    made = cls.__new__(type(f"{name}_Remote", (cls,), names))
    made.__dict__.update(vars(error), kwargs=failure["kwargs"])
    made.args = error.args
    return made
