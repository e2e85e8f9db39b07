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
CONF = "nova/conf/__init__.py"


def weighers():
    """Yield (file, text, changed text) for each weigher."""
    for name, returned in (
        ("ram", "return host_state.free_ram_mb"),
        ("disk", "return host_state.free_disk_mb"),
        ("cpu", "return host_state.vcpus_total * host_state.cpu_allocation_ratio"),
        ("io_ops", "return host_state.num_io_ops"),
        ("num_instances", "return host_state.num_instances"),
        ("compute", "return host_state.failed_builds"),
        ("hypervisor_version", "return host_state.hypervisor_version or 0"),
    ):
        yield f"{WEIGHTS}{name}.py", returned, returned.replace("return host", "return -host")
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
        before = "    def weight_multiplier" if name == "affinity" else "BaseHostWeigher):\n"
        after = "    minval = 0\n\n" + before if name == "affinity" else before + "    minval = 0\n"
        yield f"{WEIGHTS}{name}.py", before, after
    yield f"{WEIGHTS}compute.py", "return -1 * utils", "return utils"
    yield f"{WEIGHTS}pci.py", "return MAX_DEVS - min", "return -MAX_DEVS + min"
    yield f"{WEIGHTS}pci.py", "MAX_DEVS - 1)", "MAX_DEVS)"
    yield f"{WEIGHTS}affinity.py", "return -1 * super", "return super"
    yield f"{WEIGHTS}affinity.py", "return len(", "return -len("
    yield f"{WEIGHTS}cross_cell.py", "cell_uuid == ", "cell_uuid != "
    yield f"{WEIGHTS}metrics.py", ".value * ratio", ".value * -ratio"
    yield f"{WEIGHTS}image_props.py", "weight +=", "weight -="


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
    up = "nova/servicegroup/api.py"
    yield up, "<= CONF.service", "< -1 + CONF.service"
    yield up, 'if member["forced_down"]', 'if not member["forced_down"]'
    for name, text, changed in (
        ("compute_filter", 'not service["disabled"] and', 'service["disabled"] and'),
        ("compute_capabilities_filter", "or not extra_specs_ops", "or extra_specs_ops"),
        ("compute_capabilities_filter", "None) is None\n", "None) is not None\n"),
        ("image_props_filter", "all(item in supported", "any(item in supported"),
        ("affinity_filter", "return not utils", "return utils"),
        ("affinity_filter", "return utils", "return not utils"),
        ("affinity_filter", "return len(servers_on_host) <", "return len(servers_on_host) <="),
        ("affinity_filter", "return host_state.host in", "return host_state.host not in"),
        ("affinity_filter", "host_ip) in wanted", "host_ip) not in wanted"),
        ("aggregate_image_properties_isolation", "not in options", "in options"),
        ("aggregate_instance_extra_specs", "if not any(", "if any("),
        ("aggregate_multitenancy_isolation", "project_id in", "project_id not in"),
        ("type_filter", "name in names", "name not in names"),
        ("io_ops_filter", "num_io_ops <", "num_io_ops <="),
        ("num_instances_filter", "num_instances <", "num_instances <="),
        ("isolated_hosts_filter", "image_isolated == host", "image_isolated != host"),
        ("isolated_hosts_filter", "return not image_isolated or", "return image_isolated or"),
        ("isolated_hosts_filter", "not restrict or not host", "not restrict or host"),
        ("json_filter", '"<=": _compare(operator.le)', '"<=": _compare(operator.lt)'),
        ("json_filter", '">=": _compare(operator.ge)', '">=": _compare(operator.gt)'),
        ("metrics_filter", "self.keys <=", "self.keys >"),
        ("pci_passthrough_filter", "return not pci_requests or", "return pci_requests and not"),
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
    lived, count = [], 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        for name in ("labkit", "tests", "tools", "data"):
            shutil.copytree(ROOT / name, copy / name)
        shutil.copy(ROOT / "pyproject.toml", copy)
        if noticed(copy):
            sys.exit("the tests fail as they are")
        for file, text, changed in [*weighers(), *options(), *filters()]:
            path = copy / "labkit" / file
            before = path.read_text(encoding="utf-8")
            if text not in before or text == changed:
                sys.exit(f"{file} has no {text!r} any more; mend tools/mutate_scheduler.py")
            path.write_text(before.replace(text, changed, 1), encoding="utf-8")
            count += 1
            if not noticed(copy):
                lived.append(f"{file}: {text.strip()!r} -> {changed.strip()!r}")
            path.write_text(before, encoding="utf-8")
    print("\n".join(lived))
    print(f"{count} changes, {count - len(lived)} noticed, {len(lived)} not")
    sys.exit(bool(lived))


if __name__ == "__main__":
    main()
