"""The installed Nova 34.0.0, made ready to be asked inside another program.

Importing this module imports nova without a warning and without a log line, in its native
threading mode, with the options' defaults. No services, no database, no configuration file.
"""

import contextlib
import datetime
import logging
import os
import uuid
import warnings

os.environ.setdefault("OS_NOVA_DISABLE_EVENTLET_PATCHING", "1")
with warnings.catch_warnings():
    # oslo libraries warn at import about each other; that is not ours to mend
    warnings.simplefilter("ignore")
    import nova.monkey_patch

    #: Whether tools/record/lives/backend.py has made Nova ready already, in its own way.
    READY = nova.monkey_patch.is_patched()
    if not READY:
        nova.monkey_patch.patch("threading")
    import nova.conf
    from nova import config as _config  # noqa: F401 - registers options
    from nova import context, exception, objects, version
    from nova import weights as nova_weights
    from nova.objects import service as service_objects
    from nova.scheduler import filters as nova_filters
    from nova.scheduler import host_manager, manager
    from nova.scheduler import utils as scheduler_utils
    from nova.scheduler import weights as host_weights
    from oslo_messaging import ExpectedException
    from oslo_utils import timeutils

    objects.register_all()
    #: Nova's own classes by name.
    FILTERS = {cls.__name__: cls for cls in nova_filters.HostFilterHandler().get_all_classes()}
    WEIGHERS = {cls.__name__: cls for cls in host_weights.HostWeightHandler().get_all_classes()}

from labkit.nova.conf import OPTIONS
from labkit.nova.scheduler.weights import all_weighers

__all__ = [
    "CONF", "FILTERS", "NOW", "OPTIONS", "WEIGHERS", "ExpectedException", "as_uuid", "configured", "context",
    "exception", "host_manager", "host_weights", "manager", "nova_filters", "nova_weights",
    "objects", "quiet", "scheduler_utils", "service_objects", "timeutils", "version", "weight_classes",
]  # fmt: skip
CONF = nova.conf.CONF
if not READY:
    CONF([], project="nova", default_config_files=[])
#: What the clock shows while Nova is asked.
NOW = datetime.datetime(2026, 1, 1)  # noqa: DTZ001 - Nova compares naive times
ALL = "nova.scheduler.weights.all_weighers"


def as_uuid(name):
    """Return the uuid that stands for a name of the lab; a uuid stands for itself."""
    try:
        return str(uuid.UUID(name))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def weight_classes(entries):
    """Return the classes in the lab's order; a class stands for itself."""
    found = []
    for entry in entries:
        if entry == ALL:
            found += [cls.__name__ for cls in all_weighers()]
        else:
            found.append(entry.rsplit(".", 1)[-1] if isinstance(entry, str) else entry)
    return found


@contextlib.contextmanager
def configured(options):
    """Set Nova's CONF to the lab's Options for a while."""
    changed = []
    for opt in OPTIONS:
        value = getattr(options, opt.name)
        if opt.name == "weight_classes":
            names = [name for name in weight_classes(value) if isinstance(name, str)]
            value = [f"{WEIGHERS[name].__module__}.{name}" for name in names]
        elif opt.name == "enabled_filters":
            value = [name for name in value if isinstance(name, str)]
        elif opt.name == "isolated_images":
            value = [as_uuid(name) for name in value]
        elif value == opt.default:
            continue
        value = list(value) if isinstance(value, tuple) else value
        group = None if opt.group == "DEFAULT" else opt.group
        CONF.set_override(opt.name, value, group=group)
        changed.append((opt.name, group))
    try:
        yield
    finally:
        for name, group in changed:
            CONF.clear_override(name, group=group)


@contextlib.contextmanager
def quiet():
    """Keep Nova's loggers silent: no handler of a test run has to format their lines."""
    loggers = [logging.getLogger(name) for name in ("nova", "oslo_concurrency", "placement")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
