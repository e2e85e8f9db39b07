"""What all objects of Nova can (nova/objects/base.py)."""


class NovaObject:
    """Answers ``"name" in obj`` as Nova's objects do: whether the field is set.

    Source: ``__contains__`` of VersionedObject in oslo_versionedobjects/base.py, 3.12.0.
    """

    def __contains__(self, name):
        return getattr(self, name, None) is not None
