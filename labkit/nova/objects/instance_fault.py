"""The error that the API shows with a server (nova/objects/instance_fault.py)."""

from labkit.nova.clock import InstanceFault
from labkit.nova.exception import NovaException
from labkit.nova.objects.base import remote
from labkit.nova.objects.primitive import primitive


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
    fault = {"instance_uuid": instance.uuid, "code": code, "message": text, "host": service.host}
    by = "compute/utils.py:add_instance_fault_from_exc"

    def write():
        faults = service.site.db.faults.setdefault(instance.uuid, [])
        faults.insert(0, {"code": code, "message": text})
        service.note(InstanceFault, instance.name, code, text, by)

    made = primitive("InstanceFault", "1.2", fault, fault)
    remote(service, "InstanceFault.create", instance.name, by, write, objinst=made)
