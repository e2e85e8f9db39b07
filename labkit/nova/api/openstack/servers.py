"""The actions of the servers API: what is refused, with which answer (nova/api/openstack/compute)."""

import re
from collections.abc import Container
from ipaddress import ip_address
from typing import NamedTuple

from labkit.nova import exception
from labkit.nova.api.openstack.compute.admin_actions import _reset_state
from labkit.nova.availability_zones import DEFAULT_AVAILABILITY_ZONE
from labkit.nova.clock import finish
from labkit.nova.compute.api import GUARDS, Guard, check, locked_as
from labkit.nova.objects import migration as migrations


class Action(NamedTuple):
    """One action of the API.

    *policy* names the rule that decides who may do it, without "os_compute_api:". *method* of the
    compute API does it, *status* answers it when accepted, *guard* names its entry in GUARDS,
    *word* is what a refusal calls it. ``modelled`` False: the lab knows the answer and no more.
    """

    policy: str
    method: str
    status: int = 202
    guard: str | None = None
    word: str | None = None
    arguments: tuple = ()
    modelled: bool = True
    needs_host_up: bool = False

    @property
    def rule(self) -> str:
        """The whole name of the rule."""
        return f"os_compute_api:{self.policy}"


def _known(policy, method, status=202, word=None):
    return Action(policy, method, status, method, word, (), False)


#: What ``Cloud.act`` takes, by the names of the API ("os-stop" without its "os-"), and what
#: ``Cloud.answer`` knows beyond. Source: nova/api/openstack/compute/*.py, Nova 34.0.0.
ACTIONS = {
    "delete": Action("servers:delete", "delete", 204, "delete"),
    "forceDelete": Action("os-deferred-delete:force", "force_delete", 202, "force_delete"),
    "restore": Action("os-deferred-delete:restore", "restore", 202, "restore"),
    "stop": Action("servers:stop", "stop", 202, "stop"),
    "start": Action("servers:start", "start", 202, "start"),
    "reboot": Action("servers:reboot", "_soft_reboot", 202, "_soft_reboot", None, ("reboot_type",)),
    "pause": Action("os-pause-server:pause", "pause", 202, "pause"),
    "unpause": Action("os-pause-server:unpause", "unpause", 202, "unpause"),
    "suspend": Action("os-suspend-server:suspend", "suspend", 202, "suspend"),
    "resume": Action("os-suspend-server:resume", "resume", 202, "resume"),
    "rescue": Action("os-rescue", "rescue", 200, "rescue"),
    "unrescue": Action("os-unrescue", "unrescue", 202, "unrescue"),
    "changePassword": Action("os-admin-password", "set_admin_password", 202, "set_admin_password"),
    "createImage": Action(
        "servers:create_image", "snapshot", 202, "snapshot", None, ("name", "metadata")
    ),
    "createBackup": Action(
        "os-create-backup", "backup", 202, "backup", None, ("backup_type", "rotation", "name")
    ),
    "trigger_crash_dump": Action(
        "servers:trigger_crash_dump", "trigger_crash_dump", 202, "trigger_crash_dump"
    ),
    "lock": Action("os-lock-server:lock", "lock", 202, None, None, ("locked_reason",)),
    "unlock": Action("os-lock-server:unlock", "unlock"),
    "resetState": Action(
        "os-admin-actions:reset_state", "reset_state", 202, None, None, ("state",)
    ),
    "rename": Action("servers:update", "update_instance", 200, None, None, ("name",)),
    "rebuild": Action("servers:rebuild", "rebuild", 202, "rebuild", None, ("image",)),
    "resize": Action("servers:resize", "resize", 202, "resize", None, ("flavor",)),
    "migrate": Action("os-migrate-server:migrate", "resize", 202, "resize", "migrate", ("host",)),
    "confirmResize": Action(
        "servers:confirm_resize", "confirm_resize", 204, "confirm_resize", needs_host_up=True
    ),
    "revertResize": Action("servers:revert_resize", "revert_resize", 202, "revert_resize"),
    "shelve": Action("os-shelve:shelve", "shelve", 202, "shelve"),
    "shelveOffload": Action("os-shelve:shelve_offload", "shelve_offload", 202, "shelve_offload"),
    "unshelve": Action(
        "os-shelve:unshelve", "unshelve", 202, "unshelve", None, ("availability_zone", "host")
    ),
    "migrateLive": Action(
        "os-migrate-server:migrate_live",
        "live_migrate",
        202,
        "live_migrate",
        "os-migrateLive",
        ("host", "force", "block_migration"),
    ),
    "live_migration_abort": Action(
        "servers:migrations:delete",
        "live_migrate_abort",
        202,
        "live_migrate_abort",
        "abort live migration",
    ),
    "live_migration_force_complete": Action(
        "servers:migrations:force_complete",
        "live_migrate_force_complete",
        202,
        "live_migrate_force_complete",
        "force_complete",
    ),
    "evacuate": Action(
        "os-evacuate", "evacuate", 200, "evacuate", None, ("host", "force", "microversion")
    ),
    "update_metadata": _known(
        "server-metadata:update", "update_instance_metadata", 200, "update metadata"
    ),
    "getConsoleOutput": _known("os-console-output", "get_console_output", 200),
}
#: They look for the row in its cell and nowhere else; as long as the mapping names no cell, in the
#: database of nova-api's own nova.conf, which is cell0's here (where it is cell1's, Nova 34 finds a
#: row that is there already, and answers 409, not ready).
_ONLY_IN_A_CELL = ("stop", "start", "trigger_crash_dump")
#: They are about a rule of their own, "...:host", where a host is named.
_RULE_FOR_A_HOST = ("migrate", "migrateLive")
#: What the API does not expect of an action and answers with 500, as it has no other words for it.
_UNEXPECTED = {
    "revertResize": (exception.TooManyInstances,),
    "evacuate": (exception.ComputeHostNotFound,),
}
#: They take the refusal of a locked server for one because of its states.
_LOCK_READS_AS_STATE = ("changePassword", "restore")


