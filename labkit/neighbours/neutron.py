"""Neutron as far as Nova needs it: the ports of servers, made, moved and removed."""


class Neutron:
    """The ports of one cloud: ``ports`` maps a server's name to the hosts that they are bound to.

    A server has more than one when a host could not remove its port and another made one.
    """

    def __init__(self):
        self.ports = {}

    def ask(self, service, name, call):
        """Note a question that changes nothing."""
        service.note_call(name, "neutron", call)

    def bind(self, service, instance, call, host):
        """Bind the ports that a server has to another host; takes no time, and may fail."""
        self.ask(service, instance.name, call)
        yield from service.step("network", instance, seconds=0.0)
        self.ports[instance.name] = [host for _ in self.ports.get(instance.name, ())]

    def unbind(self, name):
        """Let the ports of a server be bound to no host."""
        self.ports[name] = [None for _ in self.ports.get(name, ())]

    def allocate_for_instance(self, service, instance):
        """Make the port of a server; takes time, and may fail."""
        service.note_call(instance.name, "neutron", "allocate_for_instance")
        host = service.host
        yield from service.step("network", instance)
        self.ports.setdefault(instance.name, []).append(host)

    def setup_instance_network_on_host(self, service, instance):
        """Bind the ports that a server has to the host that builds it now, or again after a move."""
        yield from self.bind(service, instance, "setup_instance_network_on_host", service.host)

    def deallocate_for_instance(self, service, instance):
        """Remove all ports of a server; takes time."""
        service.note_call(instance.name, "neutron", "deallocate_for_instance")
        yield from service.step("deallocate_network", instance)
        self.ports.pop(instance.name, None)
