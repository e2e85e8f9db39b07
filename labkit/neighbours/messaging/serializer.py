"""What becomes of contexts, objects and containers before a message is sent, and after."""

from labkit.neighbours.arguments import shown


class JsonPayloadSerializer:
    """Turns objects and containers into what JSON knows; at the receiver they stay that.

    An object with ``obj_to_primitive`` becomes its primitive, a set a list. A context arrives as
    a copy of what it was when the message was sent.

    Source: ``JsonPayloadSerializer`` in oslo_messaging/serializer.py, oslo.messaging 18.3.1.
    """

    def serialize_entity(self, ctxt, entity):
        """Return what travels of an argument or a result. Raises TypeError for what JSON lacks."""
        try:
            return self._primitive(ctxt, entity)
        except RecursionError:
            raise TypeError(f"entity = {shown(entity)} holds itself: it has no end") from None

    def _primitive(self, ctxt, entity):
        if isinstance(entity, dict):
            if not all(isinstance(key, str) for key in entity):
                raise TypeError("keywords must be strings")  # as deep in oslo.messaging
            return {key: self._primitive(ctxt, value) for key, value in entity.items()}
        if isinstance(entity, list | tuple | set):
            return [self._primitive(ctxt, value) for value in entity]
        if hasattr(entity, "obj_to_primitive"):
            return entity.obj_to_primitive()
        if entity is None or isinstance(entity, str | int | float):
            return entity
        raise TypeError(f"Object of type {type(entity).__name__} is not JSON serializable")

    def deserialize_entity(self, _ctxt, entity):
        """Return an argument or a result as it arrived."""
        return entity

    def serialize_context(self, ctxt):
        """Return a copy of a context, as it is now."""
        if not hasattr(type(ctxt), "from_dict"):
            raise TypeError(f"ctxt: {shown(ctxt)} is not a context; write RequestContext(...)")
        return ctxt.from_dict(ctxt.to_dict())
