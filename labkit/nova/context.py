"""Who is asking: the context that goes with a request through all of Nova."""

import copy
import itertools
import uuid
from contextlib import contextmanager
from datetime import datetime

from labkit.nova import exception

_TIME = "%Y-%m-%dT%H:%M:%S.%f"
#: The time of a context that was given none.
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - as in Nova, times are UTC and do not say so
_numbers = itertools.count()
#: The services that a context keeps of the catalogue.
KEPT_SERVICES = (
    "image",
    "block-storage",
    "volumev3",
    "key-manager",
    "placement",
    "network",
    "accelerator",
    "sharev2",
)
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


class RequestContext:
    """Who asks for something, with which rights, and under which request id.

    In: texts; *roles* a list; *is_admin* None means: look at the roles; *read_deleted* "no" (hide
    deleted rows), "yes" or "only"; *timestamp* a datetime or a text like
    "2016-03-01T12:00:00.000000"; *service_catalog* a list of dicts with a "type".
    ``to_dict()`` gives the 25 fields that travel with every message.
    Raises ValueError for another *read_deleted*, TypeError for an unknown argument.

    >>> RequestContext("alice", "physics", roles=["member"]).is_admin
    False
    >>> RequestContext("root", "physics", roles=["Admin"]).is_admin
    True

    Unlike Nova, a context without a *request_id* gets the next of a fixed series, one without a
    *timestamp* the EPOCH, and the context of the thread is not kept.

    Source: ``RequestContext`` in nova/context.py, Nova 34.0.0.
    """

    def __init__(
        self,
        user_id=None,
        project_id=None,
        is_admin=None,
        read_deleted="no",
        remote_address=None,
        timestamp=None,
        quota_class=None,
        service_catalog=None,
        *,
        auth_token=None,
        domain_id=None,
        user_domain_id=None,
        project_domain_id=None,
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
        self.user_id = user_id or None
        self.project_id = project_id or None
        self.domain_id = domain_id
        self.user_domain_id = user_domain_id
        self.project_domain_id = project_domain_id
        self.auth_token = auth_token
        self.user_name = user_name
        self.project_name = project_name
        self.system_scope = system_scope
        self.is_admin_project = is_admin_project
        self.read_only = read_only
        self.show_deleted = show_deleted
        self.resource_uuid = resource_uuid
        self.roles = roles or []
        self.request_id = request_id or generate_request_id()
        self.global_request_id = global_request_id
        self.read_deleted = read_deleted
        self.remote_address = remote_address
        if isinstance(timestamp, str) and timestamp:
            timestamp = datetime.strptime(timestamp, _TIME)  # noqa: DTZ007 - as Nova
        self.timestamp = timestamp or EPOCH
        self.service_catalog = [s for s in service_catalog or () if s.get("type") in KEPT_SERVICES]
        self.quota_class = quota_class
        self.db_connection = None
        self.mq_connection = None
        self.cell_uuid = None
        self.is_admin = check_is_admin(self) if is_admin is None else is_admin

    @property
    def read_deleted(self):
        """Whether deleted rows are seen: "no", "yes" or "only"."""
        return self._read_deleted

    @read_deleted.setter
    def read_deleted(self, value):
        if value not in ("no", "yes", "only"):
            raise ValueError(
                f"read_deleted can only be one of 'no', 'yes' or 'only', not {value!r}"
            )
        self._read_deleted = value

    @property
    def global_id(self):
        """The id to tell other services: the one from outside, if there is one."""
        return self.global_request_id or self.request_id

    def to_dict(self) -> dict:
        """Return the 25 fields that travel with a message, the token in clear among them."""
        parts = (
            self.user_id,
            self.project_id,
            self.domain_id,
            self.user_domain_id,
            self.project_domain_id,
        )
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
            "user_identity": " ".join(part or "-" for part in parts),
            "is_admin_project": self.is_admin_project,
            "user_id": self.user_id,
            "read_deleted": self.read_deleted,
            "remote_address": self.remote_address,
            "timestamp": self.timestamp.strftime(_TIME),
            "quota_class": self.quota_class,
            "user_name": self.user_name,
            "service_catalog": self.service_catalog,
            "project_name": self.project_name,
        }

    @classmethod
    def from_dict(cls, values) -> "RequestContext":
        """Make a context of what ``to_dict`` gave; what is missing takes its default."""
        same = (
            "user_id",
            "project_id",
            "remote_address",
            "timestamp",
            "quota_class",
            "service_catalog",
            "auth_token",
            "request_id",
            "global_request_id",
            "resource_uuid",
            "roles",
            "user_name",
            "project_name",
            "system_scope",
        )
        return cls(
            **{name: values.get(name) for name in same},
            domain_id=values.get("domain"),
            user_domain_id=values.get("user_domain"),
            project_domain_id=values.get("project_domain"),
            is_admin=values.get("is_admin", False),
            read_deleted=values.get("read_deleted", "no"),
            read_only=values.get("read_only", False),
            show_deleted=values.get("show_deleted", False),
            is_admin_project=values.get("is_admin_project", True),
        )

    @classmethod
    def from_environ(cls, environ, **values) -> "RequestContext":
        """Make a context of the headers that the keystone middleware has put into a request.

        In: the WSGI environment; *values* go before it.

        Source: ``from_environ`` in oslo_context/context.py, 6.5.0.
        """
        for name, keys in ENVIRON_HEADERS.items():
            found = [environ[key] for key in keys if key in environ]
            if found and name not in values:
                values[name] = found[0]
        roles = environ.get("HTTP_X_ROLES", environ.get("HTTP_X_ROLE"))
        values.setdefault("roles", [role.strip() for role in roles.split(",")] if roles else [])
        is_admin_project = environ.get("HTTP_X_IS_ADMIN_PROJECT", "true").lower() == "true"
        values.setdefault("is_admin_project", is_admin_project)
        return cls(**values)

    def elevated(self, read_deleted=None) -> "RequestContext":
        """Return a copy with an administrator's rights: the same user, token and request id."""
        context = copy.copy(self)
        context.roles = copy.deepcopy(self.roles)
        context.is_admin = True
        if "admin" not in context.roles:
            context.roles.append("admin")
        if read_deleted is not None:
            context.read_deleted = read_deleted
        return context

    def __str__(self):
        return f"<Context {self.to_dict()}>"


