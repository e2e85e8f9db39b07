"""The refusals and failures of moves, in Nova's own words (nova/exception.py)."""

from labkit.nova.exception import NovaException, ServiceUnavailable


class MigrationNotFoundByStatus(NovaException):
    """There is no such move to be confirmed or reverted."""

    code = 404
    msg_fmt = "Migration not found for instance %(instance_id)s with status %(status)s."


class MigrationNotFoundForInstance(NovaException):
    """There is no live migration to be aborted or hurried."""

    code = 404
    msg_fmt = "Migration %(migration_id)s not found for instance %(instance_id)s"


class InvalidMigrationState(NovaException):
    """The live migration has not begun yet, or is over."""

    code = 400
    msg_fmt = (
        "Migration %(migration_id)s state of instance %(instance_uuid)s is %(state)s. Cannot"
        " %(method)s while the migration is in this state."
    )


class MigrationError(NovaException):
    """A live migration failed for a reason that nobody has foreseen."""

    msg_fmt = "Migration error: %(reason)s"


class MigrationPreCheckError(MigrationError):
    """A host will not have the server, or will not let it go."""

    msg_fmt = "Migration pre-check error: %(reason)s"


class UnableToMigrateToSelf(NovaException):
    """The destination is the source."""

    code = 400
    msg_fmt = "Unable to migrate instance (%(instance_id)s) to current host (%(host)s)."


class CannotMigrateToSameHost(NovaException):
    """The destination that was asked for is the source."""

    code = 400
    msg_fmt = "Cannot migrate to the host where the server exists."


class CannotResizeToSameFlavor(NovaException):
    """A resize to the flavor that it has."""

    code = 400
    msg_fmt = "When resizing, instances must change flavor!"


class CannotResizeDisk(NovaException):
    """A resize to a flavor without a disk."""

    code = 400
    msg_fmt = "Server disk was unable to be resized because: %(reason)s"


class ResizeError(NovaException):
    """The driver does not resize."""

    msg_fmt = "Resize error: %(reason)s"


class InstanceFaultRollback(NovaException):
    """The driver refuses and has changed nothing: the server is as it was before."""

    def __init__(self, inner_exception):
        self.inner_exception = inner_exception
        super().__init__(f"Instance rollback performed due to: {inner_exception}")


class ComputeServiceUnavailable(ServiceUnavailable):
    """The nova-compute of a host is down."""

    msg_fmt = "Compute service of %(host)s is unavailable at this time."


class ComputeServiceInUse(NovaException):
    """An evacuate from a host whose nova-compute is alive."""

    code = 400
    msg_fmt = "Compute service of %(host)s is still in use."


class UnshelveException(NovaException):
    """The image of a shelved server is gone."""

    msg_fmt = "Error during unshelve instance %(instance_id)s: %(reason)s"


class InstanceExists(NovaException):
    """The host that is to take a server in has a guest of it already."""

    msg_fmt = "Instance %(name)s already exists."
