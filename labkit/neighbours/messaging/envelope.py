"""What is on the wire: the two layers of an envelope, and an exception as text.

Source: oslo_messaging/_drivers/{common,amqp,amqpdriver}.py, oslo.messaging 18.3.1.
"""

import builtins
import json
from typing import NamedTuple

from labkit.neighbours.messaging.exceptions import RemoteError
from labkit.nova import exception

#: The version of the outer layer.
ENVELOPE_VERSION = "2.0"
#: Modules whose exceptions a caller of Nova rebuilds. Source: ALLOWED_EXMODS in nova/rpc.py.
ALLOWED = ("nova.exception",)
CONTEXT_PREFIX = "_context_"


class Envelope(NamedTuple):
    """A message as it travels: the address, the properties, and the outer layer with its text.

    ``expiration`` is in milliseconds as text: only a call's message expires, when nobody waits for
    its answer any more. ``t_s`` and ``sender`` are the lab's own: no message on the wire says when
    and by whom it was sent.
    """

    t_s: float
    exchange: str
    routing_key: str
    outer: dict
    expiration: str | None = None
    content_type: str = "application/json"
    content_encoding: str = "utf-8"
    delivery_mode: int = 2
    priority: int = 0
    sender: str | None = None

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


def pack_context(message, context):
    """Put each field of a context into a message, under a name of its own."""
    for key, value in context.items():
        message[CONTEXT_PREFIX + key] = value


def unpack_context(message) -> dict:
    """Take the context out of a message, and return it."""
    names = [key for key in message if key.startswith(CONTEXT_PREFIX)]
    return {name[len(CONTEXT_PREFIX) :]: message.pop(name) for name in names}


def home_of(cls) -> str:
    """Return the module that Nova has an exception's class in."""
    if issubclass(cls, exception.NovaException):
        return getattr(cls, "home", "nova.exception")
    return getattr(cls, "home", cls.__module__)


def serialize_remote_exception(error) -> str:
    """Return an exception as the text that a reply carries.

    Unlike the real one, the traceback keeps its first and its last line alone.
    """
    name, module = type(error).__name__, home_of(type(error))
    if name.endswith("_Remote") and type(error).__module__.endswith("_Remote"):
        name = name.removesuffix("_Remote")
    kwargs = dict(getattr(error, "kwargs", {}))
    if isinstance(error, exception.NovaException):
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


def deserialize_remote_exception(text, allowed=ALLOWED) -> Exception:
    """Return the exception that a caller meets: rebuilt where its module is allowed, else RemoteError.

    A rebuilt one of Nova is of a class of its own, with "_Remote" in its name, derived from the
    class over there; its text carries the traceback.
    """
    failure = json.loads(text)
    name, module, trace = failure["class"], failure["module"], failure["tb"]
    remote = RemoteError(name, failure["message"], trace)
    text = failure["message"] + "\n" + "\n".join(trace)
    if module == "builtins":
        cls = getattr(builtins, name, None)
        if not (isinstance(cls, type) and issubclass(cls, Exception)):
            return remote
        try:
            error = cls(*failure["args"], **failure["kwargs"])
        except TypeError:
            return remote
        error.args = (text, *error.args[1:])
        return error
    cls = vars(exception).get(name)
    if module not in allowed or cls is None or home_of(cls) != module:
        return remote
    names = {"__str__": lambda error: text, "__module__": f"{module}_Remote"}
    error = cls.__new__(type(f"{name}_Remote", (cls,), names))
    # some classes of the lab take other arguments than their text
    exception.NovaException.__init__(error, *failure["args"], **failure["kwargs"])
    return error
