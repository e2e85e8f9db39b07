"""Neutron as far as Nova needs it: one port per server, made and removed."""

from labkit.trace import Call


class Neutron:
    """The ports of one cloud: ``ports`` maps a server's name to the host that it is bound to."""

    def __init__(self):
        self.ports = {}

    def ask(self, service, name, call, by):
        """Note a question that changes nothing."""
        service.note(Call, name, "neutron", call, by=by)

    def bind(self, service, name, call, by, host):
        """Note a call that binds the port of a server, if it has one, to another host."""
        self.ask(service, name, call, by)
        if name in self.ports:
            self.ports[name] = host

    def unbind(self, name):
        """Let the port of a server be bound to no host."""
        if name in self.ports:
            self.ports[name] = None

    def allocate_for_instance(self, service, instance):
        """Make the port of a server; takes time, and may fail."""
        by = "compute/manager.py:_allocate_network_async"
        service.note(Call, instance.name, "neutron", "allocate_for_instance", by=by)
        host = service.host
        yield from service.step("network", instance)
        self.ports[instance.name] = host

    def deallocate_for_instance(self, service, instance, by):
        """Remove the port of a server, if it has one; takes time."""
        service.note(Call, instance.name, "neutron", "deallocate_for_instance", by=by)
        yield from service.step("deallocate_network", instance)
        self.ports.pop(instance.name, None)
