"""What a nova-compute of 13.0.0 tested before it took a server, and with which ratios."""

from labkit.neighbours.arguments import of_type
from labkit.nova.conf import Options
from labkit.nova.exception import ComputeResourcesUnavailable
from labkit.nova.objects.compute_node import RATIOS
from labkit.nova.scheduler.host_manager import HostState
from labkit.nova13 import conf, filters

#: What a ratio is that nobody has set: the option's default was 0.0.
DEFAULT_RATIOS = dict(zip(RATIOS, (16.0, 1.5, 1.0), strict=True))


def allocation_ratios(compute, scheduler=None) -> dict:
    """Return the ratios of a host that a scheduler of 13.0.0 reckons with.

    In: the Options of the nova-compute, and those of the scheduler (by default the same). The
    nova-compute writes its option into its row with every report, 0.0 where none is set; who
    reads a 0.0 takes his own option, and without one 16.0, 1.5 and 1.0. Since 19.0.0 there are
    the options initial_cpu_allocation_ratio and so on instead, and a ratio that is there stays.

    >>> from labkit import Options
    >>> allocation_ratios(Options(), Options(ram_allocation_ratio=2.0))
    {'cpu_allocation_ratio': 16.0, 'ram_allocation_ratio': 2.0, 'disk_allocation_ratio': 1.0}

    Source: ``_copy_resources`` in nova/compute/resource_tracker.py and ``_from_db_object`` in
    nova/objects/compute_node.py, Nova 13.0.0; recorded from 15.1.5.
    """
    scheduler = compute if scheduler is None else scheduler
    for name, value in {"compute": compute, "scheduler": scheduler}.items():
        of_type(value, Options, "not Options", name)
    return {
        name: getattr(compute, name) or getattr(scheduler, name) or default
        for name, default in DEFAULT_RATIOS.items()
    }


def limits(host_state, options=None) -> dict:
    """Return how much may be in use on a host, as the filters that are enabled tell its nova-compute.

    In: a HostState, Options (those of 13.0.0). Out: ``memory_mb`` (MiB), ``disk_gb`` (GiB) and
    ``vcpu``, each the total times its ratio and only where RamFilter, DiskFilter and CoreFilter
    are enabled; CoreFilter is none of the default ones.

    >>> from labkit import Fleet
    >>> fleet = Fleet([{"host": "cn-1", "total_usable_ram_mb": 1024, "ram_allocation_ratio": 1.5}])
    >>> limits(fleet["cn-1"])
    {'memory_mb': 1536.0, 'disk_gb': 0.0}

    Source: ``host_passes`` in nova/scheduler/filters/ram_filter.py, disk_filter.py and
    core_filter.py, Nova 13.0.0; recorded from 15.1.5.
    """
    of_type(host_state, HostState, "not a HostState, as fleet['cn-1']", "host_state")
    options = (
        conf.options() if options is None else of_type(options, Options, "not Options", "options")
    )
    enabled = options.enabled_filters
    found = {}
    if filters.RamFilter in enabled:
        found["memory_mb"] = host_state.total_usable_ram_mb * host_state.ram_allocation_ratio
    if filters.DiskFilter in enabled:
        limit_mb = host_state.total_usable_disk_gb * 1024 * host_state.disk_allocation_ratio
        found["disk_gb"] = limit_mb / 1024
    if filters.CoreFilter in enabled and host_state.vcpus_total * host_state.cpu_allocation_ratio:
        found["vcpu"] = host_state.vcpus_total * host_state.cpu_allocation_ratio
    return found


def claim_test(cn, flavor, limits):
    """Raise ComputeResourcesUnavailable where a server does not fit: used + asked for > limit.

    In: a ComputeNode, a flavor, the limits that the scheduler's filters gave along; without a
    limit nothing is tested. Swap is not counted.

    >>> from labkit.nova.objects import ComputeNode, Flavor
    >>> cn = ComputeNode("cn-1", memory_mb=1024, memory_mb_used=768)
    >>> claim_test(cn, Flavor(vcpus=1, memory_mb=512), {"memory_mb": 1024.0})
    Traceback (most recent call last):
    labkit.nova.exception.ComputeResourcesUnavailable: Insufficient compute resources: ...

    Source: ``_claim_test`` and ``_test`` in nova/compute/claims.py, Nova 13.0.0; recorded from
    15.1.5. The three tests are gone since 20.0.0: placement has done them by then. Unlike Nova,
    a driver takes no memory of its own for a server.
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
