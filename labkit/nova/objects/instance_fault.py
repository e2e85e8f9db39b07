"""The error that the API shows with a server (nova/objects/instance_fault.py)."""

from labkit.nova.clock import InstanceFault
from labkit.nova.db.main import api as db
from labkit.nova.exception import NovaException


def create(instance, error, message=None):
    """Note an error of a server; the API shows the newest.

    The text of an exception that is not Nova's own is not shown, only its class.

    Source: ``add_instance_fault_from_exc`` and ``exception_to_dict`` in nova/compute/utils.py,
    Nova 34.0.0.
    """
    code, text = 500, type(error).__name__
    if isinstance(error, NovaException):
        code, text = error.code, str(error)
    service, text = instance._service, (message or text)[:255]
    fault = {"code": code, "message": text}
    db.instance_fault_create(service.db_context, instance.uuid, fault)
    by = "compute/utils.py:add_instance_fault_from_exc"
    service.note(InstanceFault, instance.name, code, text, by)
