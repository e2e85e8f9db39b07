"""Record what older releases of Nova do: data/nova-15, data/nova-21 and data/nova-24.

    python -m tools.record older

pip fetches the wheels. 15.1.5 is the oldest release that can still be had as a package. Of each wheel run
only the pieces named below; around them is the installed Nova, between the stand-ins of
tools/oracle/libvirt.py. What they call under names of their own release is mapped to today's.

* hosts15: which hosts and claims Nova 15.1.5 takes. Its own are RamFilter, DiskFilter and CoreFilter,
  claims.py, and the functions that write and read the allocation ratios.
* snapshots15: how it makes a snapshot. Its own are ``LibvirtDriver.snapshot`` with what it calls in driver.py,
  utils.py and images.py of nova/virt, and the backends' snapshots. qemu-img answers in JSON, ``chown`` is
  noted as today's is, there are no PCI devices.
* weights21: how weights.py of 21.0.0, which is that of 13.0.0, remembers its extremes (mended in 22.0.0).
* live24: when ``_live_snapshot`` of 24.0.0 freezes its guest.
"""

import abc
import itertools
import json
import random
import tempfile
import uuid
from types import SimpleNamespace
from unittest import mock

from oslo_utils import imageutils

from tools.oracle import libvirt
from tools.oracle.installed import exception
from tools.record import write
from tools.record.archives import Wheel, fetched

AGENT = (
    {},
    {"hw_qemu_guest_agent": True},
    {"os_require_quiesce": True},
    {"hw_qemu_guest_agent": True, "os_require_quiesce": True},
)
LOG = mock.Mock()


def record(folder):
    """Write the four recordings."""
    with tempfile.TemporaryDirectory() as wheels:
        nova15, nova21, nova24 = (
            Wheel(fetched(release, wheels)) for release in ("15.1.5", "21.0.0", "24.0.0")
        )
        text = json.dumps({"nova": "15.1.5", "cases": hosts15(nova15)}, indent=1, sort_keys=True)
        write(folder / "nova-15/hosts.json.gz", text + "\n")
        write(folder / "nova-15/snapshot.json.gz", by_line("15.1.5", snapshots15(nova15)))
        text = json.dumps({"nova": "21.0.0", "processes": weights21(nova21)})
        write(folder / "nova-21/weights.json", text.replace('{"minval"', '\n{"minval"') + "\n")
        write(folder / "nova-24/live_snapshot.json", by_line("24.0.0", live24(nova24)))


def by_line(release, cases):
    """The content of a file with a case in each line."""
    lines = ",\n".join(json.dumps(case, sort_keys=True) for case in cases)
    return f'{{"nova": "{release}", "cases": [\n{lines}\n]}}\n'


RATIOS = ("cpu_allocation_ratio", "ram_allocation_ratio", "disk_allocation_ratio")
SAME = dict.fromkeys(("_", "_LI", "_LW", "_LE"), str) | {"LOG": LOG}


class Row(dict):
    """A ComputeNode and its row; what is not said is None."""

    fields = RATIOS

    def __missing__(self, key):
        return None

    def __setattr__(self, key, value):
        self[key] = value

    __getattr__ = dict.__getitem__

    def _host_from_db_object(self, compute, row):
        pass

    def obj_reset_changes(self):
        pass


