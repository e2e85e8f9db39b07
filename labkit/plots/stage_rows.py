"""The stages of one snapshot as rows on a time axis, with the guest and the task_state below."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from labkit.plots.figure import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, SMALL, VERMILLION, label
from labkit.plots.lane_rows import seconds
from labkit.plots.server_lanes import wide

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MIB = 1 << 20
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
LEAST = 230  # pixels that the longest words need beside or in a bar


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
    """Bytes in MiB.

    >>> mib(537185484), mib(1 << 20), mib(200_000)
    ('512', '1', '0.2')
    """
    value = count / MIB
    return f"{value:,.0f}" if value >= 1 or not value else f"{value:.1g}"


def still(stages: Iterable[Stage], end_s: float) -> tuple[float, float] | None:
    """From when to when a guest stands still; None when it never does."""
    at = {stage.stage: stage for stage in stages}
    if "suspend" not in at:
        return None
    return at["suspend"].start_s, at["resume"].end_s if "resume" in at else end_s


def still_s(stages: Iterable[Stage], end_s: float) -> float:
    """For how many seconds a guest stands still."""
    found = still(stages, end_s)
    return found[1] - found[0] if found else 0.0


def tasks_of(rows: Sequence[tuple[float, str | None]]) -> list[Task]:
    """(t_s, task_state) of each write in order as spans; one may last no time at all."""
    spans = []
    for value, own in itertools.groupby(rows, key=lambda row: row[1]):
        spans.append((value, next(own)[0]))
    stops = [start for _, start in spans[1:]] + [rows[-1][0]]
    found = zip(spans, stops, strict=True)
    return [Task(value, start, stop) for (value, start), stop in found if value is not None]


class StageRows:
    """Draws the stages of a snapshot into *ax*; *stages* and *tasks* name the rows that there are.

    ``show`` may be called again and again: the rows stay, what is drawn in them is replaced.
    """

    def __init__(self, ax: Axes, stages: Sequence[str], tasks: Sequence[str]) -> None:
        self.ax, self._artists = ax, []
        names = [*stages, GUEST, *tasks]
        self.rows = {name: place + (place > len(stages)) * 0.4 for place, name in enumerate(names)}
        ax.set_yticks(list(self.rows.values()), [label(name) for name in names], fontsize=SMALL)
        ax.set_ylim(height_of(stages, tasks) - 0.5, -0.6)
        ax.tick_params(axis="y", length=0)
        ax.tick_params(axis="x", labelsize=SMALL)
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.set_xlabel("seconds since the request", fontsize=SMALL)
        if tasks:
            self.ax.axhline(len(stages) + 0.7, color=GREY, linewidth=0.8)

    def show(
        self,
        stages: Sequence[Stage],
        tasks: Sequence[Task],
        end_s: float,
        guest: str = "runs all the time",
    ) -> None:
        """Draw these stages and tasks on an axis from 0 to *end_s*, in seconds."""
        for artist in self._artists:
            artist.remove()
        self._artists = []
        self.ax.set_xlim(0, (end_s or 1) * 1.01)
        for stage in stages:
            colour, hatch = LOOKS.get(stage.stage, (GREY, ""))
            self._bar(stage.stage, stage.start_s, stage.end_s, colour, hatch, stage.words)
        pause = still(stages, end_s)
        if pause:
            words = f"stands still for {seconds(pause[1] - pause[0])} s"
            self._bar(GUEST, *pause, GREY, "--", words)
        else:
            self._write(GUEST, 0.0, 0.0, guest)
        self._draw_tasks([task for task in tasks if task.task_state in self.rows])

    def _bar(self, row, start, end, colour, hatch, words):
        style = {"facecolor": colour, "hatch": hatch, "edgecolor": "#333333", "linewidth": 0.8}
        (bar,) = self.ax.barh(self.rows[row], end - start, BAR, start, **style)
        self._artists.append(bar)
        self._write(row, start, end, words)

    def _write(self, row, start, end, words):
        """Write beside a bar where there is room, else into it."""
        least, most = self.ax.get_xlim()
        per_second = self._pixels() / (most - least)
        rooms = {
            "right": (most - end) * per_second,
            "inside": (end - start) * per_second,
            "left": (start - least) * per_second,
        }
        needed = wide(words) + 12
        side = next((s for s, room in rooms.items() if room >= needed), max(rooms, key=rooms.get))
        x, shift, align = {
            "right": (end, 5, "left"),
            "inside": ((start + end) / 2, 0, "center"),
            "left": (start, -5, "right"),
        }[side]
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5} if side == "inside" else None
        text = self.ax.annotate(
            words,
            (x, self.rows[row]),
            (shift, 0),
            textcoords="offset points",
            ha=align,
            va="center",
            fontsize=SMALL,
            bbox=box,
            annotation_clip=False,
        )
        self._artists.append(text)

    def _draw_tasks(self, tasks):
        """A line at the height of each task_state; one without duration is a dot."""
        for task, after in itertools.zip_longest(tasks, tasks[1:]):
            y = self.rows[task.task_state]
            self._line([task.start_s, task.end_s], [y, y], linewidth=5, solid_capstyle="butt")
            if task.end_s == task.start_s:
                self._line([task.start_s], [y], marker="o", markersize=6)
            if after is not None:
                ends = [y, self.rows[after.task_state]]
                self._line([task.end_s, task.end_s], ends, linewidth=1.2)

    def _line(self, xs, ys, **style):
        self._artists += self.ax.plot(xs, ys, color="#333333", clip_on=False, **style)

    def _pixels(self) -> float:
        """The width of the axes in pixels of the lab's figures, labels left out."""
        from labkit.plots.figure import DPI

        figure = self.ax.get_figure(root=True)
        return self.ax.get_window_extent().width * DPI / figure.dpi


def height_of(stages: Sequence[Any], tasks: Sequence[Any]) -> float:
    """How many rows high the figure is."""
    return len(stages) + 1 + len(tasks) + 0.4 * bool(tasks)
