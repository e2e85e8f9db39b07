"""What the API shows of a server until it is in a cell (nova/objects/build_request.py)."""

from dataclasses import dataclass

from labkit.nova import clock
from labkit.nova.exception import BuildRequestNotFound
from labkit.nova.objects.base import NovaObject
from labkit.nova.objects.instance import Instance


@dataclass
class BuildRequest(NovaObject):
    """A server that is in no cell yet: what the API shows until the conductor has a row."""

    VERSION = "1.3"
    FIELDS_SENT = "instance"

    name: str
    spec: object
    values: dict

    @property
    def instance(self) -> Instance:
        """The server, all its columns still to be written."""
        return self.get_new_instance(None)

    @property
    def uuid(self) -> str:
        """The uuid of the server."""
        return self.values["uuid"]

    def get_new_instance(self, service) -> Instance:
        """Return the server, all its columns still to be written."""
        return Instance(service, self.name, self.spec, self.values)

    def create(self, service):
        """Write it down."""
        service.site.api_db.build_requests[self.uuid] = self
        states = self.values["vm_state"], self.values["task_state"]
        service.note(clock.BuildRequest, self.name, "create", *states)

    def destroy(self, service):
        """Delete it. Raises BuildRequestNotFound when another service was faster."""
        if service.site.api_db.build_requests.pop(self.uuid, None) is None:
            refused = BuildRequestNotFound.__name__
            service.note(clock.BuildRequest, self.name, "destroy_refused", error=refused)
            raise BuildRequestNotFound(uuid=self.uuid)
        service.note(clock.BuildRequest, self.name, "destroy")
