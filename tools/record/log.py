"""Make data/logs/nova-scheduler-34.log: what the real Nova writes at DEBUG.

No services, no database. A real SchedulerManager runs select_destinations for the requests of ``cases``:
request filters, HostState.update, host filters, weighers, claims and alternates are Nova's, and oslo.log
writes every line in its default format. Stood in for are only the neighbours: the answers of placement,
the rows of the cell database, and the notifications. Hosts come sorted by name, where Nova has the order
of a set. Beside the log goes a .json of the same name with the numbers that the weighers returned, taken
from the calls themselves and not from the text.

So that each run writes the same bytes, the clock moves 1 ms per line, the process is 7, ids are
derived from names, and the folder of the installation reads /usr/lib/python3/dist-packages.
"""

import contextlib
import datetime
import json
import logging
import os
import pathlib
import re
import sys
import uuid
import warnings
from unittest import mock

# oslo libraries warn at import about each other; that is not ours to mend
warnings.simplefilter("ignore")
os.environ.setdefault("OS_NOVA_DISABLE_EVENTLET_PATCHING", "1")

import nova.monkey_patch  # noqa: E402  (it must come before the rest of nova)

nova.monkey_patch.patch("threading")
import nova.conf  # noqa: E402

CONF = nova.conf.CONF
# read once, where the manager's class is made
CONF.set_override("discover_hosts_in_cells_interval", 300, group="scheduler")
from nova import config as nova_config  # noqa: E402
from nova import context, objects, version  # noqa: E402
from nova import weights as nova_weights  # noqa: E402
from nova.scheduler import filters as nova_filters  # noqa: E402
from nova.scheduler import host_manager, manager  # noqa: E402
from nova.scheduler import weights as host_weights  # noqa: E402
from oslo_log import formatters  # noqa: E402
from oslo_log import log as oslo_logging  # noqa: E402
from oslo_messaging import ExpectedException  # noqa: E402
from oslo_utils import timeutils  # noqa: E402

from tools.record import write  # noqa: E402

START = datetime.datetime(2026, 3, 2, 9, 0, 0, tzinfo=datetime.UTC)
CELL = "00000000-0000-4000-8000-00000000000a"
AGGREGATE = {"packed": {"ram_weight_multiplier": "-1.0"}}
SITE_PACKAGES = str(pathlib.Path(nova.__file__).parents[1])
PACKAGES = "/usr/lib/python3/dist-packages"
# In tracebacks, what differs from one Python to the next: the underlining of
# the failing call, and frames of the standard library (two lines each).
PYTHONS_OWN = re.compile(
    r"\n.*  [~^]+(?=\n)"
    rf"|\n.* File \"{re.escape(os.path.dirname(os.__file__))}/.*\n.*"
)
WEIGHT_CLASSES = [
    "nova.scheduler.weights." + name
    for name in (
        "affinity.ServerGroupSoftAffinityWeigher",
        "affinity.ServerGroupSoftAntiAffinityWeigher",
        "compute.BuildFailureWeigher",
        "cpu.CPUWeigher",
        "cross_cell.CrossCellWeigher",
        "disk.DiskWeigher",
        "hypervisor_version.HypervisorVersionWeigher",
        "image_props.ImagePropertiesWeigher",
        "io_ops.IoOpsWeigher",
        "metrics.MetricsWeigher",
        "num_instances.NumInstancesWeigher",
        "pci.PCIWeigher",
        "ram.RAMWeigher",
    )
]


def stable_uuid(name):
    """An id derived from a name."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


class Placement:
    """One allocation candidate for each host of the case; claims succeed."""

    def __init__(self, hosts):
        self.hosts = hosts

    def get_allocation_candidates(self, ctxt, resources):
        requests = [
            {
                "allocations": {stable_uuid(h["host"]): {"resources": {}}},
                "mappings": {},
            }
            for h in self.hosts
        ]
        summaries = {stable_uuid(h["host"]): {} for h in self.hosts}
        return requests, summaries, "1.39"

    def claim_resources(self, *args, **kwargs):
        return True

    def delete_allocation_for_instance(self, *args, **kwargs):
        return True


class HostManager(host_manager.HostManager):
    """Nova's, filled from the case in place of the cell database."""

    def __init__(self):
        self.filter_handler = nova_filters.HostFilterHandler()
        classes = self.filter_handler.get_matching_classes(CONF.filter_scheduler.available_filters)
        self.filter_cls_map = {c.__name__: c for c in classes}
        self.filter_obj_map = {}
        self.enabled_filters = self._choose_host_filters(self._load_filters())
        self.weight_handler = host_weights.HostWeightHandler()
        self.weighers = [
            weigher()
            for weigher in self.weight_handler.get_matching_classes(
                CONF.filter_scheduler.weight_classes
            )
        ]
        self.cells = {CELL: None}
        self.enabled_cells = []
        self._instance_info = {}
        self.hosts = []

    def _get_computes_for_cells(self, ctxt, cells, compute_uuids):
        computes = [compute_node(h) for h in self.hosts]
        return {CELL: computes}, {h["host"]: service(h) for h in self.hosts}

    def get_compute_nodes_by_host_or_node(self, ctxt, host, node, cell=None):
        return [compute_node(h) for h in self.hosts if h["host"] == host]

    def _get_aggregates_info(self, host):
        names = next(h["aggregates"] for h in self.hosts if h["host"] == host)
        return [objects.Aggregate(id=1, name=n, hosts=[host], metadata=AGGREGATE[n]) for n in names]

    def _get_instance_info(self, ctxt, compute):
        return {}

    def _get_host_states(self, ctxt, compute_nodes, services):
        states = super()._get_host_states(ctxt, compute_nodes, services)
        return iter(sorted(states, key=lambda host_state: host_state.host))


