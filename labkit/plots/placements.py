"""Many placements at once: who wins under which setting, and how a fleet fills."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from labkit.plots.figure import (
    BLUE,
    COLOURS,
    GREY,
    HATCHES,
    SMALL,
    VERMILLION,
    Figure,
    axes_of,
    canvas,
    checked,
    label,
    labels,
    listed,
    titled,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes

MOST_WINNERS = 8
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


def winner_map(winners: pd.DataFrame, ax: Axes | None = None) -> Figure:
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
    checked(winners, ("winner",))
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
    own = axes_of(ax, 7.6, 4.6)
    shown = list(counts.index[:MOST_WINNERS])
    others = list(counts.index[MOST_WINNERS:])
    groups = [(name, {name}) for name in shown]
    groups += [(f"{len(others)} others", set(others))] if others else []
    handles = []
    for index, (name, members) in enumerate(groups):
        colour, hatch = COLOURS[index % len(COLOURS)], HATCHES[index % len(HATCHES)]
        if name == NOBODY or members != {name}:
            colour, hatch = GREY, "" if name == NOBODY else "**"
        style = {"facecolor": colour, "hatch": hatch, "edgecolor": "black", "linewidth": 0}
        grid = [[cells[j, i] in members for i in range(len(x))] for j in range(len(y))]
        handles.append(_region(own, _edges(x), _edges(y), grid, style))
    shares = [
        f"{label(name)}  {_share(sum(counts[m] for m in members), len(names))}"
        for name, members in groups
    ]
    own.set_xlim(_edges(x)[0], _edges(x)[-1])
    own.set_ylim(_edges(y)[0], _edges(y)[-1])
    own.set_xlabel(label(options[0]))
    own.set_ylabel(label(options[1]))
    own.legend(
        handles,
        shares,
        title="wins",
        loc="upper left",
        bbox_to_anchor=(1.01, 1),
        borderaxespad=0,
        frameon=False,
        fontsize=SMALL,
        handleheight=1.6,
        handlelength=2.4,
    )
    answer = _winners(counts, len(names))
    titled(own, ax is not None, answer)
    return Figure(own.get_figure(root=True), answer, complete=ax is None)


def _winners(counts: pd.Series, settings: int) -> str:
    """Who wins how often, in one sentence."""
    shares = [f"{name} wins {_share(n, settings)}" for name, n in counts.items() if name != NOBODY]
    shares = [*shares[:3], f"{len(shares) - 3} more the rest"] if len(shares) > 4 else shares
    shares += [f"{_share(counts[NOBODY], settings)} end in {NOBODY}"] if NOBODY in counts else []
    return f"Of {settings} setting{'s' * (settings > 1)}, {', '.join(shares)}."


def _region(
    ax: Axes, x: list[float], y: list[float], grid: list[list[bool]], style: dict
) -> object:
    """Fill the cells of *grid* that are true, and return what the legend shows for them."""
    from matplotlib.patches import Patch, PathPatch
    from matplotlib.path import Path

    vertices, codes = [], []
    for j, row in enumerate(grid):
        start = None
        for i, inside in enumerate([*row, False]):
            if inside and start is None:
                start = i
            elif not inside and start is not None:
                a, b, c, d = x[start], x[i], y[j], y[j + 1]
                vertices += [(a, c), (b, c), (b, d), (a, d), (a, c)]
                codes += [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
                start = None
    ax.add_patch(PathPatch(Path(vertices, codes), **style))
    return Patch(**style)


def _edges(values: Sequence[float]) -> list[float]:
    """The borders of cells around *values*: halfway between neighbours."""
    middles = [(a + b) / 2 for a, b in itertools.pairwise(values)]
    if not middles:
        return [values[0] - 0.5, values[0] + 0.5]
    return [2 * values[0] - middles[0], *middles, 2 * values[-1] - middles[-1]]


def _share(count: int, of: int) -> str:
    percent = 100 * count / of
    return "<1 %" if percent < 1 else f"{percent:.0f} %"


def fill(
    hosts: pd.DataFrame, placed: pd.DataFrame, ax: Axes | None = None, resource: str = "memory_mb"
) -> Figure:
    """Draw how full each host is while requests are placed one after another.

    *hosts* is the fleet before (``fleet.hosts``), *placed* has one row per instance asked for:
    seq, request, instance, host (None where there was no valid host), weight, vcpus, memory_mb,
    disk_gb. *resource* is memory_mb, vcpus or disk_gb. A host's fill is what it uses of its
    total in percent, over 100 where an allocation ratio allows it. Below stand the standard
    deviation of the fill over all hosts, in percentage points, and a mark for each request that
    no host could take. The 30 fullest are drawn when there are more. With *ax* only the upper
    part is drawn. Raises ValueError when there is nothing to draw.

    >>> import pandas as pd
    >>> hosts = pd.DataFrame({"host": ["cn-1", "cn-2"], "total_usable_ram_mb": [4096, 4096],
    ...                       "free_ram_mb": [4096, 4096]})
    >>> placed = pd.DataFrame({"request": [0, 1, 2], "host": ["cn-1", "cn-1", None],
    ...                        "memory_mb": [2048, 1024, 2048]})
    >>> print(fill(hosts, placed).answer)
    2 of 3 requests placed, NoValidHost for 1. RAM fill at the end: 38 % on average, standard deviation 37.5 points, from 0 % (cn-2) to 75 % (cn-1).
    """
    if resource not in RESOURCES:
        raise ValueError(f"No resource {resource!r}, only {listed(RESOURCES)}.")
    name, total, _ = RESOURCES[resource]
    checked(placed, ("host", resource))
    checked(hosts, ("host", total))
    steps, fills, spread, failed = _history(hosts, placed, resource)
    shown = sorted(range(len(hosts)), key=lambda i: -fills[i, -1])[:MOST_ROWS]
    shown = sorted(shown) if len(hosts) <= MOST_ROWS else shown

    if ax is None:
        upper = 0.2 * max(6, len(shown)) + 0.3
        own, below = canvas(8.4, upper + 2.2).subplots(
            2, 1, sharex=True, height_ratios=[upper, 1.1]
        )
    else:
        own, below = ax, None
    image = own.imshow(
        fills[shown],
        aspect="auto",
        interpolation="nearest",
        cmap="cividis",
        vmin=0,
        vmax=max(100.0, float(fills.max())),
        extent=(-0.5, len(placed) + 0.5, len(shown) - 0.5, -0.5),
    )
    at = range(len(shown))
    own.set_yticks(at, labels(hosts["host"].iloc[shown]), fontsize=SMALL)
    right = own.secondary_yaxis("right")
    right.set_yticks(at, [f"{fills[i, -1]:.0f} %" for i in shown], fontsize=SMALL)
    right.tick_params(length=0)
    right.spines[:].set_visible(False)
    own.get_figure(root=True).colorbar(image, ax=own, pad=0.08, label=f"{name} fill, %")
    own.set_yticks([y - 0.5 for y in at][1:], minor=True)
    own.grid(axis="y", which="minor", color="white", lw=1.5)
    own.tick_params(axis="y", which="both", length=0)
    own.spines[:].set_visible(False)

    many = "request" in placed.columns and placed["request"].nunique() < len(placed)
    words = f"{'instances' if many else 'requests'}, one after another"
    if len(shown) < len(hosts):
        words += f" ({len(hosts) - len(shown)} less full hosts are not drawn)"
    lowest = own if below is None else below
    lowest.set_xlabel(words)
    lowest.locator_params(axis="x", integer=True)
    if below is not None:
        _spread(below, steps, spread, failed)
    answer = _answer(hosts, placed, name, fills[:, -1])
    titled(own, ax is not None, answer)
    return Figure(own.get_figure(root=True), answer, complete=ax is None)


def _history(
    hosts: pd.DataFrame, placed: pd.DataFrame, resource: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[int]]:
    """Steps, fill in percent (hosts x steps), its standard deviation, and which rows failed."""
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
    return steps, fills, fills.std(axis=0), failed


def _spread(ax: Axes, steps: np.ndarray, spread: np.ndarray, failed: list[int]) -> None:
    """The lower part: how unequal the hosts are, and which requests failed."""
    ax.plot(steps, spread, color=BLUE, lw=2, drawstyle="steps-mid", label="standard deviation")
    if failed:
        marks = {"marker": "x", "ls": "", "color": VERMILLION, "label": NOBODY, "clip_on": False}
        ax.plot(failed, [0.0] * len(failed), **marks)
    ax.set_ylim(0, max(1.0, 1.15 * float(spread.max())))
    ax.set_ylabel("points")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=2,
        frameon=False,
        fontsize=SMALL,
        borderaxespad=0.1,
    )


def _answer(hosts: pd.DataFrame, placed: pd.DataFrame, name: str, end: np.ndarray) -> str:
    """How many requests found a host, and how evenly the fleet is filled."""
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
