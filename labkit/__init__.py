"""labkit: a Nova small enough to read, and the tables, figures and dials to look into it."""

import importlib

#: The public face: name -> module. A module is loaded when a name of it is first used.
_PUBLIC = {
    "Fleet": "labkit.fleet",
    "Flavor": "labkit.nova.objects",
    "ImageMeta": "labkit.nova.objects",
    "InstanceGroup": "labkit.nova.objects",
    "Aggregate": "labkit.nova.objects",
    "ComputeNode": "labkit.nova.objects",
    "Destination": "labkit.nova.objects",
    "RequestSpec": "labkit.nova.objects",
    "RequestContext": "labkit.nova.context",
    "get_admin_context": "labkit.nova.context",
    "get_context": "labkit.nova.context",
    "Options": "labkit.nova.conf",
    "NoValidHost": "labkit.nova.exception",
    "NotModelled": "labkit.nova.exception",
    "BaseHostWeigher": "labkit.nova.scheduler.weights",
    "BaseHostFilter": "labkit.nova.scheduler.filters",
    "normalize": "labkit.nova.weights",
    "Decision": "labkit.decision",
    "select_destinations": "labkit.decision",
    "place": "labkit.decision",
    "rights": "labkit.studies.rights",
    "then_and_now": "labkit.studies.snapshots",
    "Cloud": "labkit.cloud.cloud",
    "Fault": "labkit.cloud.faults",
    "ResourceTracker": "labkit.nova.compute.resource_tracker",
    "LibvirtDriver": "labkit.nova.virt.libvirt.driver",
    "RootDisk": "labkit.nova.virt.libvirt.guest",
    "SnapshotCosts": "labkit.cloud.durations",
    "Figure": "labkit.plots",
    "check": "labkit.exercises.judging",
    "hint": "labkit.exercises.judging",
    "solution": "labkit.exercises.judging",
    "problem": "labkit.exercises.judging",
    "plots": None,
    "qcow2": None,
    "dials": None,
    "nova13": None,
    "logs": "labkit.tables",
    "messaging": "labkit.neighbours",
    "transitions": "labkit.studies",
    "documented": "labkit.studies",
}
__all__ = sorted(_PUBLIC)  # noqa: PLE0605 - the keys of the table are the public names


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"labkit has no {name!r}; it has {', '.join(__all__)}")
    module = _PUBLIC[name]
    if module in (None, "labkit.tables", "labkit.neighbours", "labkit.studies"):
        return importlib.import_module(f"{module or 'labkit'}.{name}")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__():
    return __all__
