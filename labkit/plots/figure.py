"""What all figures share: the canvas, the colours, fitting of texts, and the answer in words."""

from __future__ import annotations

import base64
import bisect
import functools
import io
import math
import re
import warnings
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from labkit.neighbours import arguments
from labkit.neighbours.arguments import shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MatplotlibFigure
    from matplotlib.patches import Patch
    from matplotlib.text import Annotation

DPI = 96  # one CSS pixel in JupyterLab
SMALL = 9  # points, the smallest text in any figure
TITLE = 10.5
COLOURS_OF_PNG, MOST_DOTS = 64, 2_000_000
#: Of matplotlib's settings, those that say how it runs and not what it draws.
RUNNING = {"backend", "backend_fallback", "interactive", "toolbar", "timezone", "date.epoch"}

# Okabe and Ito's colours, which people with any kind of colour vision can tell apart.
ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#BBBBBB"
#: Colour and hatch of each vm_state, the same in every figure; in Nova's order.
VM_STATES = {
    "active": (GREEN, ""),
    "building": (YELLOW, "//"),
    "paused": (SKY, "|||"),
    "suspended": (PURPLE, "\\\\"),
    "stopped": (GREY, ""),
    "rescued": (ORANGE, "---"),
    "resized": (SKY, "+++"),
    "soft-delete": (GREY, "xxx"),
    "deleted": ("#FFFFFF", ".."),
    "error": (VERMILLION, "xxx"),
    "shelved": (BLUE, "//"),
    "shelved_offloaded": (BLUE, "xxx"),
}
UNKNOWN = ("#FFFFFF", "\\\\")  # a vm_state that Nova does not have


class Figure:
    """A drawn figure together with its answer in words.

    *figure* is a ``matplotlib.figure.Figure`` that pyplot knows nothing about; *answer* is
    one or two sentences. In a notebook it shows itself as a PNG of two dots per pixel (a large one:
    of two million dots), never wider than the page (see ``size``), and as its answer
    where pictures cannot be shown. ``svg()`` and ``png()`` give the same bytes for the same figure.

    >>> from matplotlib.figure import Figure as MatplotlibFigure
    >>> Figure(MatplotlibFigure(), "cn-2 wins with 2.75")
    cn-2 wins with 2.75
    """

    def __init__(self, figure: MatplotlibFigure, answer: str) -> None:
        self.figure = figure
        self.answer = answer

    def __repr__(self) -> str:
        return self.answer

    def svg(self) -> str:
        """Return the figure as SVG, its texts as text, without date or version."""
        settle(self.figure)
        return svg(self.figure)

    def png(self, words: str = "") -> bytes:
        """Return the figure as PNG, two dots per pixel, in few colours; *words* stand above it."""
        # matplotlib, which needs Pillow itself, cannot write a PNG with a palette.
        from PIL import Image

        settle(self.figure)
        width, height = self.figure.get_size_inches()
        dpi = DPI * min(2.0, math.sqrt(MOST_DOTS / (width * height * DPI**2)))
        with plain():
            parts = [_above(words, width)] if words else []
            dots = np.vstack([_dots(part, dpi) for part in (*parts, self.figure)])
        how = {"method": Image.Quantize.MAXCOVERAGE, "dither": Image.Dither.NONE}
        colours = Image.fromarray(dots).convert("RGB").quantize(COLOURS_OF_PNG, **how)
        out = io.BytesIO()
        colours.save(out, format="png", optimize=True)
        return out.getvalue()

    def bundle(
        self, above: str = "", head: str = "A figure:"
    ) -> tuple[dict[str, str], dict[str, Any]]:
        """Return picture and words as a notebook keeps them, and how wide the picture is shown.

        *above* is written above the picture; *head* is the first line of the words: it tells nothing,
        for it stands beside a folded output.
        """
        picture = base64.b64encode(self.png(above)).decode()
        shown = {"alt": self.answer, "width": page_width(self.figure)}
        return {"image/png": picture, "text/plain": f"{head}\n{self.answer}"}, {"image/png": shown}

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, str], dict[str, Any]]:
        return self.bundle()


def _above(words: str, width: float) -> MatplotlibFigure:
    lines = title_lines(words, 72 * width - 16)
    strip = canvas(width, (16 * len(lines) + 8) / 72)
    strip.text(6 / 72 / width, 0.5, "\n".join(lines), va="center", fontsize=TITLE)
    return strip