class SchedulerManager(manager.SchedulerManager):
    """Nova's, with the host manager above."""

    def __init__(self):
        self.host_manager = HostManager()
        with mock.patch("nova.rpc.get_notifier"):
            manager.manager.Manager.__init__(self, service_name="scheduler")


@contextlib.contextmanager
def neighbours(scheduler, hosts):
    """Let a scheduler meet the stand-ins, filled with the hosts of a case."""
    scheduler.host_manager.hosts = hosts
    placement = Placement(hosts)
    patches = [
        mock.patch.object(manager.report, "report_client_singleton", lambda: placement),
        mock.patch.object(manager.compute_utils, "notify_about_scheduler_action"),
        mock.patch.object(objects.CellMapping, "get_by_uuid", lambda *a, **k: None),
        mock.patch(  # every compute service is of this release
            "nova.objects.service.get_minimum_version_all_cells",
            lambda *a, **k: objects.service.SERVICE_VERSION,
        ),
        mock.patch(
            "nova.context.target_cell",
            lambda ctxt, cell: contextlib.nullcontext(ctxt),
        ),
    ]
    with contextlib.ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch)
        yield


def compute_node(h):
    """The row of a host."""
    return objects.ComputeNode(
        uuid=stable_uuid(h["host"]),
        host=h["host"],
        hypervisor_hostname=h["host"],
        host_ip=None,
        memory_mb=h["memory_mb"],
        free_ram_mb=h["memory_mb"] - h["ram_used_mb"],
        local_gb=500,
        local_gb_used=h["local_gb_used"],
        free_disk_gb=500 - h["local_gb_used"],
        disk_available_least=h["disk_available_least"],
        vcpus=16,
        vcpus_used=h["vcpus_used"],
        updated_at=None,
        numa_topology=None,
        pci_device_pools=None,
        hypervisor_type="QEMU",
        hypervisor_version=h["hypervisor_version"],
        cpu_info=json.dumps({"arch": "x86_64"}),
        supported_hv_specs=[objects.HVSpec.from_list(["x86_64", "kvm", "hvm"])],
        stats={
            "num_instances": str(h["num_instances"]),
            "io_workload": str(h["num_io_ops"]),
            "failed_builds": str(h["failed_builds"]),
        },
        metrics="[]",
        cpu_allocation_ratio=4.0,
        ram_allocation_ratio=1.0,
        disk_allocation_ratio=1.0,
    )


def service(h):
    """The row of the nova-compute of a host."""
    return {
        "disabled": h["disabled_reason"] is not None,
        "disabled_reason": h["disabled_reason"],
        "forced_down": False,
        "last_seen_up": START - datetime.timedelta(seconds=h["silent_s"]),
        "created_at": START,
        "host": h["host"],
        "binary": "nova-compute",
    }


def host(name, ram_used_mb=0, **changes):
    """One compute node: 16 vCPUs, 32 GiB, 500 GB, nothing on it."""
    known = {
        "host": name,
        "memory_mb": 32768,
        "ram_used_mb": ram_used_mb,
        "local_gb_used": 0,
        "vcpus_used": 0,
        "num_instances": 0,
        "num_io_ops": 0,
        "failed_builds": 0,
        "hypervisor_version": 8002000,
        "disk_available_least": None,
        "aggregates": [],
        "disabled_reason": None,
        "silent_s": 5,
    }
    return {**known, **changes}


