"""The vm_states as a graph: which action leads from which to which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.nova.compute import vm_states as vm
from labkit.plots.figure import (
    BLUE,
    SMALL,
    TITLE,
    UNKNOWN,
    VM_STATES,
    Figure,
    canvas,
    checked,
    fitting,
    label,
    light,
    listed,
    titled,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

ANY = "any vm_state"
WIDTH, HEIGHT = 9.8, 6.7  # inches, without title and notes
#: Where each node stands, in inches. By hand: most edges meet in "active", few cross.
PLACES = {
    vm.ACTIVE: (4.9, 3.9),
    vm.DELETED: (0.75, 5.9),
    vm.PAUSED: (2.4, 6.3),
    vm.SUSPENDED: (4.0, 6.3),
    vm.RESCUED: (5.6, 6.3),
    vm.SHELVED_OFFLOADED: (7.3, 6.3),
    vm.SHELVED: (9.1, 5.6),
    vm.SOFT_DELETED: (2.0, 4.9),
    ANY: (0.75, 3.5),
    vm.RESIZED: (9.1, 3.5),
    vm.BUILDING: (2.5, 2.5),
    vm.ERROR: (4.2, 0.6),
    vm.STOPPED: (8.6, 0.6),
}
#: How much an edge bends, where it is not as the others do.
BENDS = {(ANY, vm.ERROR): 0.25}
BEND = 0.17
ALONG = (0.5, 0.45, 0.55, 0.4, 0.6, 0.35, 0.65, 0.3, 0.7, 0.25, 0.75, 0.2, 0.8)
PAD = 0.03  # inches around a text
LINE = 0.15  # inches from line to line at SMALL points


def state_graph(transitions: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """Draw the vm_states as nodes and the actions between them as edges.

    *transitions* is the table of ``labkit.studies.transitions.transitions()``. Actions with the same ends share an
    edge and have a line each. What begins in each vm_state is drawn once, from the dashed node
    "any vm_state"; where it ends otherwise than usual, a note says so. What leads to one vm_state
    from active and at least two others is drawn from active alone, with a star, and a note names
    the others. In the notes stand also the
    actions that end where they began, and those that the lab answers and does not play, both with
    the vm_states in which they may begin; a vm_state that nothing played leads to has a dashed
    border. An *ax* needs about 10 x 8 inches. Raises ValueError when there is nothing to draw, or a
    vm_state that Nova has not.

    >>> import pandas as pd
    >>> rows = [("stop", "", "active", "stopped", True), ("start", "", "stopped", "active", True)]
    >>> columns = ["action", "how", "vm_state", "to_vm_state", "played"]
    >>> print(state_graph(pd.DataFrame(rows, columns=columns)).answer)
    2 of 12 vm_states are reached; 1 action leads back to active.
    """
    checked(transitions, ("action", "how", "vm_state", "to_vm_state", "played"))
    table = transitions.assign(
        label=[
            f"{action} {how}".strip()
            for action, how in zip(transitions["action"], transitions["how"], strict=True)
        ]
    )
    played = table[table["played"]]
    reached = {*played["vm_state"], *played["to_vm_state"]}
    for state in [*table["vm_state"], *reached]:
        if state not in vm.ALL:
            raise ValueError(f"No vm_state {state!r}, only {listed(vm.ALL, len(vm.ALL))}.")
    edges, notes = _sorted(table)
    answer = _answer(reached, edges)
    lines = [line for note in notes for line in fitting(note, 72 * (WIDTH - 0.3), SMALL)]
    own = ax
    if own is None:
        below = _below(lines)
        whole = 0.22 * len(fitting(answer, 72 * WIDTH - 16, TITLE)) + 0.15 + HEIGHT + below
        figure = canvas(WIDTH, whole)
        figure.set_layout_engine("none")  # an inch of the axes is an inch of the figure
        own = figure.add_axes((0, 0, 1, (HEIGHT + below) / whole))
    _draw(own, edges, reached, lines)
    titled(own, ax is not None, answer)
    return Figure(own.get_figure(root=True), answer, complete=ax is None)


def _sorted(table: pd.DataFrame) -> tuple[dict, list[str]]:
    """The labels by the two ends of their edge, and the notes."""
    edges: dict = {}
    otherwise, also, stay, unplayed = [], {}, {}, {}
    for name, rows in table.groupby("label", sort=False):
        played = rows[rows["played"]]
        everywhere = set(vm.ALL) - {vm.DELETED} <= set(rows["vm_state"])
        if played.empty:
            begins = ANY if everywhere else listed(rows["vm_state"], len(vm.ALL))
            unplayed.setdefault(begins, []).append(name)
            continue
        stays = played["to_vm_state"] == played["vm_state"]
        usual = None
        if everywhere:
            usual = ANY if stays.all() else played["to_vm_state"].mode().iloc[0]
            edges.setdefault((ANY, usual), []).append(name)
        elif stays.any():
            begins = listed(played["vm_state"][stays], len(vm.ALL))
            stay.setdefault(begins, []).append(name)
        moved = played[~stays]
        begins = list(moved["vm_state"])
        if usual is None and len(begins) > 2 and vm.ACTIVE in begins:
            begins.remove(vm.ACTIVE)
            also.setdefault(listed(begins, len(vm.ALL)), []).append(name)
            moved = moved[moved["vm_state"] == vm.ACTIVE]
            name = f"{name} *"
        for row in moved.itertuples():
            if usual is None:
                edges.setdefault((row.vm_state, row.to_vm_state), []).append(name)
            elif row.to_vm_state != usual:
                otherwise.append(f"{label(name)} in {row.vm_state} ends {row.to_vm_state}")
    if (ANY, ANY) in edges:
        stay[ANY] = edges.pop((ANY, ANY))
    notes = [f"* Alike from others: {_names(also)}."] if also else []
    notes += [f"Ends where it began: {_names(stay)}."] if stay else []
    notes += [f"Not as from {ANY}: {'; '.join(otherwise)}."] if otherwise else []
    notes += [f"Answered, not played: {_names(unplayed)}."] if unplayed else []
    return edges, notes


def _names(by_begin: dict) -> str:
    return "; ".join(
        f"{', '.join(map(label, names))} ({begins})" for begins, names in by_begin.items()
    )


def _below(lines: list[str]) -> float:
    return LINE * len(lines) + 0.2


def _answer(reached: set, edges: dict) -> str:
    """What the graph shows, in a sentence."""
    back = {name for (start, end), names in edges.items() if end == vm.ACTIVE for name in names}
    back -= set(edges.get((vm.BUILDING, vm.ACTIVE), ()))
    verb = "action leads" if len(back) == 1 else "actions lead"
    answer = f"{len(reached)} of {len(vm.ALL)} vm_states are reached; {len(back)} {verb} back to"
    answer += " active"
    gone = edges.get((ANY, vm.DELETED))
    if gone:
        verb = "leads" if len(gone) == 1 else "lead"
        answer += f", and from {ANY} {listed(gone)} {verb} to {vm.DELETED}"
    return answer + "."


def _draw(ax: Axes, edges: dict, reached: set, lines: list[str]) -> None:
    ax.set_xlim(0, WIDTH)
    ax.set_ylim(-_below(lines), HEIGHT)
    ax.set_aspect("equal")
    ax.axis("off")
    taken = [_node(ax, name, name in reached) for name in PLACES]
    for (start, end), names in edges.items():
        curve = _edge(ax, start, end)
        taken.append(_edge_label(ax, curve, [label(name) for name in names], taken))
    for number, line in enumerate(lines):
        ax.text(0.15, -0.1 - LINE * number, line, fontsize=SMALL, va="top", ha="left")


def _size(lines: list[str], weight: str = "normal") -> tuple[float, float]:
    """Width and height of lines of text, in inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=SMALL, weight=weight)
    widths = [text_to_path.get_text_width_height_descent(line, font, False)[0] for line in lines]
    return max(widths, default=0) / 72, LINE * len(lines)


