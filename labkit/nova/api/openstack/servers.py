"""The actions of the servers API: what is refused, with which answer (nova/api/openstack/compute)."""

from typing import NamedTuple

from labkit.nova import exception
from labkit.nova.compute.api import GUARDS, Guard, check
from labkit.nova.exception import HTTPBadRequest, MigrationNotFoundByStatus, OrphanedObjectError
from labkit.nova.objects import migration as migrations


class Action(NamedTuple):
    """One action of the API.

    *method* of the compute API does it, *status* answers it when accepted, *guard* names its
    entry in GUARDS, *word* is what a refusal calls it; *policy* names the rule that lets only an
    administrator do it. ``modelled`` False: the lab knows the answer and no more.
    """

    method: str
    status: int = 202
    guard: str | None = None
    word: str | None = None
    arguments: tuple = ()
    policy: str | None = None
    modelled: bool = True
    needs_host_up: bool = False


def _known(method, status=202, word=None, policy=None, needs_host_up=False):
    return Action(method, status, method, word, (), policy, False, needs_host_up)


_RULE = "os_compute_api:os-"
#: What ``Cloud.act`` takes, by the names of the API ("os-stop" without its "os-"), and what
#: ``Cloud.answer`` knows beyond. Source: nova/api/openstack/compute/*.py, Nova 34.0.0.
ACTIONS = {
    "delete": Action("delete", 204, "delete"),
    "forceDelete": Action("force_delete", 202, "force_delete"),
    "restore": Action("restore", 202, "restore"),
    "stop": Action("force_stop", 202, "stop"),
    "start": Action("start", 202, "start"),
    "reboot": Action("_soft_reboot", 202, "_soft_reboot", None, ("reboot_type",)),
    "pause": Action("pause", 202, "pause"),
    "unpause": Action("unpause", 202, "unpause"),
    "suspend": Action("suspend", 202, "suspend"),
    "resume": Action("resume", 202, "resume"),
    "rescue": Action("rescue", 200, "rescue"),
    "unrescue": Action("unrescue", 202, "unrescue"),
    "changePassword": Action("set_admin_password", 202, "set_admin_password"),
    "createImage": Action("snapshot", 202, "snapshot"),
    "createBackup": Action("backup", 202, "backup", None, ("backup_type", "rotation")),
    "trigger_crash_dump": Action("trigger_crash_dump", 202, "trigger_crash_dump"),
    "lock": Action("lock"),
    "unlock": Action("unlock"),
    "resetState": Action(
        "reset_state", 202, None, None, ("state",), f"{_RULE}admin-actions:reset_state"
    ),
    "rename": Action("update_instance", 200, None, None, ("name",)),
    "rebuild": Action("rebuild", 202, "rebuild", None, ("image",)),
    "resize": Action("resize", 202, "resize", None, ("flavor",)),
    "migrate": Action(
        "resize", 202, "resize", "migrate", ("host",), f"{_RULE}migrate-server:migrate"
    ),
    "confirmResize": Action("confirm_resize", 204, "confirm_resize", needs_host_up=True),
    "revertResize": Action("revert_resize", 202, "revert_resize"),
    "shelve": Action("shelve", 202, "shelve"),
    "shelveOffload": Action(
        "shelve_offload", 202, "shelve_offload", None, (), f"{_RULE}shelve:shelve_offload"
    ),
    "unshelve": Action("unshelve", 202, "unshelve"),
    "migrateLive": Action(
        "live_migrate",
        202,
        "live_migrate",
        "os-migrateLive",
        ("host", "force"),
        f"{_RULE}migrate-server:migrate_live",
    ),
    "live_migration_abort": Action(
        "live_migrate_abort",
        202,
        "live_migrate_abort",
        "abort live migration",
        (),
        "os_compute_api:servers:migrations:delete",
    ),
    "live_migration_force_complete": Action(
        "live_migrate_force_complete",
        202,
        "live_migrate_force_complete",
        "force_complete",
        (),
        "os_compute_api:servers:migrations:force_complete",
    ),
    "evacuate": Action(
        "evacuate",
        200,
        "evacuate",
        None,
        ("host", "force", "microversion"),
        f"{_RULE}evacuate",
    ),
    "update_metadata": _known("update_instance_metadata", 200, "update metadata"),
    "getConsoleOutput": _known("get_console_output", 200),
}
#: They look for the row in its cell and nowhere else.
_ONLY_IN_A_CELL = ("stop", "start", "trigger_crash_dump")
#: They take the refusal of a locked server for one because of its states.
_LOCK_READS_AS_STATE = ("changePassword", "restore")


