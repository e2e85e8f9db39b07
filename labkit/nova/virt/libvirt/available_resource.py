"""What a hypervisor tells of itself, and what libvirt's driver makes of it (driver.py)."""

import json
from dataclasses import dataclass, field

from labkit.nova.exception import Invalid
from labkit.nova.objects.image_meta import ARCHITECTURES

GI = 1 << 30
_ARCH = dict.fromkeys(("i386", "i486", "i586", "x86_32", "x86_32p"), "i686") | {"amd64": "x86_64"}
_MODES = {"pv": "xen", "hv": "hvm", "baremetal": "hvm"}
#: What is missing of a disk while Nova looks at it; the guest then counts nothing.
_NO_DISK = ("ENOENT", "ESTALE", "EACCES", "DiskNotFound", "libvirtError")


@dataclass
class Guest:
    """A domain: memory in KiB, what its disks may still grow by in bytes each.

    ``vcpus`` None: libvirt cannot tell. ``over`` may be what goes wrong instead: "ENOENT".
    """

    uuid: str
    running: bool = True
    vcpus: int | None = 1
    memory_kb: int = 524288
    over: list | str = ()


@dataclass
class Hypervisor:
    """What libvirt, /proc/meminfo and the file system tell: bytes, KiB and MiB, unrounded.

    ``cpus``: 1 for each CPU that is online. ``memory_mb`` in MiB, ``avail_kb`` in KiB (free,
    buffers and cache), ``disk`` in bytes: total, free, used. ``capabilities``: of each kind of guest the
    architecture, the domain types, the mode.

    Source: nova/virt/libvirt/host.py, Nova 34.0.0.
    """

    hostname: str
    cpus: list = (1, 1, 1, 1)
    memory_mb: int = 16384
    avail_kb: int = 16384 * 1024
    disk: dict = field(default_factory=lambda: {"total": 100 * GI, "free": 100 * GI, "used": 0})
    type: str = "QEMU"
    version: int = 8000000
    uuid: str = ""
    host_ip: str | None = None
    uptime: str = ""
    guests: list = ()
    capabilities: list = (("x86_64", ("kvm",), "hvm"),)
    cpu: dict = field(default_factory=dict)


