"""The sequence diagram: who sends what to whom, from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from labkit.plots.arrows import MESSAGES, Arrow, arrows_of, fitting_in, said
from labkit.plots.figure import (
    BLUE,
    GREY,
    SMALL,
    TITLE,
    VERMILLION,
    Figure,
    axes_of,
    broken,
    checked,
    label,
    text_width,
    titled,
)
from labkit.plots.services import NEIGHBOURS, services_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_ROWS = 60
WIDTH = 9.6  # inches
ROW = 0.29  # inches that one arrow takes, its name above it
SIDES = 56  # points left and right of the lifelines: the times, the margins
LINES = {"call": "-", "cast": "-", "fanout": "-.", "reply": "--", "heartbeat": ":", "ask": "-"}
KINDS = {
    "call": "call: waits for its reply",
    "cast": "cast: waits for nothing",
    "fanout": "fanout: a cast to all of them",
    "reply": "reply",
    "heartbeat": "heartbeat: still at work",
    "ask": "asks a neighbour or the hypervisor",
}


def sequence(
    messages: pd.DataFrame, calls: pd.DataFrame | None = None, ax: Axes | None = None
) -> Figure:
    """Draw who sends what to whom: a lifeline for each service, an arrow for each message.

    *messages* is the table ``Cloud.messages``; read are t_s (seconds), kind, sender, topic,
    server, method, args and lost, and seq where *calls*, the table ``Cloud.calls``, is drawn in
    between, with a lifeline for each neighbour and for the hypervisor (virt).
    A call is solid with a full head and its reply dashed, a cast has an open head, a fanout two;
    what is lost ends in a cross. Draws the first 60 arrows and the first 6 computes (4 beside
    neighbours); the answer says what is left out. Raises ValueError when there is nothing to draw.

    >>> import pandas as pd
    >>> rows = [(0.05, "cast", "api", "conductor", None, "schedule_and_build_instances", "", False)]
    >>> sequence(pd.DataFrame(rows, columns=list(MESSAGES)))
    1 message until 0.05 s between api and conductor: 1 cast.
    """
    checked(messages, MESSAGES, ": nobody has sent anything")
    arrows, orphans = arrows_of(messages, calls)
    most = MOST_ROWS
    if ax is not None:  # as many as the axes, with heads and legend, have room for
        most = max(3, min(most, int(ax.bbox.height / ax.get_figure(root=True).dpi / ROW) - 4))
    kept, left_out = fitting_in(arrows, most)
    answer = said(arrows, left_out, orphans)
    if not kept:
        raise ValueError(f"There is nothing to draw. {answer}")
    own = axes_of(ax, WIDTH, ROW * len(kept) + 1.75)
    heads = _draw(own, kept, ax is None)
    titled(own, ax is not None, answer)
    if ax is not None:
        own.set_title(own.get_title("left"), loc="left", fontsize=TITLE, pad=14 + 11 * heads)
    return Figure(own.get_figure(root=True), answer, complete=ax is None)


# -- drawing ------------------------------------------------------------------------------
def _draw(ax: Axes, arrows: Sequence[Arrow], outside: bool) -> int:
    """Draw lifelines with heads, arrows and the legend; return the lines of the tallest head."""
    lifelines = services_of(name for arrow in arrows for name in (arrow.sender, arrow.receiver))
    figure = ax.get_figure(root=True)
    width = (figure.get_figwidth() if outside else ax.bbox.width / figure.dpi) * 72 - SIDES
    texts, wide = _heads(lifelines, width)
    right, places = 0.0, {}
    for name in lifelines:
        places[name] = right + wide[name] / 2
        right += wide[name]
    scale = width / right  # points per unit of x
    ax.set(xlim=(0, right), ylim=(len(arrows) - 0.3, -0.75))
    for name, x in places.items():
        narrow = name in NEIGHBOURS
        ax.axvline(x, color=GREY, lw=0.8 if narrow else 1.2, ls=":" if narrow else "-", zorder=1)
        edge = {"edgecolor": GREY, "linewidth": 0.8} if narrow else {"edgecolor": "black"}
        ax.annotate(
            texts[name],
            (x, 1),
            xycoords=ax.get_xaxis_transform(),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=SMALL,
            bbox={"boxstyle": "round,pad=0.3", "facecolor": "white", **edge},
        )
    for row, arrow in enumerate(arrows):
        _arrow(ax, row, arrow, places, scale, right)
    times = [f"{arrow.t_s:.2f}" for arrow in arrows]
    shown = [time if row == 0 or times[row - 1] != time else "" for row, time in enumerate(times)]
    ax.set_yticks(range(len(arrows)), shown, fontsize=SMALL)
    ax.annotate(
        "t_s",
        (0, 1),
        xycoords="axes fraction",
        xytext=(-4, 8),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=SMALL,
    )
    ax.set_xticks([])
    ax.tick_params(axis="y", length=0)
    ax.spines[:].set_visible(False)
    kinds = {arrow.kind for arrow in arrows}
    lost = any(arrow.lost for arrow in arrows)
    _legend(ax, [kind for kind in KINDS if kind in kinds], lost, outside)
    return max(text.count("\n") for text in texts.values()) + 1


def _heads(lifelines: Sequence[str], width: float) -> tuple[dict[str, str], dict[str, float]]:
    """The names of the lifelines, in lines, and the points that each takes of *width*."""
    for longest in (84, 64, 54):
        texts = {name: broken(name, longest) for name in lifelines}
        needed = {
            name: max(map(text_width, text.split("\n"))) + (10 if name in NEIGHBOURS else 14)
            for name, text in texts.items()
        }
        spare = width - sum(needed.values())
        if spare >= 0:
            break
    share = max(0.0, spare) / sum(1 if name in NEIGHBOURS else 2 for name in lifelines)
    return texts, {
        name: wide + share * (1 if name in NEIGHBOURS else 2) for name, wide in needed.items()
    }


def _arrow(
    ax: Axes, row: int, arrow: Arrow, places: dict[str, float], scale: float, right: float
) -> None:
    """One arrow at *row* with its words above it, kept between the edges of the diagram."""
    start, end = places[arrow.sender], places[arrow.receiver]
    colour = "black" if arrow.kind != "ask" else BLUE
    if start == end:
        end = start + 26 / scale
    if arrow.lost:
        end = start + (end - start) * 0.6
    heads = {"cast": "->", "fanout": "->", "reply": "->", "heartbeat": "->"}
    style = {"color": colour, "lw": 1.1, "ls": LINES[arrow.kind], "shrinkA": 0, "shrinkB": 0}
    style["arrowstyle"] = "-" if arrow.lost else heads.get(arrow.kind, "-|>")
    ax.annotate("", (end, row), (start, row), arrowprops=style, zorder=3)
    way = 1 if end > start else -1
    if arrow.kind == "fanout" and not arrow.lost:
        second = style | {"ls": "-"}
        ax.annotate(
            "", (end - way * 6 / scale, row), (end - way * 7 / scale, row), arrowprops=second
        )
    if arrow.lost:
        ax.plot([end], [row], "X", ms=9, mfc=VERMILLION, mec="black", mew=0.7, zorder=4)
    ax.plot([start], [row], "o", ms=3.5, color=colour, zorder=4)
    words = label(arrow.words, 60) + (" (lost)" if arrow.lost else "")
    half = (text_width(words) / 2 + 2) / scale
    middle = min(max((start + end) / 2, half), max(right - half, half))
    ax.annotate(
        words,
        (middle, row),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=SMALL,
        color=colour,
        zorder=2,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"},
    )


def _legend(ax: Axes, kinds: Sequence[str], lost: bool, outside: bool) -> None:
    """What the lines mean, below the diagram."""
    from matplotlib.lines import Line2D

    marks = {"call": ">", "ask": ">", "cast": "4", "fanout": "4", "reply": "4", "heartbeat": "4"}
    handles = [
        Line2D(
            [],
            [],
            color=BLUE if kind == "ask" else "black",
            ls=LINES[kind],
            lw=1.1,
            marker=marks[kind],
            ms=6,
            markevery=[1],
            label=KINDS[kind],
        )
        for kind in kinds
    ]
    for handle in handles:
        handle.set_data([0, 1], [0, 0])
    if lost:
        handles.append(
            Line2D([], [], ls="", marker="X", ms=9, mfc=VERMILLION, mec="black", label="lost")
        )
    style = {"ncols": 3, "frameon": False, "fontsize": SMALL, "handlelength": 3.2}
    if outside:
        ax.get_figure(root=True).legend(handles=handles, loc="outside lower left", **style)
    else:
        ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, 0), **style | {"ncols": 2})
