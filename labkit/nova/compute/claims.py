"""What a host puts aside for a server that is to come (nova/compute/claims.py)."""

from labkit.nova.exception import ComputeResourcesUnavailable


def claim_test(instance):
    """Raise ComputeResourcesUnavailable when a host without PCI devices cannot hold a server.

    Source: ``_claim_test`` in nova/compute/claims.py, Nova 34.0.0. Unlike Nova, hosts have no
    NUMA topologies and PCI devices. CPUs, memory and disk are not tested, as in Nova: placement
    has done that, and nobody since Nova 20.0.0 tests it once more.
    """
    if getattr(instance, "pci_requests", 0):  # a Cloud's servers have none
        raise ComputeResourcesUnavailable(reason="Claim pci failed")


def claim_test_before_20(cn, flavor, limits):
    """Raise ComputeResourcesUnavailable where Nova 19 and older would: the room must be there.

    In: a ComputeNode, a flavor, the limits that the scheduler's filters gave along:
    ``memory_mb`` (MiB), ``disk_gb`` (GiB), ``vcpu``; without a limit nothing is tested.

    >>> from labkit.nova.objects import ComputeNode, Flavor
    >>> cn = ComputeNode("cn-1", memory_mb=1024, memory_mb_used=768)
    >>> claim_test_before_20(cn, Flavor(1, 512), {"memory_mb": 1024.0})
    Traceback (most recent call last):
    labkit.nova.exception.ComputeResourcesUnavailable: Insufficient compute resources: ...

    Source: ``_claim_test`` and ``_test`` in nova/compute/claims.py, Nova 18.0.0.
    """
    reasons = []
    for name, unit, key, used, requested in (
        ("memory", "MB", "memory_mb", cn.memory_mb_used, flavor.memory_mb),
        ("disk", "GB", "disk_gb", cn.local_gb_used, flavor.root_gb + flavor.ephemeral_gb),
        ("vcpu", "VCPU", "vcpu", cn.vcpus_used, flavor.vcpus),
    ):
        limit = limits.get(key)
        if limit is not None and requested > limit - used:
            reasons.append(
                f"Free {name} {limit - used:.2f} {unit} < requested {requested:d} {unit}"
            )
    if reasons:
        raise ComputeResourcesUnavailable(reason="; ".join(reasons))


class Claim:
    """Room for a server that is being built here; given back when the work under it fails.

    Source: ``Claim`` in nova/compute/claims.py, Nova 34.0.0.
    """

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


class MoveClaim:
    """Room on the destination of a move; given back when the work under it fails.

    Source: ``MoveClaim`` in nova/compute/claims.py, Nova 34.0.0. Unlike Nova, nothing is tested:
    there are no NUMA topologies and PCI devices.
    """

    def __init__(self, tracker, instance, flavor, migration):
        self._tracker = tracker
        self.instance = instance
        self.flavor = flavor
        self.migration = migration

    def abort(self):
        """Give it back."""
        self._tracker.drop_move_claim(self.instance, self.flavor)
        self.instance.drop_migration_context()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if kind is not None and issubclass(kind, Exception):
            self.abort()
