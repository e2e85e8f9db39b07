"""The request that travels to the scheduler (nova/objects/request_spec.py)."""

import dataclasses
from dataclasses import dataclass, field

from labkit.neighbours import arguments
from labkit.nova.exception import NotModelled
from labkit.nova.objects.base import NovaObject, primitive
from labkit.nova.objects.flavor import Flavor
from labkit.nova.objects.image_meta import ImageMeta
from labkit.nova.objects.instance_group import InstanceGroup


@dataclass(frozen=True)
class Destination(NovaObject):
    """Where a move must or would like to go: a host, or a cell."""

    VERSION = "1.4"
    FIELDS_SENT = "host node cell allow_cross_cell_move"
    ONLY_IF_SET = ("host", "node", "cell")

    host: str | None = None
    node: str | None = None
    cell: str | None = None
    allow_cross_cell_move: bool = False

    def obj_to_primitive(self) -> dict:
        """Return what travels of it: the cell as an object that has a uuid."""
        made = super().obj_to_primitive()
        if self.cell is not None:
            cell = primitive("CellMapping", "1.1", {"uuid": self.cell})
            made["nova_object.data"]["cell"] = cell
        return made


@dataclass
class RequestSpec(NovaObject):
    """One request to the scheduler: which flavor, which image, how many, under what conditions.

    In: a Flavor, and what else the user said (``num_instances`` servers of it,
    ``availability_zone``, ``scheduler_hints`` as a dict, ``ignore_hosts``, ``force_hosts``,
    an InstanceGroup, the ``project_id`` that asks; ``retry`` names hosts already tried, which
    only the Nova of the notes reads). ``pci_requests`` is a number of plain PCI
    devices; ``requested_resources`` (what the ports want) is None where Nova forgets to ask.
    Raises ValueError for a wrong type, NotModelled for a NUMA topology.

    >>> RequestSpec(Flavor(vcpus=2, memory_mb=4096, root_gb=20)).memory_mb
    4096

    Source: ``RequestSpec`` in nova/objects/request_spec.py, Nova 34.0.0. Unlike Nova, NUMA
    topologies and PCI requests with an alias or a numbered request group are refused.
    """

    VERSION = "1.15"
    FIELDS_SENT = """image project_id availability_zone flavor num_instances ignore_hosts force_hosts
        force_nodes requested_destination instance_group scheduler_hints instance_uuid is_bfv
        requested_resources"""
    ONLY_IF_SET = ("requested_destination",)

    flavor: Flavor
    image: ImageMeta | None = field(default_factory=ImageMeta)
    num_instances: int = 1
    project_id: str = "project"
    availability_zone: str | None = None
    ignore_hosts: list[str] | None = None
    force_hosts: list[str] | None = None
    force_nodes: list[str] | None = None
    requested_destination: Destination | None = None
    instance_group: InstanceGroup | None = None
    scheduler_hints: dict[str, object] = field(default_factory=dict)
    is_bfv: bool = False
    pci_requests: int = 0
    numa_topology: object = None
    instance_uuid: str | None = None
    retry: list[str] | None = None
    requested_resources: list | None = field(default_factory=list, repr=False, compare=False)
    user_id: str = field(default="user", repr=False)

    def __contains__(self, name):
        return name in self.__dataclass_fields__

    def __post_init__(self):
        if not isinstance(self.flavor, Flavor):
            raise ValueError(f"request: {arguments.shown(self.flavor)} is not a Flavor")
        if self.image is not None and not isinstance(self.image, ImageMeta):
            given = arguments.shown(self.image)
            raise ValueError(f"request: image {given} is neither an ImageMeta nor None")
        if not arguments.is_whole(self.num_instances):
            arguments.refuse("request: num_instances", self.num_instances, "a number")
        if self.num_instances < 1:
            raise ValueError(f"request: num_instances = {self.num_instances} asks for no server")
        if self.numa_topology is not None:
            raise NotModelled("Unlike Nova, the lab does not place NUMA topologies")
        for name in ("ignore_hosts", "force_hosts", "force_nodes", "retry"):
            if isinstance(getattr(self, name), str):
                raise ValueError(f"request: {name} is one text; write a list of names")
            if getattr(self, name) is not None:
                arguments.all_of(f"request: {name}", getattr(self, name), str, "names")
        arguments.of_type(self.scheduler_hints, dict, "not a dict", "request: scheduler_hints")
        arguments.truth("request: is_bfv", self.is_bfv)

    @property
    def vcpus(self) -> int:
        """vCPUs of the flavor."""
        return self.flavor.vcpus

    @property
    def memory_mb(self) -> int:
        """RAM of the flavor in MiB."""
        return self.flavor.memory_mb

    @property
    def root_gb(self) -> int:
        """Root disk of the flavor in GiB."""
        return self.flavor.root_gb

    @property
    def ephemeral_gb(self) -> int:
        """Second disk of the flavor in GiB."""
        return self.flavor.ephemeral_gb

    @property
    def swap(self) -> int:
        """Swap disk of the flavor in MiB."""
        return self.flavor.swap

    def get_scheduler_hint(self, hint_name, default=None):
        """Return one scheduler hint; a list of one counts as its only member."""
        arguments.of_type(hint_name, str, "not the name of a hint", "hint_name")
        hint = self.scheduler_hints.get(hint_name, default)
        if isinstance(hint, list):
            return hint[0] if len(hint) == 1 else hint
        return hint

    def replace(self, **changes) -> "RequestSpec":
        """Return a copy with *changes*."""
        return dataclasses.replace(self, **changes)
