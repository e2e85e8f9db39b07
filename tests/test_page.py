"""How a table looks in a notebook."""

import re
import subprocess
import sys

import pandas as pd
import pytest

from labkit.tables.page import html


def cells(text):
    return re.findall(r"<t([hd])([^>]*)>(.*?)</t", text.replace("<thead>", ""))


def words(text):
    return [re.sub("<[^>]*>", "", cell) for _, _, cell in cells(text)]


def test_texts_stand_on_the_left_and_numbers_on_the_right():
    shown = cells(html(pd.DataFrame({"host": ["cn-1"], "free": [3], "up": [True]})))
    assert ["left" in style for _, style, _ in shown] == [True, False, True] * 2


def test_row_numbers_are_left_out_and_an_index_with_a_meaning_stays():
    table = pd.DataFrame({"host": ["cn-1", "cn-2"], "free": [3, 4]})
    assert words(html(table.query("free > 3"))) == ["host", "free", "cn-2", "4"]
    assert words(html(table.set_index("host"))) == ["host", "free", "cn-1", "3", "cn-2", "4"]
    assert words(html(table.set_index("host").rename_axis(None)))[0] == ""
    assert words(html(table.rename_axis("step")))[:3] == ["step", "host", "free"]


def test_long_names_may_break_and_short_ones_do_not():
    text = html(pd.DataFrame({"method": ["build_and_run_instance", "cn-2_a"]}))
    assert "build_<wbr>and_<wbr>run_<wbr>instance" in text
    assert "cn-2_a" in text


def test_a_long_text_is_shown_whole_and_tags_are_text():
    text = html(pd.DataFrame({"what": ["<b> & " + "word " * 40]}))
    assert text.count("word") == 40
    assert "&lt;b&gt; &amp;" in text


def test_seconds_have_three_decimals_at_most_and_other_numbers_keep_theirs():
    table = pd.DataFrame({"t_s": [0.286858, 2.0, None], "raw": [0.286858, 2.0, 1.0]})
    assert words(html(table))[2:] == "0.287 0.286858 2.0 2.000000 NaN 1.000000".split()


def test_a_long_table_shows_its_ends():
    text = html(pd.DataFrame({"n": range(100)}))
    assert "..." in text
    assert "100 rows" in text


@pytest.mark.parametrize("many", [[("n", "min"), ("n", "max")], [1, 2]])
def test_heads_of_several_columns_and_numbers_as_names(many):
    table = pd.DataFrame([[1, 2]], columns=pd.Index(many))
    assert words(html(table))[-2:] == ["1", "2"]


def test_only_a_notebook_is_changed():
    program = """
import sys, labkit
assert "pandas" not in sys.modules
from IPython.core.interactiveshell import InteractiveShell
import pandas as pd
table = pd.DataFrame({"host": ["cn-1"]})
shell = InteractiveShell.instance()
before = shell.display_formatter.format(table)[0]
from labkit.tables.page import use_in_notebooks
use_in_notebooks()
after = shell.display_formatter.format(table)[0]
assert before["text/plain"] == after["text/plain"]
assert "<style" in before["text/html"] and "text-align:left" in after["text/html"]
assert after["text/html"].startswith(" \\n<table"), "folded, it shows no tag"
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
