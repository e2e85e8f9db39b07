"""One seeded generator of (Fleet, RequestSpec, Options), used wherever labkit meets Nova.

``scenario(number)`` gives plain JSON data in labkit's own column names, ``build(scenario)``
makes the objects of it. The same number gives the same scenario on every machine. NaN and
infinities are written as text, so that the data is strict JSON.
"""

import json
import random

from labkit import (
    Aggregate,
    Flavor,
    Fleet,
    ImageMeta,
    InstanceGroup,
    Options,
    RequestSpec,
)
from labkit.nova.conf import multiplier_names
from labkit.nova.objects import Destination
from labkit.nova.scheduler.filters import all_filters
from labkit.nova.scheduler.host_manager import NUMBERS
from labkit.nova.scheduler.weights import all_weighers
from tests.helpers import scenario_words as words

FILTERS = [cls.__name__ for cls in all_filters()]
SEED = 34
KINDS = (
    "plain", "multipliers", "aggregates", "soft groups", "groups", "image properties", "metrics",
    "cells", "ties", "random picks", "several servers", "odd numbers", "services", "capabilities",
    "aggregate filters", "hints", "query", "isolation", "hosts", "placement", "pci", "rebuild",
    "everything", "small", "soft groups", "cells", "metrics", "full hosts",
    "image properties", "hints", "isolation", "aggregate filters", "odd numbers", "groups",
    "soft groups", "aggregate filters", "full hosts", "ties", "image properties",
)  # fmt: skip
_OF_KIND = {
    "services": ["ComputeFilter"],
    "groups": ["ServerGroupAntiAffinityFilter", "ServerGroupAffinityFilter"],
    "hints": ["DifferentHostFilter", "SameHostFilter", "SimpleCIDRAffinityFilter"],
    "query": ["JsonFilter"],
    "isolation": ["IsolatedHostsFilter", "AggregateImagePropertiesIsolation"],
    "aggregate filters": [name for name in FILTERS if name.startswith("Aggregate")],
    "capabilities": ["ComputeCapabilitiesFilter"],
    "pci": ["PciPassthroughFilter"],
    "image properties": ["ImagePropertiesFilter", "AllHostsFilter", "AllHostsFilter"],
    "metrics": ["MetricsFilter", "AllHostsFilter", "AllHostsFilter"],
    "several servers": ["NumInstancesFilter", "NumInstancesFilter", "AggregateNumInstancesFilter"],
}
AGGREGATE_KEYS = [
    *(name for name in multiplier_names() if name != "weight_multiplier"),
    "metrics_weight_multiplier",
]
VMS = [f"vm-{k}" for k in range(1, 13)]
#: What has only one order of addition: sums of these are exact.
_RATIOS = ["2", "0.5", "-1", "0.25", "0"]


_BOTH_HINTS = ["same_host", "different_host"]
_WITH_AGGREGATES = {
    "aggregates", "aggregate filters", "isolation", "soft groups", "cells", "metrics", "pci",
    "image properties", "everything",
}  # fmt: skip
_TRAITS = ["CUSTOM_FAST", "CUSTOM_OLD", "HW_CPU_X86_AVX"]
_SCHEDULER_SWITCHES = [
    "limit_tenants_to_placement_aggregate",
    "placement_aggregate_required_for_tenants",
    "enable_isolated_aggregate_filtering",
    "query_placement_for_image_type_support",
]


def build(data):
    """Return (Fleet, RequestSpec, Options, seed) of a scenario."""
    aggregates = [Aggregate(**one) for one in data["aggregates"]]
    rows = []
    for row in data["hosts"]:
        numbers = {k: None if v is None else float(v) for k, v in row.items() if k in NUMBERS}
        rows.append({**row, **numbers})
    fleet = Fleet(rows, aggregates, data["instances"], data["inventories"], data["pci_pools"])
    request = dict(data["request"])
    request["flavor"] = Flavor(**request["flavor"])
    for name, cls in (
        ("image", ImageMeta),
        ("instance_group", InstanceGroup),
        ("requested_destination", Destination),
    ):
        if request.get(name) is not None:
            request[name] = cls(**request[name])
    options = {k: float(v) if v in ("inf", "-inf") else v for k, v in data["options"].items()}
    return fleet, RequestSpec(**request), Options(**options), data["seed"]


