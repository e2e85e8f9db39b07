"""Names of services: their order on the road of a request, and how they fit into a figure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from labkit.plots.figure import SMALL, label

CONTROLLER = ("api", "conductor", "scheduler")
NEIGHBOURS = ("placement", "glance", "neutron", "virt")


def services_of(names: Iterable[str]) -> list[str]:
    """Names in the order of a request: controller, then computes as they come, then neighbours.

    >>> services_of(["virt", "compute@cn-2", "scheduler", "api", "compute@cn-1", "api"])
    ['api', 'scheduler', 'compute@cn-2', 'compute@cn-1', 'virt']
    """
    there = dict.fromkeys(names)
    first = [name for name in CONTROLLER if name in there]
    last = [name for name in NEIGHBOURS if name in there]
    return [*first, *(name for name in there if name not in (*first, *last)), *last]


@cache
def width_of(words: str) -> float:
    """The width of *words* in points, in the smallest letters of a figure."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    size = FontProperties(size=SMALL)
    return text_to_path.get_text_width_height_descent(words, size, False)[0]


def broken(name: str, width: float, most: int = 6) -> str:
    """*name* in up to *most* lines of *width* points, broken after ``@`` and, if long, ``-._``.

    A name that is too long even so loses its middle.

    >>> print(broken("compute@cn-2", 100))
    compute@
    cn-2
    """
    for longest in (72, 48, 32, 20):
        lines = _lines(label(name, longest), width)
        if len(lines) <= most:
            break
    return "\n".join(lines)


def _lines(name: str, width: float) -> list[str]:
    """*name* in lines, broken at its marks, or anywhere in a part that is too wide by itself."""
    lines = [""]
    for part in re.findall(r"[^@._-]+[@._-]*|[@._-]+", name):
        if lines[-1] and (lines[-1][-1] == "@" or width_of(lines[-1] + part) > width):
            lines.append("")
        while width_of(part) > width and len(part) > 14:
            fits = next(n for n in range(len(part), 0, -1) if n < 8 or width_of(part[:n]) <= width)
            lines[-1], part = part[:fits], part[fits:]
            lines.append("")
        lines[-1] += part
    return [line for line in lines if line]
