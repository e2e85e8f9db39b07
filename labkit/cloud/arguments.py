"""Checks of what a cloud is asked for, before anything happens: a mistake gets a sentence."""

import re
from collections.abc import Mapping

from labkit.fleet import Fleet
from labkit.neighbours.arguments import (
    is_number,
    is_whole,
    known,
    of_type,
    shown,
    text,
    truth,
    whole,
)
from labkit.neighbours.keystone import USERS
from labkit.nova import exception
from labkit.nova.conf import Options
from labkit.nova.context import RequestContext
from labkit.nova.objects import Flavor, ImageMeta, RequestSpec
from labkit.nova.quota import MEMBERS, RESOURCES, UNLIMITED
from labkit.nova.scheduler import request_filter
from labkit.nova.virt.fake import FakeDriver
from labkit.nova.virt.libvirt.driver import LibvirtDriver

PERIODIC = (
    "_sync_power_states",
    "_reclaim_queued_deletes",
    "_check_instance_build_time",
    "_sync_scheduler_instance_info",
    "_poll_unconfirmed_resizes",
    "_poll_shelved_instances",
    "_cleanup_running_deleted_instances",
)
SNAPSHOT_MODELS = ("flat", "direct")
NETWORKS = ("auto", "none")
#: More schedulers, and a later time, than any simulation comes to an end with.
MOST_SCHEDULERS, LATEST_S = 100, 1e9
LONGEST_NAME = 255  # as in Nova's API


# -- of Cloud -----------------------------------------------------------------------------
def fleet(value) -> Fleet:
    """Return the fleet. Raises TypeError for something else."""
    return of_type(value, Fleet, "not a Fleet; make one with Fleet.read")


def options(value) -> Options:
    """Return the options, Nova's defaults for None. Raises TypeError for something else."""
    value = Options() if value is None else value
    return of_type(value, Options, "not Options; write Options(max_attempts=1)")


def seed(value) -> int:
    """Return the seed. Raises ValueError for something else than a whole number."""
    return whole("seed", value, ", as in seed=17")


def schedulers(value) -> int:
    """Return how many. Raises ValueError for something else than a whole number from 1 to 100."""
    asked = " of 1 or more, as in 2" if not is_whole(value, 1) else f" up to {MOST_SCHEDULERS}"
    return whole("schedulers", value, asked, 1, MOST_SCHEDULERS)


def quota(value, what="quota") -> dict:
    """Return the quota, an empty one for None. Raises ValueError for a bad one."""
    if value is not None and not isinstance(value, Mapping):
        raise ValueError(f"{what} = {shown(value)} is not a dict; write {{'instances': 10}}")
    for name, limit in (value or {}).items():
        known(name, (*RESOURCES, MEMBERS), f"{what} of unknown")
        if not is_whole(limit, UNLIMITED):
            raise ValueError(
                f"{what} of {name}: {shown(limit)} is not a whole number of 0 or more, or -1 for no limit"
            )
    return dict(value or {})


def user_quota(value) -> dict:
    """Return the quotas of users, none for None. Raises ValueError for a bad one."""
    if value is not None and not isinstance(value, Mapping):
        raise ValueError(
            f"user_quota = {shown(value)} is not a dict; write {{'owner': {{'cores': 2}}}}"
        )
    for user in value or {}:
        text("user_quota of a user", user)
    return {user: quota(each, f"user_quota of {user}") for user, each in (value or {}).items()}


def snapshot_model(value) -> str:
    """Return the snapshot model. Raises ValueError for an unknown one."""
    known(value, SNAPSHOT_MODELS, "unknown snapshot_model")
    return value


def driver(value, model):
    """Return a function of Options that makes a host's driver: *value*, or FakeDriver for None.

    Raises TypeError for what is no function, ValueError when both say how a snapshot goes.
    """
    if value is None:
        return lambda options: FakeDriver(options, model)
    if not callable(value):
        raise TypeError(f"driver = {shown(value)}: expected LibvirtDriver or a function of Options")
    if model != SNAPSHOT_MODELS[0]:
        raise ValueError(f"snapshot_model {model!r} is for a cloud without driver=")

    def make(options):
        try:
            made = value(options)
        except TypeError as error:
            raise TypeError(f"driver = {shown(value)} takes no Options: {error}") from error
        return of_type(
            made, LibvirtDriver, f"what driver = {shown(value)} made of Options: no driver"
        )

    return make


