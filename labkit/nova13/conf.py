"""The options of 13.0.0, where their defaults differ from today's."""

from labkit.nova import conf
from labkit.nova13.filters import FILTERS

#: The six weighers of 13.0.0, in the order of its sorted module names.
WEIGHERS = (
    "ServerGroupSoftAffinityWeigher",
    "ServerGroupSoftAntiAffinityWeigher",
    "DiskWeigher",
    "IoOpsWeigher",
    "MetricsWeigher",
    "RAMWeigher",
)
_DEFAULTS = {
    "enabled_filters": FILTERS,
    "weight_classes": WEIGHERS,
    "disable_libvirt_livesnapshot": True,
    "max_concurrent_snapshots": 0,
}


def options(**values) -> conf.Options:
    """Return Options with the defaults of 13.0.0, where they differ from today's.

    Filters and weighers; a snapshot is cold unless ``disable_libvirt_livesnapshot`` is set to
    False; any number of snapshots are made at once (there was no ``max_concurrent_snapshots``).

    >>> len(options().weight_classes)
    6

    Source: nova/conf/scheduler.py, Nova 13.0.0; nova/conf/workarounds.py, Nova 15.1.5 (another
    default since 17). The limit of snapshots came with 22.0.0.
    """
    return conf.Options(**(_DEFAULTS | values))
