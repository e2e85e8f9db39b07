"""What the libraries say with which Nova reaches its databases, its neighbours and itself."""

from labkit.nova.exception import NovaException


class CantStartEngineError(NovaException):
    """A context that leads to no database, and no database is configured."""

    home = "oslo_db.exception"
    msg_fmt = "No sql_connection parameter is established"


class EmptyCatalog(NovaException):
    """Nobody told Nova where the neighbours are: the context has no catalogue."""

    home = "keystoneauth1.exceptions.catalog"
    msg_fmt = "The service catalog is empty."


class EndpointNotFound(NovaException):
    """The catalogue does not name the neighbour."""

    home = "keystoneauth1.exceptions.catalog"
    msg_fmt = "%(interfaces)s endpoint for image service not found"


class AuthorizationFailure(NovaException):
    """There is no token to show to the neighbour."""

    home = "keystoneauth1.exceptions.auth"
    msg_fmt = "No valid authentication is available"


class HTTPBadRequest(NovaException):
    """A request that makes no sense (webob.exc)."""

    home = "webob.exc"
    code = 400


class HTTPNotFound(NovaException):
    """Something that the request names is not there (webob.exc)."""

    home = "webob.exc"
    code = 404


class HTTPUnauthorized(NovaException):
    """The request brings no user (webob.exc)."""

    home = "webob.exc"
    code = 401
    msg_fmt = (
        "This server could not verify that you are authorized to access the document you requested."
        " Either you supplied the wrong credentials (e.g., bad password), or your browser does not"
        " understand how to supply the credentials required."
    )


class HTTPInternalServerError(NovaException):
    """The API cannot go on (webob.exc)."""

    home = "webob.exc"
    code = 500


class OrphanedObjectError(NovaException):
    """An object without a context should have been read from the database, or saved there."""

    home = "oslo_versionedobjects.exception"
    msg_fmt = "Cannot call %(method)s on orphaned %(objtype)s object"


class MessagingException(Exception):
    """A message could not be sent or answered (oslo.messaging)."""

    home = "oslo_messaging.exceptions"


class MessagingTimeout(MessagingException):
    """Nobody answered a call in time."""

    code = 500
