"""Normalise and add up weights, as nova/weights.py does."""

import functools
import math

import numpy as np


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
    weights = np.asarray(weight_list, dtype=float)
    if isinstance(weight_list, np.ndarray):
        return _normalize(weights, minval, maxval)
    if not weights.size:
        return []
    with np.errstate(all="ignore"):
        return _normalize(weights, minval, maxval).tolist()


def _normalize(weights, minval, maxval):
    high = _end(weights.argmax, max, weights) if maxval is None else float(maxval)
    low = _end(weights.argmin, min, weights) if minval is None else float(minval)
    if low == high:
        return np.zeros(weights.size)
    return (weights - low) / (high - low)


def _end(place, python, weights):
    """Return max or min as Python finds it: a NaN counts only when it comes first."""
    end = float(weights[place()])
    return python(weights.tolist()) if math.isnan(end) else end


@functools.lru_cache(maxsize=32)
def nothing(n):
    """Return n zeros, always the same ones: what a weigher says that has nothing to weigh."""
    zeros = np.zeros(n)
    zeros.flags.writeable = False
    return zeros


class WeighedObject:
    """An object and its weight.

    Source: ``WeighedObject`` in nova/weights.py, Nova 34.0.0.
    """

    def __init__(self, obj, weight):
        self.obj = obj
        self.weight = weight

    def __repr__(self):
        return f"<WeighedObject '{self.obj}': {self.weight}>"


class BaseWeigher:
    """A weigher: raw weights, the ends they are scaled between, and a multiplier.

    A subclass writes ``_weigh_object(self, obj, weight_properties)`` and may write
    ``weight_multiplier(self, host_state)``, exactly as for Nova; it then runs host by host.

    Source: ``BaseWeigher`` in nova/weights.py, Nova 34.0.0.
    """

    minval = None
    maxval = None

    def weight_multiplier(self, host_state):
        """Return how much this weigher counts for one host."""
        return 1.0

    def weight_multipliers(self, objs):
        """Return the multiplier: one number for all objects, or an array of n."""
        return np.array([self._number(self.weight_multiplier(one.obj)) for one in objs])

    def _weigh_object(self, obj, weight_properties):
        raise NotImplementedError(
            f"{type(self).__name__} needs a method _weigh_object(self, host_state, request_spec)"
        )

    def weigh_objects(self, weighed_obj_list, weight_properties):
        """Weigh each object by itself and clamp the result between minval and maxval."""
        weights = [self._weigh_object(one.obj, weight_properties) for one in weighed_obj_list]
        return self.clamp(np.array([self._number(weight) for weight in weights]))

    def clamp(self, weights):
        """Keep *weights* between minval and maxval; a NaN stays, as with Python's max."""
        if self.minval is not None and not np.minimum.reduce(weights, initial=math.inf) >= (
            self.minval
        ):
            weights = np.where(weights < self.minval, float(self.minval), weights)
        if self.maxval is not None:
            weights = np.where(weights > self.maxval, float(self.maxval), weights)
        return weights

    def _number(self, weight):
        try:
            return float(weight)
        except (TypeError, ValueError):
            raise TypeError(
                f"{type(self).__name__}: a weight or multiplier is {weight!r}; expected a number"
            ) from None


class BaseWeightHandler:
    """Adds up the scores of all weighers and sorts, in Nova's order of float operations."""

    def get_weighed_objects(
        self, weighers, obj_list, weighing_properties, trace=None, only_best=False
    ):
        """Return the order of the objects (positions, best first) and their n weights.

        A single object, or none, is not weighed at all: its weight is 0.0. Equal weights keep
        the order they came in. *only_best* returns just the first position.

        Source: ``get_weighed_objects`` in nova/weights.py, Nova 34.0.0.
        """
        total = np.zeros(len(obj_list))
        if len(obj_list) > 1:
            with np.errstate(all="ignore"):
                for weigher in weighers:
                    total += self._score(weigher, obj_list, weighing_properties, trace)
        if only_best and len(total):
            best = int(total.argmax())  # the first maximum, or the first NaN
            if total[best] == total[best]:
                return np.array([best]), total
        return descending(total), total

    def _score(self, weigher, obj_list, weighing_properties, trace):
        raw = weigher.weigh_objects(obj_list, weighing_properties)
        minval, maxval = self.ends(weigher, raw)
        if raw is nothing(len(obj_list)) and minval is None:
            normalized = 0.0
        else:
            raw = np.asarray(raw, float)
            normalized = _normalize(raw, minval, maxval)
        multiplier = weigher.weight_multipliers(obj_list)
        score = multiplier * normalized
        if trace is not None:
            trace.weigher(weigher, raw, minval, maxval, normalized, multiplier, score)
        return score

    def ends(self, weigher, raw):
        """Return minval and maxval for this list; today's Nova never remembers them."""
        return weigher.minval, weigher.maxval


def descending(weights):
    """Return positions sorted by weight, highest first and stable, as Python's sorted would.

    With a NaN among the weights the order is whatever Python's sort makes of it, as in Nova.

    >>> descending(np.array([1.0, 2.0, 1.0])).tolist()
    [1, 0, 2]
    """
    if np.isnan(weights).any():
        values = weights.tolist()
        return np.array(sorted(range(len(values)), key=values.__getitem__, reverse=True))
    return np.argsort(-weights, kind="stable")
