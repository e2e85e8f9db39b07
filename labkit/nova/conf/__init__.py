"""The options the lab models, by Nova's sections, names and defaults (nova/conf/*.py)."""

import configparser
import difflib
import math
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from labkit.neighbours import arguments
from labkit.neighbours.arguments import shown
from labkit.nova.exception import NotModelled
from labkit.nova.objects.image_meta import ARCHITECTURES

TRUE, FALSE = {"true", "1", "on", "yes"}, {"false", "0", "off", "no"}


@dataclass(frozen=True)
class Opt:
    """One option: where Nova keeps it, what it accepts, what it is when nobody sets it.

    *modelled* is False for options that Nova has and the lab has no use for; those of
    _MUST_BE_DEFAULT would change the answer: they are accepted with their default only.
    """

    group: str
    name: str
    kind: type
    default: object
    min: float | None = None
    modelled: bool = True
    choices: tuple[str, ...] = ()

    def checked(self, value):
        """Turn *value* (an object, or text from a file) into what the option holds."""
        if self.kind is list:
            if isinstance(value, str):
                text = value.strip().rstrip(",")
                value = [part.strip() for part in text.split(",")] if text else []
            elif not isinstance(value, list | tuple):
                self.refuse(value, "a list, or names with commas between them")
            result = tuple(value)
        elif self.kind is bool:
            text = shown(value).strip("' ").lower()
            if text not in TRUE | FALSE:
                self.refuse(value, "true or false")
            result = text in TRUE
        elif self.kind is str:
            result = None if value is None else value if isinstance(value, str) else shown(value)
            if (self.name, result) == ("images_type", "ploop"):
                raise NotModelled("Unlike Nova, the lab has no ploop disks (images_type = ploop)")
            if self.choices and result is not None and result not in self.choices:
                self.refuse(value, "one of " + ", ".join(self.choices))
        elif value is None and self.default is None:
            result = None
        else:
            try:
                result = self.kind(value)
                if isinstance(value, bool) or (self.kind is int and float(value) != result):
                    self.refuse(value, "a whole number" if self.kind is int else "a number")
            except (TypeError, ValueError, OverflowError):
                self.refuse(value, "a whole number" if self.kind is int else "a number")
            if self.min is not None and not (result >= self.min):
                self.refuse(value, f"at least {self.min}")
            if self.kind is float and math.isnan(result):
                self.refuse(value, "a number")
        return result

    def refuse(self, value, wanted):
        """Say which value of which option is not what was expected."""
        raise ValueError(
            f"[{self.group}] {self.name} = {shown(value)}: expected {wanted}"
        ) from None


