"""What the API shows of a server until it is in a cell (nova/objects/build_request.py)."""

from dataclasses import dataclass

from labkit.nova.compute import power_state
from labkit.nova.exception import BuildRequestNotFound
from labkit.nova.objects.base import NovaObject
from labkit.nova.objects.instance import Instance


@dataclass
class BuildRequest(NovaObject):
    """A server that is in no cell yet: what the API shows until the conductor has a row.

    Source: ``BuildRequest`` in nova/objects/build_request.py, Nova 34.0.0.
    """

    VERSION = "1.3"
    FIELDS_SENT = "instance"

    name: str
    spec: object
    values: dict

    @property
    def instance(self) -> Instance:
        """The server, all its columns still to be written."""
        return self.get_new_instance(None)

    def get_new_instance(self, service) -> Instance:
        """Return the server, all its columns still to be written."""
        instance = Instance(service, self.name, self.spec, self.values)
        instance.power_state = power_state.NOSTATE
        return instance


def destroy(service, uuid):
    """Remove a build request. Raises BuildRequestNotFound when somebody was faster.

    Source: ``destroy`` in nova/objects/build_request.py, Nova 34.0.0.
    """
    if service.site.api_db.build_requests.pop(uuid, None) is None:
        raise BuildRequestNotFound(uuid=uuid)
