"""Host aggregates (nova/objects/aggregate.py)."""

import uuid as uuids
from dataclasses import dataclass, field

from labkit.neighbours import arguments
from labkit.nova.objects.base import NovaObject


@dataclass(frozen=True)
class Aggregate(NovaObject):
    """A named set of hosts with key-value metadata; all values are text, as in Nova.

    In: a name, the names of its hosts, a dict of text to text. A Fleet numbers its aggregates
    from 1 (``id``).
    Raises ValueError when a metadata value is not text.

    >>> Aggregate("ssd", hosts=["cn-1"], metadata={"ram_weight_multiplier": "2.0"}).hosts
    ('cn-1',)

    Source: ``Aggregate`` in nova/objects/aggregate.py, Nova 34.0.0.
    """

    name: str
    hosts: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    uuid: str = ""
    id: int | None = field(default=None, repr=False, compare=False)

    def __post_init__(self):
        arguments.of_type(self.name, str, "not text: a name, as in 'ssd'", "aggregate: name")
        arguments.of_type(self.metadata, dict, "not a dict of texts", "aggregate: metadata")
        arguments.of_type(self.uuid, str, "not text", "aggregate: uuid")
        hosts = arguments.all_of("aggregate: hosts", self.hosts, str, "names of hosts")
        for key, value in self.metadata.items():
            if not isinstance(key, str) or not isinstance(value, str):
                raise ValueError(
                    f"aggregate {self.name!r}: metadata {key!r} = {arguments.shown(value)} is not text;"
                    f" write {arguments.shown(str(value))}, as Nova keeps it"
                )
        object.__setattr__(self, "hosts", tuple(hosts))
        if not self.uuid:
            name = f"aggregate/{self.name}"
            object.__setattr__(self, "uuid", str(uuids.uuid5(uuids.NAMESPACE_DNS, name)))