DEFAULT_FILTERS = (
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "ServerGroupAntiAffinityFilter",
    "ServerGroupAffinityFilter",
)
_FS, _S, _M = "filter_scheduler", "scheduler", "metrics"
_L = "libvirt"
#: Sections of which the lab models a few options only: the others there are ignored.
_PARTLY = ("DEFAULT", _L, "workarounds", "compute")
OPTIONS = (
    Opt("DEFAULT", "service_down_time", int, 60),
    Opt("DEFAULT", "max_concurrent_builds", int, 10, min=0),
    Opt("DEFAULT", "max_concurrent_snapshots", int, 5, min=0),
    Opt("DEFAULT", "reclaim_instance_interval", int, 0),
    Opt("DEFAULT", "sync_power_state_interval", int, 600),
    Opt("DEFAULT", "update_resources_interval", int, 0),
    Opt("DEFAULT", "instance_build_timeout", int, 0, min=0),
    Opt("DEFAULT", "allow_resize_to_same_host", bool, False),
    Opt("DEFAULT", "resize_confirm_window", int, 0, min=0),
    Opt("DEFAULT", "shelved_offload_time", int, 0, min=-1),
    Opt("DEFAULT", "shelved_poll_interval", int, 3600),
    Opt("DEFAULT", "max_concurrent_live_migrations", int, 1, min=0),
    Opt("DEFAULT", "migrate_max_retries", int, -1, min=-1),
    Opt("DEFAULT", "use_cow_images", bool, True),
    Opt("DEFAULT", "reserved_host_disk_mb", int, 0, min=0),
    Opt("DEFAULT", "reserved_host_memory_mb", int, 512, min=0),
    Opt("DEFAULT", "reserved_host_cpus", int, 0, min=0),
    Opt("DEFAULT", "cpu_allocation_ratio", float, None, min=0.0),
    Opt("DEFAULT", "ram_allocation_ratio", float, None, min=0.0),
    Opt("DEFAULT", "disk_allocation_ratio", float, None, min=0.0),
    Opt("DEFAULT", "initial_cpu_allocation_ratio", float, 4.0, min=0.0),
    Opt("DEFAULT", "initial_ram_allocation_ratio", float, 1.0, min=0.0),
    Opt("DEFAULT", "initial_disk_allocation_ratio", float, 1.0, min=0.0),
    Opt("DEFAULT", "compute_monitors", list, (), modelled=False),
    Opt("compute", "cpu_shared_set", str, None),
    Opt("compute", "cpu_dedicated_set", str, None),
    Opt(
        _L, "images_type", str, "default", choices=("raw", "flat", "qcow2", "lvm", "rbd", "default")
    ),
    Opt(_L, "images_volume_group", str, None),
    Opt(_L, "images_rbd_pool", str, "rbd"),
    Opt(_L, "images_rbd_ceph_conf", str, ""),
    Opt(_L, "rbd_user", str, None),
    Opt(_L, "snapshot_image_format", str, None, choices=("raw", "qcow2", "vmdk", "vdi")),
    Opt(_L, "snapshot_compression", bool, False),
    Opt("workarounds", "disable_libvirt_livesnapshot", bool, False),
    Opt(
        "notifications",
        "notify_on_state_change",
        str,
        None,
        choices=("vm_state", "vm_and_task_state"),
    ),
    Opt(
        "notifications",
        "notification_format",
        str,
        "unversioned",
        choices=("unversioned", "versioned", "both"),
    ),
    Opt(_S, "max_attempts", int, 3, min=1),
    Opt(_S, "max_placement_results", int, 1000, min=1),
    Opt(_S, "query_placement_for_image_type_support", bool, False),
    Opt(_S, "limit_tenants_to_placement_aggregate", bool, False),
    Opt(_S, "placement_aggregate_required_for_tenants", bool, False),
    Opt(_S, "enable_isolated_aggregate_filtering", bool, False),
    Opt(_S, "image_metadata_prefilter", bool, False, modelled=False),
    Opt(_S, "query_placement_for_routed_network_aggregates", bool, False, modelled=False),
    Opt(_S, "discover_hosts_in_cells_interval", int, -1, min=-1, modelled=False),
    Opt(_S, "workers", int, None, min=0, modelled=False),
    Opt(_FS, "host_subset_size", int, 1, min=1),
    Opt(_FS, "shuffle_best_same_weighed_hosts", bool, False),
    Opt(_FS, "enabled_filters", list, DEFAULT_FILTERS),
    Opt(_FS, "weight_classes", list, ("nova.scheduler.weights.all_weighers",)),
    Opt(_FS, "available_filters", list, ("nova.scheduler.filters.all_filters",), modelled=False),
    Opt(_FS, "track_instance_changes", bool, True),
    Opt(_FS, "pci_in_placement", bool, False, modelled=False),
    Opt(_FS, "max_io_ops_per_host", int, 8, min=0),
    Opt(_FS, "max_instances_per_host", int, 50, min=1),
    Opt(_FS, "isolated_hosts", list, ()),
    Opt(_FS, "isolated_images", list, ()),
    Opt(_FS, "restrict_isolated_hosts_to_isolated_images", bool, True),
    Opt(_FS, "image_properties_default_architecture", str, None, choices=tuple(ARCHITECTURES)),
    Opt(_FS, "aggregate_image_properties_isolation_namespace", str, None),
    Opt(_FS, "aggregate_image_properties_isolation_separator", str, "."),
    Opt(_FS, "ram_weight_multiplier", float, 1.0),
    Opt(_FS, "cpu_weight_multiplier", float, 1.0),
    Opt(_FS, "disk_weight_multiplier", float, 1.0),
    Opt(_FS, "hypervisor_version_weight_multiplier", float, 1.0),
    Opt(_FS, "num_instances_weight_multiplier", float, 0.0),
    Opt(_FS, "io_ops_weight_multiplier", float, -1.0),
    Opt(_FS, "image_props_weight_multiplier", float, 0.0),
    Opt(_FS, "image_props_weight_setting", list, ()),
    Opt(_FS, "pci_weight_multiplier", float, 1.0, min=0.0),
    Opt(_FS, "soft_affinity_weight_multiplier", float, 1.0, min=0.0),
    Opt(_FS, "soft_anti_affinity_weight_multiplier", float, 1.0, min=0.0),
    Opt(_FS, "build_failure_weight_multiplier", float, 1000000.0),
    Opt(_FS, "cross_cell_move_weight_multiplier", float, 1000000.0),
    Opt(_M, "weight_multiplier", float, 1.0),
    Opt(_M, "weight_setting", list, ()),
    Opt(_M, "required", bool, True),
    Opt(_M, "weight_of_unavailable", float, -10000.0),
)
_BY_NAME = {opt.name: opt for opt in OPTIONS}
_ENCRYPTED = "ephemeral_storage_encryption", "enabled"


