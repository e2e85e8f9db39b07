"""labkit: a Nova small enough to read, and the tables, figures and dials to look into it.

Lessons import from here, and from ``labkit.nova`` what moves to the real Nova with its import line.
"""

import importlib

from labkit.tables.page import use_in_notebooks

#: The public face, by the module where it lives; a module is loaded when a name of it is used.
_NAMES = {
    "labkit.fleet": "Fleet",
    "labkit.decision": "Decision place select_destinations",
    "labkit.nova.conf": "Options",
    "labkit.nova.context": "RequestContext",
    "labkit.nova.exception": "NotModelled NoValidHost",
    "labkit.nova.objects": "Aggregate Flavor ImageMeta InstanceGroup RequestSpec",
    "labkit.nova.scheduler.filters": "BaseHostFilter",
    "labkit.nova.scheduler.weights": "BaseHostWeigher",
    "labkit.nova.virt.libvirt.driver": "LibvirtDriver",
    "labkit.nova.virt.libvirt.guest": "RootDisk",
    "labkit.cloud.cloud": "Cloud",
    "labkit.cloud.durations": "SnapshotCosts",
    "labkit.cloud.faults": "Fault",
    "labkit.cloud.past": "holdings_at",
    "labkit.studies.documented": "commands",
    "labkit.studies.rights": "rights",
    "labkit.studies.snapshots": "then_and_now",
    "labkit.studies.transitions": "transitions",
    "labkit.exercises.comparing": "compare",
    "labkit.exercises.judging": "check hint problem solution",
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}
_MODULES = {
    "dials": "labkit.dials",
    "logs": "labkit.tables.logs",
    "messaging": "labkit.neighbours.messaging",
    "nova13": "labkit.nova13",
    "plots": "labkit.plots",
    "qcow2": "labkit.qcow2",
    "reports": "labkit.studies.reports",
}
__all__ = sorted([*_MODULE_OF, *_MODULES])  # noqa: PLE0605 - the keys are the public names

use_in_notebooks()  # a table shows itself as lessons need it


def __getattr__(name):
    if name in _MODULES:
        value = importlib.import_module(_MODULES[name])
    elif name in _MODULE_OF:
        value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    else:
        raise AttributeError(f"labkit has no {name!r}; it has {', '.join(__all__)}")
    globals()[name] = value
    return value


def __dir__():
    return __all__