class Nova15:
    """One host: its ratios, its filters, its claims."""

    def __init__(self, wheel):
        names = SAME | {"filters": SimpleNamespace(BaseHostFilter=object)}
        self.filters = [
            getattr(wheel.run(f"scheduler/filters/{kind.lower()}_filter.py", None, names), cls)()
            for kind, cls in (("ram", "RamFilter"), ("disk", "DiskFilter"), ("core", "CoreFilter"))
        ]
        self.claim = wheel.run("compute/claims.py", None, SAME | {"exception": exception}).Claim
        path, name = "compute/resource_tracker.py", "_copy_resources"
        self.copy = wheel.run(path, [name], SAME, "ResourceTracker")._copy_resources
        self.read = lambda conf: (
            wheel.run(
                "objects/compute_node.py",
                ["_from_db_object"],
                SAME | {"CONF": conf},
                "ComputeNode",
            )._from_db_object
        )

    def ratios(self, compute, scheduler):
        """Each ratio after a report of a nova-compute, as a scheduler reads it."""
        stats = SimpleNamespace(clear=lambda: None, digest_stats=lambda stats: None)
        tracker = SimpleNamespace(stats={"cn-1": stats}, **compute)
        row = Row()
        node = SimpleNamespace(update_from_virt_driver=lambda resources: None)
        self.copy(tracker, node, {"hypervisor_hostname": "cn-1"})
        row.update({name: getattr(node, name) for name in RATIOS})
        made = self.read(SimpleNamespace(**scheduler))(None, Row(), row)
        return {name: made[name] for name in RATIOS}

    def host(self, numbers, flavor):
        """Which filters a host passes, the limits they give, and what a claim says under them."""
        state = SimpleNamespace(**numbers, limits={})
        spec = SimpleNamespace(**flavor)
        passed = [each.host_passes(state, spec) for each in self.filters]
        return {"passed": passed, "limits": state.limits}

    def claims(self, node, flavor, limits):
        """The words of a claim's refusal; None when it is taken."""
        instance = SimpleNamespace(flavor=SimpleNamespace(**flavor), numa_topology=None)
        instance.obj_clone = lambda: instance
        no_pci = SimpleNamespace(requests=[])
        try:
            self.claim(None, instance, "cn-1", None, Row(node), no_pci, limits=limits)
        except exception.ComputeResourcesUnavailable as error:
            return str(error)
        return None


def hosts15(wheel):
    """300 hosts and claims."""
    nova, rng = Nova15(wheel), random.Random(15)
    return [_host15(nova, rng) for _ in range(300)]


def _host15(nova, rng):
    """One case: options, a host, a flavor, and what came of them."""
    drawn = lambda: {name: rng.choice([0.0, 0.0, 0.5, 1.0, 2.0]) for name in RATIOS}  # noqa: E731
    compute, scheduler = drawn(), drawn()
    ratios = nova.ratios(compute, scheduler)
    ram, disk, vcpus = (rng.choice(sizes) for sizes in ([1024, 4096], [10, 40], [0, 1, 4]))
    used_mb, used_gb = rng.randrange(0, ram, 256), rng.randrange(disk)
    numbers = {
        "total_usable_ram_mb": ram,
        "free_ram_mb": ram - used_mb,
        "total_usable_disk_gb": disk,
        "free_disk_mb": (disk - used_gb) * 1024,
        "vcpus_total": vcpus,
        "vcpus_used": rng.randrange(6),
    }
    flavor = {
        "memory_mb": rng.choice([256, 512, 1024, 2048]),
        "vcpus": rng.choice([1, 2, 4]),
        "root_gb": rng.choice([0, 1, 10]),
        "ephemeral_gb": rng.choice([0, 5]),
        "swap": rng.choice([0, 512]),
    }
    found = nova.host(numbers | ratios, flavor)
    node = {"memory_mb": ram, "memory_mb_used": used_mb + rng.choice([0, 256, 1024])}
    node |= {"local_gb": disk, "local_gb_used": used_gb, "vcpus": vcpus}
    node["vcpus_used"] = numbers["vcpus_used"] + rng.choice([0, 2])
    case = {"compute": compute, "scheduler": scheduler, "ratios": ratios, "host": numbers}
    case |= {"flavor": flavor, **found, "node": node}
    return case | {"claim": nova.claims(node, flavor, found["limits"])}


