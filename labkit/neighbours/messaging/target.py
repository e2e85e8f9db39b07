"""Where a message goes, and which versions understand each other."""

from functools import cache

from labkit.neighbours.arguments import of_type, shown

_TEXT = str | None
_FIELDS = ("exchange", "topic", "namespace", "version", "server", "fanout")


class Target:
    """Where a message goes, or what a server listens to.

    In: texts, *fanout* True or False; each may be missing. A server needs *topic* and *server*, a
    client *topic*. Called with some of them, a target gives a copy with these replaced.

    >>> Target(topic="compute", version="6.0")(server="host1")
    <Target topic=compute, version=6.0, server=host1>

    Source: ``Target`` in oslo_messaging/target.py, oslo.messaging 18.3.1.
    """

    def __init__(
        self, exchange=None, topic=None, namespace=None, version=None, server=None, fanout=None
    ):
        self.exchange = exchange
        self.topic = topic
        self.namespace = namespace
        self.version = version
        self.server = server
        self.fanout = fanout

    def __call__(self, **replaced):
        return Target(**(vars(self) | replaced))

    def __eq__(self, other):
        return isinstance(other, Target) and vars(self) == vars(other)

    __hash__ = None

    def __repr__(self):
        told = [f"{name}={getattr(self, name)}" for name in _FIELDS if getattr(self, name)]
        return f"<Target {', '.join(told)}>"


def version_is_compatible(implemented, version) -> bool:
    """Return whether who implements one version understands another.

    In: texts like "6.5" or "6.5.1", or None: nothing said of what is implemented fits everything,
    no version fits nothing else.
    Raises ValueError or IndexError for what is no version.

    >>> version_is_compatible("6.4", "6.5"), version_is_compatible("6.4", "6.0")
    (False, True)
    >>> version_is_compatible("6.4", "5.0")
    False

    Source: ``version_is_compatible`` in oslo_messaging/_utils.py, oslo.messaging 18.3.1.
    """
    of_type(implemented, _TEXT, "not a version, as in '6.5'", "implemented")
    of_type(version, _TEXT, "not a version, as in '6.5'", "version")
    if implemented is None:
        return True
    try:
        return version is not None and _is_compatible(implemented, version)
    except (ValueError, IndexError) as error:
        given = f"implemented = {shown(implemented)}, version = {shown(version)}"
        raise type(error)(f"{given}: expected versions, as in '6.5'") from None


@cache
def _is_compatible(implemented, version):
    mine, other = [*implemented.split("."), "0"], [*version.split("."), "0"]
    if int(other[0]) != int(mine[0]):
        return False
    return (int(other[1]), int(other[2])) <= (int(mine[1]), int(mine[2]))
