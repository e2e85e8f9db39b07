"""What becomes of an exception that leaves a method of a service (nova/exception_wrapper.py)."""

import functools

from labkit.nova.clock import as_generator
from labkit.nova.notifications.base import emit


def wrap_exception(service, binary):
    """Return a decorator of methods: an exception is sent as two notifications, and raised again."""

    def inner(function):
        work = as_generator(function)

        @functools.wraps(function)
        def decorated_function(self, *args, **kwargs):
            try:
                return (yield from work(self, *args, **kwargs))
            except Exception as error:
                _emit_exception_notifications(self, service, binary, function.__name__, error)
                raise

        return decorated_function

    return inner


def _emit_exception_notifications(sender, service, binary, function_name, error):
    payload = {"exception": type(error).__name__}
    emit(sender, None, "legacy", function_name, service, payload, priority="ERROR")
    payload = {"object": "ExceptionPayload/1.1"}
    emit(sender, None, "versioned", "compute.exception", binary, payload, priority="ERROR")
