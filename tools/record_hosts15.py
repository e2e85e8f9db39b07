"""Record what Nova 15.1.5 lets onto a host: data/nova-15/hosts.json.gz.

    pip download --no-deps nova==15.1.5 -d FOLDER
    python tools/record_hosts15.py FOLDER/nova-15.1.5-py2.py3-none-any.whl

15.1.5 is the oldest release that can still be had as a package. Its own are RamFilter, DiskFilter
and CoreFilter, claims.py, and the functions that write and read the allocation ratios; around
them are plain objects and the installed Nova's exceptions.
"""

import ast
import gzip
import json
import random
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

from nova import exception

OUT = Path(__file__).parents[1] / "data" / "nova-15" / "hosts.json.gz"
RATIOS = ("cpu_allocation_ratio", "ram_allocation_ratio", "disk_allocation_ratio")
SAME = dict.fromkeys(("_", "_LI", "_LW"), str)


class Release:
    """Pieces of the modules of one wheel, each run without its imports."""

    def __init__(self, wheel):
        self._wheel = zipfile.ZipFile(wheel)
        silent = lambda *args, **kwargs: None  # noqa: E731
        self._log = SimpleNamespace(debug=silent, info=silent, warning=silent)

    def classes(self, path, **names):
        """The classes of a module, as attributes."""
        body = [node for node in self._tree(path).body if isinstance(node, ast.ClassDef)]
        return SimpleNamespace(**self._run(body, path, names))

    def function(self, path, name, **names):
        """One method of a module, as a function."""
        found = [n for n in ast.walk(self._tree(path)) if getattr(n, "name", None) == name]
        found[0].decorator_list = []
        return self._run(found[:1], path, names)[name]

    def _tree(self, path):
        return ast.parse(self._wheel.read(f"nova/{path}"))

    def _run(self, body, path, names):
        space = {"LOG": self._log, "CONF": None, **SAME, **names}
        exec(compile(ast.Module(body, []), path, "exec"), space)  # noqa: S102 - the release itself
        return space


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
        release = Release(wheel)
        base = {"filters": SimpleNamespace(BaseHostFilter=object)}
        self.filters = [
            release.classes(f"scheduler/filters/{module}.py", **base).__dict__[name]()
            for module, name in (
                ("ram_filter", "RamFilter"),
                ("disk_filter", "DiskFilter"),
                ("core_filter", "CoreFilter"),
            )
        ]
        self.claim = release.classes("compute/claims.py", exception=exception).Claim
        self.copy = release.function("compute/resource_tracker.py", "_copy_resources")
        path = "objects/compute_node.py"
        self.read = lambda conf: release.function(path, "_from_db_object", CONF=conf)

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


def record(nova, rng):
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


def main():
    """Write 300 cases."""
    nova, rng = Nova15(sys.argv[1]), random.Random(15)
    cases = [record(nova, rng) for _ in range(300)]
    text = json.dumps({"nova": "15.1.5", "cases": cases}, indent=1, sort_keys=True) + "\n"
    OUT.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
