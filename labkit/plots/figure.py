"""What every figure shares: it says its answer in words and is the same bytes every time."""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MatplotlibFigure

DPI = 96  # one CSS pixel in JupyterLab
SMALL = 9  # points, the smallest text in any figure
TITLE = 10.5

# Okabe and Ito's colours, which people with any kind of colour vision can tell apart.
ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#BBBBBB"
COLOURS = (SKY, ORANGE, GREEN, YELLOW, VERMILLION, PURPLE, BLUE)
# Eight hatches against seven colours: the pairs repeat only after 56. Lines only: dots and
# circles make an SVG several times as long.
HATCHES = ("", "//", "\\\\", "||", "--", "xx", "++", "////")


class Figure:
    """A drawn figure together with its answer in words.

    *figure* is a ``matplotlib.figure.Figure`` that pyplot knows nothing about; *answer* is
    one or two sentences. In a notebook it shows itself as a PNG, and as its answer where
    pictures cannot be shown. *complete* is False where other axes are still to be drawn into
    the same figure. ``svg()`` and ``png()`` give the same bytes for the same figure.

    >>> from matplotlib.figure import Figure as MatplotlibFigure
    >>> Figure(MatplotlibFigure(), "cn-2 wins with 2.75")
    cn-2 wins with 2.75
    """

    def __init__(self, figure: MatplotlibFigure, answer: str, complete: bool = True) -> None:
        self.figure = figure
        self.answer = answer
        self._complete = complete  # nothing will be added, so the layout can stay as it is

    def __repr__(self) -> str:
        return self.answer

    def svg(self) -> str:
        """The figure as SVG, its texts as text, without date or version."""
        self._settle()
        return svg(self.figure)

    def png(self) -> bytes:
        """The figure as PNG, 96 dots per inch, in 256 colours: a third of the bytes."""
        from PIL import Image

        self._settle()
        full, small = io.BytesIO(), io.BytesIO()
        self.figure.savefig(full, format="png", dpi=DPI)
        colours = Image.open(full).convert("RGB").quantize(256, dither=Image.Dither.NONE)
        colours.save(small, format="png", optimize=True)
        return small.getvalue()

    def _settle(self) -> None:
        """Lay out once: matplotlib's second layout is not quite its first."""
        if self._complete:
            settle(self.figure)

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict[str, str], dict[str, Any]]:
        picture = base64.b64encode(self.png()).decode()
        data = {"image/png": picture, "text/plain": self.answer}
        return data, {"image/png": {"alt": self.answer}}


def settle(figure: MatplotlibFigure) -> None:
    """Lay out *figure*, and never again."""
    from matplotlib.layout_engine import PlaceHolderLayoutEngine

    if not isinstance(figure.get_layout_engine(), PlaceHolderLayoutEngine):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def svg(figure: MatplotlibFigure) -> str:
    """*figure* as an ``<svg>`` element, the same text every time."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    out, dpi = io.StringIO(), figure.dpi
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "labkit"}):
        # Not savefig, which draws everything twice; but it would set the dpi back.
        FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None, "Creator": None})
    figure.dpi = dpi
    text = out.getvalue()
    return text[text.index("<svg") :]


def canvas(width: float, height: float) -> MatplotlibFigure:
    """An empty figure of *width* x *height* inches that makes room for its labels."""
    from matplotlib.figure import Figure as MatplotlibFigure

    return MatplotlibFigure((width, height), dpi=DPI, layout="constrained", facecolor="white")


def axes_of(ax: Axes | None, width: float, height: float) -> Axes:
    """*ax* itself, or the axes of a new figure of *width* x *height* inches."""
    return canvas(width, height).add_subplot() if ax is None else ax


def titled(ax: Axes, given: bool, words: str) -> None:
    """Write *words* above the figure, or above *ax* only where it was *given*."""
    figure = ax.get_figure(root=True)
    if given:
        ax.set_title("\n".join(title_lines(words, 330)), loc="left", fontsize=TITLE)
    else:
        lines = title_lines(words, 72 * figure.get_figwidth() - 16)
        figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=TITLE)


def title_lines(words: str, width: float) -> list[str]:
    """A title in lines of at most *width* points, never broken between a number and its unit."""
    short = " ".join(map(label, words.split()))
    return fitting(re.sub(r"(?<=\d) (?=%|s\b)", "\N{NO-BREAK SPACE}", short), width, TITLE)


def fitting(words: str, width: float, size: float) -> list[str]:
    """*words* in lines of at most *width* points at a font *size* in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size)
    lines: list[str] = []
    for word in words.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_to_path.get_text_width_height_descent(longer, font, False)[0] <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def rows_of(
    table: pd.DataFrame, columns: Iterable[str], instance: object = None, empty: str = ""
) -> tuple[pd.DataFrame, str]:
    """The rows of one instance, and a remark when the table holds more than one.

    The first request and instance unless *instance* names another.
    Raises ValueError for an empty table, a missing column or an instance that is not there.
    """
    checked(table, columns, empty)
    remark = ""
    if "instance" in table.columns:
        there = list(table["instance"].unique())
        wanted = there[0] if instance is None else instance
        if wanted not in there:
            raise ValueError(f"No instance {wanted!r} in this table, only {listed(there)}.")
        table = table[table["instance"] == wanted]
        remark = f"instance {wanted}, one of {len(there)}" if len(there) > 1 else ""
    if "request" in table.columns:
        table = table[table["request"] == table["request"].iloc[0]]
    return table, remark


