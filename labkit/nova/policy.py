"""What a context may do: Nova's rules, and who passes them (nova/policy.py, nova/policies)."""

import difflib
from functools import cache

from labkit.neighbours.arguments import of_type, shown
from labkit.nova import exception

ADMIN = "rule:context_is_admin"
PROJECT_MANAGER_OR_ADMIN = "rule:project_manager_or_admin"
PROJECT_MEMBER_OR_ADMIN = "rule:project_member_or_admin"
PROJECT_READER_OR_ADMIN = "rule:project_reader_or_admin"
#: The rules that other rules are made of. Source: nova/policies/base.py, Nova 34.0.0.
BASE = {
    "context_is_admin": "role:admin",
    "project_manager_api": "role:manager and project_id:%(project_id)s",
    "project_member_api": "role:member and project_id:%(project_id)s",
    "project_reader_api": "role:reader and project_id:%(project_id)s",
    "project_manager_or_admin": f"rule:project_manager_api or {ADMIN}",
    "project_member_or_admin": f"rule:project_member_api or {ADMIN}",
    "project_reader_or_admin": f"rule:project_reader_api or {ADMIN}",
}
#: The rules about servers, by what they ask for, without "os_compute_api:".
_API = {
    ADMIN: "servers:index:get_all_tenants servers:detail:get_all_tenants servers:show:host_status"
    " servers:create:forced_host os-admin-actions:reset_state os-evacuate"
    " os-instance-actions:events os-lock-server:unlock:unlock_override"
    " os-migrate-server:migrate:host os-migrate-server:migrate_live:host"
    " os-shelve:shelve_offload os-shelve:unshelve_to_host servers:create:zero_disk_flavor",
    PROJECT_MANAGER_OR_ADMIN: "os-migrate-server:migrate os-migrate-server:migrate_live"
    " servers:migrations:delete servers:migrations:force_complete",
    PROJECT_MEMBER_OR_ADMIN: "servers:create servers:delete servers:update servers:start"
    " servers:stop servers:reboot servers:rebuild servers:resize servers:confirm_resize"
    " servers:revert_resize servers:create_image servers:trigger_crash_dump os-admin-password"
    " os-console-output os-create-backup os-deferred-delete:force os-deferred-delete:restore"
    " os-lock-server:lock os-lock-server:unlock os-pause-server:pause os-pause-server:unpause"
    " os-rescue os-unrescue os-shelve:shelve os-shelve:unshelve os-suspend-server:resume"
    " os-suspend-server:suspend server-metadata:update",
    PROJECT_READER_OR_ADMIN: "servers:index servers:detail servers:show os-instance-actions:list",
}
#: Each rule and what it asks for. Source: nova/policies, Nova 34.0.0.
RULES = BASE | {
    f"os_compute_api:{name}": asks for asks, names in _API.items() for name in names.split()
}
RULES["compute:servers:create:requested_destination"] = ADMIN


def authorize(context, action, target=None, do_raise=True) -> bool:
    """Return whether a context may do what a rule is about.

    In: a RequestContext; *action*, the name of a rule; *target*, a dict that says whose thing it
    is about (``project_id``): by default the asker's own. Out: True, or PolicyNotAuthorized is
    raised; without *do_raise* False. Raises NotModelled for a rule that is not among RULES.

    A context's ``is_admin`` does not matter here, its roles do.

    Unlike Nova, whose operators may write rules of their own, the lab has the defaults, of 214
    rules those about servers; and not the older ones, which ``[oslo_policy] enforce_new_defaults =
    False`` brings back and which looked at ``is_admin``.
    """
    if not isinstance(action, str) or action not in RULES:
        near = difflib.get_close_matches(shown(action), RULES, 1, 0)
        raise exception.NotModelled(
            f"Unlike Nova, the lab has no rule {shown(action)}; did you mean {near[0]!r}?"
        )
    if target is None:
        target = {"project_id": context.project_id, "user_id": context.user_id}
    of_type(target, dict, "not a dict, as {'project_id': 'physics'}", "target")
    # The rules of the API are for tokens of a project.
    in_scope = action in BASE or not (context.system_scope or context.domain_id)
    if in_scope and _passes(RULES[action], context, target):
        return True
    if do_raise:
        raise exception.PolicyNotAuthorized(action=action)
    return False


def check_is_admin(context) -> bool:
    """Return whether a context's roles make it an administrator's: the rule is "role:admin".

    Source: ``check_is_admin`` in nova/policy.py and ``context_is_admin`` in
    nova/policies/base.py, Nova 34.0.0.
    """
    return authorize(context, "context_is_admin", do_raise=False)


def _passes(asks, context, target):
    """Whether a context passes a rule: "or" of "and" of checks, as oslo.policy reads them."""
    return any(
        all(_check(kind, match, context, target) for kind, match in checks)
        for checks in _parsed(asks)
    )


@cache
def _parsed(asks):
    return [[one.split(":", 1) for one in part.split(" and ")] for part in asks.split(" or ")]


def _check(kind, match, context, target):
    if kind == "rule":
        return _passes(RULES[match], context, target)
    if kind == "role":
        return match in [role.lower() for role in context.roles]
    # project_id:%(project_id)s; compared as texts, so that nobody's project is nobody's
    return "project_id" in target and str(target["project_id"]) == str(context.project_id)
