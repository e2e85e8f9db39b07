"""The dial of faults: let something go wrong in a create, and see what breaks and who cleans up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from labkit.cloud.cloud import Cloud
from labkit.cloud.faults import Fault
from labkit.decision import checked
from labkit.dials.panel import Buttons, Panel, Steps, tick
from labkit.fleet import Fleet
from labkit.nova.clock import Reply
from labkit.nova.conf import Options
from labkit.nova.exception import NovaException
from labkit.nova.objects import RequestSpec
from labkit.plots.figure import VERMILLION, broken, canvas, fitting, listed, settle, text_width
from labkit.plots.timeline import (
    NAMES,
    UNDONE,
    WIDTH,
    Event,
    Timeline,
    beside,
    events_of,
    look_of,
)

if TYPE_CHECKING:
    import pandas as pd

NAME = "web-1"
ALWAYS = 99  # times: more than any road has attempts
MOST_ATTEMPTS = 4
PATIENCE_S = 60.0
LEAST_S = 16.0  # the axis of time is at least that long: no fault here takes longer
#: The lines of words that have room above the marks of each service.
LEVELS = {"api": 2, "conductor": 3, "scheduler": 1}
LEVELS_OF_COMPUTE = 3


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


WORDS = {
    "fault": ("what goes wrong", "The step that fails."),
    "every_host": ("on every host", "Not only on the first host that comes to it."),
    "max_attempts": ("max_attempts", "[scheduler]max_attempts: on how many hosts Nova tries."),
}
UUID = re.compile(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f-]{22}\b")


def creation(
    fleet: Fleet, spec_obj: RequestSpec, options: Options | None = None, seed: int = 0
) -> CreationDial:
    """Let something go wrong while a server is created; see what breaks, and who cleans up.

    In: what ``Cloud`` and ``Cloud.create`` take. Out: a panel. ``dial.fault`` is the step that
    fails ("none", or as in ``FAULTS``), ``dial.every_host`` whether on every host or only the
    first one that comes to it, ``dial.max_attempts`` Nova's option; all of them together are
    ``dial.value``, a dict. ``dial.answer`` is the sentence above the figure, ``dial.table`` the
    table ``states`` and ``dial.cloud`` the whole cloud after the create.
    A create that the API refuses, or that finds no host, is an answer too. Raises ValueError for
    a fleet without hosts, or a value that a control does not have.

    >>> from labkit import Flavor, RequestSpec
    >>> fleet = Fleet.read("data/two_hosts")
    >>> dial = creation(fleet, RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1)))
    >>> dial.answer
    web-1 is ACTIVE on cn-2 after 6.5 s and 1 attempt of 3.
    >>> dial.fault.value = "block_device_mapping"
    >>> dial.table.iloc[-1][["vm_state", "saved_by"]].to_list()
    ['error', 'compute/manager.py:_set_instance_obj_error_state']
    """
    return CreationDial(fleet, spec_obj, options, seed)


class CreationDial(Panel):
    """The panel that ``creation`` makes."""

    def __init__(self, fleet: Fleet, spec_obj: RequestSpec, options: Options, seed: int) -> None:
        options = checked(fleet, [spec_obj], options, seed)
        if not len(fleet):
            raise ValueError("A dial needs a fleet of one host or more.")
        if spec_obj.num_instances != 1:
            raise ValueError(f"This dial creates one server, not {spec_obj.num_instances}.")
        self._fleet, self._spec, self._options, self._seed = fleet, spec_obj, options, seed
        self._timelines: dict[tuple[str, ...], Timeline] = {}
        self._begin(self._make_controls(), WORDS)

    @property
    def table(self) -> pd.DataFrame:
        """The table ``states``: what the server showed from the first to the last."""
        return self.cloud.states

    # -- turning ------------------------------------------------------------------------
    def _turned(self) -> None:
        self.every_host.disabled = self.fault.value == "none"
        self.cloud = self._new_cloud()
        try:
            self.cloud.create(NAME, self._spec)
            self.cloud.settle()
            if (self.cloud.show(NAME) or {}).get("vm_state") == "building":
                self.cloud.run(self.cloud.now + PATIENCE_S)  # nobody comes, however long one waits
            answer = self._said_first() + said(self.cloud, NAME, self.max_attempts.value)
        except NovaException as error:
            answer = f"The API refuses the create: {error.code} {error}"
        except Exception as error:
            # A learner's weigher may fail; the figure before it must not stand as the answer.
            answer = f"{type(error).__name__}: {error}"
        self._redraw(answer)

    def _new_cloud(self) -> Cloud:
        options = self._options.replace(max_attempts=self.max_attempts.value)
        return Cloud(self._fleet, options, seed=self._seed, faults=self._faults())

    def _faults(self) -> list[Fault]:
        step = self.fault.value
        if step == "none":
            return []
        return [Fault(step, at=FAULTS[step].at, times=ALWAYS if self.every_host.value else 1)]

    def _said_first(self) -> str:
        words = FAULTS[self.fault.value].words
        where = "every host" if self.every_host.value else "the first host"
        return f"{words.format(where)}: " if words else ""

    # -- drawing ------------------------------------------------------------------------
    def _redraw(self, answer: str) -> None:
        rows = [with_alternates(row, self.cloud) for row in events_of(self.cloud.events)]
        tried = [row.service for row in rows if row.service.startswith("compute@")]
        chosen = [f"compute@{host}" for host in selected(self.cloud)[:1]]
        services = (*LEVELS, *dict.fromkeys([*chosen, *tried]))
        if services not in self._timelines:
            self._timelines[services] = self._new_timeline(services)
        self._timeline = self._timelines[services]
        kept = [row for row in rows if look_of(row)]
        self._timeline.show(kept, words_beside(kept), LEAST_S)
        _name_rows(self._timeline, self._struck())
        self._show(self._timeline.ax.figure, answer)

    def _new_timeline(self, services: Sequence[str]) -> Timeline:
        timeline = Timeline({name: LEVELS.get(name, LEVELS_OF_COMPUTE) for name in services})
        figure = canvas(WIDTH, timeline.height / 72 + 1.3)
        timeline.frame(figure.add_subplot())
        widest = max(map(struck, FAULTS), key=lambda sign: max(map(text_width, sign.split("\n"))))
        _name_rows(timeline, dict.fromkeys(services, widest))
        settle(figure)
        return timeline

    def _struck(self) -> dict[str, str]:
        if self.fault.value == "none":
            return {}
        hosts = [*self._timeline.levels][len(LEVELS) :]
        if not self.every_host.value:
            hosts = [f"compute@{host}" for host in selected(self.cloud)[:1]]
        return dict.fromkeys(hosts, struck(self.fault.value))

    def _make_controls(self) -> dict[str, Any]:
        most = self._options.max_attempts
        controls = {
            "fault": Buttons([(fault.label, step) for step, fault in FAULTS.items()]),
            "every_host": tick(),
            "max_attempts": Steps(most, min=1, max=max(MOST_ATTEMPTS, most)),
        }
        controls["fault"].refusal = "No fault {1!r} in this dial"
        return controls


def _name_rows(timeline: Timeline, signs: dict[str, str]) -> None:
    names = [
        "\n".join(filter(None, (broken(name, NAMES - 12), signs.get(name))))
        for name in timeline.levels
    ]
    timeline.ax.set_yticks(timeline.ax.get_yticks(), names)
    for words, name in zip(timeline.ax.get_yticklabels(), timeline.levels, strict=True):
        words.set_color(VERMILLION if name in signs else "black")


# -- words ------------------------------------------------------------------------------
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
    books = cloud.books(name)
    held = [f"its allocation on {host}" for host in books["allocations"]]
    held += [f"its port on {host}" for host in books["ports"]]
    held += [f"its guest on {host}" for host in books["guests"]]
    return [*held, "its BuildRequest"] if books["build_request"] else held


def _api(cloud: Cloud, name: str) -> str:
    faults = cloud.faults
    if faults.empty or cloud.show(name) is None:
        return ""
    code, message = faults[["code", "message"]].iloc[-1]
    short = UUID.sub(r"\1…", message)
    return f"The API shows {code}: {short}"


def selected(cloud: Cloud) -> list[str]:
    """The host that the scheduler chose, and its alternates."""
    replies = (record for record in cloud.site.clock.records if isinstance(record, Reply))
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
    return "\n".join(fitting(f"\N{BALLOT X} {FAULTS[step].label}", 90))


def with_alternates(event: Event, cloud: Cloud) -> Event:
    """The scheduler's reply with the hosts that it names."""
    if event.kind != "Reply" or not event.what.endswith("select_destinations"):
        return event
    hosts = selected(cloud)
    words = ", ".join(hosts)
    if len(words) > 36:
        words = f"{len(hosts)} host{'' if len(hosts) == 1 else 's'}"
    return event._replace(what=f"{event.what} {words if hosts else ''}".strip())
