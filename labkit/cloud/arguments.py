"""What a cloud is told, looked at before anything happens: a mistake gets a sentence."""

import re
from collections.abc import Iterable, Mapping

from labkit.cloud import faults as fault_table
from labkit.cloud.faults import Fault, is_number, known
from labkit.fleet import Fleet
from labkit.nova import exception
from labkit.nova.conf import Options
from labkit.nova.objects import Flavor, ImageMeta, RequestSpec
from labkit.nova.quota import RESOURCES
from labkit.nova.virt.fake import FakeDriver

PERIODIC = (
    "_sync_power_states",
    "_reclaim_queued_deletes",
    "_check_instance_build_time",
    "_poll_unconfirmed_resizes",
    "_poll_shelved_instances",
)
SNAPSHOT_MODELS = ("flat", "direct")
NETWORKS = ("auto", "none")


def fleet(value):
    """Return the fleet. Raises TypeError for something else."""
    if not isinstance(value, Fleet):
        raise TypeError(f"{value!r} is not a Fleet; make one with Fleet.read")
    return value


def options(value):
    """Return the options, Nova's defaults for None. Raises TypeError for something else."""
    if value is not None and not isinstance(value, Options):
        raise TypeError(f"{value!r} is not Options; write Options(max_attempts=1)")
    return value or Options()


def seed(value):
    """Return the seed. Raises ValueError for something else than a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"seed = {value!r} is not a whole number, as in seed=17")
    return value


def schedulers(value):
    """Return how many. Raises ValueError for something else than a whole number of 1 or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"schedulers = {value!r} is not a whole number of 1 or more, as in 2")
    return value


def faults(value) -> list:
    """Return the faults as a list. Raises TypeError for something else than Faults in a list."""
    if isinstance(value, str | Fault) or not isinstance(value, Iterable):
        raise TypeError(f"faults = {value!r} is not a list; write faults=[Fault('spawn')]")
    return [fault(each) for each in value]


def fault(value):
    """Return the fault. Raises TypeError for something else."""
    if not isinstance(value, Fault):
        raise TypeError(f"{value!r} is not a Fault; write Fault('spawn', host='cn-2')")
    return value


def durations(changes) -> dict:
    """Return data/durations.csv with the changes over it. Raises ValueError for a bad one."""
    table = fault_table.steps()
    if changes is not None and not isinstance(changes, Mapping):
        raise ValueError(f"durations = {changes!r} is not a dict; write {{'spawn': (3, 0.1)}}")
    for step, value in (changes or {}).items():
        known(step, table, "duration of an unknown step")
        pair = tuple(value) if isinstance(value, tuple | list) else (value, 0.0)
        right = len(pair) == 2 and all(is_number(each) for each in pair)
        if not (right and pair[0] >= 0 and 0 <= pair[1] <= 1):
            raise ValueError(
                f"duration of {step!r}: {value!r} is neither seconds from 0 nor (seconds, jitter)"
                " with a jitter from 0 to 1"
            )
        table[step] = float(pair[0]), float(pair[1])
    return table


def quota(value) -> dict:
    """Return the quota, an empty one for None. Raises ValueError for a bad one."""
    if value is not None and not isinstance(value, Mapping):
        raise ValueError(f"quota = {value!r} is not a dict; write {{'instances': 10}}")
    for name, limit in (value or {}).items():
        known(name, RESOURCES, "quota of unknown")
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
            raise ValueError(f"quota of {name}: {limit!r} is not a whole number of 0 or more")
    return dict(value or {})


def snapshot_model(value) -> str:
    """Return the snapshot model. Raises ValueError for an unknown one."""
    known(value, SNAPSHOT_MODELS, "unknown snapshot_model")
    return value


def driver(value, model):
    """Return a function of Options that makes a host's driver: *value*, or FakeDriver for None.

    Raises TypeError for what is no function, ValueError when both say how a snapshot goes.
    """
    if value is None:
        return lambda options: FakeDriver(model)
    if not callable(value):
        raise TypeError(f"driver = {value!r}: expected LibvirtDriver or a function of Options")
    if model != SNAPSHOT_MODELS[0]:
        raise ValueError(f"snapshot_model {model!r} is for a cloud without driver=")
    return value


def time(value, now, what):
    """Return a time that is not over. Raises ValueError for one that is, or that is none."""
    if not is_number(value):
        raise ValueError(f"{what} = {value!r} is not a number of seconds, as in {now + 60:g}")
    if value < now:
        raise ValueError(f"it is t_s = {now:g} already, and time does not run back to {value!r}")
    return value


def creation(name, spec=None, networks="auto", is_admin=True):
    """Raise for a server that cannot be asked for: TypeError, ValueError or NotModelled."""
    text("name of a server", name)
    if not isinstance(spec, RequestSpec):
        raise TypeError(f"{spec!r} is not a RequestSpec; write RequestSpec(Flavor(...))")
    if spec.pci_requests:
        raise exception.NotModelled("Unlike Nova, a Cloud does not hand out PCI devices")
    if spec.is_bfv:
        raise exception.NotModelled("Unlike Nova, a Cloud has no volumes to boot a server from")
    known(networks, NETWORKS, "unknown networks")
    argument("is_admin", is_admin)


def complete(action, arguments):
    """Raise ValueError for an action that lacks what it is about."""
    if action == "resize" and "flavor" not in arguments:
        raise ValueError("'resize' needs a flavor: act('web-1', 'resize', flavor=Flavor(...))")


def text(what, value):
    """Raise ValueError for a name that says nothing."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{what}: {value!r} is not a name, as in 'web-1'")


def argument(name, value):
    """Raise ValueError for an argument of an action that makes no sense."""
    if name == "is_admin":
        if not isinstance(value, bool):
            raise ValueError(f"is_admin = {value!r} is neither True nor False")
    elif name == "rotation":
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ValueError(f"rotation = {value!r} is not a whole number of 0 or more")
    elif name == "reboot_type":
        known(value, ("SOFT", "HARD"), "unknown reboot_type")
    elif name == "state":
        known(value, ("error", "active"), "unknown state to be reset to,")
    elif name == "flavor":
        if not isinstance(value, Flavor):
            raise ValueError(f"flavor = {value!r} is not a Flavor; write Flavor(vcpus=2, ...)")
    elif name == "image":
        if not isinstance(value, ImageMeta):
            raise ValueError(f"image = {value!r} is not an ImageMeta; write ImageMeta('another')")
    elif name == "force":
        if not isinstance(value, bool):
            raise ValueError(f"force = {value!r} is neither True nor False")
    elif name == "microversion":
        if not re.fullmatch(r"2\.[0-9]+", str(value)):
            raise ValueError(f"microversion = {value!r} is none, as in '2.94'")
    else:
        text(name, value)
