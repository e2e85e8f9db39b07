"""The first way to a context: from the headers of a request (nova/api/auth.py)."""

import json

from labkit.nova.context import RequestContext
from labkit.nova.exception import HTTPInternalServerError, HTTPUnauthorized


class NovaKeystoneContext:
    """Makes a context of the headers, puts it into the request, and lets the application answer.

    In: *application*, a function of the request's environment. A call takes such an environment, a
    dict, and returns what the application does, after ``environ["nova.context"]`` is there.
    Raises HTTPUnauthorized (401) for a request without a user, HTTPInternalServerError for a
    catalogue that is no JSON.

    Nova believes these headers. Before it stands the keystone middleware, which looks at the token,
    removes the headers that came from outside and writes its own.

    Unlike Nova, the environment's ``keystone.token_auth`` is not kept.
    """

    def __init__(self, application):
        self.application = application

    def __call__(self, environ):
        """Answer a request."""
        catalog = environ.get("HTTP_X_SERVICE_CATALOG")
        try:
            service_catalog = None if catalog is None else json.loads(catalog)
        except ValueError:
            raise HTTPInternalServerError("Invalid service catalog json.") from None
        context = RequestContext.from_environ(
            environ, remote_address=environ.get("REMOTE_ADDR"), service_catalog=service_catalog
        )
        if context.user_id is None:
            raise HTTPUnauthorized
        environ["nova.context"] = context
        return self.application(environ)
