"""What is left of a server in every place that keeps something of it, and what is wrong with that.

Each rule says what should hold when nothing is under way, and after "unless" when the real Nova
breaks it. A rule yields the end of a sentence that begins with the server's name.
"""

import copy
from dataclasses import dataclass

from labkit.nova.compute import power_state, task_states
from labkit.nova.compute import vm_states as vm
from labkit.nova.objects.instance_action import as_shown

#: A server in one of these may have no host, no guest and no resources.
_UNFINISHED = (vm.BUILDING, vm.ERROR, vm.DELETED)
#: The statuses of a move in which its source is meant to have something of the server: until it is
#: confirmed or reverted, or until the nova-compute of an evacuation's source starts again.
_SOURCE_KEEPS = {"resize": ("finished",), "migration": ("finished",), "evacuation": ("done",)}


def of_server(site, drivers, name) -> dict:
    """Return what is left of one server; see ``Cloud.books``."""
    uuid, db = site.uuid_of(name), site.db
    mapping, held = site.api_db.instance_mappings.get(uuid), site.allocations.held.get(uuid, {})
    return {
        "row": _row(site, uuid),
        "build_request": uuid in site.api_db.build_requests,
        "instance_mapping": mapping
        and {name: getattr(mapping, name) for name in ("cell", "queued_for_delete")},
        "allocations": {list(site.fleet.rows)[row]: held[row] for row in held},
        "ports": list(site.neutron.ports.get(name, ())),
        "guests": {
            host: power_state.STATE_MAP[driver.guests[uuid]]
            for host, driver in drivers.items()
            if uuid in driver.guests
        },
        "images": [key for key, image in site.glance.images.items() if image["instance"] == name],
        "actions": copy.deepcopy(as_shown(db.actions.get(uuid, ()))),
    }


def _row(site, uuid):
    row = site.db.instances.get(uuid)
    if row is None:
        return None
    return {
        "cell": site.db.cells[uuid],
        "deleted": row["deleted"],
        "vm_state": row["vm_state"],
        "task_state": row["task_state"],
        "power_state": power_state.STATE_MAP[row["power_state"]],
        "host": row["host"],
        "node": row["node"],
        "launched": row["launched_at"] is not None,
        "terminated": row["terminated_at"] is not None,
        "locked_by": row["locked_by"],
        "progress": row["progress"],
        "faults": list(site.db.faults.get(uuid, ())),
    }


def imbalances(site, drivers, rules=None) -> list[str]:
    """Return a sentence for each rule that a server breaks; none while something is under way."""
    if site.under_way:
        return []
    return [
        f"{name} {what}"
        for name, left in _left(site, drivers)
        for rule in rules or RULES
        for what in rule(left)
    ]


def _left(site, drivers):
    guests, images = {}, {}
    for host, driver in drivers.items():
        for uuid in driver.guests:
            guests.setdefault(uuid, []).append(host)
    for key, image in site.glance.images.items():
        images.setdefault(image["instance"], {})[key] = image["status"]
    hosts, db = list(site.fleet.rows), site.db
    for name, (uuid, _) in site.servers.items():
        request, row = site.api_db.build_requests.get(uuid), db.instances.get(uuid)
        yield (
            name,
            Left(
                row=row,
                cell=db.cells.get(uuid),
                deleted=row is not None and row["deleted"],
                request=request and request.values,
                mapping=site.api_db.instance_mappings.get(uuid),
                held=[hosts[row] for row in site.allocations.held.get(uuid, ())],
                moves=[
                    (move["migration_type"], move["status"], move["source_compute"], held)
                    for move in db.migrations.values()
                    if move["instance_uuid"] == uuid
                    for held in [move["uuid"] in site.allocations.held]
                ],
                ports=site.neutron.ports.get(name, []),
                wants_port=uuid not in site.without_network,
                guests=guests.get(uuid, []),
                images=images.get(name, {}),
                actions=db.actions.get(uuid, []),
            ),
        )


# -- the rules ------------------------------------------------------------------------------
@dataclass
class Left:
    """What is left of one server when nothing is under way.

    ``row`` and ``request`` (of the build request) are columns by name, ``cell`` is that of the
    row, ``held``, ``ports`` and ``guests`` list hosts, ``images`` maps an id to a status, ``moves``
    are (migration_type, status, source, whether it still holds resources).
    """

    row: dict | None
    cell: str | None
    deleted: bool
    request: dict | None
    mapping: object
    held: list
    moves: list
    ports: list
    wants_port: bool
    guests: list
    images: dict
    actions: list

    @property
    def gone(self) -> bool:
        """Whether the API finds the server nowhere."""
        return self.deleted or (self.row is None and self.request is None)

    @property
    def host(self) -> str | None:
        """The host that the row names."""
        return self.row["host"] if self.row is not None else None

    @property
    def lives(self) -> bool:
        """Whether the server was built and is not being deleted."""
        if self.gone or self.row is None or self.row["task_state"] == task_states.DELETING:
            return False
        return self.row["vm_state"] not in _UNFINISHED

    @property
    def offloaded(self) -> bool:
        """Whether the server is shelved and on no host."""
        return self.row is not None and self.row["vm_state"] == vm.SHELVED_OFFLOADED

    def elsewhere(self, hosts) -> list:
        """Return those of the hosts that are neither the server's nor a source that keeps its part."""
        kept = [
            source
            for kind, status, source, _ in self.moves
            if status in _SOURCE_KEEPS.get(kind, ())
        ]
        return [host for host in hosts if host not in (self.host, *kept)]


