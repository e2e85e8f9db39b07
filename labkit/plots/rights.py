"""Who may do what: a square for each question, with a sign, and the name of the error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from labkit.plots.figure import SMALL, Figure, checked, label, pixel_axes, plain, wide

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.text import Text

COLUMNS = ("context", "server", "system", "asked", "allowed", "answer")
YES, NO = "\N{CHECK MARK}", "\N{BALLOT X}"
MAY, MAY_NOT = "#CFE8F5", "#FBDDAE"  # light sky and light orange; the sign says the same
ROW, HEAD, NOTE, MARGIN = 26, 44, 18, 8  # pixels
MOST_ROWS = 40


@plain()
def rights(rights: pd.DataFrame) -> Figure:
    """Draw which questions each context may ask: a check mark, or a cross and the error's name.

    *rights* has one row per question: context, server, system, asked, allowed, answer, as
    ``labkit.studies.rights.rights`` makes it. A row of the figure is a context, a server, or both,
    whichever there are several of. Raises ValueError for a table without rows, or with more than
    40 pairs.

    >>> import pandas as pd
    >>> rows = [("alice", "web-1", "policy", "stop", True, ""),
    ...         ("bob", "web-1", "policy", "stop", False, "PolicyNotAuthorized: Policy doesn't")]
    >>> columns = ["context", "server", "system", "asked", "allowed", "answer"]
    >>> rights(pd.DataFrame(rows, columns=columns))
    Allowed, of 1 question: alice 1; bob 0.
    """
    checked("rights", rights, COLUMNS)
    names, rows = rows_of(rights)
    if len(names) > MOST_ROWS:
        raise ValueError(
            f"{len(names)} rows are too many to read, {MOST_ROWS} can be; choose with .query(...)."
        )
    asked = list(dict.fromkeys(zip(rights["system"], rights["asked"], strict=True)))
    answer = _said(names, rows, asked)
    grid = RightsGrid(grid_axes(names, asked, title=answer), names, asked)
    grid.show([[row.get(one) for one in asked] for row in rows])
    return Figure(grid.ax.figure, answer)


def rows_of(table: pd.DataFrame) -> tuple[list[str], list[dict]]:
    """Return the rows' names, and for each {(system, asked): the error's name, or ""}."""
    several = [name for name in ("context", "server") if table[name].nunique() > 1] or ["context"]
    found: dict[tuple, dict] = {}
    for row in table.itertuples(index=False):
        key = tuple(str(getattr(row, name)) for name in several)
        word = "" if row.allowed else str(row.answer).partition(":")[0]
        found.setdefault(key, {})[row.system, row.asked] = word
    return [label(", ".join(key), 48) for key in found], list(found.values())


def _said(names: Sequence[str], rows: Sequence[dict], asked: Sequence[tuple]) -> str:
    counts = [
        f"{name} {sum(not word for word in row.values())}"
        for name, row in zip(names, rows, strict=True)
    ]
    many = f"{len(asked)} question{'s' if len(asked) > 1 else ''}"
    more = [f"and {len(counts) - 8} more rows"] if len(counts) > 8 else []
    return f"Allowed, of {many}: {'; '.join(counts[:8] + more)}."


def grid_axes(
    names: Sequence[str], asked: Sequence[tuple], note: float = 0, title: str = ""
) -> Axes:
    """Return axes for a grid with these rows and questions, in a figure of its own."""
    left = max(map(wide, names)) + 16
    column = max(map(wide, [f"{NO} PolicyNotAuthorized", *(words for _, words in asked)])) + 14
    width = left + column * len(asked) + MARGIN
    box = {"left": left, "right": MARGIN, "foot": MARGIN, "head": 6, "title": title}
    return pixel_axes(width, note + HEAD + ROW * len(names), **box)


class RightsGrid:
    """Draws a grid of rows and questions into *ax*; ``show`` may be called again and again.

    *note* is the height in pixels of a line below each system's name, for what it looks at.
    """

    def __init__(
        self, ax: Axes, names: Sequence[str], asked: Sequence[tuple[str, str]], note: float = 0
    ) -> None:
        self.ax, self._squares, self._words = ax, {}, {}
        self._notes: dict[str, Text] = {}
        top = HEAD / ROW
        ax.set_xlim(0, len(asked))
        ax.set_ylim(len(names), -top - note / ROW)
        ax.set_xticks([])
        ax.set_yticks([place + 0.5 for place in range(len(names))], names, fontsize=SMALL)
        ax.tick_params(axis="y", length=0)
        ax.spines[:].set_visible(False)
        middle = {"ha": "center", "va": "center", "fontsize": SMALL}
        for place, (system, words) in enumerate(asked):
            ax.text(place + 0.5, -top / 4, label(words), **middle)
            if place == 0 or asked[place - 1][0] != system:
                end = max(k + 1 for k, (name, _) in enumerate(asked) if name == system)
                x, y = (place + end) / 2, -0.78 * top
                ax.text(x, y - note / ROW, label(system), fontweight="bold", **middle)
                self._notes[system] = ax.text(x, y, "", **middle)
                ax.plot([place + 0.06, end - 0.06], [-top / 2] * 2, color="#333333", linewidth=0.8)
        for row in range(len(names)):
            for place in range(len(asked)):
                square = ax.bar(place + 0.5, 0.88, 0.95, row + 0.06, edgecolor="white")[0]
                self._squares[row, place] = square
                self._words[row, place] = ax.text(place + 0.5, row + 0.5, "", **middle)

    def show(
        self, rows: Sequence[Sequence[str | None]], notes: Mapping[str, str] | None = None
    ) -> None:
        """Write the answers: "" for yes, an error's name for no, None where nobody asked.

        *notes*, by system, stand below the systems' names.
        """
        for system, words in (notes or {}).items():
            self._notes[system].set_text(label(words, 60))
        for (row, place), square in self._squares.items():
            word = rows[row][place]
            square.set(visible=word is not None, facecolor=MAY_NOT if word else MAY)
            shown = "" if word is None else f"{NO} {label(word, 22)}" if word else YES
            self._words[row, place].set_text(shown)
