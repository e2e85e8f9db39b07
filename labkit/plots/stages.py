"""The stages of one snapshot on a time axis: seconds, bytes, the guest, and the task_state below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.plots.figure import (
    DPI,
    TITLE,
    Figure,
    canvas,
    checked,
    listed,
    settle,
    title_lines,
    titled,
)
from labkit.plots.lane_rows import seconds
from labkit.plots.server_lanes import wide
from labkit.plots.stage_rows import (
    LEAST,
    LOOKS,
    ROW,
    Stage,
    StageRows,
    Task,
    height_of,
    mib,
    still_s,
    tasks_of,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

WIDTH = 8.6  # inches
COLUMNS = ("instance", "stage", "start_s", "end_s", "bytes_in", "bytes_out")
STATES = ("t_s", "instance", "task_state", "power_state")


def stages(
    stages: pd.DataFrame, states: pd.DataFrame | None = None, ax: Axes | None = None
) -> Figure:
    """Draw the stages of one snapshot, with seconds and bytes, and the task_state on the same axis.

    *stages* has one row per stage: instance, stage, start_s, end_s (seconds), bytes_in, bytes_out,
    as ``Cloud.stages``. *states* (t_s, instance, task_state, power_state, as ``Cloud.states``)
    adds the server's task_state below, from the request to its end; a task_state that lasts no time is a dot.
    Between them stands whether the guest runs. Time is to scale. Raises ValueError for a table
    without rows, for the stages of more than one snapshot, and for axes that are too small.

    >>> import pandas as pd
    >>> rows = [("web-1", "convert", 1.0, 1.5, 1 << 29, 1 << 29), ("web-1", "upload", 1.5, 6.0, 1 << 29, 1 << 29)]
    >>> columns = ["instance", "stage", "start_s", "end_s", "bytes_in", "bytes_out"]
    >>> stages(pd.DataFrame(rows, columns=columns))
    The snapshot of web-1 takes 5.00 s, the longest stage is upload with 4.50 s; 512 MiB are uploaded, and the guest never stands still.
    """
    checked(stages, COLUMNS)
    name, own = _one(stages)
    tasks, power_state = _tasks(states, name, own)
    zero = min(tasks[0].start_s if tasks else own[0].start_s, own[0].start_s)
    end_s = max([stage.end_s for stage in own] + [task.end_s for task in tasks]) - zero
    own = [s._replace(start_s=s.start_s - zero, end_s=s.end_s - zero) for s in own]
    tasks = [Task(t.task_state, t.start_s - zero, t.end_s - zero) for t in tasks]
    answer = told(name, own, end_s)
    names = [name for name in LOOKS if name in {stage.stage for stage in own}]
    names += [stage.stage for stage in own if stage.stage not in names]
    levels = list(dict.fromkeys(task.task_state for task in tasks))
    figure_ax = _paper(answer, names, levels, ax)
    guest = "runs all the time" if power_state in (None, "running") else f"is {power_state}"
    StageRows(figure_ax, names, levels).show(own, tasks, end_s, guest)
    return Figure(figure_ax.get_figure(root=True), answer, complete=ax is None)


def told(name: str, stages: list[Stage], end_s: float) -> str:
    """A snapshot in a sentence."""
    longest = max(stages, key=lambda stage: stage.end_s - stage.start_s)
    answer = (
        f"The snapshot of {name} takes {seconds(end_s)} s, the longest stage is "
        f"{longest.stage} with {seconds(longest.end_s - longest.start_s)} s; "
    )
    uploaded = [stage for stage in stages if stage.stage == "upload"]
    if uploaded:
        answer += f"{mib(uploaded[0].bytes_out)} MiB are uploaded, "
    else:
        answer += "nothing is uploaded, "
    pause = still_s(stages, end_s)
    words = f"stands still for {seconds(pause)} s" if pause else "never stands still"
    return f"{answer}and the guest {words}."


def _one(table: pd.DataFrame) -> tuple[str, list[Stage]]:
    """The server's name and the stages of its only snapshot, in order."""
    names = list(table["instance"].unique())
    if len(names) > 1 or table["stage"].duplicated().any():
        raise ValueError(
            f"These are the stages of more than one snapshot, of {listed(names)}; "
            "choose one with .query(...)."
        )
    rows = table.sort_values("start_s", kind="stable")[list(COLUMNS[1:])]
    return names[0], [Stage(*row) for row in rows.itertuples(index=False)]


def _tasks(states, name, own):
    """The task_states from the request to the end of the snapshot, and the power_state then."""
    if states is None:
        return [], None
    checked(states, STATES)
    order = ["t_s", "seq"] if "seq" in states.columns else ["t_s"]
    mine = states[states["instance"] == name].sort_values(order, kind="stable")
    values = mine["task_state"].astype(object)
    values = values.where(values.notna(), None)
    rows = list(zip(mine["t_s"], values, strict=True))
    before = [i for i, (t, task) in enumerate(rows) if task is None and t <= own[0].start_s]
    first = before[-1] + 1 if before else 0
    after = [
        i for i, (t, task) in enumerate(rows) if i >= first and task is None and t >= own[-1].end_s
    ]
    rows = rows[first : after[0] + 1 if after else None]
    if not rows:
        return [], None
    power = list(mine["power_state"])[first]
    return tasks_of(rows), power if isinstance(power, str) else None


def _paper(answer, names, levels, ax):
    """Axes with their title; what is drawn later changes no layout."""
    if ax is not None:
        box, scale = ax.get_window_extent(), DPI / ax.get_figure(root=True).dpi
        needed = max(wide(name) for name in [*names, *levels]) + LEAST * 1.6
        if box.width * scale < needed or box.height * scale < 18 * height_of(names, levels):
            raise ValueError(
                f"These axes are too small: the stages need {needed / DPI:.1f} x "
                f"{18 * height_of(names, levels) / DPI:.1f} inches; draw without ax, or make the "
                "figure larger."
            )
        titled(ax, True, answer)
        return ax
    lines = title_lines(answer, 72 * WIDTH - 16)
    head, foot = 18 * len(lines) + 12, 44
    height = head + ROW * height_of(names, levels) + foot
    figure = canvas(WIDTH, height / DPI)
    figure.set_layout_engine("none")  # every place is known in pixels
    left = max(wide(name) for name in [*names, *levels, "guest"]) + 16
    width = WIDTH * DPI
    box = (left / width, foot / height, 1 - (left + 20) / width, 1 - (head + foot) / height)
    figure.suptitle("\n".join(lines), x=0.01, y=1 - 6 / height, ha="left", fontsize=TITLE)
    settle(figure)
    return figure.add_axes(box)
