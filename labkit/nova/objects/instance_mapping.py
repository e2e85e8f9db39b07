"""Which cell holds a server's row (nova/objects/instance_mapping.py)."""

from labkit.nova import clock
from labkit.nova.db.api import models


def create(service, name, uuid):
    """Write down that there will be a server of who asks, in no cell yet."""
    mapping = models.InstanceMapping(user_id=service.context.user_id)
    service.site.api_db.instance_mappings[uuid] = mapping
    service.note(clock.InstanceMapping, name, "create")


def save(service, instance, **values):
    """Set ``cell`` or ``queued_for_delete`` of a server."""
    mapping = service.site.api_db.instance_mappings[instance.uuid]
    for name, value in values.items():
        setattr(mapping, name, value)
    queued = mapping.queued_for_delete
    service.note(clock.InstanceMapping, instance.name, "save", mapping.cell, queued)


def destroy(service, instance):
    """Forget a server that never came to be."""
    service.site.api_db.instance_mappings.pop(instance.uuid)
    service.note(clock.InstanceMapping, instance.name, "destroy")