# -- of what is asked of a cloud ----------------------------------------------------------
def time(value, now, what):
    """Return a time to come. Raises ValueError for one that is over, and for no number."""
    if not is_number(value):
        raise ValueError(f"{what} = {shown(value)} is not a number of seconds, as in {now + 60:g}")
    if value < now:
        raise ValueError(f"it is t_s = {now:g} already, and time does not run back to {value!r}")
    if value > LATEST_S:
        raise ValueError(f"{what} = {shown(value)} is later than {LATEST_S:g} s, 30 years")
    return value


def asker(value):
    """Raise ValueError for somebody who does not exist: not one of USERS and no RequestContext."""
    if value is not None and not isinstance(value, RequestContext):
        known(value, tuple(USERS), "unknown as_user")


def creation(name, spec=None, networks="auto", is_admin=True, as_user=None):
    """Raise for a server that cannot be asked for: TypeError, ValueError or NotModelled."""
    text("name of a server", name)
    of_type(spec, RequestSpec, "not a RequestSpec; write RequestSpec(Flavor(...))")
    if spec.pci_requests:
        raise exception.NotModelled("Unlike Nova, a Cloud does not hand out PCI devices")
    if spec.is_bfv:
        raise exception.NotModelled("Unlike Nova, a Cloud has no volumes to boot a server from")
    modelled(spec)
    if "group" in spec.scheduler_hints:
        raise ValueError(
            "hint 'group': name the group itself, RequestSpec(instance_group=InstanceGroup(...))"
        )
    known(networks, NETWORKS, "unknown networks")
    truth("is_admin", is_admin)
    asker(as_user)


def modelled(spec):
    """Raise NotModelled for a request of which a Cloud leaves something out."""
    request_filter.resources_from_flavor(spec)
    if spec.image is None:
        raise exception.NotModelled(
            "A Cloud boots servers from images alone: without one Nova 34.0.0 itself fails, unless"
            " the server has a volume; leave image= out, or write image=ImageMeta('image')"
        )
    if "hw_maxphysaddr_bits" in spec.image.properties:
        raise exception.NotModelled(
            "Unlike Nova, the lab does not model image property 'hw_maxphysaddr_bits'; leave it out"
        )


#: Actions that say nothing without their argument: a flavor, a migration.
ABOUT = ("resize", "live_migration_abort", "live_migration_force_complete")


def complete(action, arguments):
    """Raise ValueError for an action that lacks what it is about, NotModelled for what is left out."""
    flavor, image = arguments.get("flavor"), arguments.get("image")
    modelled(RequestSpec(flavor or Flavor(1, 1), image or ImageMeta()))
    if action == "resize" and "flavor" not in arguments:
        raise ValueError("'resize' needs a flavor: act('web-1', 'resize', flavor=Flavor(...))")


def _instance(kind, sentence):
    def check(name, value):
        if not isinstance(value, kind):
            raise ValueError(f"{name} = {shown(value)} is {sentence}")

    return check


def _microversion(name, value):
    if not isinstance(value, str | float) or not re.fullmatch(r"2\.[0-9]+", str(value)):
        raise ValueError(f"{name} = {shown(value)} is not a microversion, as in '2.94'")


def _zone(name, value):
    if value is not None:
        text(name, value)


def _metadata(name, value):
    pairs = value.items() if isinstance(value, Mapping) else [(None, None)]
    if not all(isinstance(each, str) for pair in pairs for each in pair):
        raise ValueError(
            f"{name} = {shown(value)} is not a dict of texts, as in {{'colour': 'red'}}"
        )


def _block_migration(name, value):
    if isinstance(value, bool):
        raise exception.NotModelled(
            f"Unlike Nova, the lab does not compare the disks of hosts; leave out {name} or say"
            " 'auto'"
        )
    known(value, ("auto",), f"unknown {name}")


#: How the arguments of actions are checked; those that are not here are names.
_ARGUMENTS = {
    "is_admin": truth,
    "as_user": lambda name, value: asker(value),
    "availability_zone": _zone,
    "metadata": _metadata,
    "block_migration": _block_migration,
    "force": truth,
    "rotation": lambda name, value: whole(name, value, " of 0 or more", least=0),
    "reboot_type": lambda name, value: known(value, ("SOFT", "HARD"), "unknown reboot_type"),
    "state": lambda name, value: known(value, ("error", "active"), "unknown state to be reset to,"),
    "flavor": _instance(Flavor, "not a Flavor; write Flavor(vcpus=2, ...)"),
    "image": _instance(ImageMeta, "not an ImageMeta; write ImageMeta('another')"),
    "microversion": _microversion,
}


def argument(name, value):
    """Raise ValueError for an argument of an action that makes no sense."""
    _ARGUMENTS.get(name, text)(name, value)
    if isinstance(value, str) and len(value) > LONGEST_NAME:
        raise ValueError(f"{name}: {shown(value)} is longer than {LONGEST_NAME} characters")
