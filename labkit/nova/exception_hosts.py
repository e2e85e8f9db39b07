"""What Nova says of a host whose report does not fit (nova/exception.py)."""

from labkit.nova.exception import NovaException


class Invalid(NovaException):
    """An option does not fit the host."""

    code = 400
    msg_fmt = "Bad Request - Invalid Parameters"


class InvalidInput(Invalid):
    """A driver's report lacks what Nova needs."""

    msg_fmt = "Invalid input received: %(reason)s"


class InvalidConfiguration(Invalid):
    """Another row of compute_nodes has the name of this node."""

    msg_fmt = "Configuration is Invalid."


class InvalidNodeConfiguration(NovaException):
    """A driver reports another uuid than before."""

    msg_fmt = "Invalid node identity configuration: %(reason)s"


class ResourceProviderSyncFailed(NovaException):
    """Placement does not take the inventory that a host reports."""

    msg_fmt = (
        "Failed to synchronize the placement service with resource provider information "
        "supplied by the compute host."
    )
