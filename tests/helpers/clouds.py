"""Cases of clouds of several servers (data/nova-34/clouds.json.gz), played in a Cloud.

A case is data: hosts, options and steps, see data/nova-34/README.md.
"""

import json
import uuid
from collections import Counter

from labkit import BaseHostWeigher, Cloud, Fault, Flavor, Fleet, Options, RequestSpec
from labkit.nova import exception
from labkit.nova.api.openstack import servers
from labkit.nova.compute import power_state
from labkit.nova.objects import Aggregate, Destination, ImageMeta, InstanceGroup
from labkit.nova.service import expected
from tests.helpers.lives import DURATIONS, STEPS, UUID
from tests.helpers.replay import masked

HELD_S = 1500.0  # how long somebody waits at a held step: no call is given up meanwhile
ARRIVES_S = 12.0  # until then he has arrived
CALM_S = 10.0  # while somebody waits a step is over when for so long nothing has happened
AT_ONCE = {"memory_copy": 1.0}  # it is no calm while a guest is on its way
PROJECT = RequestSpec(Flavor(1, 1)).project_id


class CannotAskError(Exception):
    """A Cloud has no words for this."""


class HostNameWeigher(BaseHostWeigher):
    """Prefer the host with the first name, as HostNameWeigher of Nova's tests does."""

    def _weigh_object(self, host_state, weight_properties):
        return {"host1": 100, "host2": 50, "host3": 10}.get(host_state.host, 0)


