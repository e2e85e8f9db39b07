"""Who asks: the contexts that keystone and the API make, as far as a cloud needs them."""

import copy
import random
import uuid
from datetime import timedelta
from functools import cache

from labkit.neighbours.oslo_context import EPOCH

MEMBER = ("member", "reader")
#: Who may ask: user, project (None: that of the server), and roles, the lower ones among them.
USERS = {
    "admin": ("admin", "admin", ("admin", *MEMBER)),
    "manager": ("manager", None, ("manager", *MEMBER)),
    "owner": ("demo", None, MEMBER),
    "colleague": ("colleague", None, MEMBER),
    "reader": ("reader", None, ("reader",)),
    "other": ("other", "other", MEMBER),
}
#: Who asks where only *is_admin* is said: an administrator of the server's own project, or a member.
_USUAL = {True: ("admin", None, ("admin", *MEMBER)), False: ("demo", None, MEMBER)}


class Keystone:
    """Knows the USERS, in whatever project.

    In: the simpy environment, a seed for the tokens and the ids of requests, and the class of the
    contexts that it makes.

    Unlike the real one, it lets everybody in, and its tokens hold nothing.

    Source: ``ComputeReqIdMiddleware`` in nova/api/compute_req_id.py and ``NovaKeystoneContext``
    in nova/api/auth.py, Nova 34.0.0.
    """

    def __init__(self, env, seed, request_context):
        self._env = env
        self._random = random.Random(f"request ids, seed {seed}")
        self._tokens = {}
        self._request_context = request_context

    def asking(self, project_id, is_admin, as_user=None):
        """Return a context to ask with, of a request that is never made."""
        if isinstance(as_user, self._request_context):
            return copy.copy(as_user)
        user, project, roles = _who(is_admin, as_user)
        return self._request_context(
            _user_id(user), project or project_id, roles=list(roles), request_id="req-none"
        )

    def context(self, project_id, is_admin, as_user=None):
        """Return the context of a new request.

        In: the project of the server that it is about; whether its administrator asks or an
        ordinary member; or *as_user*, one of USERS, or a context that asks as it is.
        """
        if isinstance(as_user, self._request_context):
            return copy.copy(as_user)
        user, project, roles = _who(is_admin, as_user)
        project_id = project or project_id
        if (user, project_id) not in self._tokens:
            self._tokens[user, project_id] = f"gAAAAAB{self._random.getrandbits(256):064x}"
        return self._request_context(
            _user_id(user),
            project_id,
            is_admin="admin" in roles,
            user_name=user,
            project_name=project_id,
            roles=list(roles),
            auth_token=self._tokens[user, project_id],
            request_id=self._request_id(),
            timestamp=EPOCH + timedelta(seconds=self._env.now),
        )

    @staticmethod
    def user_id(who) -> str:
        """Return the id of one of USERS; of anybody else the id is said as it is."""
        return _user_id(USERS[who][0]) if who in USERS else who

    def admin_context(self):
        """Return the context in which a service does what nobody asks for: without user or token.

        Source: ``get_admin_context`` in nova/context.py, Nova 34.0.0.
        """
        return self._request_context(
            is_admin=True,
            request_id=self._request_id(),
            timestamp=EPOCH + timedelta(seconds=self._env.now),
        )

    def _request_id(self):
        return f"req-{uuid.UUID(int=self._random.getrandbits(128), version=4)}"


def _who(is_admin, as_user):
    return _USUAL[is_admin] if as_user is None else USERS[as_user]


@cache
def _user_id(user):
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"user/{user}").hex
