"""Weigh hosts by image properties that their servers share with the request.

A positive ``image_props_weight_multiplier`` packs alike servers, a negative one spreads
them; the default 0 switches the weigher off (weights/image_props.py).
"""

from labkit.nova import conf
from labkit.nova.scheduler import utils, weights

CONF = conf.CONF


class ImagePropertiesWeigher(weights.BaseHostWeigher):
    """Count, per host, the servers that share a property and its value with the request.

    Each property counts 1, or what ``image_props_weight_setting`` says, when it says anything.
    With the option at 0.0 nothing is looked at, even if an aggregate sets a multiplier.
    Raises OrphanedObjectError for a server that the same request has just put into the group's
    list: Nova 34.0.0 keeps an Instance without a context there.

    Source: nova/scheduler/weights/image_props.py, Nova 34.0.0. Unlike Nova, which adds up a
    set in no fixed order, properties are added in alphabetical order.
    """

    def __init__(self):
        self.setting = dict(
            utils.parse_options(
                CONF.filter_scheduler.image_props_weight_setting,
                sep="=",
                converter=float,
                name="filter_scheduler.image_props_weight_setting",
            )
        )

    def weight_multiplier(self, host_state):
        """Return the option, or what an aggregate of the host says instead."""
        return utils.get_weight_multiplier(
            host_state,
            "image_props_weight_multiplier",
            CONF.filter_scheduler.image_props_weight_multiplier,
        )

    def _weigh_object(self, host_state, request_spec):
        """Higher weights win: hosts where these properties are common."""
        weight = 0.0
        if CONF.filter_scheduler.image_props_weight_multiplier == 0.0:
            return weight
        requested_props = _pairs(request_spec.image)
        existing_props = []
        for instance in host_state.instances.values():
            existing_props.extend(_pairs(instance.image_meta))
        for prop, value in sorted(requested_props & set(existing_props)):
            count = existing_props.count((prop, value))
            weight += (self.setting.get(prop, 0.0) if self.setting else 1) * count
        return weight


def _pairs(image):
    """Return the properties of an image as (name, text): lists could not be in a set."""
    return (
        {(key, str(value)) for key, value in image.properties.to_dict().items()} if image else set()
    )