DRIVER = """snapshot _live_snapshot _create_snapshot_metadata _can_quiesce _set_quiesced
_prepare_domain_for_snapshot _snapshot_domain _create_domain suspend""".split()
UTILS = """execute create_cow_image get_disk_size get_disk_backing_file extract_snapshot file_open
find_disk get_disk_type_from_path""".split()
IMAGES = "qemu_img_info convert_image _convert_image".split()
BACKENDS = "Flat Qcow2 Lvm Rbd".split()
OF_A_BACKEND = "snapshot_extract direct_snapshot cleanup_direct_snapshot".split()
FAILING = (
    "convert",
    "killed",
    "upload",
    "image gone",
    "image gone meanwhile",
    "direct_snapshot",
    "parent_info",
    "lvs",
    "lvs finds nothing",
    "guest gone",
    "guest gone at save_memory_state",
    "guest gone at rebase",
    "guest gone after convert",
    "freeze_filesystems",
    "launch",
    "abort_job unsupported",
)


class Snapshots15:
    """The functions of one wheel, each among the names that it is given."""

    def __init__(self, wheel, execute):
        today = vars(libvirt.driver)
        run = SimpleNamespace(
            execute=execute, is_neutron=lambda: True, tempdir=today["utils"].tempdir
        )
        shared = today | SAME | {"LOG": today["LOG"], "exception": exception, "utils": run}
        shared |= {"MIN_LIBVIRT_FSFREEZE_VERSION": (1, 2, 5)}
        answers = SimpleNamespace(QemuImgInfo=lambda out: imageutils.QemuImgInfo(out, "json"))
        of_images = {"imageutils": answers, "QEMU_IMG_LIMITS": None}
        images = wheel.run("virt/images.py", IMAGES, shared | of_images)
        of_utils = {"images": images, "etree": today["etree"], "obj_fields": today["fields"]}
        utils = wheel.run("virt/libvirt/utils.py", UTILS, shared | of_utils)
        utils.chown = lambda path, owner: libvirt.driver.nova.privsep.path.chown(path, uid=owner)
        shared["libvirt_utils"] = utils
        of_driver = {"pci_manager": mock.Mock(), "uuid": uuid}
        of_backends = shared | {"images": images}
        path = "virt/libvirt/driver.py"
        self.driver = wheel.run(path, DRIVER, shared | of_driver, "LibvirtDriver")
        self.backends = {
            name: wheel.run("virt/libvirt/imagebackend.py", OF_A_BACKEND, of_backends, name)
            for name in BACKENDS
        }

    def patches(self):
        """Yield what puts the release's functions into the installed Nova."""
        driver, backends = libvirt.driver.LibvirtDriver, libvirt.imagebackend
        nothing = {
            name: lambda *args, **more: None
            for name in (
                "_detach_pci_devices",
                "_attach_pci_devices",
                "_detach_direct_passthrough_ports",
                "_attach_direct_passthrough_ports",
                "_has_uefi_support",
            )
        }
        for name, function in (vars(self.driver) | nothing).items():
            yield mock.patch.object(driver, name, function, create=True)
        for cls, found in self.backends.items():
            for name, function in vars(found).items():
                yield mock.patch.object(getattr(backends, cls), name, function)
        pool = property(lambda rbd: rbd.driver.pool)
        yield mock.patch.object(backends.Rbd, "pool", pool, create=True)


def _cases15():
    """Yield each snapshot: a disk, a power state, options, an agent or none, what goes wrong."""
    options = itertools.product((None, "qcow2"), (False, True), (False, True))
    well = [(*each, agent, None) for each in options for agent in AGENT]
    wrong = [
        ("qcow2", True, disable, agent, failing)
        for failing in FAILING
        for disable in (False, True)
        for agent in (AGENT[0], AGENT[-1])
    ]
    disks = [
        *itertools.product(("flat", "qcow2", "lvm", "isolate"), ("default",)),
        ("rbd", "rbd"),
        ("rbd", "default"),
    ]
    states = ("running", "paused", "shutdown")
    for (backend, images_type), state, case in itertools.product(disks, states, well + wrong):
        image_format, compress, disable, agent, failing = case
        yield {
            "backend": backend,
            "power_state": state,
            "options": {
                "images_type": images_type,
                "snapshot_image_format": image_format,
                "snapshot_compression": compress,
                "disable_libvirt_livesnapshot": disable,
            },
            "properties": agent,
            "failing": failing,
        }