def scenario(number, seed=SEED, kind=None):
    """Return the number-th scenario; the kinds take turns."""
    rng = random.Random(f"{seed}/{number}")
    kind = kind or KINDS[number % len(KINDS)]
    return _Maker(rng, kind).scenario()


class _Maker:
    """Draws one scenario; *on(kinds)* tells whether a feature is wanted."""

    def __init__(self, rng, kind):
        self.rng, self.kind = rng, kind

    def on(self, *kinds, chance=0.08):
        likely = max(chance, 0.25) if self.kind == "everything" else chance
        return self.kind in kinds or self.rng.random() < likely

    def some(self, values, chance):
        return [value for value in values if self.rng.random() < chance]

    def scenario(self):
        rng = self.rng
        size = rng.choice([0, 1, 1, 1, 2]) if self.kind == "small" else rng.randint(2, 8)
        self.names = [f"cn-{k}" for k in range(1, size + 1)]
        hosts = [self.host(name) for name in self.names]
        if self.on("ties"):
            self.tie(hosts)
        self.hosts, self.odd = hosts, False
        instances = self.instances()
        aggregates = self.aggregates()
        request = self.request(instances)
        options = self.options()
        self.numbers()
        data = {
            "kind": self.kind,
            "hosts": hosts,
            "aggregates": aggregates,
            "instances": instances,
            "inventories": self.inventories(),
            "pci_pools": self.pci_pools(request),
            "request": request,
            "options": options,
            "seed": rng.randrange(1000),
        }
        return json.loads(json.dumps(data, allow_nan=False))

    # -- the fleet ----------------------------------------------------------------------
    def host(self, name):
        rng = self.rng
        ram = rng.choice([8192, 16384, 32768, 65536])
        disk, vcpus = rng.choice([100, 250, 500]), rng.choice([4, 8, 16, 32])
        free_gb = rng.randint(disk // 4, disk)
        host = {
            "host": name,
            "total_usable_ram_mb": ram,
            "free_ram_mb": rng.randrange(ram // 4, ram + 1, 256),
            "total_usable_disk_gb": disk,
            "free_disk_mb": free_gb * 1024,
            "disk_mb_used": (disk - free_gb) * 1024,
            "vcpus_total": vcpus,
            "vcpus_used": rng.randint(0, vcpus),
            "cpu_allocation_ratio": rng.choice([1.5, 2.0, 4.0, 4.0, 16.0]),
            "num_instances": rng.choice([0, 1, 2, 5, 7, 12]),
            "num_io_ops": rng.choice([0, 0, 1, 2, 5, 7, 9]),
            "failed_builds": rng.choice([0, 0, 0, 1, 3]),
            "hypervisor_version": rng.choice([None, 0, 6000000, 7002000, 8002000, 8002001]),
            "cell_uuid": rng.choice(["cell1", "cell2"]) if self.on("cells") else "cell1",
        }
        if self.on("hosts", "hints"):
            host["host_ip"] = f"192.0.{rng.randint(1, 2)}.{rng.randint(1, 250)}"
        if self.on("hosts"):
            host["nodename"] = f"{name}.example"
        if self.on("image properties"):
            host["supported_instances"] = rng.choice(
                [
                    [["x86_64", "kvm", "hvm"]],
                    [["x86_64", "kvm", "hvm"], ["x86_64", "qemu", "hvm"]],
                    [["aarch64", "kvm", "hvm"]],
                    [["x86_64", "kvm", "hvm"], ["i686", "qemu", "hvm"]],
                    [["x86_64", "xen", "xen"]],
                    [["AMD64", "KVM", "HVM"], ["i386", "qemu", "hv"]],
                    [],
                ]
            )
        if self.on("capabilities"):
            host["cpu_info"] = json.dumps(
                {"arch": "x86_64", "topology": {"cores": rng.choice([2, 4, 8])}}
            )
            host["stats"] = {"gpu": rng.choice(["yes", "no"]), "tier": rng.choice(["1", "2.5"])}
            host["hypervisor_type"] = rng.choice(["QEMU", "xen"])
        if self.on("services", chance=0.05):
            host["heartbeat_age_s"] = rng.choice([0, 5, 59.5, 60, 60.5, 61, 600, -59, -61])
            host["forced_down"] = rng.random() < 0.2
            host["disabled"] = rng.random() < 0.2
            host["disabled_reason"] = "maintenance"
        if self.on("placement"):
            traits = ["CUSTOM_FAST", "CUSTOM_OLD", "HW_CPU_X86_AVX", "COMPUTE_IMAGE_TYPE_QCOW2"]
            host["traits"] = self.some(traits, 0.5)
        if self.on("metrics"):
            host["metrics"] = {
                metric: rng.choice([0, 10, 20, 35, 3000])
                for metric in self.some(["cpu.percent", "cpu.frequency", "cpu.user.time"], 0.8)
            }
        return host

    def tie(self, hosts):
        """Make all hosts, or two groups of them, the same but for the name."""
        models = [dict(host) for host in hosts[: self.rng.choice([1, 1, 2])]]
        for host in hosts:
            model = self.rng.choice(models)
            own = {key: host[key] for key in ("host", "nodename") if key in host}
            host.clear()
            host.update({k: v for k, v in model.items() if k != "nodename"} | own)

    def numbers(self):
        """Put in what no healthy host reports: negative, missing, infinite numbers."""
        rng = self.rng
        if not self.on("odd numbers", chance=0.03):
            return
        self.odd = True
        odd = ["nan", "inf", "-inf", -4096, 0.5]
        few = rng.choice([[-4096, -512], [-4096, 0.5, 2.0**50], odd])
        columns = ["free_ram_mb", "free_disk_mb", "vcpus_used", "num_io_ops"]
        for host in self.hosts:
            for name in self.some([*columns, "num_instances", "failed_builds"], 0.3):
                host[name] = rng.choice(few)

    def instances(self):
        rng, found = self.rng, {}
        if not self.names or not self.on(
            "soft groups", "groups", "image properties", "hints", "everything", chance=0.3
        ):
            return found
        for vm in self.some(VMS, 0.7):
            found.setdefault(rng.choice(self.names), {})[vm] = self.properties(0.6)
        return found

    def properties(self, chance=0.4):
        rng = self.rng
        if not self.on("image properties", "isolation", chance=0.15):
            chance /= 4
        found = {key: rng.choice(values) for key, values in words.PROPERTIES.items()}
        if "AMD64" in found.values() and rng.random() < 0.5:
            found["architecture"] = found.pop("hw_architecture")  # the older name
        return {key: value for key, value in found.items() if rng.random() < chance}

    def aggregates(self):
        rng, found = self.rng, []
        wanted = self.kind in _WITH_AGGREGATES or self.on(chance=0.2)
        count = rng.randint(1, 4) if wanted else 0
        for number in range(count):
            metadata = {}
            if self.on("aggregates", chance=0.6):
                values = ["-1.0", "0", "2.5", "100", "3", " 1e3 ", "1_000", "-7"]
                odd = ["x", "", *(["nan", "inf"] if count == 1 else [])]
                for key in self.some(AGGREGATE_KEYS, 0.6):
                    metadata[key] = rng.choice(odd if rng.random() < 0.06 else values)
                if rng.random() < 0.1:
                    metadata["weight_multiplier"] = "50"  # a key that nobody reads
            if self.on("aggregate filters", chance=0.15):
                metadata |= {
                    key: rng.choice(values)
                    for key, values in words.FILTER_METADATA.items()
                    if rng.random() < 0.5
                }
            if self.kind == "isolation" and rng.random() < 0.8:
                metadata["os_distro"] = rng.choice(["q35", "ubuntu"])
            if self.on("placement", "isolation"):
                metadata["availability_zone"] = rng.choice(["north", "south"])
                if rng.random() < 0.4:
                    metadata[f"trait:{rng.choice(_TRAITS)}"] = rng.choice(["required", "no"])
            hosts = self.some(self.names, rng.choice([0.3, 0.6, 1.0]))
            found.append({"name": f"aggregate-{number}", "hosts": hosts, "metadata": metadata})
        return found

    def inventories(self):
        rng = self.rng
        full = self.kind == "full hosts"
        if not self.odd and not full and not self.on("placement", chance=0.15):
            return []
        records = []
        for host in self.hosts:
            for name, total in (
                ("VCPU", host["vcpus_total"]),
                ("MEMORY_MB", host["total_usable_ram_mb"]),
                ("DISK_GB", host["total_usable_disk_gb"]),
                ("CUSTOM_LICENCE", 4),
            ):
                if rng.random() < 0.05 or (name == "CUSTOM_LICENCE" and rng.random() < 0.7):
                    continue
                record = {"host": host["host"], "resource_class": name, "total": total}
                record["used"] = rng.randint(0, total // rng.choice([2, 4]))
                if full and name == "VCPU":
                    record["used"] = total - rng.choice([1, 2, 4])
                if self.on("placement", chance=0.1):
                    record["reserved"] = rng.choice([0, 0, 1, total // 4])
                    record["allocation_ratio"] = rng.choice([1.0, 1.5, 4.0, 0.7])
                    record["max_unit"] = rng.choice([total, total, max(1, total // 2), 2])
                    record["min_unit"] = rng.choice([1, 1, 1, 2])
                    record["step_size"] = rng.choice([1, 1, 1, 2])
                records.append(record)
        return records

    def pci_pools(self, request):
        rng = self.rng
        if not request.get("pci_requests") and not self.on("pci", chance=0.25):
            return []
        return [
            {"host": name, "count": rng.choice([0, 1, 2, 4, 60]), "product_id": str(number)}
            for name in self.names
            for number in range(rng.choice([0, 1, 1, 2, 3]))
        ]

    # -- the request --------------------------------------------------------------------
    def request(self, instances):
        rng = self.rng
        request = {"flavor": self.flavor(), "image": self.image()}
        if self.on("several servers", "full hosts", "random picks", chance=0.1):
            request["num_instances"] = rng.randint(2, 6)
        if self.on("placement", chance=0.05):
            request["availability_zone"] = rng.choice(["north", "south", "nowhere"])
        if self.on("aggregate filters", "placement", chance=0.2):
            request["project_id"] = rng.choice(["project", "other"])
        if self.on("soft groups", chance=0.06):
            request["instance_group"] = self.group(["soft-affinity", "soft-anti-affinity"], [])
        elif self.on("groups", chance=0.06):
            on = sorted(instances)
            request["instance_group"] = self.group(["affinity", "anti-affinity"], on)
            if rng.random() < 0.2:
                request["instance_uuid"] = rng.choice(VMS)
        if self.on("pci", chance=0.04):
            request["pci_requests"] = rng.choice([1, 1, 2, 3])
        if rng.random() < 0.1:
            request["is_bfv"] = True
        self.which_hosts(request)
        request["scheduler_hints"] = self.hints(instances)
        return request

    def flavor(self):
        rng = self.rng
        flavor = {
            "vcpus": rng.choice([1, 1, 1, 2]),
            "memory_mb": rng.choice([512, 1024, 2048, 4096]),
            "root_gb": rng.choice([0, 1, 10, 20]),
            "ephemeral_gb": rng.choice([0, 0, 5]),
            "swap": rng.choice([0, 0, 512, 1500]),
            "name": rng.choice(["m1.small", "m1.large"]),
            "extra_specs": {},
        }
        specs = flavor["extra_specs"]
        if self.on("capabilities"):
            specs.update(rng.sample(words.CAPABILITIES, rng.randint(1, 2)))
        if self.on("aggregate filters", chance=0.06):
            specs.update(rng.sample(words.AGGREGATE_SPECS, rng.randint(1, 2)))
        if self.on("placement", chance=0.04) and rng.random() < 0.6:
            specs.update(rng.sample(words.PLACEMENT_SPECS, 1))
        return flavor

    def image(self):
        if self.rng.random() < 0.01:
            return None
        image = {"id": self.rng.choice(["image", "image", "isolated-image"])}
        image["disk_format"] = self.rng.choice(["qcow2", "qcow2", "raw", "odd"])
        image["properties"] = self.properties()
        if self.on("placement", chance=0.03) and self.rng.random() < 0.4:
            image["properties"][f"trait:{self.rng.choice(_TRAITS)}"] = "required"
        return image

    def group(self, policies, on):
        rng = self.rng
        group = {"policy": rng.choice(policies), "members": self.some(VMS, 0.7), "rules": {}}
        group["hosts"] = self.some(on, 0.7)
        if group["policy"] == "anti-affinity" and rng.random() < 0.5:
            group["rules"] = {"max_server_per_host": rng.choice([1, 2, 3])}
        return group

    def which_hosts(self, request):
        rng, names = self.rng, self.names
        nodes = [host.get("nodename", host["host"]) for host in self.hosts]
        if self.on("hosts", chance=0.04):
            wanted = rng.choice(["ignore_hosts", "force_hosts", "force_nodes", "both", "all"])
            if wanted in ("ignore_hosts", "both", "all"):
                some = self.some(names, 0.3 if wanted != "all" else 1.0)
                request["ignore_hosts"] = [rng.choice([n, n.upper()]) for n in some]
            if wanted in ("force_hosts", "both") and names:
                request["force_hosts"] = rng.sample(names, min(len(names), rng.choice([1, 1, 2])))
            if wanted == "force_nodes" and names:
                request["force_nodes"] = [rng.choice(nodes)]
            if wanted.startswith("force") and rng.random() < 0.1:
                request[wanted] = ["nobody"]
        destination = {}
        if self.on("cells", chance=0.03):
            destination["cell"] = rng.choice(["cell1", "cell2"])
            destination["allow_cross_cell_move"] = rng.random() < 0.8
        if self.on("hosts", chance=0.03) and names and rng.random() < 0.3:
            place = rng.randrange(len(names))
            destination["host"] = rng.choice([names[place], names[place], "nobody"])
            if rng.random() < 0.5:
                destination["node"] = rng.choice([nodes[place], nodes[0]])
        elif self.on("hosts", chance=0.01) and names and rng.random() < 0.1:
            destination["node"] = rng.choice(nodes)
        if destination:
            request["requested_destination"] = destination

    def hints(self, instances):
        rng, hints = self.rng, {}
        if self.kind == "rebuild" or rng.random() < 0.02:
            hints["_nova_check_type"] = rng.choice([["rebuild"], ["rebuild"], ["other"]])
        if self.on("hints", chance=0.05):
            known = [vm for vms in instances.values() for vm in vms]
            vms = rng.sample(known or VMS, min(len(known) or 3, rng.choice([1, 1, 2, 4])))
            for name in rng.choice([["same_host"], ["different_host"]] * 3 + [[], _BOTH_HINTS]):
                hints[name] = vms if rng.random() < 0.7 else vms[0]
        near = self.kind == "hints" and rng.random() < 0.8
        if (near or self.on(chance=0.02)) and all("host_ip" in host for host in self.hosts):
            hints["build_near_host_ip"] = rng.choice(["192.0.1.7", "192.0.2.9"])
            if rng.random() < 0.6:
                hints["cidr"] = rng.choice(["/24", "/25", "/26", "/30", "/0", "/255.255.255.128"])
        if self.on("query", chance=0.05):
            hints["query"] = json.dumps(self.query())
        if rng.random() < 0.02:
            hints["group"] = "a-group"
        return hints

    def query(self, depth=0):
        rng = self.rng
        if depth < 2 and rng.random() < 0.4:
            parts = [self.query(depth + 1) for _ in range(rng.randint(1, 3))]
            return [rng.choice(["and", "or", "not"]), *parts]
        name, values = rng.choice(words.QUERY)
        op = rng.choice(["=", "<", ">", "<=", ">=", "in"])
        return [op, f"${name}", *rng.sample(values, rng.randint(1, 2))]

    # -- the options --------------------------------------------------------------------
    def options(self):
        rng, options = self.rng, {}
        if self.on("multipliers", chance=0.25):
            for name in self.some(multiplier_names(), 0.5):
                value = rng.choice([-1000.0, -1.0, 0.0, 0.1, 1.0, 2.0, 10.0, 1e6])
                soft = name.startswith(("pci", "soft"))
                options[name] = abs(value) if soft else value
            if rng.random() < 0.02:
                options["ram_weight_multiplier"] = "inf"
        if self.on("image properties", chance=0.06):
            options["image_props_weight_multiplier"] = rng.choice([1.0, 1.0, -1.0, 2.5, 0.0])
            if rng.random() < 0.6:
                names = ["hw_machine_type", "os_distro", "hw_architecture", "colour"]
                options["image_props_weight_setting"] = [
                    f"{name}={rng.choice(_RATIOS)}" for name in self.some(names, 0.7)
                ] + self.some(["bad", "os_distro=x"], 0.1)
        if self.on("image properties", chance=0.03) and rng.random() < 0.4:
            options["image_properties_default_architecture"] = rng.choice(["x86_64", "aarch64"])
        if self.on("metrics", chance=0.06):
            names = ["cpu.percent", "cpu.frequency", "cpu.user.time", "cpu.user.time"]
            options["weight_setting"] = [
                f"{name}={rng.choice(['-1.0', '0.001', '2', '0', '1e-3'])}"
                for name in self.some(names, 0.6)
            ] + self.some(["bad", "=1", "cpu.percent=x"], 0.05)
            options["required"] = rng.random() < 0.25
            options["weight_of_unavailable"] = rng.choice([-10000.0, 0.0, 7.5])
        if self.on("random picks", chance=0.08):
            options["host_subset_size"] = rng.randint(2, 5)
        if self.on("full hosts", chance=0):
            options["cpu_weight_multiplier"] = rng.choice([-1.0, -1.0, 0.0])
            options["build_failure_weight_multiplier"] = 0.0
        if self.on("random picks", "ties", chance=0.08):
            options["shuffle_best_same_weighed_hosts"] = rng.random() < 0.9
        options |= self.limits()
        if rng.random() < 0.25:
            options["max_attempts"] = rng.randint(1, 5)
        if rng.random() < 0.04:
            options["max_placement_results"] = rng.randint(1, 3)
        if rng.random() < 0.06:
            classes = [cls.__name__ for cls in all_weighers()]
            rng.shuffle(classes)
            options["weight_classes"] = classes[: rng.randint(1, len(classes))]
        return options

    def limits(self):
        rng, options = self.rng, {}
        names = list(_OF_KIND.get(self.kind, []))
        names = rng.sample(names, min(len(names), rng.choice([1, 2, 2])))
        if rng.random() < 0.35:
            others = rng.sample(sorted(FILTERS), rng.randint(1, len(FILTERS)))
            names += [name for name in others if name not in names]
        if names and rng.random() < 0.9:
            options["enabled_filters"] = names
        for name, values, chance in (
            ("max_io_ops_per_host", [0, 2, 6, 9], 0.1),
            (
                "max_instances_per_host",
                [1, 3, 8, 20],
                0.9 if self.kind == "several servers" else 0.1,
            ),
            ("service_down_time", [30, 60, 61], 0.1),
        ):
            if rng.random() < chance:
                options[name] = rng.choice(values)
        if self.on("isolation", chance=0.08):
            options["isolated_hosts"] = self.some(self.names, 0.4)
            options["isolated_images"] = self.some(["isolated-image", "image"], 0.5)
            options["restrict_isolated_hosts_to_isolated_images"] = rng.random() < 0.5
        if self.on("placement", chance=0.06):
            for name in self.some(_SCHEDULER_SWITCHES, 0.4):
                options[name] = True
        if self.on("aggregate filters", chance=0.02) and rng.random() < 0.3:
            options["aggregate_image_properties_isolation_namespace"] = rng.choice(["os", "hw"])
            options["aggregate_image_properties_isolation_separator"] = rng.choice(["_", "."])
        return options
