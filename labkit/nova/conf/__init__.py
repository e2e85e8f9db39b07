"""The options the lab models, by Nova's sections, names and defaults (nova/conf/*.py)."""

import difflib
import math
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import SimpleNamespace

from labkit.neighbours import arguments, oslo_config
from labkit.neighbours.arguments import shown
from labkit.nova.exception import Invalid, NotModelled
from labkit.nova.objects.image_meta import ARCHITECTURES
from labkit.nova.virt.hardware import parse_cpu_spec

TRUE, FALSE = {"true", "1", "on", "yes"}, {"false", "0", "off", "no"}


@dataclass(frozen=True)
class Opt:
    """One option: where Nova keeps it, what it accepts, what it is when nobody sets it.

    *modelled* is False for options that Nova has and the lab has no use for; those of
    MUST_BE_DEFAULT would change the answer: they are accepted with their default only.
    *deprecated* are groups in which Nova finds it too; *multi*: a file may say it several times.
    """

    group: str
    name: str
    kind: type
    default: object
    min: float | None = None
    modelled: bool = True
    choices: tuple[str, ...] = ()
    deprecated: tuple[str, ...] = ()
    multi: bool = False

    @property
    def names(self):
        """Where a file may say it, as (section, name); the first counts most."""
        return [(group, self.name) for group in (self.group, *self.deprecated)]

    def from_file(self, texts):
        """Turn what files say, one text each time, into what the option holds."""
        if self.multi:
            return self.checked(texts)
        text = texts[-1]
        if self.kind is bool and text != text.strip():
            self.refuse(text, "true or false")
        if self.kind in (int, float) and not text.strip():
            return self.checked(None)
        return self.checked(text)

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
            if math.isnan(result):
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
_ALL_FILTERS = "nova.scheduler.filters.all_filters"
_ALL_WEIGHERS = "nova.scheduler.weights.all_weighers"
OPTIONS = (
    Opt("DEFAULT", "service_down_time", int, 60),
    Opt("DEFAULT", "report_interval", int, 10),
    Opt("DEFAULT", "max_concurrent_builds", int, 10, min=0),
    Opt("DEFAULT", "max_concurrent_snapshots", int, 5, min=0),
    Opt("DEFAULT", "reclaim_instance_interval", int, 0),
    Opt("DEFAULT", "sync_power_state_interval", int, 600),
    Opt("DEFAULT", "update_resources_interval", int, 0),
    Opt("DEFAULT", "scheduler_instance_sync_interval", int, 120),
    Opt("DEFAULT", "instance_build_timeout", int, 0, min=0),
    Opt(
        "DEFAULT",
        "running_deleted_instance_action",
        str,
        "reap",
        choices=("reap", "log", "shutdown", "noop"),
    ),
    Opt("DEFAULT", "running_deleted_instance_poll_interval", int, 1800),
    Opt("DEFAULT", "running_deleted_instance_timeout", int, 0),
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
    Opt("workarounds", "disable_group_policy_check_upcall", bool, False),
    Opt("workarounds", "handle_virt_lifecycle_events", bool, True),
    Opt(
        "notifications",
        "notify_on_state_change",
        str,
        None,
        choices=("vm_state", "vm_and_task_state"),
        deprecated=("DEFAULT",),
    ),
    Opt(
        "notifications",
        "notification_format",
        str,
        "unversioned",
        choices=("unversioned", "versioned", "both"),
        deprecated=("DEFAULT",),
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
    Opt(_FS, "weight_classes", list, (_ALL_WEIGHERS,)),
    Opt(_FS, "available_filters", list, (_ALL_FILTERS,), modelled=False, multi=True),
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
#: Sections in which a misspelt name is refused: a setting of the scheduler would have no effect.
_CHECKED = (_FS, _S, _M)
#: Options that would change an answer of the lab, and what it leaves out.
MUST_BE_DEFAULT = {
    "image_metadata_prefilter": "its Placement is not asked for traits of the image",
    "query_placement_for_routed_network_aggregates": "it has no routed networks",
    "available_filters": "hand filters of your own over as classes: enabled_filters=[YourFilter]",
    "pci_in_placement": "its Placement knows no PCI devices",
    "compute_monitors": "metrics are given with the hosts, as metric:NAME",
}
_ENCRYPTED = "ephemeral_storage_encryption", "enabled"
#: Nova's filters and weighers, by the names that a file has for their classes.
FILTERS = tuple(
    "nova.scheduler.filters." + name
    for name in """
    affinity_filter.DifferentHostFilter affinity_filter.SameHostFilter
    affinity_filter.ServerGroupAffinityFilter affinity_filter.ServerGroupAntiAffinityFilter
    affinity_filter.SimpleCIDRAffinityFilter
    aggregate_image_properties_isolation.AggregateImagePropertiesIsolation
    aggregate_instance_extra_specs.AggregateInstanceExtraSpecsFilter
    aggregate_multitenancy_isolation.AggregateMultiTenancyIsolation all_hosts_filter.AllHostsFilter
    compute_capabilities_filter.ComputeCapabilitiesFilter compute_filter.ComputeFilter
    image_props_filter.ImagePropertiesFilter io_ops_filter.AggregateIoOpsFilter
    io_ops_filter.IoOpsFilter isolated_hosts_filter.IsolatedHostsFilter json_filter.JsonFilter
    metrics_filter.MetricsFilter num_instances_filter.AggregateNumInstancesFilter
    num_instances_filter.NumInstancesFilter numa_topology_filter.NUMATopologyFilter
    pci_passthrough_filter.PciPassthroughFilter type_filter.AggregateTypeAffinityFilter
    """.split()
)
WEIGHERS = tuple(
    "nova.scheduler.weights." + name
    for name in """
    affinity.ServerGroupSoftAffinityWeigher affinity.ServerGroupSoftAntiAffinityWeigher
    compute.BuildFailureWeigher cpu.CPUWeigher cross_cell.CrossCellWeigher disk.DiskWeigher
    hypervisor_version.HypervisorVersionWeigher image_props.ImagePropertiesWeigher
    io_ops.IoOpsWeigher metrics.MetricsWeigher num_instances.NumInstancesWeigher pci.PCIWeigher
    ram.RAMWeigher
    """.split()
)
_PLACEMENT = "in Nova 34 Placement does what it did: leave it out"
#: Filters of former releases, and what to do.
_OF_OLD = dict.fromkeys(
    """
    AvailabilityZoneFilter CoreFilter RamFilter DiskFilter ExactCoreFilter ExactRamFilter
    ExactDiskFilter AggregateCoreFilter AggregateRamFilter AggregateDiskFilter
    """.split(),
    _PLACEMENT,
) | {
    "RetryFilter": "Nova 34 tries the alternates that the scheduler names: leave it out",
    "TypeAffinityFilter": "leave it out, or take AggregateTypeAffinityFilter",
    "TrustedFilter": "leave it out, and ask for traits of the hosts",
}
#: Options of Nova that the lab does not model, and that others are often made of by ``$name``.
_TEXTS = ("host", "my_ip", "my_block_storage_ip", "state_path", "instances_path", "transport_url")


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
    lab's table is an error, never silence, and so is a multiplier of nan, with which
    weights would be nan (in a file also inf). As in Nova, a ``service_down_time`` that is no longer than
    ``report_interval`` becomes 2.5 times as long as that (nova/servicegroup/api.py).
    """

    def __init__(self, **values):
        self._given = {name: _checked(_find(name), value) for name, value in values.items()}
        settings = {opt.name: opt.default for opt in OPTIONS} | self._given
        if settings["service_down_time"] <= settings["report_interval"]:
            settings["service_down_time"] = int(settings["report_interval"] * 2.5)
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
        return Options(**(self._given | values))

    @classmethod
    def read(cls, *paths, without=()) -> "Options":
        """Read real ``nova.conf`` files as Nova does: of several, the later one wins.

        In: file names; *without*: names of options that keep Nova's default, whatever the files
        say. Out: Options; ``ignored`` lists what the files say and the lab has no use for: other
        options of Nova, and those of former releases, which Nova ignores too.
        Raises ValueError that names file and line for a file or a value with which Nova does not
        start, and for a misspelt option of the scheduler; FileNotFoundError where there is no
        such file; NotModelled, which names them all, for values that the lab does not model.

        >>> from pathlib import Path
        >>> from tempfile import mkdtemp
        >>> conf = Path(mkdtemp()) / "nova.conf"
        >>> _ = conf.write_text("[DEFAULT]\\ndebug = on\\n[scheduler]\\nmax_attempts = 5\\n")
        >>> Options.read(conf), Options.read(conf).ignored
        (Options(max_attempts=5), ('[DEFAULT] debug',))

        Source: oslo.config's ini files, as read by Nova 34.0.0.
        """
        if not paths:
            raise ValueError("Options.read() has nothing to read; give it the name of a nova.conf")
        paths = [arguments.path("path", path) for path in paths]
        files = oslo_config.ConfigFiles(paths)
        said = _Said(files, _names(without, {name for _, name, _ in files}))
        values, refused = {}, []
        for opt in OPTIONS:
            try:
                if said.texts(opt):
                    values[opt.name] = said.value(opt)
            except NotModelled as error:
                refused.append(str(error))
        ignored = said.ignored(refused)
        if refused:
            names = "; to read the rest, and leave these at Nova's default, name them: "
            raise NotModelled("; ".join(refused) + names + "Options.read(path, without=[...])")
        options = cls(**values)
        check_cpu_sets(options, " and ".join(map(str, paths)))
        options.ignored = ignored
        return options


class _Said:
    def __init__(self, files, without):
        self._files, self._without, self._open = files, without, []

    def texts(self, opt):
        """Return what is said of an option: texts and their places, the last in force."""
        return [] if opt.name in self._without else self._files.find(opt.names)

    def value(self, opt):
        """Return what an option holds by these files.

        Raises ValueError, or NotModelled, with the place of what is wrong.
        """
        said = self.texts(opt)
        if opt in self._open:
            raise ValueError(f"{said[-1].place}: [{opt.group}] {opt.name} is made of itself")
        self._open.append(opt)
        try:
            return self._checked(opt, opt.from_file([self._text(opt, one) for one in said]))
        except NotModelled as error:
            raise NotModelled(f"{said[-1].place}: {error}") from None
        except (ValueError, Invalid) as error:
            raise ValueError(f"{said[-1].place}: {error}") from None
        finally:
            self._open.pop()

    def ignored(self, refused) -> tuple[str, ...]:
        """Return the names of what the lab has no use for, as they are written."""
        modelled = {name for opt in OPTIONS if opt.modelled for name in opt.names}
        found = []
        for section, name, value in self._files:
            where = oslo_config.normalize(section), name
            encrypted = where == _ENCRYPTED and name not in self._without
            if encrypted and value.text.lower() in TRUE:
                refused.append(f"{value.place}: unlike Nova, the lab encrypts no disk")
            if name not in self._without:
                _check_spelling(*where, value.place)
            if where not in modelled or name in self._without:
                found.append(f"[{section}] {name}")
        return tuple(found)

    def _text(self, opt, value):
        return oslo_config.substitute(value.text, lambda name: self._named(name, opt.group))

    def _named(self, name, group):
        """Return the value of an option that another names with a $."""
        places = [tuple(name.split(".", 1))] if "." in name else [(group, name), ("DEFAULT", name)]
        for opt in OPTIONS:
            if (opt.group, opt.name) in places and "DEFAULT." not in name:
                found = self.value(opt) if self.texts(opt) else opt.default
                return list(found) if isinstance(found, tuple) else found
        text = self._files.find([("DEFAULT", name)]) if name in _TEXTS else []
        if not text:
            raise ValueError(
                f"${name}: expected an option of Nova that the lab knows, or one of "
                f"{', '.join(_TEXTS)} that the file sets; write the value itself"
            )
        return oslo_config.substitute(text[-1].text, lambda other: self._named(other, "DEFAULT"))

    def _checked(self, opt, value):
        """Return the value; refuse one with which Nova does not start, or that is not modelled."""
        where = f"[{opt.group}] {opt.name} = "
        if opt.name == "enabled_filters":
            self._check_filters(where, value)
        elif opt.name == "weight_classes":
            _check_weighers(where, value)
        elif opt.name == "available_filters":
            _check_classes(where, value, FILTERS, _ALL_FILTERS)
            if _ALL_FILTERS in value:
                return opt.default
        elif opt.group == "compute" and value and not parse_cpu_spec(value):
            raise ValueError(
                f"{where}{value!r}: no CPU is left; expected a text such as 4-12,^8,15"
            )
        elif opt.kind is float and value is not None and math.isinf(value):
            opt.refuse(value, "a finite number: with an infinite one, weights become nan")
        if opt.name in MUST_BE_DEFAULT and value != opt.default:
            shown = ", ".join(value) if isinstance(value, tuple) else value
            raise NotModelled(
                f"{where}{shown}: the lab does not model this: {MUST_BE_DEFAULT[opt.name]}"
            )
        return value

    def _check_filters(self, where, names):
        known = [name.rpartition(".")[2] for name in FILTERS]
        own = self._files.find(_BY_NAME["available_filters"].names)
        for name in names:
            if name in known:
                continue
            if any(one.text.rpartition(".")[2] == name for one in own):
                raise NotModelled(f"{where}{name}: {MUST_BE_DEFAULT['available_filters']}")
            near = difflib.get_close_matches(name, known, 1, 0.9)
            hint = (
                f"did you mean {near[0]}?" if near else _OF_OLD.get(name, "it has " + _list(known))
            )
            raise ValueError(
                f"{where}{name}: Nova 34 has no such filter, its scheduler does not start; {hint}"
            )


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
    hint = f"did you mean {near[0]!r}?" if near else f"none of the lab's {len(names)} is like it"
    raise error(f"{where}unknown option {shown(name)}; {hint}")


def _names(without, there):
    """Return names of options as a tuple; each may be written with its section, [section] name."""
    without = arguments.all_of("without", without, str, "names of options")
    names = [name.rpartition("]")[2].strip() for name in without]
    return tuple(name if name in there else _find(name, where="without: ").name for name in names)


def _check_spelling(section, name, place):
    """Refuse a name that can only be a slip: Nova would start, and the setting have no effect."""
    if section not in _CHECKED or (name in _BY_NAME and _BY_NAME[name].group == section):
        return
    other = _BY_NAME[name].group if name in _BY_NAME else None
    names = [opt.name for opt in OPTIONS if opt.group == section]
    near = difflib.get_close_matches(name, names, 1, 0.9)
    if other in _CHECKED:
        hint = f"Nova has it in [{other}] and would ignore it here"
    elif near:
        hint = f"did you mean {near[0]!r}?"
    else:
        return
    raise ValueError(
        f"{place}: [{section}] unknown option {name!r}; {hint}. Nova would start and ignore it: so "
        f"does Options.read(path, without=[{name!r}])"
    )


def _check_weighers(where, names):
    bare = {name.rpartition(".")[2]: name for name in WEIGHERS}
    for name in names:
        if name in bare:
            raise ValueError(f"{where}{name}: Nova's scheduler does not start; write {bare[name]}")
    _check_classes(where, names, WEIGHERS, _ALL_WEIGHERS)


def check_cpu_sets(options, where):
    """Refuse what the libvirt driver refuses when nova-compute starts. Raises ValueError or Invalid.

    Source: ``_check_cpu_set_configuration`` in nova/virt/libvirt/driver.py, Nova 34.0.0.
    """
    texts = {name: getattr(options, name) for name in ("cpu_shared_set", "cpu_dedicated_set")}
    if not any(texts.values()):
        return
    shared, dedicated = (parse_cpu_spec(text or "") for text in texts.values())
    for (name, text), cpus in zip(texts.items(), (shared, dedicated), strict=True):
        if text and not cpus:
            raise ValueError(
                f"{where}: [compute] {name} = {text!r} leaves no CPU: nova-compute does not start"
            )
    if shared & dedicated:
        both = ", ".join(map(str, sorted(shared & dedicated)))
        raise ValueError(
            f"{where}: [compute] cpu_shared_set and cpu_dedicated_set both name the CPUs {both}: "
            "nova-compute does not start; name each CPU in one of them"
        )
    if (shared or dedicated) and options.reserved_host_cpus:
        raise ValueError(
            f"{where}: [DEFAULT] reserved_host_cpus beside [compute] cpu_shared_set or "
            "cpu_dedicated_set: nova-compute does not start; unset reserved_host_cpus"
        )


def _check_classes(where, names, known, all_of_them):
    """Refuse paths of classes that Nova does not have, and those of one's own."""
    for name in names:
        if name == all_of_them or name in known:
            continue
        if "." in name and not name.startswith("nova."):
            raise NotModelled(
                f"{where}{name}: the lab reads no classes of your own from a file; hand them over "
                "as classes, Options(weight_classes=[...], enabled_filters=[...])"
            )
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"expected {all_of_them}"
        raise ValueError(f"{where}{name}: Nova 34 has no such class and does not start; {hint}")


def _list(names):
    return ", ".join(names)


def _checked(opt: Opt, value):
    """Turn *value* into what the option holds; some options may only have their default."""
    result = opt.checked(value)
    if not opt.modelled and opt.name in MUST_BE_DEFAULT and result != opt.default:
        opt.refuse(value, f"{opt.default!r}: the lab does not model anything else")
    return result
