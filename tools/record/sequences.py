"""Random sequences of actions, as data: the same for the same seed and number."""

import dataclasses
import random

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
    "trigger_crash_dump": {"trigger_crash_dump": None},
    "lock": {"lock": None},
    "unlock": {"unlock": None},
    "restore": {"restore": None},
    "forceDelete": {"forceDelete": None},
    "reset_error": {"os-resetState": {"state": "error"}},
    "reset_active": {"os-resetState": {"state": "active"}},
}
#: What is no POST: a DELETE, a PUT, and what happens by itself before the power states are compared.
OTHERS = ("delete", "update", "power_sync", "guest_stops", "guest_starts")
#: Added to a name: asked by the owner, who is no administrator.
AS_USER = " as user"
#: What people do next, the likeliest first. Drawn blindly, most actions would be refused.
NEXT = {
    "stop": ("start", "createImage", "rescue", "reboot_hard", "guest_starts", "delete"),
    "pause": ("unpause", "createImage", "createBackup", "reboot_hard", "guest_stops", "delete"),
    "suspend": ("resume", "createImage", "createBackup", "reboot_hard", "power_sync", "delete"),
    "rescue": ("unrescue", "power_sync", "guest_stops", "trigger_crash_dump", "delete"),
    "delete": ("restore", "forceDelete", "delete", "update", "power_sync"),
    "lock": (
        "unlock as user",
        "stop as user",
        "changePassword as user",
        "unlock",
        "delete as user",
    ),
    "reset_error": ("reset_active", "stop", "reboot_hard", "rescue", "trigger_crash_dump"),
    "createBackup": ("createBackup", "createImage", "stop", "pause"),
    "guest_stops": ("start", "power_sync", "guest_starts", "createImage"),
}
#: A fault is a step of a create, and what is raised there (None: the message is lost).
FAULTS = (
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
)
#: The call of the hypervisor that may fail in an action after the create, each time.
LATER = {
    "stop": "power_off",
    "start": "power_on",
    "restore": "power_on",
    "pause": "pause",
    "unpause": "unpause",
    "suspend": "suspend",
    "resume": "resume",
    "reboot_soft": "reboot",
    "reboot_hard": "reboot",
    "rescue": "rescue",
    "unrescue": "unrescue",
    "changePassword": "set_admin_password",
    "createImage": "snapshot",
    "createBackup": "snapshot",
    "delete": "destroy",
    "forceDelete": "destroy",
}
MODES = ("vm_and_task_state", "vm_state", None)
HOSTS = ("host1", "host2")


@dataclasses.dataclass(frozen=True)
class Sequence:
    """A create, what is asked of the server after it, and at most one fault.

    *fault*: (step, what is raised or None, host or None for each); *options*: (group, name,
    value), the same ones in each sequence.
    """

    number: int
    actions: tuple
    fault: tuple | None
    options: tuple
    snapshot_model: str

    def __str__(self):
        """In words, as a difference is told."""
        fault = "none"
        if self.fault:
            step, raises, host = self.fault
            fault = f"{step}: {raises or 'lost'}" + (f" on {host}" if host else "")
        options = ", ".join(f"{name} = {value}" for _, name, value in self.options)
        return (
            f"sequence {self.number}\n  actions: {', '.join(self.actions)}\n  fault:   {fault}\n"
            f"  options: {options}, snapshots {self.snapshot_model}"
        )


def draw(seed, number):
    """Return a sequence of 3 to 6 actions.

    Two of five have a fault in the create, two of five in what is asked later.
    """
    rng = random.Random(f"{seed}/{number}")
    actions, before = ["create"], None
    for _ in range(rng.randint(2, 5)):
        name = _next(rng, before)
        if name in NEXT:
            before = name
        may_ask = name in ACTIONS or name in ("delete", "update")
        actions.append(name + AS_USER if may_ask and rng.random() < 0.15 else name)
    options = (
        ("notifications", "notify_on_state_change", rng.choice(MODES)),
        (None, "reclaim_instance_interval", rng.choice([0, 300])),
        ("scheduler", "max_attempts", rng.choice([3, 3, 1])),
    )
    model = rng.choice(["flat", "flat", "direct"])
    return Sequence(number, tuple(actions), _fault(rng, actions), options, model)


def _next(rng, before):
    """Return an action: what people do after the last one that has a sequel, or any."""
    if rng.random() < 0.3:
        return rng.choice([*ACTIONS, *OTHERS])
    likely = NEXT.get(before)
    if likely is None:
        return rng.choice(list(NEXT))
    return likely[0] if rng.random() < 0.4 else rng.choice(likely)


def _fault(rng, actions):
    """Return a fault in the create, in one of the actions, or none."""
    kind = rng.random()
    if kind < 0.4:
        # On the first host alone more often than not: what comes later then has a server.
        return (*rng.choice(FAULTS), rng.choice(["host1", "host1", "host1", None]))
    calls = [LATER[name] for name in actions if name in LATER]
    if kind < 0.8 and calls:
        return rng.choice(calls), rng.choice(["NovaException", "ValueError"]), None
    return None
