"""Break the scheduler in small ways, one at a time, and see that a test notices each time.

    python tools/mutate_scheduler.py            # about five minutes; nothing of the project changes

Each weigher's sign, minval and default multiplier and each filter's comparison is turned round
in a copy of the project; then the behaviour tests and the recorded decisions run there.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = ["tests/nova/scheduler", "tests/nova/test_recorded.py", "tests/nova/test_conf.py"]
WEIGHTS, FILTERS = "nova/scheduler/weights/", "nova/scheduler/filters/"
CONF, FAST = "nova/conf/__init__.py", "nova/scheduler/fast.py"


def weighers():
    """Yield (file, text, changed text) for each weigher."""
    for name, returned in (
        ("ram", "return host_state.free_ram_mb"),
        ("disk", "return host_state.free_disk_mb"),
        ("cpu", "return host_state.vcpus_total"),
        ("io_ops", "return host_state.num_io_ops"),
        ("num_instances", "return host_state.num_instances"),
        ("compute", "return host_state.failed_builds"),
        ("hypervisor_version", "return host_state.hypervisor_version"),
        ("pci", "return MAX_DEVS"),
        ("affinity", "return -1 * super()"),
        ("affinity", "return len("),
        ("cross_cell", "return 1 if"),
        ("image_props", "return weight\n\n\ndef"),
        ("metrics", "return value"),
    ):
        yield f"{WEIGHTS}{name}.py", returned, returned.replace("return ", "return -")
    for name in ("ram", "disk", "cpu", "io_ops"):
        yield f"{WEIGHTS}{name}.py", "minval = 0", "minval = None"
    for name in (
        "num_instances",
        "compute",
        "hypervisor_version",
        "pci",
        "affinity",
        "cross_cell",
        "image_props",
        "metrics",
    ):
        method = "    def weight_multiplier"
        yield f"{WEIGHTS}{name}.py", method, f"    minval = 0\n\n{method}"
    yield f"{WEIGHTS}compute.py", "return -1 * utils", "return utils"
    yield f"{WEIGHTS}pci.py", "MAX_DEVS - 1)", "MAX_DEVS)"
    yield f"{WEIGHTS}cross_cell.py", "== destination.cell else", "!= destination.cell else"
    yield f"{WEIGHTS}metrics.py", "].value * ratio", "].value / ratio"
    yield f"{WEIGHTS}image_props.py", "weight +=", "weight -="


def columns():
    """Yield a change of each rule that is written once more for large fleets."""
    for name in (
        "failed_builds free_disk_mb hypervisor_version num_io_ops num_instances free_ram_mb".split()
    ):
        yield FAST, f"lambda columns: columns.{name}", f"lambda columns: -columns.{name}"
    for text, changed in (
        (
            "100 - np.minimum(columns.free_pci_devices, 99)",
            "np.minimum(columns.free_pci_devices, 99)",
        ),
        ("columns.vcpus_total * columns.cpu", "-columns.vcpus_total * columns.cpu"),
        ("columns.free_pci_devices >= spec", "columns.free_pci_devices > spec"),
        ("columns.num_io_ops < fs", "columns.num_io_ops <= fs"),
        ("columns.num_io_ops < columns", "columns.num_io_ops <= columns"),
        ("columns.num_instances < columns", "columns.num_instances <= columns"),
        ("columns.num_instances < fs", "columns.num_instances <= fs"),
        ("= -1 * found[", "= found["),
        ("self.free_ram_mb[row] -=", "self.free_ram_mb[row] +="),
        ("self.num_io_ops[row] += 1", "self.num_io_ops[row] += 0"),
    ):
        yield FAST, text, changed


def options():
    """Yield a changed default for each multiplier and limit."""
    for line in (ROOT / "labkit" / CONF).read_text(encoding="utf-8").splitlines():
        if line.startswith("    Opt(") and ("weight_multiplier" in line or "_per_host" in line):
            head, _, tail = line.rpartition(", ")
            if "min=" in tail:
                head, _, number = head.rpartition(", ")
                yield CONF, line, f"{head}, {number}1, {tail}"
            else:
                yield CONF, line, f"{head}, 1{tail}" if tail[0].isdigit() else f"{head}, 7.5),"


def filters():
    """Yield a turned comparison for each filter."""
    for name, text, changed in (
        ("compute_filter", 'not service["disabled"] and', 'service["disabled"] and'),
        ("compute_filter", "and self.servicegroup_api", "and not self.servicegroup_api"),
        ("compute_capabilities_filter", "or not extra_specs_ops", "or extra_specs_ops"),
        ("compute_capabilities_filter", "None) is None\n\n\ndef", "None) is not None\n\n\ndef"),
        ("image_props_filter", "all(item in supported", "any(item in supported"),
        ("affinity_filter", "return not utils.instance_uuids", "return utils.instance_uuids"),
        (
            "affinity_filter",
            "return utils.instance_uuids_overlap(host_state, affinity_uuids)",
            "return not utils.instance_uuids_overlap(host_state, affinity_uuids)",
        ),
        ("affinity_filter", "len(servers_on_host) <", "len(servers_on_host) <="),
        ("affinity_filter", "host_state.host in group.hosts", "host_state.host not in group.hosts"),
        ("affinity_filter", "host_ip) in wanted", "host_ip) not in wanted"),
        ("aggregate_image_properties_isolation", "not in options", "in options"),
        ("aggregate_instance_extra_specs", "if not any(", "if any("),
        ("aggregate_multitenancy_isolation", "project_id in tenant", "project_id not in tenant"),
        ("type_filter", "name in names", "name not in names"),
        ("io_ops_filter", "host_state.num_io_ops <", "host_state.num_io_ops <="),
        ("num_instances_filter", "host_state.num_instances <", "host_state.num_instances <="),
        ("isolated_hosts_filter", "image_isolated == host", "image_isolated != host"),
        ("isolated_hosts_filter", "return not image_isolated or", "return image_isolated or"),
        ("isolated_hosts_filter", "not restrict or not host", "not restrict or host"),
        ("json_filter", '"<=": _compare(operator.le)', '"<=": _compare(operator.lt)'),
        ("json_filter", '">=": _compare(operator.ge)', '">=": _compare(operator.gt)'),
        ("metrics_filter", "return self.keys <=", "return self.keys >"),
        ("pci_passthrough_filter", "or host_state", "or not host_state"),
        (
            "extra_specs_ops",
            'float(x) >= float(y),\n    "<in>"',
            'float(x) > float(y),\n    "<in>"',
        ),
        ("extra_specs_ops", '">=": lambda x, y: float(x) >=', '">=": lambda x, y: float(x) >'),
        ("extra_specs_ops", '"<=": lambda x, y: float(x) <=', '"<=": lambda x, y: float(x) <'),
    ):
        yield f"{FILTERS}{name}.py", text, changed


def noticed(copy):
    """Return whether a test fails in the copy."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *TESTS],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        check=False,
    )
    return run.returncode == 1


def main():
    """Print each change that no test notices, and the counts."""
    lived, count = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        for name in ("labkit", "tests", "tools", "data"):
            shutil.copytree(ROOT / name, copy / name)
        shutil.copy(ROOT / "pyproject.toml", copy)
        if noticed(copy):
            sys.exit("the tests fail as they are")
        for file, text, changed in [*weighers(), *columns(), *options(), *filters()]:
            path = copy / "labkit" / file
            before = path.read_text(encoding="utf-8")
            if text not in before or text == changed:
                sys.exit(f"{file} has no {text!r} any more; mend tools/mutate_scheduler.py")
            path.write_text(before.replace(text, changed, 1), encoding="utf-8")
            count += 1
            if not noticed(copy):
                lived += 1
                print(f"{file}: {text.strip()!r} -> {changed.strip()!r}", flush=True)
            path.write_text(before, encoding="utf-8")
    print(f"{count} changes, {count - lived} noticed, {lived} not")
    sys.exit(bool(lived))


if __name__ == "__main__":
    main()
