"""A host that a scheduler has selected (nova/objects/selection.py)."""

from dataclasses import dataclass

from labkit.nova.objects.base import NovaObject


@dataclass(frozen=True)
class Selection(NovaObject):
    """A host that a server may go to.

    Source: ``Selection`` in nova/objects/selection.py, Nova 34.0.0. Unlike Nova, it knows the name
    of the host alone.
    """

    VERSION = "1.1"
    FIELDS_SENT = "service_host"

    service_host: str
