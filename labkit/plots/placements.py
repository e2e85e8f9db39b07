"""Many placements at once: who wins under which setting, and how a fleet fills."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from labkit.neighbours import arguments
from labkit.plots.figure import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    VERMILLION,
    YELLOW,
    Figure,
    canvas,
    checked,
    finished,
    label,
    labels,
    listed,
    plain,
    region,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes

MOST_WINNERS = 8
COLOURS = (SKY, ORANGE, GREEN, YELLOW, VERMILLION, PURPLE, BLUE)
# Eight hatches against seven colours: no pair is there twice. Lines only: dots and circles make an
# SVG several times as long.
HATCHES = ("", "//", "\\\\", "||", "--", "xx", "++", "////")
MOST_ROWS = 30
MOST_STEPS = 800
NOBODY = "NoValidHost"

# What a resource is called, the column of a host's total, and how much of it is used before.
RESOURCES = {
    "memory_mb": (
        "RAM",
        "total_usable_ram_mb",
        lambda hosts: hosts["total_usable_ram_mb"] - hosts["free_ram_mb"],
    ),
    "vcpus": ("vCPU", "vcpus_total", lambda hosts: hosts["vcpus_used"]),
    "disk_gb": (
        "Disk",
        "total_usable_disk_gb",
        lambda hosts: hosts["total_usable_disk_gb"] - hosts["free_disk_mb"] / 1024,
    ),
}


@plain()
def winner_map(winners: pd.DataFrame) -> Figure:
    """Draw which host wins at each pair of values of two options.

    *winners* has three columns: the two options (numbers, a full grid) and ``winner``, the host
    (None where there is no valid host). The eight most frequent winners have a colour and a
    hatch of their own, the others share one. Raises ValueError when there is nothing to draw.

    >>> import pandas as pd
    >>> rows = [(-1, 0, "cn-1"), (-1, 1, "cn-1"), (1, 0, "cn-2"), (1, 1, "cn-1")]
    >>> columns = ["ram_weight_multiplier", "cpu_weight_multiplier", "winner"]
    >>> winner_map(pd.DataFrame(rows, columns=columns))
    Of 4 settings, cn-1 wins 75 %, cn-2 wins 25 %.
    """
    checked("winners", winners, ("winner",))
    options = [name for name in winners.columns if name != "winner"]
    if len(options) != 2:
        raise ValueError(f"A winner map needs two options beside winner, not {listed(options)}.")
    names = winners["winner"].astype(object).where(winners["winner"].notna(), NOBODY).astype(str)
    x, y = (sorted(winners[option].unique()) for option in options)
    places = winners[options[0]].map(x.index), winners[options[1]].map(y.index)
    cells = {(j, i): name for i, j, name in zip(*places, names, strict=True)}
    if len(winners) != len(x) * len(y) or len(cells) != len(winners):
        raise ValueError("A winner map needs each pair of values exactly once.")

    counts = names.value_counts(sort=False).sort_values(ascending=False, kind="stable")
    ax = canvas(7.6, 4.6).add_subplot()
    groups = [(name, {name}) for name in counts.index[:MOST_WINNERS]]
    others = set(counts.index[MOST_WINNERS:])
    groups += [(f"{len(others)} others", others)] if others else []
    handles, shares = [], []
    for index, (name, members) in enumerate(groups):
        colour, hatch = COLOURS[index % len(COLOURS)], HATCHES[index % len(HATCHES)]
        if name == NOBODY or members is others:
            colour, hatch = GREY, "" if name == NOBODY else "**"
        style = {"facecolor": colour, "hatch": hatch, "edgecolor": "black", "linewidth": 0}
        inside = {place for place, winner in cells.items() if winner in members}
        handles.append(region(ax, _boxes(inside, _edges(x), _edges(y)), **style))
        shares.append(f"{label(name)}  {_share(len(inside), len(names))}")
    ax.set_xlim(_edges(x)[0], _edges(x)[-1])
    ax.set_ylim(_edges(y)[0], _edges(y)[-1])
    ax.set_xlabel(label(options[0]))
    ax.set_ylabel(label(options[1]))
    style = {"title": "wins", "frameon": False, "fontsize": SMALL}
    style |= {"handleheight": 1.6, "handlelength": 2.4}
    at = {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "borderaxespad": 0}
    ax.legend(handles, shares, **at, **style)
    return finished(ax, _winners(counts, len(names)))


def _winners(counts: pd.Series, settings: int) -> str:
    shares = [f"{name} wins {_share(n, settings)}" for name, n in counts.items() if name != NOBODY]
    shares = [*shares[:3], f"{len(shares) - 3} more the rest"] if len(shares) > 4 else shares
    shares += [f"{_share(counts[NOBODY], settings)} end in {NOBODY}"] if NOBODY in counts else []
    return f"Of {settings} setting{'s' * (settings > 1)}, {', '.join(shares)}."


def _share(count: int, of: int) -> str:
    percent = 100 * count / of
    return "<1 %" if percent < 1 else f"{percent:.0f} %"


def _boxes(cells: set[tuple[int, int]], x: list[float], y: list[float]) -> Iterator[tuple]:
    """The boxes (left, right, top, bottom) of cells (row, column); neighbours in a row are one."""
    for j in range(len(y) - 1):
        row = [(j, i) in cells for i in range(len(x) - 1)]
        for inside, own in itertools.groupby(range(len(row)), row.__getitem__):
            columns = list(own)
            if inside:
                yield x[columns[0]], x[columns[-1] + 1], y[j], y[j + 1]


def _edges(values: Sequence[float]) -> list[float]:
    """The borders of cells around *values*: halfway between neighbours."""
    middles = [(a + b) / 2 for a, b in itertools.pairwise(values)]
    if not middles:
        return [values[0] - 0.5, values[0] + 0.5]
    return [2 * values[0] - middles[0], *middles, 2 * values[-1] - middles[-1]]


@plain()
def fill(hosts: pd.DataFrame, placed: pd.DataFrame, resource: str = "memory_mb") -> Figure:
    """Draw how full each host is while requests are placed one after another.

    *hosts* is the fleet before (``fleet.hosts``), *placed* has one row per instance asked for:
    seq, request, instance, host (None where there was no valid host), weight, vcpus, memory_mb,
    disk_gb. *resource* is memory_mb, vcpus or disk_gb. A host's fill is what it uses of its
    total in percent, over 100 where an allocation ratio allows it. Below stand the standard
    deviation of the fill over all hosts, in percentage points, and a mark for each request that
    no host could take. The 30 fullest are drawn when there are more. Raises ValueError when there
    is nothing to draw.

    >>> import pandas as pd
    >>> hosts = pd.DataFrame({"host": ["cn-1", "cn-2"], "total_usable_ram_mb": [4096, 4096],
    ...                       "free_ram_mb": [4096, 4096]})
    >>> placed = pd.DataFrame({"request": [0, 1, 2], "host": ["cn-1", "cn-1", None],
    ...                        "memory_mb": [2048, 1024, 2048]})
    >>> print(fill(hosts, placed).answer)
    2 of 3 requests placed, NoValidHost for 1. RAM fill at the end: 38 % on average, standard deviation 37.5 points, from 0 % (cn-2) to 75 % (cn-1).
    """
    if not isinstance(resource, str) or resource not in RESOURCES:
        raise ValueError(f"No resource {arguments.shown(resource)}, only {listed(RESOURCES)}.")
    name, total, _ = RESOURCES[resource]
    checked("placed", placed, ("host", resource))
    checked("hosts", hosts, ("host", total))
    steps, fills, failed = _history(hosts, placed, resource)
    shown = sorted(range(len(hosts)), key=lambda i: -fills[i, -1])[:MOST_ROWS]
    shown = sorted(shown) if len(hosts) <= MOST_ROWS else shown
    upper = 0.2 * max(6, len(shown)) + 0.3
    grid = {"sharex": True, "height_ratios": [upper, 1.1]}
    ax, below = canvas(8.4, upper + 2.2).subplots(2, 1, **grid)
    _draw_spread(below, steps, fills.std(axis=0), failed)
    _draw_fills(ax, fills, shown, len(placed), name)
    ax.set_yticks(range(len(shown)), labels(hosts["host"].iloc[shown]), fontsize=SMALL)
    many = "request" in placed.columns and placed["request"].nunique() < len(placed)
    words = f"{'instances' if many else 'requests'}, one after another"
    if len(shown) < len(hosts):
        words += f" ({len(hosts) - len(shown)} less full hosts are not drawn)"
    below.set_xlabel(words)
    below.locator_params(axis="x", integer=True)
    return finished(ax, _fills(hosts, placed, name, fills[:, -1]))


def _history(
    hosts: pd.DataFrame, placed: pd.DataFrame, resource: str
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Steps, fill in percent (hosts x steps), and which rows failed."""
    import numpy as np

    _, total, used_of = RESOURCES[resource]
    rows = placed.sort_values("seq", kind="stable") if "seq" in placed.columns else placed
    places = {str(host): i for i, host in enumerate(hosts["host"])}
    totals = hosts[total].to_numpy(dtype=float)
    used = used_of(hosts).to_numpy(dtype=float, copy=True)
    scale = np.divide(100.0, totals, out=np.zeros_like(totals), where=totals > 0)
    steps = np.unique(np.linspace(0, len(rows), min(len(rows) + 1, MOST_STEPS)).astype(int))
    fills, failed = np.empty((len(places), len(steps))), []
    fills[:, 0] = used * scale
    column = 1
    asked = zip(rows["host"], rows["host"].isna(), rows[resource], strict=True)
    for step, (host, nowhere, much) in enumerate(asked, start=1):
        if nowhere:
            failed.append(step)
        elif str(host) not in places:
            raise ValueError(f"{host} is not among the hosts of this fleet.")
        else:
            used[places[str(host)]] += much
        if step == steps[column]:
            fills[:, column] = used * scale
            column += 1
    return steps, fills, failed


