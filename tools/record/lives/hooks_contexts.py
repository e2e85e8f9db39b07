"""Whose request each event belongs to: the contexts that Nova hands from function to function.

While ``REC.contexts`` is a list, every event that Nova does in a context gets ``request_id`` (the
number of its request id, in the order in which they were first seen) and ``is_admin``.
"""

import threading

from tools.record.lives import backend  # noqa: F401

# isort: split
import oslo_messaging.rpc.client as rpc_client
from nova.db.main import api as db_api
from nova.tests.fixtures import notifications

from tools.record.lives.hooks_rows import wrap
from tools.record.lives.recorder import REC

ROWS = """action_start action_finish action_event_start action_event_finish instance_create
instance_update_and_get_original instance_destroy""".split()

_local = threading.local()


def install():
    """Put the hooks in; once per process, after all others."""
    REC.contexts = None
    for style in ("cast", "call"):
        _in_context(rpc_client._BaseCallContext, style, 1)
    for name in ROWS:
        _in_context(db_api, name, 0)
    for notifier in (notifications.FakeNotifier, notifications.FakeVersionedNotifier):
        _in_context(notifier, "_notify", 2)

    @wrap(type(REC), "add")
    def add(original, self, *args, **fields):
        event, context = original(self, *args, **fields), getattr(_local, "context", None)
        if event is not None and context is not None and self.contexts is not None:
            if context.request_id not in self.contexts:
                self.contexts.append(context.request_id)
            event["request_id"] = self.contexts.index(context.request_id) + 1
            event["is_admin"] = context.is_admin
        return event


def _in_context(owner, name, position):
    @wrap(owner, name)
    def within(original, *args, **kwargs):
        before = getattr(_local, "context", None)
        _local.context = kwargs.get("context") or kwargs.get("ctxt") or args[position]
        try:
            return original(*args, **kwargs)
        finally:
            _local.context = before