def _dots(figure: MatplotlibFigure, dpi: float) -> np.ndarray:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    before, usual = figure.canvas, figure.dpi
    figure.dpi = dpi
    agg = FigureCanvasAgg(figure)
    agg.draw()  # not savefig, which draws everything twice
    figure.dpi = usual
    figure.set_canvas(before)  # without the megabytes of its dots
    return np.asarray(agg.buffer_rgba())


# -- on the page --------------------------------------------------------------------------
SIZES = {"page": 1.0, "presentation": 1.35}
_size = "page"


def size(name: str | None = None) -> str:
    """Set how large figures and dials are drawn from now on, "page" or "presentation"; return it.

    A figure never becomes wider than its column: for a presentation, close the file browser.

    >>> size("presentation"), size("page")
    ('presentation', 'page')
    """
    global _size  # noqa: PLW0603 - a switch for the whole notebook
    if name is not None:
        if not isinstance(name, str) or name not in SIZES:
            raise ValueError(f"No size {shown(name)}, only {listed(SIZES)}.")
        _size = name
    return _size


def page_width(figure: MatplotlibFigure) -> int:
    """Return how many pixels of the page a figure takes, where there is room."""
    return round(figure.get_figwidth() * DPI * SIZES[_size])


@contextmanager
def plain() -> Iterator[None]:
    """Draw as matplotlib does without a matplotlibrc, and names of any script without a warning.

    What matplotlib's own font lacks is a box: another machine's fonts would give another picture;
    an SVG keeps the text, and so do the words.
    """
    import matplotlib

    usual = matplotlib.rcParamsDefault
    other = {
        key: usual[key]
        for key in matplotlib.rcParams.keys() - RUNNING
        if matplotlib.rcParams[key] != usual[key]
    }
    usually = matplotlib.rc_context(other) if other else nullcontext()
    with usually, warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from", UserWarning)
        warnings.filterwarnings("ignore", r"Matplotlib currently does not support", UserWarning)
        yield


def settle(figure: MatplotlibFigure) -> None:
    """Lay out *figure*, and never again: matplotlib's second layout is not quite its first."""
    from matplotlib.layout_engine import PlaceHolderLayoutEngine

    engine = figure.get_layout_engine()
    if engine and not isinstance(engine, PlaceHolderLayoutEngine):
        with plain():
            engine.execute(figure)
        figure.set_layout_engine("none")


