"""The error that the API shows with a server (nova/objects/instance_fault.py)."""

from labkit.nova.clock import InstanceFault


def create(instance, code, message):
    """Write a fault of a server down, before those that it has already."""
    service = instance.service
    faults = service.site.db.faults.setdefault(instance.uuid, [])
    faults.insert(0, {"code": code, "message": message})
    service.note(InstanceFault, instance.name, code, message)
