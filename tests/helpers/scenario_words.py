"""What scenarios are made of: extra specs, metadata, queries. One per line, as ``key = value``."""


def _pairs(text):
    parts = [line.partition(" =") for line in text.strip().splitlines()]
    return [(key, value.strip()) for key, _, value in parts]


#: For ComputeCapabilitiesFilter.
CAPABILITIES = _pairs("""
capabilities:hypervisor_type = s== QEMU
capabilities:hypervisor_type = s!= QEMU
capabilities:cpu_info:topology:cores = >= 4
capabilities:cpu_info:topology:cores = = 4
capabilities:cpu_info:topology:cores = == 4
capabilities:cpu_info:topology:cores = != 4
capabilities:cpu_info:topology:cores = <= 4
capabilities:cpu_info:topology:cores = > 4
capabilities:cpu_info:arch = <or> aarch64 <or> x86_64
capabilities:cpu_info:arch:deeper = x
capabilities:gpu = yes
capabilities:gpu = <in> e
capabilities:gpu = <all-in> y e s
capabilities:tier = == 1
capabilities:tier = s> 1
capabilities:tier = s>= 1
capabilities:tier = s< 2
capabilities:tier = s<= 2
capabilities:tier = >=
capabilities:tier =
capabilities:vcpus_total = <in> 6
capabilities:supported_instances = <in> kvm
capabilities:cpu_allocation_ratio = 4.0
capabilities:free_disk_mb = >= 100000
capabilities:service:disabled = False
capabilities:stats:gpu = yes
capabilities:nothing = x
capabilities:host = <or> cn-1 <or> cn-2 <or> cn-4
capabilities:hypervisor_type = >= 1
hypervisor_version = >= 7000000
free_ram_mb = >= 16384
host_ip = s>= 192.0.2
num_instances = <= 5
hw:cpu_policy = shared
unknown_key = x
gpu = yes
disabled = True
traits = x
numa_topology = x
updated = x
""")
#: For AggregateInstanceExtraSpecsFilter.
AGGREGATE_SPECS = _pairs("""
ssd = true
aggregate_instance_extra_specs:ssd = true
aggregate_instance_extra_specs:ssd = <or> true <or> false
aggregate_instance_extra_specs:gpu = >= 2
aggregate_instance_extra_specs:gpu = <in> 4
aggregate_instance_extra_specs:owner = s== project
other_scope:ssd = true
aggregate_instance_extra_specs:a:b = x
""")
#: For placement.
PLACEMENT_SPECS = _pairs("""
trait:CUSTOM_FAST = required
trait:CUSTOM_OLD = forbidden
trait:CUSTOM_OLD = perhaps
resources:CUSTOM_LICENCE = 1
resources:CUSTOM_LICENCE = 3
resources:VCPU = 2
resources:VCPU = 0
resources:MEMORY_MB = 512
resources:DISK_GB = 0
resources:DISK_GB = some
resources:DISK_GB = -1
resources:NOTHING = 1
resources:VGPU = 1
""")
#: Metadata of aggregates that filters read.
FILTER_METADATA = {
    "filter_tenant_id": ["project", "other, third", "other, project", "a,b"],
    "filter_tenant_id_2": ["project", "third"],
    "owner": ["project", "other"],
    "instance_type": ["m1.small", "m1.large", "m1.tiny, m1.large", ""],
    "max_io_ops_per_host": ["1", "3", "6", "bad", "2.5"],
    "max_instances_per_host": ["1", "3", "6", "bad"],
    "os_distro": ["ubuntu", "fedora", "ubuntu, fedora"],
    "hw_machine_type": ["q35", "pc,q35"],
    "hw_boot_menu": ["True", "true", "False"],
    "hw_cpu_cores": ["2", "2,4"],
    "ssd": ["true", "false", "true,false"],
    "gpu": ["2", "4", "40"],
}
#: Attributes for JsonFilter, with values to compare them with.
QUERY = [
    ("free_ram_mb", [0, 4096, 8192, 16384, 32768]),
    ("free_disk_mb", [51200, 102400]),
    ("vcpus_used", [0, 2, 4, 8]),
    ("num_instances", [0, 1, 2, 5]),
    ("num_io_ops", [0, 1, 2]),
    ("host", ["cn-1", "cn-2", "cn-3", ""]),
    ("hypervisor_version", [0, 7002000, 8002000]),
    ("stats.gpu", ["yes", "no"]),
    ("service.disabled", [True, False]),
    ("nothing", [1, 2]),
    ("cpu_allocation_ratio", [1.5, 4.0]),
    ("nodename", ["elsewhere", 5]),
]
#: Image properties; the last one is unknown to Nova.
PROPERTIES = {
    "hw_architecture": ["x86_64", "x86_64", "aarch64", "i686", "AMD64"],
    "img_hv_type": ["kvm", "kvm", "kvm", "qemu", "xen"],
    "hw_vm_mode": ["hvm", "hvm", "hvm", "xen"],
    "hw_machine_type": ["q35", "pc"],
    "hw_disk_bus": ["virtio", "scsi"],
    "os_distro": ["ubuntu", "fedora"],
    "hw_cpu_cores": ["2", "4"],
    "hw_boot_menu": ["true", "False"],
    "img_hv_requested_version": [">=7.0", "<8", "==8.2", "!=8.2.0", ">=6.0,<8.2.1"],
    "colour": ["red"],
}
