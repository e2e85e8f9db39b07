"""The refusals of Nova that the lab can meet, in Nova's own words (nova/exception.py)."""


class NovaException(Exception):
    """Base of every refusal; ``msg_fmt`` holds Nova's own text."""

    msg_fmt = "An unknown exception occurred."
    code = 500

    def __init__(self, message: str | None = None, **kwargs):
        self.kwargs = kwargs
        super().__init__(message or self.msg_fmt % kwargs)


class NoValidHost(NovaException):
    """No host is left for the request.

    ``decision`` carries the whole funnel, from the first request filter to the
    stage that removed the last host.

    Source: ``NoValidHost`` in nova/exception.py, Nova 34.0.0.
    """

    msg_fmt = "No valid host was found. %(reason)s"
    decision = None


class RequestFilterFailed(NovaException):
    """A request filter refuses the request before placement is asked."""

    msg_fmt = "Scheduling failed: %(reason)s"


class SchedulerHostFilterNotFound(NovaException):
    """``enabled_filters`` names a filter that is not there."""

    msg_fmt = "Scheduler Host Filter %(filter_name)s could not be found."
    code = 404


class ComputeHostMetricNotFound(NovaException):
    """A host lacks a metric of ``[metrics] weight_setting`` while ``required`` is on."""

    msg_fmt = "Metric %(name)s could not be found on the compute host node %(host)s.%(node)s."
    code = 404


class InstanceInvalidState(NovaException):
    """An action does not fit the server's state; the API answers 409 with this text.

    Source: ``raise_http_conflict_for_instance_invalid_state`` in nova/api/openstack/common.py.
    """

    code = 409

    def __init__(self, action, server_id, attr, state):
        if state is not None:
            text = f"Cannot '{action}' instance {server_id} while it is in {attr} {state}"
        else:
            text = f"Instance {server_id} is in an invalid state for '{action}'"
        super().__init__(text)
        self.kwargs = {"attr": attr, "state": state, "action": action}


class InstanceIsLocked(NovaException):
    """The server is locked, and the user is no administrator."""

    code = 409
    msg_fmt = "Instance %(instance_uuid)s is locked"


class InstanceNotReady(NovaException):
    """The server has no host yet."""

    code = 409
    msg_fmt = "Instance %(instance_id)s is not ready"


class Forbidden(NovaException):
    """The user is not allowed to do this."""

    msg_fmt = "Forbidden"
    code = 403


class PolicyNotAuthorized(Forbidden):
    """Only an administrator may do this."""

    msg_fmt = "Policy doesn't allow %(action)s to be performed."


class ServiceUnavailable(NovaException):
    """The nova-compute of the server is down; the text does not name it. The API answers 409."""

    code = 400
    msg_fmt = "Service is unavailable at this time."


class InstanceNotFound(NovaException):
    """There is no such row, or it is deleted."""

    code = 404
    msg_fmt = "Instance %(instance_id)s could not be found."


class InstanceUpdateConflict(NovaException):
    """A save found another state than it expected."""

    msg_fmt = (
        "Conflict updating instance %(instance_uuid)s. Expected: %(expected)s. Actual: %(actual)s"
    )


class UnexpectedTaskStateError(InstanceUpdateConflict):
    """A save found another task_state than it expected."""


class UnexpectedDeletingTaskStateError(UnexpectedTaskStateError):
    """A save found that the server is being deleted: the delete wins."""


class ObjectActionError(NovaException):
    """A row could not be destroyed, because its host changed or it is gone."""

    msg_fmt = "Object action %(action)s failed because: %(reason)s"


class BuildRequestNotFound(NovaException):
    """The build request is gone: the server was deleted, or the conductor has it."""

    code = 404
    msg_fmt = "BuildRequest not found for instance %(uuid)s"


class InstanceActionNotFound(NovaException):
    """An event belongs to no action of the server."""

    msg_fmt = "Action for request_id %(request_id)s on instance %(instance_uuid)s not found"


class InstanceActionEventNotFound(NovaException):
    """An event ends that the action has not."""

    msg_fmt = "Event %(event)s not found for action id %(action_id)s"


class ComputeResourcesUnavailable(NovaException):
    """The host cannot hold the server: the build goes to the next host."""

    code = 400
    msg_fmt = "Insufficient compute resources: %(reason)s."


class RescheduledException(NovaException):
    """The build failed here and may go on elsewhere."""

    msg_fmt = "Build of instance %(instance_uuid)s was re-scheduled: %(reason)s"


class GroupAffinityViolation(NovaException):
    """A host finds, with the server on it, that the rule of the server's group is broken."""

    msg_fmt = "%(policy)s instance group policy was violated"


class UnsupportedPolicyException(NovaException):
    """The filter or the weigher that a server group needs is not enabled."""

    code = 400
    msg_fmt = "ServerGroup policy is not supported: %(reason)s"


class BuildAbortException(NovaException):
    """The build failed, and no other host is tried."""

    msg_fmt = "Build of instance %(instance_uuid)s aborted: %(reason)s"


class MaxRetriesExceeded(NoValidHost):
    """No alternate is left, or max_attempts is reached."""

    msg_fmt = "Exceeded maximum number of retries. %(reason)s"


class ImageUnacceptable(NovaException):
    """The hypervisor cannot use the image."""

    code = 400
    msg_fmt = "Image %(image_id)s is unacceptable: %(reason)s"