def request_spec(name, count, extra_specs=None, image=None, policy=None, **ask):
    """What is asked for: m1.medium, and what the case says."""
    flavor = objects.Flavor(
        id=1,
        flavorid="1",
        name="m1.medium",
        memory_mb=4096,
        vcpus=2,
        root_gb=40,
        ephemeral_gb=0,
        swap=0,
        extra_specs=extra_specs or {},
    )
    group = None
    if policy:
        group = objects.InstanceGroup(
            uuid=stable_uuid(name + "-group"),
            policy=policy,
            policies=[policy],
            rules={},
            members=[stable_uuid(f"{name}-{i}") for i in range(count)],
            hosts=[],
        )
    known = {
        "flavor": flavor,
        "image": objects.ImageMeta(
            id=stable_uuid("image"),
            properties=objects.ImageMetaProps.from_dict(image or {}),
        ),
        "instance_group": group,
        "project_id": stable_uuid("project").replace("-", ""),
        "user_id": stable_uuid("user").replace("-", ""),
        "numa_topology": None,
        "pci_requests": None,
        "requested_destination": None,
        "requested_resources": [],
        "ignore_hosts": None,
        "force_hosts": None,
        "force_nodes": None,
        "limits": None,
        "retry": None,
        "security_groups": objects.SecurityGroupList(),
        "is_bfv": False,
        "scheduler_hints": {},
        "instance_uuid": stable_uuid(f"{name}-0"),
        "num_instances": count,
        "availability_zone": None,
    }
    return objects.RequestSpec(**{**known, **ask})


def cases():
    """(name, hosts, how many servers, what the request asks)."""
    uneven = [
        host("cn-1", 29696, vcpus_used=8, num_instances=7, num_io_ops=1),
        host("cn-2", 28672, vcpus_used=4, local_gb_used=100),
    ]
    third = host("cn-3", 1024, num_io_ops=2, hypervisor_version=7002000)
    yield "two-hosts", uneven, 1, {}
    yield "three-hosts", [*uneven, third], 1, {}
    yield "identical-hosts", [host("cn-1", 8192), host("cn-2", 8192)], 1, {}
    removed = [
        host("cn-4", disabled_reason="new disks on Friday"),
        host("cn-5", silent_s=600),
    ]
    yield "one-filter-removes", [*uneven, *removed], 1, {}
    mips = {"capabilities:cpu_info:arch": "mips"}
    yield "none-left", [*uneven, removed[0]], 1, {"extra_specs": mips}
    level = [host("cn-1", 2048), host("cn-2", 4096), host("cn-3", 8192)]
    yield "multi-create", level, 3, {}
    yield "anti-affinity", level, 2, {"policy": "anti-affinity"}
    yield "too-many", level[:2], 3, {"policy": "anti-affinity"}
    yield "one-host", level[:1], 1, {}
    yield "ignored-host", level, 1, {"ignore_hosts": ["cn-1"]}
    yield "forced-host", level, 1, {"force_hosts": ["cn-3"]}
    yield "no-candidates", [], 1, {}
    windows = {"hw_architecture": "aarch64"}
    yield "wrong-image", [uneven[0], third], 1, {"image": windows}
    over = [
        host("cn-1", 34000, disk_available_least=-12, failed_builds=1),
        host("cn-2", 20480, aggregates=["packed"]),
        host("cn-3", 12288, disk_available_least=520),
    ]
    yield "negative-free-ram", over, 1, {}


class LogFile(logging.Handler):
    """oslo.log's own formatter on a clock that moves 1 ms per line."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.formatter = formatters.ContextFormatter(config=CONF, datefmt=CONF.log_date_format)
        self.formatter.converter = lambda created: datetime.datetime.fromtimestamp(
            created, datetime.UTC
        ).timetuple()
        self.text = []
        self.written = 0

    def emit(self, record):
        self.written += 1
        millis = self.written
        record.created = START.timestamp() + millis / 1000
        record.msecs = millis % 1000
        record.process = 7
        text = self.format(record).replace(SITE_PACKAGES, PACKAGES)
        self.text += PYTHONS_OWN.sub("", text).split("\n")


def log_in_memory():
    """Nova's set-up of logging, with our handler in place of its file."""
    oslo_logging.register_options(CONF)
    nova_config.set_lib_defaults()
    CONF([], project="nova", default_config_files=[])
    CONF.set_override("debug", True)
    oslo_logging.setup(CONF, "nova", version.version_string())
    sys.excepthook = sys.__excepthook__  # ours belong on the terminal
    root = logging.getLogger(None)
    for handler in list(root.handlers):
        root.removeHandler(handler)
    log_file = LogFile()
    root.addHandler(log_file)
    return log_file