def checked(table: pd.DataFrame, columns: Iterable[str], empty: str = "") -> None:
    """Raise ValueError, in a sentence, for a table without rows or without one of *columns*."""
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise ValueError(f"This table has no column {listed(missing)}.")
    if table.empty:
        raise ValueError(f"There is nothing to draw: the table has no rows{empty}.")


def label(name: object, longest: int = 40) -> str:
    """*name* as matplotlib should print it: one line, no formulas, the middle left out if long.

    >>> label("cn-1"), label("a$b$\\n"), label("compute-" * 6, longest=20)
    ('cn-1', 'a\\\\$b\\\\$', 'compute-co…-compute-')
    """
    text = " ".join(str(name).split())
    if len(text) > longest:
        half = longest // 2
        text = f"{text[:half]}…{text[len(text) - (longest - half - 1) :]}"
    return text.replace("$", r"\$")


def labels(names: Iterable[object]) -> list[str]:
    """A label for each name, longer where short ones would be the same."""
    names = list(names)
    longest = 40
    short = [label(name, longest) for name in names]
    while len(set(short)) < len(set(names)) and longest < 400:
        longest *= 2
        short = [label(name, longest) for name in names]
    return short


def listed(names: Iterable[object], most: int = 3) -> str:
    """Names as a person says them.

    >>> listed(["cn-1"]), listed(["cn-1", "cn-2"]), listed("abcdef")
    ('cn-1', 'cn-1 and cn-2', 'a, b, c and 3 more')
    """
    texts = [str(name) for name in names]
    if len(texts) > most + 1:
        texts = [*texts[:most], f"{len(texts) - most} more"]
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def number(value: float) -> str:
    """A weight or score with two decimals, or as many as it takes not to say zero.

    >>> number(2.75), number(-999998.2), number(0.00004), number(float("nan"))
    ('2.75', '-999,998.20', '4e-05', 'NaN')
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else str(value)
    if 0 < abs(value) < 0.005:
        return f"{value:.1g}"
    return f"{value + 0.0:,.2f}".replace("-0.00", "0.00")


def amount(value: float) -> str:
    """A raw value in its weigher's own unit: whole numbers without decimals.

    >>> amount(4096.0), amount(0.5)
    ('4,096', '0.50')
    """
    return f"{value:,.0f}" if math.isfinite(value) and value == int(value) else number(value)


def minus(text: str) -> str:
    """A number's text with a real minus sign, as matplotlib writes its ticks."""
    return text.replace("-", "\N{MINUS SIGN}")


def drawable(values: Sequence[float]) -> list[float]:
    """Values that can be lengths: NaN and infinities become 0 (their label says what they are)."""
    return [value if math.isfinite(value) else 0.0 for value in values]
