"""The records that travel through the model, under Nova's names (nova/objects)."""

from labkit.nova.objects.aggregate import Aggregate
from labkit.nova.objects.compute_node import ComputeNode
from labkit.nova.objects.flavor import Flavor
from labkit.nova.objects.image_meta import ImageMeta
from labkit.nova.objects.instance_group import InstanceGroup
from labkit.nova.objects.request_spec import Destination, RequestSpec

__all__ = [
    "Aggregate",
    "ComputeNode",
    "Destination",
    "Flavor",
    "ImageMeta",
    "InstanceGroup",
    "RequestSpec",
]
