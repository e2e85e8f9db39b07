"""How a table looks on a notebook's page: text to the left, no row numbers, long words may break."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

SHORT = 14  # characters of a word that is never broken
LONGEST = 400  # characters of a cell; what is longer is cut
LEFT = ' style="text-align:left"'
#: A place in a name after which a line may end, in names too long for a narrow column.
BREAK = re.compile(r"(?<=[_.@/:,;=\-])(?=[^\s_.@/:,;=<&-]{3})|(?<=[a-z])(?=[A-Z][a-z])")
CELL = re.compile(r"<t([hd])((?: [^>]*)?)>(.*?)</t[hd]>", re.S)


def html(table: pd.DataFrame) -> str:
    """Return a table as HTML: texts to the left, numbers to the right, no index without a name.

    Row numbers are left out; an index of texts, or one with a name, stays. Seconds (columns whose
    names end with ``_s``) have three decimals at most. Long names may break after ``_ . @ / : -``.
    As in pandas, a table longer than ``display.max_rows`` shows its ends.

    >>> import pandas as pd
    >>> print(html(pd.DataFrame({"host": ["cn-1"], "t_s": [0.286858]})))
    <table class="dataframe">
      <thead>
        <tr>
          <th style="text-align:left">host</th>
          <th>t_s</th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <td style="text-align:left;white-space:nowrap">cn-1</td>
          <td>0.287</td>
        </tr>
      </tbody>
    </table>
    """
    import pandas as pd

    if any(name is not None for name in table.index.names) or _is_text(table.index):
        names = [name if name is not None else "" for name in table.index.names]
        table = table.reset_index(names=names, allow_duplicates=True)
    if table.columns.nlevels == 1:
        table = table.rename_axis(columns=None)
    columns = [table.iloc[:, place] for place in range(table.shape[1])]
    rows = pd.get_option("display.max_rows")
    with pd.option_context("display.max_colwidth", LONGEST):
        text = table.to_html(
            index=False,
            border=0,
            max_rows=rows,
            show_dimensions=rows is not None and len(table) > rows,
            formatters=[_time if _is_time(column) else None for column in columns],
        )
    left = [_is_text(column) for column in columns]
    text = text.replace('<tr style="text-align: right;">', "<tr>").replace("&nbsp;", " ")
    return "</tr>".join(_row(row, left) for row in text.split("</tr>"))


def _is_text(values: pd.Series | pd.Index) -> bool:
    return values.dtype.kind not in "iuf"


def _is_time(column: pd.Series) -> bool:
    return str(column.name).endswith("_s") and column.dtype.kind == "f"


def _time(t_s: float) -> str:
    words = f"{t_s:.3f}".rstrip("0")
    return f"{words}0" if words.endswith(".") else words


def _row(text: str, left: list[bool]) -> str:
    # A head over several columns stands on the left.
    cells = CELL.findall(text)
    spans = len(cells) != len(left)

    def styled(found: re.Match) -> str:
        kind, more, words = found.groups()
        style = LEFT if spans or next(places) else ""
        if style and len(words) <= SHORT and "-" in words:  # where a browser would break it
            style = style.replace("left", "left;white-space:nowrap")
        return f"<t{kind}{more}{style}>{_breakable(words)}</t{kind}>"

    places = iter(left)
    return CELL.sub(styled, text)


def _breakable(words: str) -> str:
    return " ".join(BREAK.sub("<wbr>", w) if len(w) > SHORT else w for w in words.split(" "))


def _plain(series: pd.Series, printer: Any, _cycle: bool) -> None:
    import pandas as pd

    printer.text(series.to_string(max_rows=pd.get_option("display.max_rows")))


def _output(table: pd.DataFrame) -> str:
    # JupyterLab shows the first line of a folded output that is not empty: a blank, not a tag.
    return f" \n{html(table)}"


def use_in_notebooks() -> None:
    """Let every DataFrame of this notebook look so, and a Series without its dtype, which pandas
    has renamed; outside of a notebook nothing happens."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    formatters = getattr(getattr(shell, "display_formatter", None), "formatters", {})
    if "text/html" in formatters:
        for module in ("pandas", "pandas.core.frame"):  # by name: pandas is not imported for this
            formatters["text/html"].for_type_by_name(module, "DataFrame", _output)
        for module in ("pandas", "pandas.core.series"):
            formatters["text/plain"].for_type_by_name(module, "Series", _plain)
