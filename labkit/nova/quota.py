"""How many servers a project may have (nova/quota.py)."""

from labkit.nova.compute import vm_states as vm
from labkit.nova.db.main import api as db
from labkit.nova.exception import TooManyInstances

RESOURCES = ("instances", "cores", "ram")


def check_num_instances_quota(service, spec, recheck=False):
    """Raise TooManyInstances when a request goes beyond the quota of its project.

    With *recheck* the servers have their rows already and count as used. RAM in MiB.

    Source: ``check_num_instances_quota`` in nova/compute/utils.py and nova/quota.py, 34.0.0.
    Unlike Nova, there is no quota unless the cloud was given one, and none per user.
    """
    if not service.site.quota:
        return
    used = _used(service, spec.project_id)
    flavor, count = spec.flavor, spec.num_instances
    asked = dict(
        zip(RESOURCES, (count, count * flavor.vcpus, count * flavor.memory_mb), strict=True)
    )
    more = dict.fromkeys(RESOURCES, 0) if recheck else asked
    overs = [
        name
        for name in sorted(RESOURCES)
        if name in service.site.quota and used[name] + more[name] > service.site.quota[name]
    ]
    if overs:
        limits = [service.site.quota[name] for name in overs]
        raise TooManyInstances(
            overs=", ".join(overs),
            req=_list(asked[name] for name in overs),
            used=_list(limits if recheck else (used[name] for name in overs)),
            allowed=_list(limits),
        )


def check_deltas(service, instance, current, flavor):
    """Raise TooManyInstances when another flavor takes more than the project has left.

    Source: ``_check_quota_for_upsize`` in nova/compute/api.py, Nova 34.0.0.
    """
    if not service.site.quota:
        return
    used = _used(service, instance.project_id)
    more = {"cores": flavor.vcpus - current.vcpus, "ram": flavor.memory_mb - current.memory_mb}
    overs = [
        name
        for name in sorted(more)
        if more[name] > 0
        and name in service.site.quota
        and used[name] + more[name] > service.site.quota[name]
    ]
    if overs:
        raise TooManyInstances(
            overs=", ".join(overs),
            req=_list(more[name] for name in overs),
            used=_list(used[name] for name in overs),
            allowed=_list(service.site.quota[name] for name in overs),
        )


def _list(numbers) -> str:
    return ", ".join(str(number) for number in numbers)


def _used(service, project_id) -> dict:
    """Count the rows of a project; what is in no cell yet is not seen."""
    used = dict.fromkeys(RESOURCES, 0)
    for row in db.instance_get_all(service.db_context):
        if row["project_id"] != project_id or row["vm_state"] == vm.SOFT_DELETED:
            continue
        for name, amount in zip(RESOURCES, (1, row["vcpus"], row["memory_mb"]), strict=True):
            used[name] += amount
    return used
