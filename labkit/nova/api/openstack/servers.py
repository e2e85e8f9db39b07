"""The actions of the servers API: which guard, which answer (nova/api/openstack/compute)."""

from typing import NamedTuple

from labkit.nova import exception
from labkit.nova.compute.api import GUARDS

#: Actions with a guard that the lab knows and with nothing behind it.
NOT_MODELLED = (
    "rebuild",
    "resize",
    "confirmResize",
    "revertResize",
    "shelve",
    "shelveOffload",
    "unshelve",
    "os-migrateLive",
    "evacuate",
)


class Action(NamedTuple):
    """One action: the key of its guard or the method of the compute API, the status when accepted."""

    name: str
    status: int = 202
    arguments: tuple = ()


#: What ``Cloud.act`` takes, by the names of the API ("os-stop" without its "os-").
#: Source: nova/api/openstack/compute/*.py, Nova 34.0.0.
ACTIONS = {
    "delete": Action("delete", 204),
    "forceDelete": Action("forceDelete"),
    "restore": Action("restore"),
    "stop": Action("stop"),
    "start": Action("start"),
    "reboot": Action("reboot", 202, ("reboot_type",)),
    "pause": Action("pause"),
    "unpause": Action("unpause"),
    "suspend": Action("suspend"),
    "resume": Action("resume"),
    "rescue": Action("rescue", 200),
    "unrescue": Action("unrescue"),
    "changePassword": Action("changePassword"),
    "createImage": Action("createImage"),
    "createBackup": Action("createBackup", 202, ("backup_type", "rotation")),
    "trigger_crash_dump": Action("trigger_crash_dump"),
    "lock": Action("lock"),
    "unlock": Action("unlock"),
    "resetState": Action("reset_state", 202, ("state",)),
    "rename": Action("update_instance", 200, ("name",)),
}


def handle(api, action, instance, is_admin, arguments):
    """Do an action of the API; return the status of the answer. Raises Nova's refusal."""
    if action == "delete" and api.service.options.reclaim_instance_interval:
        try:
            yield from api.soft_delete_guarded(instance, is_admin)
        except exception.InstanceInvalidState:  # it never was up: nothing to keep
            yield from api.act("delete", instance, is_admin)
        return 204
    wanted = ACTIONS.get(action)
    if action == "reboot":
        kind = arguments.get("reboot_type", "SOFT")
        key = "reboot_hard" if kind == "HARD" else "reboot"
        yield from api.act(key, instance, is_admin, reboot_type=kind)
    elif wanted is None:
        api.check(action, instance, is_admin)
        raise exception.NotModelled(f"Unlike Nova, the lab does not model {action!r} yet")
    elif wanted.name in GUARDS:
        yield from api.act(wanted.name, instance, is_admin, **arguments)
    else:
        yield from getattr(api, wanted.name)(instance, **arguments)
    return wanted.status


def status_of(error) -> int:
    """Return the HTTP status that a refusal or a failure is answered with."""
    if isinstance(error, NotImplementedError):
        return 501
    if isinstance(error, exception.InstancePasswordSetFailed):
        return 409
    return getattr(error, "code", 500)
