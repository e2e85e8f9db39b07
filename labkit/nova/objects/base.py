"""What all objects that travel have in common (nova/objects/base.py)."""

from datetime import timedelta

from labkit.nova.context import EPOCH

#: Fields that are seconds in the lab and a time in Nova.
_TIMES = ("created_at", "updated_at", "deleted_at", "launched_at", "terminated_at")
#: What cannot change, and needs no copy.
_PLAIN = {str, int, float, bool, type(None)}


class NovaObject:
    """Something that travels between services: a version, and the fields that the lab models.

    ``FIELDS_SENT`` are in Nova's order; those of ``ONLY_IF_SET`` are left out when they are None,
    as Nova does with what it has not read yet.

    Source: ``VersionedObject`` in oslo_versionedobjects/base.py, 3.12.0.
    """

    __slots__ = ()
    VERSION = "1.0"
    FIELDS_SENT = ""
    ONLY_IF_SET = ()

    def __contains__(self, name):
        """Answer ``"name" in obj``: whether the field is set."""
        return getattr(self, name, None) is not None

    def obj_what_changed(self) -> set:
        """Return the fields that were set and not saved; unlike Nova, an Instance's alone."""
        return set()

    def obj_to_primitive(self) -> dict:
        """Return what travels of the object: class, version, fields, and which of them changed."""
        data = {name: _sent(name, getattr(self, name)) for name in self.FIELDS_SENT.split()}
        data = {k: v for k, v in data.items() if v is not None or k not in self.ONLY_IF_SET}
        changes = self.obj_what_changed() & data.keys()
        return primitive(type(self).__name__, self.VERSION, data, changes)


class NovaObjectSerializer:
    """Gives each side of a message objects of its own, as if they had become text in between.

    Unlike Nova's, it makes copies; they become text when the envelope is opened.
    """

    def __init__(self, service):
        self._service = service

    def serialize_entity(self, ctxt, entity):
        """Return a copy of what may change: dicts, lists, and the rows of the database."""
        if type(entity) is dict:
            copied = entity.copy()
            for key, value in entity.items():
                if type(value) not in _PLAIN:
                    copied[key] = self.serialize_entity(ctxt, value)
            return copied
        if type(entity) is list:
            return [self.serialize_entity(ctxt, value) for value in entity]
        return entity.copy_for(self._service) if hasattr(entity, "copy_for") else entity

    deserialize_entity = serialize_entity


def primitive(name, version, data, changes=()) -> dict:
    """Return an object as JSON knows it: its class, its version, its fields, and which changed.

    >>> primitive("Selection", "1.1", {"service_host": "cn-1"})["nova_object.data"]
    {'service_host': 'cn-1'}

    Source: ``obj_to_primitive`` in oslo_versionedobjects/base.py, 3.12.0.
    """
    made = {
        "nova_object.name": name,
        "nova_object.namespace": "nova",
        "nova_object.version": version,
        "nova_object.data": data,
    }
    return made | {"nova_object.changes": sorted(changes)} if changes else made


def _sent(name, value):
    if name in _TIMES and value is not None:
        return (EPOCH + timedelta(seconds=value)).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, NovaObject):
        return value.obj_to_primitive()
    if name == "objects":
        return [each.obj_to_primitive() for each in value]
    return value