class Options:
    """Nova's configuration, as far as the lab models it; it cannot be changed, only replaced.

    In: options by Nova's names, as keywords; what is not given has Nova's default.
    Out: an object read as Nova's CONF (``options.filter_scheduler.ram_weight_multiplier``),
    or by the bare name. ``weight_classes`` and ``enabled_filters`` also take classes.
    Raises ValueError for an unknown name (with the nearest one) or a bad value.

    >>> Options(ram_weight_multiplier=-1.0).ram_weight_multiplier
    -1.0
    >>> Options(ram_weight_multiplyer=-1.0)
    Traceback (most recent call last):
    ValueError: unknown option 'ram_weight_multiplyer'; did you mean 'ram_weight_multiplier'?

    Source: nova/conf/scheduler.py, Nova 34.0.0. Unlike Nova, an option outside the
    lab's table is an error, never silence, and so is a multiplier of nan, with which all
    weights would be nan.
    """

    def __init__(self, **values):
        settings = {opt.name: opt.default for opt in OPTIONS}
        for name, value in values.items():
            settings[name] = _checked(_find(name), value)
        self._settings = settings
        self.__dict__.update(settings)  # every option by its bare name too
        self._hash = None
        self.ignored: tuple[str, ...] = ()
        for group in {opt.group for opt in OPTIONS}:
            members = {o.name: settings[o.name] for o in OPTIONS if o.group == group}
            setattr(self, group, SimpleNamespace(**members))

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        _find(name, AttributeError)

    def __repr__(self):
        changed = {n: v for n, v in self._settings.items() if v != _BY_NAME[n].default}
        return f"Options({', '.join(f'{n}={v!r}' for n, v in changed.items())})"

    def __eq__(self, other):
        return isinstance(other, Options) and self._settings == other._settings

    def __hash__(self):
        if self._hash is None:
            self._hash = hash(tuple(map(repr, self._settings.values())))
        return self._hash

    def replace(self, **values) -> "Options":
        """Return a copy with *values* changed."""
        changed = {n: v for n, v in self._settings.items() if v != _BY_NAME[n].default}
        return Options(**(changed | values))

    @classmethod
    def read(cls, path) -> "Options":
        """Read a real ``nova.conf``; sections that the lab does not model are listed in ``ignored``.

        In: a file name. Raises ValueError for an unknown option inside a modelled
        section and for a bad value; FileNotFoundError when there is no such file; NotModelled for
        ploop and encrypted disks.

        Source: oslo.config's ini files, as read by Nova 34.0.0.
        """
        parser = configparser.ConfigParser(
            strict=False, interpolation=None, default_section="\0", allow_no_value=True
        )
        parser.optionxform = str
        try:
            parser.read_string(
                Path(arguments.path("path", path)).read_text(encoding="utf-8"), source=str(path)
            )
        except configparser.Error as error:
            raise ValueError(f"{path} is not a nova.conf: {error}") from None
        groups = {opt.group for opt in OPTIONS}
        values, ignored = {}, []
        for section in parser.sections():
            for name, text in parser.items(section):
                known = _BY_NAME.get(name)
                if (section, name) == _ENCRYPTED and str(text).strip().lower() in TRUE:
                    raise NotModelled(f"{path}: unlike Nova, the lab encrypts no disk: [{section}]")
                if section not in groups or (section in _PARTLY and known is None):
                    ignored.append(f"[{section}] {name}")
                elif known is None or known.group != section:
                    _find(name, ValueError, f"{path}: [{section}] ", section)
                else:
                    values[name] = text if text is not None else ""
        options = cls(**values)
        options.ignored = tuple(ignored)
        return options


class _Conf:
    """Nova's CONF: reads the Options of the decision that is running."""

    def __getattr__(self, name):
        return getattr(_IN_FORCE.get(), name)


#: The options in force. Unlike in Nova, which has one configuration for the whole process,
#: each decision and each cloud has its own; ``using`` says which.
CONF = _Conf()
_IN_FORCE = ContextVar("options", default=Options())  # noqa: B039 - Options cannot be changed


@contextmanager
def using(options):
    """Let CONF be these options for a while."""
    token = _IN_FORCE.set(options)
    try:
        yield
    finally:
        _IN_FORCE.reset(token)


def multiplier_names() -> tuple[str, ...]:
    """Return the names of all multiplier options, in the table's order."""
    return tuple(opt.name for opt in OPTIONS if opt.name.endswith("weight_multiplier"))


def _find(name, error=ValueError, where="", group=None) -> Opt:
    if name in _BY_NAME and group is None:
        return _BY_NAME[name]
    names = [o.name for o in OPTIONS if group in (None, o.group)]
    near = difflib.get_close_matches(name, names, 1)
    hint = f"; did you mean {near[0]!r}?" if near else "; the lab models " + ", ".join(names)
    raise error(f"{where}unknown option {name!r}{hint}")


def _checked(opt: Opt, value):
    """Turn *value* into what the option holds; some options may only have their default."""
    result = opt.checked(value)
    if not opt.modelled and opt.name in _MUST_BE_DEFAULT and result != opt.default:
        opt.refuse(value, f"{opt.default!r}: the lab does not model anything else")
    return result


_MUST_BE_DEFAULT = {
    "image_metadata_prefilter",
    "query_placement_for_routed_network_aggregates",
    "available_filters",
    "pci_in_placement",
    "compute_monitors",
}
