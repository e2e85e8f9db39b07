"""The player: step through a server's life, and try an action at each moment of it."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import ipywidgets

from labkit.cloud.cloud import Cloud
from labkit.cloud.past import History
from labkit.decision import Sentence
from labkit.dials.panel import Buttons, Panel, Steps
from labkit.neighbours.arguments import of_type, truth
from labkit.nova.api.openstack.servers import ACTIONS
from labkit.plots.figure import seconds
from labkit.plots.lanes import Cursor, lanes_of_server, marks_of, states_of

if TYPE_CHECKING:
    import pandas as pd

_WITH = {
    "reboot": {"reboot": {"reboot_type": "SOFT"}, "reboot HARD": {"reboot_type": "HARD"}},
    "rename": {"rename": {"name": "another"}},
}
#: What can be tried, and the arguments that go with it.
TRIES = {
    words: arguments
    for action in ACTIONS
    for words, arguments in _WITH.get(action, {action: {}}).items()
}
#: What has a button of its own; the others stand behind "more".
OFTEN = (
    "stop start reboot pause suspend resize confirmResize createImage rebuild rescue shelve delete"
)
OFTEN = OFTEN.split()
WORDS = {
    "step": ("step", "What happened, one after the other."),
    "action": ("try here", "Ask the API for it at this step; nothing happens. A cross: refused."),
}
BUTTONS = {"first": "fast-backward", "back": "step-backward"}
BUTTONS |= {"forward": "step-forward", "last": "fast-forward"}


def player(cloud: Cloud, name: str, is_admin: bool = True) -> PlayerDial:
    """Step through what happened to a server, and try an action at each step.

    In: a cloud in which something happened, and the name of a server of it; *is_admin* is who
    tries the actions. Out: a panel. ``player.step.value`` is the step, from 1; the buttons
    ``player.first``, ``back``, ``forward`` and ``last`` move it; ``player.action.value`` is an
    action of the API ("stop", "reboot HARD"). ``player.answer`` is what the API would answer to it
    at this step (a button with a cross: it would refuse); nothing happens. ``player.happens`` says what happens at the step,
    ``player.table`` is the table ``states`` up to it; ``player.events`` lists all steps and
    ``player.answers`` the answers to the chosen action at all of them.
    ``player.value`` is a dict of step and action, to turn both at once. What the cloud does after
    the player was made is not in it.
    Raises TypeError for something else than a Cloud, KeyError for an unknown server, ValueError
    for a step or an action that there is not.

    >>> from labkit import Cloud, Flavor, Fleet, RequestSpec
    >>> cloud = Cloud(Fleet.read("data/two_hosts"))
    >>> cloud.create("web-1", RequestSpec(Flavor(vcpus=1, memory_mb=512)))
    202
    >>> cloud.settle()
    >>> dial = player(cloud, "web-1")
    >>> dial.value = {"step": dial.step.max, "action": "unpause"}
    >>> dial.answer
    409 Cannot 'unpause' instance 4032fad6-14a1-5504-b82c-0722a92ecc30 while it is in vm_state active

    Source: what each action asks for in nova/compute/api.py, Nova 34.0.0.
    """
    return PlayerDial(cloud, name, is_admin)


class PlayerDial(Panel):
    """The panel that ``player`` makes."""

    def __init__(self, cloud: Cloud, name: str, is_admin: bool = True) -> None:
        of_type(cloud, Cloud, "not a Cloud; a player plays what happened in one", "cloud")
        truth("is_admin", is_admin)
        cloud.show(name)  # a KeyError with a hint, if there is no such server
        self._name, self._is_admin = name, is_admin
        self._history = History(cloud.site, name)
        self._records = self._history.records
        self._states = cloud.states.query("instance == @name")
        self._events = self._listed(cloud.events)
        self._notifications = cloud.notifications
        controls = {"step": Steps(1, min=1, max=len(self._records))}
        controls["action"] = Buttons(list(TRIES), often=OFTEN, value="stop")
        controls["action"].refusal = "unknown action {1!r}"
        self._begin(controls, WORDS)

    def _arranged(self) -> list[ipywidgets.Widget]:
        buttons = [self._button(word, icon) for word, icon in BUTTONS.items()]
        row = ipywidgets.Layout(flex_flow="row wrap")
        return [ipywidgets.HBox([*buttons, self.step], layout=row), self.action]

    @property
    def table(self) -> pd.DataFrame:
        """The table ``states`` of the server up to this step."""
        return self._states[self._states["seq"] <= self._seq].reset_index(drop=True)

    @property
    def events(self) -> pd.DataFrame:
        """All steps, as rows of the table ``events``; the index is the step."""
        return self._events.copy()

    @property
    def answers(self) -> pd.DataFrame:
        """What the API would answer to the chosen action at every step: t_s, status, answer.

        The index is the step.
        """
        tried = [self._try(seq, self.action.value) for seq, _ in self._records]
        status, answer = zip(*((status, str(answer)) for status, answer in tried), strict=True)
        return self._events[["t_s"]].assign(status=status, answer=answer)

    # -- turning --------------------------------------------------------------------------
    def _button(self, word, icon):
        button = ipywidgets.Button(description=word, icon=icon)
        button.layout.width = "6.8em"
        button.tooltip = f"{word} step"
        button.on_click(lambda _: self._jump(word))
        setattr(self, word, button)
        return button

    def _jump(self, word):
        step, last = self.step.value, self.step.max
        goal = {"first": 1, "back": step - 1, "forward": step + 1, "last": last}[word]
        self.step.value = min(max(goal, 1), last)

    @property
    def _seq(self) -> int:
        return self._records[self.step.value - 1][0]

    def _turned(self) -> None:
        seq, action = self._seq, self.action.value
        status, answer = self._try(seq, action)
        self.happens = Sentence(self._happening(seq))
        record = self._history.records[self.step.value - 1][1]
        self._cursor.move(seq, f"{seconds(record.t_s)} s, {action}: {status}")
        told = f"{self.happens} Try {action} here: {answer}"
        words = html.escape(f"{action}: {answer}")
        self._show(self._axes.figure, told, f"<b>{words}</b>", html.escape(self.happens))
        self.answer = answer
        self.action.icons = [
            "" if one not in TRIES or self._try(seq, one)[0] < 400 else "times"
            for one in self.action.options
        ]

    def _try(self, seq: float, action: str) -> tuple[int, Sentence]:
        # The status of the answer to an action after record *seq*, and all of it.
        status, words = self._history.answer(
            seq, action.split(maxsplit=1)[0], self._is_admin, **TRIES[action]
        )
        return status, Sentence(f"{status} {words}" if words else f"{status}, accepted.")

    def _happening(self, seq):
        row = self._events.loc[self.step.value]
        by = f" ({row['by']})" if row["by"] else ""
        words = f"Step {self.step.value} of {self.step.max}, {seconds(row['t_s'])} s: "
        words += f"{row['service']}, {row['kind']}: {row['what']}{by}."
        instance = self._history.at(seq)
        if instance is None:
            return f"{words} The API shows no such server."
        shown = f"{self._history.status(seq)}: {instance.vm_state}/{instance.task_state}"
        return f"{words} The API shows {shown}."

    # -- drawing --------------------------------------------------------------------------
    def _listed(self, events):
        own = events[events["seq"].isin([seq for seq, _ in self._records])]
        by = [getattr(record, "by", None) or "" for _, record in self._records]
        return own.assign(by=by).set_axis(range(1, len(own) + 1)).rename_axis("step")

    def _lay_out(self) -> None:
        states = states_of(self._states)
        marks = marks_of(self._notifications, self._name, states)
        moments = [(seq, record.t_s) for seq, record in self._records]
        lanes = lanes_of_server(states, marks, moments)
        self._axes = lanes.draw()
        self._cursor = Cursor(lanes)