class ImageNotFound(NovaException):
    """There is no such image."""

    code = 404
    msg_fmt = "Image %(image_id)s could not be found."


class ImageNotActive(NovaException):
    """The image is not to be used."""

    msg_fmt = "Image %(image_id)s is not active."


class FlavorMemoryTooSmall(NovaException):
    """The image asks for more RAM than the flavor has."""

    msg_fmt = "Flavor's memory is too small for requested image."


class FlavorDiskSmallerThanMinDisk(NovaException):
    """The image asks for a larger disk than the flavor has."""

    msg_fmt = (
        "Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk"
        " is %(flavor_size)i bytes, minimum size is %(image_min_disk)i bytes."
    )


class ComputeHostNotFound(NovaException):
    """The request names a host that is not there."""

    code = 404
    msg_fmt = "Compute host %(host)s could not be found."


class InstanceGroupNotFound(NovaException):
    """There is no such server group, or it is another project's; the API answers 400."""

    code = 404
    msg_fmt = "Instance group %(group_uuid)s could not be found."


class PortNotFound(NovaException):
    """Neutron has no such port."""

    code = 404
    msg_fmt = "Port id %(port_id)s could not be found."


class OverQuota(NovaException):
    """The request goes beyond a quota; the API answers 403."""

    code = 413
    msg_fmt = "Quota exceeded for resources: %(overs)s"


class TooManyInstances(OverQuota):
    """The request goes beyond the project's quota of instances, cores or RAM."""

    msg_fmt = (
        "Quota exceeded for %(overs)s: Requested %(req)s, but already used %(used)s of"
        " %(allowed)s %(overs)s"
    )


class FlavorDiskSmallerThanImage(NovaException):
    """The unpacked image is larger than the flavor's disk."""

    msg_fmt = (
        "Flavor's disk is too small for requested image. Flavor disk is %(flavor_size)i bytes,"
        " image is %(image_size)i bytes."
    )


class NoMoreFixedIps(NovaException):
    """The network has no address left."""

    msg_fmt = "No fixed IP addresses available for network: %(net)s"


class VirtualInterfaceCreateException(NovaException):
    """The network interface did not come up in time."""

    msg_fmt = "Virtual Interface creation failed"


class InvalidBDM(NovaException):
    """The block devices cannot be prepared."""

    code = 400
    msg_fmt = "Block Device Mapping is Invalid."


class InstanceNotRunning(NovaException):
    """The hypervisor has no such guest."""

    code = 400
    msg_fmt = "Instance %(instance_id)s is not running."


class QemuGuestAgentNotEnabled(NovaException):
    """The image does not say that there is an agent in the guest."""

    code = 400
    msg_fmt = "QEMU guest agent is not enabled"


class InstanceQuiesceFailed(NovaException):
    """The agent in the guest does not freeze its file systems."""

    code = 409
    msg_fmt = "Failed to quiesce instance: %(reason)s"


class DiskNotFound(NovaException):
    """There is no such file."""

    code = 404
    msg_fmt = "No disk at %(location)s"


class InvalidDevicePath(NovaException):
    """The path of an rbd volume has no pool."""

    code = 400
    msg_fmt = "The supplied device path (%(path)s) is invalid."


class InstancePasswordSetFailed(NovaException):
    """The password could not be set."""

    msg_fmt = "Failed to set admin password on %(instance)s because %(reason)s"


class InstanceNotRescuable(NovaException):
    """The server could not be rescued."""

    code = 400
    msg_fmt = "Instance %(instance_id)s cannot be rescued: %(reason)s"


# -- moves ----------------------------------------
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
    """A live migration failed for an unexpected reason."""

    msg_fmt = "Migration error: %(reason)s"


class MigrationPreCheckError(MigrationError):
    """A host cannot take the server, or cannot let it go."""

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


# -- hosts
class Invalid(NovaException):
    """An option does not fit the host."""

    code = 400
    msg_fmt = "Bad Request - Invalid Parameters"


class InvalidRequest(Invalid):
    """A request asks for what cannot be."""

    msg_fmt = "The request is invalid."


class UnshelveInstanceInvalidState(InstanceInvalidState):
    """A zone or a host is named for a server that is not offloaded."""

    msg_fmt = (
        'Specifying an availability zone or a host when unshelving server "%(instance_uuid)s" with'
        ' status "%(state)s" is not supported. The server status must be SHELVED_OFFLOADED.'
    )

    def __init__(self, **kwargs):
        NovaException.__init__(self, **kwargs)


class UnshelveHostNotInAZ(Invalid):
    """The host that a server is to be unshelved to is in another zone."""

    msg_fmt = 'Host "%(host)s" is not in the availability zone "%(availability_zone)s".'
    code = 409


class BootFromVolumeRequiredForZeroDiskFlavor(Forbidden):
    """A flavor without a disk is for servers with a volume."""

    msg_fmt = "Only volume-backed servers are allowed for flavors with zero disk."


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


# -- libraries that Nova calls; ``home`` is the module of each
class CantStartEngineError(NovaException):
    """A context that leads to no database, and no database is configured."""

    home = "oslo_db.exception"
    msg_fmt = "No sql_connection parameter is established"


class EmptyCatalog(NovaException):
    """The context has no service catalogue."""

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


# -- the lab's own
class NotModelled(Exception):
    """The request needs a part of Nova that the lab leaves out; the text names it."""