def snapshots15(wheel):
    """1,728 snapshots."""
    found = []
    with tempfile.TemporaryDirectory() as folder, libvirt.Oracle(folder) as oracle:
        for patch in Snapshots15(wheel, oracle.run).patches():
            oracle.also(patch)
        for case in _cases15():
            usual = {"direct_io": True, "polls": 2, "fixes": ""}
            result = oracle.snapshot(SimpleNamespace(**usual, **case))
            if (result["raised"] or [None])[0] in ("NameError", "AttributeError", "TypeError"):
                raise SystemExit(f"the release and its surroundings do not fit: {case} {result}")
            found.append(case | result)
    return found


def weights21(wheel):
    """200 processes, each with one weigher and a few requests."""
    names = SAME | {"abc": abc, "loadables": SimpleNamespace(BaseLoader=object)}
    weights, rng = wheel.run("weights.py", None, names), random.Random(21)
    return [_process21(weights, rng) for _ in range(200)]


def _process21(weights, rng):
    """One process: a weigher with or without minval, and a few requests."""
    minval = rng.choice([None, 0])

    class Weigher(weights.BaseWeigher):
        def _weigh_object(self, obj, weight_properties):
            return obj

    Weigher.minval = minval
    weigher, handler, requests = Weigher(), weights.BaseWeightHandler(), []
    for _ in range(rng.randrange(2, 6)):
        raw = [rng.choice([-3, 0, 1, 2, 5, 10, 4096]) for _ in range(rng.randrange(1, 6))]
        weighed = handler.get_weighed_objects([weigher], raw, None)
        requests.append({"raw": raw, "sorted": [[w.obj, w.weight] for w in weighed]})
    return {"minval": minval, "requests": requests}


FAILING_LIVE = (None, "convert", "upload", "freeze_filesystems", "guest gone at rebase", "guest gone after convert")  # fmt: skip
#: What is kept of the events: what was done to the guest, and what the log says of it.
KEPT = ("guest", "log", "task_state", "files")


def live24(wheel):
    """Snapshots of running guests with files for disks."""
    change, cls, found = mock.patch.object, libvirt.driver.LibvirtDriver, []
    agents = AGENT[0], AGENT[1], AGENT[3], AGENT[2]
    with tempfile.TemporaryDirectory() as folder, libvirt.Oracle(folder) as oracle:
        names = dict(vars(libvirt.driver))  # with the log of the oracle
        today = names["libvirt_utils"]
        names["libvirt_utils"] = SimpleNamespace(
            get_disk_size=today.get_disk_size,
            get_disk_backing_file=today.get_disk_backing_file,
            create_cow_image=lambda backing, path, size: today.create_image(
                path, "qcow2", size, backing_file=backing
            ),
            extract_snapshot=today.extract_snapshot,
        )
        made = wheel.run("virt/libvirt/driver.py", ["_live_snapshot"], names, "LibvirtDriver")
        oracle.also(change(cls, "_live_snapshot", made._live_snapshot))
        oracle.also(change(cls, "_check_uefi_support", lambda *args: False, create=True))
        for backend, agent, failing in itertools.product(("flat", "qcow2"), agents, FAILING_LIVE):
            case = {"backend": backend, "properties": agent, "failing": failing}
            usual = {"power_state": "running", "options": {}, "direct_io": True, "polls": 2}
            result = oracle.snapshot(SimpleNamespace(**usual, **case, fixes=""))
            result["events"] = [event for event in result["events"] if event[0] in KEPT]
            found.append(case | result)
    return found
