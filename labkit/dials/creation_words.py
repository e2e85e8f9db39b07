"""What can go wrong in a create, and what became of it, in words."""

from __future__ import annotations

from typing import NamedTuple

from labkit.cloud.cloud import Cloud
from labkit.nova.clock import Reply
from labkit.plots.figure import broken, listed
from labkit.plots.timeline import UNDONE, Event, beside, look_of


class Choice(NamedTuple):
    """A fault to choose: what its button says, the words for it and where, and its moment."""

    label: str
    words: str = ""
    at: str | None = None


#: What can go wrong, in the order of the road, by ``Fault.step``.
FAULTS = {
    "none": Choice("none"),
    "message": Choice(
        "message lost", "build_and_run_instance to {} is lost", "build_and_run_instance"
    ),
    "claim": Choice("claim", "claim fails on {}"),
    "network": Choice("network", "network fails on {}"),
    "block_device_mapping": Choice("block_device_mapping", "block_device_mapping fails on {}"),
    "image": Choice("image", "image fails on {}"),
    "spawn": Choice("spawn", "spawn fails on {}"),
    "host_down": Choice("host down", "nova-compute of {} dies at spawning", "spawning"),
    "database": Choice(
        "database conflict", "the save of spawning on {} comes too late", "spawning"
    ),
    "delete": Choice("delete in the middle", "a delete arrives at spawning on {}", "spawning"),
}


def said(cloud: Cloud, name: str, most: int) -> str:
    """What became of the server, who cleaned up, what is left, and what the API says."""
    attempts = cloud.messages["method"].eq("build_and_run_instance").sum()
    shown = cloud.show(name)
    if shown is None:
        words = f"{name} is gone"
    elif shown["vm_state"] == "building":
        words = f"{name} stays {shown['status']}, task_state {shown['task_state']},"
        words += f" on {shown['host'] or 'no host'}"
    else:
        words = f"{name} is {shown['status']} on {shown['host'] or 'no host'}"
    words += f" after {cloud.now:.1f} s and {attempts} attempt{'' if attempts == 1 else 's'}"
    words += f" of {most}"
    left = [] if shown and shown["status"] == "ACTIVE" else _left(cloud, name)
    cleaned = _cleaned(cloud) or ("nobody cleans up" if left else "")
    words += f"; {cleaned}" if cleaned else ""
    words += f", {listed(left, 4)} stay{'s' if len(left) == 1 else ''}" if left else ""
    if shown and shown["host"] is None and (cloud.books(name)["row"] or {}).get("cell") == "cell0":
        words += "; its row is in cell0"
    return f"{words}. {_api(cloud, name)}".strip()


def _cleaned(cloud: Cloud) -> str:
    """Which services took away what."""
    by_service: dict[str, dict[str, None]] = {}
    for service, system, call in cloud.calls[["service", "system", "call"]].itertuples(index=False):
        if f"{system} {call}".startswith(UNDONE):
            words = f"{system} {call.removesuffix('/{uuid}')}"
            by_service.setdefault(service, {})[words] = None
    alike: dict[str, list[str]] = {}
    for service, calls in by_service.items():
        alike.setdefault(listed(calls, 5), []).append(service)
    return ", ".join(
        f"{listed(services)} clean{'s' if len(services) == 1 else ''} up ({calls})"
        for calls, services in alike.items()
    )


def _left(cloud: Cloud, name: str) -> list[str]:
    """What the books still hold of a server that does not run."""
    books = cloud.books(name)
    held = [f"its allocation on {host}" for host in books["allocations"]]
    held += [f"its port on {host}" for host in books["ports"]]
    held += [f"its guest on {host}" for host in books["guests"]]
    return [*held, "its BuildRequest"] if books["build_request"] else held


def _api(cloud: Cloud, name: str) -> str:
    """What the API shows: the last fault in its own words."""
    faults = cloud.faults
    if faults.empty or cloud.show(name) is None:
        return ""
    code, message = faults[["code", "message"]].iloc[-1]
    return f"The API shows {code}: {message}"


def selected(cloud: Cloud) -> list[str]:
    """The host that the scheduler chose, and its alternates."""
    replies = (record for record in cloud.site.trace if isinstance(record, Reply))
    return next((list(reply.hosts[0]) for reply in replies if reply.hosts), [])


def words_beside(rows: list[Event]) -> dict[Event, str]:
    """What the figure says beside the events: a row of calls that clean up gets words once."""
    words, cleaning = {}, set()
    saves = [row for row in rows if row.kind == "Save" and look_of(row) == "Save"]
    for row in rows:
        look = look_of(row)
        if look == "undo" and row.service not in cleaning:
            words[row] = "cleans up"
            cleaning.add(row.service)
        elif look in ("Message", "Reply", "refused") or row in saves[-1:]:
            words[row] = beside(row)
        if look == "Message":
            cleaning.discard(row.service)
    return words


def struck(step: str) -> str:
    """A fault beside the host that it strikes."""
    return broken(f"\N{BALLOT X} {FAULTS[step].label}", 90)


def with_alternates(event: Event, cloud: Cloud) -> Event:
    """The scheduler's reply with the hosts that it names."""
    if event.kind != "Reply" or not event.what.endswith("select_destinations"):
        return event
    hosts = selected(cloud)
    words = ", ".join(hosts)
    if len(words) > 36:
        words = f"{len(hosts)} host{'' if len(hosts) == 1 else 's'}"
    return event._replace(what=f"{event.what} {words if hosts else ''}".strip())
