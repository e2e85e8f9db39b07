"""Random sequences of actions through a live Nova, for comparison with a model.

    python -m tools.record.check_random --count 20 --seed 1 --out FILE

A sequence is a create, with at most one fault on its way, and a few actions after it, whatever
state the server is in by then. Its trace has the form of the steps in data/nova-34.
"""

import argparse
import json
import pathlib
import random
import sys

from tools.record import cloud as nova_cloud
from tools.record.driver import RecordDriver
from tools.record.faults import RAISES
from tools.record.lifecycle import tidy
from tools.record.trace import Trace

# name: what is POSTed to /servers/{id}/action
ACTIONS = {
    "stop": {"os-stop": None},
    "start": {"os-start": None},
    "pause": {"pause": None},
    "unpause": {"unpause": None},
    "suspend": {"suspend": None},
    "resume": {"resume": None},
    "reboot_soft": {"reboot": {"type": "SOFT"}},
    "reboot_hard": {"reboot": {"type": "HARD"}},
    "rescue": {"rescue": {"adminPass": "secret"}},
    "unrescue": {"unrescue": None},
    "changePassword": {"changePassword": {"adminPass": "new"}},
    "createImage": {"createImage": {"name": "snap"}},
    "createBackup": {"createBackup": {"name": "b", "backup_type": "daily", "rotation": 1}},
    "lock": {"lock": None},
    "unlock": {"unlock": None},
    "restore": {"restore": None},
    "forceDelete": {"forceDelete": None},
}
OTHERS = ("create", "delete", "update", "power_sync")
HOSTS = ("host1", "host2")
# A fault is a step, and what is raised there (None: the message is lost).
FAULTS = [
    ("claim", "ComputeResourcesUnavailable"),
    ("neutron allocate_for_instance", "NoMoreFixedIps"),
    ("neutron allocate_for_instance", "NovaException"),
    ("block_device_mapping", "InvalidBDM"),
    ("block_device_mapping", "ValueError"),
    ("spawn", "BuildAbortException"),
    ("spawn", "ComputeResourcesUnavailable"),
    ("spawn", "FlavorDiskSmallerThanImage"),
    ("spawn", "ImageUnacceptable"),
    ("spawn", "ValueError"),
    ("spawn", "VirtualInterfaceCreateException"),
    ("cast build_and_run_instance", None),
]


def run_sequence(actions, faults=(), options=(), hosts=HOSTS):
    """The steps of one sequence of actions in a fresh cloud, as in the scenarios' traces.

    *actions*: names of `ACTIONS` and `OTHERS`, the first of them "create"; *faults*: dicts of
    `step`, `raises` (a name of `RAISES`, or None), `host` (None: any) and `times`.
    """
    return run_sequences([(actions, faults)], options, hosts)[0]


def run_sequences(sequences, options=(), hosts=HOSTS):
    """The steps of several sequences, one after the other in one cloud."""
    traces = []

    def body(cloud):
        cloud.flag("notifications", "notify_on_state_change", "vm_and_task_state")
        for actions, faults in sequences:
            trace = Trace(cloud)
            for fault in faults:
                add_fault(cloud, **fault)
            for action in actions:
                play(cloud, trace, action)
            traces.append(trace.steps)
            tidy(cloud)

    RecordDriver.snapshot_model = "flat"
    nova_cloud.run(body, options, hosts)
    return traces


def add_fault(cloud, step, raises, host=None, times=1000):
    """Add a fault as a sequence names it."""
    if raises is None:
        cloud.fault(step, host=host, times=times, lost=True)
    else:
        cloud.fault(step, host=host, times=times, raises=RAISES[raises])


def play(cloud, trace, action):
    """One step of a sequence."""
    if action == "power_sync":
        host = (cloud.show() or {}).get("OS-EXT-SRV-ATTR:host")
        trace.periodic("_sync_power_states", host or HOSTS[0])
        return
    with trace.step(action):
        if action == "create":
            trace.create()
        elif action == "delete":
            trace.delete()
        elif action == "update":
            trace.ask("update", "PUT", "/servers/{id}", {"server": {"name": "renamed"}})
        elif action in ACTIONS:
            trace.ask(action, "POST", "/servers/{id}/action", ACTIONS[action])
        else:
            raise ValueError(f"no such action: {action}")


def random_sequence(rng):
    """A create and 2 to 5 more actions, and a fault in the create every other time."""
    names = [*ACTIONS, "delete", "update", "power_sync"]
    actions = ["create", *(rng.choice(names) for _ in range(rng.randint(2, 5)))]
    faults = []
    if rng.random() < 0.5:
        step, raises = rng.choice(FAULTS)
        fault = {"step": step, "raises": raises, "host": rng.choice(["host1", None])}
        faults.append(fault)
    return actions, faults


def main():
    """Play random sequences and write their traces."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    sequences = [random_sequence(rng) for _ in range(args.count)]
    traces = run_sequences(sequences)
    for (actions, faults), steps in zip(sequences, traces, strict=True):
        print(" ".join(actions), faults, "->", states_after(steps), file=sys.stderr)
    if args.out:
        found = [
            {"actions": actions, "faults": faults, "steps": steps}
            for (actions, faults), steps in zip(sequences, traces, strict=True)
        ]
        args.out.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


def states_after(steps):
    """What the API shows after each step."""
    return [step["final"] and step["final"]["status"] for step in steps]


if __name__ == "__main__":
    main()