class LibvirtDriver:
    """Tells what a hypervisor has, in Nova's words and units.

    >>> from labkit import Options
    >>> driver = LibvirtDriver(Hypervisor("cn-1", memory_mb=8192), Options())
    >>> told = driver.get_available_resource("cn-1")
    >>> len(told), told["memory_mb"], told["local_gb"]
    (16, 8192, 100.0)

    Source: ``LibvirtDriver`` in nova/virt/libvirt/driver.py, Nova 34.0.0. Unlike Nova, it knows
    no NUMA cells, PCI devices, vGPUs and persistent memory.
    """

    def __init__(self, hypervisor, options):
        self.host, self.options = hypervisor, options

    def node_is_available(self, nodename) -> bool:
        """Return whether the node is this hypervisor."""
        return nodename == self.host.hostname

    def get_available_resource(self, nodename) -> dict:
        """Return 16 values: MiB of memory, GiB of disk (not rounded), CPUs.

        Raises Invalid when ``cpu_shared_set`` names a CPU that is not online.

        Source: the method of that name in nova/virt/libvirt/driver.py, Nova 34.0.0.
        """
        host, disk = self.host, self._get_local_gb_info()
        over = self._get_disk_over_committed_size_total
        return {
            "supported_instances": self._get_instance_capabilities(),
            "vcpus": len(self._get_vcpu_available()),
            "memory_mb": host.memory_mb,
            "local_gb": disk["total"],
            "vcpus_used": sum(1 if g.vcpus is None else g.vcpus for g in host.guests if g.running),
            "memory_mb_used": host.memory_mb - host.avail_kb // 1024,
            "local_gb_used": disk["used"],
            "hypervisor_type": host.type,
            "hypervisor_version": host.version,
            "hypervisor_hostname": host.hostname,
            "uuid": host.uuid,
            "cpu_info": self._get_cpu_info(),
            "disk_available_least": (disk["free"] * GI - over()) / GI,
            "pci_passthrough_devices": "[]",
            "numa_topology": None,
            "stats": {"uptime": host.uptime},
        }

    def update_provider_tree(self, inventory) -> dict:
        """Return what is reported to placement, from what is there already.

        In and out: ``{resource class: {total, reserved, min_unit, max_unit, step_size,
        allocation_ratio}}``; memory in MiB, disk in GiB. A class of which there is nothing is
        left out.

        Source: the method of that name in nova/virt/libvirt/driver.py, Nova 34.0.0.
        """
        options = self.options
        totals = {
            "DISK_GB": int(self._get_local_gb_info()["total"]),
            "MEMORY_MB": int(self.host.memory_mb),
            "VCPU": len(self._get_vcpu_available()),
            "PCPU": len(self._get_pcpu_available()),
        }
        ratios = self._get_allocation_ratios(inventory) | {"PCPU": 1}
        reserved = {
            "MEMORY_MB": options.reserved_host_memory_mb,
            "VCPU": options.reserved_host_cpus,
            "PCPU": 0,
            "DISK_GB": -(-options.reserved_host_disk_mb // 1024),
        }
        return {
            name: {
                "total": totals[name],
                "min_unit": 1,
                "max_unit": totals[name],
                "step_size": 1,
                "allocation_ratio": ratios[name],
                "reserved": reserved[name],
            }
            for name in reserved
            if totals[name]
        }

    def _get_allocation_ratios(self, inventory):
        """The option, else what placement has, else the option for the beginning.

        Source: the function of that name in nova/virt/driver.py, Nova 34.0.0.
        """
        found = {}
        for short, name in (("cpu", "VCPU"), ("ram", "MEMORY_MB"), ("disk", "DISK_GB")):
            option = getattr(self.options, f"{short}_allocation_ratio")
            initial = getattr(self.options, f"initial_{short}_allocation_ratio")
            there = inventory[name]["allocation_ratio"] if name in inventory else initial
            found[name] = option or there
        return found

    def _get_local_gb_info(self):
        return {key: value / GI for key, value in self.host.disk.items()}

    def _online(self):
        return {number for number, online in enumerate(self.host.cpus) if online}

    def _get_vcpu_available(self):
        options, online = self.options, self._online()
        if not options.cpu_shared_set:
            return set() if options.cpu_dedicated_set else online
        shared = parse_cpu_spec(options.cpu_shared_set)
        if not shared <= online:
            raise Invalid(
                "Invalid '[compute] cpu_shared_set' config: one or more of the configured CPUs "
                f"is not online. Online cpuset(s): {sorted(online)}, "
                f"configured cpuset(s): {sorted(shared)}"
            )
        return shared

    def _get_pcpu_available(self):
        if not self.options.cpu_dedicated_set:
            return set()
        dedicated, online = parse_cpu_spec(self.options.cpu_dedicated_set), self._online()
        if not dedicated <= online:
            raise Invalid(
                "Invalid '[compute] cpu_dedicated_set' config: one or more of the configured "
                f"CPUs is not available. Available cpuset(s): {sorted(online)}, "
                f"configured cpuset(s): {sorted(dedicated)}"
            )
        return dedicated

    def _get_disk_over_committed_size_total(self):
        found = 0
        for guest in self.host.guests:
            if isinstance(guest.over, str):
                if guest.over not in _NO_DISK:
                    raise OSError(guest.over)
            else:
                found += sum(guest.over)
        return found

    def _get_instance_capabilities(self):
        found = []
        for arch, kinds, mode in self.host.capabilities:
            arch, mode = arch.lower(), mode.lower()
            arch = _ARCH.get(arch, arch)
            if arch in ARCHITECTURES:
                found += [(arch, kind.lower(), _MODES.get(mode, mode)) for kind in kinds]
        return found

    def _get_cpu_info(self):
        cpu = self.host.cpu
        shape = {name: cpu.get(name, 1) for name in ("sockets", "cores", "threads")}
        return json.dumps(
            {
                "arch": cpu.get("arch"),
                "model": cpu.get("model"),
                "vendor": cpu.get("vendor"),
                "topology": {"cells": 1} | shape,
                "features": sorted(cpu.get("features", ())),
            }
        )


def parse_cpu_spec(spec) -> set:
    """Return the CPUs of a text: numbers, ranges, and with ^ those that are not meant.

    >>> parse_cpu_spec("0-3,^1")
    {0, 2, 3}

    Source: the function of that name in nova/virt/hardware.py, Nova 34.0.0.
    """
    wanted, unwanted = set(), set()
    for rule in spec.split(","):
        rule = rule.strip()
        target = unwanted if rule.startswith("^") else wanted
        first, _, last = rule.lstrip("^").partition("-")
        target.update(range(int(first), int(last or first) + 1))
    return wanted - unwanted
