"""What must hold of a server that has moved, when nothing is under way any more."""

#: The statuses of a move in which its source still has something of the server, and rightly:
#: until it is confirmed or reverted, or the nova-compute of an evacuation's source starts again.
RIGHTLY = {"resize": ("finished",), "migration": ("finished",), "evacuation": ("done",)}


def left_behind(left) -> list:
    """Return the hosts that still have something of a server after a move, and rightly."""
    return [source for kind, status, source, _ in left.moves if status in RIGHTLY.get(kind, ())]


def holds_elsewhere(left):
    """Yield that a server holds something on another host than it is on, and wrongly."""
    others = [host for host in left.held if host not in (left.host, *left_behind(left))]
    if left.host is not None and others:
        yield f"is on {left.host} and holds resources on {', '.join(others)}"


def guest_elsewhere(left):
    """Yield that a server has a guest on another host than it is on, and wrongly."""
    others = [host for host in left.guests if host not in (left.host, *left_behind(left))]
    if (left.host is not None and others) or len(others) > 1:
        yield f"is on {left.host}, its guest on {', '.join(left.guests)}"


def moved_holds_on_its_own_host(left):
    """What a server holds that has moved it holds on its own host, unless the move failed late,
    or who was at it died.
    """
    if not left.gone:
        yield from holds_elsewhere(left)


def moved_has_one_guest(left):
    """A server that has moved left no guest behind, unless the move failed late, or who was at it
    died, or an evacuation's source has not come back.
    """
    if not left.gone:
        yield from guest_elsewhere(left)


def offloaded_has_nothing(left):
    """What is shelved and offloaded holds nothing and has no guest, unless its host died."""
    if not left.gone and left.offloaded and (left.held or left.guests):
        yield f"is offloaded, and {', '.join(left.held + left.guests)} still has something of it"


def over_holds_nothing(left):
    """A move holds the resources of its source until it is over, unless it failed late, who was
    at it died, or the server was deleted meanwhile.
    """
    for kind, status, source, held in left.moves:
        if held and (left.gone or status not in ("finished",)):
            yield f"has a {kind} that is {status} and still holds resources on {source}"
