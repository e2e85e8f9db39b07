"""Server groups (nova/objects/instance_group.py)."""

from dataclasses import dataclass, field

from labkit.neighbours import arguments
from labkit.nova.context import is_user_context
from labkit.nova.db.main import api as db
from labkit.nova.exception import InstanceGroupNotFound
from labkit.nova.notifications.base import emit
from labkit.nova.objects.base import NovaObject

POLICIES = ("affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity")


@dataclass
class InstanceGroup(NovaObject):
    """A server group: its policy, its members (instance names) and the hosts they are on.

    ``rules`` may hold ``max_server_per_host`` for the policy anti-affinity. A group without a
    ``project_id`` is that of who first asks for a server in it.
    Raises ValueError for an unknown policy.

    >>> InstanceGroup("anti-affinity", members=["web-1"]).policies
    ['anti-affinity']

    Source: ``InstanceGroup`` in nova/objects/instance_group.py, Nova 34.0.0.
    """

    VERSION = "1.11"
    FIELDS_SENT = "uuid members hosts policy rules"
    ONLY_IF_SET = ("uuid",)

    policy: str
    members: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    rules: dict[str, object] = field(default_factory=dict)
    project_id: str | None = None
    uuid: str | None = field(default=None, repr=False, compare=False)

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
        members, hosts, rules = [*self.members], [*self.hosts], dict(self.rules)
        return InstanceGroup(self.policy, members, hosts, rules, self.project_id, self.uuid)


def get_by_uuid(service, uuid) -> InstanceGroup:
    """Return a copy of a group as it is in the API database.

    Raises InstanceGroupNotFound for one of a project that is not who asks's own.
    """
    group, context = service.site.api_db.instance_groups[uuid], service.context
    if is_user_context(context) and group.project_id != context.project_id:
        raise InstanceGroupNotFound(group_uuid=uuid)
    return group.copy()


def get_by_instance(service, name) -> InstanceGroup | None:
    """Return a copy of the group that a server is a member of, or None.

    Source: ``get_by_instance_uuid`` in nova/objects/instance_group.py, Nova 34.0.0.
    """
    for group in service.site.api_db.instance_groups.values():
        if name in group.members:
            return group.copy()
    return None


def add_members(service, group, names):
    """Write new members of a group down, and tell of it."""
    kept = service.site.api_db.instance_groups[group.uuid]
    for each in (kept, group):
        each.members += [name for name in names if name not in each.members]
    uuids = [service.site.uuid_of(name) for name in names]
    payload = {"server_group_id": group.uuid, "instance_uuids": uuids}
    emit(service, None, "legacy", "servergroup.addmember", "servergroup", payload)
    payload = {"object": "ServerGroupPayload/1.1", "uuid": group.uuid, "members": uuids}
    emit(service, None, "versioned", "server_group.add_member", "nova-api", payload)


def remove_members(service, group, names):
    """Take back what ``add_members`` wrote, without a word."""
    kept = service.site.api_db.instance_groups[group.uuid]
    kept.members = [name for name in kept.members if name not in names]


def get_hosts(service, group, exclude=(), cell=None) -> list[str]:
    """Return where the members are that are not deleted; in one cell, or in all.

    The hosts that the group came with, and those of servers that the cloud has no row of, count
    too.
    """
    site = service.site
    members = [name for name in group.members if name not in exclude]
    uuids = [site.uuid_of(name) for name in members if name in site.servers]
    rows = db.instance_get_all_by_uuids(service.db_context, uuids)
    found = [row["host"] for row in rows if cell in (None, site.db.cells.get(row["uuid"]))]
    found += site.fleet.hosts_of(members)
    found += site.api_db.instance_groups[group.uuid].hosts
    return sorted({host for host in found if host})
