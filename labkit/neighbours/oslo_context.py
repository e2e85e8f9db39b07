"""The part of a request's context that all of OpenStack shares, as oslo_context/context.py has it."""

import itertools
import uuid
from datetime import datetime

from labkit.neighbours.arguments import all_of, of_type

#: The time of a context that was given none, and of a simulated clock that has just begun.
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - as in Nova, times are UTC and do not say so
_numbers = itertools.count()
#: Each argument, and the keys of the request's environment that it is read from: the first that
#: is there. Source: ``_ENVIRON_HEADERS`` in oslo_context/context.py, 6.5.0.
ENVIRON_HEADERS = {
    "auth_token": ("HTTP_X_AUTH_TOKEN", "HTTP_X_STORAGE_TOKEN"),
    "user_id": ("HTTP_X_USER_ID", "HTTP_X_USER"),
    "project_id": ("HTTP_X_PROJECT_ID", "HTTP_X_TENANT_ID", "HTTP_X_TENANT"),
    "domain_id": ("HTTP_X_DOMAIN_ID",),
    "system_scope": ("HTTP_OPENSTACK_SYSTEM_SCOPE",),
    "user_domain_id": ("HTTP_X_USER_DOMAIN_ID",),
    "project_domain_id": ("HTTP_X_PROJECT_DOMAIN_ID",),
    "user_name": ("HTTP_X_USER_NAME",),
    "project_name": ("HTTP_X_PROJECT_NAME", "HTTP_X_TENANT_NAME"),
    "request_id": ("openstack.request_id",),
    "global_request_id": ("openstack.global_request_id",),
}
#: Each argument, and what ``to_dict`` calls it.
_KEYS = {
    "user_id": "user",
    "domain_id": "domain",
    "user_domain_id": "user_domain",
    "project_domain_id": "project_domain",
}
_KEYS |= {
    name: name
    for name in (
        "auth_token project_id is_admin read_only show_deleted request_id global_request_id roles"
        " resource_uuid user_name project_name is_admin_project system_scope"
    ).split()
}


class RequestContext:
    """Who asks, with which roles and which token, and under which request id.

    Unlike oslo, a context without a *request_id* gets the next of a fixed series, and neither the
    context of the thread nor a second, service's, user is kept.

    Source: ``RequestContext`` in oslo_context/context.py, 6.5.0.
    """

    def __init__(
        self,
        *,
        auth_token=None,
        user_id=None,
        project_id=None,
        domain_id=None,
        user_domain_id=None,
        project_domain_id=None,
        is_admin=False,
        read_only=False,
        show_deleted=False,
        request_id=None,
        resource_uuid=None,
        roles=None,
        user_name=None,
        project_name=None,
        is_admin_project=True,
        global_request_id=None,
        system_scope=None,
    ):
        self.auth_token = auth_token
        self.user_id = user_id
        self.project_id = project_id
        self.domain_id = domain_id
        self.user_domain_id = user_domain_id
        self.project_domain_id = project_domain_id
        self.is_admin = is_admin
        self.read_only = read_only
        self.show_deleted = show_deleted
        of_type(request_id, str | None, "not text", "request_id")
        self.request_id = request_id or generate_request_id()
        self.resource_uuid = resource_uuid
        roles = [] if roles is None else roles
        self.roles = all_of("roles", roles, str, "roles")
        self.user_name = user_name
        self.project_name = project_name
        self.is_admin_project = is_admin_project
        self.global_request_id = global_request_id
        self.system_scope = system_scope

    @property
    def global_id(self):
        """The id to tell other services: the one from outside, if there is one."""
        return self.global_request_id or self.request_id

    def to_dict(self) -> dict:
        """Return the 17 fields that every service of OpenStack sends."""
        domains = self.domain_id, self.user_domain_id, self.project_domain_id
        identity = (part or "-" for part in (self.user_id, self.project_id, *domains))
        return {
            "user": self.user_id,
            "project_id": self.project_id,
            "system_scope": self.system_scope,
            "project": self.project_id,
            "domain": self.domain_id,
            "user_domain": self.user_domain_id,
            "project_domain": self.project_domain_id,
            "is_admin": self.is_admin,
            "read_only": self.read_only,
            "show_deleted": self.show_deleted,
            "auth_token": self.auth_token,
            "request_id": self.request_id,
            "global_request_id": self.global_request_id,
            "resource_uuid": self.resource_uuid,
            "roles": self.roles,
            "user_identity": " ".join(identity),
            "is_admin_project": self.is_admin_project,
        }

    @classmethod
    def from_dict(cls, values, **more) -> "RequestContext":
        """Make a context of what ``to_dict`` gave; what is missing takes its default."""
        known = {name: values[key] for name, key in _KEYS.items() if key in values}
        return cls(**({"is_admin": False} | known | more))

    @classmethod
    def from_environ(cls, environ, **values) -> "RequestContext":
        """Make a context of the headers that the keystone middleware has put into a request.

        In: the WSGI environment; *values* go before it.
        """
        of_type(environ, dict, "not a dict of headers", "environ")
        for name, keys in ENVIRON_HEADERS.items():
            found = [environ[key] for key in keys if key in environ]
            if found and name not in values:
                values[name] = found[0]
        roles = environ.get("HTTP_X_ROLES", environ.get("HTTP_X_ROLE"))
        values.setdefault("roles", [role.strip() for role in roles.split(",")] if roles else [])
        is_admin_project = environ.get("HTTP_X_IS_ADMIN_PROJECT", "true").lower() == "true"
        values.setdefault("is_admin_project", is_admin_project)
        return cls(**values)


def generate_request_id() -> str:
    """Return a request id that no other context of this process has."""
    return f"req-{uuid.uuid5(uuid.NAMESPACE_OID, str(next(_numbers)))}"
