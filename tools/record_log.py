"""Make data/logs/nova-scheduler-34.log: what the real Nova writes at DEBUG.

    python tools/record_log.py [--out data/logs/nova-scheduler-34.log]

Needs a Python with nova 34.0.0 installed; no services, no database. A real SchedulerManager runs
select_destinations for the requests of tools/log_cases.py: request filters, HostState.update, host
filters, weighers, claims and alternates are Nova's, and oslo.log writes every line in its default
format. Stood in for are only the neighbours (tools/log_nova.py): the answers of placement, the rows
of the cell database, and the notifications. Beside the log goes a .json of the same name with the
numbers that the weighers returned, taken from the calls themselves and not from the text.

So that each run writes the same bytes, the clock moves 1 ms per line, the process is 7, ids are
derived from names, and the folder of the installation reads /usr/lib/python3/dist-packages.
"""

import argparse
import contextlib
import datetime
import json
import logging
import os
import pathlib
import re
import sys
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tools import log_nova
from tools.log_cases import cases, request_spec
from tools.log_nova import CONF, START, neighbours, stable_uuid

# isort: split
from nova import config as nova_config
from nova import context, objects, version
from nova import weights as nova_weights
from oslo_log import formatters
from oslo_log import log as oslo_logging
from oslo_messaging import ExpectedException
from oslo_utils import timeutils

SITE_PACKAGES = str(pathlib.Path(log_nova.nova.__file__).parents[1])
PACKAGES = "/usr/lib/python3/dist-packages"
# In tracebacks, what differs from one Python to the next: the underlining of
# the failing call, and frames of the standard library (two lines each).
PYTHONS_OWN = re.compile(
    r"\n.*  [~^]+(?=\n)"
    rf"|\n.* File \"{re.escape(os.path.dirname(os.__file__))}/.*\n.*"
)
WEIGHT_CLASSES = [
    "nova.scheduler.weights." + name
    for name in (
        "affinity.ServerGroupSoftAffinityWeigher",
        "affinity.ServerGroupSoftAntiAffinityWeigher",
        "compute.BuildFailureWeigher",
        "cpu.CPUWeigher",
        "cross_cell.CrossCellWeigher",
        "disk.DiskWeigher",
        "hypervisor_version.HypervisorVersionWeigher",
        "image_props.ImagePropertiesWeigher",
        "io_ops.IoOpsWeigher",
        "metrics.MetricsWeigher",
        "num_instances.NumInstancesWeigher",
        "pci.PCIWeigher",
        "ram.RAMWeigher",
    )
]


class LogFile(logging.Handler):
    """oslo.log's own formatter on a clock that moves 1 ms per line."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.formatter = formatters.ContextFormatter(config=CONF, datefmt=CONF.log_date_format)
        self.formatter.converter = lambda created: datetime.datetime.fromtimestamp(
            created, datetime.UTC
        ).timetuple()
        self.text = []
        self.written = 0

    def emit(self, record):
        self.written += 1
        millis = self.written
        record.created = START.timestamp() + millis / 1000
        record.msecs = millis % 1000
        record.process = 7
        text = self.format(record).replace(SITE_PACKAGES, PACKAGES)
        self.text += PYTHONS_OWN.sub("", text).split("\n")


def log_in_memory():
    """Nova's set-up of logging, with our handler in place of its file."""
    oslo_logging.register_options(CONF)
    nova_config.set_lib_defaults()
    CONF([], project="nova", default_config_files=[])
    CONF.set_override("debug", True)
    oslo_logging.setup(CONF, "nova", version.version_string())
    sys.excepthook = sys.__excepthook__  # ours belong on the terminal
    root = logging.getLogger(None)
    for handler in list(root.handlers):
        root.removeHandler(handler)
    log_file = LogFile()
    root.addHandler(log_file)
    return log_file


