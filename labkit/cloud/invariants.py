"""What must hold of a server when nothing is under way any more, one rule to a sentence.

ALWAYS, whatever went wrong; UNLESS, but for what Nova itself leaves behind when the wrong thing
fails at the wrong time. Each rule yields what is wrong, as the end of a sentence that begins with
the server's name.
"""

from dataclasses import dataclass

from labkit.cloud.invariants_moves import (
    guest_elsewhere,
    holds_elsewhere,
    moved_has_one_guest,
    moved_holds_on_its_own_host,
    offloaded_has_nothing,
    over_holds_nothing,
)
from labkit.nova.compute import task_states
from labkit.nova.compute import vm_states as vm

#: A server in one of these may have no host, no guest and no resources.
_UNFINISHED = (vm.BUILDING, vm.ERROR, vm.DELETED)


@dataclass
class Left:
    """What is left of one server, for the rules below, when nothing is under way.

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
        """Whether the server was built and is not about to go."""
        if self.gone or self.row is None or self.row["task_state"] == task_states.DELETING:
            return False
        return self.row["vm_state"] not in _UNFINISHED

    @property
    def offloaded(self) -> bool:
        """Whether the server is shelved and on no host."""
        return self.row is not None and self.row["vm_state"] == vm.SHELVED_OFFLOADED


# -- whatever went wrong ------------------------------------------------------------------
def mapping_names_the_cell(left):
    """The mapping of a row names its cell; none as long as the build request is there."""
    if left.row is None:
        return
    if left.mapping is None:
        yield "has a row and no mapping"
    elif left.mapping.cell not in (left.cell, None):
        yield f"is in {left.cell}, its mapping says {left.mapping.cell}"
    elif left.mapping.cell is None and left.request is None and not left.deleted:
        yield "has a row that nobody can find"


def states_are_novas(left):
    """A row has one of Nova's vm_states and one of its task_states, or no task."""
    if left.row is None:
        return
    if left.row["vm_state"] not in vm.ALL:
        yield f"has the vm_state {left.row['vm_state']!r}"
    if left.row["task_state"] not in (None, *task_states.ALL):
        yield f"has the task_state {left.row['task_state']!r}"


def built_has_a_host(left):
    """What was built has a host and was launched; resetState says of anything that it was built."""
    if any(action.action == "resetState" for action in left.actions):
        return
    homeless = left.host is None and not left.offloaded
    if left.lives and (homeless or left.row["launched_at"] is None):
        yield f"is {left.row['vm_state']} and was never launched on a host"


def holds_on_its_own_host(left):
    """What a server holds that never moved it holds on the host that its row names, if any."""
    if not left.moves:
        yield from holds_elsewhere(left)


def one_guest(left):
    """A server that never moved has one guest at most, and none elsewhere than its row says."""
    if not left.moves:
        yield from guest_elsewhere(left)


def failed_part_marks_the_action(left):
    """An action of which a part ended in an error says so."""
    for action in left.actions:
        failed = any(event["result"] == "Error" for event in action.events)
        if failed and action.message != "Error":
            yield f"has a part of its {action.action} that failed, and the action does not say so"


def early_request_has_nothing(left):
    """As long as there is only a build request there is neither port nor guest nor action."""
    early = left.row is None and left.request is not None
    if early and (left.ports or left.guests or left.actions):
        yield "is a build request, and has more than that"


# -- but for what Nova leaves behind ------------------------------------------------------
def nothing_hangs(left):
    """A server is in no task, unless the message was lost or who had it died."""
    if left.gone:
        return
    row = left.row or left.request
    if row["task_state"] is not None or row["vm_state"] == vm.BUILDING:
        yield f"is {row['vm_state']}, its task {row['task_state']}, and nobody is at it"


def gone_holds_nothing(left):
    """What is gone holds nothing in placement, unless it was deleted on its way to an alternate."""
    if left.gone and left.held:
        yield f"is gone and still holds resources on {', '.join(left.held)}"


def gone_has_no_port(left):
    """What is gone has no port, unless Neutron failed when it was to be removed."""
    if left.gone and left.ports:
        yield "is gone and still has a port"


def gone_has_no_guest(left):
    """What is gone has no guest, unless its host was down, or the row no longer named the host."""
    if left.gone:
        for host in left.guests:
            yield f"is gone and its guest is still on {host}"


def gone_has_no_mapping(left):
    """What never had a row has no mapping, unless the conductor never heard of it."""
    if left.gone and left.row is None and left.mapping is not None:
        yield "never had a row, is gone, and still has a mapping"


def deleted_is_queued_for_delete(left):
    """What is gone was queued for delete, unless its host ended a delete that the API had given up."""
    if left.gone and left.mapping is not None and not left.mapping.queued_for_delete:
        yield "is gone, and its mapping does not say so"


def homeless_holds_nothing(left):
    """A server in error without a host holds nothing, unless what it got was overlooked.

    What the scheduler claimed, when the quota is gone by the second count, when the host starts
    again before its own claim, when the answer comes too late, or for a rebuild; the guest, when the last save of
    the build is refused.
    """
    if not left.gone and left.row is not None and left.row["vm_state"] == vm.ERROR:
        if left.host is None and left.held:
            yield f"is in error, has no host, and holds resources on {', '.join(left.held)}"
        if left.host is None and left.ports:
            yield "is in error, has no host, and has a port"
        if left.host is None and left.guests:
            yield f"is in error, has no host, and its guest is on {left.guests[0]}"


def holds_what_it_uses(left):
    """A server with a host holds resources there, unless a delete overtook its build and then
    did not come to its end.
    """
    if not left.gone and left.host is not None and left.host not in left.held:
        yield f"is on {left.host} and holds nothing there in placement"


def has_a_guest(left):
    """A server that was built has its guest and, if one was asked for, its port.

    Unless its host died while the guest was being destroyed, or resetState says that it was built.
    """
    if not left.lives or left.offloaded:
        return
    if left.host not in left.guests:
        yield f"is on {left.host} and has no guest"
    if not left.ports and left.wants_port:
        yield f"is on {left.host} and has no port"


def ports_are_on_its_host(left):
    """The ports of a server that was built are on its host, unless another could not remove its own."""
    if left.lives and left.host is not None:
        for host in left.ports:
            if host != left.host:
                yield f"is on {left.host} and has a port on {host}"


def every_part_ended(left):
    """Each part of an action has its end, unless who was at it died.

    Of two parts of one name only the first: Nova writes the end of the second there.
    """
    for action in left.actions:
        seen = set()
        for event in action.events:
            if event["result"] is None and event["event"] not in seen:
                yield f"has a part of its {action.action} without an end, {event['event']}"
            seen.add(event["event"])


def no_image_waits(left):
    """No image waits for its data, unless who was to upload it died, was never asked, or came to a
    server that was gone.
    """
    for key, status in left.images.items():
        if status != "active":
            yield f"has an image whose data never came, {key}"


ALWAYS = (
    mapping_names_the_cell,
    states_are_novas,
    built_has_a_host,
    holds_on_its_own_host,
    one_guest,
    failed_part_marks_the_action,
    early_request_has_nothing,
)
UNLESS = (
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
