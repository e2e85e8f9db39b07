"""A guest's disk comes and goes with the guest."""


class Disks:
    """The part of LibvirtDriver that gives each guest its disk, and forgets it with the guest.

    Unlike Nova, a disk that moves to another host is as full there as a new one.
    """

    def spawn(self, service, instance, network_info, *by):
        """Start a guest, with a disk."""
        yield from super().spawn(service, instance, network_info, *by)
        self._keep(instance)

    def call(self, service, name, instance, by):
        """Do something to a guest; one that is started anew does not find its saved memory."""
        yield from super().call(service, name, instance, by)
        if name in ("power_on", "reboot", "resume"):
            self.host.saved.pop(instance.uuid, None)
        self._keep(instance)

    def destroy(self, service, instance, by):
        """Remove the guest and its disk."""
        yield from super().destroy(service, instance, by)
        self._keep(instance)

    def start_here(self, service, name, instance, by, power_on=True):
        """Have a guest that has moved here, with its disk."""
        yield from super().start_here(service, name, instance, by, power_on)
        self._keep(instance)

    def confirm_migration(self, service, instance, by, same_host):
        """Remove a guest that has moved away."""
        yield from super().confirm_migration(service, instance, by, same_host)
        self._keep(instance)

    def post_live_migration(self, service, instance, by):
        """Remove a guest that runs elsewhere now."""
        yield from super().post_live_migration(service, instance, by)
        self._keep(instance)

    def post_live_migration_at_destination(self, service, instance, by):
        """Have a guest that has arrived, with its disk."""
        yield from super().post_live_migration_at_destination(service, instance, by)
        self._keep(instance)

    def _keep(self, instance):
        """Give a guest that is here a disk, and take it from one that is not."""
        if instance.uuid not in self.guests:
            self.host.undefine(instance.uuid)
        elif instance.uuid not in self.host.disks:
            self.host.define(instance.uuid, self.root_disk(instance))
