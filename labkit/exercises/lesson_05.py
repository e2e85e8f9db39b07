"""Lesson 05: what the API calls a pair of states, and the notifications of a boot."""

import functools
import re
import reprlib

import numpy as np

from labkit.cloud.faults import Fault
from labkit.exercises.answers import each, function, result, text
from labkit.exercises.judging import Question, Wrong
from labkit.nova.api.openstack.common import status_from_state
from labkit.nova.conf import Options
from labkit.nova.notifications.base import MODES
from labkit.studies.one_server import one_server

PAIRS = (
    ("active", "image_uploading"),
    ("active", "rebooting_hard"),
    ("active", "powering-off"),
    ("stopped", None),
    ("error", "deleting"),
)
_UPDATE = "compute.instance.update"


def statuses():
    """What the API shows for each of PAIRS."""
    return [status_from_state(*pair) for pair in PAIRS]


@functools.cache
def messages():
    """How many updates a boot sends, by mode."""
    boots = [one_server(options=Options(notify_on_state_change=mode)) for mode in MODES]
    return [int((boot.notifications.event_type == _UPDATE).sum()) for boot in boots]


@functools.cache
def saves():
    """The row before and after each save of two lives; before is None for a new row."""
    whole = one_server("createImage", "stop", "start", "delete")
    failed = one_server(faults=[Fault("spawn", error="BuildAbortException")])
    pairs = []
    for cloud in (whole, failed):
        table = cloud.saves.query("op in ['create', 'update']").merge(cloud.states, on="seq")
        rows = table[["vm_state", "task_state"]].to_dict("records")
        pairs += zip([None, *rows], rows, strict=False)
    return pairs


def wanted(old, new):
    """Whether a save changes the vm_state, as the mode of that name promises."""
    return old is None or old["vm_state"] != new["vm_state"]


def _words(old, new):
    before = "no row" if old is None else f"{old['vm_state']}/{old['task_state']}"
    return f"{before} -> {new['vm_state']}/{new['task_state']}"


def _status_slip(pair, one, status):
    vm_state, task_state = pair
    if one == vm_state.upper():
        return "That is the vm_state; the API has a word of its own for it."
    if one == status_from_state(vm_state):
        return "That is what the vm_state alone gives; this task has its own word."
    if task_state and status == status_from_state(vm_state):
        return "Does this task change the status at all?"
    return "Asked: what the API shows as status."


def _message_slip(mode, one, number):
    if mode is None:
        return "Only the updates count, and nobody has switched them on."
    if one == number - 1:
        return "Each save that writes a column sends one. Who else does?"
    if mode == "vm_state" and one in (1, 2):
        return "That is what the name promises. What does Nova do with the other saves?"
    return f"Asked: how many messages {_UPDATE} a boot sends."


def _judge_filter(answer):
    asked = "a function of old and new that returns True or False"
    judged = function(answer, asked)
    pairs = saves()
    given = []
    for old, new in pairs:
        words = _words(old, new)
        one = result(judged, old and dict(old), dict(new), of=words)
        if not isinstance(one, (bool, np.bool_)):
            raise Wrong(f"For {words} you gave {reprlib.repr(one)}. Asked: True or False.")
        given.append(bool(one))
    for (old, new), one in zip(pairs, given, strict=True):
        if one != wanted(old, new):
            raise Wrong(f"For {_words(old, new)} you gave {one}. {_slip(given, old)}")


def _slip(given, old):
    if all(given):
        return "That is what Nova does. Which of them move the vm_state?"
    if not any(given):
        return "Nothing at all would be sent."
    if old is None:
        return "Is a new row a change of vm_state?"
    return "Compare the vm_state before and after, and nothing else."


QUESTIONS = (
    Question(
        "status-of-pairs",
        "What does the API show as status for these vm_state/task_state: "
        + ", ".join(f"{vm_state}/{task_state}" for vm_state, task_state in PAIRS)
        + "? Give a list of five words.",
        each(
            {f"{vm_state}/{task_state}": (vm_state, task_state) for vm_state, task_state in PAIRS},
            statuses,
            "the API's word for each of the five pairs, in a list",
            _status_slip,
            read=lambda one, asked: re.sub(r"[\s-]+", "_", text(one, asked)).upper(),
        ),
        (
            "The vm_state gives the word; a few task_states put another in its place.",
            "Two stand in the table of round 1; the sentence below it is about the other three.",
        ),
        lambda: (
            ", ".join(statuses()) + ". Of these five only the reboot has a word for its task; "
            "snapshots, power_off and delete do not show."
        ),
    ),
    Question(
        "messages-of-a-boot",
        "How many messages compute.instance.update does one boot send with notify_on_state_change "
        "unset, vm_state and vm_and_task_state? Give a list of three numbers.",
        each(
            {mode or "unset": mode for mode in MODES},
            messages,
            "three numbers in a list: unset, vm_state, vm_and_task_state",
            _message_slip,
        ),
        (
            "Count every write of the row, the first one too.",
            "Unset sends none; the other two modes send equally many.",
        ),
        lambda: (
            ", ".join(map(str, messages()))
            + ". Both set modes send one for the new row and one for each of the six later saves; "
            "they differ in what stands in it."
        ),
    ),
    Question(
        "vm-state-filter",
        "Which saves should send an update when only changes of the vm_state are wanted? Give a "
        "function of the row before (old, None for a new row) and after (new), both with vm_state "
        "and task_state, that returns True or False.",
        _judge_filter,
        (
            "A new row is a change: before it there was no vm_state.",
            "old is None or old[...] != new[...]: which field?",
        ),
        lambda: (
            "old is None or old['vm_state'] != new['vm_state']. It keeps "
            f"{sum(wanted(*pair) for pair in saves())} of the {len(saves())} saves that the check "
            "looks at: a boot, a snapshot, a stop, a start, a delete, and a build that fails."
        ),
    ),
)