class Player:
    """One case in one Cloud."""

    def __init__(self, case):
        self.case = case
        self.names = []
        self.groups = {
            name: InstanceGroup(each["policy"], rules=dict(each["rules"]), project_id=PROJECT)
            for name, each in case["groups"].items()
        }
        self.held = False
        self.cloud = Cloud(
            Fleet([row(host, each) for host, each in case["hosts"].items()], aggregates(case)),
            options(case),
            durations=DURATIONS | AT_ONCE,
            quota=limits(case["quota"].get("project", {})),
            user_quota={"owner": limits(case["quota"].get("user", {}))},
        )
        self.cloud.site.glance.registered = "active"  # as Nova's fake Glance says

    def step(self, step):
        """Do a step; what was answered, and how all stands then."""
        given = dict(step)
        held, do = given.pop("held", None), given.pop("do")
        if held:
            self.hold(held)
        if do in OTHERS:
            OTHERS[do](self, **given)
            answer = None
        else:
            answer = self.ask(do, **given)
        if held:
            self.cloud.run(self.cloud.now + ARRIVES_S)
        elif self.held:
            self.calm()
        else:
            self.cloud.settle()
        return {"answer": answer, "after": self.after()}

    def calm(self):
        """Let time pass until nothing happens any more, though somebody waits."""
        trace, before = self.cloud.site.clock.records, None
        while before != len(trace):
            before = len(trace)
            self.cloud.run(self.cloud.now + CALM_S)

    # -- asking ---------------------------------------------------------------------------
    def ask(self, do, server, user, **given):
        """Ask for a server or an action; the answer."""
        who = {"as_user": user}
        if do != "create" and server not in self.names:
            return None
        try:
            if do == "create":
                spec, count = self.spec(**given), given.get("count", 1)
                status = self.cloud.create(server, spec, **who)
                names = [server] if count == 1 else [f"{server}-{k + 1}" for k in range(count)]
                self.names += names
            else:
                status = self.cloud.act(server, do, **who, **self.arguments(do, given))
        except Exception as error:
            if not expected(error) or isinstance(error, exception.NotModelled):
                raise
            table = self.cloud.requests
            return [int(table.status.iloc[-1]), masked(table.answer.iloc[-1])]
        return [status, ""]

    def spec(self, flavor, **given):
        hints = {name: self.hint(name, each) for name, each in given.get("hints", {}).items()}
        fields = {"num_instances": given.get("count", 1), "scheduler_hints": hints}
        fields["availability_zone"] = given.get("zone")
        fields["image"] = self.image(given.get("image", "image"))
        if "group" in given:
            fields["instance_group"] = self.groups[given["group"]]
        for name, field in (("force_host", "force_hosts"), ("force_node", "force_nodes")):
            if name in given:
                fields[field] = [given[name]]
        if "host" in given or "node" in given:
            place = Destination(host=given.get("host"), node=given.get("node"))
            fields["requested_destination"] = place
        return RequestSpec(self.flavor(flavor), **fields)

    def hint(self, name, given):
        if name in ("same_host", "different_host"):
            return [each for each in given if each in self.names]
        return given

    def arguments(self, do, given):
        made = {"flavor": self.flavor, "image": self.image}
        if "microversion" not in servers.ACTIONS[do].arguments:
            given.pop("microversion", None)  # what it allows is allowed in the lab all the same
        return {name: made.get(name, lambda each: each)(value) for name, value in given.items()}

    def flavor(self, name):
        vcpus, memory_mb, root_gb, extra = self.case["flavors"][name]
        return Flavor(vcpus, memory_mb, root_gb, extra_specs=extra, name=name, flavorid=f"f-{name}")

    def image(self, name):
        if name == "image":
            return ImageMeta(UUID)
        return ImageMeta(str(uuid.uuid5(uuid.NAMESPACE_DNS, name)), **self.case["images"][name])

    # -- what else happens ----------------------------------------------------------------
    def hold(self, held):
        self.held = True
        self.add(held["step"], held["host"], delay_s=HELD_S)

    def let_go(self):
        """Who waits goes on, and nobody waits any more."""
        self.held = False
        self.mend()

    def add(self, step, host, **fields):
        kind, at = STEPS.get(step, step), None
        if step.startswith("handle "):
            kind, at = "message", step.removeprefix("handle ")
        self.cloud.add_fault(Fault(kind, host=host, at=at, **fields))

    def fault(self, step, host, raises, times):
        self.add(step, host, error=raises, times=times)

    def mend(self):
        self.cloud.site.faults.clear()

    def host_down(self, host, forced):
        self.cloud.host_down(host, forced=forced)

    def host_up(self, host):
        self.cloud.host_up(host)

    def disable(self, host):
        self.cloud.site.fleet.set_service(host, "disabled", True)

    def enable(self, host):
        self.cloud.site.fleet.set_service(host, "disabled", False)

    def heartbeat(self, host, age_s):
        self.cloud.site.fleet.set_service(host, "heartbeat_age_s", float(age_s))

    def periodic(self, task, host):
        try:
            self.cloud.periodic(task, host)
        except ValueError as error:
            raise CannotAskError(str(error)) from None

    def guest(self, server, state):
        act = {"shutdown": self.cloud.guest_stops, "running": self.cloud.guest_starts}
        if self.cloud.books(server)["guests"]:
            act[state](server)

    def age(self, server, column, seconds):
        self.cloud.site.db.instances[self.cloud.site.uuid_of(server)][column] -= seconds

    def quota(self, project):
        self.cloud.site.quota.clear()
        self.cloud.site.quota.update(limits(self.case["quota"].get("project", {}) | project))

    # -- looking --------------------------------------------------------------------------
    def after(self):
        """How all stands, in the form of the recording."""
        site, shown = self.cloud.site, {}
        uuids = {site.uuid_of(name): name for name in self.names}
        moves, migrations = {}, []
        for move in site.db.migrations.values():
            name = uuids[move["instance_uuid"]]
            moves[move["uuid"]] = f"migration of {name}"
            columns = ("migration_type", "status", "source_compute", "dest_compute")
            migrations.append([name, *(move[column] for column in columns)])
        for name in self.names:
            shown[name] = self.shown(name)
        return {
            "servers": shown,
            "guests": self.guests(uuids),
            "allocations": self.allocations(uuids | moves),
            "migrations": migrations,
        }

    def shown(self, name):
        shown, books = self.cloud.show(name), self.cloud.books(name)
        if shown is None:
            return None
        keys = ("status", "vm_state", "task_state", "power_state", "host")
        row = books["row"]
        faults = [[each["code"], masked(each["message"])] for each in row["faults"]] if row else []
        spec = self.cloud.site.servers[name][1]
        stored = self.cloud.site.db.instances.get(self.cloud.site.uuid_of(name))
        flavor = (stored and stored.get("flavor")) or spec.flavor
        return {key: shown[key] for key in keys} | {
            "locked_by": row and row["locked_by"],
            "flavor": flavor.name,
            "faults": faults,
        }

    def guests(self, uuids):
        found = {}
        for host, driver in sorted(self.cloud.drivers.items()):
            states = {uuids[key]: power_state.STATE_MAP[s] for key, s in driver.guests.items()}
            if states:
                found[host] = dict(sorted(states.items()))
        return found

    def allocations(self, names):
        rows, found = list(self.cloud.site.fleet.rows), {}
        for consumer, held in self.cloud.site.allocations.held.items():
            for number, resources in held.items():
                found.setdefault(rows[number], {})[names[consumer]] = dict(resources)
        return found


