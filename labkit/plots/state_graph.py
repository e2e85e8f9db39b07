"""The vm_states as a graph: which action leads from which to which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.plots.figure import (
    BLUE,
    DPI,
    SMALL,
    VM_STATES,
    Figure,
    checked,
    fitting,
    label,
    light,
    listed,
    pixel_axes,
    plain,
    text_width,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

ANY = "any vm_state"
WIDTH, HEIGHT = 9.8, 6.7  # inches, without title and notes
#: Where each node stands, in inches. By hand: most edges meet in "active", few cross.
PLACES = {
    "active": (4.9, 3.9),
    "deleted": (0.75, 5.9),
    "paused": (2.4, 6.3),
    "suspended": (4.0, 6.3),
    "rescued": (5.6, 6.3),
    "shelved_offloaded": (7.3, 6.3),
    "shelved": (9.1, 5.6),
    "soft-delete": (2.0, 4.9),
    ANY: (0.75, 3.5),
    "resized": (9.1, 3.5),
    "building": (2.5, 2.5),
    "error": (4.2, 0.6),
    "stopped": (8.6, 0.6),
}
#: How much an edge bends, and those that bend otherwise, so that they run through no node.
BEND, BENDS = 0.17, {(ANY, "error"): 0.25}
#: Where on an edge its label may stand; the first place that is free.
ALONG = (0.5, 0.45, 0.55, 0.4, 0.6, 0.35, 0.65, 0.3, 0.7, 0.25, 0.75, 0.2, 0.8)
PAD = 0.03  # inches around a text
LINE = 0.15  # inches from line to line at SMALL points
ALL = len(VM_STATES)


@plain()
def state_graph(transitions: pd.DataFrame) -> Figure:
    """Draw the vm_states as nodes and the actions between them as edges.

    *transitions* is the table of ``labkit.studies.transitions.transitions()``. Actions with the
    same ends share an edge and have a line each. What begins in each vm_state is drawn once, from
    the dashed node "any vm_state"; where it ends otherwise than usual, a note says so. What leads
    to one vm_state from active and at least two others is drawn from active alone, with a star,
    and a note names the others. In the notes stand also the actions that end where they began, and
    those that the lab answers and does not play, both with the vm_states in which they may begin;
    a vm_state that nothing played leads to has a dashed border. Raises ValueError when there is
    nothing to draw, or a vm_state that Nova has not.

    >>> import pandas as pd
    >>> rows = [("stop", "", "active", "stopped", True), ("start", "", "stopped", "active", True)]
    >>> columns = ["action", "how", "vm_state", "to_vm_state", "played"]
    >>> print(state_graph(pd.DataFrame(rows, columns=columns)).answer)
    2 of 12 vm_states are reached; 1 action leads back to active.
    """
    checked("transitions", transitions, ("action", "how", "vm_state", "to_vm_state", "played"))
    names = (transitions["action"] + " " + transitions["how"]).str.strip()
    table = transitions.assign(label=names)
    played = table[table["played"]]
    reached = {*played["vm_state"], *played["to_vm_state"]}
    for state in [*table["vm_state"], *reached]:
        if state not in VM_STATES:
            raise ValueError(f"No vm_state {state!r}, only {listed(VM_STATES, ALL)}.")
    edges, notes = _edges_and_notes(table)
    answer = _said(reached, edges)
    lines = [line for note in notes for line in fitting(note, 72 * (WIDTH - 0.3))]
    below = LINE * len(lines) + 0.2
    # An inch of the axes is an inch of the figure.
    ax = pixel_axes(WIDTH * DPI, (HEIGHT + below) * DPI, title=answer)
    ax.set(xlim=(0, WIDTH), ylim=(-below, HEIGHT), aspect="equal")
    ax.axis("off")
    taken = [_draw_node(ax, name, name in reached) for name in PLACES]
    for (start, end), names in edges.items():
        curve = _draw_edge(ax, start, end)
        taken.append(_draw_label(ax, curve, [label(name) for name in names], taken))
    for number, line in enumerate(lines):
        ax.text(0.15, -0.1 - LINE * number, line, fontsize=SMALL, va="top", ha="left")
    return Figure(ax.figure, answer)


def _edges_and_notes(table: pd.DataFrame) -> tuple[dict, list[str]]:
    edges: dict = {}
    anywhere, otherwise = [], []
    also, stay, unplayed = {}, {}, {}
    for name, rows in table.groupby("label", sort=False):
        played = rows[rows["played"]]
        everywhere = set(VM_STATES) - {"deleted"} <= set(rows["vm_state"])
        if played.empty:
            begins = ANY if everywhere else listed(rows["vm_state"], ALL)
            unplayed.setdefault(begins, []).append(name)
            continue
        stays = played["to_vm_state"] == played["vm_state"]
        moved = played[~stays]
        if everywhere:
            if stays.all():
                anywhere.append(name)
                continue
            usual = played["to_vm_state"].mode().iloc[0]
            edges.setdefault((ANY, usual), []).append(name)
            otherwise += [
                f"{label(name)} in {row.vm_state} ends {row.to_vm_state}"
                for row in moved.itertuples()
                if row.to_vm_state != usual
            ]
            continue
        if stays.any():
            stay.setdefault(listed(played["vm_state"][stays], ALL), []).append(name)
        begins = list(moved["vm_state"])
        if len(begins) > 2 and "active" in begins:
            begins.remove("active")
            also.setdefault(listed(begins, ALL), []).append(name)
            moved = moved[moved["vm_state"] == "active"]
            name = f"{name} *"
        for row in moved.itertuples():
            edges.setdefault((row.vm_state, row.to_vm_state), []).append(name)
    stay |= {ANY: anywhere} if anywhere else {}
    notes = [f"* Alike from others: {_names(also)}."] if also else []
    notes += [f"Ends where it began: {_names(stay)}."] if stay else []
    notes += [f"Not as from {ANY}: {'; '.join(otherwise)}."] if otherwise else []
    notes += [f"Answered, not played: {_names(unplayed)}."] if unplayed else []
    return edges, notes


def _names(by_begin: dict) -> str:
    return "; ".join(
        f"{', '.join(map(label, names))} ({begins})" for begins, names in by_begin.items()
    )


def _said(reached: set, edges: dict) -> str:
    back = {name for (start, end), names in edges.items() if end == "active" for name in names}
    back -= set(edges.get(("building", "active"), ()))
    verb = "action leads" if len(back) == 1 else "actions lead"
    answer = f"{len(reached)} of {ALL} vm_states are reached; {len(back)} {verb} back to active"
    gone = edges.get((ANY, "deleted"))
    if gone:
        verb = "leads" if len(gone) == 1 else "lead"
        answer += f", and from {ANY} {listed(gone)} {verb} to deleted"
    return answer + "."


# -- the drawing; boxes are left, lower, right, upper, in inches --------------------------
def _box(at: tuple, width: float, height: float) -> tuple:
    (x, y) = at
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _node_box(name: str) -> tuple:
    return _box(PLACES[name], text_width(name, weight="bold") / 72 + 0.2, 0.32)


def _draw_node(ax: Axes, name: str, reached: bool) -> tuple:
    from matplotlib.patches import FancyBboxPatch

    box = x0, y0, x1, y1 = _node_box(name)
    dashed = name == ANY or not reached
    colour = "white" if dashed else light(VM_STATES[name][0])
    style = {"facecolor": colour, "edgecolor": "black", "linestyle": "--" if dashed else "-"}
    shape = "round,pad=0,rounding_size=0.1"
    ax.add_patch(FancyBboxPatch((x0, y0), x1 - x0, y1 - y0, shape, zorder=3, **style))
    middle = {"ha": "center", "va": "center", "fontsize": SMALL, "weight": "bold", "zorder": 4}
    ax.text(*PLACES[name], name, **middle)
    return box


def _draw_edge(ax: Axes, start: str, end: str) -> list[tuple]:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    (x0, y0), (x1, y1) = PLACES[start], PLACES[end]
    bend = BENDS.get((start, end), BEND)
    x, y = (x0 + x1) / 2 + bend * (y1 - y0), (y0 + y1) / 2 - bend * (x1 - x0)
    curve = []  # of Bezier, through a point beside the middle
    for t in (k / 200 for k in range(201)):
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t**2
        point = a * x0 + b * x + c * x1, a * y0 + b * y + c * y1
        if not any(_inside(point, _node_box(name)) for name in (start, end)):
            curve.append(point)
    anywhere = start == ANY
    style = {"color": "#555555" if anywhere else BLUE, "linestyle": "--" if anywhere else "-"}
    style |= {"arrowstyle": "-|>", "mutation_scale": 11, "linewidth": 1.3, "zorder": 1}
    path = Path(curve, [Path.MOVETO] + [Path.LINETO] * (len(curve) - 1))
    ax.add_patch(FancyArrowPatch(path=path, **style))
    return curve


def _inside(point: tuple, box: tuple) -> bool:
    (x, y), (x0, y0, x1, y1) = point, box
    return x0 - PAD <= x <= x1 + PAD and y0 - PAD <= y <= y1 + PAD


def _draw_label(ax: Axes, curve: list[tuple], lines: list[str], taken: list[tuple]) -> tuple:
    """Write the actions on an edge where there is most room; return the box that they take."""
    width = max(map(text_width, lines)) / 72 + 2 * PAD
    places = [curve[round(share * (len(curve) - 1))] for share in ALONG]
    boxes = [_box(place, width, LINE * len(lines) + 2 * PAD) for place in places]
    place, box = min(
        zip(places, boxes, strict=True),
        key=lambda each: sum(_shared_area(each[1], other) for other in taken),
    )
    style = {"ha": "center", "va": "center", "fontsize": SMALL, "linespacing": 1.1, "zorder": 5}
    paper = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
    ax.text(*place, "\n".join(lines), bbox=paper, **style)
    return box


def _shared_area(one: tuple, other: tuple) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0) * max(height, 0)
