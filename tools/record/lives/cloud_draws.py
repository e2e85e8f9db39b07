"""Random clouds of several servers, as data: the same for the same seed and number.

Each is of one kind (number modulo the kinds): groups, hints, zones, sizes, people, faults, Nova's own
weighers, cells; what happens in it is drawn from what all have in common and from what its kind adds.
"""

import random

from tools.record.lives import cloud_steps as words
from tools.record.lives.cloud_steps import admin, ask, create, down, fault, held, periodic, up

KINDS = "groups hints zones sizes people faults weighers cells".split()
STEPS = (3, 6)  # how much happens, from and to
SMALL = ("small", "small", "two", "five", "big", "half")
PEOPLE = ("owner", "owner", "owner", "admin", "manager", "colleague", "reader", "other")
POLICIES = ("affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity")
FAULTS = ("claim", "spawn", "finish_migration", "check_can_live_migrate_destination")


def draw(seed, number):
    """The case of a seed and a number."""
    return Draw(random.Random(f"{seed} {number}"), KINDS[number % len(KINDS)]).case()


class Draw:
    """One case in the making."""

    def __init__(self, rng, kind):
        self.rng = rng
        self.kind = kind
        self.names = iter("abcdefghijklmnop")
        self.servers = []
        self.groups = {}
        self.zones = {}
        self.quota = {}
        self.options = {}
        self.hosts = {f"host{k + 1}": {} for k in range(rng.choice((2, 3, 3)))}
        getattr(self, f"begin_{kind}", lambda: None)()

    def case(self):
        """The whole case."""
        steps = [*self.creates(), *self.creates()]
        ways = [*self.common(), *getattr(self, f"ways_{self.kind}", list)()]
        weights = [weight for weight, _ in ways]
        for _ in range(self.rng.randint(*STEPS)):
            ((_, way),) = self.rng.choices(ways, weights)
            steps += way()
        aggregates = words.zones(**self.zones)
        note = f"random, {self.kind}"
        fields = {"groups": self.groups, "quota": self.quota, "aggregates": aggregates}
        return words.case(note, steps, hosts=self.hosts, options=self.options, **fields)

    # -- what the kinds begin with ----------------------------------------------------------
    def begin_groups(self):
        for name in "gh"[: self.rng.choice((1, 1, 2))]:
            policy = self.rng.choice(POLICIES)
            rules = {}
            if policy == "anti-affinity" and self.rng.random() < 0.4:
                rules["max_server_per_host"] = self.rng.choice((1, 2))
            self.groups[name] = words.group(policy, **rules)
        self.options |= words.SOFT

    def begin_hints(self):
        self.options |= words.filters("DifferentHostFilter", "SameHostFilter", "JsonFilter")

    def begin_zones(self):
        self.hosts = {f"host{k}": {} for k in (1, 2, 3)}
        pairs = ((["host1"], ["host2", "host3"]), (["host1", "host3"], ["host2"]))
        north, south = self.rng.choice(pairs)
        self.zones = {"north": north, "south": south}

    def begin_people(self):
        limits = {"instances": (2, 3, 4), "cores": (3, 5, 8), "ram": (1536, 3072)}
        for name in self.rng.sample(sorted(limits), self.rng.choice((0, 1, 2))):
            self.quota.setdefault("project", {})[name] = self.rng.choice(limits[name])
        if self.rng.random() < 0.3:
            self.options["reclaim_instance_interval"] = 3600

    def begin_faults(self):
        self.options["max_attempts"] = self.rng.choice((1, 2, 3))

    def begin_weighers(self):
        count, draw = self.rng.choice((3, 4)), self.rng.sample
        sizes = zip(
            draw((10, 12, 14, 18, 22), count),
            draw((7168, 8704, 9984, 11776, 13312), count),
            draw((61, 83, 107, 149, 211), count),
            strict=True,
        )
        columns = ("vcpus", "memory_mb", "local_gb")
        for number, size in enumerate(sizes):
            self.hosts[f"host{number + 1}"] = dict(zip(columns, size, strict=True))
        self.options |= words.OWN
        names = [f"{what}_weight_multiplier" for what in ("ram", "cpu", "disk", "io_ops")]
        for name in self.rng.sample(names, 2):
            self.options[name] = self.rng.choice((-2.0, -1.0, 0.5, 3.0))

    def begin_cells(self):
        self.hosts = {"host1": {}, "host2": {"cell": "cell2"}, "host3": {}}
        if self.rng.random() < 0.4:
            self.groups["g"] = words.group(self.rng.choice(POLICIES[:2]))

    # -- what may happen -------------------------------------------------------------------
    def common(self):
        """What happens in every kind: how often, and what."""
        return [
            (6, self.creates),
            (2, self.deletes),
            (2, self.migrates),
            (2, self.resizes),
            (2, self.moves_live),
            (1, self.shelves),
            (1, self.evacuates),
            (1, self.restarts),
        ]

    def ways_sizes(self):
        return [(6, self.rebuilds), (6, self.resizes)]

    def ways_zones(self):
        return [(3, self.moves_to_host), (2, self.disables), (2, self.shelves)]

    def ways_hints(self):
        return [(3, self.creates)]

    def ways_people(self):
        return [(8, self.asks), (3, self.locks), (2, self.deletes), (1, self.asks_for_host)]

    def ways_faults(self):
        return [(4, self.fails), (4, self.meanwhile)]

    def ways_weighers(self):
        return [(6, self.creates), (1, self.fails), (1, self.meanwhile)]

    def ways_cells(self):
        return [(3, self.moves_to_host)]

    def user(self):
        return self.rng.choice(PEOPLE) if self.kind == "people" else "owner"

    def one(self):
        return self.rng.choice(self.servers)

    def host(self):
        return self.rng.choice(sorted(self.hosts))

    def creates(self):
        name, given = next(self.names), {}
        flavor = self.rng.choice(SMALL)
        if self.kind == "people" and self.rng.random() < 0.1:
            flavor = "zero"
        if self.groups and self.rng.random() < 0.8:
            given["group"] = self.rng.choice(sorted(self.groups))
        if self.zones and self.rng.random() < 0.6:
            given["zone"] = self.rng.choice((*self.zones, *self.zones, "east", "nova"))
        if self.kind == "hints" and self.servers and self.rng.random() < 0.8:
            hint = self.rng.choice(("different_host", "same_host"))
            given["hints"] = {hint: [self.one()]}
        if self.kind == "sizes" and self.rng.random() < 0.6:
            given["image"] = self.rng.choice(("disk1", "disk2", "disk5", "ram1024", "debian"))
        if self.kind not in ("hints", "people") and self.rng.random() < 0.1:
            given["count"] = 2
        self.servers += [name] if "count" not in given else [f"{name}-1", f"{name}-2"]
        return [create(name, flavor, self.user(), **given)]

    def deletes(self):
        name = self.one()
        steps = [ask(name, "delete", self.user())]
        if "reclaim_instance_interval" in self.options and self.rng.random() < 0.6:
            steps += [*self.creates(), ask(name, "restore")]
        return steps

    def ended(self, name):
        return [ask(name, self.rng.choice(("confirmResize", "confirmResize", "revertResize")))]

    def migrates(self):
        name = self.one()
        return [admin(name, "migrate"), *self.between(), *self.ended(name)]

    def resizes(self):
        name = self.one()
        flavor = self.rng.choice(SMALL)
        return [ask(name, "resize", flavor=flavor), *self.between(), *self.ended(name)]

    def between(self):
        return self.creates() if self.rng.random() < 0.3 else []

    def moves_live(self):
        return [admin(self.one(), "migrateLive")]

    def moves_to_host(self):
        name, action = self.one(), self.rng.choice(("migrate", "migrateLive"))
        steps = [admin(name, action, host=self.rng.choice((*sorted(self.hosts), "host9")))]
        return steps + (self.ended(name) if action == "migrate" else [])

    def shelves(self):
        name, given = self.one(), {}
        user = "owner"
        if self.zones and self.rng.random() < 0.5:
            given["availability_zone"] = self.rng.choice((*self.zones, "east"))
        elif self.kind in ("zones", "cells") and self.rng.random() < 0.4:
            given["host"], user = self.host(), "admin"
        steps = [ask(name, "shelve"), admin(name, "shelveOffload"), *self.between()]
        return [*steps, ask(name, "unshelve", user, **given)]

    def evacuates(self):
        host, given = self.host(), {}
        if self.kind in ("zones", "cells") and self.rng.random() < 0.5:
            given["host"] = self.host()
        steps = [down(host), admin(self.one(), "evacuate", **given), *self.between()]
        return [*steps, admin(self.one(), "evacuate"), up(host)]

    def restarts(self):
        host, name = self.host(), self.one()
        gone = self.rng.choice(([], [ask(name, "delete")], [ask(name, "stop")]))
        reap = [periodic("_cleanup_running_deleted_instances", host)]
        return [
            down(host, forced=self.rng.random() < 0.5),
            *gone,
            up(host),
            *(reap if gone else []),
        ]

    def disables(self):
        host = self.host()
        step = {"do": "disable", "host": host}
        return [step, *self.creates(), {"do": "enable", "host": host}]

    def rebuilds(self):
        images = ("image", "disk1", "disk2", "disk5", "ram1024", "debian", "gib2", "arm")
        return [ask(self.one(), "rebuild", image=self.rng.choice(images))]

    def asks(self):
        actions = "stop start pause unpause shelve unshelve rescue unrescue delete".split()
        return [ask(self.one(), self.rng.choice(actions), self.user())]

    def asks_for_host(self):
        name, user = next(self.names), self.user()
        self.servers.append(name)
        given = self.rng.choice(({"host": "host1"}, {"zone": "nova", "force_host": "host1"}))
        return [
            create(name, "small", user, **given),
            ask(self.one(), "migrate", user, host="host2"),
        ]

    def locks(self):
        name = self.one()
        who = [self.user() for _ in range(4)]
        return [
            ask(name, "lock", who[0]),
            ask(name, "stop", who[1]),
            ask(name, "unlock", who[2]),
            ask(name, "start", who[3]),
        ]

    def fails(self):
        step, host = self.rng.choice(FAULTS), self.host()
        kind = "ComputeResourcesUnavailable"
        if step.startswith("check"):
            kind = "MigrationPreCheckError"
        way = self.rng.choice((self.creates, self.migrates, self.resizes, self.moves_live))
        return [fault(step, host, kind), *way(), words.MEND]

    def meanwhile(self):
        (first,) = self.creates()
        second = self.rng.choice((self.creates, self.deletes, self.moves_live))()
        return [held(first, "spawn"), *second, words.LET_GO]
