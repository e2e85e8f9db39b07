"""What is done to a row where the database is: here, or at the conductor (nova/objects/base.py)."""

import functools


class NovaObject:
    """Answers ``"name" in obj`` as Nova's objects do: whether the field is set.

    Source: ``__contains__`` of VersionedObject in oslo_versionedobjects/base.py, 3.12.0.
    """

    def __contains__(self, name):
        return getattr(self, name, None) is not None


def remote(service, named, name, by, work, method="object_action", **arguments):
    """Do *work* on a row for a service: at once, or by a call where the service has no database.

    In: *named*, Nova's class and method; the server's name; *by*, the file:function of Nova that
    wants it; the arguments of the call. Returns or raises what the work does.

    Source: ``remotable`` and ``remotable_classmethod`` in oslo_versionedobjects/base.py, 3.12.0.
    """
    api = service.indirection_api
    if api is None or service.acting is not service:
        return work()
    return api.object_action(service, method, (named, name), by, work, **arguments)


def remotable(function):
    """Make a method of an object one that is done where the database is.

    The method's first argument, if any, is *by*.
    """

    @functools.wraps(function)
    def method(self, *args, **kwargs):
        if self._service.indirection_api is None:
            return function(self, *args, **kwargs)
        named = f"{type(self).__name__}.{function.__name__}"
        work = functools.partial(function, self, *args, **kwargs)
        by = args[0] if args else None
        told = {key: value for key, value in kwargs.items() if value is not None}
        return remote(self._service, named, self.name, by, work, objinst=self, args=[], kwargs=told)

    return method
