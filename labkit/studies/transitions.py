"""Which action leads from which vm_state to which: asked of the guards, and played in a cloud."""

import functools
import itertools

from labkit.cloud.cloud import Cloud
from labkit.cloud.faults import Fault
from labkit.fleet import Fleet
from labkit.nova.api.openstack import servers
from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.compute.api import ANY, GUARDS, Guard
from labkit.nova.exception import NovaException
from labkit.nova.objects import Flavor, RequestSpec
from labkit.nova.policy import PROJECT_MEMBER_OR_ADMIN, RULES

NAME = "web-1"
SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))
#: The arguments that make two actions of one.
HOWS = {
    "reboot": {"SOFT": {"reboot_type": "SOFT"}, "HARD": {"reboot_type": "HARD"}},
    "resetState": {"error": {"state": "error"}, "active": {"state": "active"}},
    "rename": {"": {"name": "renamed"}},
    "delete": {"": {}, "soft": {}},
    "resize": {"": {"flavor": Flavor(vcpus=2, memory_mb=1024, root_gb=1)}},
    "shelve": {"": {}, "kept": {}},
}
GUARD_COLUMNS = (
    "action how method vm_state task_state must_have_launched refused_when_locked needs_host"
    " needs_host_up policy played"
).split()
COLUMNS = "action how vm_state to_vm_state task_states power_state status played".split()
_LOOK_S = 0.05
_KEEP_S = 3600
_UNGUARDED = Guard(ANY, ANY, must_have_launched=False, refused_when_locked=False)
_HOST = {
    "total_usable_ram_mb": 4096,
    "free_ram_mb": 4096,
    "total_usable_disk_gb": 64,
    "free_disk_mb": 64 * 1024,
    "vcpus_total": 4,
    "cpu_allocation_ratio": 1.0,
}


def guards():
    """Return what each action asks of a server before it begins, a DataFrame.

    Out: one row per action: ``action`` as ``Cloud.act`` takes it, ``how`` (the reboot_type; the
    state of a reset; "soft" for a delete while ``reclaim_instance_interval`` is set; "kept" for a
    shelve while ``shelved_offload_time`` is -1), ``method``
    of the compute API that does it, ``vm_state`` and ``task_state`` it may begin in (names with
    commas, "any", or "none" for no task), ``must_have_launched``, ``refused_when_locked`` (for
    all but administrators), ``needs_host``, ``needs_host_up``, ``policy`` (the rule that keeps it
    for administrators, or empty) and ``played``: False where the lab knows the answer and no
    more. An action without a guard takes any state.

    >>> table = guards().set_index(["action", "how"])
    >>> table.loc[("stop", ""), ["method", "vm_state", "task_state"]].tolist()
    ['stop', 'active, error', 'none']

    Source: the decorators of nova/compute/api.py, Nova 34.0.0.
    """
    rows = []
    for action, how, arguments in _asked():
        wanted, guard, method = _entry(action, how, arguments)
        asked = servers.guards_of(action, wanted)
        rows.append(
            (
                action,
                how,
                method,
                _listed(guard.vm_state),
                _listed(guard.task_state),
                guard.must_have_launched,
                any(each.refused_when_locked for each in asked),
                guard.needs_host,
                guard.needs_host_up or wanted.needs_host_up,
                "" if RULES[wanted.rule] == PROJECT_MEMBER_OR_ADMIN else wanted.rule,
                wanted.modelled,
            )
        )
    return _frame(rows, GUARD_COLUMNS)


def transitions():
    """Return where each action leads from each vm_state that its guard allows, a DataFrame.

    Out: one row per action and vm_state: ``action`` and ``how`` as in ``guards()``; ``vm_state``
    before, ``to_vm_state`` when nothing moves any more, ``task_states`` in between (names with
    commas, each in the order of its save), ``power_state`` at the end, ``status`` of the
    answer. Nothing of it is written down anywhere: each row is one action played by itself in a
    Cloud of two hosts, on a server without a task that was brought into its vm_state by other
    actions. ``played`` is False, and the end empty, where the lab knows the answer only, or where
    none of the actions that it plays lead to that vm_state. Refused actions have no row. The
    two rows of "create" begin with what the API shows first, "building".

    >>> table = transitions()
    >>> stop = table.query("action == 'stop' and vm_state == 'active'").iloc[0]
    >>> stop.to_vm_state, stop.task_states
    ('stopped', 'powering-off')

    Source: the guards of nova/compute/api.py and what follows them, Nova 34.0.0.
    """
    return _frame(_transitions(), COLUMNS)


