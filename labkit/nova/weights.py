"""Normalize and add up weights, as nova/weights.py does."""

import abc

from labkit.nova import loadables


def normalize(weight_list, minval=None, maxval=None):
    """Scale weights so that the low end is 0 and the high end is 1.

    In: n numbers in the weigher's own unit (MiB, vCPUs, a count); *minval* and *maxval*
    replace the ends taken from the list. Out: n numbers without a unit, in the same order.
    When both ends are equal every weight becomes 0; no numbers in, no numbers out.

    >>> normalize([3072, 4096])
    [0.0, 1.0]
    >>> normalize([3072, 4096], minval=0)
    [0.75, 1.0]

    Source: ``normalize`` in nova/weights.py, Nova 34.0.0.
    """
    if not weight_list:
        return []
    high = float(max(weight_list) if maxval is None else maxval)
    low = float(min(weight_list) if minval is None else minval)
    if low == high:
        return [0.0] * len(weight_list)
    return [(weight - low) / (high - low) for weight in weight_list]


class WeighedObject:
    """An object and its weight."""

    def __init__(self, obj, weight):
        self.obj = obj
        self.weight = weight

    def __repr__(self):
        return f"<WeighedObject '{self.obj}': {self.weight}>"


class BaseWeigher(metaclass=abc.ABCMeta):
    """A weigher: raw weights, the ends they are scaled between, and a multiplier."""

    minval = None
    maxval = None

    def weight_multiplier(self, host_state):
        """Return how much this weigher counts for one host."""
        return 1.0

    @abc.abstractmethod
    def _weigh_object(self, obj, weight_properties):
        """Return the raw weight of one object."""

    def weigh_objects(self, weighed_obj_list, weight_properties):
        """Weigh each object by itself and keep the result between minval and maxval."""
        weights = []
        for obj in weighed_obj_list:
            weight = self._weigh_object(obj.obj, weight_properties)
            if self.minval is not None:
                weight = max(weight, self.minval)
            if self.maxval is not None:
                weight = min(weight, self.maxval)
            weights.append(weight)
        return weights


class BaseWeightHandler(loadables.BaseLoader):
    """Adds up the scores of all weighers and sorts."""

    object_class = WeighedObject

    def get_weighed_objects(self, weighers, obj_list, weighing_properties):
        """Return WeighedObjects, the highest weight first; equal weights keep their order.

        A single object, or none, is not weighed at all: its weight is 0.0.
        """
        weighed_objs = [self.object_class(obj, 0.0) for obj in obj_list]
        if len(weighed_objs) <= 1:
            return weighed_objs
        for weigher in weighers:
            weights = weigher.weigh_objects(weighed_objs, weighing_properties)
            list(zip(weighed_objs, weights, strict=False))  # Nova's log line reads an iterator up
            weights = normalize(weights, minval=weigher.minval, maxval=weigher.maxval)
            for i, weight in enumerate(weights):
                obj = weighed_objs[i]
                obj.weight += weigher.weight_multiplier(obj.obj) * weight
        return sorted(weighed_objs, key=lambda x: x.weight, reverse=True)