def find(action, arguments) -> Action:
    """Return the entry of an action: a hard reboot has its own guard, a named host its own rule."""
    if action in _RULE_FOR_A_HOST and arguments.get("host"):
        return ACTIONS[action]._replace(policy=f"{ACTIONS[action].policy}:host")
    if action == "reboot" and arguments.get("reboot_type", "SOFT") == "HARD":
        return ACTIONS["reboot"]._replace(method="_hard_reboot", guard="_hard_reboot")
    return ACTIONS[action]


def guards_of(action, wanted) -> list[Guard]:
    """Return the guards that an action has to pass, in the order in which Nova asks them."""
    names = ("reboot", wanted.guard) if action == "reboot" else (wanted.guard,)
    return [GUARDS[name] for name in names if name is not None]


class UnexpectedAPIError(exception.NovaException):
    """What an action is answered with where its function of the API does not expect an error.

    ``cause`` is the error; the answer says no more of it than its class.
    """

    code = 500

    def __init__(self, cause):
        super().__init__(str(cause))
        self.cause = cause


class Facts(NamedTuple):
    """What a refusal depends on apart from the server's row.

    Whether there is a build request still; whether its host is up, and the host that it came from
    by the resize that is to be confirmed; which hosts there are.
    """

    unbuilt: bool
    host_is_up: bool
    source_is_up: bool
    hosts: Container = ()


def facts_of(api, instance) -> Facts:
    """Return the facts about a server as they are now."""

    def is_up(host):
        return host is not None and api.site.service_is_up(host)

    finished = migrations.find(api.service, instance.uuid, status="finished")
    source = finished[0].source_compute if finished else instance.host
    unbuilt = instance.uuid in api.site.api_db.build_requests
    return Facts(unbuilt, is_up(instance.host), is_up(source), api.site.fleet.rows)


