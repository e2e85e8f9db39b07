"""What is asked of the scheduler in data/logs/nova-scheduler-34.log; for tools/record_log.py."""

from tools.log_nova import objects, stable_uuid


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
