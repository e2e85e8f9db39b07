"""The stages of one snapshot on a time axis: seconds, bytes, the guest, and the task_state below."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from labkit.plots.figure import (
    BLUE,
    DPI,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    VERMILLION,
    Figure,
    checked,
    label,
    listed,
    note,
    pixel_axes,
    plain,
    seconds,
    wide,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

WIDTH = 8.6  # inches
COLUMNS = ("instance", "stage", "start_s", "end_s", "bytes_in", "bytes_out")
STATES = ("t_s", "instance", "task_state", "power_state")
#: stage: colour, hatch; in the order in which a snapshot can have them.
LOOKS = {
    "direct_snapshot": (PURPLE, "||"),
    "suspend": (VERMILLION, "xx"),
    "mirror": (SKY, ""),
    "convert": (ORANGE, "//"),
    "resume": (GREEN, "\\\\"),
    "upload": (BLUE, ""),
}
#: The task_states of a snapshot, in the order in which they begin.
TASKS = ("image_snapshot_pending", "image_snapshot", "image_pending_upload", "image_uploading")
GUEST = "guest"
ROW = 26  # pixels
BAR = 0.68  # of a row
FOOT = 44  # pixels below the rows


@plain()
def stages(stages: pd.DataFrame, states: pd.DataFrame | None = None) -> Figure:
    """Draw the stages of one snapshot, with seconds and bytes, and the task_state on the same axis.

    *stages* has one row per stage: instance, stage, start_s, end_s (seconds), bytes_in, bytes_out,
    as ``Cloud.stages``. *states* (t_s, instance, task_state, power_state, as ``Cloud.states``)
    adds the server's task_state below, from the request to its end; a task_state that lasts no time is a dot.
    Between them stands whether the guest runs. Time is to scale. Raises ValueError for a table
    without rows, and for the stages of more than one snapshot.

    >>> import pandas as pd
    >>> rows = [("web-1", "convert", 1.0, 1.5, 1 << 29, 1 << 29), ("web-1", "upload", 1.5, 6.0, 1 << 29, 1 << 29)]
    >>> columns = ["instance", "stage", "start_s", "end_s", "bytes_in", "bytes_out"]
    >>> stages(pd.DataFrame(rows, columns=columns))
    The snapshot of web-1 takes 5.00 s, the longest stage is upload with 4.50 s; 512 MiB are uploaded, and the guest never stands still.
    """
    checked("stages", stages, COLUMNS)
    name, own = _only_snapshot(stages)
    tasks, power_state = _tasks(states, name, own)
    zero = min(each.start_s for each in (*tasks[:1], own[0]))
    end_s = max(each.end_s for each in (*own, *tasks)) - zero
    own, tasks = (
        [each._replace(start_s=each.start_s - zero, end_s=each.end_s - zero) for each in some]
        for some in (own, tasks)
    )
    answer = _said(name, own, end_s)
    there = dict.fromkeys(stage.stage for stage in own)
    rows = [name for name in LOOKS if name in there]
    rows += [name for name in there if name not in LOOKS]
    levels = list(dict.fromkeys(task.task_state for task in tasks))
    left = max(map(wide, [*rows, GUEST, *levels])) + 16
    box = {"left": left, "right": 20, "foot": FOOT, "title": answer}
    ax = pixel_axes(WIDTH * DPI, ROW * height_of(rows, levels), **box)
    guest = "runs all the time" if power_state in (None, "running") else f"is {power_state}"
    StageRows(ax, rows, levels).show(own, tasks, end_s, guest)
    return Figure(ax.figure, answer)


def _said(name: str, stages: Sequence[Stage], end_s: float) -> str:
    longest = max(stages, key=lambda stage: stage.end_s - stage.start_s)
    sent = [f"{mib(stage.bytes_out)} MiB are" for stage in stages if stage.stage == "upload"]
    pause = still_s(stages, end_s)
    guest = f"stands still for {seconds(pause)} s" if pause else "never stands still"
    return (
        f"The snapshot of {name} takes {seconds(end_s)} s, the longest stage is "
        f"{longest.stage} with {seconds(longest.end_s - longest.start_s)} s; "
        f"{(sent or ['nothing is'])[0]} uploaded, and the guest {guest}."
    )


# -- what happened ------------------------------------------------------------------------
class Stage(NamedTuple):
    """One row of the table ``stages``."""

    stage: str
    start_s: float
    end_s: float
    bytes_in: int
    bytes_out: int

    @property
    def words(self) -> str:
        """Its seconds and bytes, as they stand at its bar."""
        words = f"{seconds(self.end_s - self.start_s)} s"
        if not self.bytes_out:
            return words
        if self.stage == "upload":
            return f"{words}, {mib(self.bytes_out)} MiB"
        return f"{words}, {mib(self.bytes_in)} to {mib(self.bytes_out)} MiB"


class Task(NamedTuple):
    """A task_state from when to when."""

    task_state: str
    start_s: float
    end_s: float


def mib(count: float) -> str:
    """Return bytes in MiB.

    >>> mib(537185484), mib(1 << 20), mib(200_000)
    ('512', '1', '0.2')
    """
    value = count / (1 << 20)
    return f"{value:,.0f}" if value >= 1 or not value else f"{value:.1g}"


def still(stages: Iterable[Stage], end_s: float) -> tuple[float, float] | None:
    """Return from when to when a guest stands still; None when it never does."""
    at = {stage.stage: stage for stage in stages}
    if "suspend" not in at:
        return None
    return at["suspend"].start_s, at["resume"].end_s if "resume" in at else end_s


def still_s(stages: Iterable[Stage], end_s: float) -> float:
    """Return for how many seconds a guest stands still."""
    start_s, stop_s = still(stages, end_s) or (0.0, 0.0)
    return stop_s - start_s


def tasks_of(rows: Sequence[tuple[float, str | None]]) -> list[Task]:
    """Return (t_s, task_state) of each write, in order, as spans; one may last no time at all."""
    starts = [(own, next(rows)[0]) for own, rows in itertools.groupby(rows, lambda row: row[1])]
    stops = [start for _, start in starts[1:]] + [rows[-1][0]]
    found = zip(starts, stops, strict=True)
    return [Task(task, start, stop) for (task, start), stop in found if task is not None]


def _only_snapshot(table: pd.DataFrame) -> tuple[str, list[Stage]]:
    names = list(table["instance"].unique())
    if len(names) > 1 or table["stage"].duplicated().any():
        raise ValueError(
            f"These are the stages of more than one snapshot, of {listed(names)}; "
            "choose one with .query(...)."
        )
    rows = table.sort_values("start_s", kind="stable")[list(COLUMNS[1:])]
    return names[0], [Stage(*row) for row in rows.itertuples(index=False)]


def _tasks(
    states: pd.DataFrame | None, name: str, stages: Sequence[Stage]
) -> tuple[list[Task], str | None]:
    """The task_states from the request to the end of the snapshot, and the power_state then."""
    if states is None:
        return [], None
    checked("states", states, STATES)
    order = ["t_s", "seq"] if "seq" in states.columns else ["t_s"]
    own = states[states["instance"] == name].sort_values(order, kind="stable")
    tasks = own["task_state"].astype(object)
    rows = list(zip(own["t_s"], tasks.where(tasks.notna(), None), strict=True))
    before = [i for i, (t, task) in enumerate(rows) if task is None and t <= stages[0].start_s]
    first = before[-1] + 1 if before else 0
    after = [
        i
        for i, (t, task) in enumerate(rows)
        if i >= first and task is None and t >= stages[-1].end_s
    ]
    rows = rows[first : after[0] + 1 if after else None]
    if not rows:
        return [], None
    power = list(own["power_state"])[first]
    return tasks_of(rows), power if isinstance(power, str) else None


# -- the drawing --------------------------------------------------------------------------
class StageRows:
    """Draws the stages of a snapshot into *ax*; *stages* and *tasks* name the rows that there are.

    ``show`` may be called again and again: the rows stay, what is drawn in them is replaced.
    """

    def __init__(self, ax: Axes, stages: Sequence[str], tasks: Sequence[str]) -> None:
        self.ax = ax
        self._artists: list = []
        names = [*stages, GUEST, *tasks]
        self.rows = {name: place + (place > len(stages)) * 0.4 for place, name in enumerate(names)}
        ax.set_yticks(list(self.rows.values()), [label(name) for name in names], fontsize=SMALL)
        ax.set_ylim(height_of(stages, tasks) - 0.5, -0.6)
        ax.tick_params(axis="y", length=0)
        ax.tick_params(axis="x", labelsize=SMALL)
        ax.spines[["top", "right", "left"]].set_visible(False)
        if tasks:
            ax.axhline(len(stages) + 0.7, color=GREY, linewidth=0.8)

    def show(
        self,
        stages: Sequence[Stage],
        tasks: Sequence[Task],
        end_s: float,
        guest: str = "runs all the time",
        axis_s: float | None = None,
        others: Sequence[Stage] = (),
        said: str = "",
    ) -> None:
        """Draw these stages and tasks on an axis from 0 to *end_s*, or to *axis_s*, in seconds.

        *others* are stages to compare with: dotted outlines, which *said* explains.
        """
        for artist in self._artists:
            artist.remove()
        self._artists = []
        self.ax.set_xlim(0, (axis_s or end_s or 1) * 1.01)
        self.ax.set_xlabel("seconds since the request" + said, fontsize=SMALL)
        for stage in others:
            style = {
                "facecolor": "none",
                "edgecolor": "#333333",
                "linestyle": ":",
                "linewidth": 1.4,
            }
            long = stage.end_s - stage.start_s
            self._artists += self.ax.barh(self.rows[stage.stage], long, 0.9, stage.start_s, **style)
        for stage in stages:
            look = LOOKS.get(stage.stage, (GREY, ""))
            self._bar(stage.stage, stage.start_s, stage.end_s, look, stage.words)
        pause = still(stages, end_s)
        if pause:
            words = f"stands still for {seconds(pause[1] - pause[0])} s"
            self._bar(GUEST, *pause, (GREY, "--"), words)
        else:
            self._write(GUEST, 0.0, 0.0, guest)
        self._draw_tasks([task for task in tasks if task.task_state in self.rows])

    def _bar(self, row: str, start: float, end: float, look: tuple[str, str], words: str) -> None:
        colour, hatch = look
        style = {"facecolor": colour, "hatch": hatch, "edgecolor": "#333333", "linewidth": 0.8}
        self._artists += self.ax.barh(self.rows[row], end - start, BAR, start, **style)
        most = self.ax.get_xlim()[1]
        self._write(row, min(start, most), min(end, most), words + (" →" if end > most else ""))

    def _write(self, row: str, start: float, end: float, words: str) -> None:
        """Write beside a bar where there is room, else into it, else where there is most."""
        least, most = self.ax.get_xlim()
        # Seconds of room; where the words stand, by how many points off, and how they lie.
        sides = [
            (most - end, end, 5, "left"),
            (end - start, (start + end) / 2, 0, "center"),
            (start - least, start, -5, "right"),
        ]
        needed = (wide(words) + 12) * (most - least) / self.ax.get_window_extent().width
        fits = [side for side in sides if side[0] >= needed]
        _, x, shift, align = (fits or [max(sides, key=lambda side: side[0])])[0]
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5} if not shift else None
        style = {"ha": align, "va": "center", "bbox": box, "annotation_clip": False}
        self._artists.append(note(self.ax, words, (x, self.rows[row]), (shift, 0), **style))

    def _draw_tasks(self, tasks: Sequence[Task]) -> None:
        for task, after in itertools.zip_longest(tasks, tasks[1:]):
            y = self.rows[task.task_state]
            self._line([task.start_s, task.end_s], [y, y], linewidth=5, solid_capstyle="butt")
            if task.end_s == task.start_s:
                self._line([task.start_s], [y], marker="o", markersize=6)
            if after is not None:
                ends = [y, self.rows[after.task_state]]
                self._line([task.end_s, task.end_s], ends, linewidth=1.2)

    def _line(self, xs: list[float], ys: list[float], **style: Any) -> None:
        self._artists += self.ax.plot(xs, ys, color="#333333", clip_on=False, **style)


def height_of(stages: Sequence[Any], tasks: Sequence[Any]) -> float:
    """Return how many rows high the figure is."""
    return len(stages) + 1 + len(tasks) + 0.4 * bool(tasks)