def nothing_hangs(left):
    """A server is in no task, unless a message was lost or the nova-compute that worked on it died."""
    if left.gone:
        return
    row = left.row or left.request
    if row["task_state"] is not None or row["vm_state"] == vm.BUILDING:
        yield f"is {row['vm_state']}, its task {row['task_state']}, and nobody is at it"


def gone_holds_nothing(left):
    """A deleted server has no allocation, unless it was deleted while it was rescheduled."""
    if left.gone and left.held:
        yield f"is gone and still holds resources on {', '.join(left.held)}"


def gone_has_no_port(left):
    """A deleted server has no port, unless Neutron failed to remove it."""
    if left.gone and left.ports:
        yield "is gone and still has a port"


def gone_has_no_guest(left):
    """A deleted server has no guest, unless its host was down or its row did not name the host."""
    if left.gone:
        for host in left.guests:
            yield f"is gone and its guest is still on {host}"


def gone_has_no_mapping(left):
    """A server that never had a row has no mapping, unless the conductor never got the message."""
    if left.gone and left.row is None and left.mapping is not None:
        yield "never had a row, is gone, and still has a mapping"


def deleted_is_queued_for_delete(left):
    """A deleted server was queued for delete, unless its host finished a delete that the API gave up."""
    if left.gone and left.mapping is not None and not left.mapping.queued_for_delete:
        yield "is gone, and its mapping does not say so"


def homeless_holds_nothing(left):
    """A server in error without a host holds nothing, unless Nova overlooks its allocation or guest.

    The allocation: when the second count finds the quota used up, when the host restarts before
    its own claim, when the scheduler's answer comes too late, after a rebuild. The guest: when the
    last save of the build is refused.
    """
    if not left.gone and left.row is not None and left.row["vm_state"] == vm.ERROR:
        if left.host is None and left.held:
            yield f"is in error, has no host, and holds resources on {', '.join(left.held)}"
        if left.host is None and left.ports:
            yield "is in error, has no host, and has a port"
        if left.host is None and left.guests:
            yield f"is in error, has no host, and its guest is on {left.guests[0]}"


def holds_what_it_uses(left):
    """A server with a host has an allocation there, unless an unfinished delete overtook its build."""
    if not left.gone and left.host is not None and left.host not in left.held:
        yield f"is on {left.host} and holds nothing there in placement"


def has_a_guest(left):
    """A built server has its guest and, if it asked for one, its port.

    Unless its host died while the guest was being destroyed, or resetState made it "active".
    """
    if not left.lives or left.offloaded:
        return
    if left.host not in left.guests:
        yield f"is on {left.host} and has no guest"
    if not left.ports and left.wants_port:
        yield f"is on {left.host} and has no port"


def ports_are_on_its_host(left):
    """The ports of a built server are on its host, unless another host failed to remove its own."""
    if left.lives and left.host is not None:
        for host in left.ports:
            if host != left.host:
                yield f"is on {left.host} and has a port on {host}"


def moved_holds_on_its_own_host(left):
    """A server has allocations on its own host only, unless a move failed late or its host died."""
    others = left.elsewhere(left.held)
    if not left.gone and left.host is not None and others:
        yield f"is on {left.host} and holds resources on {', '.join(others)}"


def moved_has_one_guest(left):
    """A server has a guest on its own host only.

    Unless a move failed late, its host died, or an evacuation's source has not come back.
    """
    others = left.elsewhere(left.guests)
    if not left.gone and ((left.host is not None and others) or len(others) > 1):
        yield f"is on {left.host}, its guest on {', '.join(left.guests)}"


def offloaded_has_nothing(left):
    """An offloaded server has neither allocation nor guest, unless its host died."""
    if not left.gone and left.offloaded and (left.held or left.guests):
        yield f"is offloaded, and {', '.join(left.held + left.guests)} still has something of it"


def over_holds_nothing(left):
    """A move that is over holds nothing on its source.

    Unless it failed late, its host died, or the server was deleted meanwhile.
    """
    for kind, status, source, held in left.moves:
        if held and (left.gone or status != "finished"):
            yield f"has a {kind} that is {status} and still holds resources on {source}"


def every_part_ended(left):
    """Each event of an action has an end, unless the nova-compute that worked on it died.

    Of two events of one name only the first: Nova writes the end of the second there.
    """
    for action in left.actions:
        seen = set()
        for event in action.events:
            if event["result"] is None and event["event"] not in seen:
                yield f"has a part of its {action.action} without an end, {event['event']}"
            seen.add(event["event"])


def no_image_waits(left):
    """No image waits for its data, unless the upload was never asked for, died, or met no server."""
    for key, status in left.images.items():
        if status != "active":
            yield f"has an image whose data never came, {key}"


RULES = (
    nothing_hangs,
    gone_holds_nothing,
    gone_has_no_port,
    gone_has_no_guest,
    gone_has_no_mapping,
    deleted_is_queued_for_delete,
    homeless_holds_nothing,
    holds_what_it_uses,
    has_a_guest,
    ports_are_on_its_host,
    moved_holds_on_its_own_host,
    moved_has_one_guest,
    offloaded_has_nothing,
    over_holds_nothing,
    every_part_ended,
    no_image_waits,
)
