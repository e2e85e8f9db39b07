"""The states of many servers: a row each, time to scale."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from labkit.plots.figure import (
    BLUE,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    VERMILLION,
    axes_of,
    label,
    labels,
    listed,
    titled,
)
from labkit.plots.state_styles import light, style_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.patches import Patch

MOST_SERVERS = 60
MOST_TASKS = 7
WIDTH = 8.6
OTHER = "other tasks"
#: For the strip of the tasks, in the order in which they first are seen.
TASKS = (
    ("#000000", ""),
    ("#FFFFFF", "||||||"),
    (BLUE, ""),
    (ORANGE, "//////"),
    (PURPLE, ""),
    (SKY, "xxxxxx"),
    (VERMILLION, ""),
    (GREY, "||||"),
)


def draw_many(
    rows: pd.DataFrame, names: Sequence[str], until_s: float | None, ax: Axes | None
) -> tuple[Axes, str]:
    """Draw a row for each server; return the axes and the answer in words."""
    start = min(0.0, float(rows["t_s"].iloc[0]))
    last = float(rows["t_s"].iloc[-1])
    end = until_s if until_s is not None else last + max(0.04 * (last - start), 0.5)
    shown = names[:MOST_SERVERS]
    values = rows[["vm_state", "task_state"]].astype(object)
    values = values.where(values.notna(), None)
    lives: dict[str, list[tuple]] = {name: [] for name in names}
    columns = rows["instance"], rows["t_s"], values["vm_state"], values["task_state"]
    for name, t_s, vm_state, task_state in zip(*columns, strict=True):
        lives[name].append((t_s, vm_state, task_state))

    own = axes_of(ax, WIDTH, 0.235 * max(len(shown), 3) + 1.9)
    upper, tasks = _boxes(shown, lives, end, 1, -0.4, 0.12), _boxes(shown, lives, end, 2, 0.16, 0.4)
    tasks.pop(None, None)
    handles = [_region(own, upper[state], *style_of(state), light) for state in upper]
    own.set(xlim=(start, end), ylim=(max(len(shown), 3) - 0.5, -0.6))
    own.set_yticks(range(len(shown)), labels(shown), fontsize=SMALL)
    own.tick_params(axis="y", length=0)
    own.spines[["top", "right", "left"]].set_visible(False)
    missing = len(names) - len(shown)
    own.set_xlabel(f"seconds{f' ({missing} more servers are not drawn)' * bool(missing)}")
    legends = [("vm_state, the bar", handles, [str(state) for state in upper])]
    if tasks:
        tasks = _fewer(tasks)
        styles = zip(tasks.items(), TASKS, strict=False)
        strips = [_region(own, boxes, *style) for (_, boxes), style in styles]
        legends.append(("task_state, the strip below it", strips, list(tasks)))
    _legends(own, legends, ax is not None)
    answer = _told(lives, end, until_s)
    titled(own, ax is not None, answer)
    return own, answer


def _boxes(shown, lives, end, place, above, below):
    """{state: [(left, right, upper, lower)]} for the servers that are drawn."""
    boxes: dict = {}
    for row, name in enumerate(shown):
        life = lives[name]
        stops = [*(entry[0] for entry in life[1:]), end]
        before = None
        for entry, stop in zip(life, stops, strict=True):
            if place == 2 and entry[1] == "deleted":
                continue  # nothing is done to it any more, whatever its last task was
            box = (entry[0], stop, row + above, row + below)
            own = boxes.setdefault(entry[place], [])
            if own and before == entry[place] and own[-1][1] == entry[0]:
                own[-1] = (own[-1][0], stop, *box[2:])
            else:
                own.append(box)
            before = entry[place]
    return boxes


def _fewer(tasks):
    """The tasks that last longest under their own names, the rest under one."""
    if len(tasks) <= MOST_TASKS + 1:
        return tasks
    lasting = {task: sum(b - a for a, b, *_ in boxes) for task, boxes in tasks.items()}
    kept = sorted(lasting, key=lasting.get, reverse=True)[:MOST_TASKS]
    fewer = {task: boxes for task, boxes in tasks.items() if task in kept}
    fewer[OTHER] = [box for task, boxes in tasks.items() if task not in kept for box in boxes]
    return fewer


def _region(ax: Axes, boxes, colour, hatch, tone=str) -> Patch:
    """Fill boxes as one patch, and return what the legend shows for them."""
    from matplotlib.patches import Patch, PathPatch
    from matplotlib.path import Path

    vertices, codes = [], []
    for a, b, c, d in boxes:
        vertices += [(a, c), (b, c), (b, d), (a, d), (a, c)]
        codes += [Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY]
    style = {"facecolor": tone(colour), "hatch": hatch, "edgecolor": "#333333", "linewidth": 0.6}
    ax.add_patch(PathPatch(Path(vertices, codes), **style))
    return Patch(**style)


def _legends(ax, legends, given):
    """Below the axes, beside each other; in one where other axes share the figure."""
    style = {"frameon": False, "fontsize": SMALL, "title_fontsize": SMALL, "alignment": "left"}
    style |= {"handleheight": 1.4, "handlelength": 2.6}
    if given:
        names = [f"{title.split(',')[0]} {label(w)}" for title, _, words in legends for w in words]
        handles = [handle for _, own, _ in legends for handle in own]
        at = {"loc": "upper left", "bbox_to_anchor": (0, 0), "borderaxespad": 4.5, "ncols": 2}
        ax.legend(handles, names, **at, **style)
        return
    for side, (title, handles, words) in zip(("left", "right"), legends, strict=False):
        names = [label(word) for word in words]
        at = {"loc": f"outside lower {side}", "borderaxespad": 0.3, "ncols": 1 + (len(names) > 2)}
        ax.get_figure(root=True).legend(handles, names, title=title, **at, **style)


def _told(lives, end, until_s):
    """What became of the servers, in a sentence or two."""
    last = Counter(life[-1][1] for life in lives.values())
    parts = listed([f"{count} {state}" for state, count in last.most_common()], most=5)
    when = "at the end" if until_s is None else f"at {end:g} s"
    answer = f"{len(lives)} servers: {when} {parts}."
    first = [
        min((t for t, vm, _ in life if vm == "active"), default=None) for life in lives.values()
    ]
    times = sorted(t for t in first if t is not None)
    if len(times) > 1:
        answer += f" The first is active from {times[0]:.2f} s, the last from {times[-1]:.2f} s."
    return answer