def svg(figure: MatplotlibFigure, salt: str = "labkit") -> str:
    """Return *figure* as an ``<svg>`` element, the same text every time.

    Two on one page need a *salt* each: with the names of its hatches they would share the hatches,
    and these vanish when the page hides the first of the two.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    out, dpi = io.StringIO(), figure.dpi
    rc = {"svg.fonttype": "none", "svg.hashsalt": salt}
    with plain(), matplotlib.rc_context(rc):
        # Not savefig, which draws everything twice; but it would set the dpi back.
        FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None, "Creator": None})
    figure.dpi = dpi
    text = out.getvalue()
    return text[text.index("<svg") :]


# -- the canvas ---------------------------------------------------------------------------
def canvas(width: float, height: float) -> MatplotlibFigure:
    """Return an empty figure of *width* x *height* inches that makes room for its labels."""
    from matplotlib.figure import Figure as MatplotlibFigure

    return MatplotlibFigure((width, height), dpi=DPI, layout="constrained", facecolor="white")


def titled(figure: MatplotlibFigure, words: str, **style: Any) -> None:
    """Write *words* above a whole figure."""
    lines = title_lines(words, 72 * figure.get_figwidth() - 16)
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=TITLE, **style)


def finished(ax: Axes, answer: str) -> Figure:
    """Return the figure of *ax* with its answer above it, if it does not stand there."""
    if not ax.figure.get_suptitle():
        titled(ax.figure, answer)
    return Figure(ax.figure, answer)


def pixel_axes(
    width: float,
    height: float,
    left: float = 0,
    right: float = 0,
    foot: float = 0,
    head: float = 0,
    title: str = "",
) -> Axes:
    """Return axes of *height* pixels in a figure *width* pixels wide, with so much around them.

    Nothing is laid out, so that every place is known in pixels; a *title* makes its own room.
    """
    lines = title_lines(title, 72 / DPI * width - 16) if title else []
    head = 18 * len(lines) + 12 if title else head
    whole = head + height + foot
    figure = canvas(width / DPI, whole / DPI)
    figure.set_layout_engine("none")
    if title:
        titled(figure, title, y=1 - 6 / whole)
    box = (left / width, foot / whole, 1 - (left + right) / width, 1 - (head + foot) / whole)
    return figure.add_axes(box)


def region(ax: Axes, boxes: Iterable[tuple], **style: Any) -> Patch:
    """Fill boxes (left, right, top, bottom) as one patch; return the patch for a legend."""
    from matplotlib.patches import Patch, PathPatch
    from matplotlib.path import Path

    vertices, codes = [], []
    for left, right, top, bottom in boxes:
        vertices += [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        codes += [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    ax.add_patch(PathPatch(Path(vertices, codes), **style))
    return Patch(**style)


def note(
    ax: Axes, words: str, at: tuple[float, float], shift: tuple[float, float], **style: Any
) -> Annotation:
    """Write *words* in small letters, *shift* points beside a place in *ax*."""
    return ax.annotate(words, at, shift, textcoords="offset points", fontsize=SMALL, **style)


def patches(looks: Mapping[str, tuple[str, str]]) -> list[Patch]:
    """Return what a legend shows of {words: (colour, hatch)}."""
    from matplotlib.patches import Patch

    return [
        Patch(facecolor=colour, hatch=hatch, edgecolor="black", label=words)
        for words, (colour, hatch) in looks.items()
    ]


def legend(ax: Axes, handles: Sequence, **style: Any) -> None:
    """Say below the figure of *ax* what *handles* mean."""
    usual = {"loc": "outside lower left", "frameon": False, "fontsize": SMALL, "ncols": 3}
    ax.figure.legend(handles=handles, **usual | style)


# -- colours ------------------------------------------------------------------------------
def light(colour: str) -> str:
    """Return a colour mixed with white, on which black text is easily read.

    >>> light("#000000"), light("#FFFFFF")
    ('#737373', '#ffffff')
    """
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(255 - 0.55 * (255 - part)):02x}" for part in parts)


# -- texts --------------------------------------------------------------------------------
@functools.cache
def text_width(words: str, size: float = SMALL, weight: str = "normal") -> float:
    """Return the width of a line of text in points, at a font *size* in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size, weight=weight)
    with plain():
        return text_to_path.get_text_width_height_descent(words, font, False)[0]


def wide(words: str) -> float:
    """Return the width of a line of the smallest text, in pixels."""
    return text_width(words) * DPI / 72


def title_lines(words: str, width: float) -> list[str]:
    """Return a title in lines of at most *width* points; a number stays with its unit."""
    short = " ".join(map(label, words.split()))
    return fitting(re.sub(r"(?<=\d) (?=%|s\b)", "\N{NO-BREAK SPACE}", short), width, TITLE)


def fitting(words: str, width: float, size: float = SMALL) -> list[str]:
    """Return *words* in lines of at most *width* points at a font *size* in points."""
    lines, left = [], words.split(" ")
    while left:
        count = _how_many_fit(left, width, size)
        lines.append(" ".join(left[:count]))
        left = left[count:]
    return lines


def _how_many_fit(words: list[str], width: float, size: float) -> int:
    # Measuring takes longer than all else: every text once, and as few as can be.
    def taken(count: int) -> float:
        return text_width(" ".join(words[:count]), size)

    if taken(len(words)) <= width:
        return len(words)
    return 1 + bisect.bisect_right(range(2, len(words)), width, key=taken)


def broken(name: str, width: float) -> str:
    """Return *name* in up to six lines of *width* points, broken after ``@`` and ``-._``.

    A name that is too long even so loses its middle.

    >>> print(broken("compute@cn-2", 100))
    compute@
    cn-2
    """
    for longest in (72, 48, 32, 20):
        lines = _name_lines(label(name, longest), width)
        if len(lines) <= 6:
            break
    return "\n".join(lines)


def _name_lines(name: str, width: float) -> list[str]:
    lines = [""]
    for part in re.findall(r"[^@._-]+[@._-]*|[@._-]+", name):
        if lines[-1] and (lines[-1][-1] == "@" or text_width(lines[-1] + part) > width):
            lines.append("")
        while text_width(part) > width and len(part) > 14:  # break it anywhere
            fits = next(
                n for n in range(len(part), 0, -1) if n < 8 or text_width(part[:n]) <= width
            )
            lines[-1], part = part[:fits], part[fits:]
            lines.append("")
        lines[-1] += part
    return [line for line in lines if line]


