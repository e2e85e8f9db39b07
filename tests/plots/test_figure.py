"""What all figures share: they can be read, say their answer, and are the same every time."""

import base64
import functools
import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest

from labkit import plots
from tests.helpers import length
from tests.helpers.readable import complaints, title
from tests.helpers.tables import LONG, SHORT, filled, filters, many, weights, winners


def made(kind, count, names=LONG):
    return {
        "funnel": lambda: plots.funnel(filters(count, names)),
        "weighing": lambda: plots.weighing(many(count, names)),
        "scores": lambda: plots.scores(many(count, names)),
        "winner_map": lambda: plots.winner_map(winners(count, names)),
        "fill": lambda: plots.fill(*filled(count, names)),
    }[kind]()


drawn = functools.cache(made)
KINDS = ["funnel", "weighing", "scores", "fill", "winner_map"]


# -- every figure -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("count", "names"), length.some([(30, LONG), (3, LONG), (2, LONG), (8, SHORT)], 2)
)
@pytest.mark.parametrize("kind", KINDS)
def test_no_text_is_small_or_cut_off_or_lies_over_another(kind, count, names):
    assert complaints(drawn(kind, count, names)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_table_gives_the_same_bytes(kind):
    one, other = drawn(kind, 2), made(kind, 2)
    svg = one.svg()
    assert other.svg() == svg
    if kind in length.some(KINDS, 3):
        assert one.svg() == svg
    assert svg.startswith("<svg")
    assert "<text" in svg
    assert "<dc:date>" not in svg
    assert matplotlib.__version__ not in svg


@pytest.mark.parametrize("kind", length.some(KINDS, 4))
def test_the_same_table_gives_the_same_picture(kind):
    assert drawn(kind, 2).png() == made(kind, 2).png()


@pytest.mark.parametrize(
    ("kind", "count"),
    [(kind, 2) for kind in KINDS] + [(kind, 30) for kind in length.some(KINDS[1:] + KINDS[:1], 5)],
)
def test_shows_itself_as_a_picture_small_enough_for_a_notebook_and_as_its_answer(kind, count):
    figure = drawn(kind, count)
    data, metadata = figure._repr_mimebundle_()
    assert set(data) == {"image/png", "text/plain"}
    assert len(base64.b64decode(data["image/png"])) < 150_000
    assert data["text/plain"] == f"A figure:\n{figure.answer}"
    assert figure.answer == repr(figure)
    assert metadata["image/png"]["alt"] == figure.answer
    assert figure.answer.endswith(".")


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_stands_in_the_figure(kind):
    figure = drawn(kind, 2)
    assert title(figure)
    assert figure.answer.startswith(title(figure))


def test_every_kind_of_figure_is_looked_at_for_text_that_cannot_be_read():
    tests = [path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py")]
    looked_at = "\n".join(text for text in tests if "complaints(" in text)
    kinds = set(plots.__all__) - {"Figure", "size"}
    assert {name for name in kinds if not re.search(rf"\b{name}\b", looked_at)} == set()


def test_the_figures_load_matplotlib_and_pandas_only_when_they_draw():
    code = "import sys, labkit.plots; print({'matplotlib', 'pandas', 'IPython'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_pyplot_knows_of_no_figure():
    from matplotlib import _pylab_helpers

    made("winner_map", 2).png()
    assert not _pylab_helpers.Gcf.figs


@pytest.mark.parametrize("table", [filters(3), many(3), winners(3)])
def test_an_empty_table_is_refused_in_a_sentence(table):
    draw = {"filter": plots.funnel, "raw": plots.scores, "winner": plots.winner_map}
    function = next(draw[column] for column in draw if column in table)
    with pytest.raises(ValueError, match="nothing to draw: the table has no rows"):
        function(table.iloc[:0])


def test_nothing_placed_is_refused_in_a_sentence():
    hosts, placed = filled(3)
    with pytest.raises(ValueError, match="nothing to draw"):
        plots.fill(hosts, placed.iloc[:0])


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="no column score"):
        plots.scores(many(3).drop(columns="score"))


def test_dollars_and_tags_in_a_name_are_only_text():
    table = weights({"RAMWeigher": [1, 2]})
    table["host"] = table["host"].map({"cn-1": "$a_1$ <b>&", "cn-2": "$x$"})
    figure = plots.scores(table)
    assert "$a_1$ &lt;b&gt;&amp;" in figure.svg()
    assert figure.answer.startswith("$x$ wins")


def test_names_alike_but_for_their_middle_keep_labels_of_their_own():
    table = weights({"RAMWeigher": [1, 2]})
    long = {f"cn-{i}": f"{'a' * 60}{i}{'z' * 60}" for i in (1, 2)}
    figure = plots.scores(table.assign(host=table["host"].map(long)))
    names = [text.get_text() for text in figure.figure.axes[0].texts if "aaa" in text.get_text()]
    assert len(set(names)) == 2
