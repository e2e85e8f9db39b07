"""The states of servers over time: one server in three lanes, or many in a row each."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from labkit.plots.figure import (
    DPI,
    SMALL,
    TITLE,
    Figure,
    canvas,
    checked,
    listed,
    title_lines,
    titled,
)
from labkit.plots.lane_rows import LANES, Mark, State, marks_of, seconds, states_of
from labkit.plots.many_lanes import draw_many
from labkit.plots.server_lanes import ServerLanes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

WIDTH = 8.6  # inches
LEAST = 360  # pixels for axes that are given
COLUMNS = ("t_s", "instance", *LANES)


def lanes(
    states: pd.DataFrame,
    notifications: pd.DataFrame | None = None,
    until_s: float | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the states of servers over time: one server in three lanes, many in a row each.

    *states* has one row per write of a server: seq, t_s (seconds), instance, vm_state, task_state,
    power_state, as ``Cloud.states``. One server: its vm_state, task_state and power_state, each
    segment with its name, the seconds above, and below its *notifications* (seq, t_s, instance,
    event_type, format, as ``Cloud.notifications``): a circle is an update, a triangle with its
    name another one, hollow when versioned. States too short to be read are drawn wider than to
    scale; the figure says so, and a long life goes on in a second strip. Many servers: a row each
    with its vm_state, and a strip below while a task is under way; time is to scale there.
    The axis ends at *until_s*, or after the last row. Raises ValueError when there is nothing to
    draw, or nothing before *until_s*.

    >>> import pandas as pd
    >>> rows = [(0.1, "web-1", "building", "scheduling", None), (5.7, "web-1", "active", None, "running")]
    >>> columns = ["t_s", "instance", "vm_state", "task_state", "power_state"]
    >>> lanes(pd.DataFrame(rows, columns=columns))
    web-1 is building from 0.10 s and active from 5.70 s; at the end active/None/running.
    """
    checked(states, COLUMNS)
    rows = _until(states, until_s)
    names = list(rows["instance"].unique())
    if len(names) > 1:
        figure_ax, answer = draw_many(rows, names, until_s, ax)
    else:
        figure_ax, answer = _one(rows, names[0], notifications, until_s, ax)
    return Figure(figure_ax.get_figure(root=True), answer, complete=ax is None)


def _until(states: pd.DataFrame, until_s: float | None) -> pd.DataFrame:
    """The rows up to *until_s*, in order."""
    order = ["t_s", "seq"] if "seq" in states.columns else ["t_s"]
    rows = states.sort_values(order, kind="stable")
    if until_s is None:
        return rows
    if not until_s > rows["t_s"].iloc[0]:
        raise ValueError(
            f"There is nothing to draw: until_s = {until_s!r}, and the first row is at "
            f"{rows['t_s'].iloc[0]:g} s."
        )
    return rows[rows["t_s"] <= until_s]


def _one(rows, name, notifications, until_s, ax):
    states = states_of(rows)
    marks = marks_of(notifications, name, states, until_s)
    answer = told(name, states, marks)
    drawing = _laid_out(states, marks, until_s, ax)
    title = title_lines(answer, 72 * WIDTH - 16)
    head = 0.0 if ax is not None else 18.0 * len(title) + 12
    own = paper(drawing, head, remarks(drawing, marks), ax)
    drawing.draw(own, head)
    if ax is None:
        top = 1 - 6 / own.get_ylim()[0]
        own.figure.suptitle("\n".join(title), x=0.01, y=top, ha="left", fontsize=TITLE)
    else:
        titled(own, True, answer)
    return own, answer


def _laid_out(states, marks, until_s, ax):
    """The lanes, as they fit into the axes that were given."""
    if ax is None:
        return ServerLanes(states, marks, until_s=until_s, width=WIDTH * DPI)
    width, height = _pixels(ax)
    for upright in (True, False):
        drawing = ServerLanes(states, marks, (), until_s, max(width, LEAST), upright=upright)
        needed = drawing.height + 16 * len(remarks(drawing, marks)) + 4
        if needed <= height and width >= LEAST:
            return drawing
    raise ValueError(
        f"These axes are too small: the lanes need {max(width, LEAST) / DPI:.1f} x "
        f"{needed / DPI:.1f} inches; draw without ax, or make the figure larger."
    )


def _pixels(ax):
    """Width and height of axes in pixels of the lab's figures."""
    box, scale = ax.get_window_extent(), DPI / ax.get_figure(root=True).dpi
    return box.width * scale, box.height * scale


def paper(drawing: ServerLanes, head: float, remark: list[str], ax: Axes | None):
    """Axes in pixels, y downwards, with the remarks below what will be drawn."""
    height = head + drawing.height + 16 * len(remark) + 4
    if ax is None:
        figure = canvas(WIDTH, height / DPI)
        figure.set_layout_engine("none")  # every place is known in pixels
        ax = figure.add_axes((0, 0, 1, 1))
    width = drawing.width
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.set_axis_off()
    for line, words in enumerate(remark):
        y = head + drawing.height + 16 * line + 4
        # Above the veil that a cursor lays over what is still to come: that ends where these begin.
        ax.text(width - 14, y, words, ha="right", va="center", fontsize=SMALL, zorder=8)
    return ax


def remarks(drawing: ServerLanes, marks: list[Mark]) -> list[str]:
    """What stands below the lanes."""
    words = []
    if marks:
        forms = {mark.format for mark in marks}
        words.append("● compute.instance.update   ▲ another notification")
        if "versioned" in forms:
            words[-1] += "   ○ △ versioned, instance.update"
    if not drawing.upright:
        words.append("some names are left out: there is no room for them here")
    if not drawing.to_scale:
        words.append("not to scale: short states are drawn wider; the seconds above are true")
    return words


def told(name: str, states: list[State], marks: list[Mark]) -> str:
    """A server's life in a sentence."""
    lives = []
    for state in states:
        if not lives or lives[-1][0] != state.vm_state:
            lives.append((state.vm_state, state.t_s))
    parts = listed([f"{vm_state} from {seconds(t)} s" for vm_state, t in lives], most=6)
    now = "/".join(str(value) for value in states[-1][2:])
    answer = f"{name} is {parts}; at the end {now}."
    if marks:
        names = Counter(mark.event_type for mark in marks if not mark.short)
        count = f"{len(marks)} notification{'s' * (len(marks) > 1)}"
        updates = listed([f"{number} of them {name}" for name, number in names.items()])
        answer += f" {count}, {updates}." if names else f" {count}."
    return answer
