"""The words that cases of clouds are written in: each makes a part of a case, which is plain data."""

#: name: vCPUs, RAM in MiB, root disk in GiB, extra specs
FLAVORS = {
    "zero": (1, 512, 0, {}),
    "small": (1, 512, 1, {}),
    "two": (1, 512, 2, {}),
    "five": (2, 1024, 5, {}),
    "big": (2, 1024, 1, {}),
    "wide": (6, 1024, 1, {}),
    "half": (5, 4096, 1, {}),
    "whole": (10, 7168, 1, {}),
    "huge": (1, 512, 5000, {}),
    "ssd": (1, 512, 1, {"aggregate_instance_extra_specs:ssd": "true"}),
}
#: name: what of it is not as in the image of all others
IMAGES = {
    "ram1024": {"min_ram": 1024},
    "disk1": {"min_disk": 1},
    "disk2": {"min_disk": 2},
    "disk5": {"min_disk": 5},
    "gib2": {"size": 2 * 1024**3},
    "queued": {"status": "queued"},
    "debian": {"properties": {"os_distro": "debian", "hw_disk_bus": "virtio"}},
    "fedora": {"properties": {"os_distro": "fedora", "hw_disk_bus": "virtio"}},
    "arm": {"properties": {"hw_architecture": "aarch64"}},
    "xen": {"properties": {"img_hv_type": "xen"}},
}
#: The sections of options that are not in [DEFAULT].
SECTIONS = {
    "max_attempts": "scheduler",
    "query_placement_for_image_type_support": "scheduler",
    "limit_tenants_to_placement_aggregate": "scheduler",
    **dict.fromkeys(
        """enabled_filters weight_classes host_subset_size max_io_ops_per_host
        max_instances_per_host isolated_hosts isolated_images track_instance_changes
        restrict_isolated_hosts_to_isolated_images image_props_weight_multiplier
        image_props_weight_setting ram_weight_multiplier cpu_weight_multiplier
        disk_weight_multiplier io_ops_weight_multiplier num_instances_weight_multiplier
        soft_affinity_weight_multiplier soft_anti_affinity_weight_multiplier
        build_failure_weight_multiplier""".split(),
        "filter_scheduler",
    ),
}
USUAL = [
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "ServerGroupAntiAffinityFilter",
    "ServerGroupAffinityFilter",
]
HOST = {"vcpus": 10, "memory_mb": 8192, "local_gb": 1028, "cell": "cell1"}
#: Nova's own weighers, all of them.
OWN = {"weight_classes": ["nova.scheduler.weights.all_weighers"]}


def named(*weighers):
    """The weighers of these names, and last the one that prefers the first host."""
    homes = {"ServerGroupSoft": "affinity", "ImageProp": "image_props"}
    paths = [
        f"nova.scheduler.weights.{home}.{name}"
        for name in weighers
        for start, home in homes.items()
        if name.startswith(start)
    ]
    return {"weight_classes": [*paths, "HostNameWeigher"]}


SOFT = named("ServerGroupSoftAffinityWeigher", "ServerGroupSoftAntiAffinityWeigher")
#: So that the host's name decides only among equals.
SOFT |= {"soft_affinity_weight_multiplier": 5.0, "soft_anti_affinity_weight_multiplier": 5.0}


def filters(*names):
    """The usual filters and these."""
    return {"enabled_filters": [*USUAL, *names]}


def case(note, *steps, hosts=3, options=None, aggregates=(), groups=None, quota=None):
    """A case, with the flavors and images that its steps name."""
    if isinstance(hosts, int):
        hosts = {f"host{k + 1}": {} for k in range(hosts)}
    flat = [part for step in steps for part in (step if isinstance(step, list) else [step])]
    used = {step.get("flavor") for step in flat}
    shown = {step.get("image") for step in flat}
    return {
        "note": note,
        "hosts": {host: HOST | size for host, size in hosts.items()},
        "options": [[SECTIONS.get(name), name, v] for name, v in (options or {}).items()],
        "aggregates": list(aggregates),
        "flavors": {name: list(FLAVORS[name]) for name in FLAVORS if name in used},
        "images": {name: IMAGES[name] for name in IMAGES if name in shown},
        "groups": groups or {},
        "quota": quota or {},
        "steps": flat,
    }


def group(policy, **rules):
    """A server group."""
    return {"policy": policy, "rules": rules}


def aggregate(name, *hosts, zone=None, **metadata):
    """A host aggregate; with a zone it is an availability zone."""
    metadata |= {"availability_zone": zone} if zone else {}
    return {"name": name, "hosts": list(hosts), "metadata": metadata}


def zones(**hosts):
    """An aggregate for each zone."""
    return [aggregate(name, *here, zone=name) for name, here in hosts.items()]


# -- steps ------------------------------------------------------------------------------------
def create(server, flavor="small", user="owner", **given):
    """Somebody asks for a server."""
    return {"do": "create", "server": server, "flavor": flavor, "user": user} | given


def creates(names, flavor="small", **given):
    """One request after the other, for servers with names of one letter."""
    return [create(name, flavor, **given) for name in names]


def ask(server, action, user="owner", **given):
    """Somebody asks for an action."""
    return {"do": action, "server": server, "user": user} | given


def admin(server, action, **given):
    """An administrator asks for an action."""
    return ask(server, action, "admin", **given)


def move(server, action="migrate", **given):
    """A cold migration to its end."""
    return [admin(server, action, **given), ask(server, "confirmResize")]


def resize(server, flavor, end="confirmResize"):
    """A resize to its end."""
    return [ask(server, "resize", flavor=flavor), ask(server, end)]


def down(host, forced=True):
    """A nova-compute stops; *forced*: Nova is told so."""
    return {"do": "host_down", "host": host, "forced": forced}


def up(host):
    """A nova-compute starts again."""
    return {"do": "host_up", "host": host}


def fault(step, host=None, raises="NovaException", times=1000):
    """From now on something fails."""
    return {"do": "fault", "step": step, "host": host, "raises": raises, "times": times}


def held(step, at, host=None):
    """A step of which the first who comes to *at* waits there until `let_go`."""
    return step | {"held": {"step": at, "host": host}}


MEND = {"do": "mend"}
LET_GO = {"do": "let_go"}


def periodic(task, host):
    """A periodic task of a nova-compute runs once."""
    return {"do": "periodic", "task": task, "host": host}


def quota(**limits):
    """The quota of the project is another from now on."""
    return {"do": "quota", "project": limits}
