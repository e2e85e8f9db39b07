"""The refusals of Nova that the lab can meet, in Nova's own words (nova/exception.py)."""


class NovaException(Exception):
    """Base of every refusal; ``msg_fmt`` holds Nova's own text.

    Source: ``NovaException`` in nova/exception.py, Nova 34.0.0.
    """

    msg_fmt = "An unknown exception occurred."

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


class ComputeHostMetricNotFound(NovaException):
    """A host lacks a metric of ``[metrics] weight_setting`` while ``required`` is on."""

    msg_fmt = "Metric %(name)s could not be found on the compute host node %(host)s.%(node)s."


class OrphanedObjectError(NovaException):
    """An object without a context should have been read from the database."""

    msg_fmt = "Cannot call %(method)s on orphaned %(objtype)s object"


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
    """A locked server, and somebody who is no administrator."""

    code = 409
    msg_fmt = "Instance %(instance_uuid)s is locked"


class InstanceNotReady(NovaException):
    """The server has no host yet."""

    code = 409
    msg_fmt = "Instance %(instance_id)s is not ready"


class UnexpectedTaskStateError(NovaException):
    """A save found another task_state than it expected."""

    msg_fmt = (
        "Conflict updating instance %(instance_uuid)s. Expected: %(expected)s. Actual: %(actual)s"
    )


class UnexpectedDeletingTaskStateError(UnexpectedTaskStateError):
    """A save found that the server is being deleted: the delete wins."""


class NotModelled(Exception):
    """The request needs a part of Nova that the lab leaves out; the text names it."""