def find(action, arguments) -> Action:
    """Return the entry of an action; a hard reboot has its own guard."""
    if action == "reboot" and arguments.get("reboot_type", "SOFT") == "HARD":
        return ACTIONS["reboot"]._replace(method="_hard_reboot", guard="_hard_reboot")
    return ACTIONS[action]


def guards_of(action, wanted) -> list[Guard]:
    """Return the guards that an action has to pass, in the order in which Nova asks them."""
    names = ("reboot", wanted.guard) if action == "reboot" else (wanted.guard,)
    return [GUARDS[name] for name in names if name is not None]


class Facts(NamedTuple):
    """What a refusal depends on apart from the server's row.

    Whether there is a build request still; whether its host is up, and the host that it came from
    by the resize that is to be confirmed.
    """

    unbuilt: bool
    host_is_up: bool
    source_is_up: bool


def facts_of(api, instance) -> Facts:
    """Return what is so now."""

    def is_up(host):
        return host is not None and api.site.service_is_up(host)

    finished = migrations.find(api.service, instance.uuid, status="finished")
    source = finished[0].source_compute if finished else instance.host
    unbuilt = instance.uuid in api.site.db.build_requests
    return Facts(unbuilt, is_up(instance.host), is_up(source))


def refuse(action, wanted, instance, is_admin, facts):
    """Raise what Nova answers to an action that it does not accept.

    Source: the functions of nova/api/openstack/compute/*.py, Nova 34.0.0.
    """
    if wanted.policy and not is_admin:
        raise exception.PolicyNotAuthorized(action=wanted.policy)
    _refuse_specials(action, instance, is_admin, facts.unbuilt)
    word = wanted.word or action
    try:
        for guard in guards_of(action, wanted):
            check(guard, instance, word, is_admin, facts.host_is_up)
    except exception.InstanceIsLocked:
        if action in _LOCK_READS_AS_STATE:
            raise exception.InstanceInvalidState(word, instance.uuid, None, None) from None
        raise
    if wanted.needs_host_up and not facts.source_is_up:
        raise exception.ServiceUnavailable
    if action == "evacuate" and facts.host_is_up:
        raise HTTPBadRequest(f"Compute service of {instance.host} is still in use.")


def _refuse_specials(action, instance, is_admin, unbuilt):
    if unbuilt and action in _ONLY_IN_A_CELL:
        raise exception.InstanceNotFound(instance_id=instance.uuid)
    if unbuilt and action in ("lock", "unlock", "resetState"):
        raise OrphanedObjectError(method="save", objtype="Instance")
    if action == "unlock" and not is_admin and instance.locked_by == "admin":
        raise exception.PolicyNotAuthorized(action=f"{_RULE}lock-server:unlock:unlock_override")
    if action == "evacuate" and not instance.host:
        raise HTTPBadRequest("The target host can't be the same one.")


def handle(api, action, instance, is_admin, arguments):
    """Do an action of the API; return the status of the answer. Raises Nova's refusal."""
    wanted = find(action, arguments)
    refuse(action, wanted, instance, is_admin, facts_of(api, instance))
    if not wanted.modelled:
        raise exception.NotModelled(f"Unlike Nova, the lab does not do {action!r} yet")
    method = wanted.method
    if action == "delete" and api.service.options.reclaim_instance_interval:
        # what never was up is not worth keeping
        method = "delete" if instance.launched_at is None else "soft_delete"
    try:
        yield from api.do(method, instance, **arguments)
    except MigrationNotFoundByStatus:
        raise HTTPBadRequest("Instance has not been resized.") from None
    return wanted.status


_STATUS = {
    (exception.InstancePasswordSetFailed,): 409,
    (exception.TooManyInstances,): 403,
    (
        exception.ComputeHostNotFound,
        exception.ImageNotActive,
        exception.FlavorMemoryTooSmall,
        exception.FlavorDiskSmallerThanMinDisk,
        exception.FlavorDiskSmallerThanImage,
    ): 400,
}


def words_of(error) -> str:
    """Return what the answer says of a refusal; an error that nobody expected keeps its text.

    Source: ``FaultWrapper`` in nova/api/openstack/__init__.py, Nova 34.0.0.
    """
    if status_of(error) != 500:
        return str(error)
    kind = type(error)
    home = getattr(kind, "home", "nova.exception")
    name = kind.__name__ if kind.__module__ == "builtins" else f"{home}.{kind.__name__}"
    return f"Unexpected API Error. Please contact the administrator\n<class '{name}'>"


def status_of(error) -> int:
    """Return the HTTP status that a refusal or a failure is answered with."""
    if isinstance(error, NotImplementedError):
        return 501
    for kinds, status in _STATUS.items():
        if isinstance(error, kinds):
            return status
    return getattr(error, "code", 500)