#: Steps that nobody asks the API for.
OTHERS = {
    name: getattr(Player, name)
    for name in """let_go fault mend host_down host_up disable enable heartbeat periodic guest age
    quota""".split()
}


def row(host, size):
    """A host as Nova's fake driver has it."""
    return {
        "host": host,
        "total_usable_ram_mb": size["memory_mb"],
        "free_ram_mb": size["memory_mb"] - 512,
        "total_usable_disk_gb": size["local_gb"],
        "free_disk_mb": size["local_gb"] * 1024,
        "vcpus_total": size["vcpus"],
        "cell_uuid": size["cell"],
        "host_ip": "127.0.0.1",
        "supported_instances": [["x86_64", "fake", "hvm"]],
    }


def aggregates(case):
    """The aggregates of a case."""
    return [Aggregate(each["name"], each["hosts"], each["metadata"]) for each in case["aggregates"]]


def options(case):
    """The options of a case."""
    names = "sync_power_state update_resources running_deleted_instance_poll".split()
    values = {f"{name}_interval": -1 for name in names}
    values["handle_virt_lifecycle_events"] = False  # the recorder's driver tells of no guest
    values["weight_classes"] = [HostNameWeigher]
    values |= {name: value for _, name, value in case["options"]}
    names = {"HostNameWeigher": HostNameWeigher}
    values["weight_classes"] = [names.get(each, each) for each in values["weight_classes"]]
    return Options(**values)


def limits(quota):
    """A quota without what -1 does not limit."""
    return {name: limit for name, limit in quota.items() if limit >= 0}


def counts(case):
    """How much happens in a case."""
    found = Counter(steps=len(case["steps"]), servers=len(case["nova"][-1]["after"]["servers"]))
    for each in case["nova"]:
        if each["answer"]:
            found["refused" if each["answer"][0] >= 400 else "accepted"] += 1
    return found


def differences(case):
    """Play a case; the lines that tell where the Cloud and Nova differ, none if they do not."""
    try:
        player = Player(case)
    except Exception as error:
        return [f"before the first step: {type(error).__name__}: {error}"]
    for number, (step, nova) in enumerate(zip(case["steps"], case["nova"], strict=True)):
        label = f"step {number}, {step['do']} {step.get('server') or step.get('host') or ''}"
        try:
            ours = player.step(step)
        except Exception as error:
            return [f"{label}: {type(error).__name__}: {error}"]
        lines = _compare(label, nova, ours)
        if lines:  # what follows only follows
            return lines
    return []


def _compare(label, nova, ours):
    lines = []
    if nova["answer"] != ours["answer"]:
        lines.append(f"{label}: answer: nova {nova['answer']}, lab {ours['answer']}")
    for part, mine in ours["after"].items():
        theirs = nova["after"][part]
        if part == "migrations":
            theirs, mine = sorted(theirs, key=str), sorted(mine, key=str)
        if theirs != mine:
            lines += _parts(f"{label}: {part}", theirs, mine)
    return lines


def _parts(label, theirs, mine):
    if isinstance(theirs, dict) and isinstance(mine, dict):
        names = sorted(theirs.keys() | mine.keys())
        return [
            line
            for name in names
            if theirs.get(name) != mine.get(name)
            for line in _parts(f"{label} {name}", theirs.get(name), mine.get(name))
        ]
    return [f"{label}: nova {json.dumps(theirs)}, lab {json.dumps(mine)}"]
