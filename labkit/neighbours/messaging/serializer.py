"""What becomes of contexts, objects and containers before a message is text, and after."""

from labkit.nova.context import RequestContext


class NovaObjectSerializer:
    """Turns objects and containers into what JSON knows.

    An object with ``obj_to_primitive`` becomes its primitive, a set a list.

    Unlike Nova, a primitive stays one at the receiver: the lab does not rebuild the object; and
    what JSON does not know raises TypeError when it is sent, where oslo.serialization makes a text.

    Source: ``NovaObjectSerializer`` in nova/objects/base.py, Nova 34.0.0.
    """

    def serialize_entity(self, ctxt, entity):
        """Return what travels of an argument or a result."""
        if isinstance(entity, dict):
            return {key: self.serialize_entity(ctxt, value) for key, value in entity.items()}
        if isinstance(entity, list | tuple | set):
            return [self.serialize_entity(ctxt, value) for value in entity]
        if hasattr(entity, "obj_to_primitive"):
            return entity.obj_to_primitive()
        return entity

    def deserialize_entity(self, _ctxt, entity):
        """Return an argument or a result as it arrived."""
        return entity


class RequestContextSerializer:
    """Turns a context into its 25 fields and back; the rest is left to another serializer.

    Source: ``RequestContextSerializer`` in nova/rpc.py, Nova 34.0.0.
    """

    def __init__(self, base=None):
        base = NovaObjectSerializer() if base is None else base
        self.serialize_entity = base.serialize_entity
        self.deserialize_entity = base.deserialize_entity

    def serialize_context(self, ctxt) -> dict:
        """Return the fields of a context."""
        return ctxt.to_dict()

    def deserialize_context(self, fields) -> RequestContext:
        """Return the context that the fields are of."""
        return RequestContext.from_dict(fields)
