"""Weighers of hosts (nova/scheduler/weights)."""

import copy
import importlib

import numpy as np

from labkit.nova import weights
from labkit.nova.conf import ALL_WEIGHERS, Options
from labkit.nova.weights import nothing  # noqa: F401 - what a weigher says that has nothing to weigh

#: Which module of this folder holds which weigher, as in Nova.
MODULES = {
    "ServerGroupSoftAffinityWeigher": "affinity",
    "ServerGroupSoftAntiAffinityWeigher": "affinity",
    "BuildFailureWeigher": "compute",
    "CPUWeigher": "cpu",
    "CrossCellWeigher": "cross_cell",
    "DiskWeigher": "disk",
    "HypervisorVersionWeigher": "hypervisor_version",
    "ImagePropertiesWeigher": "image_props",
    "IoOpsWeigher": "io_ops",
    "MetricsWeigher": "metrics",
    "NumInstancesWeigher": "num_instances",
    "PCIWeigher": "pci",
    "RAMWeigher": "ram",
}


class WeighedHost(weights.WeighedObject):
    """A host and its weight.

    Source: ``WeighedHost`` in nova/scheduler/weights/__init__.py, Nova 34.0.0.
    """

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

    #: The options in force; Nova has one global CONF instead.
    CONF = Options()
    #: The option that holds the multiplier; an aggregate overrides it under the same name.
    multiplier_option = None

    def weight_multiplier(self, host_state):
        """Return how much this weigher counts for one host."""
        if self.multiplier_option is None:
            return 1.0
        multiplier = self._column_multipliers(host_state._view)
        return float(multiplier if np.ndim(multiplier) == 0 else multiplier[0])

    def weight_multipliers(self, hosts):
        """Return the multiplier: one number for all hosts, or an array of n."""
        if type(self).weight_multiplier is not BaseHostWeigher.weight_multiplier:
            return super().weight_multipliers(hosts)
        return 1.0 if self.multiplier_option is None else self._column_multipliers(hosts)

    def _column_multipliers(self, hosts):
        value = getattr(self.CONF, self.multiplier_option)
        found = hosts.fleet.multiplier_overrides(self.aggregate_key)
        if found is None:
            return value
        here, values = found
        return np.where(hosts.take(here), hosts.take(values), value)

    @property
    def aggregate_key(self):
        """The key of aggregate metadata that overrides the multiplier."""
        return self.multiplier_option

    def _weigh_object(self, host_state, weight_properties):
        """Ask a built-in weigher's rule about one host: its own number, not clamped."""
        for cls in type(self).__mro__:
            if cls.__module__.startswith(__name__) and "weigh_objects" in vars(cls):
                bare = copy.copy(self)
                bare.minval = bare.maxval = None
                return float(cls.weigh_objects(bare, host_state._view, weight_properties)[0])
        return super()._weigh_object(host_state, weight_properties)


class HostWeightHandler(weights.BaseWeightHandler):
    """Weighs hosts.

    Source: ``HostWeightHandler`` in nova/scheduler/weights/__init__.py, Nova 34.0.0.
    """


def load(options):
    """Make the weighers that ``[filter_scheduler] weight_classes`` names, in its order."""
    found = []
    for entry in options.weight_classes:
        if entry == "nova.scheduler.weights.all_weighers":
            found += [_by_name(name) for name in ALL_WEIGHERS]
        else:
            found.append(_by_name(entry) if isinstance(entry, str) else entry)
    return [_make(cls, options) for cls in found]


def _by_name(entry):
    name = entry.rsplit(".", 1)[-1]
    if name not in MODULES or entry not in (name, f"nova.scheduler.weights.{MODULES[name]}.{name}"):
        raise ValueError(
            f"[filter_scheduler] weight_classes: no weigher {entry!r}; the lab has "
            + ", ".join(ALL_WEIGHERS)
        )
    return getattr(importlib.import_module(f"{__name__}.{MODULES[name]}"), name)


def _make(cls, options):
    if not (isinstance(cls, type) and issubclass(cls, weights.BaseWeigher)):
        raise ValueError(
            f"[filter_scheduler] weight_classes: {cls!r} is neither a name nor a class"
            " derived from BaseHostWeigher"
        )
    weigher = cls()
    weigher.CONF = options
    nearest = next(k for k in cls.__mro__ if {"_weigh_object", "weigh_objects"} & vars(k).keys())
    if "weigh_objects" not in vars(nearest):  # the object hook was written last: it decides
        weigher.weigh_objects = weights.BaseWeigher.weigh_objects.__get__(weigher)
    return weigher
