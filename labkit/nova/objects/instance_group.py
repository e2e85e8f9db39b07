"""Server groups (nova/objects/instance_group.py)."""

from dataclasses import dataclass, field

from labkit.neighbours import arguments
from labkit.nova.objects.base import NovaObject

POLICIES = ("affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity")


@dataclass
class InstanceGroup(NovaObject):
    """A server group: its policy, its members (instance names) and the hosts they are on.

    ``rules`` may hold ``max_server_per_host`` for the policy anti-affinity.
    Raises ValueError for an unknown policy.

    >>> InstanceGroup("anti-affinity", members=["web-1"]).policies
    ['anti-affinity']

    Source: ``InstanceGroup`` in nova/objects/instance_group.py, Nova 34.0.0.
    """

    VERSION = "1.11"
    FIELDS_SENT = "members hosts policy rules"

    policy: str
    members: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    rules: dict[str, object] = field(default_factory=dict)

    def __post_init__(self):
        if not isinstance(self.policy, str) or self.policy not in POLICIES:
            raise ValueError(
                f"policy {arguments.shown(self.policy)} is none of {', '.join(POLICIES)}"
            )
        for name in ("members", "hosts"):
            setattr(self, name, arguments.all_of(name, getattr(self, name), str, "names"))
        arguments.of_type(self.rules, dict, "not a dict", "group: rules")
        limit = self.rules.get("max_server_per_host")
        if limit is not None:
            self.rules = {**self.rules, "max_server_per_host": int(limit)}

    @property
    def policies(self) -> list[str]:
        """The policy as a list, the older form that one filter still reads."""
        return [self.policy]

    def copy(self) -> "InstanceGroup":
        """Return a copy whose lists can grow on their own."""
        return InstanceGroup(self.policy, [*self.members], [*self.hosts], dict(self.rules))
