"""The Nova of the notes (13.0.0, Mitaka, 2016), where it differs from today's.

In and out: as of labkit.nova, in modules of the same names.

Uses: decision, fleet, neighbours, nova, tables.
"""

from labkit.nova13.claims import DEFAULT_RATIOS, allocation_ratios, claim_test, limits
from labkit.nova13.conf import WEIGHERS, options
from labkit.nova13.driver import LibvirtDriver
from labkit.nova13.filter_scheduler import FilterScheduler, remembering
from labkit.nova13.filters import (
    FILTERS,
    AvailabilityZoneFilter,
    CoreFilter,
    DiskFilter,
    RamFilter,
    RetryFilter,
)

__all__ = [
    "DEFAULT_RATIOS",
    "FILTERS",
    "WEIGHERS",
    "AvailabilityZoneFilter",
    "CoreFilter",
    "DiskFilter",
    "FilterScheduler",
    "LibvirtDriver",
    "RamFilter",
    "RetryFilter",
    "allocation_ratios",
    "claim_test",
    "limits",
    "options",
    "remembering",
]
