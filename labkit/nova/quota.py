"""How many servers a project may have (nova/quota.py)."""

from labkit.nova.compute import vm_states as vm
from labkit.nova.exception import TooManyInstances

RESOURCES = ("instances", "cores", "ram")


def check_num_instances_quota(site, spec, recheck=False):
    """Raise TooManyInstances when a request goes beyond the quota of its project.

    With *recheck* the servers have their rows already and count as used. RAM in MiB.

    Source: ``check_num_instances_quota`` in nova/compute/utils.py and nova/quota.py, 34.0.0.
    Unlike Nova, there is no quota unless the cloud was given one, and none per user.
    """
    if not site.quota:
        return
    used = _used(site, spec.project_id)
    flavor, count = spec.flavor, spec.num_instances
    asked = dict(
        zip(RESOURCES, (count, count * flavor.vcpus, count * flavor.memory_mb), strict=True)
    )
    more = dict.fromkeys(RESOURCES, 0) if recheck else asked
    overs = [
        name
        for name in sorted(RESOURCES)
        if name in site.quota and used[name] + more[name] > site.quota[name]
    ]
    if overs:
        limits = [site.quota[name] for name in overs]
        raise TooManyInstances(
            overs=", ".join(overs),
            req=_list(asked[name] for name in overs),
            used=_list(limits if recheck else (used[name] for name in overs)),
            allowed=_list(limits),
        )


def _list(numbers) -> str:
    return ", ".join(str(number) for number in numbers)


def _used(site, project_id) -> dict:
    """Count the rows of a project; what is in no cell yet is not seen."""
    used = dict.fromkeys(RESOURCES, 0)
    for uuid, row in site.db.instances.items():
        if uuid in site.db.deleted or row["project_id"] != project_id:
            continue
        if row["vm_state"] == vm.SOFT_DELETED:
            continue
        flavor = site.servers[site.names[uuid]][1].flavor
        for name, amount in zip(RESOURCES, (1, flavor.vcpus, flavor.memory_mb), strict=True):
            used[name] += amount
    return used
