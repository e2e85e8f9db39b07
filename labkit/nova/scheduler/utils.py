"""What builds and moves have in common when they look for a host (nova/scheduler/utils.py)."""

from labkit.nova.exception import MaxRetriesExceeded


def exhausted(instance):
    """Return the error of a server for which no host is left."""
    reason = (
        f"Exhausted all hosts available for retrying build failures for instance {instance.uuid}."
    )
    return MaxRetriesExceeded(reason=reason)


def populate_retry(filter_properties, instance_uuid, max_attempts, spec):
    """Count one more attempt, where there may be more than one.

    Raises MaxRetriesExceeded beyond ``[scheduler] max_attempts``. Without a ``retry`` in the
    properties a host that fails does not hand the build on.

    Source: ``populate_retry`` in nova/scheduler/utils.py, Nova 34.0.0.
    """
    if max_attempts == 1 or len(spec.force_hosts or ()) == 1 or len(spec.force_nodes or ()) == 1:
        return
    retry = filter_properties.setdefault("retry", {"num_attempts": 0})
    retry["num_attempts"] += 1
    exc_reason = retry.pop("exc_reason", None)
    if retry["num_attempts"] > max_attempts:
        reason = (
            f"Exceeded max scheduling attempts {max_attempts} for instance {instance_uuid}."
            f" Last exception: {exc_reason}"
        )
        raise MaxRetriesExceeded(reason=reason)
