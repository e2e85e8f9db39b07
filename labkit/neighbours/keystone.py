"""Who asks: the contexts that keystone and the API make, as far as a cloud needs them."""

import random
import uuid
from datetime import timedelta

from labkit.neighbours.oslo_context import EPOCH

#: By user; a user of keystone's has the roles below his own too.
ROLES = {"admin": ("admin", "member", "reader"), "demo": ("member", "reader")}


class Keystone:
    """Knows an administrator, "admin", and an ordinary user, "demo", in whatever project.

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
        self._users = {user: uuid.uuid5(uuid.NAMESPACE_DNS, f"user/{user}").hex for user in ROLES}
        self._request_context = request_context

    def asking(self, project_id, is_admin):
        """Return a context to ask policy with, of a request that is never made."""
        user = "admin" if is_admin else "demo"
        return self._request_context(
            user, project_id, is_admin=is_admin, roles=list(ROLES[user]), request_id="req-none"
        )

    def context(self, project_id, is_admin):
        """Return the context of a new request of the administrator, or of the ordinary user."""
        user = "admin" if is_admin else "demo"
        if (user, project_id) not in self._tokens:
            self._tokens[user, project_id] = f"gAAAAAB{self._random.getrandbits(256):064x}"
        return self._request_context(
            self._users[user],
            project_id,
            is_admin=is_admin,
            user_name=user,
            project_name=project_id,
            roles=list(ROLES[user]),
            auth_token=self._tokens[user, project_id],
            request_id=self._request_id(),
            timestamp=EPOCH + timedelta(seconds=self._env.now),
        )

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
