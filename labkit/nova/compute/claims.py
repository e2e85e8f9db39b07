"""What a host puts aside for a server that is to come (nova/compute/claims.py)."""

from labkit.nova.exception import ComputeResourcesUnavailable, NotModelled

#: Extra specs that give a server a NUMA topology or PCI devices.
_REFUSED = (
    "hw:numa_",
    "hw:cpu_policy",
    "hw:cpu_thread_policy",
    "hw:mem_page_size",
    "pci_passthrough:",
)


def claim_test(instance):
    """Raise ComputeResourcesUnavailable when a host without PCI devices cannot hold a server.

    Raises NotModelled for a flavor that asks for a NUMA topology or PCI devices.

    Source: ``_claim_test`` in nova/compute/claims.py, Nova 34.0.0. Unlike Nova, hosts have no
    NUMA topologies and PCI devices. CPUs, memory and disk are not tested, as in Nova: placement
    has done that, and nobody since Nova 20.0.0 tests it once more (nova13.claim_test did).
    """
    for spec, value in instance.flavor.extra_specs.items():
        if spec.startswith(_REFUSED) and (spec, value) != ("hw:cpu_policy", "shared"):
            raise NotModelled(f"Unlike Nova, the lab's hosts claim nothing for {spec!r}")
    if getattr(instance, "pci_requests", 0):  # a Cloud's servers have none
        raise ComputeResourcesUnavailable(reason="Claim pci failed")


class Claim:
    """Room for a server that is being built here; given back when the work under it fails."""

    def __init__(self, tracker, instance, nodename):
        claim_test(instance)
        self._tracker = tracker
        self.instance = instance
        self.nodename = nodename

    def abort(self):
        """Give it back."""
        self._tracker.abort_instance_claim(self.instance, self.nodename)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if kind is not None and issubclass(kind, Exception):  # else the process has died
            self.abort()


class MoveClaim(Claim):
    """Room on the destination of a move; given back when the work under it fails."""

    def __init__(self, tracker, instance, nodename, flavor, migration):
        super().__init__(tracker, instance, nodename)
        self.flavor = flavor
        self.migration = migration

    def abort(self):
        """Give it back."""
        self._tracker.drop_move_claim(self.instance, self.nodename, self.flavor)
        self.instance.drop_migration_context()
