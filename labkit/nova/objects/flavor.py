"""Flavors (nova/objects/flavor.py)."""

from dataclasses import dataclass, field

from labkit.neighbours import arguments
from labkit.nova.objects.base import NovaObject


@dataclass(frozen=True)
class Flavor(NovaObject):
    """The size of a server: vCPUs, RAM in MiB, disks in GiB, swap in MiB, and extra specs.

    Raises ValueError for an amount that is negative or not a whole number.

    >>> Flavor(vcpus=2, memory_mb=4096, root_gb=20).ephemeral_gb
    0
    >>> Flavor(vcpus="two", memory_mb=4096)
    Traceback (most recent call last):
    ValueError: flavor: vcpus = 'two' is not a whole number of 0 or more

    Source: ``Flavor`` in nova/objects/flavor.py, Nova 34.0.0.
    """

    VERSION = "1.2"
    FIELDS_SENT = "name memory_mb vcpus root_gb ephemeral_gb swap extra_specs"

    vcpus: int
    memory_mb: int
    root_gb: int = 0
    ephemeral_gb: int = 0
    swap: int = 0
    extra_specs: dict[str, str] = field(default_factory=dict)
    name: str = "flavor"
    flavorid: str = field(default="1", repr=False, compare=False)

    def __post_init__(self):
        for unit in ("vcpus", "memory_mb", "root_gb", "ephemeral_gb", "swap"):
            value = getattr(self, unit)
            whole = arguments.whole(f"flavor: {unit}", value, " of 0 or more", 0)
            object.__setattr__(self, unit, whole)
        if not isinstance(self.extra_specs, dict):
            arguments.refuse("flavor: extra_specs", self.extra_specs, "a dict of texts")
        for key, value in self.extra_specs.items():
            if not isinstance(key, str) or not isinstance(value, str):
                raise ValueError(
                    f"flavor: extra_specs: {arguments.shown(key)} = {arguments.shown(value)} is not text"
                )
