"""The error that the API shows with a server (nova/objects/instance_fault.py)."""

from labkit.nova.clock import InstanceFault
from labkit.nova.db.main import api as db


def create(instance, code, message):
    """Write a fault of a server down, before those that it has already."""
    service = instance.service
    fault = {"code": code, "message": message}
    db.instance_fault_create(service.db_context, instance.uuid, fault)
    service.note(InstanceFault, instance.name, code, message)
