"""What a context may do: Nova's rules, and who passes them (nova/policy.py, nova/policies)."""

import difflib

from labkit.nova import exception

ADMIN = "rule:context_is_admin"
PROJECT_MEMBER_OR_ADMIN = "rule:project_member_or_admin"
PROJECT_READER_OR_ADMIN = "rule:project_reader_or_admin"
#: The rules that other rules are made of. Source: nova/policies/base.py, Nova 34.0.0.
BASE = {
    "context_is_admin": "role:admin",
    "project_member_api": "role:member and project_id:%(project_id)s",
    "project_reader_api": "role:reader and project_id:%(project_id)s",
    "project_member_or_admin": f"rule:project_member_api or {ADMIN}",
    "project_reader_or_admin": f"rule:project_reader_api or {ADMIN}",
}
_API = "os_compute_api:"
_SERVERS = {
    ADMIN: "index:get_all_tenants detail:get_all_tenants show:host_status create:forced_host",
    PROJECT_MEMBER_OR_ADMIN: "create delete update start stop reboot rebuild resize confirm_resize"
    " revert_resize create_image",
    PROJECT_READER_OR_ADMIN: "index detail show",
}
#: Each rule and what it asks for. Source: nova/policies, Nova 34.0.0.
RULES = (
    BASE
    | {f"{_API}servers:{name}": asks for asks, names in _SERVERS.items() for name in names.split()}
    | {
        f"{_API}os-admin-actions:reset_state": ADMIN,
        f"{_API}os-instance-actions:events": ADMIN,
        f"{_API}os-instance-actions:list": PROJECT_READER_OR_ADMIN,
        f"{_API}os-lock-server:lock": PROJECT_MEMBER_OR_ADMIN,
    }
)


def authorize(context, action, target=None, do_raise=True) -> bool:
    """Return whether a context may do what a rule is about.

    In: a RequestContext; *action*, the name of a rule; *target*, a dict that says whose thing it
    is about (``project_id``): by default the asker's own. Out: True, or PolicyNotAuthorized is
    raised; without *do_raise* False. Raises NotModelled for a rule that is not among RULES.

    A context's ``is_admin`` does not matter here, its roles do.

    Unlike Nova, whose operators may write rules of their own, the lab has the defaults, of 214
    rules those about servers; and not the older ones, which ``[oslo_policy] enforce_new_defaults =
    False`` brings back and which looked at ``is_admin``.

    Source: ``authorize`` in nova/policy.py, Nova 34.0.0.
    """
    if action not in RULES:
        near = difflib.get_close_matches(str(action), RULES, 1, 0)
        raise exception.NotModelled(
            f"Unlike Nova, the lab has no rule {action!r}; did you mean {near[0]!r}?"
        )
    if target is None:
        target = {"project_id": context.project_id, "user_id": context.user_id}
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
        all(_check(one, context, target) for one in part.split(" and "))
        for part in asks.split(" or ")
    )


def _check(one, context, target):
    kind, _, match = one.partition(":")
    if kind == "rule":
        return _passes(RULES[match], context, target)
    if kind == "role":
        return match in [role.lower() for role in context.roles]
    # project_id:%(project_id)s; compared as texts, so that nobody's project is nobody's
    return "project_id" in target and str(target["project_id"]) == str(context.project_id)
