"""What becomes of an exception that leaves a method of a service (nova/exception_wrapper.py)."""

from contextlib import contextmanager

from labkit.nova.clock import around
from labkit.nova.notifications.base import emit


def wrap_exception(service, binary):
    """Return a decorator of methods: an exception is sent as two notifications, and raised again."""

    @around
    @contextmanager
    def sending(function, self, *_args, **_kwargs):
        try:
            yield
        except Exception as error:
            _emit_exception_notifications(self, service, binary, function.__name__, error)
            raise

    return sending


def _emit_exception_notifications(sender, service, binary, function_name, error):
    payload = {"exception": type(error).__name__}
    emit(sender, None, "legacy", function_name, service, payload, priority="ERROR")
    payload = {"object": "ExceptionPayload/1.1"}
    emit(sender, None, "versioned", "compute.exception", binary, payload, priority="ERROR")