@contextlib.contextmanager
def spied(scheduler, passes):
    """Note what each filter let through and each weigher returned."""
    real_normalize = nova_weights.normalize
    names = [type(w).__name__ for w in scheduler.host_manager.weighers]

    def filtered(*args, **kwargs):
        passes.append({"filters": [], "weighers": [], "total": {}})
        return real_filtered(*args, **kwargs)

    def weighed(hosts, spec):
        hosts = list(hosts)
        ranked = real_weighed(hosts, spec)
        passes[-1]["total"] = {h.obj.host: h.weight for h in ranked}
        return ranked

    def normalize(values, minval=None, maxval=None):
        out = list(real_normalize(values, minval=minval, maxval=maxval))
        step = {"weigher": names[len(passes[-1]["weighers"])]}
        step |= {"raw": list(values), "normalized": list(out)}
        passes[-1]["weighers"].append(step)
        return out

    def filter_spy(one, real):
        def filter_all(objs, spec):
            objs = list(objs)
            out = list(real(objs, spec))
            step = {"filter": type(one).__name__}
            step |= {"in": [h.host for h in objs], "out": [h.host for h in out]}
            passes[-1]["filters"].append(step)
            return out

        return filter_all

    def multiplier_spy(real):
        def weight_multiplier(host_state):
            value = real(host_state)
            # ImageProperties and others read it while weighing, too
            if sys._getframe(1).f_code.co_name == "get_weighed_objects":
                step = passes[-1]["weighers"][-1]
                step.setdefault("multiplier", []).append(value)
                step.setdefault("host", []).append(host_state.host)
            return value

        return weight_multiplier

    hm = scheduler.host_manager
    real_filtered, real_weighed = hm.get_filtered_hosts, hm.get_weighed_hosts
    with contextlib.ExitStack() as stack:
        change = mock.patch.object
        stack.enter_context(change(hm, "get_filtered_hosts", filtered))
        stack.enter_context(change(hm, "get_weighed_hosts", weighed))
        stack.enter_context(change(nova_weights, "normalize", normalize))
        for f in hm.enabled_filters:
            spy = filter_spy(f, f.filter_all)
            stack.enter_context(change(f, "filter_all", spy))
        for w in hm.weighers:
            spy = multiplier_spy(w.weight_multiplier)
            stack.enter_context(change(w, "weight_multiplier", spy))
        yield


def schedule(scheduler, name, hosts, count, ask):
    """Ask for the servers of a case; who was asked, what was answered, the numbers."""
    request_id = "req-" + stable_uuid(name)
    ctxt = context.RequestContext(
        user_id=stable_uuid("user").replace("-", ""),
        project_id=stable_uuid("project").replace("-", ""),
        user_domain_id="default",
        project_domain_id="default",
        request_id=request_id,
    )
    instances = [stable_uuid(f"{name}-{i}") for i in range(count)]
    out = {"name": name, "request": request_id, "instances": instances}
    out["passes"] = []
    with neighbours(scheduler, hosts), spied(scheduler, out["passes"]):
        try:
            chosen = scheduler.select_destinations(
                ctxt,
                spec_obj=request_spec(name, count, **ask),
                instance_uuids=instances,
                return_objects=True,
                return_alternates=True,
            )
            out["hosts"] = [[s.service_host for s in one] for one in chosen]
        except ExpectedException as error:
            out["raised"] = str(error.exc_info[1])
    return out


def noise(scheduler, index):
    """What a nova-scheduler's log has besides requests; each is Nova's own."""
    admin = context.RequestContext(is_admin=True, request_id="req-" + stable_uuid(f"noise-{index}"))
    hm = scheduler.host_manager
    nothing = mock.patch.object(hm, "_get_instances_by_host", lambda ctxt, name: {})
    with nothing:
        if index % 3 == 0:
            hm.sync_instance_info(admin, "cn-1", [])
        elif index % 3 == 1:
            hm.delete_instance_info(admin, f"cn-{index}", stable_uuid("x"))
    if index in (2, 9):  # the cell database has no [database] connection
        due = dict.fromkeys(scheduler._periodic_last_run)
        scheduler._periodic_last_run = due
        scheduler.run_periodic_tasks(admin)


def record(folder):
    """Write the log and the numbers."""
    log_file = log_in_memory()
    objects.register_all()
    group = "filter_scheduler"
    CONF.set_override("weight_classes", WEIGHT_CLASSES, group=group)
    timeutils.set_time_override(START.replace(tzinfo=None))
    result = {"nova": version.version_string(), "requests": []}
    with mock.patch("oslo_utils.timeutils.now", lambda: 0.0):
        scheduler = SchedulerManager()
        for index, (name, hosts, count, ask) in enumerate(cases()):
            noise(scheduler, index)
            case = schedule(scheduler, name, hosts, count, ask)
            result["requests"].append(case)
    write(folder / "logs/nova-scheduler-34.log", "\n".join(log_file.text) + "\n")
    numbers = json.dumps(result, indent=1, sort_keys=True) + "\n"
    write(folder / "logs/nova-scheduler-34.json", numbers)