@functools.cache
def _transitions() -> tuple:
    return tuple(_rows())


def _rows():
    played = _Played()
    for how, faults in (("", ()), ("fails", (Fault("spawn", error="BuildAbortException"),))):
        yield "create", how, vm.BUILDING, *played.create(faults), True
    for asked in _asked():
        wanted, guard, _ = _entry(*asked)
        for vm_state in guard.vm_state or vm.ALL:
            if wanted.modelled and vm_state in played.ways:
                found = played.find(vm_state, asked)
                if found is not None:
                    yield *asked[:2], vm_state, *found, True
            elif vm_state != vm.DELETED:  # the row is gone, nothing can be asked of it
                yield *asked[:2], vm_state, "", "", "", wanted.status, False


class _Played:
    # ``ways`` maps each vm_state that was reached to the actions that lead there.

    def __init__(self):
        self._found = {}
        self.ways = {vm.BUILDING: None, vm.ACTIVE: ()}
        ends = [vm.ACTIVE]
        for vm_state in ends:  # it grows while it is gone through
            for asked in _asked():
                wanted, guard, _ = _entry(*asked)
                if not wanted.modelled or vm_state not in (guard.vm_state or vm.ALL):
                    continue
                found = self.find(vm_state, asked)
                if found and found[0] not in (*self.ways, vm.DELETED):
                    self.ways[found[0]] = (*self.ways[vm_state], asked)
                    ends.append(found[0])

    def find(self, vm_state, asked):
        """Return (to_vm_state, task_states, power_state, status); None if it is refused."""
        key = vm_state, *asked[:2]
        if key not in self._found:
            self._found[key] = self._play(vm_state, asked)
        return self._found[key]

    def create(self, faults=()):
        cloud = Cloud(Fleet({"host": host} | _HOST for host in ("cn-1", "cn-2")), faults=faults)
        status = cloud.create(NAME, SPEC)
        cloud.settle()
        return *_end(cloud), status

    def _play(self, vm_state, asked):
        cloud = self._cloud(vm_state)
        before = len(cloud.site.clock.records)
        try:
            status = _act(cloud, asked)
        except NovaException:
            return None
        to, tasks, power = _end(cloud, before)
        if vm_state == vm.BUILDING and to == vm.ACTIVE:
            to, tasks, power = vm_state, "", ""  # the build went on: not the action's doing
        return to, tasks, power, status

    def _cloud(self, vm_state):
        cloud = Cloud(Fleet({"host": host} | _HOST for host in ("cn-1", "cn-2")))
        cloud.create(NAME, SPEC)
        if vm_state == vm.BUILDING:
            while cloud.show(NAME)["task_state"] != task.SPAWNING:
                cloud.run(cloud.now + _LOOK_S)
            return cloud
        cloud.settle()
        for asked in self.ways[vm_state]:
            _act(cloud, asked)
        return cloud


def _act(cloud, asked):
    action, how, arguments = asked
    # An operator may change options between two actions; a lesson need not.
    cloud.site.options = cloud.site.options.replace(
        reclaim_instance_interval=_KEEP_S if how == "soft" else 0,
        shelved_offload_time=-1 if how == "kept" else 0,
    )
    if action == "evacuate":
        host = cloud.show(NAME)["host"]
        if host is not None:
            cloud.host_down(host, forced=True)
    status = cloud.act(NAME, action, **arguments)
    cloud.settle()
    return status


def _end(cloud, before=0):
    states = cloud.states
    last = states.iloc[-1]
    tasks = states.task_state[states.seq >= before].dropna()
    tasks = [name for name, _ in itertools.groupby(tasks)]
    return last.vm_state, ", ".join(tasks), last.power_state


def _asked():
    for action in servers.ACTIONS:
        for how, arguments in HOWS.get(action, {"": {}}).items():
            yield action, how, arguments


def _entry(action, how, arguments):
    wanted = servers.find(action, arguments)
    method = "soft_delete" if how == "soft" else wanted.guard or wanted.method
    return wanted, GUARDS.get(method, _UNGUARDED), method


def _listed(states) -> str:
    if states is ANY:
        return "any"
    return ", ".join("none" if state is None else state for state in states)


def _frame(rows, columns):
    import pandas as pd

    return pd.DataFrame(list(rows), columns=columns)