# -- tables -------------------------------------------------------------------------------
def one_of(names: Iterable[object], wanted: object = None) -> object:
    """Return *wanted*, or the first of *names*; raise ValueError for one that is not there."""
    names = list(names)
    if wanted is not None and not (isinstance(wanted, Hashable) and wanted in set(names)):
        raise ValueError(f"No instance {shown(wanted)} in this table, only {listed(names)}.")
    return names[0] if wanted is None else wanted


def rows_of(
    name: str,
    table: pd.DataFrame,
    columns: Iterable[str],
    instance: object = None,
    empty: str = "",
) -> tuple[pd.DataFrame, str]:
    """Return the rows of one instance, and a remark when the table holds more than one.

    The first request and instance unless *instance* names another. Raises as ``checked``, and
    ValueError for an instance that is not there.
    """
    checked(name, table, columns, empty)
    remark = ""
    if "instance" in table.columns:
        there = list(table["instance"].unique())
        wanted = one_of(there, instance)
        table = table[table["instance"] == wanted]
        remark = f"instance {wanted}, one of {len(there)}" if len(there) > 1 else ""
    if "request" in table.columns:
        table = table[table["request"] == table["request"].iloc[0]]
    return table, remark


def checked(
    name: str, table: pd.DataFrame, columns: Iterable[str], empty: str = "", rows: bool = True
) -> None:
    """Raise ValueError for a table without one of *columns*, or, if it must have, without rows.

    Raises TypeError for what is no table.
    """
    arguments.table(name, table)
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(f"This table has no column {listed(missing)}: {name}.")
    if rows and table.empty:
        raise ValueError(f"There is nothing to draw: the table has no rows{empty}.")


def label(name: object, longest: int = 40) -> str:
    """Return *name* as matplotlib should print it: one line, no formulas, cut in the middle.

    >>> label("cn-1"), label("a$b$\\n"), label("compute-" * 6, longest=20)
    ('cn-1', 'a\\\\$b\\\\$', 'compute-co…-compute-')
    """
    text = " ".join(str(name).split())
    if len(text) > longest:
        half = longest // 2
        text = f"{text[:half]}…{text[len(text) - (longest - half - 1) :]}"
    return text.replace("$", r"\$")


def labels(names: Iterable[object]) -> list[str]:
    """Return a label for each name, longer where short ones would be the same."""
    names = list(names)
    longest = 40
    short = [label(name, longest) for name in names]
    while len(set(short)) < len(set(names)) and longest < 400:
        longest *= 2
        short = [label(name, longest) for name in names]
    return short


def listed(names: Iterable[object], most: int = 3) -> str:
    """Return names as a person says them.

    >>> listed(["cn-1"]), listed(["cn-1", "cn-2"]), listed("abcdef")
    ('cn-1', 'cn-1 and cn-2', 'a, b, c and 3 more')
    """
    texts = [str(name) for name in names]
    if len(texts) > most + 1:
        texts = [*texts[:most], f"{len(texts) - most} more"]
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def number(value: float) -> str:
    """Return a weight or score with two decimals; smaller ones with one digit, not as zero.

    >>> number(2.75), number(-999998.2), number(0.00004), number(float("nan"))
    ('2.75', '-999,998.20', '4e-05', 'NaN')
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else str(value)
    if 0 < abs(value) < 0.005:
        return f"{value:.1g}"
    return f"{value + 0.0:,.2f}".replace("-0.00", "0.00")


def amount(value: float) -> str:
    """Return a raw value in its weigher's own unit: whole numbers without decimals.

    >>> amount(4096.0), amount(0.5)
    ('4,096', '0.50')
    """
    return f"{value:,.0f}" if math.isfinite(value) and value == int(value) else number(value)


def minus(text: str) -> str:
    """Return a number's text with a real minus sign, as matplotlib writes its ticks."""
    return text.replace("-", "\N{MINUS SIGN}")


def seconds(t_s: float) -> str:
    """Return a time as it stands at an axis.

    >>> seconds(0.0504), seconds(123.456), seconds(3600)
    ('0.05', '123.5', '3600')
    """
    return f"{t_s:.{2 if t_s < 100 else 1 if t_s < 1000 else 0}f}"
