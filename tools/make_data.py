"""Write the generated fleets of data/: mixed_30 and thousand_hosts; same bytes every time.

python tools/make_data.py
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from labkit import Fleet

DATA = Path(__file__).parents[1] / "data"


def write(folder, hosts):
    """Write hosts.csv of one fleet."""
    (DATA / folder).mkdir(exist_ok=True)
    hosts.to_csv(DATA / folder / "hosts.csv", index=False, lineterminator="\n")


def thousand_hosts():
    """A plain, large fleet: half full, three sizes of host."""
    write("thousand_hosts", Fleet.random(1000, seed=34).hosts)


def mixed_30():
    """A fleet with everything: zones, aggregates, servers, inventories, PCI devices, metrics."""
    rng = np.random.default_rng(30)
    hosts = Fleet.random(30, seed=30).hosts
    names = hosts.host.tolist()
    hosts["disabled"] = [name == "cn-07" for name in names]
    hosts["disabled_reason"] = ["maintenance" if name == "cn-07" else "" for name in names]
    hosts["heartbeat_age_s"] = [300 if name == "cn-11" else 5 for name in names]
    hosts["supported_instances"] = [
        "aarch64 kvm hvm" if number >= 27 else "x86_64 kvm hvm; i686 kvm hvm"
        for number in range(30)
    ]
    hosts["traits"] = ["CUSTOM_SSD" if number < 10 else "" for number in range(30)]
    hosts["metric:cpu.percent"] = rng.integers(5, 95, size=30)
    write("mixed_30", hosts)
    folder = DATA / "mixed_30"
    zones = {f"az-{k + 1}": names[k::3] for k in range(3)}
    aggregates = {
        zone: {"hosts": members, "metadata": {"availability_zone": zone}}
        for zone, members in zones.items()
    }
    aggregates["ssd"] = {"hosts": names[:10], "metadata": {"ssd": "true"}}
    aggregates["pack"] = {"hosts": names[20:], "metadata": {"ram_weight_multiplier": "-1.0"}}
    aggregates["acme"] = {"hosts": names[24:27], "metadata": {"filter_tenant_id": "acme"}}
    (folder / "aggregates.json").write_text(json.dumps(aggregates, indent=1) + "\n")
    servers = [
        (f"{kind}-{number}", str(rng.choice(names)), str(rng.choice(["ubuntu", "fedora"])), bus)
        for kind, bus in (("web", "virtio"), ("db", "scsi"))
        for number in range(1, 13)
    ]
    table = pd.DataFrame(servers, columns=["instance", "host", "os_distro", "hw_disk_bus"])
    table.to_csv(folder / "instances.csv", index=False, lineterminator="\n")
    records = []
    for row in hosts.itertuples():
        for resource_class, total, used, reserved, ratio in (
            ("VCPU", row.vcpus_total, row.vcpus_used, 0, 4.0),
            ("MEMORY_MB", row.total_usable_ram_mb, 0, 512, 1.0),
            ("DISK_GB", row.total_usable_disk_gb, 0, 0, 1.0),
        ):
            if resource_class == "MEMORY_MB":
                used = max(total - row.free_ram_mb - 512, 0)
            if resource_class == "DISK_GB":
                used = total - row.free_disk_mb // 1024
            records.append((row.host, resource_class, total, reserved, 1, total, 1, ratio, used))
    columns = "host resource_class total reserved min_unit max_unit step_size allocation_ratio used"
    table = pd.DataFrame(records, columns=columns.split())
    table.to_csv(folder / "inventories.csv", index=False, lineterminator="\n")
    pools = [
        (name, "8086", "1520", count)
        for name, count in zip(names[12:16], (2, 4, 4, 8), strict=True)
    ]
    table = pd.DataFrame(pools, columns=["host", "vendor_id", "product_id", "count"])
    table.to_csv(folder / "pci_pools.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    thousand_hosts()
    mixed_30()