def refuse(context, action, wanted, instance, facts, arguments=None):
    """Raise what Nova answers to an action that it does not accept, whatever its compute API says.

    In: the RequestContext of who asks; the action and its entry; the server; Facts; the arguments
    of the action. Raises PolicyNotAuthorized first: policy decides before anything else is looked
    at. What the compute API itself refuses comes after it: ``refuse_arguments``.

    Source: the functions of nova/api/openstack/compute/*.py, Nova 34.0.0.
    """
    context.can(wanted.rule, {"project_id": instance.project_id})
    _refuse_specials(context, action, instance, facts, arguments or {})
    word = wanted.word or action
    try:
        for guard in guards_of(action, wanted):
            check(guard, instance, word, context.is_admin, facts.host_is_up)
    except exception.InstanceIsLocked:
        if action in _LOCK_READS_AS_STATE:
            raise exception.InstanceInvalidState(word, instance.uuid, None, None) from None
        raise
    if wanted.needs_host_up and not facts.source_is_up:
        raise exception.ServiceUnavailable


def refuse_arguments(api, action, wanted, instance, arguments):
    """Raise what the compute API answers to what an action is asked with, before it begins.

    What it has to ask its neighbours for, to say so, is noted among the calls.
    """
    check = getattr(api, f"check_{wanted.method}", None)
    if check is None:
        return
    try:
        check(instance, **arguments)
    except Exception as error:
        raise _answered(action, error) from None


def _answered(action, error):
    """Return what an error of the compute API becomes in the function of the API."""
    if isinstance(error, exception.MigrationNotFoundByStatus):
        return exception.HTTPBadRequest("Instance has not been resized.")
    if isinstance(error, _UNEXPECTED.get(action, ())):
        return UnexpectedAPIError(error)
    return error


def _refuse_specials(context, action, instance, facts, arguments):
    unbuilt = facts.unbuilt
    if action == "rename":
        _check_name(arguments.get("name", instance.display_name))
    if unbuilt and action in _ONLY_IN_A_CELL:
        raise exception.InstanceNotFound(instance_id=instance.uuid)
    if unbuilt and action in ("lock", "unlock", "resetState"):
        raise exception.OrphanedObjectError(method="save", objtype="Instance")
    if action == "unlock" and not is_expected_locked_by(context, instance):
        override = f"{ACTIONS['unlock'].rule}:unlock_override"
        context.can(override, {"project_id": instance.project_id})
    host = arguments.get("host")
    if arguments.get("force") and not host:
        raise exception.HTTPBadRequest("Can't force to a non-provided destination")
    if action == "evacuate":
        if host is not None and host not in facts.hosts:
            raise exception.HTTPNotFound(f"Compute host {host} not found.")
        if host == instance.host:
            raise exception.HTTPBadRequest("The target host can't be the same one.")


def is_expected_locked_by(context, instance) -> bool:
    """Return whether a lock is one that who asks may take off without overriding anybody.

    Source: the method of that name in nova/compute/api.py, Nova 34.0.0.
    """
    return instance.locked_by in (None, locked_as(context, instance))


def _check_name(name):
    """Raise for a name that the schema of the API does not take.

    Source: ``name`` in nova/api/validation/parameter_types.py, Nova 34.0.0.
    """
    if name != name.strip() or not name.isprintable():
        raise exception.HTTPBadRequest(
            "An invalid 'name' value was provided. The name must be: printable characters. Can"
            " not start or end with whitespace."
        )


def _check_hints(hints):
    """Raise for hints that the schema of the API does not take.

    Source: ``_hints`` in nova/api/openstack/compute/schemas/servers.py, Nova 34.0.0. Unlike Nova,
    servers and groups go by their names here.
    """
    for name, (fits, words) in _HINTS.items():
        if name in hints and not fits(hints[name]):
            value = hints[name]
            raise exception.HTTPBadRequest(
                f"Invalid input for field/attribute {name}. Value: {value}. {value!r} {words}"
            )


def _is_address(value):
    try:
        return isinstance(value, str) and bool(ip_address(value))
    except ValueError:
        return False


#: What a hint has to be, and what is said of one that is not.
_HINTS = {
    "build_near_host_ip": (_is_address, "is not valid under any of the given schemas"),
    "cidr": (
        lambda value: isinstance(value, str) and re.search("^/[0-9a-f.:]+$", value) is not None,
        "does not match '^/[0-9a-f.:]+$'",
    ),
    "query": (
        lambda value: isinstance(value, str | dict),
        "is not of type 'string', 'object'",
    ),
}