def _half(name: str) -> tuple[float, float]:
    """Half of the width and height of a node."""
    return _size([name], "bold")[0] / 2 + 0.1, 0.16


def _node(ax: Axes, name: str, reached: bool) -> tuple:
    """Draw a node; return the box that is taken."""
    from matplotlib.patches import FancyBboxPatch

    (x, y), (w, h) = PLACES[name], _half(name)
    dashed = name == ANY or not reached
    ax.add_patch(
        FancyBboxPatch(
            (x - w, y - h),
            2 * w,
            2 * h,
            "round,pad=0,rounding_size=0.1",
            facecolor="white" if dashed else light(VM_STATES.get(name, UNKNOWN)[0]),
            edgecolor="black",
            linestyle="--" if dashed else "-",
            zorder=3,
        )
    )
    ax.text(x, y, name, ha="center", va="center", fontsize=SMALL, weight="bold", zorder=4)
    return x - w, y - h, x + w, y + h


def _edge(ax: Axes, start: str, end: str) -> list[tuple]:
    """Draw an arrow from border to border; return points along it."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    (x0, y0), (x1, y1) = PLACES[start], PLACES[end]
    bend = BENDS.get((start, end), BEND)
    middle = (x0 + x1) / 2 + bend * (y1 - y0), (y0 + y1) / 2 - bend * (x1 - x0)

    def at(t):
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t**2
        return a * x0 + b * middle[0] + c * x1, a * y0 + b * middle[1] + c * y1

    points = [at(k / 200) for k in range(201)]
    outside = [p for p in points if not (_inside(p, start) or _inside(p, end))]
    path = Path(outside, [Path.MOVETO] + [Path.LINETO] * (len(outside) - 1))
    ax.add_patch(
        FancyArrowPatch(
            path=path,
            arrowstyle="-|>",
            mutation_scale=11,
            color="#555555" if start == ANY else BLUE,
            linestyle="--" if start == ANY else "-",
            linewidth=1.3,
            zorder=1,
        )
    )
    return outside


def _inside(point: tuple, name: str) -> bool:
    (x, y), (w, h) = PLACES[name], _half(name)
    return abs(point[0] - x) <= w + 0.03 and abs(point[1] - y) <= h + 0.03


def _edge_label(ax: Axes, curve: list[tuple], lines: list[str], taken: list[tuple]) -> tuple:
    """Write the actions on an edge where there is room; return the box that is taken."""
    width, height = _size(lines)
    best = None
    for share in ALONG:
        x, y = curve[round(share * (len(curve) - 1))]
        box = (
            x - width / 2 - PAD,
            y - height / 2 - PAD,
            x + width / 2 + PAD,
            y + height / 2 + PAD,
        )
        shared = sum(_shared(box, other) for other in taken)
        if best is None or shared < best[0]:
            best = shared, x, y, box
    _, x, y, box = best
    ax.text(
        x,
        y,
        "\n".join(lines),
        ha="center",
        va="center",
        fontsize=SMALL,
        linespacing=1.1,
        zorder=5,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"},
    )
    return box


def _shared(one: tuple, other: tuple) -> float:
    """The area that two boxes share."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0) * max(high, 0)
