"""What goes wrong on the way, in the words of oslo.messaging 18.3.1."""


class MessagingException(Exception):
    """A message could not be sent or answered."""

    home = "oslo_messaging.exceptions"


class MessagingTimeout(MessagingException):
    """Nobody answered a call in time."""

    code = 500


class InvalidTarget(MessagingException, ValueError):
    """A target without a topic, or a call by fanout."""

    def __init__(self, text, target):
        super().__init__(f"{text}:{target}")
        self.target = target


class RPCVersionCapError(MessagingException):
    """The message is newer than the cap allows: it is not sent."""

    home = "oslo_messaging.rpc.client"

    def __init__(self, version, version_cap):
        self.version, self.version_cap = version, version_cap
        super().__init__(
            f"Requested message version, {version} is incompatible.  It needs to be equal in major"
            " version and less than or equal in minor version as the specified version cap"
            f" {version_cap}."
        )


class RemoteError(MessagingException):
    """An exception over there of a class that the caller may not rebuild."""

    home = "oslo_messaging.rpc.client"

    def __init__(self, exc_type=None, value=None, traceback=None):
        self.exc_type, self.value, self.traceback = exc_type, value, traceback
        super().__init__(f"Remote error: {exc_type} {value}\n{traceback}.")


class NoSuchMethod(Exception):
    """No endpoint of the server has the method, or it is private."""

    home = "oslo_messaging.rpc.dispatcher"

    def __init__(self, method):
        super().__init__(f"Endpoint does not support RPC method {method}")


class UnsupportedVersion(Exception):
    """No endpoint of the server has the namespace in that version."""

    home = "oslo_messaging.rpc.dispatcher"

    def __init__(self, version, method):
        super().__init__(
            f"Endpoint does not support RPC version {version}. Attempted method: {method}"
        )