def create(api, context, names, spec, networks):
    """Create servers; return the status of the answer. Raises Nova's refusal.

    Source: ``create`` in nova/api/openstack/compute/servers.py, Nova 34.0.0.
    """
    for name in names:
        _check_name(name)
    _check_hints(spec.scheduler_hints)
    target = {"user_id": context.user_id, "project_id": context.project_id}
    context.can("os_compute_api:servers:create", target)
    zone, host, node = api.parse_availability_zone(spec.availability_zone)
    host, node = host or _first(spec.force_hosts), node or _first(spec.force_nodes)
    if host or node:
        context.can("os_compute_api:servers:create:forced_host", target)
        zone = _validate_host_availability_zone(api.site, zone, host)
        forced = {"force_hosts": host and [host], "force_nodes": node and [node]}
        spec = spec.replace(**{name: each for name, each in forced.items() if each})
    if zone != spec.availability_zone:
        spec = spec.replace(availability_zone=zone)
    wanted = spec.requested_destination
    if wanted is not None and (wanted.host or wanted.node):
        context.can("compute:servers:create:requested_destination", target)
        if host or node:
            raise exception.HTTPBadRequest(
                "One mechanism with host and/or hypervisor_hostname and another mechanism with"
                " zone:host:node are mutually exclusive."
            )
    yield from finish(api.create(names, spec, networks))
    return 202


def _first(names):
    return names[0] if names else None


def _validate_host_availability_zone(site, availability_zone, host):
    """Return the zone of a request that names a host: None where it is not the host's.

    Source: the method of that name in nova/api/openstack/compute/servers.py, Nova 34.0.0.
    """
    host_zone = None
    for aggregate in site.fleet[host].aggregates if host in site.fleet.rows else ():
        host_zone = host_zone or aggregate.metadata.get("availability_zone")
    if availability_zone == host_zone:
        return availability_zone
    if availability_zone == DEFAULT_AVAILABILITY_ZONE and host_zone is None:
        return availability_zone
    return None


def handle(api, context, action, instance, arguments):
    """Do an action of the API; return the status of the answer. Raises Nova's refusal."""
    wanted = find(action, arguments)
    refuse(context, action, wanted, instance, facts_of(api, instance), arguments)
    if not wanted.modelled:
        raise exception.NotModelled(f"Unlike Nova, the lab does not do {action!r} yet")
    method = wanted.method
    if action == "reboot":
        arguments = {"reboot_type": "SOFT"} | arguments
    if action == "delete" and api.service.options.reclaim_instance_interval:
        # what never was up is not worth keeping
        method = "delete" if instance.launched_at is None else "soft_delete"
    try:
        if action == "resetState":
            _reset_state(instance, **arguments)
        else:
            yield from finish(getattr(api, method)(instance, **arguments))
    except Exception as error:
        answered = _answered(action, error)
        if answered is error:
            raise
        raise answered from None
    return wanted.status


_STATUS = {
    (exception.InstancePasswordSetFailed, exception.ServiceUnavailable): 409,
    (exception.OverQuota,): 403,
    (
        exception.ComputeHostNotFound,
        exception.InvalidRequest,
        exception.InstanceGroupNotFound,
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
    if isinstance(error, UnexpectedAPIError):
        error = error.cause
    kind = type(error)
    home = getattr(kind, "home", "nova.exception")
    name = kind.__name__ if kind.__module__ == "builtins" else f"{home}.{kind.__name__}"
    return f"Unexpected API Error. Please contact the administrator\n<class '{name}'>"


def status_of(error) -> int:
    """Return the HTTP status that a refusal or a failure is answered with."""
    if isinstance(error, NotImplementedError):
        return 501
    if "code" in vars(error):  # not what the API foresees of its kind
        return error.code
    for kinds, status in _STATUS.items():
        if isinstance(error, kinds):
            return status
    return getattr(error, "code", 500)
