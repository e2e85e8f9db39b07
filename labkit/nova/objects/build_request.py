"""What the API shows of a server until it is in a cell (nova/objects/build_request.py)."""

from dataclasses import dataclass

from labkit.nova.compute import power_state
from labkit.nova.objects.instance import Instance


@dataclass
class BuildRequest:
    """A server that is in no cell yet: what the API shows until the conductor has a row.

    Source: ``BuildRequest`` in nova/objects/build_request.py, Nova 34.0.0.
    """

    name: str
    spec: object
    values: dict

    def get_new_instance(self, service) -> Instance:
        """Return the server, all its columns still to be written."""
        instance = Instance(service, self.name, self.spec, self.values)
        instance.power_state = power_state.NOSTATE
        return instance
