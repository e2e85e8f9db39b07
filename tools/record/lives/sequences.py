"""Random sequences of actions, as data: the same for the same seed and number.

In those with an odd number the server also moves.
"""

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
# The same for servers that move or are made anew. For an evacuate the server's nova-compute is down
# and starts again afterwards.
MOVES = {
    "rebuild": {"rebuild": {"imageRef": "{image}"}},
    "rebuild_another": {"rebuild": {"imageRef": "{image2}"}},
    "resize": {"resize": {"flavorRef": "big"}},
    "resize_back": {"resize": {"flavorRef": "small"}},
    "migrate": {"migrate": None},
    "confirmResize": {"confirmResize": None},
    "revertResize": {"revertResize": None},
    "migrateLive": {"os-migrateLive": {"host": None, "block_migration": "auto"}},
    "evacuate": {"evacuate": {}},
    "shelve": {"shelve": None},
    "shelveOffload": {"shelveOffload": None},
    "unshelve": {"unshelve": None},
}
BODIES = ACTIONS | MOVES
#: Asked of the server's newest live migration.
OF_MIGRATIONS = ("live_migration_abort", "live_migration_force_complete")
#: The same, asked while the live migration waits at a step: step, what is asked for.
IN_THE_MIDDLE = {
    f"migrateLive, {what} at {step}": (step, what)
    for step in ("pre_live_migration", "migrating")
    for what in OF_MIGRATIONS
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
NEXT_OF_MOVES = {
    "resize": ("confirmResize", "revertResize", "delete", "stop"),
    "resize_back": ("confirmResize", "revertResize"),
    "migrate": ("confirmResize", "revertResize", "reboot_hard", "delete"),
    "confirmResize": ("resize_back", "migrate", "evacuate", "rebuild_another"),
    "revertResize": ("resize", "migrateLive", "evacuate", "shelve"),
    "migrateLive": ("migrateLive", "resize", "evacuate", *IN_THE_MIDDLE),
    "evacuate": ("start", "migrate", "evacuate", "rebuild"),
    "rebuild_another": ("rebuild", "resize", "rebuild_another"),
    "shelve": ("unshelve", "shelveOffload", "createImage", "delete"),
    "shelveOffload": ("unshelve", "delete"),
    "unshelve": ("migrateLive", "resize", "shelve", "evacuate", *IN_THE_MIDDLE),
    "stop": ("start", "resize", "migrate", "rebuild", "shelve", "evacuate"),
    "pause": ("unpause", "migrateLive", "shelve", "stop", *IN_THE_MIDDLE),
    "suspend": ("resume", "shelve", "migrate"),
    "rescue": ("unrescue", "evacuate", "resize"),
    "reset_error": ("rebuild", "evacuate", "reset_active", "unshelve"),
}
NEXT_OF_MOVES |= dict.fromkeys(IN_THE_MIDDLE, ("migrateLive", "resize", *IN_THE_MIDDLE, "delete"))
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
#: The steps of a move that may fail.
FAULTS_OF_MOVES = {
    "resize": ("claim", "migrate_disk_and_power_off", "finish_migration"),
    "migrate": ("claim", "migrate_disk_and_power_off", "finish_migration"),
    "confirmResize": ("confirm_migration",),
    "revertResize": ("destroy", "finish_revert_migration"),
    "migrateLive": (
        "check_can_live_migrate_destination",
        "check_can_live_migrate_source",
        "pre_live_migration",
        "live_migration",
        "migrating",
        "post_live_migration",
        "post_live_migration_at_source",
        "post_live_migration_at_destination",
    ),
    "evacuate": ("claim", "spawn"),
    "rebuild": ("destroy", "spawn"),
    "rebuild_another": ("claim", "destroy", "spawn"),
    "shelve": ("power_off", "snapshot", "destroy"),
    "shelveOffload": ("destroy",),
    "unshelve": ("claim", "spawn", "power_on"),
}
#: What is raised at a step as often as any other error: Nova has foreseen it.
FORESEEN = {
    "claim": "ComputeResourcesUnavailable",
    "check_can_live_migrate_destination": "MigrationPreCheckError",
    "migrate_disk_and_power_off": "InstanceFaultRollback",
}
ALWAYS = 1000  # times a fault strikes
MODES = ("vm_and_task_state", "vm_state", None)
HOSTS = ("host1", "host2", "host3")


@dataclasses.dataclass(frozen=True)
class Sequence:
    """A create, what is asked of the server after it, and at most one fault.

    *fault*: (step, what is raised or None, host or None for each, how often), there from the
    action of the number *fault_from* on; *options*: (group, name, value), the same ones in each
    sequence.
    """

    number: int
    actions: tuple
    fault: tuple | None
    options: tuple
    snapshot_model: str
    fault_from: int = 0

    def __str__(self):
        """In words, as a difference is told."""
        fault = "none"
        if self.fault:
            step, raises, host, times = self.fault
            fault = f"{step}: {raises or 'lost'}" + (f" on {host}" if host else "")
            fault += f", {'once' if times == 1 else 'each time'}, from action {self.fault_from} on"
        options = ", ".join(f"{name} = {value}" for _, name, value in self.options)
        return (
            f"sequence {self.number}\n  actions: {', '.join(self.actions)}\n  fault:   {fault}\n"
            f"  options: {options}, snapshots {self.snapshot_model}"
        )


def draw(seed, number):
    """Return a sequence of 3 to 6 actions, of 4 to 8 with moves.

    Without moves two of five have a fault in the create and two in what is asked later; with
    moves three of five have one in what is asked later.
    """
    rng = random.Random(f"{seed}/{number}")
    moves = bool(number % 2)
    sequel = NEXT | NEXT_OF_MOVES if moves else NEXT
    likely = list(NEXT_OF_MOVES if moves else NEXT)
    actions, before = ["create"], None
    for _ in range(rng.randint(3, 7) if moves else rng.randint(2, 5)):
        name = _next(rng, sequel.get(before, likely), moves)
        if name in sequel:
            before = name
        may_ask = name in BODIES or name in (*OF_MIGRATIONS, "delete", "update")
        actions.append(name + AS_USER if may_ask and rng.random() < 0.15 else name)
    options = (
        ("notifications", "notify_on_state_change", rng.choice(MODES)),
        (None, "reclaim_instance_interval", rng.choice([0, 300])),
        ("scheduler", "max_attempts", rng.choice([3, 3, 1])),
        (None, "shelved_offload_time", rng.choice([0, -1])),
    )
    model = rng.choice(["flat", "flat", "direct"])
    fault, fault_from = _fault_in_moves(rng, actions) if moves else (_fault(rng, actions), 0)
    return Sequence(number, tuple(actions), fault, options, model, fault_from)


def _next(rng, likely, moves):
    """Return an action: what people do after the last one that has a sequel, or any."""
    if rng.random() < 0.3:
        known = [*BODIES, *OF_MIGRATIONS, *IN_THE_MIDDLE] if moves else ACTIONS
        return rng.choice([*known, *OTHERS])
    return likely[0] if rng.random() < 0.3 else rng.choice(likely)


def _fault(rng, actions):
    """Return a fault in the create, in one of the actions, or none."""
    kind = rng.random()
    if kind < 0.4:
        # On the first host alone more often than not: what comes later then has a server.
        return (*rng.choice(FAULTS), rng.choice(["host1", "host1", "host1", None]), ALWAYS)
    calls = [LATER[name] for name in actions if name in LATER]
    if kind < 0.8 and calls:
        return rng.choice(calls), rng.choice(["NovaException", "ValueError"]), None, ALWAYS
    return None


def _fault_in_moves(rng, actions):
    """Return a fault in one of the moves, or none, and from which action on it is there."""
    names = {name.removesuffix(AS_USER) for name in actions}
    steps = {step for name in names for step in FAULTS_OF_MOVES.get(name.split(",")[0], ())}
    steps -= {step for name, (step, _) in IN_THE_MIDDLE.items() if name in names}
    if "evacuate" in names:
        steps.discard("destroy")  # the nova-compute that returns would fail to start
    if rng.random() < 0.4 or not steps:
        return None, 0
    step = rng.choice(sorted(steps))
    error = rng.choice([FORESEEN.get(step, "ValueError"), "ValueError", "NovaException"])
    host, times = rng.choice([None, None, *HOSTS]), rng.choice([1, 1, ALWAYS])
    return (step, error, host, times), rng.randint(1, len(actions) - 1)
