"""Who is asking: the context that goes with a request through all of Nova."""

import copy
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache

from labkit.neighbours import oslo_context
from labkit.neighbours.arguments import all_of, of_type, shown
from labkit.neighbours.oslo_context import EPOCH
from labkit.nova import exception, policy

_TIME = "%Y-%m-%dT%H:%M:%S.%f"
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
#: What the arguments begin with that Nova takes and the lab refuses.
REFUSED_ARGUMENTS = (
    "overwrite",
    "user_auth_plugin",
    "service_",
    "domain_name",
    "user_domain_name",
    "project_domain_name",
)


class RequestContext(oslo_context.RequestContext):
    """Who asks for something, with which rights, and under which request id.

    In: texts; *roles* a list; *is_admin* None means: look at the roles; *read_deleted* "no" (hide
    deleted rows), "yes" or "only"; *timestamp* a datetime or a text like
    "2016-03-01T12:00:00.000000"; *service_catalog* a list of dicts with a "type"; *more* are the
    fields of ``labkit.neighbours.oslo_context.RequestContext``. ``to_dict()`` gives the 25 fields that travel
    with every message; ``elevated()`` a copy with an administrator's rights; ``can(action)``
    whether policy allows something.
    Raises ValueError for another *read_deleted*, TypeError for an unknown argument, NotModelled for
    one of Nova's that the lab leaves out.

    >>> alice = RequestContext("alice", "physics", roles=["member"])
    >>> alice.is_admin, alice.elevated().is_admin
    (False, True)
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
        **more,
    ):
        for name in more:
            if name.startswith(REFUSED_ARGUMENTS):
                raise exception.NotModelled(f"Unlike Nova, the lab's contexts have no {name}=")
        texts = {"user_id": user_id, "project_id": project_id}
        for name, value in texts.items():
            of_type(value, str | None, "not text", name)
        of_type(timestamp, str | datetime | None, "neither a datetime nor text", "timestamp")
        catalog = [] if service_catalog is None else service_catalog
        catalog = all_of("service_catalog", catalog, dict, "dicts with a 'type'")
        super().__init__(
            is_admin=is_admin, user_id=user_id or None, project_id=project_id or None, **more
        )
        self.read_deleted = read_deleted
        self.remote_address = remote_address
        if isinstance(timestamp, str) and timestamp:
            timestamp = _time_of(timestamp)
        self.timestamp = timestamp or EPOCH
        self.service_catalog = [s for s in catalog if s.get("type") in KEPT_SERVICES]
        self.quota_class = quota_class
        self.db_connection = None
        self.mq_connection = None
        self.cell_uuid = None
        if self.is_admin is None:
            self.is_admin = policy.check_is_admin(self)

    @property
    def read_deleted(self):
        """Whether deleted rows are seen: "no", "yes" or "only"."""
        return self._read_deleted

    @read_deleted.setter
    def read_deleted(self, value):
        if not isinstance(value, str) or value not in ("no", "yes", "only"):
            raise ValueError(
                f"read_deleted can only be one of 'no', 'yes' or 'only', not {shown(value)}"
            )
        self._read_deleted = value

    def to_dict(self) -> dict:
        """Return the 25 fields that travel with a message, the token in clear among them."""
        return super().to_dict() | {
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
        of_type(values, dict, "not a dict, as to_dict returns it", "values")
        return super().from_dict(
            values,
            user_id=values.get("user_id"),
            read_deleted=values.get("read_deleted", "no"),
            remote_address=values.get("remote_address"),
            timestamp=values.get("timestamp"),
            quota_class=values.get("quota_class"),
            service_catalog=values.get("service_catalog"),
        )

    def elevated(self, read_deleted=None) -> "RequestContext":
        """Return a copy with an administrator's rights: the same user, token and request id."""
        context = copy.copy(self)
        context.roles = list(self.roles)
        context.is_admin = True
        if "admin" not in context.roles:
            context.roles.append("admin")
        if read_deleted is not None:
            context.read_deleted = read_deleted
        return context

    def can(self, action, target=None, fatal=True) -> bool:
        """Return whether policy allows an action; raise PolicyNotAuthorized unless *fatal* is False.

        In: the name of a rule; *target*, a dict, says whose thing it is about: by default one's own.
        """
        return policy.authorize(self, action, target, do_raise=fatal)

    def __str__(self):
        return f"<Context {self.to_dict()}>"


@lru_cache(maxsize=256)  # every message of a request brings the same one
def _time_of(text):
    try:
        return datetime.strptime(text, _TIME)  # noqa: DTZ007 - as Nova
    except ValueError:
        raise ValueError(f"timestamp = {shown(text)}: expected a time as {_TIME}") from None


def get_context() -> RequestContext:
    """Return a context of nobody, without any right.

    >>> get_context().user_id is None, get_context().is_admin
    (True, False)
    """
    return RequestContext(is_admin=False)


def get_admin_context(read_deleted="no") -> RequestContext:
    """Return a context that Nova makes for itself: all rows of its databases, and nothing more.

    In: *read_deleted* "no", "yes" or "only". Out: a RequestContext with ``is_admin``, without a
    user, a project, roles or a token: policy refuses it, and glance cannot be asked with it.
    Raises ValueError for another *read_deleted*.

    >>> context = get_admin_context()
    >>> context.is_admin, context.can("os_compute_api:servers:stop", fatal=False)
    (True, False)
    """
    return RequestContext(is_admin=True, read_deleted=read_deleted)


def is_user_context(context) -> bool:
    """Return whether a context is an ordinary user's."""
    return bool(context and not context.is_admin and context.user_id and context.project_id)


def require_context(context):
    """Raise Forbidden if a context is neither a user's nor an administrator's."""
    if not context.is_admin and not is_user_context(context):
        raise exception.Forbidden


def authorize_project_context(context, project_id):
    """Raise Forbidden if a user asks for something of another project."""
    if is_user_context(context) and context.project_id != project_id:
        raise exception.Forbidden


def authorize_user_context(context, user_id):
    """Raise Forbidden if a user asks for something of another user."""
    if is_user_context(context) and context.user_id != user_id:
        raise exception.Forbidden


def authorize_quota_class_context(context, class_name):
    """Raise Forbidden if a user asks for a quota class that is not his own."""
    if is_user_context(context) and not (context.quota_class and context.quota_class == class_name):
        raise exception.Forbidden


def set_target_cell(context, cell_mapping):
    """Let a context lead to the database and the message queue of a cell; None leads nowhere.

    In: a cell mapping with ``uuid``, ``database_connection`` and ``transport_url``; one that begins
    with "none" (cell0's) has no queue.

    Unlike Nova, the connections are the addresses themselves.
    """
    context.db_connection = context.mq_connection = context.cell_uuid = None
    if cell_mapping is not None:
        context.db_connection = cell_mapping.database_connection
        if not cell_mapping.transport_url.startswith("none"):
            context.mq_connection = cell_mapping.transport_url
        context.cell_uuid = cell_mapping.uuid


@contextmanager
def target_cell(context, cell_mapping):
    """Yield a copy of a context that leads to a cell; the context itself stays as it is."""
    targeted = copy.copy(context)
    set_target_cell(targeted, cell_mapping)
    yield targeted
