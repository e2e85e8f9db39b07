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

    def bind(self, service, name, call, host):
        """Note a call that binds the ports of a server to another host."""
        self.ask(service, name, call)
        self.ports[name] = [host for _ in self.ports.get(name, ())]

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
        """Bind the ports that a server has to the host that builds it now."""
        self.bind(service, instance.name, "setup_instance_network_on_host", service.host)

    def update_ports(self, service, instance):
        """Do the same in a move; takes no time, and may fail as a network may."""
        service.note_call(instance.name, "neutron", "setup_instance_network_on_host")
        host = service.host
        yield from service.step("network", instance, seconds=0.0)
        self.ports[instance.name] = [host for _ in self.ports.get(instance.name, ())]

    def deallocate_for_instance(self, service, instance):
        """Remove all ports of a server; takes time."""
        service.note_call(instance.name, "neutron", "deallocate_for_instance")
        yield from service.step("deallocate_network", instance)
        self.ports.pop(instance.name, None)
