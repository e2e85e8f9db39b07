"""The dial of one call: how long the way, the work and the patience are, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.dials.panel import Numbers, Panel, Steps, tick
from labkit.neighbours.messaging import (
    Broker,
    MessagingTimeout,
    RPCClient,
    RPCServer,
    Target,
    Transport,
)
from labkit.nova.context import RequestContext
from labkit.plots.figure import GREY, ORANGE, SKY, SMALL, VERMILLION, canvas, legend, settle

if TYPE_CHECKING:
    import pandas as pd

HOST, METHOD = "cn-1", "pre_live_migration"
#: control: first value, lowest, highest, step
SLIDERS = {
    "latency_s": (1.0, 0.0, 5.0, 0.5),
    "work_s": (20, 0, 100, 1),
    "timeout_s": (60, 1, 120, 1),
    "call_monitor_timeout": (0, 0, 60, 1),
}
WORDS = {
    "latency_s": ("way of a message, s", "How long each message is on its way."),
    "work_s": ("work, s", "How long the host works on the call."),
    "timeout_s": ("patience, s", "rpc_response_timeout: how long the caller waits."),
    "call_monitor_timeout": (
        "call_monitor_timeout, s",
        "Waits on after each heartbeat; 0: none come.",
    ),
    "host_up": ("host reads its queue", "Whether the nova-compute runs."),
}
END_S = 124  # the figure's last second
CALLER, WORKER = 1.0, 0.0
HALF = 0.13  # half of a bar's height


def rpc() -> RpcDial:
    """Choose how long a call's way and work take and how patient the caller is; see what comes of it.

    Out: a panel. Each control is an attribute: ``latency_s``, the seconds of each message's way;
    ``work_s``, how long the host works; ``timeout_s``, the caller's patience (Nova's default: 60);
    ``call_monitor_timeout``, the seconds after which a caller that got a heartbeat in time
    goes on waiting (0: no heartbeats); ``host_up``, whether the host reads its queue. All together
    are ``dial.value``, a dict; ``dial.answer`` says what the caller meets and what the host did,
    ``dial.table`` is the table ``messages`` behind it. Raises ValueError for a value that a slider
    does not have.

    >>> dial = rpc()
    >>> dial.answer
    The call is answered after 22 s, within its 60 s.
    >>> dial.work_s.value = 70
    >>> dial.answer
    MessagingTimeout after 60 s. The host works on until 71 s; its reply finds nobody waiting.

    Source: ``call`` in oslo_messaging/rpc/client.py, oslo.messaging 18.3.1; ``pre_live_migration``
    in nova/compute/rpcapi.py, Nova 34.0.0.
    """
    return RpcDial()


class RpcDial(Panel):
    """The panel that ``rpc`` makes."""

    def __init__(self) -> None:
        self._begin(self._make_controls(), WORDS)

    @property
    def table(self) -> pd.DataFrame:
        """The table ``messages`` of the call."""
        return self._broker.messages

    # -- turning ------------------------------------------------------------------------
    def _turned(self) -> None:
        came_s, answered = self._call()
        messages = self.table
        self._draw(messages, came_s, answered)
        self._show(self._figure, self._said(messages, came_s, answered))

    def _call(self) -> tuple[float, bool]:
        # When the call came back, and whether with an answer; the clock then runs to the end.
        self._broker = broker = Broker(latency_s=self.latency_s.value)
        self.began_s = self.done_s = None

        class ComputeManager:
            target = Target(version="6.5")

            def pre_live_migration(manager, context):  # noqa: N805 - self is the dial
                self.began_s = broker.env.now
                yield broker.env.timeout(self.work_s.value)
                self.done_s = broker.env.now

        target = Target(topic="compute", server=HOST)
        server = RPCServer(Transport(broker), target, [ComputeManager()])
        server.start()
        if not self.host_up.value:
            server.stop()
        client = RPCClient(
            Transport(broker, name="caller"),
            Target(topic="compute", server=HOST, version="6.0"),
            timeout_s=self.timeout_s.value,
            monitor_s=self.call_monitor_timeout.value or None,
        )
        try:
            broker.run(client.call(RequestContext("alice", "physics"), METHOD))
        except MessagingTimeout:
            answered = False
        else:
            answered = True
        came_s = broker.env.now
        broker.env.run()
        return came_s, answered

    def _said(self, messages: pd.DataFrame, came_s: float, answered: bool) -> str:
        signs = int((messages.kind == "heartbeat").sum())
        if answered:
            beats = f", {signs} heartbeat{'s' if signs > 1 else ''} on the way" if signs else ""
            patience = f"within its {self.timeout_s.value} s"
            return f"The call is answered after {came_s:g} s, {patience}{beats}."
        met = f"MessagingTimeout after {came_s:g} s."
        if came_s < self.timeout_s.value:
            met = f"MessagingTimeout after {came_s:g} of {self.timeout_s.value} s: no sign of life."
        if self.done_s is None:
            return f"{met} No host has taken the message."
        if self.done_s <= came_s:
            return f"{met} The host was done at {self.done_s:g} s; its reply comes too late."
        return f"{met} The host works on until {self.done_s:g} s; its reply finds nobody waiting."

    # -- drawing ------------------------------------------------------------------------
    def _draw(self, messages: pd.DataFrame, came_s: float, answered: bool) -> None:
        self._wait.set_width(came_s)
        began, done = (0, 0) if self.done_s is None else (self.began_s, self.done_s)
        heard = min(done, max(came_s, began)) if not answered else done
        self._work.set(x=began, width=heard - began)
        self._lost_work.set(x=heard, width=done - heard)
        self._patience.set_data([self.timeout_s.value], [CALLER])
        self._cross.set_data([] if answered else [came_s], [] if answered else [CALLER])
        lines: dict[str, list] = {"call": [], "reply": [], "heartbeat": []}
        for row in messages.itertuples(index=False):
            taken = row.taken_s if row.taken_s == row.taken_s else row.t_s
            ends = (CALLER - HALF, WORKER + HALF)
            if row.kind == "call" and not self.host_up.value:
                taken, ends = row.t_s + self.latency_s.value, (ends[0], 0.5)
            start, end = ends if row.kind == "call" else ends[::-1]
            lines[row.kind].append([(row.t_s, start), (taken, end)])
        for kind, collection in self._lines.items():
            collection.set_segments(lines[kind])
        waits = lines["call"] if not self.host_up.value else []
        self._waiting.set_data([s[1][0] for s in waits], [s[1][1] for s in waits])

    def _lay_out(self) -> None:
        from matplotlib.collections import LineCollection
        from matplotlib.lines import Line2D

        self._figure = canvas(9.6, 2.9)
        ax = self._figure.add_subplot()
        bar = {"height": 2 * HALF, "edgecolor": "black", "linewidth": 0.8}
        (self._wait,) = ax.barh([CALLER], [0], color=GREY, **bar)
        (self._work,) = ax.barh([WORKER], [0], color=SKY, hatch="//", **bar)
        (self._lost_work,) = ax.barh([WORKER], [0], color=ORANGE, hatch="xx", **bar)
        bars = {"waits": self._wait, "works": self._work, "works for nobody": self._lost_work}
        for words, one in bars.items():
            one.set_label(words)
        looks = {"call": ("black", "-"), "reply": ("black", "--"), "heartbeat": ("black", ":")}
        self._lines = {}
        for kind, (colour, line) in looks.items():
            self._lines[kind] = LineCollection([], colors=colour, linestyles=line, linewidths=1.2)
            ax.add_collection(self._lines[kind])
        (self._patience,) = ax.plot([], [], "|", ms=26, mew=2, color="black", zorder=4)
        (self._cross,) = ax.plot([], [], "X", ms=11, mfc=VERMILLION, mec="black", zorder=5)
        (self._waiting,) = ax.plot([], [], "s", ms=8, mfc="white", mec="black", zorder=5)
        ax.set(xlim=(0, END_S), ylim=(WORKER - 0.35, CALLER + 0.35))
        ax.set_yticks([WORKER, CALLER], [f"compute@{HOST}", "caller"], fontsize=SMALL)
        ax.set_xlabel("seconds", fontsize=SMALL)
        ax.tick_params(axis="x", labelsize=SMALL)
        ax.spines[["top", "right"]].set_visible(False)
        drawn = [
            Line2D([], [], color=colour, ls=line, lw=1.2, label=kind)
            for kind, (colour, line) in looks.items()
        ]
        marks = {"ls": "", "mec": "black"}
        drawn.append(
            Line2D([], [], marker="|", ms=13, mew=2, color="black", ls="", label="patience")
        )
        drawn.append(Line2D([], [], marker="X", ms=9, mfc=VERMILLION, label="gives up", **marks))
        drawn.append(Line2D([], [], marker="s", ms=7, mfc="white", label="in its queue", **marks))
        legend(ax, [*bars.values(), *drawn], ncols=9, handlelength=1.6, columnspacing=1.0)
        settle(self._figure)

    def _make_controls(self) -> dict[str, Any]:
        controls: dict[str, Any] = {}
        for name, (first, low, high, step) in SLIDERS.items():
            slider = Numbers if isinstance(first, float) else Steps
            controls[name] = slider(first, min=low, max=high, step=step)
        controls["host_up"] = tick(True)
        return controls
