"""Weighers of hosts (nova/scheduler/weights)."""

from labkit.nova import weights


class WeighedHost(weights.WeighedObject):
    """A host and its weight."""

    def to_dict(self) -> dict:
        """Return weight and host as a dict."""
        return {"weight": self.weight, "host": self.obj.host}

    def __repr__(self):
        return f"WeighedHost [host: {self.obj!r}, weight: {self.weight}]"


class BaseHostWeigher(weights.BaseWeigher):
    """Base class for host weighers; write a subclass as you would for Nova.

    In: ``_weigh_object(self, host_state, weight_properties)`` returns one number for one
    HostState and the RequestSpec. Optional: ``minval``, ``maxval``,
    ``weight_multiplier(self, host_state)``, ``weigh_objects`` for the whole list at once.
    The class runs unchanged in Nova when ``labkit.nova`` becomes ``nova`` in its imports.

    >>> class FewServers(BaseHostWeigher):
    ...     def _weigh_object(self, host_state, weight_properties):
    ...         return -host_state.num_instances

    Source: ``BaseHostWeigher`` in nova/scheduler/weights/__init__.py, Nova 34.0.0.
    """


class HostWeightHandler(weights.BaseWeightHandler):
    """Weighs hosts."""

    object_class = WeighedHost

    def __init__(self):
        super().__init__(BaseHostWeigher)


def all_weighers() -> list[type]:
    """Return the weighers of this package, in the order in which their scores add up."""
    return HostWeightHandler().get_all_classes()
