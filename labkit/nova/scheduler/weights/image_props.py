"""Weigh hosts by image properties that their servers share with the request.

A positive ``image_props_weight_multiplier`` packs alike servers, a negative one spreads
them; the default 0 switches the weigher off (weights/image_props.py).
"""

import functools
from collections import Counter

import numpy as np

from labkit.nova.conf import parse_options
from labkit.nova.exception import OrphanedObjectError
from labkit.nova.objects.image_meta import ImageMeta
from labkit.nova.scheduler import weights


class ImagePropertiesWeigher(weights.BaseHostWeigher):
    """Count, per host, the servers that share a property and its value with the request.

    Each property counts 1, or what ``image_props_weight_setting`` says, when it says anything.
    With the option at 0.0 nothing is looked at, even if an aggregate sets a multiplier.
    Raises OrphanedObjectError for a server that the same request has just put into the group's
    list: Nova 34.0.0 keeps an Instance without a context there.

    Source: nova/scheduler/weights/image_props.py, Nova 34.0.0. Unlike Nova, which adds up a
    set in no fixed order, properties are added in alphabetical order.
    """

    multiplier_option = "image_props_weight_multiplier"

    def weigh_objects(self, weighed_obj_list, request_spec):
        """Higher weights win: hosts where these properties are common."""
        if self.CONF.filter_scheduler.image_props_weight_multiplier == 0.0:
            return self.clamp(weights.nothing(len(weighed_obj_list)))
        properties = request_spec.image.properties if request_spec.image else {}
        requested = sorted((key, f"{value}") for key, value in properties.items())
        setting = dict(parse_options(self.CONF.filter_scheduler.image_props_weight_setting))
        instances = weighed_obj_list.fleet.instances
        rows = weighed_obj_list.rows.tolist()
        found = [self._weigh(instances[row], requested, setting) for row in rows]
        return self.clamp(np.array(found))

    def _weigh(self, instances, requested, setting):
        existing = Counter()
        for props in instances.values():
            if props is None:
                raise OrphanedObjectError(method="obj_load_attr", objtype="Instance")
            existing.update(_known(tuple(props.items())))
        weight = 0.0
        for pair in requested:
            if existing[pair]:
                weight += (setting.get(pair[0], 0.0) if setting else 1) * existing[pair]
        return weight


@functools.lru_cache(maxsize=4096)
def _known(properties):
    """Return the properties that Nova knows, as (name, text) pairs, spelled as Nova stores them."""
    return [
        (key, str(value))
        for key, value in ImageMeta(properties=dict(properties)).properties.items()
    ]