def _draw_fills(ax: Axes, fills: np.ndarray, shown: list[int], placed: int, name: str) -> None:
    image = ax.imshow(
        fills[shown],
        aspect="auto",
        interpolation="nearest",
        cmap="cividis",
        vmin=0,
        vmax=max(100.0, float(fills.max())),
        extent=(-0.5, placed + 0.5, len(shown) - 0.5, -0.5),
    )
    right = ax.secondary_yaxis("right")
    ends = [f"{fills[i, -1]:.0f} %" for i in shown]
    right.set_yticks(range(len(shown)), ends, fontsize=SMALL)
    right.tick_params(length=0)
    right.spines[:].set_visible(False)
    ax.figure.colorbar(image, ax=ax, pad=0.08, label=f"{name} fill, %")
    ax.set_yticks([y + 0.5 for y in range(len(shown) - 1)], minor=True)
    ax.grid(axis="y", which="minor", color="white", lw=1.5)
    ax.tick_params(axis="y", which="both", length=0)
    ax.spines[:].set_visible(False)


def _draw_spread(ax: Axes, steps: np.ndarray, spread: np.ndarray, failed: list[int]) -> None:
    ax.plot(steps, spread, color=BLUE, lw=2, drawstyle="steps-mid", label="standard deviation")
    if failed:
        marks = {"marker": "x", "ls": "", "color": VERMILLION, "label": NOBODY, "clip_on": False}
        ax.plot(failed, [0.0] * len(failed), **marks)
    ax.set_ylim(0, max(1.0, 1.15 * float(spread.max())))
    ax.set_ylabel("points")
    ax.spines[["top", "right"]].set_visible(False)
    at = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.1}
    ax.legend(ncols=2, frameon=False, fontsize=SMALL, **at)


def _fills(hosts: pd.DataFrame, placed: pd.DataFrame, name: str, end: np.ndarray) -> str:
    nowhere = placed["host"].isna()
    requests, failed = len(placed), int(nowhere.sum())
    if "request" in placed.columns:
        requests = placed["request"].nunique()
        failed = placed["request"][nowhere].nunique()
    low, high = int(end.argmin()), int(end.argmax())
    names = hosts["host"].tolist()
    return (
        f"{requests - failed} of {requests} requests placed, NoValidHost for {failed}. "
        f"{name} fill at the end: {end.mean():.0f} % on average, standard deviation "
        f"{end.std():.1f} points, from {end[low]:.0f} % ({names[low]}) "
        f"to {end[high]:.0f} % ({names[high]})."
    )