@contextlib.contextmanager
def spied(scheduler, passes):
    """Note what each filter let through and each weigher returned."""
    real_normalize = nova_weights.normalize
    names = [type(w).__name__ for w in scheduler.host_manager.weighers]

    def filtered(*args, **kwargs):
        passes.append({"filters": [], "weighers": [], "total": {}})
        return real_filtered(*args, **kwargs)

    def weighed(hosts, spec):
        hosts = list(hosts)
        ranked = real_weighed(hosts, spec)
        passes[-1]["total"] = {h.obj.host: h.weight for h in ranked}
        return ranked

    def normalize(values, minval=None, maxval=None):
        out = list(real_normalize(values, minval=minval, maxval=maxval))
        step = {"weigher": names[len(passes[-1]["weighers"])]}
        step |= {"raw": list(values), "normalized": list(out)}
        passes[-1]["weighers"].append(step)
        return out

    def filter_spy(one, real):
        def filter_all(objs, spec):
            objs = list(objs)
            out = list(real(objs, spec))
            step = {"filter": type(one).__name__}
            step |= {"in": [h.host for h in objs], "out": [h.host for h in out]}
            passes[-1]["filters"].append(step)
            return out

        return filter_all

    def multiplier_spy(real):
        def weight_multiplier(host_state):
            value = real(host_state)
            # ImageProperties and others read it while weighing, too
            if sys._getframe(1).f_code.co_name == "get_weighed_objects":
                step = passes[-1]["weighers"][-1]
                step.setdefault("multiplier", []).append(value)
                step.setdefault("host", []).append(host_state.host)
            return value

        return weight_multiplier

    hm = scheduler.host_manager
    real_filtered, real_weighed = hm.get_filtered_hosts, hm.get_weighed_hosts
    with contextlib.ExitStack() as stack:
        change = mock.patch.object
        stack.enter_context(change(hm, "get_filtered_hosts", filtered))
        stack.enter_context(change(hm, "get_weighed_hosts", weighed))
        stack.enter_context(change(nova_weights, "normalize", normalize))
        for f in hm.enabled_filters:
            spy = filter_spy(f, f.filter_all)
            stack.enter_context(change(f, "filter_all", spy))
        for w in hm.weighers:
            spy = multiplier_spy(w.weight_multiplier)
            stack.enter_context(change(w, "weight_multiplier", spy))
        yield


def schedule(scheduler, name, hosts, count, ask):
    """Ask for the servers of a case; who was asked, what was answered, the numbers."""
    request_id = "req-" + stable_uuid(name)
    ctxt = context.RequestContext(
        user_id=stable_uuid("user").replace("-", ""),
        project_id=stable_uuid("project").replace("-", ""),
        user_domain_id="default",
        project_domain_id="default",
        request_id=request_id,
    )
    instances = [stable_uuid(f"{name}-{i}") for i in range(count)]
    out = {"name": name, "request": request_id, "instances": instances}
    out["passes"] = []
    with neighbours(scheduler, hosts), spied(scheduler, out["passes"]):
        try:
            chosen = scheduler.select_destinations(
                ctxt,
                spec_obj=request_spec(name, count, **ask),
                instance_uuids=instances,
                return_objects=True,
                return_alternates=True,
            )
            out["hosts"] = [[s.service_host for s in one] for one in chosen]
        except ExpectedException as error:
            out["raised"] = str(error.exc_info[1])
    return out


def noise(scheduler, index):
    """What a nova-scheduler's log has besides requests; each is Nova's own."""
    admin = context.RequestContext(is_admin=True, request_id="req-" + stable_uuid(f"noise-{index}"))
    hm = scheduler.host_manager
    nothing = mock.patch.object(hm, "_get_instances_by_host", lambda ctxt, name: {})
    with nothing:
        if index % 3 == 0:
            hm.sync_instance_info(admin, "cn-1", [])
        elif index % 3 == 1:
            hm.delete_instance_info(admin, f"cn-{index}", stable_uuid("x"))
    if index in (2, 9):  # the cell database has no [database] connection
        due = dict.fromkeys(scheduler._periodic_last_run)
        scheduler._periodic_last_run = due
        scheduler.run_periodic_tasks(admin)


def main():
    """Write the log and the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    folder = pathlib.Path(__file__).resolve().parents[1] / "data" / "logs"
    out = folder / "nova-scheduler-34.log"
    parser.add_argument("--out", type=pathlib.Path, default=out)
    args = parser.parse_args()

    log_file = log_in_memory()
    objects.register_all()
    group = "filter_scheduler"
    CONF.set_override("weight_classes", WEIGHT_CLASSES, group=group)
    timeutils.set_time_override(START.replace(tzinfo=None))
    result = {"nova": version.version_string(), "requests": []}
    with mock.patch("oslo_utils.timeutils.now", lambda: 0.0):
        scheduler = log_nova.SchedulerManager()
        for index, (name, hosts, count, ask) in enumerate(cases()):
            noise(scheduler, index)
            case = schedule(scheduler, name, hosts, count, ask)
            result["requests"].append(case)
    args.out.write_text("\n".join(log_file.text) + "\n", encoding="utf-8")
    numbers = json.dumps(result, indent=1, sort_keys=True)
    args.out.with_suffix(".json").write_text(numbers + "\n", encoding="utf-8")
    print(f"{len(result['requests'])} requests, {len(log_file.text)} lines: {args.out}")


if __name__ == "__main__":
    main()
