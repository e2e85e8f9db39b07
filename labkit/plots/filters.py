"""The funnel: how many hosts enter each stage, and who falls where."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from labkit.plots.figure import (
    BLUE,
    SMALL,
    VERMILLION,
    Figure,
    canvas,
    finished,
    fitting,
    label,
    listed,
    note,
    plain,
    rows_of,
)

if TYPE_CHECKING:
    import pandas as pd

LINE = 0.16  # inches that one line of text takes
WIDE = 265  # points that a line of reasons may take
MOST_LINES = 5  # lines of reasons beside one stage


class Stage(NamedTuple):
    """One stage: the hosts it let pass, and those that fell with their reasons."""

    name: str
    passed: list[str]
    fell: dict[str, str]


@plain()
def funnel(filters: pd.DataFrame, instance: object = None) -> Figure:
    """Draw how many hosts enter and leave each stage, and who falls where and why.

    *filters* has one row for each host that entered a stage: seq, request, instance, filter,
    host, passed, reason. Stages stand from top to bottom in the order of seq; the hatched part
    of a bar fell. Hosts that fell for the same reason, numbers aside, share a line.
    Draws the first instance unless *instance* names another; raises ValueError when there is
    nothing to draw.

    >>> import pandas as pd
    >>> rows = [(1, "allocation_candidates", "cn-1", True, ""),
    ...         (2, "allocation_candidates", "cn-2", False, "MEMORY_MB: 4096 asked, 512 free"),
    ...         (3, "ComputeFilter", "cn-1", True, "")]
    >>> funnel(pd.DataFrame(rows, columns=["seq", "filter", "host", "passed", "reason"]))
    2 hosts enter; allocation_candidates removes cn-2; cn-1 is left.
    """
    rows, remark = rows_of("filters", filters, ("filter", "host", "passed", "reason"), instance)
    stages = stages_of(rows)
    texts = [_reasons(stage.fell) for stage in stages]
    heights = [(text.count("\n") + 1) * LINE + 0.16 for text in texts]
    ax = canvas(9.6, sum(heights) + 1.25).add_subplot()

    middles = [-sum(heights[:index]) - 0.12 for index in range(len(stages))]
    passed = [len(stage.passed) for stage in stages]
    fell = [len(stage.fell) for stage in stages]
    style = {"height": 0.2, "edgecolor": "black", "linewidth": 0.7}
    ax.barh(middles, passed, color=BLUE, label="pass", **style)
    ax.barh(middles, fell, left=passed, color=VERMILLION, hatch="////", label="fall here", **style)
    for middle, text, stay, go in zip(middles, texts, passed, fell, strict=True):
        counts, bold = f"{stay + go} → {stay}", "bold" if go else "normal"
        for words, points, weight in ((counts, 8, bold), (text, 66, "normal")):
            style = {"va": "top", "fontweight": weight, "linespacing": 1.2}
            style["xycoords"] = ax.get_yaxis_transform()
            note(ax, words, (1, middle), (points, 5.5), **style)
    ax.set_yticks(middles, [label(stage.name) for stage in stages], fontsize=SMALL)
    ax.set_ylim(-sum(heights), 0.05)
    ax.set_xlim(0, max(1, passed[0] + fell[0]))
    ax.locator_params(axis="x", integer=True, nbins=4)
    ax.set_xlabel("hosts" + (f"\n({remark})" if remark else ""))
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=0.2)
    return finished(ax, said(stages))


def stages_of(rows: pd.DataFrame) -> list[Stage]:
    """Return the stages in the order in which they ran."""
    if "seq" in rows.columns:
        rows = rows.sort_values("seq", kind="stable")
    stages = []
    for name, part in rows.groupby("filter", sort=False):
        stage = part.drop_duplicates("host")  # Nova may filter once more for the alternates
        stays = stage["passed"].astype(bool)
        fell = zip(stage["host"][~stays], stage["reason"][~stays].fillna(""), strict=True)
        stages.append(Stage(str(name), [*map(str, stage["host"][stays])], dict(fell)))
    return stages


def _reasons(fell: dict[str, str]) -> str:
    """The lines beside a stage: who fell and why, the like together."""
    alike: dict[str, list[str]] = {}
    for host, reason in fell.items():
        alike.setdefault(re.sub(r"\d+(\.\d+)?", "#", reason), []).append(host)
    lines: list[str] = []
    for hosts in sorted(alike.values(), key=len, reverse=True):
        reason = fell[hosts[0]]
        names = [label(host) for host in hosts]
        if len({fell[host] for host in hosts}) == 1:
            words = f"{listed(names)}: {label(reason, 120)}"
        else:  # the same reason with other numbers
            words = f"{names[0]}: {label(reason, 120)}; likewise {listed(names[1:])}"
        first, *more = fitting(words.removesuffix(": "), WIDE, SMALL)
        lines += [first, *(f"   {line}" for line in more)]
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], "… and more: see the table"]
    return "\n".join(lines)


def said(stages: list[Stage]) -> str:
    """Say what happened in one sentence, with the names of hosts as long as they are few."""
    long = "; ".join(_parts(stages, names=True)) + "."
    return long if len(long) <= 240 else "; ".join(_parts(stages, names=False)) + "."


def _parts(stages: list[Stage], names: bool) -> list[str]:
    entered, left = len(stages[0].passed) + len(stages[0].fell), stages[-1].passed
    parts = [f"{entered} host{' enters' if entered == 1 else 's enter'}"]
    for name, _, fell in stages:
        if fell:
            parts.append(f"{name} removes {listed(fell) if names and len(fell) < 4 else len(fell)}")
    if not left:
        return [*parts, "none is left: NoValidHost"]
    who = listed(left) if names and len(left) < 4 else len(left)
    return [*parts, f"{who} {'is' if len(left) == 1 else 'are'} left"]