def generate_request_id() -> str:
    """Return a request id that no other context of this process has."""
    return f"req-{uuid.uuid5(uuid.NAMESPACE_OID, str(next(_numbers)))}"


def check_is_admin(context) -> bool:
    """Return whether a context's roles make it an administrator's: the rule is "role:admin".

    Source: ``check_is_admin`` in nova/policy.py and ``context_is_admin`` in
    nova/policies/base.py, Nova 34.0.0.
    """
    return "admin" in [role.lower() for role in context.roles]


def get_context() -> RequestContext:
    """Return a context of nobody, without any right.

    Source: ``get_context`` in nova/context.py, Nova 34.0.0.
    """
    return RequestContext(is_admin=False)


def get_admin_context(read_deleted="no") -> RequestContext:
    """Return a context of nobody who may do everything in Nova, and has no token for others.

    Source: ``get_admin_context`` in nova/context.py, Nova 34.0.0.
    """
    return RequestContext(is_admin=True, read_deleted=read_deleted)


def is_user_context(context) -> bool:
    """Return whether a context is an ordinary user's.

    Source: ``is_user_context`` in nova/context.py, Nova 34.0.0.
    """
    return bool(context and not context.is_admin and context.user_id and context.project_id)


def require_context(context):
    """Raise Forbidden if a context is neither a user's nor an administrator's.

    Source: ``require_context`` in nova/context.py, Nova 34.0.0.
    """
    if not context.is_admin and not is_user_context(context):
        raise exception.Forbidden


def authorize_project_context(context, project_id):
    """Raise Forbidden if a user asks for something of another project.

    Source: ``authorize_project_context`` in nova/context.py, Nova 34.0.0.
    """
    if is_user_context(context) and context.project_id != project_id:
        raise exception.Forbidden


def authorize_user_context(context, user_id):
    """Raise Forbidden if a user asks for something of another user.

    Source: ``authorize_user_context`` in nova/context.py, Nova 34.0.0.
    """
    if is_user_context(context) and context.user_id != user_id:
        raise exception.Forbidden


def authorize_quota_class_context(context, class_name):
    """Raise Forbidden if a user asks for a quota class that is not his own.

    Source: ``authorize_quota_class_context`` in nova/context.py, Nova 34.0.0.
    """
    if is_user_context(context) and not (context.quota_class and context.quota_class == class_name):
        raise exception.Forbidden


def set_target_cell(context, cell_mapping):
    """Let a context lead to the database and the message queue of a cell; None leads nowhere.

    In: a cell mapping with ``uuid``, ``database_connection`` and ``transport_url``; one that begins
    with "none" (cell0's) has no queue.

    Unlike Nova, the connections are the addresses themselves.

    Source: ``set_target_cell`` in nova/context.py, Nova 34.0.0.
    """
    context.db_connection = context.mq_connection = context.cell_uuid = None
    if cell_mapping is not None:
        context.db_connection = cell_mapping.database_connection
        if not cell_mapping.transport_url.startswith("none"):
            context.mq_connection = cell_mapping.transport_url
        context.cell_uuid = cell_mapping.uuid


@contextmanager
def target_cell(context, cell_mapping):
    """Yield a copy of a context that leads to a cell; the context itself stays as it is.

    Source: ``target_cell`` in nova/context.py, Nova 34.0.0.
    """
    targeted = RequestContext.from_dict(context.to_dict())
    set_target_cell(targeted, cell_mapping)
    yield targeted
