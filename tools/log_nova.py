"""The installed Nova's SchedulerManager, and what stands in for its neighbours (record_log.py).

Hosts come sorted by name, where Nova has the order of a set.
"""

import contextlib
import datetime
import json
import os
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
from nova import objects  # noqa: E402
from nova.scheduler import filters as nova_filters  # noqa: E402
from nova.scheduler import host_manager, manager  # noqa: E402
from nova.scheduler import weights as host_weights  # noqa: E402

START = datetime.datetime(2026, 3, 2, 9, 0, 0, tzinfo=datetime.UTC)
CELL = "00000000-0000-4000-8000-00000000000a"
AGGREGATE = {"packed": {"ram_weight_multiplier": "-1.0"}}


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
