"""The recorder: one list of events, and who did what where."""

import pathlib
import re
import sys
import threading

import nova

ROOT = str(pathlib.Path(nova.__file__).parent) + "/"
# Frames that only wrap or carry others: never the answer to "who did this?".
CARRIERS = frozenset(
    "wrapper wrapped inner outer decorated_function helper wrapped_func _wrapped __exit__ __enter__"
    " <lambda> test_case_id_wrapper spawn spawn_on wrap context_wrapper pass_context _emit _tracked"
    " emit reset_fields setattr_wrapper".split()
)
CARRIER_FILES = (
    "api/auth.py",
    "api/openstack/__init__.py",
    "api/openstack/auth.py",
    "api/openstack/compute/routes.py",
    "api/openstack/extensions.py",
    "api/openstack/identity.py",
    "api/openstack/requestlog.py",
    "api/openstack/urlmap.py",
    "api/openstack/wsgi.py",
    "api/openstack/wsgi_app.py",
    "api/validation/",
    "api/wsgi.py",
    "context.py",
    "db/",
    "exception_wrapper.py",
    "middleware/",
    "notifications/",
    "objects/",
    "policy.py",
    "profiler.py",
    "rpc.py",
    "safe_utils.py",
    "service.py",
    "test.py",
    "tests/",
    "thread_pool_factory.py",
    "utils.py",
)
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NAME = re.compile(r"instance-[0-9a-f]{8}")

_local = threading.local()


def service():
    """The service that the running (green) thread belongs to."""
    return getattr(_local, "service", None) or "api"


def set_service(name):
    """Say which service the running thread belongs to; returns what it was."""
    before = getattr(_local, "service", None)
    _local.service = name
    return before


class Recorder:
    """Events in the order in which they happened, while it is switched on."""

    def __init__(self):
        self.events = []
        self.active = False
        self.servers = []  # uuids, in the order in which they were first seen
        self.count = 0  # of everything seen, whether kept or not

    def start(self):
        """Forget the events; the servers stay known until `forget`."""
        self.events = []
        self.active = True

    def stop(self):
        """Switch off and hand over the events."""
        self.active = False
        events, self.events = self.events, []
        return events

    def forget(self):
        """Start counting servers anew."""
        self.servers = []

    def add(self, kind, uuid=None, /, **fields):
        """Note one event; *uuid* is a server's, kept as its number (the first, 0, is left out)."""
        self.count += 1
        if not self.active:
            return None
        event = {"seq": len(self.events) + 1, "kind": kind, "service": service()}
        if uuid is not None:
            if uuid not in self.servers:
                self.servers.append(uuid)
            number = self.servers.index(uuid)
            if number:
                event["instance"] = number
        event.update(fields)
        self.events.append(event)
        return event


REC = Recorder()


def call_chain():
    """Nova's own frames, outermost first, as (file, function).

    A decorator that notes what becomes of a function stands for that function.
    """
    frame = sys._getframe(1)
    chain = []
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(ROOT):
            file, function = name[len(ROOT) :], frame.f_code.co_name
            if function == "decorated_function" and "function" in frame.f_locals:
                decorated = frame.f_locals["function"]
                file = decorated.__module__.removeprefix("nova.").replace(".", "/") + ".py"
                function = decorated.__name__
            if function not in CARRIERS and not file.startswith(CARRIER_FILES):
                chain.append((file, function))
        frame = frame.f_back
    chain.reverse()
    return chain


def where():
    """The innermost of Nova's own functions that is at work, as ``file:function``."""
    chain = call_chain()
    return ":".join(chain[-1]) if chain else None


def caller():
    """As `where`, but the one who used nova/*/rpcapi.py."""
    chain = [frame for frame in call_chain() if "rpcapi" not in frame[0]]
    return ":".join(chain[-1]) if chain else None


def mask(text):
    """The text with ``{uuid}`` for each uuid, ``{name}`` for a name that the hypervisor knows."""
    return NAME.sub("{name}", UUID.sub("{uuid}", text)) if text else text
