"""How many servers a project and a user may have (nova/quota.py)."""

from labkit.nova.compute import vm_states as vm
from labkit.nova.db.main import api as db
from labkit.nova.exception import OverQuota, TooManyInstances
from labkit.nova.service import unforeseen

RESOURCES = ("instances", "cores", "ram")
MEMBERS = "server_group_members"
#: As a limit: there is none.
UNLIMITED = -1


def check_num_instances_quota(service, spec, recheck=False):
    """Raise TooManyInstances when a request goes beyond the quota of who asks.

    With *recheck* the servers have their rows already and count as used. RAM in MiB.

    Source: ``check_num_instances_quota`` in nova/compute/utils.py and nova/quota.py, 34.0.0.
    Unlike Nova, there is no quota unless the cloud was given one.
    """
    _check_num(service, spec.flavor, spec.num_instances, spec.project_id, _user(service), recheck)


def check_quota_of(service, instance, flavor):
    """Raise TooManyInstances when a server that does not count now goes beyond its owner's quota.

    Source: ``restore`` in nova/compute/api.py, Nova 34.0.0.
    """
    _check_num(service, flavor, 1, instance.project_id, instance.user_id)


def check_group_members(service, group):
    """Raise OverQuota when who asks would have too many servers in a group.

    Source: ``_provision_instances`` in nova/compute/api.py and
    ``_server_group_count_members_by_user`` in nova/quota.py, Nova 34.0.0.
    """
    site, user_id = service.site, service.context.user_id
    limits = site.quota, site.user_quota.get(user_id, {})
    uuids = [site.uuid_of(name) for name in group.members if name in site.servers]
    mappings = [site.api_db.instance_mappings.get(uuid) for uuid in uuids]
    own = [each for each in mappings if each is not None and each.user_id == user_id]
    count = sum(not each.queued_for_delete for each in own)
    if any(_beyond(limit.get(MEMBERS, UNLIMITED), count + 1) for limit in limits):
        raise OverQuota("Quota exceeded, too many servers in group")


def check_deltas(service, instance, current, flavor):
    """Raise TooManyInstances when another flavor takes more than its owner has left.

    Where the owner has too much already of what the flavor takes no more of, Nova itself fails.

    Source: ``_check_quota_for_upsize`` in nova/compute/api.py, Nova 34.0.0.
    """
    more = {"cores": flavor.vcpus - current.vcpus, "ram": flavor.memory_mb - current.memory_mb}
    more = {name: amount for name, amount in more.items() if amount > 0}
    if not more:
        return
    asked = {name: more.get(name, 0) for name in ("cores", "ram")}
    overs, limits, used = _over(service, asked, instance.project_id, instance.user_id)
    missing = [name for name in overs if name not in more]
    if missing:
        raise unforeseen(KeyError(missing[0]))
    if overs:
        raise _too_many(overs, more, used, limits)


def _user(service):
    return service.context and service.context.user_id


def _check_num(service, flavor, count, project_id, user_id, recheck=False):
    asked = zip(RESOURCES, (count, count * flavor.vcpus, count * flavor.memory_mb), strict=True)
    asked = dict(asked)
    more = dict.fromkeys(RESOURCES, 0) if recheck else asked
    overs, limits, used = _over(service, more, project_id, user_id)
    if overs:
        raise _too_many(overs, asked, limits if recheck else used, limits)


def _too_many(overs, asked, used, limits):
    def listed(numbers):
        return ", ".join(str(numbers[name]) for name in overs)

    return TooManyInstances(
        overs=", ".join(overs), req=listed(asked), used=listed(used), allowed=listed(limits)
    )


def _over(service, more, project_id, user_id) -> tuple[list, dict, dict]:
    """Return which resources there would be too much of, and the limits and what is used.

    The last two are the user's where it is his own limit that is met, else the project's.

    Source: ``limit_check_project_and_user`` in nova/quota.py, Nova 34.0.0.
    """
    site = service.site
    users = site.user_quota.get(user_id, {})
    if not (site.quota or users):
        return [], {}, {}
    limits = {name: site.quota.get(name, UNLIMITED) for name in RESOURCES}
    own_limits, used = limits | users, _used(service, project_id)
    own = _used(service, project_id, user_id) if users else used
    overs, scope = [], (limits, used)
    for name in sorted(more):
        if _beyond(limits[name], used[name] + more[name]):
            overs.append(name)
        elif _beyond(own_limits[name], own[name] + more[name]):
            overs.append(name)
            scope = own_limits, own
    return overs, *scope


def _beyond(limit, amount):
    return 0 <= limit < amount


def _used(service, project_id, user_id=None) -> dict:
    used = dict.fromkeys(RESOURCES, 0)
    for row in db.instance_get_all(service.db_context):
        if row["project_id"] != project_id or row["vm_state"] == vm.SOFT_DELETED:
            continue
        if user_id not in (None, row["user_id"]):
            continue
        for name, amount in zip(RESOURCES, (1, row["vcpus"], row["memory_mb"]), strict=True):
            used[name] += amount
    return used
