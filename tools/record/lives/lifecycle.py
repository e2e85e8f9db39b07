"""Play the scenarios: everything in full once, and the notifications in each mode."""

import json

from tools.record.lives import cloud as nova_cloud
from tools.record.lives import scenarios
from tools.record.lives.driver import RecordDriver
from tools.record.lives.faults import FAULTS
from tools.record.lives.hooks_messages import Work
from tools.record.lives.recorder import REC
from tools.record.lives.trace import Trace

# of [notifications]notify_on_state_change; the first is the one recorded in full
MODES = {"vm_and_task_state": "vm_and_task_state", "vm_state": "vm_state", "unset": None}
NOTIFICATION = ("format", "event_type", "publisher", "priority", "service", "payload")


def record(name, part):
    """Play one scenario in each mode; the trace in full, and the notifications by mode."""
    found = scenarios.load(part)[name]
    traces = {}
    if found.fresh:
        for mode in MODES:
            nova_cloud.run(
                lambda cloud, mode=mode: traces.update(play(cloud, found, [mode])),
                found.options,
                found.hosts,
            )
    else:
        nova_cloud.run(
            lambda cloud: traces.update(play(cloud, found, MODES)), found.options, found.hosts
        )
    main = next(iter(MODES))
    compare(name, traces, main)
    return {
        "note": found.note,
        "options": [[group or "DEFAULT", option, value] for group, option, value in found.options],
        "hosts": list(found.hosts),
        "steps": traces[main],
        "notifications": {mode: notifications(steps) for mode, steps in traces.items()},
    }


def play(cloud, found, modes):
    """Play a scenario once per mode, each time with new servers; the steps by mode."""
    traces = {}
    for mode in modes:
        cloud.flag("notifications", "notify_on_state_change", MODES[mode])
        trace = Trace(cloud)
        found.play(cloud, trace)
        traces[mode] = trace.steps
        tidy(cloud)
    return traces


def tidy(cloud):
    """Nothing of a scenario may be left for the next."""
    FAULTS.clear()
    RecordDriver.snapshot_model = "flat"
    cloud.quiet()
    # Else a delete would only be a soft one.
    options = {name: value for group, name, value in cloud.options if group is None}
    reclaim = options.get("reclaim_instance_interval", 0)
    cloud.flag(None, "reclaim_instance_interval", 0)
    for uuid in cloud.server_ids:
        cloud.request("DELETE", f"/servers/{uuid}")
        cloud.quiet()
    cloud.flag(None, "reclaim_instance_interval", reclaim)
    cloud.server_id, cloud.server_ids = None, []
    for host, compute in cloud.computes.items():
        compute.manager.rt.stats[host]["failed_builds"] = 0
        # What a move left claimed would go with the next run of this periodic task.
        if host not in Work.stopped_hosts:
            cloud.periodic("update_available_resource", host)
    REC.forget()


def compare(name, traces, main):
    """But for the notifications a scenario must be the same in every mode."""
    texts = {mode: silent(steps) for mode, steps in traces.items()}
    for mode, lines in texts.items():
        for ours, theirs in zip(texts[main], lines, strict=False):
            if ours != theirs:
                pairs = enumerate(zip(ours, theirs, strict=False))
                start = max(0, next((n for n, pair in pairs if len(set(pair)) > 1), 0) - 200)
                parts = "\n".join(line[start : start + 400] for line in (ours, theirs))
                raise AssertionError(f"{name} is not the same in mode {mode}:\n{parts}")
        if len(lines) != len(texts[main]):
            raise AssertionError(f"{name}: {len(lines)}, not {len(texts[main])} lines in {mode}")


def silent(steps):
    """The steps, a line of JSON per event, without the notifications and their numbering."""
    lines = []
    for step in steps:
        events = [event for event in step["events"] if event["kind"] != "notify"]
        lines += [json.dumps(event | {"seq": None}, sort_keys=True) for event in events]
        lines.append(json.dumps({k: v for k, v in step.items() if k != "events"}, sort_keys=True))
    return lines


def notifications(steps):
    """The notifications of each step, as rows of `NOTIFICATION`."""
    return [
        {
            "label": step["label"],
            "notifications": [
                [event[key] for key in NOTIFICATION]
                for event in step["events"]
                if event["kind"] == "notify"
            ],
        }
        for step in steps
    ]
